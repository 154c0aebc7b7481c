/* SPDX-License-Identifier: Apache-2.0 */
/* table_writer.c -- see table_writer.h. The file format is SQLite's: sqlite.org/fileformat2.html. */
#include "table_writer.h"

#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROWID_LEAF = 0x0D,
    ROWID_INTERIOR = 0x05,
    KEYED_LEAF = 0x0A,
    KEYED_INTERIOR = 0x02,
    LEAF_HEADER_BYTES = 8,
    INTERIOR_HEADER_BYTES = 12,
    ROW_HEAD_BYTES = 2 + 9 + 1, /* payload length, rowid, length of the types with itself */
    CELL_BYTES = ROW_HEAD_BYTES + TABLE_WRITER_COLUMNS + TABLE_WRITER_ROW_BYTES,
    BATCH_BYTES = 512 * 1024,
    FILE_PAGE_BYTES = 16, /* offsets in the file's header */
    FILE_CHANGES = 24,
    FILE_PAGES = 28,
    FILE_VALID_FOR = 92,
    FILE_HEADER_BYTES = 100,
};

#define LOCK_BYTE                                                                                  \
    UINT64_C(0x40000000) /* SQLite never uses the page that holds this byte of the file */

/* Between a child and the next stands a separator: the child's last rowid; in a keyed table the
 * row that lies between the two, which is in no leaf. An interior page over children a to b has
 * the separators of a to b - 1, and hands up that of b. */
struct child {
    uint32_t page;
    uint32_t separator_bytes; /* keyed: of its cell */
    int64_t separator;        /* rowid, or offset in `separators` */
};

struct children {
    struct child *at;
    size_t count, room;
};

struct table_file {
    char *path;
    int file;
    uint32_t page_bytes, next_page;
};

struct table_pages {
    struct table_file *file;
    enum table_kind kind;
    uint32_t page_bytes, root_page;
    uint8_t *batch; /* pages not yet written; the last one is being filled */
    size_t batch_pages, batch_room;
    uint32_t batch_first; /* page number of the batch's first page */
    uint8_t *page;        /* the leaf being filled */
    uint32_t cells, top;  /* of it: number of cells, offset of the lowest */
    uint32_t last_cell_bytes;
    int64_t last_rowid;
    uint8_t
        waiting[CELL_BYTES]; /* keyed: the row that did not fit; a separator once another follows */
    uint32_t waiting_bytes;
    uint8_t *separators; /* keyed: the cells of all separators */
    size_t separators_used, separators_room;
    struct children leaves;
};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* SQLite's varint: big-endian groups of seven bits, the ninth byte whole. Returns the bytes
 * used. */
static unsigned put_varint(uint8_t *at, uint64_t value)
{
    unsigned length = 1;

    if (value < 0x80) {
        at[0] = (uint8_t)value;
        return 1;
    }
    if (value >> 56) {
        at[8] = (uint8_t)value;
        value >>= 8;
        for (int i = 7; i >= 0; i--, value >>= 7) {
            at[i] = (uint8_t)(value | 0x80);
        }
        return 9;
    }
    while (value >> (7 * length)) {
        length++;
    }
    for (unsigned i = length; i-- > 0; value >>= 7) {
        at[i] = (uint8_t)(value & 0x7f) | (i + 1 < length ? 0x80 : 0);
    }
    return length;
}

static status write_at(struct table_file *file, const uint8_t *bytes, size_t length,
                       uint64_t offset)
{
    while (length) {
        ssize_t wrote = pwrite(file->file, bytes, length, (off_t)offset);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            errno = wrote == 0 ? ENOSPC : errno;
            diag_error("could not write database \"%s\": %m", file->path);
            if (errno == ENOSPC) {
                diag_hint("The disk is full: free some space, or write to another place with -o.");
            }
            return FAIL;
        }
        bytes += wrote;
        offset += (uint64_t)wrote;
        length -= (size_t)wrote;
    }
    return OK;
}

static status no_memory(const struct table_file *file)
{
    diag_error("could not write database \"%s\": out of memory", file->path);
    return FAIL;
}

static status add_child(struct table_pages *pages, struct children *children, struct child child)
{
    if (children->count == children->room) {
        size_t room = children->room + children->room / 2 + 256;
        struct child *more = realloc(children->at, room * sizeof *more);

        if (!more) {
            return no_memory(pages->file);
        }
        children->at = more;
        children->room = room;
    }
    children->at[children->count++] = child;
    return OK;
}

