/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "atomics.h"
#include "gauges.h"
#include "live_table.h"
#include "os.h"
#include "provider.h"
#include "real_malloc.h"
#include "residence.h"
#include "ring.h"
#include "sampler.h"
#include "stack_hash.h"
#include "thread.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define PROBE_ALLOC(block, size, weighted) DTRACE_PROBE3(otel_memory, alloc, block, size, weighted)
#define PROBE_FREE(block)                  DTRACE_PROBE1(otel_memory, free, block)
#endif
#endif
#ifndef PROBE_ALLOC
#define PROBE_ALLOC(block, size, weighted) ((void)(weighted))
#define PROBE_FREE(block)                  ((void)0)
#endif

/* What one slow call needs to know from start to end. */
struct call {
    struct mr_thread_slot *self; /* NULL: do not record */
    bool sampled;                /* this allocation is kept */
    uint32_t interval_code;      /* that was in force when its countdown was drawn */
};

/* Counts an allocation of `size` bytes and decides whether it is kept. When the caller will record
 * (self is not NULL), finish must follow. */
static struct call enter(size_t size)
{
    struct call call = {mr_thread_current(size), false, 0};
    struct mr_thread_slot *self = call.self;
    if (!self)
        return call;
    uint64_t left = mr_load_relaxed(&self->countdown);
    uint64_t total = mr_load_relaxed(&self->bytes_base) - left;
    mr_bump(&self->alloc_calls);
    if (self->busy) { /* a signal handler inside the recorder: counted, not recorded */
        mr_store_relaxed(&self->bytes_base, mr_load_relaxed(&self->bytes_base) + size);
        call.self = NULL;
        return call;
    }
    left = mr_thread_left(self, total, size);
    if (left > size) { /* asked by the filter, or just registered */
        mr_store_relaxed(&self->countdown, left - size);
        return call;
    }
    call.sampled = !mr_load_relaxed(&mr_session.paused);
    call.interval_code = mr_session.full ? 0 : self->interval_code & ~MR_INTERVAL_CUT;
    mr_thread_draw(self, total + size);
    return call;
}

/* A free the ring has no place for: only what it names is kept. */
static void owe_free(uint64_t key)
{
    struct mr_shared *shared = mr_session.shared;
    for (unsigned i = 0; i < MR_OWED_FREES; i++) {
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong_explicit(&shared->owed_frees[i], &empty, key,
                                                    memory_order_release, memory_order_relaxed))
            return;
    }
    mr_fetch_add_relaxed(&shared->dropped_frees, 1);
}

static void count_dropped(size_t size, uint32_t interval_code)
{
    struct mr_session *session = &mr_session;
    uint64_t interval =
        interval_code ? mr_interval_bytes(session->options.interval_bytes, interval_code) : size;
    mr_fetch_add_relaxed(&session->shared->dropped_samples, 1);
    mr_fetch_add_relaxed(&session->shared->dropped_bytes, size > interval ? size : interval);
}

/* Too many for the rings: sample half as often. The comparison makes it one step, however many threads
 * see it. */
static void sample_less(uint32_t interval_code)
{
    struct mr_session *session = &mr_session;
    if (interval_code) {
        uint32_t seen = interval_code;
        atomic_compare_exchange_strong(&session->interval_code, &seen,
                                       mr_interval_coarser(interval_code));
    }
}

void mr_record_end(struct mr_thread_slot *self, uint64_t key, unsigned op, uint64_t ticks)
{
    if (!self || self->busy) {
        owe_free(key);
        return;
    }
    if (!mr_thread_enter(self))
        return;
    uint64_t *data;
    struct mr_ring *ring = mr_thread_ring(self, &data);
    uint64_t words[MR_FREE_WORDS] = {mr_meta(op, 0, 0, 0, self->id), ticks, key & ~MR_OBJECT_KEY};
    if (!ring || !mr_ring_push(ring, data, mr_session.ring_mask, words, MR_FREE_WORDS, 0))
        owe_free(key);
    mr_thread_leave(self);
}

/* A row of hashes per ring: a stack whose hash stands there was announced in this ring before. */
static bool stack_is_known(struct mr_ring *ring, uint64_t hash, uint64_t **place)
{
    struct mr_session *session = &mr_session;
    uint64_t *row = session->stack_cache[ring - session->rings];
    uint64_t epoch = mr_load_relaxed(&session->stack_epoch);
    if (mr_load_relaxed(&ring->stack_epoch) != epoch) {
        memset(row, 0, MR_STACK_CACHE_SLOTS * sizeof *row);
        mr_store_relaxed(&ring->stack_epoch, epoch);
    }
    *place = &row[hash >> 53];
    return **place == hash;
}

/* A stack and its frames, unless the ring has had them before. */
struct stack {
    struct mr_unwound walked;
    unsigned sent;   /* frames */
    uint64_t *place; /* to keep its hash in, once it was sent */
};

