/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h -- what each thread owns: its countdown, counters and ring; its birth, death and fork.
 *
 * mr_self points at the slot of the calling thread, in shared memory. A thread that has none yet
 * points at mr_nobody, whose countdown is 0 and never stored: so its first allocation takes the
 * slow path, and while nothing is recorded every allocation does, and forwards.
 *
 * The guard is `busy` in the slot: set while the thread is inside the recorder. An allocation in
 * a signal handler that interrupts it is counted and not recorded; a free is never lost.          */
#ifndef MEMREC_THREAD_H
#define MEMREC_THREAD_H

#include "session.h"

#include <stddef.h>

#define MR_THREAD_LOCAL __thread MR_HIDDEN __attribute__((tls_model("initial-exec")))
extern MR_THREAD_LOCAL struct mr_thread_slot *mr_self;
extern struct mr_thread_slot mr_nobody MR_HIDDEN;

/* The calling thread's row of heap slots, by heap - 1. Until its first managed object: nobody's, zeros that are
 * never stored to, so that this object takes the slow path. */
extern MR_THREAD_LOCAL struct mr_heap_slot *mr_heaps;

/* Of the one thread of a forked child, until the child is worth a session: private memory. */
extern struct mr_thread_slot mr_forked MR_HIDDEN;

/* Of all threads that found no slot: counted as threads, not recorded. */
extern struct mr_thread_slot mr_untracked MR_HIDDEN;

/* Flags of a slot: MR_THREAD_INEXACT of the trace, and: its row of heap slots is in use. */
enum { MR_THREAD_HAS_HEAPS = 1u << 8 };

/* Whether a slot belongs to the session there is now, and not to one before. */
static inline bool mr_thread_is_current(const struct mr_thread_slot *self)
{
    return (uintptr_t)self - (uintptr_t)mr_session.threads < MR_THREAD_SLOTS * sizeof *self;
}

/* Raises the guard for work on rings and tables. False, and not raised: the session of this slot ended a
 * moment ago, and what it owns may be gone. Until mr_thread_leave a new session waits. */
static inline bool mr_thread_enter(struct mr_thread_slot *self)
{
    __atomic_store_n(&self->busy, 1, __ATOMIC_RELAXED);
    atomic_signal_fence(memory_order_seq_cst); /* for other threads: mr_fence_threads */
    if (__builtin_expect(mr_state() == MR_STATE_ON && mr_thread_is_current(self), 1))
        return true;
    __atomic_store_n(&self->busy, 0, __ATOMIC_RELEASE);
    return false;
}

static inline void mr_thread_leave(struct mr_thread_slot *self)
{
    atomic_signal_fence(memory_order_seq_cst);
    __atomic_store_n(&self->busy, 0, __ATOMIC_RELEASE); /* pairs with wait_for_threads */
}

/* In a forked child: the calling thread has the slot mr_forked, and no heaps. */
void mr_thread_forget(void);

/* Gives the calling thread a slot, a countdown and a name. NULL: there is none left, or recording
 * is off. Enters the kernel a few times, once per thread. */
struct mr_thread_slot *mr_thread_register(void);

/* The slot of the calling thread, or NULL when nothing is to be recorded now. `size` bytes are about to
 * be allocated: in a forked child enough of them start its session, SIZE_MAX always does. */
struct mr_thread_slot *mr_thread_current(size_t size);

/* A ring of its own for a thread, at its first event; NULL when all are taken or memory is short.
 * Enters the kernel. */
struct mr_ring *mr_thread_take_ring(struct mr_thread_slot *self);

/* The ring of a thread, and its words; NULL when it can have none. */
static inline struct mr_ring *mr_thread_ring(struct mr_thread_slot *self, uint64_t **data)
{
    struct mr_session *session = &mr_session;
    if (__builtin_expect(self->ring == UINT32_MAX, 0) && !mr_thread_take_ring(self))
        return NULL;
    *data = (uint64_t *)(session->ring_data + self->ring * session->shared->ring_bytes);
    return &session->rings[self->ring];
}

/* A new distance to the next sample, under the interval now in force. `total` bytes were allocated
 * before it. */
void mr_thread_draw(struct mr_thread_slot *self, uint64_t total_bytes);

/* The same for its allocations in one managed heap. */
void mr_heap_draw(struct mr_thread_slot *self, struct mr_heap_slot *slot, uint64_t total_bytes);

/* In interval_code: the countdown was cut short and ends without a sample. So a long interval does not bind a
 * thread for long after it has changed; a Poisson process has no memory. */
#define MR_INTERVAL_CUT 0x100u

/* Bytes up to the next sample: the countdown, or when it was cut and ends within `size` bytes more than that. The
 * caller stores what is left of it. */
static inline uint64_t mr_thread_left(struct mr_thread_slot *self, uint64_t total_bytes,
                                      size_t size)
{
    uint64_t left = mr_load_relaxed(&self->countdown);
    while (__builtin_expect(left <= size && self->interval_code & MR_INTERVAL_CUT, 0)) {
        mr_thread_draw(self, total_bytes + left);
        left += mr_load_relaxed(&self->countdown);
    }
    return left;
}
static inline uint64_t mr_heap_left(struct mr_thread_slot *self, struct mr_heap_slot *slot,
                                    uint64_t total_bytes, size_t size)
{
    uint64_t left = mr_load_relaxed(&slot->countdown);
    while (__builtin_expect(left <= size && slot->interval_code & MR_INTERVAL_CUT, 0)) {
        mr_heap_draw(self, slot, total_bytes + left);
        left += mr_load_relaxed(&slot->countdown);
    }
    return left;
}

/* New distances for all countdowns of the calling thread: the interval has changed. */
void mr_thread_draw_again(struct mr_thread_slot *self);

/* The calling thread's row of heap slots, taken into use; NULL: no memory. Enters the kernel, once. */
struct mr_heap_slot *mr_thread_heaps(struct mr_thread_slot *self);

/* Bytes the thread has allocated. From any thread: false when the owner kept changing them. */
bool mr_thread_bytes(struct mr_thread_slot *slot, uint64_t *out);

/* The same in a managed heap. */
bool mr_thread_heap_bytes(struct mr_heap_slot *slot, uint64_t *out);

/* Gives the slots and rings of ended threads back, after their events were read. Drain thread
 * only. Calls `ended` with each slot before it is reused. Returns how many ended threads keep their
 * ring, because it holds events that are not in the file yet. */
uint32_t mr_threads_reap(void (*ended)(void *context, struct mr_thread_slot *slot), void *context);

#endif
