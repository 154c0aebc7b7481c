/* SPDX-License-Identifier: Apache-2.0 */
/* voice_frames.c -- frames and their phases; at the end, why a frame went over its budget. */
#include "voice_state.h"

enum { FRAME_COUNTERS_AT = 5, PHASE_COUNTERS_AT = 2 };

/* ---- frames ---- */

/* The counters between the arguments of two rows; UNKNOWN when one is. */
static uint64_t between(uint64_t begin, uint64_t end)
{
    return begin == UNKNOWN || end == UNKNOWN || end < begin ? UNKNOWN : end - begin;
}

static void forget_open_frame(struct voice *voice, const struct voice_stream *stream)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < voice->frame_count; i++) {
        if (voice->frames[i] != stream->is.id) {
            voice->frames[kept++] = voice->frames[i];
        }
    }
    voice->frame_count = kept;
    voice->version++;
}

static status begin_frame(struct voice *voice, struct voice_stream *stream, const struct mark *mark,
                          struct voice_moment moment)
{
    struct voice_thread *thread;

    TRY(voice_find_thread(voice, moment.thread, &thread));
    stream->frame = ++voice->frame_rows;
    stream->frames++;
    voice_opened(voice, &stream->open, mark, FRAME_COUNTERS_AT, moment);
    for (unsigned i = 0; i < 2; i++) {
        stream->faults[i] = mark_argument(mark, 1 + i);
        stream->overflows[i] = mark_argument(mark, 3 + i);
    }
    stream->freed_bytes = thread->freed_bytes;
    stream->gc = 0;
    stream->gc_pause_ns = 0;
    voice->frames[voice->frame_count++] = stream->is.id;
    voice->version++;
    return OK;
}

static status insert_frame(struct voice *voice, const struct voice_stream *stream,
                           const struct voice_elapsed *elapsed, const char *ended_by)
{
    struct statement *insert = voice->insert.frame;
    uint64_t over = stream->budget_ns && elapsed->duration_ns != UNKNOWN &&
                            elapsed->duration_ns > stream->budget_ns
                        ? elapsed->duration_ns - stream->budget_ns
                        : UNKNOWN;

    db_bind_int(insert, 1, stream->frame);
    db_bind_int(insert, 2, voice->run_id);
    db_bind_int(insert, 3, stream->is.row);
    db_bind_int(insert, 4, (int64_t)stream->frames);
    voice_bind_id(insert, 5, stream->open.thread_id);
    db_bind_int(insert, 6, (int64_t)stream->open.begin_ns);
    db_bind_known(insert, 7, elapsed->duration_ns);
    db_bind_string(insert, 8, ended_by);
    for (int i = 0; i < 3; i++) {
        db_bind_known(insert, 9 + i, elapsed->counters[i]);
    }
    for (int i = 3; i < VOICE_COUNTERS; i++) {
        db_bind_known(insert, 10 + i, elapsed->counters[i]);
    }
    db_bind_known(insert, 17, elapsed->gc_ns);
    db_bind_known(insert, 18, elapsed->gc_count);
    voice_bind_id(insert, 19, stream->gc);
    db_bind_known(insert, 24, over);
    return OK;
}

/* The open frame ends by this mark: its own end, or the begin of the next. */
static status end_frame(struct voice *voice, struct voice_stream *stream, const struct mark *mark,
                        struct voice_moment moment)
{
    struct statement *insert = voice->insert.frame;
    bool same_thread = stream->open.thread == moment.thread;
    struct voice_thread *thread;
    struct voice_elapsed elapsed;

    voice_pauses_seen(voice, moment.now_ns);
    TRY(voice_find_thread(voice, moment.thread, &thread));
    voice_ended(voice, &stream->open, mark, FRAME_COUNTERS_AT, moment, &elapsed);
    TRY(insert_frame(voice, stream, &elapsed, mark->kind == MR_MARK_FRAME_END ? "end" : "begin"));
    if (voice->full && same_thread) {
        db_bind_int(insert, 12, (int64_t)(thread->freed_bytes - stream->freed_bytes));
    }
    for (int i = 0; i < 2; i++) {
        db_bind_known(insert, 20 + i,
                      between(stream->overflows[i], mark_argument(mark, 3 + (unsigned)i)));
        if (same_thread) {
            db_bind_known(insert, 22 + i,
                          between(stream->faults[i], mark_argument(mark, 1 + (unsigned)i)));
        }
    }
    voice->losses.other_threads += !same_thread;
    stream->last_frame = stream->frame;
    stream->frame = 0;
    forget_open_frame(voice, stream);
    return db_insert(insert);
}