/* Keeps the cell of a separator: *child gets its place. */
static status add_separator(struct table_pages *pages, const uint8_t *cell, uint32_t bytes,
                            struct child *child)
{
    if (pages->separators_used + bytes > pages->separators_room) {
        size_t room = 2 * pages->separators_room + 65536;
        uint8_t *more = realloc(pages->separators, room);

        if (!more) {
            return no_memory(pages->file);
        }
        pages->separators = more;
        pages->separators_room = room;
    }
    memcpy(pages->separators + pages->separators_used, cell, bytes);
    child->separator = (int64_t)pages->separators_used;
    child->separator_bytes = bytes;
    pages->separators_used += bytes;
    return OK;
}

/* The number for a new page at the end of the file. */
static uint32_t take_page_number(struct table_file *file)
{
    if (file->next_page == LOCK_BYTE / file->page_bytes + 1) {
        file->next_page++;
    }
    return file->next_page++;
}

static void begin_leaf(struct table_pages *pages)
{
    pages->page = pages->batch + pages->batch_pages * pages->page_bytes;
    memset(pages->page, 0, LEAF_HEADER_BYTES);
    pages->page[0] = pages->kind == TABLE_ROWID ? ROWID_LEAF : KEYED_LEAF;
    pages->cells = 0;
    pages->top = pages->page_bytes;
}

static status write_batch(struct table_pages *pages)
{
    if (pages->batch_pages) {
        TRY(write_at(pages->file, pages->batch, pages->batch_pages * pages->page_bytes,
                     (uint64_t)(pages->batch_first - 1) * pages->page_bytes));
        pages->batch_pages = 0;
    }
    return OK;
}

/* Completes the header of the leaf being filled; the bytes between cells and pointers become
 * zero. */
static void seal_leaf(struct table_pages *pages)
{
    uint32_t pointers_end = LEAF_HEADER_BYTES + 2 * pages->cells;

    memset(pages->page + pointers_end, 0, pages->top - pointers_end);
    put16(pages->page + 3, pages->cells);
    put16(pages->page + 5, pages->top == 65536 ? 0 : pages->top);
}

/* `separator` is the cell of the row after this leaf, for a keyed table that goes on; else NULL. */
static status end_leaf(struct table_pages *pages, const uint8_t *separator,
                       uint32_t separator_bytes)
{
    uint32_t number = take_page_number(pages->file);
    struct child child = {.page = number, .separator = pages->last_rowid};

    seal_leaf(pages);
    if (separator) {
        TRY(add_separator(pages, separator, separator_bytes, &child));
    }
    TRY(add_child(pages, &pages->leaves, child));
    if (pages->batch_pages && number != pages->batch_first + pages->batch_pages) {
        /* Another table's pages, or the lock-byte page, lie between: what came before goes
         * first. */
        uint8_t *page = pages->page;

        TRY(write_batch(pages));
        memmove(pages->batch, page, pages->page_bytes);
    }
    if (pages->batch_pages == 0) {
        pages->batch_first = number;
    }
    pages->batch_pages++;
    if (pages->batch_pages == pages->batch_room) {
        TRY(write_batch(pages));
    }
    begin_leaf(pages);
    return OK;
}

static bool fits(const struct table_pages *pages, uint32_t cell_bytes)
{
    return LEAF_HEADER_BYTES + 2 * (pages->cells + 1) + cell_bytes <= pages->top;
}

/* Makes room for a cell in the leaf and accounts for it. */
static uint8_t *push_cell(struct table_pages *pages, uint32_t cell_bytes)
{
    pages->top -= cell_bytes;
    put16(pages->page + LEAF_HEADER_BYTES + 2 * pages->cells, pages->top);
    pages->cells++;
    pages->last_cell_bytes = cell_bytes;
    return pages->page + pages->top;
}

