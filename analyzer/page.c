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

static status put_chart(struct db *db, const struct embedded_sql *chart, int64_t run, FILE *out)
{
    struct catalog_report parsed;
    status result = catalog_parse(chart->name, NULL, chart->text, &parsed);

    if (result.code == STATUS_OK) {
        result = put_table(db, &parsed, run, CHART_ROWS_MAX, out);
    }
    catalog_release(&parsed);
    return result;
}

static status put_charts(const struct page *page, FILE *out)
{
    fputs("\"charts\":[", out);
    for (size_t i = 0; i < embedded_charts_count; i++) {
        fputs(i ? ",\n" : "\n", out);
        TRY(put_chart(page->db, &embedded_charts[i], page->run, out));
    }
    putc(']', out);
    return OK;
}

/* What a comparison needs of the other recording. */
static status put_baseline(const struct page *page, FILE *out)
{
    bool first = true;

    fputs(",\n\"baseline\":[", out);
    for (size_t i = 0; page->baseline && i < embedded_charts_count; i++) {
        if (strcmp(embedded_charts[i].name, "facts") == 0 ||
            strcmp(embedded_charts[i].name, "sites") == 0) {
            fputs(first ? "\n" : ",\n", out);
            first = false;
            TRY(put_chart(page->baseline, &embedded_charts[i], 0, out));
        }
    }
    putc(']', out);
    return OK;
}

static bool reads(const struct catalog_report *report, const char *table)
{
    size_t length = strlen(table);

    for (const char *at = report->reads; at && (at = strstr(at, table)); at += length) {
        if ((at == report->reads || at[-1] == ' ') && (at[length] == ',' || !at[length])) {
            return true;
        }
    }
    return false;
}

static status put_reports(const struct page *page, FILE *out)
{
    bool first = true;

    fputs(",\n\"reports\":[", out);
    for (size_t i = 0; i < page->catalog->count; i++) {
        const struct catalog_report *report = &page->catalog->reports[i];

        /* not those for other tools, of more than one recording, or that read samples one by one */
        if (!report->plain && !report->with && !reads(report, "sample")) {
            fputs(first ? "\n" : ",\n", out);
            first = false;
            TRY(put_table(page->db, report, page->run, REPORT_ROWS_MAX, out));
        }
    }
    putc(']', out);
    return OK;
}

/* The report sets, and the one that suits this run. */
static status put_sets(const struct page *page, FILE *out)
{
    const struct report_set *chosen = NULL;
    char *reason = NULL;
    struct report_sets sets;

    TRY(report_sets_open(&sets));
    status result = report_sets_choose(&sets, page->db, page->run, &chosen, &reason);
    fputs(",\n\"sets\":[", out);
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

status page_write_data(const struct page *page, FILE *out)
{
    fputs("{\"version\":\"" MEMREC_VERSION "\",\n", out);
    TRY(put_charts(page, out));
    TRY(put_baseline(page, out));
    TRY(put_reports(page, out));
    TRY(put_sets(page, out));
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

status page_write(const struct page *page, FILE *out)
{
    const char *rest = put_until(embedded_page, "<!-- data -->", out);

    TRY(page_write_data(page, out));
    fputs(rest, out);
    return OK;
}

void page_wrap_live(const char *data, size_t data_bytes, FILE *out)
{
    const char *rest = put_until(embedded_page, "<html ", out);

    fputs("<html data-live=\"yes\" ", out);
    rest = put_until(rest, "default-src 'none';", out);
    fputs("default-src 'none'; connect-src 'self';", out);
    rest = put_until(rest, "<!-- data -->", out);
    fwrite(data, 1, data_bytes, out);
    fputs(rest, out);
}
