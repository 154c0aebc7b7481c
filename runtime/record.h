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

#include "thread.h"
#include "unwinder.h"

#include <stddef.h>
#include <stdint.h>

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

/* What objects.c shares. A managed object may have the address of a block of malloc's, as the heap's memory may
 * come from there: in the live table it has MR_OBJECT_KEY besides, which the filter's index does not see. */
struct mr_kept {
    uint64_t key; /* its address; of an object with MR_OBJECT_KEY */
    size_t size_bytes, extra_bytes;
    unsigned op;            /* enum mr_op */
    uint32_t interval_code; /* under which it was drawn */
    uint64_t object;        /* heap | class << 32 */
};

/* Publishes the event of an allocation that is kept, or counts its loss. Inside the guard. */
void mr_record_kept(struct mr_thread_slot *self, const struct mr_kept *kept,
                    struct mr_registers caller);

/* Publishes the end of what has this id, or in full mode this key. Outside the guard; if that is raised (a
 * signal handler inside the recorder), or self is NULL, the free is owed. */
void mr_record_end(struct mr_thread_slot *self, uint64_t key, unsigned op, uint64_t ticks);

/* The same by a thread that is not watched, for what was kept under this key of the live table: else it would
 * live for ever. (In full mode there is no table to ask, and its own blocks are not in the trace.) */
void mr_record_end_unwatched(const void *key);

#endif
