/* SPDX-License-Identifier: Apache-2.0 */
/* suppressions.c -- see suppressions.h. */
#include "suppressions.h"

#include "diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suppressions {
    char **patterns;
    size_t count, room;
};

static status no_memory(void)
{
    diag_error("could not read the suppressions: out of memory");
    return FAIL;
}

/* ---- patterns ---- */

/* The first place at or after `text` where the `bytes` of `piece` stand; NULL: none. */
static const char *find(const char *text, const char *piece, size_t bytes)
{
    for (size_t left = strlen(text); left >= bytes; text++, left--) {
        if (memcmp(text, piece, bytes) == 0) {
            return text;
        }
    }
    return NULL;
}

bool suppressions_match(const char *pattern, const char *text)
{
    if (!text) {
        return false;
    }
    bool at_start = *pattern == '^';
    pattern += at_start;
    size_t rest = strlen(pattern);
    bool at_end = rest > 0 && pattern[rest - 1] == '$';
    rest -= at_end;
    for (;;) { /* the pieces between stars, each at its first place */
        const char *star = memchr(pattern, '*', rest);
        size_t bytes = star ? (size_t)(star - pattern) : rest;
        const char *found = find(text, pattern, bytes);

        if (!star && at_end) { /* the last piece is the end of what is left */
            size_t left = strlen(text);
            const char *end = text + left - bytes;
            return bytes <= left && memcmp(end, pattern, bytes) == 0 && (!at_start || end == text);
        }
        if (!found || (at_start && found != text)) {
            return false;
        }
        if (!star) {
            return true;
        }
        text = found + bytes;
        pattern = star + 1;
        rest -= bytes + 1;
        at_start = false;
    }
}

/* ---- files ---- */

static status add(struct suppressions *suppressions, const char *pattern)
{
    if (suppressions->count == suppressions->room) {
        size_t room = suppressions->room + suppressions->room / 2 + 16;
        char **patterns = realloc(suppressions->patterns, room * sizeof *patterns);

        if (!patterns) {
            return no_memory();
        }
        suppressions->patterns = patterns;
        suppressions->room = room;
    }
    char *kept = strdup(pattern);
    if (!kept) {
        return no_memory();
    }
    suppressions->patterns[suppressions->count++] = kept;
    return OK;
}

/* Takes the line apart in place. */
static status read_line(struct suppressions *suppressions, const char *path, int number, char *line)
{
    static const char kind[] = "leak:";
    char *text = line + strspn(line, " \t");
    size_t bytes = strlen(text);

    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1])) {
        text[--bytes] = '\0';
    }
    if (bytes == 0 || *text == '#') {
        return OK;
    }
    if (strncmp(text, kind, sizeof kind - 1) != 0 || bytes == sizeof kind - 1) {
        diag_error("could not read \"%s\": line %d is no suppression: %s", path, number, text);
        diag_hint("A line is leak:PATTERN, as in leak:libfoo.so, or a comment that begins with #.");
        return FAIL;
    }
    return add(suppressions, text + sizeof kind - 1);
}

status suppressions_read(const char *path, struct suppressions **out)
{
    FILE *file = fopen(path, "re");
    struct suppressions *made = calloc(1, sizeof *made);
    status result = made ? OK : no_memory();
    char *line = NULL;
    size_t room = 0;
    int number = 0;

    *out = NULL;
    if (!file) {
        diag_error("could not read \"%s\": %m", path);
        result = FAIL;
    }
    errno = 0;
    while (result.code == STATUS_OK && getline(&line, &room, file) >= 0) {
        result = read_line(made, path, ++number, line);
    }
    if (result.code == STATUS_OK && ferror(file)) {
        diag_error("could not read \"%s\": %m", path);
        result = FAIL;
    }
    free(line);
    if (file) {
        fclose(file);
    }
    if (result.code != STATUS_OK) {
        suppressions_free(made);
        return result;
    }
    *out = made;
    return OK;
}

void suppressions_free(struct suppressions *suppressions)
{
    for (size_t i = 0; suppressions && i < suppressions->count; i++) {
        free(suppressions->patterns[i]);
    }
    if (suppressions) {
        free(suppressions->patterns);
        free(suppressions);
    }
}

/* ---- findings ---- */

/* The first of the first `count` patterns that matches one of the texts in columns [first, last]; else `count`. */
static size_t first_match(const struct suppressions *suppressions, struct statement *select,
                          int first, int last, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int column = first; column <= last; column++) {
            if (suppressions_match(suppressions->patterns[i], db_string(select, column))) {
                return i;
            }
        }
    }
    return count;
}

static status write_match(const struct suppressions *suppressions, struct statement *update,
                          int64_t id, size_t match)
{
    if (match == suppressions->count) {
        return OK;
    }
    db_bind_string(update, 1, suppressions->patterns[match]);
    db_bind_int(update, 2, id);
    return db_insert(update);
}

status suppressions_store(const struct suppressions *suppressions, struct db *db)
{
    struct statement *select;
    struct statement *update;
    int64_t id = 0;
    size_t match = suppressions->count;
    bool has_row;

    TRY(db_run(db, "UPDATE leak SET suppressed_by = NULL WHERE suppressed_by IS NOT NULL"));
    TRY(db_prepare(
        db,
        "SELECT leak.id, CASE WHEN leak.kind IN ('class', 'span', 'eval') THEN subject END,"
        " frame.function, frame.raw_name, frame.file, frame.module_path"
        " FROM leak LEFT JOIN stack_frame ON stack_frame.stack_id = leak.stack_id"
        " LEFT JOIN frame ON frame.id = stack_frame.frame_id"
        " WHERE leak.verdict <> 'steady' ORDER BY leak.id",
        &select));
    TRY(db_prepare(db, "UPDATE leak SET suppressed_by = ? WHERE id = ?", &update));
    TRY(db_step(select, &has_row));
    while (has_row) {
        if (db_int(select, 0) != id) {
            TRY(write_match(suppressions, update, id, match));
            id = db_int(select, 0);
            match = suppressions->count;
        }
        match = first_match(suppressions, select, 1, 5, match);
        TRY(db_step(select, &has_row));
    }
    return write_match(suppressions, update, id, match);
}

/* Views of a file read the tables of that file; so those that read leak are made anew, as temporary ones. */
static status copy_views(struct db *db)
{
    static const char create[] = "CREATE VIEW";
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db,
                   "SELECT sql FROM main.sqlite_schema WHERE type = 'view'"
                   " AND (sql LIKE '% leak %' OR sql LIKE '% leak\n%') ORDER BY rowid",
                   &select));
    TRY(db_step(select, &has_row));
    while (has_row) {
        const char *sql = db_string(select, 0);

        if (strncmp(sql, create, sizeof create - 1) == 0) {
            TRY(db_run_formatted(db, "CREATE TEMP VIEW%s", sql + sizeof create - 1));
        }
        TRY(db_step(select, &has_row));
    }
    return OK;
}

status suppressions_show(const struct suppressions *suppressions, struct db *db)
{
    TRY(db_run(db, "CREATE TEMP TABLE leak AS SELECT * FROM main.leak;"
                   "CREATE UNIQUE INDEX temp.leak_id ON leak (id)"));
    TRY(copy_views(db));
    return suppressions_store(suppressions, db);
}
