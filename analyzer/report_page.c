/* SPDX-License-Identifier: Apache-2.0 */
/* report_page.c -- see report_page.h. */
#include "report_page.h"

#include "diag.h"
#include "report_head.h"
#include "report_line.h"
#include "report_rows.h"
#include "units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct page {
    const struct report_page *of;
    const struct render_options *out;
    struct render *data; /* NULL: text */
    size_t indent;       /* of the lines, behind the reports' names */
    bool after_table;    /* an empty line separates it from what follows */
};

/* ---- one report ---------------------------------------------------------------------------- */

static bool has_parameter(const struct catalog_report *report, const char *name)
{
    for (size_t i = 0; i < report->parameter_count; i++) {
        if (strcmp(report->parameters[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool gives(const struct report_show *show, const char *name)
{
    for (size_t i = 0; i < show->value_count; i++) {
        if (strcmp(show->values[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static status put_line(struct page *page, const char *report, bool first, const char *text)
{
    if (page->data) {
        const struct cell cells[2] = {
            {.kind = CELL_TEXT, .text = report, .text_bytes = strlen(report)},
            {.kind = CELL_TEXT, .text = text, .text_bytes = strlen(text)}};

        return render_row(page->data, cells);
    }
    if (page->after_table) {
        putc('\n', page->out->out);
        page->after_table = false;
    }
    render_labelled(page->out, page->indent, first ? report : "", text);
    return OK;
}

/* Without a line of its own: the columns of its table that have a value. */
static char *line_of_table(const struct catalog_report *report)
{
    char *line = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&line, &bytes);

    for (const char *word = report->table ? report->table : ""; out && *(word += strspn(word, " "));
         word += strcspn(word, " ")) {
        int length = (int)strcspn(word, " ");

        fprintf(out, "[%s%.*s {%.*s}]", word == report->table ? "" : " ", length, word, length,
                word);
    }
    if (out) {
        fclose(out);
    }
    return line;
}

static bool meets(const struct report_condition *only, const struct cell *cell)
{
    bool number = cell->kind == CELL_INTEGER || cell->kind == CELL_REAL;
    double value = cell->kind == CELL_INTEGER ? (double)cell->integer : cell->real;
    bool same = cell->kind == CELL_TEXT ? strlen(only->value) == cell->text_bytes &&
                                              memcmp(only->value, cell->text, cell->text_bytes) == 0
                                        : number && value == atof(only->value);

    switch (only->is) {
    case CONDITION_EQUAL:
        return same;
    case CONDITION_UNEQUAL:
        return !same;
    case CONDITION_LEAST:
        return number && value >= atof(only->value);
    default:
        return number && value <= atof(only->value);
    }
}

static bool is_wanted(const struct report_show *show, const struct query *query,
                      const struct cell *cells)
{
    for (size_t i = 0; i < show->only_count; i++) {
        int column = report_rows_column(query, show->only[i].column);

        if (column < 0 || !meets(&show->only[i], &cells[column])) {
            return false;
        }
    }
    return true;
}

static status put_lines(struct page *page, const struct report_show *show,
                        const struct catalog_report *report, struct query *query)
{
    size_t count = query_column_count(query), rows = 0;
    struct cell *cells = calloc(count, sizeof *cells);
    char *own = show->line ? NULL : line_of_table(report);
    const char *line = show->line ? show->line : own;
    status result = cells && line ? OK : FAIL;

    while (result.code == STATUS_OK && rows < show->rows) {
        result = query_step(query, cells);
        if (result.code != STATUS_OK) {
            break;
        }
        char *text = is_wanted(show, query, cells)
                         ? report_line(report, query, cells, line, page->out->ascii)
                         : NULL;
        if (text && *text) {
            result = put_line(page, report->name, rows++ == 0, text);
        }
        free(text);
    }
    free(cells);
    free(own);
    if (result.code == STATUS_END) {
        result = OK;
    }
    const char *otherwise = show->otherwise ? show->otherwise : report->empty;
    if (result.code == STATUS_OK && rows == 0 && otherwise && strcmp(otherwise, "-") != 0) {
        char *text =
            strndup(otherwise, show->otherwise ? strlen(otherwise) : strcspn(otherwise, ";"));

        result = text ? put_line(page, report->name, true, text) : FAIL;
        free(text);
    }
    return result;
}

/* Of summary only: what it looks like over time. */
static status put_table(struct page *page, const struct catalog_report *report,
                        const struct query_parameter *parameters, size_t parameter_count)
{
    status result = report_rows_print(page->of->db, report, parameters, parameter_count, page->out);

    if (result.code == STATUS_OK && strcmp(report->name, "summary") == 0) {
        result = report_head_sparklines(page->of->db, page->of->catalog, page->out, page->of->run);
    }
    page->after_table = true;
    return result;
}

/* The set's arguments, which run, and no more rows than are shown. */
static status put_rows(struct page *page, const struct report_show *show,
                       const struct catalog_report *report)
{
    struct report_value values[REPORT_VALUES_MAX];
    struct query_parameter parameters[REPORT_VALUES_MAX];
    size_t count = show->value_count, parameter_count;
    char run[24], limit[24], title[128];
    struct query *query = NULL;

    memcpy(values, show->values, count * sizeof *values);
    if (page->of->run && has_parameter(report, "run")) {
        snprintf(run, sizeof run, "%" PRId64, page->of->run);
        values[count++] = (struct report_value){"run", run};
    }
    if (show->rows != SIZE_MAX && !show->only_count && has_parameter(report, "limit") &&
        !gives(show, "limit")) {
        snprintf(limit, sizeof limit, "%zu", show->rows);
        values[count++] = (struct report_value){"limit", limit};
    }
    TRY(report_values_bind(report, values, count, parameters, &parameter_count));
    snprintf(title, sizeof title, "report \"%s\"", report->name);
    if (!show->line && !page->data) {
        return put_table(page, report, parameters, parameter_count);
    }
    TRY(query_open(page->of->db, title, report->text, parameters, parameter_count, &query));
    status result = put_lines(page, show, report, query);
    query_close(query);
    return result;
}

static status put_show(struct page *page, const struct report_show *show)
{
    const struct catalog_report *report = catalog_find(page->of->catalog, show->report);

    if (!report) {
        diag_error("report set \"%s\" shows report \"%s\", which is not there", page->of->set->name,
                   show->report);
        return FAIL;
    }
    return put_rows(page, show, report);
}

/* ---- the page ------------------------------------------------------------------------------ */

/* "set server: 812 spans were told; --profile game|repl chooses another" */
static void put_choice(const struct page *page)
{
    const struct report_page *of = page->of;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    if (!out) {
        return;
    }
    fprintf(out, "report set %s, ", of->set->name);
    if (of->reason) {
        fprintf(out, "because %s; --profile ", of->reason);
    } else {
        fputs("as asked for; --profile ", out);
    }
    const char *between = "";
    for (size_t i = 0; i < of->sets->count; i++) {
        if (&of->sets->sets[i] != of->set) {
            fprintf(out, "%s%s", between, of->sets->sets[i].name);
            between = "|";
        }
    }
    fputs(" takes another", out);
    fclose(out);
    char *harmless = units_escape(text, bytes, page->out->ascii);
    render_paragraph(page->out, 0, harmless ? harmless : "");
    putc('\n', page->out->out);
    free(harmless);
    free(text);
}

static size_t widest_name(const struct report_set *set)
{
    size_t width = 0;

    for (size_t i = 0; i < set->show_count; i++) {
        size_t length = set->shows[i].line ? strlen(set->shows[i].report) : 0;

        width = length > width ? length : width;
    }
    return width + 2;
}

status report_page_print(const struct report_page *of, const struct render_options *out)
{
    static const struct render_column columns[] = {{"report", TYPE_TEXT}, {"text", TYPE_PROSE}};
    struct page page = {.of = of, .out = out, .indent = widest_name(of->set)};
    status result = OK;
    bool failed = false;

    if (out->format == RENDER_TABLE) {
        put_choice(&page);
    } else {
        TRY(render_open(out, &(struct render_layout){0}, columns, 2, &page.data));
    }
    for (size_t i = 0; i < of->set->show_count; i++) { /* one that fails does not stop the others */
        failed = put_show(&page, &of->set->shows[i]).code != STATUS_OK || failed;
    }
    if (page.data) {
        result = render_finish(page.data);
        render_close(page.data);
    }
    return failed ? FAIL : result;
}