status table_writer_end_row(struct table_writer *writer, int64_t rowid)
{
    struct table_pages *pages = writer->pages;
    uint32_t type_bytes = (uint32_t)(writer->type - writer->types);
    uint32_t value_bytes = (uint32_t)(writer->value - writer->values);
    uint8_t head[ROW_HEAD_BYTES];
    uint8_t *cell;

    assert(type_bytes <= TABLE_WRITER_COLUMNS && value_bytes <= TABLE_WRITER_ROW_BYTES);
    unsigned head_bytes = put_varint(head, 1 + type_bytes + value_bytes);
    if (pages->kind == TABLE_ROWID) {
        head_bytes += put_varint(head + head_bytes, (uint64_t)rowid);
    }
    head[head_bytes++] = (uint8_t)(1 + type_bytes);

    uint32_t cell_bytes = head_bytes + type_bytes + value_bytes;
    if (pages->waiting_bytes) {
        TRY(end_leaf(pages, pages->waiting, pages->waiting_bytes));
        pages->waiting_bytes = 0;
    }
    if (fits(pages, cell_bytes)) {
        cell = push_cell(pages, cell_bytes);
    } else if (pages->kind == TABLE_ROWID) {
        TRY(end_leaf(pages, NULL, 0));
        cell = push_cell(pages, cell_bytes);
    } else {
        cell = pages->waiting;
        pages->waiting_bytes = cell_bytes;
    }
    memcpy(cell, head, head_bytes);
    memcpy(cell + head_bytes, writer->types, type_bytes);
    memcpy(cell + head_bytes + type_bytes, writer->values, value_bytes);
    pages->last_rowid = rowid;
    writer->type = writer->types;
    writer->value = writer->values;
    return OK;
}

/* The cell of a child that is not the last of its page. Returns its bytes. */
static uint32_t interior_cell(const struct table_pages *pages, const struct child *child,
                              uint8_t cell[4 + CELL_BYTES])
{
    put32(cell, child->page);
    if (pages->kind == TABLE_ROWID) {
        return 4 + put_varint(cell + 4, (uint64_t)child->separator);
    }
    memcpy(cell + 4, pages->separators + child->separator, child->separator_bytes);
    return 4 + child->separator_bytes;
}

/* Fills an interior page with as many of `count` children as fit; returns how many. The last one
 * of a page is in its header, the others are cells; a page without a cell is no page, so one
 * child is never left alone for the next. */
static size_t fill_interior(const struct table_pages *pages, uint8_t *page,
                            const struct child *children, size_t count)
{
    uint8_t cell[4 + CELL_BYTES];
    uint32_t top = pages->page_bytes;
    uint32_t bytes = 0;
    size_t cells = 0;

    memset(page, 0, pages->page_bytes);
    page[0] = pages->kind == TABLE_ROWID ? ROWID_INTERIOR : KEYED_INTERIOR;
    while (cells + 1 < count) {
        bytes = interior_cell(pages, &children[cells], cell);
        if (INTERIOR_HEADER_BYTES + 2 * (cells + 1) + bytes > top) {
            break;
        }
        top -= bytes;
        memcpy(page + top, cell, bytes);
        put16(page + INTERIOR_HEADER_BYTES + 2 * cells, top);
        cells++;
    }
    if (cells + 2 == count) { /* all but one fit: leave two for the next page */
        cells--;
        bytes = interior_cell(pages, &children[cells], cell);
        memset(page + top, 0, bytes);
        memset(page + INTERIOR_HEADER_BYTES + 2 * cells, 0, 2);
        top += bytes;
    }
    put16(page + 3, (uint32_t)cells);
    put16(page + 5, top == 65536 ? 0 : top);
    put32(page + 8, children[cells].page);
    return cells + 1;
}

static status write_page(struct table_pages *pages, const uint8_t *page, uint32_t number)
{
    return write_at(pages->file, page, pages->page_bytes,
                    (uint64_t)(number - 1) * pages->page_bytes);
}

/* Writes the interior pages over `level`; *above becomes the list of them, or stays empty when
 * one held all: that one is the root. */
static status write_level(struct table_pages *pages, const struct children *level,
                          struct children *above)
{
    uint8_t *page = pages->batch; /* all leaves are written */

    for (size_t first = 0; first < level->count;) {
        size_t taken = fill_interior(pages, page, level->at + first, level->count - first);

        if (taken == level->count) {
            return write_page(pages, page, pages->root_page);
        }
        struct child parent = level->at[first + taken - 1];
        parent.page = take_page_number(pages->file);
        TRY(write_page(pages, page, parent.page));
        TRY(add_child(pages, above, parent));
        first += taken;
    }
    return OK;
}

