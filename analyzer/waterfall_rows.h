/* SPDX-License-Identifier: Apache-2.0 */
/* waterfall_rows.h -- the tables rss_moment and rss_part: what the resident set of a run consisted of, whenever it was read.
 *
 * While the trace streams by, the sums of what is live are kept as they were at each look at the process; when all rows of
 * the run are there, the rest of what waterfall.h needs is looked up in them. At most WATERFALL_MOMENTS_MAX looks are
 * kept: of two neighbours the smaller one goes.                                                  */
#ifndef MEMANALYZE_WATERFALL_ROWS_H
#define MEMANALYZE_WATERFALL_ROWS_H

#include "db.h"
#include "rollup.h"

enum { WATERFALL_MOMENTS_MAX = 400 };

struct waterfall_live { /* sums over the blocks that are alive */
    double bytes, bytes_sq, bytes_var, usable, blocks;
};

struct waterfall_moment {
    uint64_t time_ns;
    int64_t size_bytes; /* to tell large moments from small ones */
    struct waterfall_live live;
};

struct waterfall_track {     /* moments, by time */
    uint32_t count, waiting; /* the first of those whose events are not all read */
    struct waterfall_moment moments[WATERFALL_MOMENTS_MAX];
};

struct waterfall_rows {
    struct waterfall_live
        objects;      /* of managed heaps: they lie in memory that is counted otherwise */
    uint64_t next_ns; /* of the first moment that waits; UINT64_MAX: none does */
    struct waterfall_track looks;   /* at the process */
    struct waterfall_track answers; /* of the allocator */
};

void waterfall_rows_begin(struct waterfall_rows *rows);

/* The process was read then, or the allocator asked. Times rise; events before it may still come. */
void waterfall_rows_look(struct waterfall_rows *rows, uint64_t time_ns, int64_t size_bytes);
void waterfall_rows_answer(struct waterfall_rows *rows, uint64_t time_ns, int64_t size_bytes);

/* All events before now_ns are in the rollup. Call when now_ns >= rows->next_ns. */
void waterfall_rows_pass(struct waterfall_rows *rows, uint64_t now_ns, const struct rollup *rollup);

/* A managed object that the rollup counts as a block was born (sign 1) or died (-1). */
void waterfall_rows_object(struct waterfall_rows *rows, const struct rollup_block *block, int sign);

/* How many threads lived at a moment. */
typedef uint32_t waterfall_threads(const void *context, uint64_t time_ns);

/* Writes the run's rows. Its ticks, pools, heaps and timeline are in `db`. */
STATUS_MUST_USE status waterfall_rows_write(struct waterfall_rows *rows, struct db *db,
                                            int64_t run_id, const struct rollup *rollup,
                                            waterfall_threads *threads, const void *context);

#endif
