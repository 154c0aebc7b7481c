/* SPDX-License-Identifier: Apache-2.0 */
/* memrec.h -- a memory recorder inside the process.
 *
 * A program needs nothing of this to be recorded: preload libmemrec.so, or link it, and set
 * MEMREC_TRACE=trace.zst in the environment (memrec(7) has the table of variables). The functions
 * here are for programs that want a say. All are thread-safe, keep errno, and do nothing at the
 * cost of a load and a branch when nothing is recorded.
 *
 * Caveats
 *   - Recording starts with the process or not at all; there is no start function.
 *   - In a forked child they speak of the child's own trace, which begins with its first sample.
 *   - A child made by vfork shares its parent's memory: there, calls do nothing.                  */
#ifndef MEMREC_MEMREC_H
#define MEMREC_MEMREC_H

#ifdef __cplusplus
extern "C" {
#endif

#define MEMREC_VERSION_MAJOR 0
#define MEMREC_VERSION_MINOR 1
#define MEMREC_VERSION_PATCH 0

/* Version of the library that is loaded, "major.minor.patch". A constant; never NULL. */
const char *memrec_version(void);

/* 1 while this process is being recorded, else 0. */
int memrec_is_recording(void);

/* Returns when every event published before the call is in the trace file, or after one second.
 * Costs a few hundred microseconds and a short block: not for every request. */
void memrec_flush(void);

/* Ends the recording in good order: writes what is waiting and closes the trace, in at most two
 * seconds. Nothing is recorded afterwards. Without it the end of the process does the same. */
void memrec_stop(void);

#ifdef __cplusplus
}
#endif

#endif
