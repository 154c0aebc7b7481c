/* SPDX-License-Identifier: Apache-2.0 */
/* report_line.c -- see report_line.h. */
#include "report_line.h"

#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum catalog_type type_of(const struct catalog_report *report, const char *name)
{
    const struct catalog_column *documented = catalog_column(report, name);

    return documented ? documented->type : catalog_type_of_name(name);
}

struct line {
    const struct catalog_report *report;
    const struct query *query;
    const struct cell *cells;
    bool ascii;
};

static const struct cell *cell_of(const struct line *line, const char *name, size_t length,
                                  const char *end)
{
    char whole[128];

    snprintf(whole, sizeof whole, "%.*s%s", (int)length, name, end);
    for (size_t i = 0; i < query_column_count(line->query); i++) {
        if (strcmp(query_column_name(line->query, i), whole) == 0) {
            return &line->cells[i];
        }
    }
    return NULL;
}

static double number_of(const struct cell *cell)
{
    return cell->kind == CELL_INTEGER ? (double)cell->integer : cell->real;
}

static bool is_number(const struct cell *cell)
{
    return cell && (cell->kind == CELL_INTEGER || cell->kind == CELL_REAL);
}

/* What a figure of TYPE_MIXED is, as the row says. */
static struct units_mixed mixed_of(const struct line *line)
{
    for (size_t i = 0; i < query_column_count(line->query); i++) {
        const struct cell *cell = &line->cells[i];

        if (type_of(line->report, query_column_name(line->query, i)) == TYPE_UNIT &&
            cell->kind == CELL_TEXT) {
            return units_mixed(cell->text, cell->text_bytes);
        }
    }
    return (struct units_mixed){TYPE_VALUE, 1, ""};
}

static void put_number(FILE *out, const struct line *line, const char *name, size_t length,
                       const struct cell *cell)
{
    const struct cell *low = cell_of(line, name, length, "_low");
    const struct cell *high = cell_of(line, name, length, "_high");
    char text[UNITS_BYTES], plain[128];

    snprintf(plain, sizeof plain, "%.*s", (int)length, name);
    struct units_mixed unit = {type_of(line->report, plain), 1, ""};
    if (unit.type == TYPE_MIXED) {
        unit = mixed_of(line);
    }
    if (cell->kind == CELL_INTEGER && (unit.type == TYPE_VALUE || unit.type == TYPE_ID)) {
        fprintf(out, "%lld", (long long)cell->integer);
        return;
    }
    units_value(text, unit.type, number_of(cell) * unit.factor, line->ascii);
    fprintf(out, "%s%s", text, unit.suffix);
    if (is_number(low) && is_number(high)) {
        units_interval(text, unit.type, number_of(cell) * unit.factor, number_of(low) * unit.factor,
                       number_of(high) * unit.factor, line->ascii);
        fprintf(out, "%s%s", *text ? " " : "", text);
    }
}

/* False: it has no value. */
static bool put_value(FILE *out, const struct line *line, const char *name, size_t length)
{
    const struct cell *cell = cell_of(line, name, length, "");

    if (!cell || cell->kind == CELL_NULL) {
        return false;
    }
    if (cell->kind == CELL_TEXT) {
        char *text = units_escape(cell->text, cell->text_bytes, line->ascii);

        fputs(text ? text : "", out);
        free(text);
        return cell->text_bytes > 0;
    }
    put_number(out, line, name, length, cell);
    return true;
}

/* Words up to `end`, of which *at is made the place after. False: something has no value. */
static bool put_words(FILE *out, const struct line *line, const char **at, char end)
{
    bool whole = true;

    for (; **at && **at != end; ++*at) {
        if (**at == '{') {
            size_t length = strcspn(*at + 1, "}");

            whole = put_value(out, line, *at + 1, length) && whole;
            *at += length + ((*at)[length + 1] ? 1 : 0);
        } else if (**at == '[') {
            char *part = NULL;
            size_t bytes = 0;
            FILE *inner = open_memstream(&part, &bytes);

            ++*at;
            if (inner) {
                bool all = put_words(inner, line, at, ']');

                fclose(inner);
                fputs(all ? part : "", out);
            }
            free(part);
            if (!**at) {
                return whole;
            }
        } else {
            putc(**at, out);
        }
    }
    return whole;
}

char *report_line(const struct catalog_report *report, const struct query *query,
                  const struct cell *cells, const char *line, bool ascii)
{
    const struct line of = {report, query, cells, ascii};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    bool whole = out && put_words(out, &of, &line, '\0');

    if (out) {
        fclose(out);
    }
    if (!whole) {
        free(text);
        text = NULL;
    }
    return text;
}
