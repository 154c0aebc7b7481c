/* SPDX-License-Identifier: Apache-2.0 */
/* distribution.c -- see distribution.h. */
#include "distribution.h"

#include "diag.h"
#include "pauses.h"
#include "text_pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each selects run_id, subject_id, part, value. */
static const struct measure {
    const char *name, *select;
} measures[] = {
    {"frame_mark.duration_ns", "SELECT run_id, stream_id, '', duration_ns FROM frame_mark"},
    {"frame_mark.alloc_bytes", "SELECT run_id, stream_id, '', alloc_bytes FROM frame_mark"},
    {"frame_mark.heap_alloc_bytes",
     "SELECT run_id, stream_id, '', heap_alloc_bytes FROM frame_mark"},
    {"span.duration_ns", "SELECT run_id, 0, kind, duration_ns FROM span"},
    {"span.first_result_ns", "SELECT run_id, 0, kind, first_result_ns FROM span"},
    {"span.alloc_bytes", "SELECT run_id, 0, kind, alloc_bytes FROM span"},
    {"eval.duration_ns", "SELECT run_id, 0, COALESCE(label, ''), duration_ns FROM eval"},
    {"eval.alloc_bytes", "SELECT run_id, 0, COALESCE(label, ''), alloc_bytes FROM eval"},
    {"eval.net_bytes", "SELECT run_id, 0, COALESCE(label, ''), net_bytes FROM eval"},
    {"gc_pause.duration_ns", "SELECT run_id, heap_id, '', duration_ns FROM gc_pause"},
    {"gc_pause.duration_ns of kind", "SELECT p.run_id, p.heap_id, g.kind, p.duration_ns"
                                     " FROM gc_pause p JOIN gc g ON g.id = p.gc_id"},
};

/* The windows of gc_utilisation. */
static const int64_t windows_ns[] = {
    100000,   200000,    500000,    1000000,   2000000,    5000000,    10000000,   20000000,
    50000000, 100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000};
enum { WINDOWS = sizeof windows_ns / sizeof windows_ns[0] };

static status no_memory(void)
{
    diag_error("could not sort what the program told: out of memory");
    return FAIL;
}

/* ---- quantiles ------------------------------------------------------------------------------ */

struct value {
    const char *group; /* "run_id/subject_id/part", one pointer per text */
    int64_t number;
};

struct values {
    struct value *rows;
    size_t count, capacity;
    struct text_pool groups;
};

static int compare_values(const void *left, const void *right)
{
    const struct value *l = left, *r = right;

    if (l->group != r->group) {
        return l->group < r->group ? -1 : 1;
    }
    return (l->number > r->number) - (l->number < r->number);
}

static status add_value(struct values *values, const char *group, int64_t number)
{
    struct text kept = text_pool_keep(&values->groups, (struct text){group, strlen(group)}, NULL);

    if (values->count == values->capacity) {
        size_t capacity = values->capacity ? 2 * values->capacity : 1024;
        struct value *rows = realloc(values->rows, capacity * sizeof *rows);

        if (!rows) {
            return no_memory();
        }
        values->rows = rows;
        values->capacity = capacity;
    }
    if (!kept.bytes) {
        return no_memory();
    }
    values->rows[values->count++] = (struct value){kept.bytes, number};
    return OK;
}

static status read_values(struct db *db, const struct measure *measure, struct values *values)
{
    char sql[512];
    struct statement *select;
    bool has_row;

    snprintf(sql, sizeof sql,
             "WITH told (run_id, subject_id, part, value) AS (%s)"
             " SELECT run_id || '/' || subject_id || '/' || part, value FROM told"
             " WHERE value IS NOT NULL",
             measure->select);
    TRY(db_prepare(db, sql, &select));
    TRY(db_step(select, &has_row));
    while (has_row) {
        TRY(add_value(values, db_string(select, 0), db_int(select, 1)));
        TRY(db_step(select, &has_row));
    }
    if (values->count > 0) {
        qsort(values->rows, values->count, sizeof *values->rows, compare_values);
    }
    return OK;
}

/* Where the quantile `part` would lie in a longer run of the same: the values whose ranks are 1.96 deviations
 * of a binomial count away from it (Conover, Practical Nonparametric Statistics, 3.2), NULL beyond
 * the values there are. */
static void bind_interval(struct statement *insert, int at, const struct value *rows, size_t count,
                          double part)
{
    double rank = part * (double)count, reach = 1.96 * sqrt(part * (1 - part) * (double)count);
    double low = floor(rank - reach), high = ceil(rank + reach) + 1;

    if (low >= 1) {
        db_bind_int(insert, at, rows[(size_t)low - 1].number);
    } else {
        db_bind_null(insert, at);
    }
    if (high <= (double)count) {
        db_bind_int(insert, at + 1, rows[(size_t)high - 1].number);
    } else {
        db_bind_null(insert, at + 1);
    }
}

