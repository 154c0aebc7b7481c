/* SPDX-License-Identifier: Apache-2.0 */
/* capacity.c -- see capacity.h. */
#include "capacity.h"

#include "capacity_estimate.h"
#include "capacity_spans.h"
#include "diag.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 64, PLACES_MAX = 4096, READINGS_MAX = 1 << 20 };
static const double look_ns = 1e8; /* between two looks at the pools */
static const double hour_ns = 3600e9;
static const double hardly_any = 1e-5; /* of the requests: more places are not worth having */

#define LEAKS                                                                                      \
    "(SELECT COALESCE(SUM(leak_rate_bytes_per_hour_high), 0) FROM leak"                            \
    " WHERE run_id = run.id AND verdict = 'leak')"

/* Each selects run.id, subject_id, run's end, resolution, grain, what leaks explain (bytes per hour), then of each
 * reading its time, the value from then on, the highest since the one before, and what does not count (-1: not told);
 * series by series, by time. */
static const struct measure {
    const char *name, *select;
} measures[] = {
    {"rss", "SELECT run.id, 0, run.duration_ns, 100000000, COALESCE(run.page_bytes, 4096), " LEAKS
            ", p.time_ns, p.rss_bytes, p.rss_bytes, COALESCE(p.recorder_rss_bytes, -1)"
            " FROM run JOIN process_tick p ON p.run_id = run.id WHERE p.rss_bytes IS NOT NULL"
            " ORDER BY run.id, p.time_ns"},
    {"live",
     "SELECT run.id, 0, run.duration_ns, run.bucket_ns, 256, " LEAKS
     ", MIN(t.start_ns + run.bucket_ns, run.duration_ns), CAST(t.live_bytes AS INTEGER),"
     " CAST(CASE WHEN run.peak_ns >= t.start_ns AND run.peak_ns < t.start_ns + run.bucket_ns"
     "  THEN (SELECT SUM(s.bytes) FROM stack_stat s WHERE s.run_id = run.id AND s.measure = 'peak')"
     "  ELSE t.live_bytes END AS INTEGER), 0"
     " FROM run JOIN timeline t ON t.run_id = run.id ORDER BY run.id, t.bucket"},
    {"heap", "WITH told (run_id, heap_id, time_ns, used) AS ("
             "  SELECT run_id, heap_id, time_ns, used_bytes FROM heap_usage"
             "  UNION ALL SELECT run_id, heap_id, begin_ns, used_before_bytes FROM gc"
             "  UNION ALL SELECT run_id, heap_id, end_ns, used_after_bytes FROM gc)"
             " SELECT run.id, t.heap_id, run.duration_ns, 10000000, 256, 0, t.time_ns, t.used,"
             " t.used, 0 FROM run JOIN told t ON t.run_id = run.id"
             " WHERE t.used IS NOT NULL AND t.time_ns IS NOT NULL"
             " ORDER BY run.id, t.heap_id, t.time_ns"},
    {"pool", "SELECT run.id, p.id, run.duration_ns, 100000000, COALESCE(p.slot_bytes,"
             " CASE p.kind WHEN 'connection' THEN 1 ELSE 64 END), 0, t.time_ns, t.used_bytes,"
             " COALESCE(t.wanted_bytes, t.highest_bytes, t.used_bytes), 0"
             " FROM run JOIN pool p ON p.run_id = run.id"
             " JOIN pool_tick t ON t.run_id = p.run_id AND t.pool_id = p.id"
             " WHERE t.used_bytes IS NOT NULL ORDER BY run.id, p.id, t.time_ns"},
};

static status no_memory(void)
{
    diag_error("could not plan the capacity: out of memory");
    return FAIL;
}

/* ---- a series ------------------------------------------------------------------------------- */

struct reading {
    int64_t time_ns, value, peak;
};

struct series {
    int64_t run_id, subject_id, end_ns, grain;
    double resolution_ns, leaks; /* leaks: bytes per hour */
    struct reading *rows;
    size_t count, capacity;
};

struct statements { /* `places` selects, the others insert */
    struct statement *series, *risk, *occupancy, *wait, *places;
};

/* Every second reading goes; its peak stays with the one after it. */
static void thin(struct series *series)
{
    size_t kept = 0;

    for (size_t i = 0; i + 1 < series->count; i += 2) {
        struct reading reading = series->rows[i + 1];

        reading.time_ns = series->rows[i].time_ns;
        reading.peak = series->rows[i].peak > reading.peak ? series->rows[i].peak : reading.peak;
        series->rows[kept++] = reading;
    }
    series->count = kept;
}

