/* SPDX-License-Identifier: Apache-2.0 */
#include "voice.h"

#include "definitions.h"
#include "os.h"
#include "os_syscall.h"
#include "pools.h"
#include "ring.h"
#include "thread.h"

#include <errno.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define API __attribute__((visibility("default")))

static _Atomic uint64_t refused;

bool mr_voice_refuse(void)
{
    mr_fetch_add_relaxed(&refused, 1);
    return false;
}

uint64_t mr_voice_refused(void) { return mr_load_relaxed(&refused); }

/* The calling thread, when it may speak now: registered and with a ring, if need be. */
static __attribute__((noinline)) struct mr_thread_slot *speaker_slowly(void)
{
    struct mr_session *session = &mr_session;
    int kept_errno = errno;
    struct mr_thread_slot *self = mr_thread_current(SIZE_MAX);
    uint64_t *data;
    if (mr_state() != MR_STATE_ON || mr_load_relaxed(&session->paused)) {
        self = NULL;
    } else if (!self ||
               self->busy) { /* no slot was left, or a signal handler inside the recorder */
        mr_fetch_add_relaxed(&session->shared->dropped_marks, 1);
        self = NULL;
    } else if (mr_thread_enter(self)) {
        bool has_ring = mr_thread_ring(self, &data) != NULL;
        mr_thread_leave(self);
        if (!has_ring) {
            mr_fetch_add_relaxed(&session->shared->dropped_marks, 1);
            self = NULL;
        }
    }
    errno = kept_errno;
    return self;
}

static inline struct mr_thread_slot *speaker(void)
{
    struct mr_thread_slot *self = mr_self;
    bool ready = mr_thread_is_current(self) && *mr_alive && !self->busy &&
                 self->ring != UINT32_MAX && !mr_load_relaxed(&mr_session.paused);
    return __builtin_expect(ready, 1) ? self : speaker_slowly();
}

/* The counters C of TRACE_FORMAT.md, section 12. */
#define COUNTERS_MAX 7u

static inline unsigned counter_count(void) { return mr_defined_count(MR_DEFINE_HEAP) ? 7 : 3; }

static inline void put_heap_counters(uint64_t *out)
{
    const struct mr_heap_slot *heap = mr_heaps;
    const struct mr_heap_slot *end = heap + mr_defined_count(MR_DEFINE_HEAP);
    uint64_t bytes = 0, calls = 0, freed_bytes = 0, free_calls = 0;
    for (; heap < end; heap++) {
        bytes += mr_load_relaxed(&heap->bytes_base) - mr_load_relaxed(&heap->countdown);
        calls += mr_load_relaxed(&heap->alloc_calls);
        freed_bytes += mr_load_relaxed(&heap->freed_bytes);
        free_calls += mr_load_relaxed(&heap->free_calls);
    }
    out[0] = bytes;
    out[1] = calls;
    out[2] = freed_bytes;
    out[3] = free_calls;
}

static inline void fill(uint64_t *words, struct mr_thread_slot *self, enum mr_mark kind,
                        uint64_t ticks, const uint64_t *arguments, unsigned count,
                        unsigned counters)
{
    words[0] = mr_mark_meta(kind, count + counters, self->id);
    words[1] = ticks;
    words += MR_MARK_WORDS;
    for (unsigned i = 0; i < count; i++)
        words[i] = arguments[i];
    if (!counters)
        return;
    words[count] = mr_load_relaxed(&self->bytes_base) - mr_load_relaxed(&self->countdown);
    words[count + 1] = mr_load_relaxed(&self->alloc_calls);
    words[count + 2] = mr_load_relaxed(&self->free_calls);
    if (counters > 3)
        put_heap_counters(words + count + 3);
}

