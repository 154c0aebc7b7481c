/* SPDX-License-Identifier: Apache-2.0 */
/* query.c -- see query.h. */
#include "query.h"

#include "command.h"
#include "db.h"
#include "diag.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct query {
    sqlite3 *database;
    sqlite3_stmt *statement;
    char title[];
};

/* Reading tables and calling functions, and the pragmas that describe tables. */
static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    static const char *const pragmas[] = {"table_info", "table_xinfo",   "table_list",
                                          "index_list", "function_list", "index_info"};

    (void)context, (void)database, (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION: /* its name is the second word */
        return second && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
        for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++) {
            if (first && sqlite3_stricmp(first, pragmas[i]) == 0) {
                return SQLITE_OK;
            }
        }
        return SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* ---- errors -------------------------------------------------------------------------------- */

enum { NAMES_MAX = 128, CONTEXT_BYTES = 40 };

/* "Did you mean": among what a statement lists, the name nearest to `word`. */
static bool hint_nearest(sqlite3 *database, const char *listing, const char *word)
{
    sqlite3_stmt *list = NULL;
    char *names[NAMES_MAX];
    size_t count = 0;

    if (sqlite3_prepare_v2(database, listing, -1, &list, NULL) != SQLITE_OK) {
        return false;
    }
    while (count < NAMES_MAX && sqlite3_step(list) == SQLITE_ROW) {
        const unsigned char *name = sqlite3_column_text(list, 0);

        names[count] = sqlite3_mprintf("%s", name ? (const char *)name : "");
        count += names[count] != NULL;
    }
    sqlite3_finalize(list);
    const char *nearest = command_nearest(word, (const char *const *)names, count);
    if (nearest) {
        diag_hint("Did you mean \"%s\"?", nearest);
    }
    for (size_t i = 0; i < count; i++) {
        sqlite3_free(names[i]);
    }
    return nearest != NULL;
}

static void tell_hint(sqlite3 *database, int code, const char *message, bool sql_is_unread)
{
    static const char table[] = "no such table: ", column[] = "no such column: ";

    if (code == SQLITE_AUTH || strncmp(message, "not authorized", 14) == 0) {
        diag_hint("A query can only read: SELECT, WITH, VALUES, and PRAGMA table_info(TABLE).");
        return;
    }
    if (strncmp(message, table, strlen(table)) == 0) {
        if (!hint_nearest(database,
                          "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')",
                          message + strlen(table))) {
            diag_hint("SELECT name FROM sqlite_schema lists the tables and views.");
        }
        return;
    }
    if (strncmp(message, column, strlen(column)) == 0) {
        const char *dot = strrchr(message, '.');

        if (!hint_nearest(
                database,
                "SELECT DISTINCT c.name FROM sqlite_schema s, pragma_table_info(s.name) c "
                "WHERE s.type = 'table' ORDER BY c.name",
                dot ? dot + 1 : message + strlen(column))) {
            diag_hint("PRAGMA table_info(TABLE) lists a table's columns.");
        }
        return;
    }
    if (code == SQLITE_ERROR && sql_is_unread) {
        diag_hint("The statement must be one SELECT in SQLite's dialect.");
    }
}

/* Where SQLite stopped: the line, and some of it from there on. */
static void tell_place(const char *sql, int offset)
{
    if (offset < 0 || (size_t)offset > strlen(sql)) {
        return;
    }
    unsigned line = 1, column = 1;
    for (const char *at = sql; at < sql + offset; at++) {
        column = *at == '\n' ? 1 : column + ((*at & 0xc0) != 0x80);
        line += *at == '\n';
    }
    size_t length = strcspn(sql + offset, "\n");
    bool cut = length > CONTEXT_BYTES;
    length = cut ? CONTEXT_BYTES : length;
    while (cut && length > 0 && (sql[(size_t)offset + length] & 0xc0) == 0x80) {
        length--;
    }
    if (length > 0) {
        diag_detail("Line %u, column %u: %.*s%s", line, column, (int)length, sql + offset,
                    cut ? "..." : "");
    } else {
        diag_detail("Line %u, column %u, at the end of the line.", line, column);
    }
}

static status complain(sqlite3 *database, const char *title, const char *sql, bool sql_is_unread)
{
    int code = sqlite3_errcode(database), offset = sqlite3_error_offset(database);
    char *message = sqlite3_mprintf("%s", sqlite3_errmsg(database)); /* hints ask more */

    if (!message || code == SQLITE_NOMEM) {
        diag_error("could not run %s: out of memory", title);
    } else {
        diag_error("could not run %s: %s", title,
                   code == SQLITE_AUTH ? "it would do more than read" : message);
        tell_place(sql, offset);
        tell_hint(database, code, message, sql_is_unread);
    }
    sqlite3_free(message);
    return FAIL;
}

