/* SPDX-License-Identifier: Apache-2.0 */
/* waterfall_rows.c -- see waterfall_rows.h. */
#include "waterfall_rows.h"

#include "diag.h"
#include "leak_test.h"
#include "waterfall.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENTENCE_BYTES = 400,
    GLIBC_HEADER_BYTES = 8,
    MOVED_SHARE = 50,          /* an answer counts while no more than such a part has changed ... */
    SAME_MOMENT_NS = 20000000, /* ... or when it is as good as simultaneous */
    GLIBC_CACHE_BYTES = 240128, /* of a thread: 7 blocks of each of 64 sizes from 32 to 1040 */
};

/* ---- while events stream by ---- */

void waterfall_rows_begin(struct waterfall_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    rows->next_ns = UINT64_MAX;
}

static uint64_t next_of(const struct waterfall_track *track)
{
    return track->waiting < track->count ? track->moments[track->waiting].time_ns : UINT64_MAX;
}

static void wait_for_next(struct waterfall_rows *rows)
{
    uint64_t look_ns = next_of(&rows->looks);
    uint64_t answer_ns = next_of(&rows->answers);

    rows->next_ns = look_ns < answer_ns ? look_ns : answer_ns;
}

/* Keeps the larger one of each two. The last two stay: one of them may be the end. */
static void thin(struct waterfall_track *track)
{
    uint32_t kept = 0;
    uint32_t waiting = track->waiting;

    track->waiting = 0;
    for (uint32_t i = 0; i < track->count; i++) {
        bool pair = i + 3 < track->count;
        uint32_t larger =
            pair && track->moments[i + 1].size_bytes > track->moments[i].size_bytes ? i + 1 : i;

        track->waiting += larger < waiting;
        track->moments[kept++] = track->moments[larger];
        i += pair;
    }
    track->count = kept;
}

static void add_moment(struct waterfall_track *track, uint64_t time_ns, int64_t size_bytes)
{
    if (track->count && time_ns <= track->moments[track->count - 1].time_ns) {
        return; /* a trace whose clock goes back */
    }
    if (track->count == WATERFALL_MOMENTS_MAX) {
        thin(track);
    }
    track->moments[track->count++] =
        (struct waterfall_moment){.time_ns = time_ns, .size_bytes = size_bytes};
}

void waterfall_rows_look(struct waterfall_rows *rows, uint64_t time_ns, int64_t size_bytes)
{
    add_moment(&rows->looks, time_ns, size_bytes);
    wait_for_next(rows);
}

void waterfall_rows_answer(struct waterfall_rows *rows, uint64_t time_ns, int64_t size_bytes)
{
    add_moment(&rows->answers, time_ns, size_bytes);
    wait_for_next(rows);
}

static struct waterfall_live live_now(const struct waterfall_rows *rows,
                                      const struct rollup *rollup)
{
    struct waterfall_live live;
    const struct sums *sums = rollup_live(rollup, &live.usable);

    live.bytes = fmax(0, sums->bytes - rows->objects.bytes);
    live.bytes_sq = fmax(0, sums->bytes_sq - rows->objects.bytes_sq);
    live.bytes_var = fmax(0, sums->bytes_var - rows->objects.bytes_var);
    live.usable = fmax(live.bytes, live.usable - rows->objects.usable);
    live.blocks = fmax(0, sums->blocks - rows->objects.blocks);
    return live;
}

static void pass(struct waterfall_track *track, uint64_t now_ns, const struct waterfall_live *live)
{
    while (track->waiting < track->count && track->moments[track->waiting].time_ns <= now_ns) {
        track->moments[track->waiting++].live = *live;
    }
}

void waterfall_rows_pass(struct waterfall_rows *rows, uint64_t now_ns, const struct rollup *rollup)
{
    const struct waterfall_live live = live_now(rows, rollup);

    pass(&rows->looks, now_ns, &live);
    pass(&rows->answers, now_ns, &live);
    wait_for_next(rows);
}

