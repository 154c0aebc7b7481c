/* SPDX-License-Identifier: Apache-2.0 */
/* rotate.h -- one trace in several files, the segments: when to go on in the next, how it is called, which go.
 *
 *   trace.zst  trace.1.zst  trace.2.zst ...     where a name is taken: trace.2.<pid>.zst
 *
 * Block numbers go on from segment to segment, so that the segments behind each other are one trace. Each begins
 * with everything a reader needs: who recorded, all names, what is alive (carried.h). Where only the last are
 * kept, the oldest go when the next one has begun, never before. Drain thread only, but for opening.  */
#ifndef MEMREC_ROTATE_H
#define MEMREC_ROTATE_H

#include "options.h"

#include <limits.h>

#define MR_SEGMENTS_MAX 65536u /* kept at once, where the oldest go at all */

struct mr_rotation {
    struct mr_amount rotate, keep;
    int folder; /* -1: one file, ever */
    int pid;
    char name[NAME_MAX + 1]; /* of the first segment, in the folder */
    uint32_t number;         /* of the segment being written */
    uint64_t began_ns;       /* that one */
    uint64_t not_before_ns;  /* after a failure */
    struct mr_closed_segment {
        uint64_t bytes, ended_ns;
        uint32_t number;
        uint32_t name; /* which of its possible names it has */
    } * closed;        /* a circle of MR_SEGMENTS_MAX, where the oldest go; else NULL */
    uint32_t first, count;
    uint32_t current_name;
    uint64_t closed_bytes;
};

/* Starts with the first segment at `path`, absolute. Opens the folder: descriptor folder, or -1 when the options
 * want one file or the folder cannot be held. */
void mr_rotation_open(struct mr_rotation *rotation, const struct mr_options *options,
                      const char *path, int pid, uint64_t now_ns);
/* Gives the memory back, not the descriptor. */
void mr_rotation_close(struct mr_rotation *rotation);

/* Whether the segment being written, of so many bytes, is long enough. */
bool mr_rotation_is_due(const struct mr_rotation *rotation, uint64_t bytes, uint64_t now_ns);

/* Makes the file of the next segment: its descriptor, or -errno: then it asks again in a second. `bytes` is the size of
 * the one that ends. */
int mr_rotation_next(struct mr_rotation *rotation, uint64_t bytes, uint64_t now_ns);

/* Removes the oldest segments that are not to be kept. The one being written stays. */
void mr_rotation_prune(struct mr_rotation *rotation, uint64_t now_ns);

/* Removes the oldest segment, as room is needed. False: there is none to remove. */
bool mr_rotation_make_room(struct mr_rotation *rotation);

#endif