/* ---- a query ------------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *statement, int at, const struct cell *value)
{
    switch (value->kind) {
    case CELL_INTEGER:
        return sqlite3_bind_int64(statement, at, value->integer);
    case CELL_REAL:
        return sqlite3_bind_double(statement, at, value->real);
    case CELL_TEXT:
        return sqlite3_bind_text64(statement, at, value->text, value->text_bytes, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case CELL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, at);
}

/* Blanks, semicolons and comments. */
static bool says_nothing(const char *sql)
{
    for (;;) {
        sql += strspn(sql, " \t\r\n;");
        if (strncmp(sql, "--", 2) == 0) {
            sql += strcspn(sql, "\n");
        } else if (strncmp(sql, "/*", 2) == 0) {
            const char *end = strstr(sql + 2, "*/");

            sql = end ? end + 2 : sql + strlen(sql);
        } else {
            return *sql == '\0';
        }
    }
}

static status prepare(struct query *query, const char *sql)
{
    const char *rest = NULL;

    if (says_nothing(sql)) {
        diag_error("could not run %s: it is empty", query->title);
        diag_hint("Give one statement: SELECT function, live_bytes FROM leak");
        return FAIL;
    }
    sqlite3_set_authorizer(query->database, authorize, NULL);
    int code = sqlite3_prepare_v2(query->database, sql, -1, &query->statement, &rest);
    sqlite3_set_authorizer(query->database, NULL, NULL);
    if (code != SQLITE_OK) {
        return complain(query->database, query->title, sql, true);
    }
    if (!says_nothing(rest)) {
        diag_error("could not run %s: it has more than one statement", query->title);
        diag_detail("After the first comes: %.60s", rest + strspn(rest, " \t\r\n;"));
        diag_hint("Run them one after the other.");
        return FAIL;
    }
    if (sqlite3_column_count(query->statement) == 0) {
        diag_error("could not run %s: it returns no columns", query->title);
        diag_hint("A query can only read: SELECT, WITH, VALUES, and PRAGMA table_info(TABLE).");
        return FAIL;
    }
    return OK;
}

status query_open(struct db *db, const char *title, const char *sql,
                  const struct query_parameter *parameters, size_t parameter_count,
                  struct query **out)
{
    struct query *query = calloc(1, sizeof *query + strlen(title) + 1);

    *out = NULL;
    if (!query) {
        diag_error("could not run %s: out of memory", title);
        return FAIL;
    }
    strcpy(query->title, title);
    query->database = db_connection(db);
    status result = prepare(query, sql);
    for (size_t i = 0; result.code == STATUS_OK && i < parameter_count; i++) {
        int at = sqlite3_bind_parameter_index(query->statement, parameters[i].name);

        if (at > 0 && bind(query->statement, at, &parameters[i].value) != SQLITE_OK) {
            result = complain(query->database, title, sql, false);
        }
    }
    if (result.code != STATUS_OK) {
        query_close(query);
        return result;
    }
    *out = query;
    return OK;
}

void query_close(struct query *query)
{
    if (query) {
        sqlite3_finalize(query->statement);
        free(query);
    }
}

size_t query_column_count(const struct query *query)
{
    return (size_t)sqlite3_column_count(query->statement);
}

const char *query_column_name(const struct query *query, size_t column)
{
    const char *name = sqlite3_column_name(query->statement, (int)column);

    return name ? name : "";
}

static struct cell read_cell(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return (struct cell){.kind = CELL_INTEGER,
                             .integer = sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
        return (struct cell){.kind = CELL_REAL, .real = sqlite3_column_double(statement, column)};
    case SQLITE_NULL:
        return (struct cell){.kind = CELL_NULL};
    default:
        break;
    }
    const unsigned char *text = sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);

    return (struct cell){
        .kind = CELL_TEXT, .text = text ? (const char *)text : "", .text_bytes = text ? length : 0};
}

status query_step(struct query *query, struct cell *cells)
{
    int code = sqlite3_step(query->statement);

    if (code == SQLITE_DONE) {
        return (status){STATUS_END};
    }
    if (code != SQLITE_ROW) {
        return complain(query->database, query->title, sqlite3_sql(query->statement), false);
    }
    for (size_t column = 0; column < query_column_count(query); column++) {
        cells[column] = read_cell(query->statement, (int)column);
    }
    return OK;
}
