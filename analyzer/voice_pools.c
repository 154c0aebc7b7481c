/* SPDX-License-Identifier: Apache-2.0 */
/* voice_pools.c -- pools: their state, arenas not reset in their frame, and which slots are taken. */
#include "voice_state.h"

enum { CELLS = 256, FIRST_WORD = 4, WORD_SLOTS = 64 };

struct voice_slots { /* a map of one snapshot, whose words come in order */
    uint64_t snapshot, slots, next;
    uint64_t used, free_runs, longest_free_run, free_run;
    uint64_t stretch;      /* slots per cell */
    uint64_t taken[CELLS]; /* per cell */
};

/* ---- state ---- */

static status insert_tick(struct voice *voice, const struct voice_pool *pool,
                          const struct mark *mark, uint64_t now_ns)
{
    struct statement *insert = voice->insert.pool_tick;

    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, pool->is.row);
    db_bind_int(insert, 3, (int64_t)now_ns);
    for (unsigned i = 1; i <= 11; i++) {
        db_bind_known(insert, 3 + (int)i, mark_argument(mark, i));
    }
    return db_insert(insert);
}

static status insert_stale(struct voice *voice, const struct voice_pool *pool,
                           const struct mark *mark, uint64_t now_ns)
{
    struct statement *insert = voice->insert.pool_stale;
    uint64_t id = mark_argument(mark, 1);
    struct voice_stream *stream = NULL;

    if (id && id != UNKNOWN) {
        TRY(voice_find_stream(voice, id, &stream));
    }
    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, pool->is.row);
    db_bind_int(insert, 3, (int64_t)now_ns);
    /* Told just before its frame's end, or just after. */
    voice_bind_id(insert, 4, !stream ? 0 : stream->frame ? stream->frame : stream->last_frame);
    db_bind_known(insert, 5, mark_argument(mark, 2));
    return db_insert(insert);
}

/* ---- slot maps ---- */

static uint64_t greater(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void add_word(struct voice_slots *slots, uint64_t word)
{
    for (unsigned bit = 0; bit < WORD_SLOTS && slots->next < slots->slots; bit++, slots->next++) {
        if (word >> bit & 1) {
            slots->used++;
            slots->taken[slots->next / slots->stretch]++;
            slots->free_run = 0;
        } else {
            slots->free_runs += slots->free_run++ == 0;
            slots->longest_free_run = greater(slots->longest_free_run, slots->free_run);
        }
    }
}

/* 0 only when all of it is free, f only when all is taken. */
static char cell_digit(const struct voice_slots *slots, uint64_t cell)
{
    uint64_t first = cell * slots->stretch;
    uint64_t size = slots->slots - first < slots->stretch ? slots->slots - first : slots->stretch;
    uint64_t taken = slots->taken[cell];
    uint64_t digit = taken == 0 ? 0 : taken == size ? 15 : 1 + 14 * taken / size;

    return "0123456789abcdef"[digit == 15 && taken < size ? 14 : digit];
}

static status insert_map(struct voice *voice, const struct voice_pool *pool,
                         const struct voice_slots *slots, uint64_t now_ns)
{
    struct statement *insert = voice->insert.pool_map;
    char cells[CELLS + 1] = "";

    for (uint64_t cell = 0; cell * slots->stretch < slots->slots; cell++) {
        cells[cell] = cell_digit(slots, cell);
    }
    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, pool->is.row);
    db_bind_int(insert, 3, (int64_t)now_ns);
    db_bind_int(insert, 4, (int64_t)slots->slots);
    db_bind_int(insert, 5, (int64_t)slots->used);
    db_bind_int(insert, 6, (int64_t)slots->free_runs);
    db_bind_int(insert, 7, (int64_t)slots->longest_free_run);
    db_bind_string(insert, 8, cells);
    return db_insert(insert);
}

static void abandon_map(struct voice *voice, struct voice_pool *pool)
{
    if (pool->slots) {
        voice->losses.partial_slot_maps++;
        free(pool->slots);
        pool->slots = NULL;
    }
}

/* snapshot, pool, slots, first slot here, words */
static status add_slots(struct voice *voice, struct voice_pool *pool, const struct mark *mark,
                        uint64_t now_ns)
{
    uint64_t snapshot = mark_argument(mark, 0);
    uint64_t count = mark_argument(mark, 2);
    uint64_t first = mark_argument(mark, 3);

    if (first == 0) {
        abandon_map(voice, pool);
        if (count == 0 || count > INT64_MAX || !(pool->slots = calloc(1, sizeof *pool->slots))) {
            return count == 0 || count > INT64_MAX ? OK : voice_no_memory();
        }
        *pool->slots = (struct voice_slots){
            .snapshot = snapshot, .slots = count, .stretch = (count - 1) / CELLS + 1};
    }
    struct voice_slots *slots = pool->slots;
    if (!slots) {
        voice->losses.partial_slot_maps += first != 0;
        return OK; /* its beginning is lost, which is counted there */
    }
    if (slots->snapshot != snapshot || slots->slots != count || slots->next != first) {
        abandon_map(voice, pool); /* a piece is lost */
        return OK;
    }
    for (uint32_t i = FIRST_WORD; i < mark->argument_count; i++) {
        add_word(slots, mark->arguments[i]);
    }
    if (slots->next < slots->slots) {
        return OK;
    }
    status result = insert_map(voice, pool, slots, now_ns);
    free(pool->slots);
    pool->slots = NULL;
    return result;
}

status voice_pool_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_pool *pool;

    TRY(voice_find_pool(voice, mark_argument(mark, mark->kind == MR_MARK_POOL_SLOTS), &pool));
    if (!pool) {
        return OK;
    }
    switch (mark->kind) {
    case MR_MARK_POOL_STATE:
        return insert_tick(voice, pool, mark, moment.now_ns);
    case MR_MARK_POOL_STALE:
        return insert_stale(voice, pool, mark, moment.now_ns);
    default:
        return add_slots(voice, pool, mark, moment.now_ns);
    }
}

void voice_pools_end(struct voice *voice)
{
    for (uint32_t id = 0; id < voice->pools.piece_count << SPARSE_PIECE_BITS; id++) {
        struct voice_pool *pool = sparse_find(&voice->pools, id);

        if (pool) {
            abandon_map(voice, pool);
        }
    }
}
