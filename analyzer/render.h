/* SPDX-License-Identifier: Apache-2.0 */
/* render.h -- rows become a table, CSV, JSON, Markdown or plain lines.
 *
 * A table is for people: units from the column types, estimates with their interval, fitted to the
 * width, nothing that could steer the terminal. All other formats are data: every column, raw
 * numbers, in the order given. Rows are written as they come; a table waits for the first few
 * hundred to know its widths. Use from one thread.                                               */
#ifndef MEMANALYZE_RENDER_H
#define MEMANALYZE_RENDER_H

#include "catalog.h"
#include "query.h"

#include <stdio.h>

enum render_format {
    RENDER_TABLE,
    RENDER_CSV,
    RENDER_TSV,
    RENDER_JSON,
    RENDER_MARKDOWN,
    RENDER_PLAIN
};

struct render_options {
    enum render_format format;
    FILE *out;
    size_t width; /* columns of the terminal */
    bool colour;
    bool ascii;  /* no characters beyond ASCII in what we add */
    bool escape; /* `out` is a terminal: make text harmless in every format but JSON */
};

/* Looks at the stream and the environment: COLUMNS, NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG. */
struct render_options render_options_for(FILE *out, enum render_format format);

/* "table", "csv", "tsv", "json", "markdown" or "md", "plain". False: no such format. */
bool render_format_of_name(const char *name, enum render_format *out);

struct render_column {
    const char *name;
    enum catalog_type type;
};

/* What only tables know; each NULL: none. */
struct render_layout {
    const char *table; /* columns to show, in order, separated by blanks; NULL: all */
    const char *bar;   /* the column that has one */
    /* Words with {rows}: how many were shown; {name}: that column in the last row; {share name}:
     * the part of column all_name that the rows shown hold. */
    const char *footer;
    const char *empty; /* said when there are no rows */
};

struct render;

/* Everything given must outlive the render. On failure *out is NULL and diag knows. */
STATUS_MUST_USE status render_open(const struct render_options *options,
                                   const struct render_layout *layout,
                                   const struct render_column *columns, size_t column_count,
                                   struct render **out);

STATUS_MUST_USE status render_row(struct render *render, const struct cell *cells);

/* Writes what is left, and the footer. A full disk shows when the caller flushes. */
STATUS_MUST_USE status render_finish(struct render *render);
void render_close(struct render *render); /* NULL: nothing */

/* One character of eight heights for each value, scaled to the largest; the caller frees. */
char *render_sparkline(const double *values, size_t count, bool ascii);

/* Prints a paragraph, wrapped at the width, each line after `indent` blanks. */
void render_paragraph(const struct render_options *options, size_t indent, const char *text);

/* The same, with a word in the room before its first line. */
void render_labelled(const struct render_options *options, size_t indent, const char *label,
                     const char *text);

enum render_style {
    STYLE_NONE,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_YELLOW,
    STYLE_GREEN,
    STYLE_BLUE
};
void render_style(const struct render_options *options, enum render_style style);

#endif
