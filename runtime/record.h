/* SPDX-License-Identifier: Apache-2.0 */
/* record.h -- stage 1: one allocator call becomes one event in this thread's ring, or a counted loss.
 *
 * These are the slow paths of hooks.c: reached at a thread's first allocation, when its countdown
 * runs out, when the filter asks, and always while nothing or everything is recorded. Each calls
 * the real function itself and returns what that returned; the host's errno is whatever the real
 * function left. Never a lock, an allocation or a wait.
 *
 * A hook tail-calls them, so that the frame above them is the host's.                             */
#ifndef MEMREC_RECORD_H
#define MEMREC_RECORD_H

#include <stddef.h>

#if defined(__clang__) /* MR_CAPTURE_CALLER alone makes it keep the frame pointer */
#define MR_SLOW __attribute__((noinline, cold))
#else
#define MR_SLOW __attribute__((noinline, cold, optimize("no-omit-frame-pointer")))
#endif

void *mr_record_malloc(size_t size);
void *mr_record_calloc(size_t count, size_t size);
void *mr_record_realloc(void *block, size_t size);
void *mr_record_memalign(size_t alignment, size_t size);
void *mr_record_aligned_alloc(size_t alignment, size_t size);
int mr_record_posix_memalign(void **block, size_t alignment, size_t size);
void mr_record_free(void *block);

#endif
