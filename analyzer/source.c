/* SPDX-License-Identifier: Apache-2.0 */
/* source.c -- see source.h. */
#include "source.h"

#include "db.h"
#include "diag.h"
#include "import.h"
#include "query.h"
#if __has_include("run_cache.h")
#include "run_cache.h"
#endif

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool source_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Starts like an SQLite file; false also when it cannot be read, which is told. */
static status is_database(const char *path, bool *out)
{
    static const char magic[16] = "SQLite format 3";
    char start[sizeof magic];
    FILE *file = fopen(path, "re");

    *out = false;
    if (!file) {
        diag_error("could not read \"%s\": %m", path);
        diag_hint("memanalyze record -o run.zst -- PROGRAM records a trace; "
                  "memanalyze import run.zst -o run.db makes a database of it.");
        return FAIL;
    }
    *out = fread(start, 1, sizeof start, file) == sizeof start &&
           memcmp(start, magic, sizeof magic) == 0;
    fclose(file);
    return OK;
}

/* Whether it is one of ours, and of this version. */
static status check_schema(struct db *db, const char *path)
{
    struct query *query = NULL;
    struct cell cell;

    TRY(query_open(db, "the check of the database",
                   "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('run', 'stack_stat_interval')",
                   NULL, 0, &query));
    status step = query_step(query, &cell);
    query_close(query);
    if (step.code != STATUS_OK) {
        return FAIL;
    }
    if (cell.integer != 2) {
        diag_error("could not read \"%s\": it is a database, but not one of memanalyze import", path);
        diag_hint("memanalyze import TRACE -o DATABASE makes one.");
        return FAIL;
    }
    return OK;
}

status source_open(const char *path, struct source *out)
{
    bool database;

    *out = (struct source){0};
    TRY(is_database(path, &database));
    if (!database) {
#if __has_include("run_cache.h")
        return run_cache_open(path, &out->db, &out->incomplete);
#else
        diag_error("could not read \"%s\": it is no database", path);
        diag_hint("memanalyze import \"%s\" -o run.db makes one of a trace.", path);
        return FAIL;
#endif
    }
    TRY(db_open(path, DB_READ, &out->db));
    status checked = check_schema(out->db, path);
    if (checked.code != STATUS_OK) {
        source_close(out);
    }
    return checked;
}

void source_close(struct source *source)
{
    db_close(source->db);
    source->db = NULL;
}
