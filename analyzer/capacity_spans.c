/* SPDX-License-Identifier: Apache-2.0 */
/* capacity_spans.c -- see capacity_spans.h. Spans are walked in the order of their begins, which is that of their ids;
 * the ends of those in flight wait in a heap. */
#include "capacity_spans.h"

#include "diag.h"

#include <stdlib.h>
#include <string.h>

struct kind {
    int64_t run_id;
    char *name;
    int64_t spans, first_ns, last_ns; /* last: up to which `area` counts */
    int64_t most, most_ns;
    double area;   /* spans in flight times ns */
    int64_t *ends; /* of those in flight, as a heap: the earliest first */
    size_t count, room;
};

struct kinds { /* sorted by run and name */
    struct kind *rows;
    size_t count, room;
};

static status no_memory(void)
{
    diag_error("could not count the spans in flight: out of memory");
    return FAIL;
}

/* ---- the heap ------------------------------------------------------------------------------- */

static status push(struct kind *kind, int64_t end_ns)
{
    if (kind->count == kind->room) {
        size_t room = kind->room ? 2 * kind->room : 16;
        int64_t *ends = realloc(kind->ends, room * sizeof *ends);

        if (!ends) {
            return no_memory();
        }
        kind->ends = ends;
        kind->room = room;
    }
    size_t at = kind->count++;
    for (; at > 0 && kind->ends[(at - 1) / 2] > end_ns; at = (at - 1) / 2) {
        kind->ends[at] = kind->ends[(at - 1) / 2];
    }
    kind->ends[at] = end_ns;
    return OK;
}

static void pop(struct kind *kind)
{
    int64_t last = kind->ends[--kind->count];
    size_t at = 0;

    for (size_t child; (child = 2 * at + 1) < kind->count; at = child) {
        child += child + 1 < kind->count && kind->ends[child + 1] < kind->ends[child];
        if (kind->ends[child] >= last) {
            break;
        }
        kind->ends[at] = kind->ends[child];
    }
    kind->ends[at] = last;
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* Those in flight stay so until `now_ns`. */
static void advance(struct kind *kind, int64_t now_ns)
{
    if (now_ns > kind->last_ns) {
        kind->area += (double)kind->count * (double)(now_ns - kind->last_ns);
        kind->last_ns = now_ns;
    }
}

/* What ends at the moment of a begin is over: one after the other is not two at once. */
static void end_until(struct kind *kind, int64_t now_ns)
{
    while (kind->count > 0 && kind->ends[0] <= now_ns) {
        advance(kind, kind->ends[0]);
        pop(kind);
    }
}

static status begin(struct kind *kind, int64_t begin_ns, int64_t end_ns)
{
    if (kind->spans++ == 0) {
        kind->first_ns = kind->last_ns = begin_ns;
    }
    end_until(kind, begin_ns);
    advance(kind, begin_ns);
    TRY(push(kind, end_ns));
    if ((int64_t)kind->count > kind->most) {
        kind->most = (int64_t)kind->count;
        kind->most_ns = begin_ns;
    }
    return OK;
}

static int compare_key(int64_t run_id, const char *name, const struct kind *kind)
{
    return run_id != kind->run_id ? (run_id > kind->run_id) - (run_id < kind->run_id)
                                  : strcmp(name, kind->name);
}

static struct kind *find(const struct kinds *kinds, int64_t run_id, const char *name)
{
    size_t low = 0, high = kinds->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_key(run_id, name, &kinds->rows[middle]);

        if (order == 0) {
            return &kinds->rows[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static status read_kinds(struct db *db, struct kinds *kinds)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db, "SELECT run_id, kind FROM span GROUP BY run_id, kind ORDER BY run_id, kind",
                   &select));
    TRY(db_step(select, &has_row));
    while (has_row) {
        if (kinds->count == kinds->room) {
            size_t room = kinds->room ? 2 * kinds->room : 16;
            struct kind *rows = realloc(kinds->rows, room * sizeof *rows);

            if (!rows) {
                return no_memory();
            }
            kinds->rows = rows;
            kinds->room = room;
        }
        struct kind kind = {.run_id = db_int(select, 0), .name = strdup(db_string(select, 1))};
        if (!kind.name) {
            return no_memory();
        }
        kinds->rows[kinds->count++] = kind;
        TRY(db_step(select, &has_row));
    }
    return OK;
}

static status read_spans(struct db *db, const struct kinds *kinds)
{
    struct statement *select;
    bool has_row;

    /* one that did not end is in flight until the run does */
    TRY(db_prepare(db,
                   "SELECT s.run_id, s.kind, s.begin_ns,"
                   " COALESCE(s.begin_ns + s.duration_ns, r.duration_ns)"
                   " FROM span s JOIN run r ON r.id = s.run_id ORDER BY s.id",
                   &select));
    TRY(db_step(select, &has_row));
    while (has_row) {
        struct kind *kind = find(kinds, db_int(select, 0), db_string(select, 1));

        if (kind) {
            TRY(begin(kind, db_int(select, 2), db_int(select, 3)));
        }
        TRY(db_step(select, &has_row));
    }
    return OK;
}

static status write_kind(struct statement *insert, struct kind *kind)
{
    end_until(kind, INT64_MAX);
    int64_t length_ns = kind->last_ns - kind->first_ns;

    db_bind_int(insert, 1, kind->run_id);
    db_bind_string(insert, 2, kind->name);
    db_bind_int(insert, 3, kind->spans);
    db_bind_int(insert, 4, kind->first_ns);
    db_bind_int(insert, 5, kind->last_ns);
    db_bind_real(insert, 6, length_ns > 0 ? kind->area / (double)length_ns : 0);
    db_bind_int(insert, 7, kind->most);
    db_bind_int(insert, 8, kind->most_ns);
    return db_insert(insert);
}

static status write_kinds(struct db *db, struct kinds *kinds)
{
    struct statement *insert;

    TRY(read_kinds(db, kinds));
    TRY(read_spans(db, kinds));
    TRY(db_prepare(
        db, "INSERT INTO span_load VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
        &insert));
    for (size_t i = 0; i < kinds->count; i++) {
        TRY(write_kind(insert, &kinds->rows[i]));
    }
    return db_run(db, "UPDATE span_load SET duration_ns = s.mean_ns, held_bytes = s.held,"
                      " bytes = s.bytes, bytes_sq = s.bytes_sq, bytes_var = s.bytes_var FROM ("
                      "  SELECT run_id, kind, AVG(duration_ns) AS mean_ns, SUM(bytes) AS bytes,"
                      "   SUM(held_byte_ns) / SUM(duration_ns) AS held,"
                      "   SUM(bytes_sq) AS bytes_sq, SUM(bytes_var) AS bytes_var"
                      "  FROM span WHERE duration_ns IS NOT NULL GROUP BY run_id, kind) AS s"
                      " WHERE s.run_id = span_load.run_id AND s.kind = span_load.kind");
}

status capacity_spans_write(struct db *db)
{
    struct kinds kinds = {0};
    status result = write_kinds(db, &kinds);

    for (size_t i = 0; i < kinds.count; i++) {
        free(kinds.rows[i].name);
        free(kinds.rows[i].ends);
    }
    free(kinds.rows);
    return result;
}
