/* SPDX-License-Identifier: Apache-2.0 */
/* mktrace.h -- a trace written as text becomes a real trace: TRACE_FORMAT.md, encoded a second time, on
 * purpose without a line of the recorder's encoder, so that each checks the other.
 *
 * One statement per line; `#` begins a comment; "quoted words" may hold spaces. A number is decimal or 0x,
 * sizes may end in K, M or G. A time is 10ns, 20us, 1.5ms, 2s, 3m or 1h since the start, a multiple
 * of the tick (10 ns). Statements are put in order of time, those without a time at the latest so far.
 *
 *   run sampled interval 64K exe /bin/x        or `run full`; further words, all optional:
 *       command "x -a b"  pid N  parent-pid N  host H  boot ID  allocator "glibc 2.36"  unwinder cfi
 *       arch x86_64  os linux  recorder 0.1.0  start-unix-ns N  page 4096  depth 128  reason fork|api
 *       parent-trace HEX  capabilities "a b"  rings PATH
 *   trace-id HEX                               32 digits; default 00112233...
 *   thread 1 main [tid 7]                      id and name
 *   module libx 0x400000 0x1000 [bias N] [build-id HEX] [path P] [range START SIZE]... [id N]
 *   at 1s gone libx
 *   stack A = 0x401010 0x401020 [truncated]    return addresses, innermost first
 *   at 10ms [thread 2] alloc 0x1000 100 [via A] [usable 112] [interval exact|K] [kind calloc] [id N]
 *   at 20ms [thread 2] free 0x1000 [by-realloc] [id N]
 *       kinds: malloc calloc realloc aligned new. Without thread: 1. via 77: node 77, announced or not
 *   at 20ms counters 1 allocs 10 bytes 1000 frees 9 [ended] [inexact]
 *
 * What the program tells. Where a statement has `thread 2`, the name of a thread does as well: at 20ms main free 0x1000
 *   [at 1ms] define stream 1 "screen" [budget 16666667]
 *   define heap 1 "lua" [capacity 64M] [generations 2]
 *   define pool 1 "scratch" [kind slab|arena|tier|buffer|connection] [stream 1] [slot 0] [capacity 1M] [slots N]
 *   define class 1 "string" [module "lua"]
 *   define name 7 "text" | define row KIND ID ARGUMENT...          as it is
 *       amounts that are not told are unknown (capacity, generations, slots), the rest is 0
 *   stack B = fib@fib.lua:12 main@fib.lua:30 0x401010               places among the return addresses
 *   at 10ms object 0x1000 100 heap 1 [class 1] [via fib@fib.lua:12<main@<A] [usable N] [interval exact|K] [id N]
 *       after via: places, addresses, and at last a stack's name, each called by the one behind its `<`
 *   at 20ms object-free 0x1000 [id N]
 *   at 20ms object-move 0x1000 0x2000          heap-move with the key of the object that is there
 *   at 30ms heap-counters 1 allocs 10 bytes 1000 frees 5 freed 500
 *   at 10ms main frame-begin 1                 a mark: TRACE_FORMAT.md's kind in small letters, then its arguments in
 *   at 10ms gc-cycle heap 1 kind minor reason "full" used-before 100 used-after 60        order, or behind their names
 *       (mark_names.c lists them; what is skipped is unknown, what is missing at the end is not written);
 *   at 11ms main frame-end 1 minor-faults 3 c 1000 10 9 [2000 20 500 5]      c: the counters of the thread
 *       An argument is a number, `unknown`, `none`, "a name", which gets a NAME id on the way, or one of
 *       slab arena tier buffer connection, ok failed cancelled timed-out, full minor major incremental
 *       concurrent, memory classes. pool-state and pull are of thread 0 unless told.
 *   at 12ms mark "before the experiment"       also pause, resume, interval 33 ...
 *   at 12ms mark-kind 99 1 2 3                 a kind that nobody knows
 *
 *   metric process.rss_bytes [gauge|counter]   implied by the first gauge; unit by the name's end
 *   at 30ms gauge process.rss_bytes 123456
 *   repeat 100 every 5ms ... done              lines in between, again and again, each time 5 ms later;
 *                                              0x1000+64 is 0x1000, then 0x1040, ...
 *   run ... segmented [only-last]              a trace of several files, one behind the other; or: only the last stay
 *   [at 40ms] segment                          another file begins: names, counters, what is alive are told again
 *   [at 40ms] block                            what follows goes into another block
 *   [at 50ms] end [exit|exec|stop]             without it the trace looks killed
 *
 * What no recorder would write:
 *   raw KIND HEX...                            a section with any content
 *   version 2                                  major version of the blocks
 *   count +1                                   the header of the current block announces so many more events
 *   damage cut N | cut block B N               keep N bytes (of the file; up to block B and N of its bytes)
 *   damage flip N BIT | flip block B N BIT     flip a bit of a byte
 *   damage remove block B                      leave the block out
 *   damage repeat block B                      write the block twice
 *   damage keep segment N                      this one alone, as a file
 *   damage insert block B "text"               other bytes before the block
 * Blocks count from 0; bytes of a block include its 120 bytes of header. Damage is done in order. */
#ifndef MEMREC_TESTS_MKTRACE_H
#define MEMREC_TESTS_MKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes a trace of the text; *bytes is the caller's to free. On a mistake prints "name:line: what" on stderr
 * and returns false. Out of memory aborts. */
bool mktrace(const char *name, const char *text, uint8_t **bytes, size_t *size_bytes);

/* The same into a file. */
bool mktrace_file(const char *name, const char *text, const char *path);

#endif
