/* SPDX-License-Identifier: Apache-2.0 */
/* page.c -- see page.h. */
#include "page.h"

#include "db.h"
#include "diag.h"
#include "embedded.h"
#include "json.h"
#include "query.h"
#include "report_set.h"

#include <stdlib.h>
#include <string.h>

enum { REPORT_ROWS_MAX = 100, CHART_ROWS_MAX = 20000 };

static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    if (text) {
        json_put_text(out, text, strlen(text));
    } else {
        fputs("null", out);
    }
}

static void put_columns(const struct catalog_report *report, const struct query *query, FILE *out)
{
    fputs(",\"columns\":[", out);
    for (size_t i = 0; i < query_column_count(query); i++) {
        const char *name = query_column_name(query, i);
        const struct catalog_column *documented = catalog_column(report, name);
        enum catalog_type type = documented ? documented->type : catalog_type_of_name(name);

        fputs(i ? ",[" : "[", out);
        json_put_text(out, name, strlen(name));
        fprintf(out, ",\"%s\",", catalog_type_name(type));
        json_put_text(out, documented ? documented->meaning : "",
                      documented ? strlen(documented->meaning) : 0);
        putc(']', out);
    }
    putc(']', out);
}

static status put_rows(struct query *query, size_t rows_max, FILE *out)
{
    struct cell cells[CATALOG_COLUMNS_MAX];
    size_t count = query_column_count(query), rows = 0;
    status result = OK;

    fputs(",\"rows\":[", out);
    for (; rows < rows_max; rows++) {
        result = query_step(query, cells);
        if (result.code != STATUS_OK) {
            break;
        }
        fputs(rows ? ",\n[" : "\n[", out);
        for (size_t i = 0; i < count; i++) {
            if (i) {
                putc(',', out);
            }
            json_put_cell(out, &cells[i]);
        }
        putc(']', out);
    }
    fprintf(out, "],\"cut\":%s}", rows == rows_max ? "true" : "false");
    return result.code == STATUS_END ? OK : result;
}

/* A report, or a table for charts, as {"name": ..., "columns": ..., "rows": ...}. */
static status put_table(struct db *db, const struct catalog_report *report, int64_t run,
                        size_t rows_max, FILE *out)
{
    const struct query_parameter values[] = {
        {"$1", {.kind = run ? CELL_INTEGER : CELL_NULL, .integer = run}}};
    struct query *query;
    char title[128];

    snprintf(title, sizeof title, "report \"%s\"", report->name);
    TRY(query_open(db, title, report->text, values, 1, &query));
    if (query_column_count(query) > CATALOG_COLUMNS_MAX) {
        diag_error("could not put report \"%s\" on the page: it has more than %d columns",
                   report->name, CATALOG_COLUMNS_MAX);
        query_close(query);
        return FAIL;
    }
    fprintf(out, "{\"name\":\"%s\"", report->name);
    put_member(out, "sentence", report->sentence);
    put_member(out, "caveat", report->caveat);
    put_member(out, "empty", report->empty);
    put_member(out, "shown", report->table);
    put_member(out, "sql", report->text);
    put_columns(report, query, out);
    status result = put_rows(query, rows_max, out);
    query_close(query);
    return result;
}

static status put_charts(struct db *db, int64_t run, FILE *out)
{
    for (size_t i = 0; i < embedded_charts_count; i++) {
        const struct embedded_sql *chart = &embedded_charts[i];
        struct catalog_report parsed;

        fputs(i ? ",\n" : "\n", out);
        status result = catalog_parse(chart->name, NULL, chart->text, &parsed);
        if (result.code == STATUS_OK) {
            result = put_table(db, &parsed, run, CHART_ROWS_MAX, out);
        }
        catalog_release(&parsed);
        TRY(result);
    }
    return OK;
}

/* The report sets, and the one that suits this run. */
static status put_sets(struct db *db, int64_t run, FILE *out)
{
    const struct report_set *chosen = NULL;
    char *reason = NULL;
    struct report_sets sets;

    TRY(report_sets_open(&sets));
    status result = report_sets_choose(&sets, db, run, &chosen, &reason);
    fputs("],\n\"sets\":[", out);
    for (size_t i = 0; i < sets.count; i++) {
        const struct report_set *set = &sets.sets[i];

        fprintf(out, "%s{\"name\":\"%s\"", i ? ",\n" : "\n", set->name);
        put_member(out, "sentence", set->sentence);
        put_member(out, "reason", set == chosen ? reason : NULL);
        fprintf(out, ",\"chosen\":%s,\"reports\":[", set == chosen ? "true" : "false");
        for (size_t j = 0; j < set->show_count; j++) {
            fprintf(out, "%s\"%s\"", j ? "," : "", set->shows[j].report);
        }
        fputs("]}", out);
    }
    free(reason);
    report_sets_close(&sets);
    return result;
}

status page_write_data(struct db *db, const struct catalog *catalog, int64_t run, FILE *out)
{
    bool first = true;

    fputs("{\"version\":\"" MEMREC_VERSION "\",\n\"charts\":[", out);
    TRY(put_charts(db, run, out));
    fputs("],\n\"reports\":[", out);
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_report *report = &catalog->reports[i];

        if (!report->plain && !report->with) { /* for other tools, of more than one recording */
            fputs(first ? "\n" : ",\n", out);
            first = false;
            TRY(put_table(db, report, run, REPORT_ROWS_MAX, out));
        }
    }
    TRY(put_sets(db, run, out));
    fputs("]}\n", out);
    return OK;
}

/* Up to `mark`, which is left out; returns what is behind it. */
static const char *put_until(const char *text, const char *mark, FILE *out)
{
    const char *end = strstr(text, mark);

    fwrite(text, 1, (size_t)(end - text), out);
    return end + strlen(mark);
}

status page_write(struct db *db, const struct catalog *catalog, int64_t run, FILE *out)
{
    const char *rest = put_until(embedded_page, "<!-- data -->", out);

    TRY(page_write_data(db, catalog, run, out));
    fputs(rest, out);
    return OK;
}

status page_write_live(struct db *db, const struct catalog *catalog, int64_t run, FILE *out)
{
    const char *rest = put_until(embedded_page, "<html ", out);

    fputs("<html data-live=\"yes\" ", out);
    rest = put_until(rest, "default-src 'none';", out);
    fputs("default-src 'none'; connect-src 'self';", out);
    rest = put_until(rest, "<!-- data -->", out);
    TRY(page_write_data(db, catalog, run, out));
    fputs(rest, out);
    return OK;
}
