/* SPDX-License-Identifier: Apache-2.0 */
/* late.c -- see late.h. */
#include "late.h"

#include "diag.h"

#include <stdlib.h>

struct stop { /* the program stood for a collection */
    int64_t run_id, gc_id;
    int64_t begin_ns, end_ns;
    int64_t latest_end_ns; /* of this and all before it in its run */
};

struct stops {
    struct stop *rows;
    size_t count, capacity;
};

static status add_stop(struct stops *stops, struct stop stop)
{
    if (stops->count == stops->capacity) {
        size_t capacity = stops->capacity ? 2 * stops->capacity : 1024;
        struct stop *rows = realloc(stops->rows, capacity * sizeof *rows);

        if (!rows) {
            diag_error("could not tell what collections delayed: out of memory");
            return FAIL;
        }
        stops->rows = rows;
        stops->capacity = capacity;
    }
    if (stops->count > 0) {
        const struct stop *before = &stops->rows[stops->count - 1];

        if (before->run_id == stop.run_id && before->latest_end_ns > stop.latest_end_ns) {
            stop.latest_end_ns = before->latest_end_ns;
        }
    }
    stops->rows[stops->count++] = stop;
    return OK;
}

static status read_stops(struct db *db, struct stops *stops)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db,
                   "SELECT run_id, gc_id, begin_ns, begin_ns + duration_ns FROM gc_pause"
                   " WHERE gc_id IS NOT NULL AND duration_ns > 0 ORDER BY run_id, begin_ns, id",
                   &select));
    TRY(db_step(select, &has_row));
    while (has_row) {
        int64_t end_ns = db_int(select, 3);

        TRY(add_stop(stops, (struct stop){db_int(select, 0), db_int(select, 1), db_int(select, 2),
                                          end_ns, end_ns}));
        TRY(db_step(select, &has_row));
    }
    return OK;
}

/* The first that ends after this moment of this run, or is in a later run. */
static size_t first_after(const struct stops *stops, int64_t run_id, int64_t time_ns)
{
    size_t low = 0, high = stops->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct stop *stop = &stops->rows[middle];

        if (stop->run_id < run_id || (stop->run_id == run_id && stop->latest_end_ns <= time_ns)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct late {
    const char *kind;
    int64_t run_id, id;
    int64_t begin_ns, end_ns, over_ns;
};

/* Begins at 0: they overlap by nothing, or less. */
static int64_t overlap_ns(const struct late *late, const struct stop *stop)
{
    int64_t begin = stop->begin_ns > late->begin_ns ? stop->begin_ns : late->begin_ns;
    int64_t end = stop->end_ns < late->end_ns ? stop->end_ns : late->end_ns;

    return end > begin ? end - begin : 0;
}

static status write_late(struct statement *insert, const struct stops *stops,
                         const struct late *late)
{
    size_t first = first_after(stops, late->run_id, late->begin_ns), end = first;
    int64_t stood_ns = 0;

    for (; end < stops->count && stops->rows[end].run_id == late->run_id &&
           stops->rows[end].begin_ns < late->end_ns;
         end++) {
        stood_ns += overlap_ns(late, &stops->rows[end]);
    }
    for (size_t i = first; i < end; i++) {
        int64_t pause_ns = overlap_ns(late, &stops->rows[i]);
        double part = stood_ns > late->over_ns ? (double)late->over_ns / (double)stood_ns : 1;

        if (pause_ns > 0) {
            db_bind_int(insert, 1, late->run_id);
            db_bind_int(insert, 2, stops->rows[i].gc_id);
            db_bind_string(insert, 3, late->kind);
            db_bind_int(insert, 4, late->id);
            db_bind_int(insert, 5, pause_ns);
            db_bind_int(insert, 6, (int64_t)((double)pause_ns * part));
            TRY(db_insert(insert));
        }
    }
    return OK;
}

/* Each selects run_id, id, begin_ns, end_ns, over_ns. */
static const struct {
    const char *kind, *select;
} sources[] = {
    {"frame", "SELECT run_id, id, begin_ns, begin_ns + duration_ns, over_ns FROM frame_mark"
              " WHERE over_ns > 0 AND gc_ns > 0"},
    {"span", "SELECT s.run_id, s.id, s.begin_ns, s.begin_ns + s.duration_ns, s.duration_ns - q.p50"
             " FROM quantile AS q CROSS JOIN span AS s"
             " WHERE q.measure = 'span.duration_ns' AND q.told >= 20 AND s.run_id = q.run_id"
             " AND s.kind = q.part AND s.gc_ns > 0 AND s.duration_ns > 2 * q.p50"},
};

static status write_all(struct db *db, const struct stops *stops)
{
    struct statement *select, *insert;
    bool has_row;

    /* a collection may have several pauses in one frame */
    TRY(db_prepare(db,
                   "INSERT INTO gc_late VALUES (?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT DO UPDATE SET pause_ns = pause_ns + excluded.pause_ns,"
                   " late_ns = late_ns + excluded.late_ns",
                   &insert));
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        TRY(db_prepare(db, sources[i].select, &select));
        TRY(db_step(select, &has_row));
        while (has_row) {
            const struct late late = {sources[i].kind,   db_int(select, 0), db_int(select, 1),
                                      db_int(select, 2), db_int(select, 3), db_int(select, 4)};

            TRY(write_late(insert, stops, &late));
            TRY(db_step(select, &has_row));
        }
    }
    return OK;
}

status late_write(struct db *db)
{
    struct stops stops = {0};
    status result = read_stops(db, &stops);

    if (result.code == STATUS_OK && stops.count > 0) {
        result = db_run(db, "BEGIN");
        if (result.code == STATUS_OK) {
            result = write_all(db, &stops);
        }
        if (result.code == STATUS_OK) {
            result = db_run(db, "COMMIT");
        }
    }
    free(stops.rows);
    return result;
}
