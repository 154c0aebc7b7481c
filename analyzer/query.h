/* SPDX-License-Identifier: Apache-2.0 */
/* query.h -- one statement and its parameters become a stream of rows.
 *
 * The statement may come from anyone: it can read, and nothing else. What SQLite refuses is told to
 * diag.h as a sentence, the place and a hint. One thread per query.                              */
#ifndef MEMANALYZE_QUERY_H
#define MEMANALYZE_QUERY_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct query;

enum cell_kind { CELL_NULL, CELL_INTEGER, CELL_REAL, CELL_TEXT };

struct cell {
    enum cell_kind kind;
    int64_t integer;
    double real;
    const char *text; /* not terminated; a blob counts as text. Any bytes */
    size_t text_bytes;
};

struct query_parameter {
    const char *name; /* "$1" */
    struct cell value;
};

/* `title` says what is asked, for messages: `report "leaks"`, `the query`. The text of parameters
 * is copied. Parameters that the statement does not have are left out. On failure *out is NULL. */
STATUS_MUST_USE status query_open(struct db *db, const char *title, const char *sql,
                                  const struct query_parameter *parameters, size_t parameter_count,
                                  struct query **out);
void query_close(struct query *query); /* NULL: nothing */

size_t query_column_count(const struct query *query);
const char *query_column_name(const struct query *query, size_t column);

/* Fills cells[0 ... column count - 1]; their text lives until the next step. STATUS_END: that was
 * all. */
STATUS_MUST_USE status query_step(struct query *query, struct cell *cells);

#endif
