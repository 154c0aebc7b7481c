/* SPDX-License-Identifier: Apache-2.0 */
/* table_writer.h -- rows straight into the B-tree pages of a SQLite table, in the order of their key.
 *
 * For bulk tables of narrow rows (integers, reals, short texts, NULL): about thirty times as fast as
 * prepared statements, since no row passes through SQLite's machine. The result is an ordinary
 * table: full leaf pages appended to the file, interior pages built bottom-up, the root where the
 * schema says it is.
 *
 *   1. SQLite makes the schema and closes the file.
 *   2. table_file_open; for each table table_writer_open, then per row: a value for each column,
 *      table_writer_end_row. Tables may be written in turns.
 *   3. table_writer_finish for each, table_file_finish, close; from here on SQLite may open the file.
 *
 * In between nothing else may open it. A row must fit a page without overflow. One thread.        */
#ifndef MEMANALYZE_TABLE_WRITER_H
#define MEMANALYZE_TABLE_WRITER_H

#include "status.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum {
    TABLE_WRITER_COLUMNS = 32,
    TABLE_WRITER_ROW_BYTES =
        400, /* of all values, in pages of at least 512 bytes; TABLE_KEYED: 2048 bytes */
    TABLE_WRITER_TEXT_BYTES = 57, /* of one text: its type is one byte */
};

enum table_kind {
    TABLE_ROWID, /* the usual; the INTEGER PRIMARY KEY is written as NULL */
    TABLE_KEYED, /* WITHOUT ROWID; the key's columns come first in the schema */
};

struct table_file;

struct table_writer {
    uint8_t types[TABLE_WRITER_COLUMNS]; /* the row so far: serial types ... */
    uint8_t *type;
    uint8_t
        values[TABLE_WRITER_ROW_BYTES + 8]; /* ... and bytes; 8 more, for stores of whole words */
    uint8_t *value;
    struct table_pages *pages;
};

/* `path` names a database that no one has open. Functions that fail have said why. Close after a
 * failure too: then the file is useless. */
STATUS_MUST_USE status table_file_open(const char *path, struct table_file **out);
STATUS_MUST_USE status table_file_finish(struct table_file *file); /* after all its writers */
void table_file_close(struct table_file *file);

/* `root_page` is the table's, which must be empty: its rows would be lost. */
STATUS_MUST_USE status table_writer_open(struct table_writer *writer, struct table_file *file,
                                         uint32_t root_page, enum table_kind kind);

/* Ends a row. Rows must come in the order of their key: TABLE_ROWID with rising `rowid`;
 * TABLE_KEYED ignores it. */
STATUS_MUST_USE status table_writer_end_row(struct table_writer *writer, int64_t rowid);

/* Writes what is left and the tree above the leaves. */
STATUS_MUST_USE status table_writer_finish(struct table_writer *writer);
void table_writer_close(struct table_writer *writer); /* before the file; never opened: nothing */

static inline void
table_writer_null(struct table_writer *writer) /* also: the INTEGER PRIMARY KEY */
{
    *writer->type++ = 0;
}

static inline void table_writer_int(struct table_writer *writer, int64_t value)
{
    static const uint8_t types[9] = {0, 1, 2, 3, 4, 5, 5, 6, 6};
    static const uint8_t widths[9] = {0, 1, 2, 3, 4, 6, 6, 8, 8};

    if ((uint64_t)value <= 1) {
        *writer->type++ = (uint8_t)(8 + value);
        return;
    }
    unsigned bits = 65 - (unsigned)__builtin_clzll(((uint64_t)value ^ (uint64_t)(value >> 63)) | 1);
    unsigned bytes = (bits + 7) / 8;
    uint64_t big_endian = __builtin_bswap64((uint64_t)value << (64 - 8 * widths[bytes]));
    *writer->type++ = types[bytes];
    memcpy(writer->value, &big_endian, 8);
    writer->value += widths[bytes];
}

/* UINT64_MAX is NULL. */
static inline void table_writer_known(struct table_writer *writer, uint64_t value)
{
    if (value == UINT64_MAX) {
        table_writer_null(writer);
    } else {
        table_writer_int(writer, (int64_t)value);
    }
}

/* A whole number is stored as an integer, which a REAL column reads back as a real: as SQLite
 * does. */
static inline void table_writer_real(struct table_writer *writer, double value)
{
    if (value > -0x1p47 && value < 0x1p47 && value == (double)(int64_t)value) {
        table_writer_int(writer, (int64_t)value);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, 8);
    bits = __builtin_bswap64(bits);
    *writer->type++ = 7;
    memcpy(writer->value, &bits, 8);
    writer->value += 8;
}

static inline void table_writer_text(struct table_writer *writer, const char *text, size_t bytes)
{
    assert(bytes <= TABLE_WRITER_TEXT_BYTES);
    *writer->type++ = (uint8_t)(13 + 2 * bytes);
    memcpy(writer->value, text, bytes);
    writer->value += bytes;
}

#endif
