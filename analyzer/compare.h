/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h -- recordings side by side: one database with the others attached to it.
 *
 * The latest recording is the main database; those before it are attached under the names that the
 * reports' `With:` says: base, the earliest, and action, the one in between. All are read only. */
#ifndef MEMANALYZE_COMPARE_H
#define MEMANALYZE_COMPARE_H

#include "source.h"

#include <stdbool.h>
#include <stddef.h>

enum { COMPARE_MAX = 3 };

struct compare {
    struct source sources[COMPARE_MAX]; /* in the order of time */
    size_t count;
    struct db *db;   /* of the latest */
    bool incomplete; /* something is missing of one of them */
};

/* Databases or traces in the order of time, 1 to COMPARE_MAX. On failure there is nothing to close,
 * and diag knows. */
STATUS_MUST_USE status compare_open(const char *const *paths, size_t count, struct compare *out);
void compare_close(struct compare *compare);

#endif