/* The stack of the calling thread from `caller` on, the interpreter's frames before the native ones. */
static inline struct stack take_stack(struct mr_ring *ring, struct mr_registers caller,
                                      uint64_t frames[MR_STACK_DEPTH_MAX])
{
    static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "frames are words");
    struct mr_session *session = &mr_session;
    struct mr_stack_bounds bounds = mr_stack_bounds_here();
    struct mr_provided provided = {0};
    struct stack stack = {0};
    if (__builtin_expect(mr_provider.fill != NULL, 0))
        provided = mr_provider_frames(frames);
    if (session->walks && provided.frames == 0) {
        stack.walked = mr_unwind_again(&session->walks[ring - session->rings], caller, bounds);
        if (stack_is_known(ring, stack.walked.hash, &stack.place))
            return stack;
    }
    if (!provided.instead)
        stack.walked = mr_unwind(caller, bounds, (uintptr_t *)frames + provided.frames,
                                 MR_STACK_DEPTH_MAX - provided.frames);
    if (provided.frames) {
        stack.walked.frames += provided.frames;
        stack.walked.hash = mr_stack_hash(frames, stack.walked.frames);
        stack.walked.truncated |= provided.truncated;
    }
    if (!stack_is_known(ring, stack.walked.hash, &stack.place))
        stack.sent = (unsigned)stack.walked.frames;
    return stack;
}

/* In line where it is called: in full mode all of it runs for each block. */
static inline __attribute__((always_inline)) void
publish(struct mr_thread_slot *self, const struct mr_kept *kept, struct mr_registers caller)
{
    struct mr_session *session = &mr_session;
    uint64_t *data;
    struct mr_ring *ring = mr_thread_ring(self, &data);
    if (!ring) { /* held by threads that have ended, mostly: sampling less would not help them */
        count_dropped(kept->size_bytes, kept->interval_code);
        return;
    }
    uint64_t words[MR_EVENT_WORDS_MAX];
    struct stack stack = take_stack(ring, caller, words + MR_ALLOC_WORDS);
    if (stack.walked.truncated)
        mr_fetch_add_relaxed(&session->truncated_stacks, 1);

    uint64_t id = 0;
    if (!session->full) {
        id = mr_fetch_add_relaxed(&session->next_id, 1);
        if (!mr_live_insert((const void *)kept->key, id)) {
            count_dropped(kept->size_bytes, kept->interval_code);
            sample_less(kept->interval_code);
            return;
        }
    }
    words[0] = mr_meta(kept->op, stack.sent, kept->interval_code,
                       stack.walked.truncated ? MR_META_TRUNCATED : 0, self->id);
    words[1] = mr_ticks();
    words[2] = kept->key & ~MR_OBJECT_KEY;
    words[3] = mr_size_word(kept->size_bytes, kept->extra_bytes);
    words[4] = id;
    words[5] = stack.walked.hash;
    size_t count = MR_ALLOC_WORDS + stack.sent;
    if (kept->op == MR_OP_HEAP_ALLOC)
        words[count++] = kept->object;
    /* Allocations leave the last eighth of the ring to frees: a free that is lost looks like a leak. */
    if (mr_ring_push(ring, data, session->ring_mask, words, count, session->ring_mask / 8)) {
        *stack.place = stack.walked.hash;
    } else {
        if (!session->full)
            mr_live_remove((const void *)kept->key);
        count_dropped(kept->size_bytes, kept->interval_code);
        sample_less(kept->interval_code);
    }
}

void mr_record_kept(struct mr_thread_slot *self, const struct mr_kept *kept,
                    struct mr_registers caller)
{
    publish(self, kept, caller);
}

/* The bytes a sample stands for, as the probes tell them: size / p. */
static uint64_t weighted_bytes(size_t size, uint32_t interval_code)
{
    if (!interval_code)
        return size;
    return mr_weighted_bytes(size,
                             mr_interval_bytes(mr_session.options.interval_bytes, interval_code));
}

/* The allocator refused: nothing was allocated. (A refusal on the fast path stays counted: a block
 * smaller than the countdown is refused only by an exhausted system.) */
static void uncount(const struct call *call, size_t size)
{
    struct mr_thread_slot *self = call->self;
    mr_store_relaxed(&self->alloc_calls, mr_load_relaxed(&self->alloc_calls) - 1);
    mr_store_relaxed(&self->bytes_base, mr_load_relaxed(&self->bytes_base) - size);
}

