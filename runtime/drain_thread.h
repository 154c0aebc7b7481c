/* SPDX-License-Identifier: Apache-2.0 */
/* drain_thread.h -- the one background thread: takes events from rings, feeds encode and write.
 *
 * It is made by clone(), not by pthread_create: the C library must not learn of it. With a second
 * thread known to it, glibc gives up its single-threaded short cuts, and a program that reallocates
 * much (lua) runs a fifth slower though the thread only sleeps. The price: this thread may call
 * nothing that needs the C library's idea of a thread -- no malloc, no locks, no locale, no stdio --
 * and its errno and stack protector live in a block of our own. It has a descriptor table of its
 * own, too, so the host cannot close the trace under it, and it holds none of the host's pipes open.
 * All signals are blocked in it.
 *
 * Its loop: wait; look at the rings' heads; read what is due of the gauges; and, when a second has
 * passed or a ring is a quarter full, write everything that was published as a block.            */
#ifndef MEMREC_DRAIN_THREAD_H
#define MEMREC_DRAIN_THREAD_H

#include <stdbool.h>

/* Starts the thread on an open trace file, which it takes over: when this returns the host has no
 * descriptor of it (where the system cannot give the thread a table of its own, it keeps one with a
 * high number). False: the thread could not be started, and the file is still the caller's. */
bool mr_drain_start(int trace_file);

/* Everything published before the call is written when it returns, or a second has passed. With an
 * enum mr_end_reason the block says that the trace ends here; later blocks would supersede that. */
#define MR_DRAIN_GO_ON 255u
void mr_drain_flush(unsigned end_reason);

/* Has the thread look at what is due now. Any thread; enters the kernel. */
void mr_drain_wake(void);

/* Writes what is waiting and the END record, and ends the thread; gives up waiting after two
 * seconds. False: gave up, and the rings still hold something. */
bool mr_drain_stop(unsigned end_reason);

/* Before another session: gives the memory of a thread that was stopped back. False: it is still there, after a
 * second. */
bool mr_drain_is_over(void);

/* In a forked child, where the thread does not exist: gives its memory back. */
void mr_drain_forget(void);

#endif
