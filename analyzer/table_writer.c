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
    LEAF = 0x0D,
    INTERIOR = 0x05,
    LEAF_HEADER_BYTES = 8,
    INTERIOR_HEADER_BYTES = 12,
    INTERIOR_CELL_BYTES = 4 + 9,
    BATCH_BYTES = 512 * 1024,
    FILE_PAGE_BYTES = 16, /* offsets in the file's header */
    FILE_CHANGES = 24,
    FILE_PAGES = 28,
    FILE_VALID_FOR = 92,
};

#define LOCK_BYTE UINT64_C(0x40000000) /* SQLite never uses the page that holds this byte of the file */

struct child {
    uint32_t page;
    int64_t last_rowid;
};

struct children {
    struct child *at;
    size_t count, room;
};

struct table_pages {
    char *path;
    int file;
    uint32_t page_bytes, root_page, next_page;
    uint8_t *batch; /* pages not yet written; the last one is being filled */
    size_t batch_pages, batch_room;
    uint32_t batch_first; /* page number of the batch's first page */
    uint8_t *page;        /* the leaf being filled */
    uint32_t cells, top;  /* of it: number of cells, offset of the lowest */
    int64_t last_rowid;
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

/* SQLite's varint: big-endian groups of seven bits, the ninth byte whole. Returns the bytes used. */
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

static status write_at(struct table_pages *pages, const uint8_t *bytes, size_t length, uint64_t offset)
{
    while (length) {
        ssize_t wrote = pwrite(pages->file, bytes, length, (off_t)offset);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            errno = wrote == 0 ? ENOSPC : errno;
            diag_error("could not write database \"%s\": %m", pages->path);
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

static status no_memory(struct table_pages *pages)
{
    diag_error("could not write database \"%s\": out of memory", pages->path);
    return FAIL;
}

static status add_child(struct table_pages *pages, struct children *children, uint32_t page,
                        int64_t last_rowid)
{
    if (children->count == children->room) {
        size_t room = children->room + children->room / 2 + 256;
        struct child *more = realloc(children->at, room * sizeof *more);

        if (!more) {
            return no_memory(pages);
        }
        children->at = more;
        children->room = room;
    }
    children->at[children->count++] = (struct child){page, last_rowid};
    return OK;
}

/* The number for a new page at the end of the file. */
static uint32_t take_page_number(struct table_pages *pages)
{
    if (pages->next_page == LOCK_BYTE / pages->page_bytes + 1) {
        pages->next_page++;
    }
    return pages->next_page++;
}

static void begin_leaf(struct table_pages *pages)
{
    pages->page = pages->batch + pages->batch_pages * pages->page_bytes;
    memset(pages->page, 0, LEAF_HEADER_BYTES);
    pages->page[0] = LEAF;
    pages->cells = 0;
    pages->top = pages->page_bytes;
}

static status write_batch(struct table_pages *pages)
{
    if (pages->batch_pages) {
        TRY(write_at(pages, pages->batch, pages->batch_pages * pages->page_bytes,
                     (uint64_t)(pages->batch_first - 1) * pages->page_bytes));
        pages->batch_pages = 0;
    }
    return OK;
}

/* Completes the header of the leaf being filled; the bytes between cells and pointers become zero. */
static void seal_leaf(struct table_pages *pages)
{
    uint32_t pointers_end = LEAF_HEADER_BYTES + 2 * pages->cells;

    memset(pages->page + pointers_end, 0, pages->top - pointers_end);
    put16(pages->page + 3, pages->cells);
    put16(pages->page + 5, pages->top == 65536 ? 0 : pages->top);
}

static status end_leaf(struct table_pages *pages)
{
    uint32_t number = take_page_number(pages);

    seal_leaf(pages);
    TRY(add_child(pages, &pages->leaves, number, pages->last_rowid));
    if (pages->batch_pages && number != pages->batch_first + pages->batch_pages) {
        /* The lock-byte page lies between: what came before it goes first. */
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

status table_writer_end_row(struct table_writer *writer, int64_t rowid)
{
    struct table_pages *pages = writer->pages;
    uint32_t type_bytes = (uint32_t)(writer->type - writer->types);
    uint32_t value_bytes = (uint32_t)(writer->value - writer->values);
    uint8_t head[2 + 9 + 1]; /* payload length, rowid, length of the types with itself */

    assert(type_bytes <= TABLE_WRITER_COLUMNS && value_bytes <= TABLE_WRITER_ROW_BYTES);
    unsigned head_bytes = put_varint(head, 1 + type_bytes + value_bytes);
    head_bytes += put_varint(head + head_bytes, (uint64_t)rowid);
    head[head_bytes++] = (uint8_t)(1 + type_bytes);

    uint32_t cell_bytes = head_bytes + type_bytes + value_bytes;
    if (LEAF_HEADER_BYTES + 2 * (pages->cells + 1) + cell_bytes > pages->top) {
        TRY(end_leaf(pages));
    }
    pages->top -= cell_bytes;
    uint8_t *cell = pages->page + pages->top;
    memcpy(cell, head, head_bytes);
    memcpy(cell + head_bytes, writer->types, type_bytes);
    memcpy(cell + head_bytes + type_bytes, writer->values, value_bytes);
    put16(pages->page + LEAF_HEADER_BYTES + 2 * pages->cells, pages->top);
    pages->cells++;
    pages->last_rowid = rowid;
    writer->type = writer->types;
    writer->value = writer->values;
    return OK;
}

/* One interior page over as many of `children` as fit, written as page `number`; *taken of them. */
static status write_interior(struct table_pages *pages, uint8_t *page, uint32_t number,
                             const struct child *children, size_t count)
{
    uint32_t top = pages->page_bytes;

    memset(page, 0, pages->page_bytes);
    page[0] = INTERIOR;
    for (size_t i = 0; i + 1 < count; i++) {
        uint8_t cell[INTERIOR_CELL_BYTES];

        put32(cell, children[i].page);
        unsigned bytes = 4 + put_varint(cell + 4, (uint64_t)children[i].last_rowid);
        top -= bytes;
        memcpy(page + top, cell, bytes);
        put16(page + INTERIOR_HEADER_BYTES + 2 * i, top);
    }
    put16(page + 3, (uint32_t)count - 1);
    put16(page + 5, top == 65536 ? 0 : top);
    put32(page + 8, children[count - 1].page);
    return write_at(pages, page, pages->page_bytes, (uint64_t)(number - 1) * pages->page_bytes);
}

/* How many children surely fit one interior page: the last is in its header, the others are cells. */
static size_t interior_fan_out(const struct table_pages *pages)
{
    return (pages->page_bytes - INTERIOR_HEADER_BYTES) / (INTERIOR_CELL_BYTES + 2) + 1;
}

static status write_levels(struct table_pages *pages)
{
    struct children level = pages->leaves;
    struct children above = {NULL, 0, 0};
    size_t fan_out = interior_fan_out(pages);
    uint8_t *page = pages->batch; /* all leaves are written */
    status result = OK;

    pages->leaves = (struct children){NULL, 0, 0};
    while (level.count > fan_out && result.code == STATUS_OK) {
        for (size_t first = 0; first < level.count && result.code == STATUS_OK;) {
            size_t left = level.count - first;
            /* Never leave a single child for the last page: an interior page needs a cell. */
            size_t count = left <= fan_out ? left : left == fan_out + 1 ? fan_out - 1 : fan_out;
            uint32_t number = take_page_number(pages);

            result = write_interior(pages, page, number, level.at + first, count);
            if (result.code == STATUS_OK) {
                result = add_child(pages, &above, number, level.at[first + count - 1].last_rowid);
            }
            first += count;
        }
        free(level.at);
        level = above;
        above = (struct children){NULL, 0, 0};
    }
    if (result.code == STATUS_OK) {
        result = write_interior(pages, page, pages->root_page, level.at, level.count);
    }
    free(level.at);
    return result;
}

static status write_file_header(struct table_pages *pages)
{
    uint8_t header[100];

    if (pread(pages->file, header, sizeof header, 0) != sizeof header) {
        diag_error("could not read database \"%s\": %m", pages->path);
        return FAIL;
    }
    put32(header + FILE_CHANGES, get32(header + FILE_CHANGES) + 1);
    memcpy(header + FILE_VALID_FOR, header + FILE_CHANGES, 4);
    put32(header + FILE_PAGES, pages->next_page - 1);
    return write_at(pages, header, sizeof header, 0);
}

status table_writer_finish(struct table_writer *writer)
{
    struct table_pages *pages = writer->pages;

    if (pages->leaves.count == 0) { /* all rows fit the root */
        seal_leaf(pages);
        return write_at(pages, pages->page, pages->page_bytes,
                        (uint64_t)(pages->root_page - 1) * pages->page_bytes);
    }
    TRY(end_leaf(pages)); /* a leaf was ended only because a row followed: it has cells */
    TRY(write_batch(pages));
    TRY(write_levels(pages));
    return write_file_header(pages);
}

status table_writer_open(struct table_writer *writer, const char *path, uint32_t root_page)
{
    struct table_pages *pages = calloc(1, sizeof *pages);
    uint8_t header[100];

    memset(writer, 0, sizeof *writer);
    writer->type = writer->types;
    writer->value = writer->values;
    if (!pages || !(pages->path = strdup(path))) {
        free(pages);
        diag_error("could not write database \"%s\": out of memory", path);
        return FAIL;
    }
    writer->pages = pages;
    pages->root_page = root_page;
    pages->file = open(path, O_RDWR | O_CLOEXEC);
    if (pages->file < 0 || pread(pages->file, header, sizeof header, 0) != sizeof header) {
        diag_error("could not open database \"%s\": %m", path);
        return FAIL;
    }
    pages->page_bytes = (uint32_t)header[FILE_PAGE_BYTES] << 8 | header[FILE_PAGE_BYTES + 1];
    pages->page_bytes = pages->page_bytes == 1 ? 65536 : pages->page_bytes;
    pages->next_page = get32(header + FILE_PAGES) + 1;
    pages->batch_room = BATCH_BYTES / pages->page_bytes;
    pages->batch = malloc(BATCH_BYTES);
    if (!pages->batch) {
        return no_memory(pages);
    }
    begin_leaf(pages);
    return OK;
}

void table_writer_close(struct table_writer *writer)
{
    struct table_pages *pages = writer->pages;

    if (pages) {
        if (pages->file >= 0) {
            close(pages->file);
        }
        free(pages->leaves.at);
        free(pages->batch);
        free(pages->path);
        free(pages);
        writer->pages = NULL;
    }
}
