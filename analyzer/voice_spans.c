/* SPDX-License-Identifier: Apache-2.0 */
/* voice_spans.c -- units of work. A span's row is written when it has ended and nothing refers to it any
 * more: no thread is in it, and no block that was sampled in it lives. The others wait for the end. */
#include "voice_state.h"

enum { BEGIN_COUNTERS_AT = 5, END_COUNTERS_AT = 2 };

/* ---- open spans by number ---- */

static size_t home_of(const struct voice *voice, uint64_t number)
{
    uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);

    return (mixed ^ mixed >> 32) & (voice->span_slots - 1);
}

/* The slot of a number, or the hole where it belongs. */
static size_t slot_of(const struct voice *voice, uint64_t number)
{
    size_t at = home_of(voice, number);

    while (voice->spans[at] && voice->spans[at]->number != number) {
        at = (at + 1) & (voice->span_slots - 1);
    }
    return at;
}

static struct voice_span *find_span(const struct voice *voice, uint64_t number)
{
    return voice->span_slots ? voice->spans[slot_of(voice, number)] : NULL;
}

static status add_span(struct voice *voice, struct voice_span *span)
{
    if (2 * (voice->span_count + 1) >= voice->span_slots) {
        struct voice_span **old = voice->spans;
        size_t count = voice->span_slots;
        struct voice_span **grown = calloc(count ? 2 * count : 64, sizeof(struct voice_span *));

        if (!grown) {
            return voice_no_memory();
        }
        voice->spans = grown;
        voice->span_slots = count ? 2 * count : 64;
        for (size_t i = 0; i < count; i++) {
            if (old[i]) {
                voice->spans[slot_of(voice, old[i]->number)] = old[i];
            }
        }
        free(old);
    }
    voice->spans[slot_of(voice, span->number)] = span;
    voice->span_count++;
    return OK;
}

static void remove_span(struct voice *voice, uint64_t number)
{
    size_t mask = voice->span_slots - 1;
    size_t hole = slot_of(voice, number);

    voice->spans[hole] = NULL;
    voice->span_count--;
    for (size_t at = (hole + 1) & mask; voice->spans[at]; at = (at + 1) & mask) {
        struct voice_span *moved = voice->spans[at];

        voice->spans[at] = NULL;
        voice->spans[slot_of(voice, moved->number)] = moved;
    }
}

/* ---- rows ---- */

static status insert_span(struct voice *voice, const struct voice_span *span)
{
    static const char *const ends[] = {"ok", "failed", "cancelled", "timed_out"};
    const double sums[] = {span->bytes, span->bytes_sq, span->bytes_var};
    const double left[] = {span->left_bytes, span->left_bytes_sq, span->left_bytes_var};
    struct statement *insert = voice->insert.span;

    db_bind_int(insert, 1, span->id);
    db_bind_int(insert, 2, voice->run_id);
    db_bind_int(insert, 3, (int64_t)span->number);
    voice_bind_name(voice, insert, 4, span->kind);
    if (span->label) {
        voice_bind_name(voice, insert, 5, span->label);
    }
    voice_bind_id(insert, 6, span->parent);
    voice_bind_id(insert, 7, span->open.thread_id);
    db_bind_int(insert, 8, (int64_t)span->open.begin_ns);
    db_bind_known(insert, 9, span->elapsed.duration_ns);
    if (span->ended) {
        db_bind_string(insert, 10, voice_choose(ends, 4, span->end));
    }
    db_bind_known(insert, 11, span->first_result_ns);
    db_bind_known(insert, 12, span->items);
    db_bind_known(insert, 13, span->progress);
    db_bind_known(insert, 14, span->progress_total);
    if (span->progress != UNKNOWN) {
        db_bind_int(insert, 15, (int64_t)span->regressions);
        db_bind_int(insert, 16, (int64_t)span->regression_max);
    }
    db_bind_known(insert, 17, span->elapsed.gc_ns);
    for (int i = 0; i < 5; i++) {
        db_bind_known(insert, 18 + i, span->elapsed.counters[i]);
    }
    db_bind_int(insert, 23, (int64_t)span->samples);
    db_bind_int(insert, 27, (int64_t)span->left_samples);
    for (int i = 0; i < 3; i++) {
        db_bind_real(insert, 24 + i, sums[i]);
        db_bind_real(insert, 28 + i, left[i]);
    }
    db_bind_real(insert, 31, span->held_byte_ns);
    return db_insert(insert);
}