static status add_reading(struct series *series, struct reading reading)
{
    if (series->count == READINGS_MAX) {
        thin(series);
    }
    if (series->count == series->capacity) {
        size_t capacity = series->capacity ? 2 * series->capacity : 1024;
        struct reading *rows = realloc(series->rows, capacity * sizeof *rows);

        if (!rows) {
            return no_memory();
        }
        series->rows = rows;
        series->capacity = capacity;
    }
    series->rows[series->count++] = reading;
    return OK;
}

/* ---- its row -------------------------------------------------------------------------------- */

struct held { /* a value, and for how long */
    int64_t value, ns;
};

static int compare_held(const void *left, const void *right)
{
    const struct held *l = left, *r = right;

    return (l->value > r->value) - (l->value < r->value);
}

/* Binds the values that are exceeded for a half, a tenth, a twentieth and a hundredth of the time. */
static status bind_quantiles(const struct series *series, struct statement *insert, int at)
{
    static const double parts[] = {0.5, 0.9, 0.95, 0.99};
    struct held *held = malloc(series->count * sizeof *held);
    int64_t all_ns = 0, ns = 0;
    size_t part = 0;

    if (!held) {
        return no_memory();
    }
    for (size_t i = 0; i < series->count; i++) {
        int64_t next_ns = i + 1 < series->count ? series->rows[i + 1].time_ns : series->end_ns;
        int64_t for_ns = next_ns > series->rows[i].time_ns ? next_ns - series->rows[i].time_ns : 0;

        held[i] = (struct held){series->rows[i].value, for_ns};
        all_ns += for_ns;
    }
    qsort(held, series->count, sizeof *held, compare_held);
    for (size_t i = 0; i < series->count; i++) {
        ns += held[i].ns;
        while (part < 4 && (i + 1 == series->count || (double)ns >= parts[part] * (double)all_ns)) {
            db_bind_int(insert, at + (int)part++, held[i].value);
        }
    }
    free(held);
    return OK;
}

static void bind_maximum(const struct series *series, struct statement *insert, int at)
{
    const struct reading *highest = series->rows;

    for (size_t i = 1; i < series->count; i++) {
        if (series->rows[i].peak > highest->peak) {
            highest = &series->rows[i];
        }
    }
    db_bind_int(insert, at, highest->peak);
    db_bind_int(insert, at + 1, highest->time_ns);
}

static void bind_rounded(struct statement *insert, int at, double value)
{
    db_bind_int(insert, at, (int64_t)llround(value));
}

enum whole { DOWN, UP };

/* In whole grains; the digits behind are no one's. */
static void bind_level(struct statement *insert, int at, const struct series *series, double value,
                       enum whole whole)
{
    double grain = series->grain > 0 ? (double)series->grain : 1, grains = value / grain;

    bind_rounded(insert, at, (whole == UP ? ceil(grains - 1e-6) : floor(grains + 1e-6)) * grain);
}

/* To five digits, which is more than an interval leaves. */
static void bind_slope(struct statement *insert, int at, double value)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%.5g", value);
    db_bind_real(insert, at, strtod(digits, NULL));
}

static void bind_study(const struct capacity_study *study, const struct series *series,
                       double step_ns, struct statement *insert, int at)
{
    static const char *const methods[] = {NULL, "order", "tail"};
    static const char *const trends[] = {NULL, "level", "falls", "grows"};
    double per_hour = step_ns > 0 ? hour_ns / step_ns : 0;

    db_bind_string(insert, at, methods[study->method]);
    if (study->method != CAPACITY_NONE) {
        bind_rounded(insert, at + 1, (double)study->warm_up * step_ns);
        if (study->period) {
            bind_rounded(insert, at + 2, (double)study->period * step_ns);
        }
        bind_rounded(insert, at + 3, (double)study->block * step_ns);
        db_bind_int(insert, at + 4, (int64_t)study->blocks);
        bind_level(insert, at + 5, series, study->bytes[CAPACITY_RISK_EVEN], UP);
        bind_level(insert, at + 6, series, study->bytes[CAPACITY_RISK_LOW], DOWN);
        bind_level(insert, at + 7, series, study->bytes[CAPACITY_RISK_HIGH], UP);
    }
    db_bind_string(insert, at + 8, trends[study->trend]);
    db_bind_int(insert, at + 9, study->explained);
    if (study->trend != CAPACITY_UNTOLD) {
        bind_slope(insert, at + 10, study->slope * per_hour);
        bind_slope(insert, at + 11, study->slope_low * per_hour);
        bind_slope(insert, at + 12, study->slope_high * per_hour);
        bind_level(insert, at + 13, series, study->level, UP);
        bind_level(insert, at + 14, series, study->level_low, DOWN);
        bind_level(insert, at + 15, series, study->level_high, UP);
    }
}