void waterfall_rows_object(struct waterfall_rows *rows, const struct rollup_block *block, int sign)
{
    double bytes = (double)block->size_bytes * block->weight;
    struct waterfall_live *objects = &rows->objects;

    objects->bytes += sign * bytes;
    objects->bytes_sq += sign * bytes * bytes;
    objects->bytes_var += sign * bytes * bytes * (1 - 1 / block->weight);
    objects->usable += sign * (bytes + (double)block->extra_bytes * block->weight);
    objects->blocks += sign * block->weight;
}

/* ---- when all rows are there ---- */

struct writer {
    struct waterfall_rows *rows;
    struct waterfall_track *looks;
    struct db *db;
    int64_t run_id;
    struct waterfall_facts *facts; /* by moment */
};

static int64_t known_or(struct statement *select, int column)
{
    return db_string(select, column) ? db_int(select, column) : WATERFALL_UNKNOWN;
}

/* A process that was too short-lived for a look at its mappings, or an older trace: its resident set alone. */
static status look_at_statm(struct writer *writer, uint64_t bucket_ns)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(
        writer->db,
        "SELECT time_ns FROM (SELECT time_ns, ROW_NUMBER() OVER (ORDER BY rss_bytes DESC,"
        " time_ns) AS large, ROW_NUMBER() OVER (ORDER BY time_ns DESC) AS late"
        " FROM process_tick WHERE run_id = ? AND rss_bytes IS NOT NULL)"
        " WHERE large = 1 OR late = 1 ORDER BY time_ns",
        &select));
    db_bind_int(select, 1, writer->run_id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        waterfall_rows_look(writer->rows, (uint64_t)db_int(select, 0), 0);
        TRY(db_step(select, &has_row));
    }
    db_reset(select);
    TRY(db_prepare(
        writer->db,
        "SELECT live_bytes, live_bytes_sq, live_bytes_var, live_usable_bytes, live_blocks"
        " FROM timeline WHERE run_id = ? AND bucket <= ? ORDER BY bucket DESC LIMIT 1",
        &select));
    for (uint32_t i = 0; i < writer->looks->count; i++) {
        struct waterfall_moment *moment = &writer->looks->moments[i];

        db_bind_int(select, 1, writer->run_id);
        db_bind_int(select, 2, (int64_t)(moment->time_ns / (bucket_ns ? bucket_ns : 1)));
        TRY(db_step(select, &has_row));
        if (has_row) {
            moment->live =
                (struct waterfall_live){db_real(select, 0), db_real(select, 1), db_real(select, 2),
                                        db_real(select, 3), db_real(select, 4)};
        }
        db_reset(select);
    }
    return OK;
}

static int64_t sum_of_known(const int64_t *bytes, int count)
{
    int64_t sum = 0;

    for (int i = 0; i < count; i++) {
        sum += bytes[i] == WATERFALL_UNKNOWN ? 0 : bytes[i];
    }
    return sum;
}

static status read_process(struct writer *writer)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(writer->db,
                   "SELECT heap_rss_bytes, anon_rss_bytes, stack_rss_bytes, file_rss_bytes,"
                   " shmem_rss_bytes, recorder_rss_bytes, static_rss_bytes, thread_stack_rss_bytes,"
                   " mapped_rss_bytes, arena_rss_bytes, allocator_rss_bytes, absent_bytes,"
                   " rss_bytes, shared_bytes FROM process_tick WHERE run_id = ? AND time_ns = ?",
                   &select));
    for (uint32_t i = 0; i < writer->looks->count; i++) {
        struct waterfall_facts *facts = &writer->facts[i];
        int64_t *const at[] = {&facts->heap,    &facts->anonymous, &facts->main_stack,
                               &facts->files,   &facts->shared,    &facts->recorder,
                               &facts->statics, &facts->stacks,    &facts->mapped,
                               &facts->arenas,  &facts->allocator, &facts->absent};

        db_bind_int(select, 1, writer->run_id);
        db_bind_int(select, 2, (int64_t)writer->looks->moments[i].time_ns);
        TRY(db_step(select, &has_row));
        for (int k = 0; k < 12; k++) {
            *at[k] = has_row ? known_or(select, k) : WATERFALL_UNKNOWN;
        }
        if (has_row && facts->anonymous == WATERFALL_UNKNOWN) {
            facts->rss = known_or(select, 12);
            facts->files = known_or(select, 13);
        } else {
            const int64_t kinds[] = {facts->heap,  facts->anonymous, facts->main_stack,
                                     facts->files, facts->shared,    facts->recorder};

            facts->rss = sum_of_known(kinds, 6);
        }
        db_reset(select);
    }
    return OK;
}

