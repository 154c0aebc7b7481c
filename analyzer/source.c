/* SPDX-License-Identifier: Apache-2.0 */
/* source.c -- see source.h. */
#include "source.h"

#include "db.h"
#include "diag.h"
#include "query.h"

#include <unistd.h>

bool source_exists(const char *path) { return access(path, F_OK) == 0; }

/* Whether it is one of ours, and of this version. */
static status check_schema(struct db *db, const char *path)
{
    struct query *query = NULL;
    struct cell cell;

    TRY(query_open(
        db, "the check of the database",
        "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('run', 'stack_stat_interval')", NULL, 0,
        &query));
    status step = query_step(query, &cell);
    query_close(query);
    if (step.code != STATUS_OK) {
        return FAIL;
    }
    if (cell.integer != 2) {
        diag_error("could not read \"%s\": it is a database, but not one of memanalyze import",
                   path);
        diag_hint("memanalyze import TRACE -o DATABASE makes one.");
        return FAIL;
    }
    return OK;
}

status source_open(const char *path, struct source *out)
{
    *out = (struct source){0};
    if (!source_exists(path)) {
        diag_error("could not read \"%s\": %m", path);
        diag_hint("memanalyze record -o run.zst -- PROGRAM records a trace; report and query take "
                  "it as it is.");
        return FAIL;
    }
    status result = run_cache_open(path, &out->cache);
    out->incomplete = result.code == STATUS_INCOMPLETE;
    if (result.code == STATUS_OK || out->incomplete) {
        result = db_open(out->cache.path, DB_READ, &out->db);
    }
    if (result.code == STATUS_OK) {
        result = check_schema(out->db, path);
    }
    if (result.code != STATUS_OK) {
        source_close(out);
    }
    return result;
}

void source_close(struct source *source)
{
    db_close(source->db);
    run_cache_close(&source->cache);
    source->db = NULL;
}
