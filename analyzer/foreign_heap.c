/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_heap.c -- the heap profiles of jemalloc (heap_v2) and gperftools: lines of counts and return addresses, then
 * the process's mappings, which must be known first; so the file is read twice.
 *
 *   heap_v2/524288                              heap profile: 2: 120 [9: 900] @ heap_v2/524288
 *     t*: 9: 900 [20: 4000]                     2: 120 [9: 900] @ 0x4011 0x4022
 *   @ 0x4011 0x4022
 *     t*: 2: 120 [9: 900]
 *   MAPPED_LIBRARIES:
 *
 * Counts are of what is alive and, in brackets, of all that was allocated. Sampled ones are scaled up as jeprof does,
 * which is what our estimates do.                                                                */
#include "foreign.h"
#include "foreign_sums.h"
#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 4096 };

struct heap {
    struct foreign_sums sums;
    struct unpack *in;
    const char *path;
    uint64_t pcs[DEPTH_MAX];
    size_t depth;
};

struct counts {
    double live_blocks, live_bytes, blocks, bytes;
};

bool foreign_jemalloc_knows(const uint8_t *start, size_t size)
{
    return size > 8 && memcmp(start, "heap_v2/", 8) == 0;
}

bool foreign_gperftools_knows(const uint8_t *start, size_t size)
{
    return size > 13 && memcmp(start, "heap profile:", 13) == 0;
}

static status bad_line(const struct heap *heap, const char *what)
{
    return foreign_damaged(heap->path, unpack_line_number(heap->in), what);
}

/* ---- parts of a line: each moves *at on, and says whether it was there ---------------------- */

static bool take(const char **at, const char *word)
{
    *at += strspn(*at, " \t");
    size_t length = strlen(word);
    bool there = strncmp(*at, word, length) == 0;

    *at += there ? length : 0;
    return there;
}

static bool take_count(const char **at, double *out)
{
    char *end;

    *at += strspn(*at, " \t");
    if (**at < '0' || **at > '9') {
        return false;
    }
    errno = 0;
    *out = (double)strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

/* 2: 120 [9: 900] */
static bool take_counts(const char **at, struct counts *out)
{
    return take_count(at, &out->live_blocks) && take(at, ":") && take_count(at, &out->live_bytes) &&
           take(at, "[") && take_count(at, &out->blocks) && take(at, ":") &&
           take_count(at, &out->bytes) && take(at, "]");
}

static bool take_stack(struct heap *heap, const char *at)
{
    heap->depth = 0;
    for (;;) {
        char *end;

        at += strspn(at, " \t\r");
        if (!*at) {
            return true;
        }
        errno = 0;
        uint64_t pc = strtoull(at, &end, 16);
        if (end == at || errno || heap->depth == DEPTH_MAX) {
            return false;
        }
        heap->pcs[heap->depth++] = pc;
        at = end;
    }
}

/* ---- the two passes ------------------------------------------------------------------------- */

static status add(struct heap *heap, const struct counts *counts)
{
    struct foreign_sums_value live = {counts->live_blocks, counts->live_bytes, false};
    struct foreign_sums_value all = {counts->blocks, counts->bytes, false};
    uint32_t stack_id;

    TRY(foreign_sums_stack(&heap->sums, heap->pcs, heap->depth, &stack_id));
    TRY(foreign_sums_add(&heap->sums, "live", stack_id, &live));
    return foreign_sums_add(&heap->sums, "allocated", stack_id, &all);
}

static bool begins_mappings(const char *line)
{
    return strncmp(line, "MAPPED_LIBRARIES:", 17) == 0;
}

static status read_mappings(struct heap *heap)
{
    bool inside = false;
    status result;
    char *line;

    while ((result = unpack_line(heap->in, &line)).code == STATUS_OK) {
        if (inside) {
            TRY(foreign_sums_mapping(&heap->sums, line));
        }
        inside = inside || begins_mappings(line);
    }
    return result.code == STATUS_END ? OK : result;
}

/* heap_v2/524288 or heapprofile: the mean interval of the samples; 0: all were counted. */
static status take_kind(struct heap *heap, const char *at)
{
    double interval;

    if (take(&at, "heapprofile")) {
        return OK;
    }
    if (!take(&at, "heap_v2/") || !take_count(&at, &interval) || interval > 1e15) {
        return bad_line(
            heap, "a heap profile of a kind that is not known: neither heapprofile nor heap_v2/N");
    }
    heap->sums.interval_bytes = interval > 1 ? (uint64_t)interval : 0;
    return OK;
}

static status read_jemalloc(struct heap *heap)
{
    struct counts counts;
    bool has_stack = false;
    status result;
    char *line;

    TRY(unpack_line(heap->in, &line));
    TRY(take_kind(heap, line));
    while ((result = unpack_line(heap->in, &line)).code == STATUS_OK && !begins_mappings(line)) {
        const char *at = line;

        if (take(&at, "@")) {
            has_stack = take_stack(heap, at);
            if (!has_stack) {
                return bad_line(heap, "no list of addresses");
            }
        } else if (take(&at, "t*:")) { /* of all threads */
            if (!take_counts(&at, &counts)) {
                return bad_line(heap, "no counts");
            }
            if (has_stack) { /* before the first stack: the sums of all */
                TRY(add(heap, &counts));
            }
        } else if (*at && *at != 't' && *at != '\r') {
            return bad_line(heap, "neither a stack nor its counts");
        }
    }
    return result.code == STATUS_END ? OK : result;
}

static status read_gperftools(struct heap *heap)
{
    struct counts counts;
    status result;
    char *line;

    TRY(unpack_line(heap->in, &line));
    const char *head = line;
    if (!take(&head, "heap profile:") || !take_counts(&head, &counts) || !take(&head, "@")) {
        return bad_line(heap, "no head of a heap profile");
    }
    TRY(take_kind(heap, head));
    while ((result = unpack_line(heap->in, &line)).code == STATUS_OK && !begins_mappings(line)) {
        const char *at = line;

        at += strspn(at, " \t\r");
        if (!*at) {
            continue;
        }
        if (!take_counts(&at, &counts) || !take(&at, "@") || !take_stack(heap, at)) {
            return bad_line(heap, "no counts with their addresses");
        }
        TRY(add(heap, &counts));
    }
    return result.code == STATUS_END ? OK : result;
}

static status import_heap(struct import *import, const char *path, const char *format,
                          status (*read)(struct heap *heap))
{
    struct heap *heap = calloc(1, sizeof *heap);

    if (!heap) {
        return foreign_damaged(path, 0, "out of memory");
    }
    heap->path = path;
    status result = foreign_sums_begin(import, path, format, &heap->sums);
    for (int pass = 0; pass < 2 && result.code == STATUS_OK; pass++) {
        result = unpack_open(path, &heap->in);
        if (result.code == STATUS_OK) {
            result = pass == 0 ? read_mappings(heap) : read(heap);
        }
        unpack_close(heap->in);
        heap->in = NULL;
    }
    if (result.code == STATUS_OK) {
        result = foreign_sums_finish(&heap->sums);
    }
    foreign_sums_close(&heap->sums);
    free(heap);
    return result;
}

status foreign_jemalloc(struct import *import, const char *path)
{
    return import_heap(import, path, "jemalloc heap profile", read_jemalloc);
}

status foreign_gperftools(struct import *import, const char *path)
{
    return import_heap(import, path, "gperftools heap profile", read_gperftools);
}
