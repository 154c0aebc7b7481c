/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.h -- what became of each budget, and how that is told to people and to build servers.
 *
 * An estimate breaks a limit when its whole 95 % interval does: what is beyond it, but not so surely,
 * is told and fails nothing.                                                                      */
#ifndef MEMANALYZE_OUTCOME_H
#define MEMANALYZE_OUTCOME_H

#include "budget.h"
#include "render.h"

#include <stdio.h>

enum outcome_verdict {
    OUTCOME_PASSED,
    OUTCOME_UNSURE,  /* beyond the limit, within the interval: no failure */
    OUTCOME_SKIPPED, /* optional, and not told */
    OUTCOME_FAILED,
    OUTCOME_UNKNOWN, /* not told, so nobody knows: a failure */
};

struct outcome {
    const char *suite; /* the section */
    const char *name;  /* of the budget */
    const char *path;  /* of the file it comes from; NULL: of none */
    unsigned line;
    enum outcome_verdict verdict;
    char *message;           /* one sentence without a period */
    char *details;           /* lines, each with its newline; NULL: none */
    const char *figure;      /* NULL: the budget is a statement */
    const char *unit;        /* of value; NULL: there is none */
    double value, low, high; /* NAN: cannot be told */
};

struct outcomes {
    struct outcome *rows;
    size_t count;
};

/* Adds an empty one; NULL: out of memory, which was said. */
struct outcome *outcomes_add(struct outcomes *outcomes);
void outcomes_release(struct outcomes *outcomes); /* with messages, details and units */

size_t outcomes_count(const struct outcomes *outcomes, enum outcome_verdict verdict);
bool outcomes_failed(const struct outcomes *outcomes);

/* Judges a value by a limit. A bound that is NAN cannot be told, and breaks no limit. */
enum outcome_verdict outcome_judge(enum budget_operator operator, double limit, double value,
                                   double low, double high);

/* What is said about the run in the formats that have a place for it. */
struct outcome_run {
    const char *recording; /* path, as it was named */
    const char *host;      /* NULL: not told */
    char started[32];      /* 2026-11-21T17:00:00, UTC; not told: 1970 */
};

enum outcome_format { OUTCOME_TEXT, OUTCOME_JSON, OUTCOME_JUNIT, OUTCOME_GITHUB };
bool outcome_format_of_name(const char *name, enum outcome_format *out);

/* JUnit: the elements that Jenkins, GitLab and GitHub's test reporters share. GitHub: workflow
 * commands, one for each budget that did not pass. */
void outcome_print(const struct outcomes *outcomes, const struct outcome_run *run,
                   enum outcome_format format, const struct render_options *out);

#endif
