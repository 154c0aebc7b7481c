/* SPDX-License-Identifier: Apache-2.0 */
/* segments.h -- the files of one trace: trace.zst, trace.1.zst, trace.2.zst ...
 *
 * They are known by the trace id in their first block, never by their name alone; the name only says where to
 * look. Says nothing on stderr.                                                                   */
#ifndef MEMANALYZE_SEGMENTS_H
#define MEMANALYZE_SEGMENTS_H

#include "status.h"

#include "schema/trace_format.h"

#include <stdbool.h>
#include <stddef.h>

struct segment_file {
    char *path;
    uint64_t sequence; /* of its first block */
};

struct segments { /* in the order of the trace */
    struct segment_file *files;
    size_t count;
};

/* The header of a file's first block. False: the file does not begin with an intact one. */
bool segments_head(const char *path, struct mr_block_header *out);

/* The file at `path`, which has this header, and those beside it that belong to the same trace. */
STATUS_MUST_USE status segments_beside(const char *path, const struct mr_block_header *head,
                                       struct segments *out);

/* Adds a file, unless one with the same first block is there. */
STATUS_MUST_USE status segments_add(struct segments *segments, const char *path, uint64_t sequence);

/* There is no file of this name: the latest of the segments that would follow it, to be freed; NULL: none. */
char *segments_of_missing(const char *path);

void segments_free(struct segments *segments);

#endif
