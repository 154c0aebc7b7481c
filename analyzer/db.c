/* SPDX-License-Identifier: Apache-2.0 */
/* db.c -- see db.h. */
#include "db.h"

#include "diag.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct statement {
    sqlite3_stmt *handle;
    struct db *db;
    struct statement *next;
};

struct db {
    sqlite3 *handle;
    struct statement *statements;
    char name[];
};

static status complain(struct db *db, const char *sql)
{
    diag_error("could not %s database \"%s\": %s", sql ? "use" : "open",
               db->name[0] ? db->name : "(temporary)",
               db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
    if (db->handle && sqlite3_errcode(db->handle) == SQLITE_FULL) {
        diag_hint("The disk is full: free some space, or write to another place with -o.");
    } else if (sql) {
        diag_detail("The statement was: %.200s", sql);
    }
    return FAIL;
}

status db_open(const char *path, enum db_mode mode, struct db **out)
{
    struct db *db = calloc(1, sizeof *db + strlen(path) + 1);
    int flags = mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    *out = NULL;
    if (!db) {
        diag_error("could not open database \"%s\": out of memory", path);
        return FAIL;
    }
    strcpy(db->name, path);
    if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        status failed = complain(db, NULL);

        db_close(db);
        return failed;
    }
    status set;
    if (mode == DB_READ) {
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        set = db_run(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
    } else {
        set = db_run(db, "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF;"
                         "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
                         "PRAGMA cache_size = -32768");
    }
    if (set.code != STATUS_OK) {
        db_close(db);
        return set;
    }
    *out = db;
    return OK;
}

void db_close(struct db *db)
{
    if (!db) {
        return;
    }
    while (db->statements) {
        struct statement *statement = db->statements;

        db->statements = statement->next;
        sqlite3_finalize(statement->handle);
        free(statement);
    }
    sqlite3_close(db->handle);
    free(db);
}

sqlite3 *db_connection(struct db *db) { return db->handle; }

status db_run(struct db *db, const char *sql)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return complain(db, sql);
    }
    return OK;
}

status db_run_formatted(struct db *db, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (!sql) {
        diag_error("could not use database \"%s\": out of memory", db->name);
        return FAIL;
    }
    status result = db_run(db, sql);
    sqlite3_free(sql);
    return result;
}

status db_prepare(struct db *db, const char *sql, struct statement **out)
{
    struct statement *statement = calloc(1, sizeof *statement);

    *out = NULL;
    if (!statement) {
        diag_error("could not use database \"%s\": out of memory", db->name);
        return FAIL;
    }
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->handle,
                           NULL) != SQLITE_OK) {
        free(statement);
        return complain(db, sql);
    }
    statement->db = db;
    statement->next = db->statements;
    db->statements = statement;
    *out = statement;
    return OK;
}

void db_bind_int(struct statement *statement, int at, int64_t value)
{
    sqlite3_bind_int64(statement->handle, at, value);
}

void db_bind_known(struct statement *statement, int at, uint64_t value)
{
    if (value == UNKNOWN) {
        sqlite3_bind_null(statement->handle, at);
    } else {
        sqlite3_bind_int64(statement->handle, at, (int64_t)value);
    }
}

void db_bind_real(struct statement *statement, int at, double value)
{
    sqlite3_bind_double(statement->handle, at, value);
}

void db_bind_null(struct statement *statement, int at) { sqlite3_bind_null(statement->handle, at); }

/* Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char mask, lead, length, second_low, second_high;
    } shapes[] = {
        {0xff, 0xe0, 3, 0xa0, 0xbf}, {0xff, 0xed, 3, 0x80, 0x9f}, {0xff, 0xf0, 4, 0x90, 0xbf},
        {0xff, 0xf4, 4, 0x80, 0x8f}, {0xe0, 0xc0, 2, 0x80, 0xbf}, {0xf0, 0xe0, 3, 0x80, 0xbf},
        {0xfc, 0xf0, 4, 0x80, 0xbf},
    };

    if (at[0] < 0x80) {
        return at[0] != 0;
    }
    if (at[0] < 0xc2) {
        return 0;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        size_t length = shapes[i].length;

        if ((at[0] & shapes[i].mask) == shapes[i].lead) {
            if (left < length || at[1] < shapes[i].second_low || at[1] > shapes[i].second_high) {
                return 0;
            }
            for (size_t k = 2; k < length; k++) {
                if ((at[k] & 0xc0) != 0x80) {
                    return 0;
                }
            }
            return length;
        }
    }
    return 0;
}

const char *db_clean_text(char *out, size_t out_bytes, struct text value)
{
    const unsigned char *in = (const unsigned char *)value.bytes;
    size_t used = 0;

    for (size_t at = 0; at < value.length && in[at];) {
        size_t length = utf8_length(in + at, value.length - at);
        const void *from = length ? (const void *)(in + at) : "\xef\xbf\xbd";
        size_t bytes = length ? length : 3;

        if (used + bytes >= out_bytes) {
            break;
        }
        memcpy(out + used, from, bytes);
        used += bytes;
        at += length ? length : 1;
    }
    out[used] = '\0';
    return out;
}

void db_bind_text(struct statement *statement, int at, struct text value)
{
    if (!value.bytes) {
        sqlite3_bind_null(statement->handle, at);
        return;
    }
    size_t room = 3 * value.length + 1;
    char *clean = malloc(room);
    if (!clean) {
        sqlite3_bind_null(statement->handle, at);
        return;
    }
    db_clean_text(clean, room, value);
    sqlite3_bind_text(statement->handle, at, clean, -1, free);
}

void db_bind_string(struct statement *statement, int at, const char *value)
{
    struct text text = {value, value ? strlen(value) : 0};

    db_bind_text(statement, at, text);
}

status db_step(struct statement *statement, bool *has_row)
{
    int result = sqlite3_step(statement->handle);

    *has_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW) {
        return OK;
    }
    status told =
        result == SQLITE_DONE ? OK : complain(statement->db, sqlite3_sql(statement->handle));
    sqlite3_reset(statement->handle);
    return told;
}

status db_insert(struct statement *statement)
{
    bool has_row;

    TRY(db_step(statement, &has_row));
    db_reset(statement);
    return OK;
}

void db_reset(struct statement *statement)
{
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
}

int64_t db_int(struct statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

bool db_is_null(struct statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

bool db_is_text(struct statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_TEXT;
}

double db_real(struct statement *statement, int column)
{
    return sqlite3_column_double(statement->handle, column);
}

const char *db_string(struct statement *statement, int column)
{
    return (const char *)sqlite3_column_text(statement->handle, column);
}
