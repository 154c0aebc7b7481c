/* SPDX-License-Identifier: Apache-2.0 */
/* db.h -- SQLite with one error path: open, prepare, bind, step.
 *
 * Every function that fails has told diag.h what could not be done to which database. Binding cannot
 * fail visibly: a value that SQLite refuses makes the next step fail. One thread per database.    */
#ifndef MEMANALYZE_DB_H
#define MEMANALYZE_DB_H

#include "records.h"

struct db;
struct statement;

enum db_mode {
    DB_READ, /* an existing file; guarded against a hostile schema */
    DB_BUILD, /* created when missing; fast and unsafe: a crash leaves rubbish, so build under another name */
};

/* `path` "" is a private temporary database that spills to disk. On failure *out is NULL. */
STATUS_MUST_USE status db_open(const char *path, enum db_mode mode, struct db **out);
void db_close(struct db *db); /* finalizes what is left; NULL: nothing */

/* What query.c prepares its statements on; the database keeps owning it. */
struct sqlite3 *db_connection(struct db *db);

/* Runs statements separated by semicolons; rows are ignored. */
STATUS_MUST_USE status db_run(struct db *db, const char *sql);
STATUS_MUST_USE status db_run_formatted(struct db *db, const char *format,
                                        ...); /* as sqlite3_mprintf */

/* The statement belongs to the database and lives until db_close. */
STATUS_MUST_USE status db_prepare(struct db *db, const char *sql, struct statement **out);

/* Parameters count from 1. Text is copied; bytes that are no UTF-8 become U+FFFD, a NUL ends it. */
void db_bind_int(struct statement *statement, int at, int64_t value);
void db_bind_known(struct statement *statement, int at, uint64_t value); /* UNKNOWN is NULL */
void db_bind_real(struct statement *statement, int at, double value);
void db_bind_text(struct statement *statement, int at, struct text value);   /* no bytes is NULL */
void db_bind_string(struct statement *statement, int at, const char *value); /* NULL is NULL */
void db_bind_null(struct statement *statement, int at);

/* Takes one step. *has_row tells whether a row can be read; without one the statement is ready
 * again. */
STATUS_MUST_USE status db_step(struct statement *statement, bool *has_row);

/* Steps a statement that returns no rows, and makes it ready again with all parameters NULL. */
STATUS_MUST_USE status db_insert(struct statement *statement);

void db_reset(struct statement *statement); /* ready again, parameters NULL */

int64_t db_int(struct statement *statement, int column); /* columns count from 0 */
bool db_is_null(struct statement *statement, int column);
bool db_is_text(struct statement *statement, int column);
double db_real(struct statement *statement, int column);
const char *db_string(struct statement *statement,
                      int column); /* until the next step; NULL is NULL */

/* Copies text into `out` (of out_bytes) as db_bind_text would store it; returns `out`. */
const char *db_clean_text(char *out, size_t out_bytes, struct text value);

#endif