/* The answer of the allocator between which and the look least was allocated or freed; NULL: too much was, after
 * any. */
static const struct waterfall_moment *find_answer(const struct writer *writer, uint32_t number)
{
    const struct waterfall_moment *look = &writer->looks->moments[number];
    const struct waterfall_track *answers = &writer->rows->answers;
    double least = (double)writer->facts[number].rss / MOVED_SHARE;
    const struct waterfall_moment *best = NULL;
    uint32_t later = 0;

    while (later < answers->count && answers->moments[later].time_ns <= look->time_ns) {
        later++;
    }
    for (uint32_t i = later ? later - 1 : 0; i <= later && i < answers->count; i++) {
        const struct waterfall_moment *answer = &answers->moments[i];
        double moved = fabs(answer->live.usable - look->live.usable);
        uint64_t apart_ns = answer->time_ns > look->time_ns ? answer->time_ns - look->time_ns
                                                            : look->time_ns - answer->time_ns;

        if (apart_ns <= SAME_MOMENT_NS) {
            return answer;
        }
        if (moved <= least) {
            least = moved;
            best = answer;
        }
    }
    return best;
}

static status read_allocator(struct writer *writer)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(writer->db,
                   "SELECT used_bytes, free_bytes, top_bytes, dirty_bytes, cached_bytes,"
                   " metadata_bytes, mapped_bytes, arena_bytes FROM allocator_tick"
                   " WHERE run_id = ? AND time_ns = ?",
                   &select));
    for (uint32_t i = 0; i < writer->looks->count; i++) {
        struct waterfall_facts *facts = &writer->facts[i];
        const struct waterfall_moment *answer = find_answer(writer, i);
        int64_t *const at[] = {&facts->used,          &facts->free,   &facts->top,
                               &facts->dirty,         &facts->cached, &facts->metadata,
                               &facts->mapped_blocks, &facts->arena};

        db_bind_int(select, 1, writer->run_id);
        db_bind_int(select, 2, answer ? (int64_t)answer->time_ns : -1);
        TRY(db_step(select, &has_row));
        for (int k = 0; k < 8; k++) {
            *at[k] = has_row ? known_or(select, k) : WATERFALL_UNKNOWN;
        }
        db_reset(select);
    }
    return OK;
}

/* Adds to one fact of all moments what a subject's rows say: (subject, time_ns, bytes), in that order. What a
 * row says holds until the next of its subject. */
static status add_gauge(struct writer *writer, const char *sql, size_t offset)
{
    struct statement *select;
    bool has_row;
    int64_t subject = -1;
    int64_t now = 0;
    uint32_t at = writer->looks->count;

    TRY(db_prepare(writer->db, sql, &select));
    db_bind_int(select, 1, writer->run_id);
    TRY(db_step(select, &has_row));
    for (;;) {
        bool next = !has_row || db_int(select, 0) != subject;
        uint64_t time_ns = next ? UINT64_MAX : (uint64_t)db_int(select, 1);

        for (; at < writer->looks->count && writer->looks->moments[at].time_ns < time_ns; at++) {
            *(int64_t *)((char *)&writer->facts[at] + offset) += now;
        }
        if (!has_row) {
            return OK;
        }
        if (next) { /* the same row again, as the first of its subject */
            subject = db_int(select, 0);
            now = 0;
            at = 0;
            continue;
        }
        now = db_int(select, 2);
        TRY(db_step(select, &has_row));
    }
}

