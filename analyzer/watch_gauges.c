/* SPDX-License-Identifier: Apache-2.0 */
/* watch_gauges.c -- see watch_gauges.h. */
#include "watch_gauges.h"

#include "query.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 120, GAUGES = 5, LABEL_COLUMNS = 12, VALUE_COLUMNS = 14 };

static const struct gauge {
    const char *label, *column;
    enum catalog_type type; /* TYPE_FLOW: per second of its step */
} gauges[GAUGES] = {
    {"resident", "rss_bytes", TYPE_BYTES},      {"live", "live_bytes", TYPE_BYTES},
    {"allocated", "alloc_bytes", TYPE_FLOW},    {"collections", "gc_ns", TYPE_NS},
    {"over budget", "frames_over", TYPE_COUNT},
};

struct series {
    double values[GAUGES][STEPS_MAX];
    bool told[GAUGES];
    size_t count;
};

static double number_of(const struct cell *cell)
{
    return cell->kind == CELL_REAL ? cell->real : (double)cell->integer;
}

static void take_row(struct series *series, const struct query *query, const struct cell *cells)
{
    double from_ns = 0, to_ns = 0;

    for (size_t i = 0; i < query_column_count(query); i++) {
        const char *name = query_column_name(query, i);

        from_ns = strcmp(name, "start_ns") == 0 ? number_of(&cells[i]) : from_ns;
        to_ns = strcmp(name, "end_ns") == 0 ? number_of(&cells[i]) : to_ns;
    }
    for (size_t i = 0; i < query_column_count(query); i++) {
        for (size_t gauge = 0; gauge < GAUGES; gauge++) {
            if (cells[i].kind != CELL_NULL &&
                strcmp(query_column_name(query, i), gauges[gauge].column) == 0) {
                double per = gauges[gauge].type == TYPE_FLOW && to_ns > from_ns
                                 ? (to_ns - from_ns) / 1e9
                                 : 1;

                series->values[gauge][series->count] = number_of(&cells[i]) / per;
                series->told[gauge] = true;
            }
        }
    }
    series->count++;
}

static void print_gauge(const struct series *series, size_t gauge, const struct render_options *out)
{
    char *line = render_sparkline(series->values[gauge], series->count, out->ascii);
    char value[UNITS_BYTES];

    units_value(value, gauges[gauge].type, series->values[gauge][series->count - 1], out->ascii);
    fprintf(out->out, "%-*s%s %*s\n", LABEL_COLUMNS, gauges[gauge].label, line ? line : "",
            VALUE_COLUMNS, value);
    free(line);
}

status watch_gauges_print(struct db *db, const struct catalog *catalog, const char *range,
                          const struct render_options *out)
{
    const struct catalog_report *history = catalog_find(catalog, "history");
    size_t room = out->width > LABEL_COLUMNS + VALUE_COLUMNS + 12
                      ? out->width - LABEL_COLUMNS - VALUE_COLUMNS - 2
                      : 10;
    size_t steps = room < STEPS_MAX ? room : STEPS_MAX;
    const struct query_parameter parameters[] = {
        {"$2", {.kind = CELL_TEXT, .text = range, .text_bytes = strlen(range)}},
        {"$3", {.kind = CELL_INTEGER, .integer = (int64_t)steps}}};
    struct series series = {.count = 0};
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query;

    if (!history || history->origin) {
        return OK;
    }
    TRY(query_open(db, "report \"history\"", history->text, parameters, 2, &query));
    status result = OK;
    while (series.count < steps && query_column_count(query) <= CATALOG_COLUMNS_MAX) {
        result = query_step(query, cells);
        if (result.code != STATUS_OK) {
            break;
        }
        take_row(&series, query, cells);
    }
    query_close(query);
    for (size_t gauge = 0; series.count > 1 && gauge < GAUGES; gauge++) {
        if (series.told[gauge]) {
            print_gauge(&series, gauge, out);
        }
    }
    return result.code == STATUS_END ? OK : result;
}
