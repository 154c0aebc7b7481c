/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_snapshot.c -- a snapshot (export_snapshot.c) becomes the database that it was made of, but for `sample`.
 *
 * A reader of JSON in one pass: a row at a time, bound to a prepared INSERT. Tables and columns must be ours; the
 * schema refuses values of other types. Text is any text.                                          */
#include "foreign.h"

#include "diag.h"
#include "unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 100, NAME_BYTES = 64, BUFFER_BYTES = 65536 };

struct snapshot {
    struct import *import;
    struct unpack *in;
    const char *path;
    uint8_t buffer[BUFFER_BYTES];
    size_t at, size;
    uint64_t line;
    char *text; /* of the string or number that was read last */
    size_t text_used, text_room;
};

bool foreign_snapshot_knows(const uint8_t *start, size_t size)
{
    static const char head[] = "{\"memrec_snapshot\":";

    return size > strlen(head) && memcmp(start, head, strlen(head)) == 0;
}

static status damaged(const struct snapshot *snapshot, const char *what)
{
    return foreign_damaged(snapshot->path, snapshot->line, what);
}

/* ---- characters ----------------------------------------------------------------------------- */

/* The next byte without taking it; -1: the end, or the file cannot be read, which is the next complaint. */
static int peek(struct snapshot *snapshot)
{
    if (snapshot->at == snapshot->size) {
        snapshot->at = 0;
        if (unpack_read(snapshot->in, snapshot->buffer, BUFFER_BYTES, &snapshot->size).code !=
            STATUS_OK) {
            snapshot->size = 0;
        }
        if (snapshot->size == 0) {
            return -1;
        }
    }
    return snapshot->buffer[snapshot->at];
}

static int take(struct snapshot *snapshot)
{
    int byte = peek(snapshot);

    if (byte >= 0) {
        snapshot->at++;
        snapshot->line += byte == '\n';
    }
    return byte;
}

static int after_blanks(struct snapshot *snapshot)
{
    int byte;

    while ((byte = peek(snapshot)) == ' ' || byte == '\n' || byte == '\t' || byte == '\r') {
        take(snapshot);
    }
    return byte;
}

static status expect(struct snapshot *snapshot, char wanted)
{
    char what[] = "\"?\" is missing";

    if (after_blanks(snapshot) != wanted) {
        what[1] = wanted;
        return damaged(snapshot, what);
    }
    take(snapshot);
    return OK;
}

/* Whether a comma follows, and not `end`; both are taken. */
static status more(struct snapshot *snapshot, char end, bool *out)
{
    int byte = after_blanks(snapshot);

    *out = byte == ',';
    if (byte != ',' && byte != end) {
        return damaged(snapshot, "neither another element nor the end of a list");
    }
    take(snapshot);
    return OK;
}

static status keep(struct snapshot *snapshot, int byte)
{
    if (snapshot->text_used + 1 >= snapshot->text_room) {
        size_t room = 2 * snapshot->text_room + 256;
        char *grown = room < UNPACK_LINE_BYTES_MAX * 64u ? realloc(snapshot->text, room) : NULL;

        if (!grown) {
            return damaged(snapshot, "a text too long for the memory there is");
        }
        snapshot->text = grown;
        snapshot->text_room = room;
    }
    snapshot->text[snapshot->text_used++] = (char)byte;
    snapshot->text[snapshot->text_used] = '\0';
    return OK;
}

/* ---- values --------------------------------------------------------------------------------- */