/* One reference less. */
status voice_span_drop(struct voice *voice, struct voice_span *span)
{
    if (--span->references > 0) {
        return OK;
    }
    if (span->next) {
        span->next->previous = span->previous;
    }
    if (span->previous) {
        span->previous->next = span->next;
    } else {
        voice->first_span = span->next;
    }
    status result = insert_span(voice, span);
    free(span);
    return result;
}

uint64_t voice_spans_after(const struct voice *voice, const struct voice_span *span)
{
    const struct voice_scope *kind = sparse_find(&voice->kinds, span->kind);

    return (kind ? kind->begun : 0) - span->kind_begun;
}

/* ---- threads in spans ---- */

static status enter(struct voice_thread *thread, struct voice_span *span)
{
    size_t room = thread->span_room;

    TRY(voice_grow(&thread->spans, thread->span_count, &room, sizeof(struct voice_span *)));
    thread->span_room = (uint32_t)room;
    thread->spans[thread->span_count++] = span;
    thread->cached[0].version = thread->cached[1].version = 0;
    span->references++;
    return OK;
}

/* Takes the thread out of the span, wherever it stands in its stack. *was_in: it was in it. */
static status leave(struct voice *voice, struct voice_thread *thread,
                    const struct voice_span *wanted, uint64_t number, bool *was_in)
{
    uint32_t at = thread->span_count;

    while (at > 0 &&
           (wanted ? thread->spans[at - 1] != wanted : thread->spans[at - 1]->number != number)) {
        at--;
    }
    *was_in = at > 0;
    if (at == 0) {
        return OK;
    }
    struct voice_span *span = thread->spans[at - 1];
    memmove(thread->spans + at - 1, thread->spans + at,
            (--thread->span_count - (at - 1)) * sizeof(struct voice_span *));
    thread->cached[0].version = thread->cached[1].version = 0;
    return voice_span_drop(voice, span);
}

/* ---- marks ---- */

static uint32_t name_or_none(uint64_t id) { return id < VOICE_NAMES_MAX ? (uint32_t)id : 0; }

/* Stays without an end: the caller knows that it has not ended. */
static status abandon(struct voice *voice, struct voice_span *span)
{
    voice->losses.unclosed++;
    voice_unended(voice, &span->open, &span->elapsed);
    remove_span(voice, span->number);
    return voice_span_drop(voice, span);
}

static status begin_span(struct voice *voice, struct voice_thread *thread, const struct mark *mark,
                         struct voice_moment moment)
{
    uint64_t number = mark_argument(mark, 0);
    bool told = mark_argument(mark, 3) == 1;
    uint64_t parent_number = told ? mark_argument(mark, 4) : 0;
    struct voice_span *former = find_span(voice, number);
    struct voice_span *parent = NULL;
    struct voice_span *span;
    uint64_t kind_number;

    if (former) {
        voice->losses.begins_inside++;
        TRY(abandon(voice, former));
    }
    if (told && parent_number && parent_number <= INT64_MAX) {
        parent = find_span(voice, parent_number);
    } else if (!told && thread->span_count) {
        parent = thread->spans[thread->span_count - 1];
    }
    span = calloc(1, sizeof *span);
    if (!span) {
        return voice_no_memory();
    }
    *span = (struct voice_span){.number = number,
                                .id = ++voice->span_rows,
                                .kind = name_or_none(mark_argument(mark, 1)),
                                .label = name_or_none(mark_argument(mark, 2)),
                                .references = 1,
                                .next = voice->first_span,
                                .first_result_ns = UNKNOWN,
                                .items = UNKNOWN,
                                .progress = UNKNOWN,
                                .progress_total = UNKNOWN};
    if (parent) {
        span->parent = parent->id;
    } else if (told && parent_number && parent_number <= INT64_MAX) {
        span->parent = -(int64_t)parent_number;
        voice->parents_wait = true;
    }
    status added = add_span(voice, span);
    if (added.code != STATUS_OK) {
        free(span);
        return added;
    }
    if (span->next) {
        span->next->previous = span;
    }
    voice->first_span = span;
    voice_opened(voice, &span->open, mark, BEGIN_COUNTERS_AT, moment);
    TRY(voice_scope_begun(voice, &voice->kinds, span->kind, &kind_number));
    return told ? OK : enter(thread, span);
}