/* Garbage gathers evenly between two collections, as much as the later one frees; after the last one as before it. */
static status add_garbage(struct writer *writer)
{
    struct statement *select;
    bool has_row;
    int64_t heap = -1;
    int64_t begun = 0;
    int64_t length = 0;
    int64_t freed = 0;
    uint32_t at = 0;

    TRY(db_prepare(writer->db,
                   "SELECT heap_id, COALESCE(begin_ns, end_ns), COALESCE(end_ns, begin_ns),"
                   " COALESCE(reclaimed_bytes, 0) FROM gc WHERE run_id = ?"
                   " AND COALESCE(begin_ns, end_ns) IS NOT NULL ORDER BY heap_id, number",
                   &select));
    db_bind_int(select, 1, writer->run_id);
    TRY(db_step(select, &has_row));
    for (;;) {
        bool same = has_row && db_int(select, 0) == heap;
        int64_t end = same ? db_int(select, 1) : INT64_MAX;

        if (same) {
            length = end - begun;
            freed = db_int(select, 3) > 0 ? db_int(select, 3) : 0;
        }
        for (; at < writer->looks->count && (int64_t)writer->looks->moments[at].time_ns < end;
             at++) {
            int64_t age = (int64_t)writer->looks->moments[at].time_ns - begun;
            double part = age > 0 && length > 0 ? fmin(1, (double)age / (double)length) : 0;

            writer->facts[at].heap_garbage += (int64_t)((double)freed * part);
            writer->facts[at].heap_garbage_high += part > 0 ? freed : 0;
        }
        if (!has_row) {
            return OK;
        }
        if (!same) {
            heap = db_int(select, 0);
            begun = length = freed = 0;
            at = 0;
            continue;
        }
        begun = db_int(select, 2);
        TRY(db_step(select, &has_row));
    }
}

static void estimate(struct waterfall_facts *facts, const struct waterfall_live *live)
{
    double low = 0;
    double high = 0;
    double count = live->bytes_sq > 0 ? live->bytes * live->bytes / live->bytes_sq : 1;
    double spread =
        live->bytes_sq > 0 && live->bytes_var > 0 ? sqrt(live->bytes_var / live->bytes_sq) : 0;

    leak_garwood(count, &low, &high);
    facts->live = live->bytes;
    facts->live_low = live->bytes * (1 - (1 - low) * spread);
    facts->live_high = live->bytes * (1 + (high - 1) * spread);
    facts->usable = live->usable;
    facts->blocks = live->blocks;
}

/* What the sentence about the peak must add: the resident set alone is read more often than what it consists of. */
static status compare_peak(struct writer *writer, int64_t rss, char out[SENTENCE_BYTES],
                           const char *reason)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(writer->db, "SELECT MAX(rss_bytes) FROM process_tick WHERE run_id = ?",
                   &select));
    db_bind_int(select, 1, writer->run_id);
    TRY(db_step(select, &has_row));
    double once = has_row ? db_real(select, 0) : 0;
    db_reset(select);
    if (once > 1.05 * (double)rss && rss > 0) {
        snprintf(
            out, SENTENCE_BYTES,
            "%s; the resident set was once %.0f %% larger, for too short a time to look into it",
            reason, (once / (double)rss - 1) * 100);
    } else {
        snprintf(out, SENTENCE_BYTES, "%s", reason);
    }
    return OK;
}

static status write_moment(struct writer *writer, struct statement *insert_moment,
                           struct statement *insert_part, uint32_t number, uint32_t peak)
{
    int64_t time_ns = (int64_t)writer->looks->moments[number].time_ns;
    struct waterfall waterfall;
    char sentence[SENTENCE_BYTES];

