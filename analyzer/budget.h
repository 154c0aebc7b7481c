/* SPDX-License-Identifier: Apache-2.0 */
/* budget.h -- what a recording may cost: files of limits on figures, and of statements.
 *
 * NAME.ini, one limit a line, in sections that only group them:
 *
 *   # comment                                   also ;
 *   [memory]
 *   figure peak.rss_bytes <= 64 MiB             the name as report figures lists it, < <= = >= >,
 *   figure leak.count = 0                       a number and its unit, or the figure's base unit
 *   optional figure gc.pause_ns.p99 <= 5 ms     passes where the recording does not tell it
 *
 * NAME.sql, statements that each return the rows which violate it. The first line of the comment
 * right before a statement is its name; $1 is the run's id:
 *
 *   -- no site keeps more than a third of all
 *   SELECT ...;
 *
 * Texts are terminated and live as long as the budget. One thread.                               */
#ifndef MEMANALYZE_BUDGET_H
#define MEMANALYZE_BUDGET_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

enum budget_operator {
    BUDGET_LESS,
    BUDGET_LESS_EQUAL,
    BUDGET_EQUAL,
    BUDGET_MORE_EQUAL,
    BUDGET_MORE
};

struct budget_rule {
    const char *section; /* of a statement and before the first: the file's name without its end */
    unsigned line;       /* from 1 */
    char *text;          /* the limit as it is written, or the statement's name */
    char *sql;           /* a statement; NULL: a limit, and the rest tells which */
    char *figure;
    enum budget_operator operator;
    double limit;     /* in base units */
    const char *unit; /* that the figure must have: bytes, ns, ratio, bytes_per_second,
                         bytes_per_hour; NULL: a bare number, any */
    bool optional;
};

struct budget {
    const char *path;
    struct budget_rule *rules;
    size_t count;
    char *memory, *section; /* where the texts are */
};

/* Reads a file whose name ends in .ini or .sql. STATUS_USAGE: it says what no budget can; diag knows
 * where. Release it also after a failure. */
STATUS_MUST_USE status budget_read(const char *path, struct budget *out);
void budget_release(struct budget *budget);

#endif
