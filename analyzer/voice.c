/* SPDX-License-Identifier: Apache-2.0 */
/* voice.c -- see voice.h. A run begins and ends; each mark goes where it belongs. */
#include "voice_state.h"

#include "diag.h"

status voice_no_memory(void)
{
    diag_error("could not import: out of memory for what the program told");
    return FAIL;
}

/* Makes room for one more element. */
status voice_grow(void *array, size_t count, size_t *room, size_t element_bytes)
{
    void **at = array;

    if (count == *room) {
        size_t more = *room + *room / 2 + 16;
        void *grown = realloc(*at, more * element_bytes);

        if (!grown) {
            return voice_no_memory();
        }
        *at = grown;
        *room = more;
    }
    return OK;
}

status voice_find_thread(struct voice *voice, uint32_t thread, struct voice_thread **out)
{
    *out = sparse_make(&voice->threads, thread);
    return *out ? OK : voice_no_memory();
}

void voice_bind_id(struct statement *insert, int at, int64_t id)
{
    if (id) {
        db_bind_int(insert, at, id);
    }
}

const char *voice_choose(const char *const *names, size_t count, uint64_t value)
{
    return value < count ? names[value] : "other";
}

/* ---- statements ---- */

struct prepared {
    const char *sql;
    struct statement **out;
};

#define SUMS_INTO(table, keys, conflict)                                                           \
    "INSERT INTO " table " (run_id, " keys ", samples, bytes, bytes_sq, bytes_var, blocks,"        \
    " blocks_sq, blocks_var) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"                          \
    " ON CONFLICT (" conflict ") DO UPDATE SET samples = samples + excluded.samples,"              \
    " bytes = bytes + excluded.bytes, bytes_sq = bytes_sq + excluded.bytes_sq,"                    \
    " bytes_var = bytes_var + excluded.bytes_var, blocks = blocks + excluded.blocks,"              \
    " blocks_sq = blocks_sq + excluded.blocks_sq, blocks_var = blocks_var + excluded.blocks_var"