    waterfall_split(&writer->facts[number], &waterfall);
    if (number == peak) {
        TRY(compare_peak(writer, writer->facts[number].rss, sentence, waterfall.reason));
        waterfall.reason = sentence;
    }
    db_bind_int(insert_moment, 1, writer->run_id);
    db_bind_int(insert_moment, 2, time_ns);
    db_bind_int(insert_moment, 3, writer->facts[number].rss);
    db_bind_int(insert_moment, 4, number == peak);
    db_bind_int(insert_moment, 5, number + 1 == writer->looks->count);
    db_bind_string(insert_moment, 6, waterfall.reason);
    TRY(db_insert(insert_moment));
    for (int i = 0; i < WATERFALL_PARTS; i++) {
        const struct waterfall_bytes *part = &waterfall.part[i];

        db_bind_int(insert_part, 1, writer->run_id);
        db_bind_int(insert_part, 2, time_ns);
        db_bind_int(insert_part, 3, i + 1);
        db_bind_string(insert_part, 4, waterfall_part_name((enum waterfall_part)i));
        if (part->bytes != WATERFALL_UNKNOWN) {
            db_bind_int(insert_part, 5, part->bytes);
            db_bind_int(insert_part, 6, part->low);
            db_bind_int(insert_part, 7, part->high);
        }
        TRY(db_insert(insert_part));
    }
    return OK;
}

static status write_all(struct writer *writer, const struct rollup *rollup,
                        waterfall_threads *threads, const void *context)
{
    struct statement *insert_moment;
    struct statement *insert_part;
    uint32_t peak = 0;

    if (writer->looks->count == 0) {
        TRY(look_at_statm(writer, rollup_bucket_ns(rollup)));
    }
    TRY(read_process(writer));
    TRY(read_allocator(writer));
    TRY(add_gauge(writer,
                  "SELECT t.pool_id, t.time_ns, MAX(t.reserved_bytes - t.used_bytes, 0)"
                  " FROM pool_tick t JOIN pool p ON p.id = t.pool_id WHERE t.run_id = ?"
                  " AND p.kind NOT IN ('tier', 'connection') AND t.reserved_bytes IS NOT NULL"
                  " AND t.used_bytes IS NOT NULL ORDER BY t.pool_id, t.time_ns",
                  offsetof(struct waterfall_facts, pool_unused)));
    TRY(add_gauge(writer,
                  "SELECT heap_id, time_ns, MAX(total_bytes - used_bytes, 0) FROM heap_usage"
                  " WHERE run_id = ? AND total_bytes IS NOT NULL AND used_bytes IS NOT NULL"
                  " ORDER BY heap_id, time_ns",
                  offsetof(struct waterfall_facts, heap_free)));
    TRY(add_garbage(writer));
    TRY(db_prepare(writer->db, "INSERT INTO rss_moment VALUES (?, ?, ?, ?, ?, ?)", &insert_moment));
    TRY(db_prepare(writer->db, "INSERT INTO rss_part VALUES (?, ?, ?, ?, ?, ?, ?)", &insert_part));
    for (uint32_t i = 0; i < writer->looks->count; i++) {
        struct waterfall_facts *facts = &writer->facts[i];
        bool glibc = facts->arena != WATERFALL_UNKNOWN || facts->arenas != WATERFALL_UNKNOWN;

        facts->header = glibc ? GLIBC_HEADER_BYTES : 0;
        if (glibc) {
            facts->cache_max =
                (int64_t)GLIBC_CACHE_BYTES * threads(context, writer->looks->moments[i].time_ns);
        }
        estimate(facts, &writer->looks->moments[i].live);
        peak = facts->rss > writer->facts[peak].rss ? i : peak;
    }
    for (uint32_t i = 0; i < writer->looks->count; i++) {
        TRY(write_moment(writer, insert_moment, insert_part, i, peak));
    }
    return OK;
}

status waterfall_rows_write(struct waterfall_rows *rows, struct db *db, int64_t run_id,
                            const struct rollup *rollup, waterfall_threads *threads,
                            const void *context)
{
    struct writer writer = {.rows = rows, .looks = &rows->looks, .db = db, .run_id = run_id};

    writer.facts = calloc(WATERFALL_MOMENTS_MAX, sizeof *writer.facts);
    if (!writer.facts) {
        diag_error("could not import: out of memory for the resident set");
        return FAIL;
    }
    status result = write_all(&writer, rollup, threads, context);
    free(writer.facts);
    return result;
}