static status write_risks(const struct series *series, const struct measure *measure,
                          const struct capacity_study *study, struct statement *insert)
{
    for (int i = 0; i < CAPACITY_RISKS && study->method != CAPACITY_NONE; i++) {
        db_bind_int(insert, 1, series->run_id);
        db_bind_string(insert, 2, measure->name);
        db_bind_int(insert, 3, series->subject_id);
        db_bind_real(insert, 4, capacity_risks[i]);
        bind_level(insert, 5, series, study->bytes[i], UP);
        TRY(db_insert(insert));
    }
    return OK;
}

/* ---- pools ---------------------------------------------------------------------------------- */

/* For how long it held how much, and in how many looks it wanted how much, in SIZES equal steps. */
static status write_occupancy(const struct series *series, struct statement *insert)
{
    int64_t highest = 0, grain = series->grain > 0 ? series->grain : 1;
    double time_ns[SIZES + 1] = {0}, looks[SIZES + 1] = {0};

    for (size_t i = 0; i < series->count; i++) {
        highest = series->rows[i].peak > highest ? series->rows[i].peak : highest;
    }
    int64_t step = ((highest - 1) / SIZES / grain + 1) * grain;
    for (size_t i = 0; i < series->count; i++) {
        const struct reading *row = &series->rows[i];
        int64_t next_ns = i + 1 < series->count ? row[1].time_ns : series->end_ns;
        double held_ns = next_ns > row->time_ns ? (double)(next_ns - row->time_ns) : 0;
        int64_t used = row->value > 0 ? (row->value - 1) / step + 1 : 0;
        int64_t wanted = row->peak > 0 ? (row->peak - 1) / step + 1 : 0;

        time_ns[used] += held_ns;
        looks[wanted]++;
        /* no look told anything until the one before the next: nothing moved */
        looks[used] += held_ns > look_ns ? round(held_ns / look_ns) - (i + 1 < series->count) : 0;
    }
    for (int64_t i = 0; i <= SIZES && highest > 0; i++) {
        if (time_ns[i] > 0 || looks[i] > 0) {
            db_bind_int(insert, 1, series->run_id);
            db_bind_int(insert, 2, series->subject_id);
            db_bind_int(insert, 3, i * step);
            bind_rounded(insert, 4, time_ns[i]);
            bind_rounded(insert, 5, looks[i]);
            TRY(db_insert(insert));
        }
    }
    return OK;
}

/* Of a pool whose requests take a place each, and wait or are refused when there is none. */
struct places {
    unsigned slots;
    double waited_ns;
    bool refuses;
};

static status read_places(const struct series *series, struct statement *select, bool *found,
                          struct places *out)
{
    db_bind_int(select, 1, series->run_id);
    db_bind_int(select, 2, series->subject_id);
    TRY(db_step(select, found));
    if (*found) {
        *out = (struct places){.slots = (unsigned)db_int(select, 0),
                               .waited_ns = db_real(select, 1),
                               .refuses = db_int(select, 2) > 0};
        db_reset(select);
    }
    return OK;
}

/* Which part of the requests would wait, or be refused, at every number of places worth having. */
static status write_places(const struct series *series, const struct statements *with)
{
    double busy = 0, length_ns = (double)(series->end_ns - series->rows[0].time_ns);
    struct places places;
    bool found;

    TRY(read_places(series, with->places, &found, &places));
    if (!found || length_ns <= 0) {
        return OK;
    }
    for (size_t i = 0; i < series->count; i++) {
        int64_t next_ns = i + 1 < series->count ? series->rows[i + 1].time_ns : series->end_ns;

        busy += (double)series->rows[i].value / (double)series->grain *
                (double)(next_ns - series->rows[i].time_ns) / length_ns;
    }
    /* Who waited would have been served beside the others. Where nobody waits, what was refused is not told. */
    double load = places.refuses && places.waited_ns == 0
                      ? capacity_offered(fmin(busy, places.slots), places.slots)
                      : busy + places.waited_ns / length_ns;
    double refused = 1;
    for (unsigned slots = 1; slots <= PLACES_MAX && refused > hardly_any; slots++) {
        refused = capacity_refused_by(load, slots, refused);
        db_bind_int(with->wait, 1, series->run_id);
        db_bind_int(with->wait, 2, series->subject_id);
        db_bind_int(with->wait, 3, slots);
        db_bind_real(with->wait, 4, load);
        db_bind_real(with->wait, 5, refused);
        db_bind_real(with->wait, 6, capacity_waiting(load, slots, refused));
        TRY(db_insert(with->wait));
    }
    return OK;
}

