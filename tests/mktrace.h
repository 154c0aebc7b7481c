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
 *   metric process.rss_bytes [gauge|counter]   implied by the first gauge; unit by the name's end
 *   at 30ms gauge process.rss_bytes 123456
 *   repeat 100 every 5ms ... done              lines in between, again and again, each time 5 ms later;
 *                                              0x1000+64 is 0x1000, then 0x1040, ...
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
