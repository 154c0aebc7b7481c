/* SPDX-License-Identifier: Apache-2.0 */
/* source.h -- what report and query read: a database, or a trace that becomes one beside it. */
#ifndef MEMANALYZE_SOURCE_H
#define MEMANALYZE_SOURCE_H

#include "run_cache.h"

struct db;

struct source {
    struct db *db;
    struct run_cache cache;
    bool incomplete; /* a trace was given, and something of it is missing */
};

/* On failure there is nothing to close, and diag knows. */
STATUS_MUST_USE status source_open(const char *path, struct source *out);
void source_close(struct source *source);

bool source_exists(const char *path);

#endif
