/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h -- a trace that still grows, as a database that is made anew when it has grown.
 *
 * Every look imports the whole trace: what one sees is what a report would say, verdicts included, and no second
 * way of counting exists. So that a long trace does not keep a processor busy, the next look waits until at most a fifth of
 * the time was spent importing. One thread.                                                       */
#ifndef MEMANALYZE_FOLLOW_H
#define MEMANALYZE_FOLLOW_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct db;

struct follow {
    char *trace;                          /* path of its first file */
    char *folder;                         /* ours, for the database */
    char *database;                       /* in it */
    struct db *db;                        /* of the latest look; NULL: there was none yet */
    uint64_t grown_to;                    /* bytes of all its files at that look */
    uint64_t looked_ns, cost_ns, next_ns; /* CLOCK_MONOTONIC; cost of the latest look */
    bool ended;                           /* the trace has its end, and will not grow */
};

/* `what` is the path of a trace, which may not be there yet, or the id of a process that is being recorded. On
 * failure there is nothing to close. */
STATUS_MUST_USE status follow_open(const char *what, struct follow *out);
void follow_close(struct follow *follow);

/* Looks whether the trace has grown, when it is time to. *changed: `db` is another one. */
STATUS_MUST_USE status follow_look(struct follow *follow, bool *changed);

#endif