/* ---- all series ----------------------------------------------------------------------------- */

static status write_series(const struct series *series, const struct measure *measure,
                           const struct statements *insert)
{
    static struct capacity_fold fold; /* too large for a stack */
    struct capacity_study study;
    size_t seen = 0;

    while (seen < series->count && series->rows[seen].peak == 0) {
        seen++;
    }
    if (seen == series->count) { /* nothing was, or nothing was sampled */
        return OK;
    }
    capacity_fold_start(&fold, (double)series->rows[0].time_ns, (double)series->end_ns,
                        series->resolution_ns);
    for (size_t i = 0; i < series->count; i++) {
        const struct reading *row = &series->rows[i];

        capacity_fold_add(&fold, (double)row->time_ns, (double)row->value, (double)row->peak);
    }
    capacity_fold_end(&fold, (double)series->end_ns);
    capacity_study(&fold.series, (double)series->grain, series->leaks * fold.step / hour_ns,
                   &study);
    db_bind_int(insert->series, 1, series->run_id);
    db_bind_string(insert->series, 2, measure->name);
    db_bind_int(insert->series, 3, series->subject_id);
    db_bind_int(insert->series, 4, (int64_t)series->count);
    TRY(bind_quantiles(series, insert->series, 5));
    bind_maximum(series, insert->series, 9);
    bind_study(&study, series, fold.step, insert->series, 11);
    TRY(db_insert(insert->series));
    TRY(write_risks(series, measure, &study, insert->risk));
    if (strcmp(measure->name, "pool") == 0) {
        TRY(write_occupancy(series, insert->occupancy));
        TRY(write_places(series, insert));
    }
    return OK;
}

static status write_rows(struct statement *select, const struct measure *measure,
                         const struct statements *insert, struct series *series)
{
    int64_t less = 0;
    bool has_row;

    TRY(db_step(select, &has_row));
    while (has_row) {
        int64_t run_id = db_int(select, 0), subject_id = db_int(select, 1);

        if (run_id != series->run_id || subject_id != series->subject_id) {
            TRY(write_series(series, measure, insert));
            series->run_id = run_id;
            series->subject_id = subject_id;
            series->end_ns = db_int(select, 2);
            series->resolution_ns = (double)db_int(select, 3);
            series->grain = db_int(select, 4);
            series->leaks = db_real(select, 5);
            series->count = 0;
            less = 0;
        }
        less = db_int(select, 9) >= 0 ? db_int(select, 9) : less;
        int64_t value = db_int(select, 7), peak = db_int(select, 8);
        value = value > less ? value - less : 0;
        peak = peak > less ? peak - less : 0;
        TRY(add_reading(series, (struct reading){.time_ns = db_int(select, 6),
                                                 .value = value,
                                                 .peak = peak > value ? peak : value}));
        TRY(db_step(select, &has_row));
    }
    return write_series(series, measure, insert);
}

static status write_measure(struct db *db, const struct measure *measure,
                            const struct statements *insert)
{
    struct series series = {0};
    struct statement *select;

    TRY(db_prepare(db, measure->select, &select));
    status result = write_rows(select, measure, insert, &series);
    free(series.rows);
    return result;
}

status capacity_write(struct db *db)
{
    struct statements insert;

    TRY(db_prepare(db,
                   "INSERT INTO capacity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert.series));
    TRY(db_prepare(db, "INSERT INTO capacity_risk VALUES (?, ?, ?, ?, ?)", &insert.risk));
    TRY(db_prepare(db, "INSERT INTO pool_occupancy VALUES (?, ?, ?, ?, ?)", &insert.occupancy));
    TRY(db_prepare(db, "INSERT INTO pool_wait VALUES (?, ?, ?, ?, ?, ?)", &insert.wait));
    TRY(db_prepare(db,
                   "SELECT p.capacity_slots, MAX(t.wait_ns), MAX(t.exhausted_count)"
                   " FROM pool p JOIN pool_tick t ON t.run_id = p.run_id AND t.pool_id = p.id"
                   " WHERE p.run_id = ? AND p.id = ? AND p.capacity_slots BETWEEN 1 AND 4096"
                   " AND (p.kind = 'connection' OR p.slot_bytes > 0)"
                   " GROUP BY p.id HAVING p.kind = 'connection' OR MAX(t.wait_count) > 0"
                   " OR MAX(t.exhausted_count) > 0",
                   &insert.places));
    TRY(db_run(db, "BEGIN"));
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        TRY(write_measure(db, &measures[i], &insert));
    }
    TRY(capacity_spans_write(db));
    return db_run(db, "COMMIT");
}
