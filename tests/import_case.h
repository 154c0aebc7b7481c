/* SPDX-License-Identifier: Apache-2.0 */
/* import_case.h -- a trace written as text becomes a database, whose rows a test compares with what it
 * worked out by hand. One database is open at a time, in the working folder. */
#ifndef MEMREC_TESTS_IMPORT_CASE_H
#define MEMREC_TESTS_IMPORT_CASE_H

#include "check.h"
#include "import.h"
#include "mktrace.h"

#include <sqlite3.h>

static sqlite3 *db;

/* All rows of a query: columns separated by |, rows by newlines; NULL is "-". */
static const char *rows(const char *sql)
{
    static char out[16384];
    sqlite3_stmt *statement = NULL;
    size_t used = 0;

    out[0] = '\0';
    if (!CHECK(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK)) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        return "(error)";
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);

            used += (size_t)snprintf(out + used, sizeof out - used, "%s%s",
                                     i      ? "|"
                                     : used ? "\n"
                                            : "",
                                     value ? value : "-");
        }
    }
    sqlite3_finalize(statement);
    return out;
}

static status make(const char *const *traces, size_t count, const char *target, bool slow)
{
    const struct import_options options = {.replace = true, .quiet = true, .slow_samples = slow};

    return import_traces(traces, count, target, &options, NULL);
}

static void open_database(const char *path)
{
    sqlite3_close(db);
    CHECK_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
}

/* The trace as a database, fast and slow, equal in every table; leaves the fast one open. */
static __attribute__((unused)) status import_text(const char *text)
{
    const char *traces[] = {"case.zst"};
    char tables[4096];
    char sql[512];

    CHECK(mktrace_file("case", text, "case.zst"));
    status result = make(traces, 1, "case.db", false);
    CHECK_EQ(make(traces, 1, "slow.db", true).code, result.code);
    open_database("case.db");
    CHECK_STR(rows("PRAGMA integrity_check"), "ok");
    CHECK_EQ(sqlite3_exec(db, "ATTACH 'slow.db' AS slow", NULL, NULL, NULL), SQLITE_OK);
    snprintf(tables, sizeof tables, "%s",
             rows("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY name"));
    for (char *name = strtok(tables, "\n"); name; name = strtok(NULL, "\n")) {
        snprintf(sql, sizeof sql,
                 "SELECT COUNT(*) FROM (SELECT * FROM main.%s EXCEPT "
                 "SELECT * FROM slow.%s)",
                 name, name);
        CHECK_STR(rows(sql), "0");
        snprintf(sql, sizeof sql,
                 "SELECT (SELECT COUNT(*) FROM main.%s) - "
                 "(SELECT COUNT(*) FROM slow.%s)",
                 name, name);
        CHECK_STR(rows(sql), "0");
    }
    return result;
}

#endif