static status end_span(struct voice *voice, struct voice_thread *thread, struct voice_span *span,
                       const struct mark *mark, struct voice_moment moment)
{
    const struct voice_scope *kind = sparse_find(&voice->kinds, span->kind);
    bool was_in;

    voice_ended(voice, &span->open, mark, END_COUNTERS_AT, moment, &span->elapsed);
    span->ended = true;
    span->end = mark_argument(mark, 1);
    span->kind_begun = kind ? kind->begun : 0;
    span->collections_begun = voice->collections;
    remove_span(voice, span->number);
    TRY(leave(voice, thread, span, 0, &was_in));
    return voice_span_drop(voice, span);
}

static void add_items(struct voice_span *span, uint64_t count)
{
    if (count != UNKNOWN) {
        span->items = (span->items == UNKNOWN ? 0 : span->items) + count;
    }
}

static void progress(struct voice_span *span, uint64_t done, uint64_t total)
{
    if (done == UNKNOWN) {
        return;
    }
    if (span->progress != UNKNOWN && done < span->progress) {
        uint64_t back = span->progress - done;

        span->regressions++;
        span->regression_max = back > span->regression_max ? back : span->regression_max;
    }
    span->progress = done;
    if (total != UNKNOWN) {
        span->progress_total = total;
    }
}

status voice_span_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    uint64_t number = mark_argument(mark, 0);
    struct voice_thread *thread;
    bool was_in = true;

    TRY(voice_find_thread(voice, moment.thread, &thread));
    if (mark->kind == MR_MARK_SPAN_BEGIN) {
        return begin_span(voice, thread, mark, moment);
    }
    struct voice_span *span = find_span(voice, number);
    if (mark->kind == MR_MARK_SPAN_LEAVE) { /* it may have ended elsewhere */
        TRY(leave(voice, thread, NULL, number, &was_in));
        voice->losses.spans_not_open += !was_in;
        return OK;
    }
    if (!span) {
        voice->losses.spans_not_open++;
        return OK;
    }
    switch (mark->kind) {
    case MR_MARK_SPAN_END:
        return end_span(voice, thread, span, mark, moment);
    case MR_MARK_SPAN_ENTER:
        return enter(thread, span);
    case MR_MARK_SPAN_FIRST_RESULT:
        if (span->first_result_ns == UNKNOWN) {
            span->first_result_ns = moment.now_ns - span->open.begin_ns;
        }
        return OK;
    case MR_MARK_SPAN_ITEMS:
        add_items(span, mark_argument(mark, 1));
        return OK;
    default:
        progress(span, mark_argument(mark, 1), mark_argument(mark, 2));
        return OK;
    }
}

/* ---- the end ---- */

/* Contexts are gone by now, and their references with them; threads and the open ones are left. */
status voice_spans_end(struct voice *voice)
{
    for (size_t i = 0; i < voice->span_slots; i++) {
        while (voice->spans[i]) {
            TRY(abandon(voice, voice->spans[i])); /* another may move to its place */
        }
    }
    for (uint32_t i = 0; i < voice->threads.piece_count << SPARSE_PIECE_BITS; i++) {
        struct voice_thread *thread = sparse_find(&voice->threads, i);

        if (!thread) {
            i |= SPARSE_PIECE - 1;
            continue;
        }
        while (thread->span_count) {
            TRY(voice_span_drop(voice, thread->spans[--thread->span_count]));
        }
    }
    return OK;
}

status voice_spans_settle(struct voice *voice)
{
    if (!voice->parents_wait) {
        return OK;
    }
    TRY(db_run(voice->db, "CREATE INDEX IF NOT EXISTS span_number ON span (run_id, number, id)"));
    return db_run_formatted(
        voice->db,
        "UPDATE span SET parent_id = (SELECT MIN(parent.id) FROM span AS parent"
        " WHERE parent.run_id = span.run_id AND parent.number = -span.parent_id)"
        " WHERE run_id = %lld AND parent_id < 0",
        (long long)voice->run_id);
}
