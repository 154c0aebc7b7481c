/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache.h -- a database for whatever file a report was asked about.
 *
 * A database is itself. A trace is imported once, to <trace>.db beside it, and again when the trace has
 * changed or another version of this program made the database; where that folder cannot be
 * written, to a file that is removed at the end.                                                   */
#ifndef MEMANALYZE_RUN_CACHE_H
#define MEMANALYZE_RUN_CACHE_H

#include "status.h"

#include <stdbool.h>

struct run_cache {
    char *path;     /* of the database */
    bool temporary; /* run_cache_close removes it */
};

/* Returns OK, or STATUS_INCOMPLETE when the trace is incomplete (said, when it was imported just
 * now), with a database in both cases; or a failure that was said. Close it also after a
 * failure. */
STATUS_MUST_USE status run_cache_open(const char *path, struct run_cache *out);
void run_cache_close(struct run_cache *cache);

#endif