/* At the end of the ring, or when it is full. */
static __attribute__((noinline)) bool push_slowly(struct mr_thread_slot *self, enum mr_mark kind,
                                                  uint64_t ticks, const uint64_t *arguments,
                                                  unsigned count, unsigned counters)
{
    struct mr_session *session = &mr_session;
    uint64_t words[MR_MARK_WORDS + MR_MARK_ARGS_MAX], *data;
    struct mr_ring *ring = mr_thread_ring(self, &data);
    fill(words, self, kind, ticks, arguments, count, counters);
    bool pushed = ring && mr_ring_push(ring, data, session->ring_mask, words,
                                       MR_MARK_WORDS + count + counters, session->ring_mask / 8);
    if (!pushed)
        mr_fetch_add_relaxed(&session->shared->dropped_marks, 1);
    return pushed;
}

/* Publishes a mark of `self`, and its thread's counters when asked to. The last eighth of a ring is left
 * to frees. In line, so that arguments go straight to the ring. */
static inline __attribute__((always_inline)) bool push(struct mr_thread_slot *self,
                                                       enum mr_mark kind, uint64_t ticks,
                                                       const uint64_t *arguments, unsigned count,
                                                       unsigned counters)
{
    struct mr_session *session = &mr_session;
    if (!self || !mr_thread_enter(self))
        return false;
    struct mr_ring *ring = &session->rings[self->ring];
    uint64_t mask = session->ring_mask, bytes = (mask + 1) * sizeof(uint64_t);
    uint64_t head = mr_load_relaxed(&ring->head);
    uint64_t used = head - mr_load_acquire(&ring->tail); /* pairs with C1 of ring.h */
    unsigned words = MR_MARK_WORDS + count + counters;
    bool pushed = true;
    if (__builtin_expect(used + words + mask / 8 <= mask + 1 && (head & mask) + words <= mask + 1,
                         1)) {
        uint64_t *data = (uint64_t *)(session->ring_data + self->ring * bytes);
        fill(data + (head & mask), self, kind, ticks, arguments, count, counters);
        if (used + words > mr_load_relaxed(&ring->high_water))
            mr_store_relaxed(&ring->high_water, used + words);
        mr_store_release(&ring->head, head + words); /* P1 of ring.h */
    } else {
        pushed = push_slowly(self, kind, ticks, arguments, count, counters);
    }
    mr_thread_leave(self);
    return pushed;
}

bool mr_voice_push(enum mr_mark kind, const uint64_t *arguments, unsigned count)
{
    return push(speaker(), kind, mr_ticks(), arguments, count, 0);
}

/* A begin or an end: its arguments, then the counters. */
#define SAY_COUNTED(self, kind, ticks, ...)                                                        \
    push(self, kind, ticks, (const uint64_t[]){__VA_ARGS__},                                       \
         sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), counter_count())

/* Frames */

#define LONG_FRAME_MS 1u

/* Whether page faults are worth asking for: decided by the frame before. Relaxed: a race costs a figure
 * of one frame. */
static struct stream {
    _Atomic uint64_t begin_ticks;
    _Atomic uint32_t is_long;
} streams[65];

static void read_faults(bool asked, uint64_t out[2])
{
    struct rusage usage;
    out[0] = out[1] = MR_UNKNOWN;
    if (asked && mr_syscall(SYS_getrusage, RUSAGE_THREAD, (long)&usage, 0, 0, 0, 0) == 0) {
        out[0] = (uint64_t)usage.ru_minflt;
        out[1] = (uint64_t)usage.ru_majflt;
    }
}

static void say_frame(enum mr_mark kind, memrec_stream_id stream, uint64_t ticks, bool ask_faults)
{
    uint64_t faults[2], overflows[2];
    read_faults(ask_faults, faults);
    mr_pools_overflows(overflows);
    SAY_COUNTED(speaker(), kind, ticks, stream, faults[0], faults[1], overflows[0], overflows[1]);
}

API void memrec_frame_begin(memrec_stream_id stream)
{
    if (!mr_is_defined(MR_DEFINE_STREAM, stream)) {
        mr_voice_refuse();
        return;
    }
    struct stream *state = &streams[stream];
    uint64_t ticks = mr_ticks();
    mr_store_relaxed(&state->begin_ticks, ticks);
    say_frame(MR_MARK_FRAME_BEGIN, stream, ticks, mr_load_relaxed(&state->is_long));
}

