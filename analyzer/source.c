/* SPDX-License-Identifier: Apache-2.0 */
/* source.c -- see source.h. */
#include "source.h"

#include "db.h"
#include "diag.h"
#include "import.h"
#include "segments.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

bool source_exists(const char *path)
{
    char *instead = access(path, F_OK) == 0 ? NULL : segments_of_missing(path);
    bool exists = instead || access(path, F_OK) == 0;

    free(instead);
    return exists;
}

static status ask_pragma(struct db *db, const char *pragma, int64_t *out)
{
    struct statement *statement;
    bool has_row;

    TRY(db_prepare(db, pragma, &statement));
    TRY(db_step(statement, &has_row));
    *out = has_row ? db_int(statement, 0) : 0;
    db_reset(statement);
    return OK;
}

/* Whether it is one of ours, and of this version. */
static status check_schema(struct db *db, const char *path)
{
    int64_t application, version;

    TRY(ask_pragma(db, "PRAGMA application_id", &application));
    TRY(ask_pragma(db, "PRAGMA user_version", &version));
    if (application != IMPORT_APPLICATION_ID) {
        diag_error("could not read \"%s\": it is a database, but not one of memanalyze import",
                   path);
        diag_hint("memanalyze import TRACE -o DATABASE makes one.");
        return FAIL;
    }
    if (version != IMPORT_SCHEMA_VERSION) {
        diag_error("could not read \"%s\": another version of memanalyze made it", path);
        diag_detail("It has schema %" PRId64 ", this version reads %d.", version,
                    IMPORT_SCHEMA_VERSION);
        diag_hint("Import the trace again: memanalyze import TRACE -o DATABASE --force");
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
