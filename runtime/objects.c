/* SPDX-License-Identifier: Apache-2.0 */
/* objects.c -- objects of managed heaps: counted and sampled as malloc's blocks are, per thread and heap.
 *
 * The program reports every object; nearly every call ends in the few instructions of the exported function.
 * A thread's row of heap slots starts as nobody's, whose countdowns are 0: so the first object in a heap, an
 * unknown heap, and in full mode every object takes the slow path.
 *
 * In the live table an object is its address with MR_OBJECT_KEY. The slow paths are reached by a jump, so that
 * the frame above them is the program's.                                                          */
#include "definitions.h"
#include "live_table.h"
#include "os.h"
#include "record.h"
#include "voice.h"

#include <errno.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API       __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)

static const void *key_of(const void *object)
{
    return (const void *)((uintptr_t)object | MR_OBJECT_KEY);
}

/* The calling thread and its slot of a heap; nothing when the call is not to be recorded. */
struct place {
    struct mr_thread_slot *self;
    struct mr_heap_slot *slot;
};

static struct place place_of(memrec_heap_id heap)
{
    struct place place = {mr_thread_current(SIZE_MAX), NULL};
    if (mr_state() != MR_STATE_ON)
        return (struct place){0};
    if (!mr_is_defined(MR_DEFINE_HEAP, heap)) {
        mr_voice_refuse();
        return (struct place){0};
    }
    struct mr_heap_slot *row = place.self ? mr_thread_heaps(place.self) : NULL;
    if (row)
        place.slot = &row[heap - 1];
    else
        place.self = NULL; /* not watched */
    return place;
}

/* Counts an object of `bytes`; true: it is kept, under the interval of *code. */
static bool count_alloc(struct place at, size_t bytes, uint32_t *code)
{
    struct mr_heap_slot *slot = at.slot;
    bool full = mr_session.full;
    uint64_t total = mr_load_relaxed(&slot->bytes_base) - mr_load_relaxed(&slot->countdown);
    mr_bump(&slot->alloc_calls);
    if (at.self->busy) { /* a signal handler inside the recorder: counted, not recorded */
        mr_store_relaxed(&slot->bytes_base, mr_load_relaxed(&slot->bytes_base) + bytes);
        return false;
    }
    if (!full && slot->interval_code == 0) /* its first */
        mr_heap_draw(at.self, slot, total);
    uint64_t left = mr_heap_left(at.self, slot, total, bytes);
    if (left > bytes) {
        mr_store_relaxed(&slot->countdown, left - bytes);
        return false;
    }
    *code = full ? 0 : slot->interval_code & ~MR_INTERVAL_CUT;
    mr_heap_draw(at.self, slot, total + bytes);
    return !mr_load_relaxed(&mr_session.paused);
}

static MR_SLOW void alloc_slowly(memrec_heap_id heap, memrec_class_id klass, const void *object,
                                 size_t bytes)
{
    struct mr_registers caller = MR_CAPTURE_CALLER();
    int kept_errno = errno;
    if (bytes > PTRDIFF_MAX) { /* MEMREC_UNKNOWN, say */
        mr_voice_refuse();
        return;
    }
    struct mr_kept kept = {
        .key = (uintptr_t)key_of(object),
        .size_bytes = bytes,
        .op = MR_OP_HEAP_ALLOC,
        .object = heap | (uint64_t)klass << 32,
    };
    struct place at = place_of(heap);
    if (at.self && count_alloc(at, bytes, &kept.interval_code) && mr_thread_enter(at.self)) {
        mr_record_kept(at.self, &kept, caller);
        mr_thread_leave(at.self);
    }
    errno = kept_errno;
}

API void memrec_heap_alloc(memrec_heap_id heap, memrec_class_id klass, const void *object,
                           size_t bytes)
{
    if (LIKELY(heap - 1 < MR_HEAPS_MAX)) {
        struct mr_heap_slot *slot = &mr_heaps[heap - 1];
        uint64_t left = mr_load_relaxed(&slot->countdown);
        if (LIKELY(left > bytes)) {
            mr_store_relaxed(&slot->countdown, left - bytes);
            mr_bump(&slot->alloc_calls);
            return;
        }
    }
    alloc_slowly(heap, klass, object, bytes);
}

static void count_free(struct mr_heap_slot *slot, size_t bytes)
{
    mr_bump(&slot->free_calls);
    if (LIKELY(bytes <= PTRDIFF_MAX))
        mr_store_relaxed(&slot->freed_bytes, mr_load_relaxed(&slot->freed_bytes) + bytes);
}

static MR_SLOW void free_slowly(memrec_heap_id heap, const void *object, size_t bytes)
{
    int kept_errno = errno;
    struct place at = place_of(heap);
    const void *key = key_of(object);
    if (at.self) {
        count_free(at.slot, bytes);
        uint64_t ended = mr_session.full ? (uintptr_t)key : mr_live_remove(key);
        if (ended)
            mr_record_end(at.self, ended, MR_OP_HEAP_FREE, mr_ticks());
    } else {
        mr_record_end_unwatched(key);
    }
    errno = kept_errno;
}

API void memrec_heap_free(memrec_heap_id heap, const void *object, size_t bytes)
{
    if (LIKELY(heap - 1 < MR_HEAPS_MAX && !mr_filter_asks(object))) {
        struct mr_heap_slot *slot = &mr_heaps[heap - 1];
        if (LIKELY(mr_load_relaxed(&slot->countdown) != 0)) {
            count_free(slot, bytes);
            return;
        }
    }
    free_slowly(heap, object, bytes);
}

/* The sample is found under its new address from now on. Where the move cannot be told, or kept, the object's
 * history ends here: else it would be taken for a leak. */
static MR_SLOW void move_slowly(memrec_heap_id heap, const void *from, const void *to)
{
    int kept_errno = errno;
    struct place at = place_of(heap);
    if (at.self) {
        bool full = mr_session.full;
        uint64_t key = full ? (uintptr_t)key_of(from) : mr_live_remove(key_of(from));
        bool kept = key && (full || mr_live_insert(key_of(to), key));
        bool told = kept && MR_SAY(MR_MARK_HEAP_MOVE, heap, key & ~MR_OBJECT_KEY, (uintptr_t)to);
        if (key && !(full ? told : kept))
            mr_record_end(at.self, key, MR_OP_HEAP_FREE, mr_ticks());
    }
    errno = kept_errno;
}

API void memrec_heap_move(memrec_heap_id heap, const void *from, const void *to)
{
    if (mr_filter_asks(from) && from != to)
        move_slowly(heap, from, to);
}