API void memrec_frame_end(memrec_stream_id stream)
{
    if (!mr_is_defined(MR_DEFINE_STREAM, stream)) {
        mr_voice_refuse();
        return;
    }
    struct stream *state = &streams[stream];
    bool asked = mr_load_relaxed(&state->is_long);
    uint64_t now = mr_ticks(), ticks = now - mr_load_relaxed(&state->begin_ticks);
    uint64_t long_ticks = mr_load_relaxed(&mr_session.ticks_per_ms) * LONG_FRAME_MS;
    mr_store_relaxed(&state->is_long, long_ticks && ticks >= long_ticks);
    mr_pools_check_resets(stream);
    say_frame(MR_MARK_FRAME_END, stream, now, asked);
}

static void say_phase(enum mr_mark kind, memrec_stream_id stream, memrec_name_id phase)
{
    if (mr_is_defined(MR_DEFINE_STREAM, stream) && phase)
        SAY_COUNTED(speaker(), kind, mr_ticks(), stream, phase);
    else
        mr_voice_refuse();
}

API void memrec_phase_begin(memrec_stream_id stream, memrec_name_id phase)
{
    say_phase(MR_MARK_PHASE_BEGIN, stream, phase);
}

API void memrec_phase_end(memrec_stream_id stream, memrec_name_id phase)
{
    say_phase(MR_MARK_PHASE_END, stream, phase);
}

/* Evaluations */

API void memrec_eval_begin(memrec_name_id label, memrec_heap_id heap, uint64_t heap_used_bytes)
{
    SAY_COUNTED(speaker(), MR_MARK_EVAL_BEGIN, mr_ticks(), label, heap, heap_used_bytes);
}

API void memrec_eval_end(uint64_t heap_used_bytes, uint64_t arena_high_water_bytes)
{
    SAY_COUNTED(speaker(), MR_MARK_EVAL_END, mr_ticks(), heap_used_bytes, arena_high_water_bytes);
}

/* Spans */

enum { SPAN_ENTERED = 0, SPAN_TOLD = 1 };

/* Unique in the process without a shared counter: the thread's number and its own count. */
static memrec_span_id begin_span(memrec_name_id kind, memrec_name_id label, uint64_t how,
                                 memrec_span_id parent)
{
    struct mr_thread_slot *self = speaker();
    if (!self)
        return 0;
    memrec_span_id span = (uint64_t)self->id << 32 | ++self->spans;
    SAY_COUNTED(self, MR_MARK_SPAN_BEGIN, mr_ticks(), span, kind, label, how, parent);
    return span;
}

API memrec_span_id memrec_span_begin(memrec_name_id kind, memrec_name_id label)
{
    return begin_span(kind, label, SPAN_ENTERED, 0);
}

API memrec_span_id memrec_span_begin_in(memrec_span_id parent, memrec_name_id kind,
                                        memrec_name_id label)
{
    return begin_span(kind, label, SPAN_TOLD, parent);
}

API void memrec_span_end(memrec_span_id span, enum memrec_end end)
{
    if (span)
        SAY_COUNTED(speaker(), MR_MARK_SPAN_END, mr_ticks(), span, (uint64_t)end);
}

API void memrec_span_enter(memrec_span_id span)
{
    if (span)
        MR_SAY(MR_MARK_SPAN_ENTER, span);
}

API void memrec_span_leave(memrec_span_id span)
{
    if (span)
        MR_SAY(MR_MARK_SPAN_LEAVE, span);
}

API void memrec_span_first_result(memrec_span_id span)
{
    if (span)
        MR_SAY(MR_MARK_SPAN_FIRST_RESULT, span);
}

API void memrec_span_items(memrec_span_id span, uint64_t count)
{
    if (span)
        MR_SAY(MR_MARK_SPAN_ITEMS, span, count);
}

API void memrec_span_progress(memrec_span_id span, uint64_t done, uint64_t total)
{
    if (span)
        MR_SAY(MR_MARK_SPAN_PROGRESS, span, done, total);
}

/* Marks */

API void memrec_mark(memrec_name_id name)
{
    if (name)
        MR_SAY(MR_MARK_MARK, name);
    else
        mr_voice_refuse();
}