static status prepare_all(struct voice *voice)
{
    struct voice_statements *insert = &voice->insert;
    const struct prepared all[] = {
        {"INSERT INTO mark (run_id, time_ns, name) VALUES (?, ?, ?)", &insert->mark},
        {"INSERT OR IGNORE INTO pause VALUES (?, ?, ?)", &insert->pause},
        {"INSERT INTO frame_stream VALUES (?, ?, ?, ?, ?)", &insert->stream},
        {"INSERT INTO frame_mark VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
         " ?, ?, ?, ?, NULL)",
         &insert->frame},
        {"INSERT INTO phase VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert->phase},
        {"INSERT INTO eval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
         " 0, 0, 0, 0, 0, 0, 0)",
         &insert->eval},
        {"INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
         " ?, ?, ?, ?, ?, ?, ?, ?, ?)",
         &insert->span},
        {"INSERT INTO heap VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert->heap},
        {"INSERT OR REPLACE INTO heap_usage VALUES (?, ?, ?, ?, ?, ?)", &insert->heap_usage},
        {"INSERT INTO gc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
         " ?, ?, ?)",
         &insert->gc},
        {"INSERT INTO gc_pause (run_id, heap_id, gc_id, begin_ns, duration_ns)"
         " VALUES (?, ?, ?, ?, ?)",
         &insert->gc_pause},
        {"INSERT OR REPLACE INTO gc_survivor VALUES (?, ?, ?, ?, ?, ?, ?)", &insert->gc_survivor},
        {"INSERT INTO gc_site VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert->gc_site},
        {"INSERT INTO class VALUES (?, ?, ?, ?, ?)", &insert->class},
        {"INSERT OR REPLACE INTO class_profile VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
         &insert->class_profile},
        {"INSERT OR REPLACE INTO retained_set VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &insert->retained},
        {"INSERT INTO pool VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert->pool},
        {"INSERT OR REPLACE INTO pool_tick VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
         &insert->pool_tick},
        {"INSERT OR REPLACE INTO pool_stale VALUES (?, ?, ?, ?, ?)", &insert->pool_stale},
        {"INSERT OR REPLACE INTO pool_map VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &insert->pool_map},
        {"INSERT INTO pull VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &insert->pull},
        {SUMS_INTO("span_leftover", "span_id, stack_id, spans_after, gcs_after",
                   "run_id, span_id, stack_id"),
         &insert->leftover},
        {SUMS_INTO("eval_leftover", "eval_id, stack_id, evals_after, gcs_after",
                   "run_id, eval_id, stack_id"),
         &insert->eval_leftover},
        {"INSERT INTO scope_stat VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
         " SET begun = begun + excluded.begun, freed_late = freed_late + excluded.freed_late",
         &insert->scope},
        {"UPDATE eval SET left_samples = left_samples + ?6, left_bytes = left_bytes + ?7,"
         " left_bytes_sq = left_bytes_sq + ?8, left_bytes_var = left_bytes_var + ?9,"
         " left_blocks = left_blocks + ?10, left_blocks_sq = left_blocks_sq + ?11,"
         " left_blocks_var = left_blocks_var + ?12"
         " WHERE id = ?2 AND duration_ns IS NOT NULL",
         &insert->eval_left},
        {SUMS_INTO("survival_stat", "heap_id, class_id, stack_id, generation",
                   "run_id, heap_id, class_id, stack_id, generation"),
         &insert->survival},
        {SUMS_INTO("first_gc_stat", "heap_id, class_id, stack_id, survived",
                   "run_id, heap_id, class_id, stack_id, survived"),
         &insert->first_gc},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        TRY(db_prepare(voice->db, all[i].sql, all[i].out));
    }
    return OK;
}

/* ---- runs ---- */

status voice_open(struct db *db, struct stack_table *stacks, struct voice **out)
{
    struct voice *voice = *out = calloc(1, sizeof *voice);

    if (!voice) {
        return voice_no_memory();
    }
    voice->db = db;
    voice->stacks = stacks;
    voice->names.element_bytes = sizeof(struct text);
    voice->streams.element_bytes = sizeof(struct voice_stream);
    voice->heaps.element_bytes = sizeof(struct voice_heap);
    voice->pools.element_bytes = sizeof(struct voice_pool);
    voice->classes.element_bytes = sizeof(struct voice_class);
    voice->threads.element_bytes = sizeof(struct voice_thread);
    voice->kinds.element_bytes = voice->labels.element_bytes = sizeof(struct voice_scope);
    return prepare_all(voice);
}

static void clear_streams(struct voice *voice)
{
    for (uint32_t id = 0; id < VOICE_STREAMS_MAX; id++) {
        struct voice_stream *stream = sparse_find(&voice->streams, id);

        for (size_t i = 0; stream && i < stream->phase_count; i++) {
            free(stream->phases[i]);
        }
        free(stream ? stream->phases : NULL);
    }
    sparse_clear(&voice->streams);
}

static void clear_heaps(struct voice *voice)
{
    for (uint32_t id = 0; id < VOICE_HEAPS_MAX; id++) {
        struct voice_heap *heap = sparse_find(&voice->heaps, id);

        if (heap) {
            voice_sites_clear(&heap->sites);
            sparse_clear(&heap->counters);
            free(heap->roots);
        }
    }
    sparse_clear(&voice->heaps);
}

static void clear_threads(struct voice *voice)
{
    for (uint32_t i = 0; i < voice->threads.piece_count << SPARSE_PIECE_BITS; i++) {
        struct voice_thread *thread = sparse_find(&voice->threads, i);

        if (!thread) {
            i |= SPARSE_PIECE - 1;
            continue;
        }
        for (uint32_t k = 0; k < thread->eval_made; k++) {
            free(thread->evals[k]);
        }
        free(thread->evals);
        free(thread->spans);
    }
    sparse_clear(&voice->threads);
}

/* Forgets everything but the row ids given so far. */
static void forget(struct voice *voice)
{
    while (voice->first_span) {
        struct voice_span *next = voice->first_span->next;

        free(voice->first_span);
        voice->first_span = next;
    }
    free(voice->spans);
    voice->spans = NULL;
    voice->span_count = voice->span_slots = 0;
    voice_contexts_clear(voice);
    clear_streams(voice);
    clear_heaps(voice);
    clear_threads(voice);
    voice_pools_end(voice);
    sparse_clear(&voice->pools);
    sparse_clear(&voice->classes);
    sparse_clear(&voice->kinds);
    sparse_clear(&voice->labels);
    sparse_clear(&voice->names);
    text_pool_free(&voice->texts);
    voice_sums_clear(&voice->leftovers);
    voice_sums_clear(&voice->evals_left);
    voice_sums_clear(&voice->eval_leftovers);
    voice_sums_clear(&voice->survival);
    voice_sums_clear(&voice->first_gc);
}

void voice_close(struct voice *voice)
{
    if (voice) {
        forget(voice);
        free(voice);
    }
}

void voice_begin_run(struct voice *voice, int64_t run_id)
{
    forget(voice);
    voice->run_id = run_id;
    voice->speaks = voice->full = voice->parents_wait = false;
    voice->losses = (struct voice_losses){0};
    voice->now_ns = voice->collections = voice->stood_ns = 0;
    voice->pause_begin_ns = voice->forgotten_ns = 0;
    voice->stand_count = 0;
    voice->collection = 0;
    voice->pauses_open = voice->frame_count = voice->heap_count = voice->name_limit = 0;
    voice->newest = NULL;
    voice->version = 1; /* caches begin at 0 */
    voice->recording_paused_ns = UNKNOWN;
    memset(voice->pulls, 0, sizeof voice->pulls);
    memset(voice->before_gc, 0, sizeof voice->before_gc);
}

const struct voice_losses *voice_get_losses(const struct voice *voice) { return &voice->losses; }

void voice_unmatched_move(struct voice *voice) { voice->losses.unmatched_moves++; }

/* ---- marks ---- */

static status insert_mark(struct voice *voice, const struct mark *mark, uint64_t now_ns)
{
    struct statement *insert = voice->insert.mark;

    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, (int64_t)now_ns);
    voice_bind_name(voice, insert, 3, mark_argument(mark, 0));
    return db_insert(insert);
}

static status insert_pause(struct voice *voice, uint64_t end_ns)
{
    struct statement *insert = voice->insert.pause;

    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, (int64_t)voice->recording_paused_ns);
    db_bind_known(insert, 3, end_ns);
    voice->losses.paused_ns +=
        (end_ns == UNKNOWN ? voice->now_ns : end_ns) - voice->recording_paused_ns;
    voice->recording_paused_ns = UNKNOWN;
    return db_insert(insert);
}

static status pause_mark(struct voice *voice, bool begins, uint64_t now_ns)
{
    bool paused = voice->recording_paused_ns != UNKNOWN;

    if (begins && !paused) {
        voice->recording_paused_ns = now_ns;
    } else if (!begins && paused) {
        return insert_pause(voice, now_ns);
    } else {
        voice->losses.begins_inside += begins;
        voice->losses.ends_without_begin += !begins;
    }
    return OK;
}

status voice_mark(struct voice *voice, const struct mark *mark, bool full,
                  struct voice_moment moment)
{
    voice->speaks = voice->losses.told = true;
    voice->full = full;
    if (mark->thread) { /* else: the recorder's own, written ahead of what still waits in rings */
        voice->now_ns = moment.now_ns > voice->now_ns ? moment.now_ns : voice->now_ns;
        moment.now_ns = voice->now_ns;
    }
    if (moment.thread == VOICE_NO_THREAD && mark->kind <= MR_MARK_SPAN_PROGRESS) {
        voice->losses.unknown_ids++;
        return OK;
    }
    switch (mark->kind) {
    case MR_MARK_FRAME_BEGIN:
    case MR_MARK_FRAME_END:
        return voice_frame_mark(voice, mark, moment);
    case MR_MARK_PHASE_BEGIN:
    case MR_MARK_PHASE_END:
        return voice_phase_mark(voice, mark, moment);
    case MR_MARK_EVAL_BEGIN:
    case MR_MARK_EVAL_END:
        return voice_eval_mark(voice, mark, moment);
    case MR_MARK_SPAN_BEGIN:
    case MR_MARK_SPAN_END:
    case MR_MARK_SPAN_ENTER:
    case MR_MARK_SPAN_LEAVE:
    case MR_MARK_SPAN_FIRST_RESULT:
    case MR_MARK_SPAN_ITEMS:
    case MR_MARK_SPAN_PROGRESS:
        return voice_span_mark(voice, mark, moment);
    case MR_MARK_GC_BEGIN:
    case MR_MARK_GC_END:
    case MR_MARK_GC_PAUSE_BEGIN:
    case MR_MARK_GC_PAUSE_END:
    case MR_MARK_GC_CYCLE:
    case MR_MARK_GC_SURVIVORS:
        return voice_gc_mark(voice, mark, moment);
    case MR_MARK_POOL_STATE:
    case MR_MARK_POOL_STALE:
    case MR_MARK_POOL_SLOTS:
        return voice_pool_mark(voice, mark, moment);
    case MR_MARK_HEAP_USAGE:
    case MR_MARK_CLASS_PROFILE:
    case MR_MARK_RETAINED:
    case MR_MARK_PULL:
        return voice_profile_mark(voice, mark, moment);
    case MR_MARK_MARK:
        return insert_mark(voice, mark, moment.now_ns);
    case MR_MARK_PAUSE:
    case MR_MARK_RESUME:
        return pause_mark(voice, mark->kind == MR_MARK_PAUSE, moment.now_ns);
    default: /* INTERVAL is in the samples; others are of a later version */
        return OK;
    }
}

/* ---- the end ---- */

status voice_end(struct voice *voice, uint64_t end_ns)
{
    if (!voice->speaks) {
        return OK;
    }
    voice->now_ns = end_ns > voice->now_ns ? end_ns : voice->now_ns;
    TRY(voice_contexts_end(voice));
    TRY(voice_frames_end(voice));
    TRY(voice_evals_end(voice));
    TRY(voice_gc_end(voice));
    voice_pools_end(voice);
    return voice->recording_paused_ns == UNKNOWN ? OK : insert_pause(voice, UNKNOWN);
}

status voice_write(struct voice *voice)
{
    if (voice->speaks) {
        TRY(voice_sums_flush(voice, voice->leftovers, voice->insert.leftover));
        TRY(voice_sums_flush(voice, voice->evals_left, voice->insert.eval_left));
        TRY(voice_sums_flush(voice, voice->eval_leftovers, voice->insert.eval_leftover));
        TRY(voice_sums_flush(voice, voice->survival, voice->insert.survival));
        TRY(voice_sums_flush(voice, voice->first_gc, voice->insert.first_gc));
        TRY(voice_spans_end(voice));
        TRY(voice_profiles_end(voice));
        TRY(voice_write_definitions(voice));
        TRY(voice_gc_settle(voice));
        TRY(voice_frames_settle(voice));
        TRY(voice_evals_settle(voice));
        TRY(voice_spans_settle(voice));
        TRY(voice_scopes_write(voice));
    }
    return OK;
}