static status write_levels(struct table_pages *pages)
{
    status result = OK;

    while (pages->leaves.count > 0 && result.code == STATUS_OK) {
        struct children above = {NULL, 0, 0};

        result = write_level(pages, &pages->leaves, &above);
        free(pages->leaves.at);
        pages->leaves = above;
    }
    return result;
}

/* Keyed: the last row of all waits, so it would be a separator with nothing behind it. The row
 * before it becomes the separator instead. */
static status place_waiting(struct table_pages *pages)
{
    uint8_t separator[CELL_BYTES];
    uint32_t separator_bytes = pages->last_cell_bytes;

    memcpy(separator, pages->page + pages->top, separator_bytes);
    pages->top += separator_bytes;
    pages->cells--;
    TRY(end_leaf(pages, separator, separator_bytes));
    memcpy(push_cell(pages, pages->waiting_bytes), pages->waiting, pages->waiting_bytes);
    pages->waiting_bytes = 0;
    return OK;
}

status table_writer_finish(struct table_writer *writer)
{
    struct table_pages *pages = writer->pages;

    if (pages->waiting_bytes) {
        TRY(place_waiting(pages));
    }
    if (pages->leaves.count == 0) { /* all rows fit the root */
        seal_leaf(pages);
        return write_page(pages, pages->page, pages->root_page);
    }
    TRY(end_leaf(pages, NULL, 0)); /* a leaf was ended only because a row followed: it has cells */
    TRY(write_batch(pages));
    return write_levels(pages);
}

status table_writer_open(struct table_writer *writer, struct table_file *file, uint32_t root_page,
                         enum table_kind kind)
{
    struct table_pages *pages = calloc(1, sizeof *pages);

    memset(writer, 0, sizeof *writer);
    writer->type = writer->types;
    writer->value = writer->values;
    writer->pages = pages;
    if (!pages) {
        return no_memory(file);
    }
    pages->file = file;
    pages->kind = kind;
    pages->root_page = root_page;
    pages->page_bytes = file->page_bytes;
    pages->batch_room = BATCH_BYTES / pages->page_bytes;
    pages->batch = malloc(BATCH_BYTES);
    if (!pages->batch) {
        return no_memory(file);
    }
    begin_leaf(pages);
    return OK;
}

void table_writer_close(struct table_writer *writer)
{
    struct table_pages *pages = writer->pages;

    if (pages) {
        free(pages->leaves.at);
        free(pages->separators);
        free(pages->batch);
        free(pages);
        writer->pages = NULL;
    }
}

status table_file_open(const char *path, struct table_file **out)
{
    struct table_file *file = calloc(1, sizeof *file);
    uint8_t header[FILE_HEADER_BYTES];

    *out = NULL;
    if (!file || !(file->path = strdup(path))) {
        free(file);
        diag_error("could not write database \"%s\": out of memory", path);
        return FAIL;
    }
    file->file = open(path, O_RDWR | O_CLOEXEC);
    if (file->file < 0 || pread(file->file, header, sizeof header, 0) != sizeof header) {
        diag_error("could not open database \"%s\": %m", path);
        table_file_close(file);
        return FAIL;
    }
    file->page_bytes = (uint32_t)header[FILE_PAGE_BYTES] << 8 | header[FILE_PAGE_BYTES + 1];
    file->page_bytes = file->page_bytes == 1 ? 65536 : file->page_bytes;
    file->next_page = get32(header + FILE_PAGES) + 1;
    *out = file;
    return OK;
}

status table_file_finish(struct table_file *file)
{
    uint8_t header[FILE_HEADER_BYTES];

    if (pread(file->file, header, sizeof header, 0) != sizeof header) {
        diag_error("could not read database \"%s\": %m", file->path);
        return FAIL;
    }
    put32(header + FILE_CHANGES, get32(header + FILE_CHANGES) + 1);
    memcpy(header + FILE_VALID_FOR, header + FILE_CHANGES, 4);
    put32(header + FILE_PAGES, file->next_page - 1);
    return write_at(file, header, sizeof header, 0);
}

void table_file_close(struct table_file *file)
{
    if (file) {
        if (file->file >= 0) {
            close(file->file);
        }
        free(file->path);
        free(file);
    }
}
