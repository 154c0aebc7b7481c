/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache.c -- see run_cache.h. */
#include "run_cache.h"

#include "db.h"
#include "diag.h"
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Whether `database` was made from `trace` as it is now, by this version; *complete of what it
 * holds. */
static bool is_current(const char *database, const char *trace, bool *complete)
{
    struct stat made;
    struct stat from;
    sqlite3 *db = NULL;
    bool current = false;

    if (stat(database, &made) != 0 || stat(trace, &from) != 0 ||
        made.st_mtim.tv_sec < from.st_mtim.tv_sec ||
        (made.st_mtim.tv_sec == from.st_mtim.tv_sec &&
         made.st_mtim.tv_nsec < from.st_mtim.tv_nsec)) {
        return false;
    }
    if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        current = ask(db, "PRAGMA application_id", 0) == IMPORT_APPLICATION_ID &&
                  ask(db, "PRAGMA user_version", -1) == IMPORT_SCHEMA_VERSION &&
                  ask(db, "SELECT MAX(trace_bytes) FROM run", -1) == (int64_t)from.st_size;
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
