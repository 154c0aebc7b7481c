/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache.c -- see run_cache.h. */
#include "run_cache.h"

#include "db.h"
#include "diag.h"
#include "import.h"
#include "segments.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static bool is_database(const char *path)
{
    char start[16];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool database = file >= 0 && read(file, start, sizeof start) == sizeof start &&
                    memcmp(start, "SQLite format 3", 16) == 0;

    if (file >= 0) {
        close(file);
    }
    return database;
}

/* The first column of the first row, or `otherwise` when anything is wrong: says nothing. */
static int64_t ask(sqlite3 *db, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *statement = NULL;
    int64_t answer = otherwise;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        answer = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return answer;
}

/* The files of a trace: bytes of all, and when the last of them changed. */
static bool stat_trace(const char *trace, uint64_t *bytes, struct timespec *changed)
{
    char *instead = access(trace, F_OK) == 0 ? NULL : segments_of_missing(trace);
    const char *path = instead ? instead : trace;
    struct segments segments = {0};
    struct mr_block_header head;
    struct stat facts;
    bool found = segments_head(path, &head)
                     ? segments_beside(path, &head, &segments).code == STATUS_OK
                     : segments_add(&segments, path, 0).code == STATUS_OK;

    *bytes = 0;
    *changed = (struct timespec){0};
    for (size_t i = 0; i < segments.count && found; i++) {
        found = stat(segments.files[i].path, &facts) == 0;
        *bytes += found ? (uint64_t)facts.st_size : 0;
        if (found && is_before(*changed, facts.st_mtim)) {
            *changed = facts.st_mtim;
        }
    }
    segments_free(&segments);
    free(instead);
    return found;
}

/* Whether `database` was made from `trace` as it is now, by this version; *complete of what it
 * holds. */
static bool is_current(const char *database, const char *trace, bool *complete)
{
    struct stat made;
    struct timespec changed;
    uint64_t bytes;
    sqlite3 *db = NULL;
    bool current = false;

    if (stat(database, &made) != 0 || !stat_trace(trace, &bytes, &changed) ||
        is_before(made.st_mtim, changed)) {
        return false;
    }
    if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        current = ask(db, "PRAGMA application_id", 0) == IMPORT_APPLICATION_ID &&
                  ask(db, "PRAGMA user_version", -1) == IMPORT_SCHEMA_VERSION &&
                  ask(db, "SELECT MAX(trace_bytes) FROM run", -1) == (int64_t)bytes;
        *complete = ask(db, "SELECT MIN(complete) FROM run", 0) != 0;
    }
    sqlite3_close(db);
    return current;
}

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

/* A file that nobody else has, in $TMPDIR or /tmp. */
static status open_elsewhere(const char *trace, const struct import_options *options,
                             struct run_cache *out)
{
    const char *folder = getenv("TMPDIR");

    free(out->path);
    out->path = NULL;
    if (asprintf(&out->path, "%s/memanalyze-XXXXXX", folder && folder[0] ? folder : "/tmp") < 0) {
        out->path = NULL;
        return no_memory();
    }
    int file = mkostemp(out->path, O_CLOEXEC);
    if (file < 0) {
        diag_error("could not write \"%s\": %m", out->path);
        diag_hint("TMPDIR names a folder for temporary files.");
        return FAIL;
    }
    close(file);
    out->temporary = true;
    return import_traces(&trace, 1, out->path, options, NULL);
}

status run_cache_open(const char *path, struct run_cache *out)
{
    const struct import_options options = {.replace = true};
    bool complete = true;

    *out = (struct run_cache){0};
    if (is_database(path)) {
        out->path = strdup(path);
        return out->path ? OK : no_memory();
    }
    if (asprintf(&out->path, "%s.db", path) < 0) {
        out->path = NULL;
        return no_memory();
    }
    if (is_current(out->path, path, &complete)) {
        return complete ? OK : (status){STATUS_INCOMPLETE};
    }
    char *slash = strrchr(out->path, '/');
    size_t folder_bytes = slash ? (size_t)(slash - out->path) + 1 : 0;
    char *folder = folder_bytes ? strndup(out->path, folder_bytes) : strdup(".");
    if (!folder) {
        return no_memory();
    }
    bool writable = access(folder, W_OK) == 0;
    free(folder);
    if (!writable && access(path, R_OK) == 0) {
        return open_elsewhere(path, &options, out);
    }
    /* An existing file of that name is replaced only if it is one of ours. */
    if (access(out->path, F_OK) == 0) {
        sqlite3 *db = NULL;
        bool ours = sqlite3_open_v2(out->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                    ask(db, "PRAGMA application_id", 0) == IMPORT_APPLICATION_ID;

        sqlite3_close(db);
        if (!ours) {
            return open_elsewhere(path, &options, out);
        }
    }
    return import_traces(&path, 1, out->path, &options, NULL);
}

void run_cache_close(struct run_cache *cache)
{
    if (cache->temporary && cache->path) {
        unlink(cache->path);
    }
    free(cache->path);
    *cache = (struct run_cache){0};
}