/* ---- phases ---- */

static status insert_phase(struct voice *voice, const struct voice_stream *stream,
                           const struct voice_phase *phase, const struct voice_elapsed *elapsed)
{
    struct statement *insert = voice->insert.phase;

    db_bind_int(insert, 1, phase->id);
    db_bind_int(insert, 2, voice->run_id);
    voice_bind_id(insert, 3, phase->frame);
    db_bind_int(insert, 4, stream->is.row);
    voice_bind_id(insert, 5, phase->open.thread_id);
    db_bind_int(insert, 6, phase->depth);
    voice_bind_name(voice, insert, 7, phase->name);
    db_bind_int(insert, 8, (int64_t)phase->open.begin_ns);
    db_bind_known(insert, 9, elapsed->duration_ns);
    for (int i = 0; i < 5; i++) {
        db_bind_known(insert, 10 + i, elapsed->counters[i]);
    }
    db_bind_known(insert, 15, elapsed->gc_ns);
    return db_insert(insert);
}

static void remove_phase(struct voice_stream *stream, size_t at)
{
    free(stream->phases[at]);
    memmove(stream->phases + at, stream->phases + at + 1,
            (--stream->phase_count - at) * sizeof(struct voice_phase *));
}

/* Phases die with their frame; `frame` 0: those outside any. */
static status abandon_phases(struct voice *voice, struct voice_stream *stream, int64_t frame)
{
    for (size_t i = stream->phase_count; i > 0; i--) {
        struct voice_phase *phase = stream->phases[i - 1];
        struct voice_elapsed elapsed;

        if (phase->frame == frame) {
            voice->losses.unclosed++;
            voice_unended(voice, &phase->open, &elapsed);
            TRY(insert_phase(voice, stream, phase, &elapsed));
            remove_phase(stream, i - 1);
        }
    }
    return OK;
}

static status begin_phase(struct voice *voice, struct voice_stream *stream, const struct mark *mark,
                          struct voice_moment moment)
{
    uint64_t name = mark_argument(mark, 1);
    struct voice_phase *phase;
    uint32_t depth = 0;

    for (size_t i = 0; i < stream->phase_count; i++) {
        depth += stream->phases[i]->open.thread == moment.thread &&
                 stream->phases[i]->frame == stream->frame;
    }
    TRY(voice_grow(&stream->phases, stream->phase_count, &stream->phase_room,
                   sizeof(struct voice_phase *)));
    phase = malloc(sizeof *phase);
    if (!phase) {
        return voice_no_memory();
    }
    *phase = (struct voice_phase){.id = ++voice->phase_rows,
                                  .frame = stream->frame,
                                  .depth = depth,
                                  .name = name < VOICE_NAMES_MAX ? (uint32_t)name : 0};
    voice_opened(voice, &phase->open, mark, PHASE_COUNTERS_AT, moment);
    stream->phases[stream->phase_count++] = phase;
    return OK;
}

static status end_phase(struct voice *voice, struct voice_stream *stream, const struct mark *mark,
                        struct voice_moment moment)
{
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < stream->phase_count;
         i++) { /* innermost, of its own thread if it can be */
        const struct voice_phase *phase = stream->phases[i];
        bool own = phase->open.thread == moment.thread;

        if (phase->name == mark_argument(mark, 1) &&
            (own || found == SIZE_MAX || stream->phases[found]->open.thread != moment.thread)) {
            found = i;
        }
    }
    if (found == SIZE_MAX) {
        voice->losses.ends_without_begin++;
        return OK;
    }
    struct voice_phase *phase = stream->phases[found];
    struct voice_elapsed elapsed;
    voice->losses.other_threads += phase->open.thread != moment.thread;
    voice_ended(voice, &phase->open, mark, PHASE_COUNTERS_AT, moment, &elapsed);
    TRY(insert_phase(voice, stream, phase, &elapsed));
    remove_phase(stream, found);
    return OK;
}

/* ---- both ---- */

status voice_frame_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_stream *stream;

    TRY(voice_find_stream(voice, mark_argument(mark, 0), &stream));
    if (!stream) {
        return OK;
    }
    bool begins = mark->kind == MR_MARK_FRAME_BEGIN;
    if (stream->frame) {
        voice->losses.begins_inside += begins;
        TRY(abandon_phases(voice, stream, stream->frame));
        TRY(end_frame(voice, stream, mark, moment));
    } else if (!begins) {
        voice->losses.ends_without_begin++;
    }
    return begins ? begin_frame(voice, stream, mark, moment) : OK;
}

