/* SPDX-License-Identifier: Apache-2.0 */
/* voice_evals.c -- evaluations: one stack per thread. */
#include "voice_state.h"

enum { BEGIN_COUNTERS_AT = 3, END_COUNTERS_AT = 2 };

static uint64_t known(const struct mark *mark, unsigned at) { return mark_argument(mark, at); }

static status begin_eval(struct voice *voice, struct voice_thread *thread, const struct mark *mark,
                         struct voice_moment moment)
{
    uint64_t label = known(mark, 0);
    uint64_t heap = known(mark, 1);
    struct voice_heap *found = NULL;
    size_t room = thread->eval_room;

    TRY(voice_grow(&thread->evals, thread->eval_made, &room, sizeof(struct voice_eval *)));
    thread->eval_room = (uint32_t)room;
    if (thread->eval_count == thread->eval_made) {
        struct voice_eval *made = malloc(sizeof *made);

        if (!made) {
            return voice_no_memory();
        }
        thread->evals[thread->eval_made++] = made;
    }
    if (heap && heap != UNKNOWN) {
        TRY(voice_find_heap(voice, heap, &found));
    }
    struct voice_eval *eval = thread->evals[thread->eval_count];
    uint32_t name = label < VOICE_NAMES_MAX ? (uint32_t)label : 0;
    uint64_t number;
    TRY(voice_scope_begun(voice, &voice->labels, name, &number));
    *eval = (struct voice_eval){
        .id = ++voice->eval_rows,
        .parent = thread->eval_count ? thread->evals[thread->eval_count - 1]->id : 0,
        .label = name,
        .number = number,
        .heap = found ? found->is.id : 0,
        .used_before = known(mark, 2)};
    voice_opened(voice, &eval->open, mark, BEGIN_COUNTERS_AT, moment);
    thread->eval_count++;
    thread->cached[0].version = thread->cached[1].version = 0;
    return OK;
}

static status insert_eval(struct voice *voice, const struct voice_eval *eval,
                          const struct voice_elapsed *elapsed, uint64_t used_after,
                          uint64_t high_water)
{
    struct statement *insert = voice->insert.eval;

    db_bind_int(insert, 1, eval->id);
    db_bind_int(insert, 2, voice->run_id);
    voice_bind_id(insert, 3, eval->open.thread_id);
    voice_bind_id(insert, 4, eval->parent);
    if (eval->label) {
        voice_bind_name(voice, insert, 5, eval->label);
    }
    voice_bind_id(insert, 6, voice_heap_row(voice, eval->heap));
    db_bind_int(insert, 7, (int64_t)eval->open.begin_ns);
    db_bind_known(insert, 8, elapsed->duration_ns);
    db_bind_known(insert, 9, eval->used_before);
    db_bind_known(insert, 10, used_after);
    if (eval->used_before != UNKNOWN && used_after != UNKNOWN) {
        db_bind_int(insert, 11, (int64_t)(used_after - eval->used_before));
    }
    db_bind_known(insert, 12, high_water);
    db_bind_known(insert, 13, elapsed->gc_ns);
    db_bind_known(insert, 14, elapsed->gc_count);
    for (int i = 0; i < 5; i++) {
        db_bind_known(insert, 15 + i, elapsed->counters[i]);
    }
    db_bind_int(insert, 20, (int64_t)eval->samples);
    return db_insert(insert);
}

status voice_eval_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_thread *thread;
    struct voice_elapsed elapsed;

    TRY(voice_find_thread(voice, moment.thread, &thread));
    if (mark->kind == MR_MARK_EVAL_BEGIN) {
        return begin_eval(voice, thread, mark, moment);
    }
    if (thread->eval_count == 0) {
        voice->losses.ends_without_begin++;
        return OK;
    }
    struct voice_eval *eval = thread->evals[--thread->eval_count];
    thread->cached[0].version = thread->cached[1].version = 0;
    voice_ended(voice, &eval->open, mark, END_COUNTERS_AT, moment, &elapsed);
    return insert_eval(voice, eval, &elapsed, known(mark, 0), known(mark, 1));
}

status voice_evals_end(struct voice *voice)
{
    for (uint32_t i = 0; i < voice->threads.piece_count << SPARSE_PIECE_BITS; i++) {
        struct voice_thread *thread = sparse_find(&voice->threads, i);
        struct voice_elapsed elapsed;

        if (!thread) {
            i |= SPARSE_PIECE - 1;
            continue;
        }
        while (thread->eval_count) {
            struct voice_eval *eval = thread->evals[--thread->eval_count];

            voice->losses.unclosed++;
            voice_unended(voice, &eval->open, &elapsed);
            TRY(insert_eval(voice, eval, &elapsed, UNKNOWN, UNKNOWN));
        }
    }
    return OK;
}

uint64_t voice_evals_after(const struct voice *voice, uint32_t label, uint64_t number)
{
    const struct voice_scope *scope = sparse_find(&voice->labels, label);

    return scope ? scope->begun - number : 0;
}

/* What the heap held after the first collection that began after an evaluation. */
status voice_evals_settle(struct voice *voice)
{
    if (!voice->collections || !voice->eval_rows) {
        return OK;
    }
    TRY(db_run(voice->db, "CREATE INDEX IF NOT EXISTS gc_begin ON gc (heap_id, begin_ns, id)"));
    return db_run_formatted(
        voice->db,
        "UPDATE eval SET heap_after_gc_bytes = (SELECT used_after_bytes FROM gc"
        " WHERE gc.heap_id = eval.heap_id AND gc.begin_ns >= eval.begin_ns + eval.duration_ns"
        " ORDER BY gc.begin_ns, gc.id LIMIT 1)"
        " WHERE run_id = %lld AND heap_id IS NOT NULL AND duration_ns IS NOT NULL",
        (long long)voice->run_id);
}