static status take_hex(struct snapshot *snapshot, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int byte = take(snapshot);
        int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                 : -1;

        if (digit < 0) {
            return damaged(snapshot, "\\u without four digits");
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return OK;
}

static status keep_utf8(struct snapshot *snapshot, uint32_t code)
{
    if (code < 0x80) {
        return keep(snapshot, (int)code);
    }
    if (code < 0x800) {
        TRY(keep(snapshot, (int)(0xc0 | code >> 6)));
    } else {
        if (code < 0x10000) {
            TRY(keep(snapshot, (int)(0xe0 | code >> 12)));
        } else {
            TRY(keep(snapshot, (int)(0xf0 | code >> 18)));
            TRY(keep(snapshot, (int)(0x80 | (code >> 12 & 0x3f))));
        }
        TRY(keep(snapshot, (int)(0x80 | (code >> 6 & 0x3f))));
    }
    return keep(snapshot, (int)(0x80 | (code & 0x3f)));
}

static status take_escape(struct snapshot *snapshot)
{
    static const char names[] = "bfnrt\"\\/", bytes[] = "\b\f\n\r\t\"\\/";
    int byte = take(snapshot);
    const char *name = byte > 0 ? strchr(names, byte) : NULL;
    uint32_t code;
    uint32_t low;

    if (name && byte) {
        return keep(snapshot, bytes[name - names]);
    }
    if (byte != 'u') {
        return damaged(snapshot, "an escape that JSON does not have");
    }
    TRY(take_hex(snapshot, &code));
    if (code >= 0xd800 && code < 0xdc00) {
        if (take(snapshot) != '\\' || take(snapshot) != 'u') {
            return damaged(snapshot, "half a character");
        }
        TRY(take_hex(snapshot, &low));
        code = 0x10000 + ((code - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
    }
    return keep_utf8(snapshot, code ? code : 0xfffd);
}

static status take_string(struct snapshot *snapshot)
{
    TRY(expect(snapshot, '"'));
    TRY(keep(snapshot, ' ')); /* makes room: even an empty text is one */
    snapshot->text_used = 0;
    snapshot->text[0] = '\0';
    for (;;) {
        int byte = take(snapshot);

        if (byte == '"') {
            return OK;
        }
        if (byte < 0x20) {
            return damaged(snapshot, "a text that does not end");
        }
        TRY(byte == '\\' ? take_escape(snapshot) : keep(snapshot, byte));
    }
}

/* A number or null, to parameter `at`. */
static status take_word(struct snapshot *snapshot, struct statement *insert, int at)
{
    char *end;

    snapshot->text_used = 0;
    for (int byte; (byte = peek(snapshot)) > ' ' && byte != ',' && byte != ']';) {
        TRY(keep(snapshot, take(snapshot)));
        if (snapshot->text_used > NAME_BYTES) {
            return damaged(snapshot, "no value");
        }
    }
    if (snapshot->text_used == 0) {
        return damaged(snapshot, "a value is missing");
    }
    if (strcmp(snapshot->text, "null") == 0) {
        return OK; /* as it is */
    }
    errno = 0;
    if (!snapshot->text[strcspn(snapshot->text, ".eE")]) {
        int64_t number = strtoll(snapshot->text, &end, 10);

        db_bind_int(insert, at, number);
    } else {
        db_bind_real(insert, at, strtod(snapshot->text, &end));
        errno = 0; /* 1e999 is what it says */
    }
    return *end || errno ? damaged(snapshot, "no number") : OK;
}

static status take_value(struct snapshot *snapshot, struct statement *insert, int at)
{
    if (after_blanks(snapshot) == '"') {
        TRY(take_string(snapshot));
        db_bind_text(insert, at, (struct text){snapshot->text, strlen(snapshot->text)});
        return OK;
    }
    return take_word(snapshot, insert, at);
}

/* ---- tables --------------------------------------------------------------------------------- */

static status take_key(struct snapshot *snapshot, const char *key)
{
    TRY(take_string(snapshot));
    if (strcmp(snapshot->text, key) != 0) {
        return damaged(snapshot, "another key than a snapshot has here");
    }
    return expect(snapshot, ':');
}

/* Columns become an INSERT; *count of them. */
static status take_columns(struct snapshot *snapshot, const char *table, struct statement **insert,
                           int *count)
{
    char *sql = NULL;
    size_t bytes;
    FILE *out = open_memstream(&sql, &bytes);
    bool has_more = true;
    status result = out ? OK : damaged(snapshot, "out of memory");

    if (out) {
        fprintf(out, "INSERT INTO \"%s\" (", table);
    }
    for (*count = 0; result.code == STATUS_OK && has_more; ++*count) {
        result = take_string(snapshot);
        if (result.code == STATUS_OK &&
            (*count == COLUMNS_MAX ||
             snapshot->text[strspn(snapshot->text, "abcdefghijklmnopqrstuvwxyz"
                                                   "0123456789_")])) {
            result = damaged(snapshot, "no name of a column");
        }
        if (result.code == STATUS_OK) {
            fprintf(out, "%s\"%s\"", *count ? "," : "", snapshot->text);
            result = more(snapshot, ']', &has_more);
        }
    }
    if (out) {
        fputs(") VALUES (", out);
        for (int i = 0; i < *count; i++) {
            fputs(i ? ",?" : "?", out);
        }
        fputs(")", out);
        fclose(out);
    }
    if (result.code == STATUS_OK && sql) {
        result = db_prepare(snapshot->import->db, sql, insert);
    }
    free(sql);
    return result;
}

static status take_rows(struct snapshot *snapshot, struct statement *insert, int count)
{
    bool has_more = true;
    bool has_value;

    if (after_blanks(snapshot) == ']') {
        take(snapshot);
        return OK;
    }
    while (has_more) {
        TRY(expect(snapshot, '['));
        for (int i = 1; i <= count; i++) {
            TRY(take_value(snapshot, insert, i));
            TRY(more(snapshot, ']', &has_value));
            if (has_value != (i < count)) {
                return damaged(snapshot,
                               "a row with another number of values than there are columns");
            }
        }
        TRY(db_insert(insert));
        TRY(more(snapshot, ']', &has_more));
    }
    return OK;
}

static status take_table(struct snapshot *snapshot)
{
    struct statement *insert = NULL;
    struct statement *known;
    char table[NAME_BYTES];
    bool has_row;
    int count;

    TRY(take_string(snapshot));
    snprintf(table, sizeof table, "%s", snapshot->text);
    TRY(db_prepare(snapshot->import->db,
                   "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", &known));
    db_bind_string(known, 1, table);
    TRY(db_step(known, &has_row));
    db_reset(known);
    if (!has_row || strncmp(table, "sqlite", 6) == 0) {
        return damaged(snapshot, "a table that this version does not have");
    }
    TRY(expect(snapshot, ':'));
    TRY(expect(snapshot, '{'));
    TRY(take_key(snapshot, "columns"));
    TRY(expect(snapshot, '['));
    TRY(take_columns(snapshot, table, &insert, &count));
    TRY(expect(snapshot, ','));
    TRY(take_key(snapshot, "rows"));
    TRY(expect(snapshot, '['));
    TRY(take_rows(snapshot, insert, count));
    return expect(snapshot, '}');
}

static status take_head(struct snapshot *snapshot)
{
    struct statement *check;
    bool has_row;

    TRY(expect(snapshot, '{'));
    TRY(take_key(snapshot, "memrec_snapshot"));
    TRY(db_prepare(snapshot->import->db, "SELECT ?1 = 1, ?2 = ?3, ?2", &check));
    after_blanks(snapshot);
    TRY(take_word(snapshot, check, 1));
    TRY(expect(snapshot, ','));
    TRY(take_key(snapshot, "schema"));
    after_blanks(snapshot);
    TRY(take_word(snapshot, check, 2));
    db_bind_int(check, 3, IMPORT_SCHEMA_VERSION);
    TRY(db_step(check, &has_row));
    if (!has_row || !db_int(check, 0) || !db_int(check, 1)) {
        diag_error("could not import \"%s\": another version of memanalyze made this snapshot",
                   snapshot->path);
        diag_hint("Export it again from a database of this version.");
        return FAIL;
    }
    db_reset(check);
    TRY(expect(snapshot, ','));
    TRY(take_key(snapshot, "exporter"));
    TRY(take_string(snapshot));
    TRY(expect(snapshot, ','));
    TRY(take_key(snapshot, "tables"));
    return expect(snapshot, '{');
}

static status read_file(struct snapshot *snapshot)
{
    bool has_more = true;

    TRY(take_head(snapshot));
    while (has_more) {
        TRY(take_table(snapshot));
        TRY(more(snapshot, '}', &has_more));
    }
    TRY(expect(snapshot, '}'));
    return after_blanks(snapshot) < 0 ? OK : damaged(snapshot, "more after its end");
}

status foreign_snapshot(struct import *import, const char *path)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);

    if (!snapshot) {
        diag_error("could not import: out of memory");
        return FAIL;
    }
    snapshot->import = import;
    snapshot->path = path;
    snapshot->line = 1;
    status result = unpack_open(path, &snapshot->in);
    if (result.code == STATUS_OK) {
        result = read_file(snapshot);
    }
    unpack_close(snapshot->in);
    free(snapshot->text);
    free(snapshot);
    return result;
}