status voice_phase_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_stream *stream;

    TRY(voice_find_stream(voice, mark_argument(mark, 0), &stream));
    if (!stream) {
        return OK;
    }
    return mark->kind == MR_MARK_PHASE_BEGIN ? begin_phase(voice, stream, mark, moment)
                                             : end_phase(voice, stream, mark, moment);
}

static struct voice_stream *open_stream(const struct voice *voice, uint32_t at)
{
    return sparse_find(&voice->streams, voice->frames[at]);
}

int64_t voice_frame_of(const struct voice *voice, uint32_t thread)
{
    for (uint32_t i = voice->frame_count; i > 0; i--) {
        const struct voice_stream *stream = open_stream(voice, i - 1);

        if (stream->open.thread == thread) {
            return stream->frame;
        }
    }
    return voice->frame_count ? open_stream(voice, voice->frame_count - 1)->frame : 0;
}

/* The program stood for this collection: each open frame keeps the longest. */
void voice_frames_stood(struct voice *voice, int64_t gc, uint64_t begin_ns, uint64_t end_ns)
{
    for (uint32_t i = 0; gc && i < voice->frame_count; i++) {
        struct voice_stream *stream = open_stream(voice, i);
        uint64_t from = begin_ns > stream->open.begin_ns ? begin_ns : stream->open.begin_ns;

        if (end_ns > from && end_ns - from > stream->gc_pause_ns) {
            stream->gc_pause_ns = end_ns - from;
            stream->gc = gc;
        }
    }
}

status voice_frames_end(struct voice *voice)
{
    voice_pauses_seen(voice, voice->now_ns);
    for (uint32_t id = 0; id < VOICE_STREAMS_MAX; id++) {
        struct voice_stream *stream = sparse_find(&voice->streams, id);
        struct voice_elapsed elapsed;

        if (!stream) {
            continue;
        }
        TRY(abandon_phases(voice, stream, 0));
        if (stream->frame) {
            TRY(abandon_phases(voice, stream, stream->frame));
            voice->losses.unclosed++;
            voice_unended(voice, &stream->open, &elapsed);
            TRY(insert_frame(voice, stream, &elapsed, "nothing"));
            TRY(db_insert(voice->insert.frame));
            stream->frame = 0;
        }
    }
    voice->frame_count = 0;
    voice->version++;
    return OK;
}

/* A reason must be able to explain half of the time beyond the budget. What an allocation (with its free), the
 * touching of its bytes and a page fault can cost, at most: generous figures, so that `other` means the code
 * itself. A collection's time is measured. */
#define ALLOC_NS_MAX       "200"
#define ALLOC_NS_PER_BYTE  "0.25"
#define MINOR_FAULT_NS_MAX "1000"
#define MAJOR_FAULT_NS_MAX "1000000"

static status settle_stream(struct voice *voice, const struct voice_stream *stream)
{
    struct statement *update;

    TRY(db_prepare(voice->db,
                   "UPDATE frame_mark SET why = CASE"
                   "   WHEN gc_ns * 2 >= over_ns THEN 'gc'"
                   "   WHEN 2 * (minor_faults * " MINOR_FAULT_NS_MAX
                   " + major_faults * " MAJOR_FAULT_NS_MAX ")"
                   "     >= over_ns THEN 'faults'"
                   "   WHEN 2 * ((alloc_calls + COALESCE(heap_alloc_calls, 0)) * " ALLOC_NS_MAX
                   "     + (alloc_bytes + COALESCE(heap_alloc_bytes, 0)) * " ALLOC_NS_PER_BYTE ")"
                   "     >= over_ns THEN 'allocation'"
                   "   WHEN gc_ns IS NULL AND minor_faults IS NULL AND major_faults IS NULL"
                   "     AND alloc_bytes IS NULL THEN 'unknown'"
                   "   ELSE 'other' END"
                   " WHERE stream_id = ?1 AND over_ns IS NOT NULL",
                   &update));
    db_bind_int(update, 1, stream->is.row);
    return db_insert(update);
}

status voice_frames_settle(struct voice *voice)
{
    for (uint32_t id = 0; id < VOICE_STREAMS_MAX; id++) {
        const struct voice_stream *stream = sparse_find(&voice->streams, id);

        if (stream && stream->budget_ns && stream->frames) {
            TRY(settle_stream(voice, stream));
        }
    }
    return OK;
}