/* One group, in order. */
static status write_quantiles(struct statement *insert, const char *measure,
                              const struct value *rows, size_t count)
{
    static const unsigned percents[] = {50, 90, 95, 99, 100};
    char *end;
    int64_t run_id = strtoll(rows->group, &end, 10), subject_id = strtoll(end + 1, &end, 10);

    db_bind_int(insert, 1, run_id);
    db_bind_string(insert, 2, measure);
    db_bind_int(insert, 3, subject_id);
    db_bind_string(insert, 4, end + 1);
    db_bind_int(insert, 5, (int64_t)count);
    for (int i = 0; i < 5; i++) {
        db_bind_int(insert, 6 + i, rows[(count * percents[i] + 99) / 100 - 1].number);
    }
    bind_interval(insert, 11, rows, count, 0.50);
    bind_interval(insert, 13, rows, count, 0.99);
    return db_insert(insert);
}

static status write_measure(struct db *db, struct statement *insert, const struct measure *measure)
{
    struct values values = {0};
    status result = read_values(db, measure, &values);

    for (size_t i = 0, end; i < values.count && result.code == STATUS_OK; i = end) {
        for (end = i + 1; end < values.count && values.rows[end].group == values.rows[i].group;) {
            end++;
        }
        result = write_quantiles(insert, measure->name, &values.rows[i], end - i);
    }
    free(values.rows);
    text_pool_free(&values.groups);
    return result;
}

/* ---- utilisation ---------------------------------------------------------------------------- */

struct heap_pauses {
    int64_t run_id, duration_ns, heap_id;
    struct pause *rows;
    size_t count, capacity;
};

static status write_heap(struct statement *insert, struct heap_pauses *heap)
{
    size_t count = pauses_merge(heap->rows, heap->count);

    for (int i = 0; i < WINDOWS && windows_ns[i] <= heap->duration_ns && count > 0; i++) {
        int64_t worst_ns;
        double utilisation = pauses_utilisation(heap->rows, count, windows_ns[i], &worst_ns);

        db_bind_int(insert, 1, heap->run_id);
        db_bind_int(insert, 2, heap->heap_id);
        db_bind_int(insert, 3, windows_ns[i]);
        db_bind_real(insert, 4, utilisation);
        db_bind_int(insert, 5, worst_ns > 0 ? worst_ns : 0);
        TRY(db_insert(insert));
    }
    heap->count = 0;
    return OK;
}

/* Rows come heap by heap. */
static status write_heaps(struct statement *select, struct statement *insert,
                          struct heap_pauses *heap)
{
    bool has_row;

    TRY(db_step(select, &has_row));
    while (has_row) {
        int64_t run_id = db_int(select, 0), heap_id = db_int(select, 2);

        if (run_id != heap->run_id || heap_id != heap->heap_id) {
            TRY(write_heap(insert, heap));
            heap->run_id = run_id;
            heap->duration_ns = db_int(select, 1);
            heap->heap_id = heap_id;
        }
        if (heap->count == heap->capacity) {
            size_t capacity = heap->capacity ? 2 * heap->capacity : 1024;
            struct pause *rows = realloc(heap->rows, capacity * sizeof *rows);

            if (!rows) {
                return no_memory();
            }
            heap->rows = rows;
            heap->capacity = capacity;
        }
        int64_t begin_ns = db_int(select, 3);
        heap->rows[heap->count++] = (struct pause){begin_ns, begin_ns + db_int(select, 4)};
        TRY(db_step(select, &has_row));
    }
    return write_heap(insert, heap);
}

static status write_utilisation(struct db *db)
{
    struct heap_pauses heap = {0};
    struct statement *select, *insert;

    TRY(db_prepare(db,
                   "WITH told (run_id, heap_id, begin_ns, duration_ns) AS ("
                   " SELECT run_id, heap_id, begin_ns, duration_ns FROM gc_pause"
                   " UNION ALL SELECT run_id, 0, begin_ns, duration_ns FROM gc_pause)"
                   " SELECT run.id, run.duration_ns, heap_id, begin_ns, told.duration_ns"
                   " FROM told JOIN run ON run.id = told.run_id WHERE told.duration_ns >= 0"
                   " ORDER BY run.id, heap_id",
                   &select));
    TRY(db_prepare(db, "INSERT INTO gc_utilisation VALUES (?, ?, ?, ?, ?)", &insert));
    status result = write_heaps(select, insert, &heap);
    free(heap.rows);
    return result;
}

status distribution_write(struct db *db)
{
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO quantile VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    TRY(db_run(db, "BEGIN"));
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        TRY(write_measure(db, insert, &measures[i]));
    }
    TRY(write_utilisation(db));
    return db_run(db, "COMMIT");
}
