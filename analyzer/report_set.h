/* SPDX-License-Identifier: Apache-2.0 */
/* report_set.h -- which reports a kind of program needs, in which order, with which arguments.
 *
 * A set is one file, NAME.set; a longer line goes on, indented by six, in the next:
 *
 *   # a remark
 *   server: what each request costs, and what it leaves behind.      name and sentence
 *   Rank:   40                                    which of several that suit is taken: the highest
 *   When:   SELECT COUNT(*) || ' spans were told' FROM span          the reason, or no row or NULL:
 *                                                 it does not suit; $1 is the run
 *   Show:   all summary                           a report, as its table
 *   Show:   3 leaks --verdict leak                how many rows of it, and arguments
 *     {function}: {leak_rate_bytes_per_hour}[, since {onset_ns}]     a line for each row: {column}
 *                                                 with its unit and interval; [...] not without all in it
 *   Only:   share >= 0.1, moment = peak           rows of which all of this is true, for a line; also <= and !=
 *   Else:   nothing leaks                         when there are no rows; -: nothing is said; without it
 *                                                 what the report says
 *
 * Sets are data: nothing in the program knows their names, but for one that suits always.          */
#ifndef MEMANALYZE_REPORT_SET_H
#define MEMANALYZE_REPORT_SET_H

#include "report_values.h"

#include <stdint.h>

enum { REPORT_SET_SHOWS_MAX = 32, REPORT_SET_VALUES_MAX = 6, REPORT_SET_CONDITIONS_MAX = 4 };

struct report_condition {
    const char *column;
    enum { CONDITION_EQUAL, CONDITION_UNEQUAL, CONDITION_LEAST, CONDITION_MOST } is;
    const char *value; /* a number for the last two */
};

struct report_show {
    const char *report;
    size_t rows; /* SIZE_MAX: all */
    struct report_value values[REPORT_SET_VALUES_MAX];
    size_t value_count;
    struct report_condition only[REPORT_SET_CONDITIONS_MAX];
    size_t only_count;
    const char *line;      /* NULL: a table */
    const char *otherwise; /* NULL: what the report says */
};

struct report_set {
    const char *name, *sentence;
    const char *origin; /* path of the user's file; NULL: shipped */
    const char *when;   /* NULL: only when asked for */
    int rank;
    struct report_show shows[REPORT_SET_SHOWS_MAX];
    size_t show_count;
    char *memory; /* of all the words above */
};

struct report_sets {
    struct report_set *sets; /* sorted by name */
    size_t count;
};

/* The shipped sets and the user's own: $XDG_CONFIG_HOME/memanalyze/sets/NAME.set, where a file
 * replaces the shipped set of its name. */
STATUS_MUST_USE status report_sets_open(struct report_sets *out);
void report_sets_close(struct report_sets *sets);

const struct report_set *report_sets_find(const struct report_sets *sets, const char *name);

/* The set that suits what the run has, and why, which the caller frees. */
STATUS_MUST_USE status report_sets_choose(const struct report_sets *sets, struct db *db,
                                          int64_t run, const struct report_set **out,
                                          char **reason);

/* Parses one file, as catalog_parse does. */
STATUS_MUST_USE status report_set_parse(const char *name, const char *origin, const char *text,
                                        struct report_set *out);
void report_set_release(struct report_set *set);

/* What a set shows of a report; NULL: it does not. */
const struct report_show *report_set_shows(const struct report_set *set, const char *report);

#endif