static void *finish(struct call call, void *block, size_t size, unsigned op,
                    struct mr_registers caller)
{
    if (call.self && !block)
        uncount(&call, size);
    if (call.self && call.sampled && block && mr_thread_enter(call.self)) {
        int kept_errno = errno;
        size_t usable = mr_real.malloc_usable_size(block);
        struct mr_kept kept = {
            .key = (uint64_t)(uintptr_t)block,
            .size_bytes = size,
            .extra_bytes = usable > size ? usable - size : 0,
            .op = op,
            .interval_code = call.interval_code,
        };
        publish(call.self, &kept, caller);
        PROBE_ALLOC(block, size, weighted_bytes(size, call.interval_code));
        if (size >= MR_LARGE_BYTES)
            mr_residence_add_block(block, usable,
                                   weighted_bytes(size, call.interval_code) / (size / 1024));
        mr_residence_note_stack((uint64_t)(call.self - mr_session.threads));
        if (mr_load_relaxed(&mr_session.allocator_wanted))
            mr_gauges_read_allocator();
        errno = kept_errno;
        mr_thread_leave(call.self);
    }
    return block;
}

MR_SLOW void *mr_record_malloc(size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    struct call call = enter(size);
    return finish(call, mr_real.malloc(size), size, MR_OP_MALLOC, caller);
}

MR_SLOW void *mr_record_calloc(size_t count, size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mr_real.calloc(count, size); /* fails */
    struct call call = enter(bytes);
    return finish(call, mr_real.calloc(count, size), bytes, MR_OP_CALLOC, caller);
}

MR_SLOW void *mr_record_memalign(size_t alignment, size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    struct call call = enter(size);
    return finish(call, mr_real.memalign(alignment, size), size, MR_OP_ALIGNED, caller);
}

MR_SLOW void *mr_record_aligned_alloc(size_t alignment, size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    struct call call = enter(size);
    return finish(call, mr_real.aligned_alloc(alignment, size), size, MR_OP_ALIGNED, caller);
}

MR_SLOW int mr_record_posix_memalign(void **block, size_t alignment, size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    struct call call = enter(size);
    int result = mr_real.posix_memalign(block, alignment, size);
    finish(call, result == 0 ? *block : NULL, size, MR_OP_ALIGNED, caller);
    return result;
}

/* Forgets a block that is about to be freed, and says so in the trace. Returns the key it was
 * recorded under; 0: it was not. The event is published before the allocator may hand the address
 * out again. */
static uint64_t forget(struct mr_thread_slot *self, void *block)
{
    if (self == &mr_forked) /* its blocks are the parent's, or unsampled */
        return 0;
    uint64_t key = mr_session.full ? (uint64_t)(uintptr_t)block : mr_live_remove(block);
    if (key)
        mr_residence_drop_block(block);
    return key;
}

void mr_record_end_unwatched(const void *key)
{
    if (mr_state() != MR_STATE_ON || mr_session.full)
        return;
    uint64_t id = mr_live_remove(key);
    mr_residence_drop_block(key);
    if (id)
        owe_free(id);
}

MR_SLOW void mr_record_free(void *block)
{
    if (!block)
        return;
    if (mr_real_is_bootstrap(block))
        return;
    struct mr_thread_slot *self = mr_thread_current(0);
    if (self) {
        mr_bump(&self->free_calls);
        uint64_t key = forget(self, block);
        if (key) {
            PROBE_FREE(block);
            mr_record_end(self, key, MR_OP_FREE, mr_ticks());
        }
    } else {
        mr_record_end_unwatched(block);
    }
    mr_real.free(block);
    if (self && !self->busy && mr_load_relaxed(&mr_session.allocator_wanted) &&
        mr_thread_enter(self)) { /* a program may only free for long */
        int kept_errno = errno;
        mr_gauges_read_allocator();
        errno = kept_errno;
        mr_thread_leave(self);
    }
}

/* A block that moved out of the bootstrap buffer. */
static void *leave_bootstrap(void *block, size_t size)
{
    void *moved = mr_real.malloc(size);
    size_t old = mr_real_bootstrap_size(block);
    if (moved)
        memcpy(moved, block, old < size ? old : size);
    return moved;
}

MR_SLOW void *mr_record_realloc(void *block, size_t size)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    if (block && mr_real_is_bootstrap(block))
        return leave_bootstrap(block, size);
    struct mr_thread_slot *self = mr_thread_current(size);
    if (!self) {
        if (block) /* should realloc fail, the block's end was told too early: rarer than not at all */
            mr_record_end_unwatched(block);
        return mr_real.realloc(block, size);
    }
    if (block && size == 0) { /* a free, in the C library's reading */
        uint64_t key = forget(self, block);
        mr_bump(&self->free_calls);
        if (key)
            mr_record_end(self, key, MR_OP_FREE, mr_ticks());
        return mr_real.realloc(block, size);
    }

    uint64_t ticks = mr_ticks();
    uint64_t key = block ? forget(self, block) : 0;
    struct call call = enter(size);
    void *moved = mr_real.realloc(block, size);
    if (!moved) { /* the old block lives on */
        if (call.self)
            uncount(&call, size);
        if (key && !mr_session.full && !mr_live_insert(block, key))
            owe_free(key);
        return NULL;
    }
    if (block)
        mr_bump(&self->free_calls);
    if (key)
        mr_record_end(self, key, MR_OP_FREE_BY_REALLOC, ticks);
    return finish(call, moved, size, MR_OP_REALLOC, caller);
}
