/* SPDX-License-Identifier: Apache-2.0 */
/* import_ticks.c -- see import_ticks.h. */
#include "import_ticks.h"

#include "diag.h"
#include "sparse_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 32, METRIC_MAX = 65536, NAME_BYTES = 128 };

struct family { /* a table <name>_tick: run_id, time_ns, then the columns */
    const char *name;
    int column_count;
    char columns[COLUMNS_MAX][64];
    struct statement *insert;
    bool waiting; /* a row is being collected */
    uint64_t time_ns;
    bool known[COLUMNS_MAX];
    int64_t values[COLUMNS_MAX];
};

struct metric {
    bool announced;
    enum import_ticks_kind kind;
    uint8_t unit;
    int8_t family; /* -1: goes to gauge */
    int8_t column;
    char name[NAME_BYTES];
};

enum { FAMILIES = 3 };

struct import_ticks {
    int64_t run_id;
    struct family families[FAMILIES];
    struct sparse_array metrics;
    struct statement *insert_gauge;
};

static status no_memory(void)
{
    diag_error("could not import: out of memory for gauges");
    return FAIL;
}

/* Reads the columns of <name>_tick and prepares their insert. A second row at one time fills the
 * first's gaps. */
static status open_family(struct db *db, struct family *family, const char *name)
{
    char sql[8192];
    struct statement *select;
    bool has_row;

    family->name = name;
    snprintf(sql, sizeof sql,
             "SELECT name FROM pragma_table_info('%s_tick') WHERE cid >= 2 ORDER BY cid", name);
    TRY(db_prepare(db, sql, &select));
    TRY(db_step(select, &has_row));
    while (has_row && family->column_count < COLUMNS_MAX) {
        snprintf(family->columns[family->column_count++], sizeof family->columns[0], "%s",
                 db_string(select, 0));
        TRY(db_step(select, &has_row));
    }
    db_reset(select);
    int used = snprintf(sql, sizeof sql, "INSERT INTO %s_tick VALUES (?, ?", name);
    for (int i = 0; i < family->column_count; i++) {
        used += snprintf(sql + used, sizeof sql - (size_t)used, ", ?");
    }
    used += snprintf(sql + used, sizeof sql - (size_t)used,
                     ") ON CONFLICT (run_id, time_ns) DO UPDATE SET ");
    for (int i = 0; i < family->column_count; i++) {
        used += snprintf(sql + used, sizeof sql - (size_t)used, "%s%s = COALESCE(excluded.%s, %s)",
                         i ? ", " : "", family->columns[i], family->columns[i], family->columns[i]);
    }
    return db_prepare(db, sql, &family->insert);
}

status import_ticks_open(struct db *db, struct import_ticks **out)
{
    struct import_ticks *ticks = *out = calloc(1, sizeof *ticks);

    if (!ticks) {
        return no_memory();
    }
    ticks->metrics.element_bytes = sizeof(struct metric);
    TRY(open_family(db, &ticks->families[0], "process"));
    TRY(open_family(db, &ticks->families[1], "allocator"));
    TRY(open_family(db, &ticks->families[2], "recorder"));
    return db_prepare(db,
                      "INSERT OR REPLACE INTO gauge (run_id, name, unit, time_ns, value)"
                      " VALUES (?, ?, ?, ?, ?)",
                      &ticks->insert_gauge);
}

void import_ticks_close(struct import_ticks *ticks)
{
    if (ticks) {
        sparse_clear(&ticks->metrics);
        free(ticks);
    }
}

void import_ticks_begin_run(struct import_ticks *ticks, int64_t run_id)
{
    ticks->run_id = run_id;
    sparse_clear(&ticks->metrics);
    for (int i = 0; i < FAMILIES; i++) {
        ticks->families[i].waiting = false;
    }
}

status import_ticks_metric(struct import_ticks *ticks, const struct metric_record *record)
{
    if (record->id >= METRIC_MAX) {
        return OK; /* not what a writer makes */
    }
    struct metric *metric = sparse_make(&ticks->metrics, (uint32_t)record->id);
    if (!metric) {
        return no_memory();
    }
    metric->announced = true;
    metric->unit = (uint8_t)(record->unit < 3 ? record->unit : 0);
    metric->family = -1;
    db_clean_text(metric->name, sizeof metric->name, record->name);
    metric->kind = strcmp(metric->name, "process.anon_rss_bytes") == 0 ? TICK_LOOK
                   : strcmp(metric->name, "allocator.used_bytes") == 0 ? TICK_ANSWER
                                                                       : TICK_OTHER;
    for (int8_t i = 0; i < FAMILIES; i++) {
        const struct family *family = &ticks->families[i];
        size_t length = strlen(family->name);

        if (strncmp(metric->name, family->name, length) != 0 || metric->name[length] != '.') {
            continue;
        }
        for (int8_t k = 0; k < family->column_count; k++) {
            if (strcmp(metric->name + length + 1, family->columns[k]) == 0) {
                metric->family = i;
                metric->column = k;
            }
        }
    }
    return OK;
}

static status flush(struct import_ticks *ticks, struct family *family)
{
    if (!family->waiting) {
        return OK;
    }
    db_bind_int(family->insert, 1, ticks->run_id);
    db_bind_int(family->insert, 2, (int64_t)family->time_ns);
    for (int i = 0; i < family->column_count; i++) {
        if (family->known[i]) {
            db_bind_int(family->insert, 3 + i, family->values[i]);
        }
        family->known[i] = false;
    }
    family->waiting = false;
    return db_insert(family->insert);
}

enum import_ticks_kind import_ticks_kind(const struct import_ticks *ticks, uint32_t id)
{
    const struct metric *metric = sparse_find(&ticks->metrics, id);

    return metric ? metric->kind : TICK_OTHER;
}

status import_ticks_value(struct import_ticks *ticks, uint32_t id, uint64_t time_ns, int64_t value)
{
    static const char *const units[] = {"count", "bytes", "ns"};
    const struct metric *metric = sparse_find(&ticks->metrics, id);
    char unnamed[32];

    if (metric && metric->announced && metric->family >= 0) {
        struct family *family = &ticks->families[metric->family];

        if (family->waiting && family->time_ns != time_ns) {
            TRY(flush(ticks, family));
        }
        family->waiting = true;
        family->time_ns = time_ns;
        family->known[metric->column] = true;
        family->values[metric->column] = value;
        return OK;
    }
    snprintf(unnamed, sizeof unnamed, "metric.%u", id); /* its announcement is lost */
    db_bind_int(ticks->insert_gauge, 1, ticks->run_id);
    db_bind_string(ticks->insert_gauge, 2, metric && metric->announced ? metric->name : unnamed);
    db_bind_string(ticks->insert_gauge, 3, units[metric ? metric->unit : 0]);
    db_bind_int(ticks->insert_gauge, 4, (int64_t)time_ns);
    db_bind_int(ticks->insert_gauge, 5, value);
    return db_insert(ticks->insert_gauge);
}

status import_ticks_flush(struct import_ticks *ticks)
{
    for (int i = 0; i < FAMILIES; i++) {
        TRY(flush(ticks, &ticks->families[i]));
    }
    return OK;
}
