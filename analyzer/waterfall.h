/* SPDX-License-Identifier: Apache-2.0 */
/* waterfall.h -- what a resident set consists of: one reading of the process, the allocator's figures and the samples'
 * estimates, put into parts that add up to it exactly.
 *
 * Who owns a page is measured (recorder: residence.h), how an allocator uses its pages is told by itself, and what of that
 * the program asked for is estimated from samples, between bounds that the first two set. What is not resident is in no
 * part: it is taken off where it most probably is, the untouched end of a heap first. Pure.      */
#ifndef MEMANALYZE_WATERFALL_H
#define MEMANALYZE_WATERFALL_H

#include <stdint.h>

enum waterfall_part {                      /* in the order in which a report shows them */
                      WATERFALL_LIVE,      /* blocks of the program: what it asked for */
                      WATERFALL_ROUNDING,  /* ... and what it was given beyond that */
                      WATERFALL_HEADERS,   /* headers of blocks, books of the allocator */
                      WATERFALL_CACHES,    /* free, in the caches of threads */
                      WATERFALL_PARTIAL,   /* free, between blocks that are not */
                      WATERFALL_DIRTY,     /* free, whole pages the allocator keeps for a while */
                      WATERFALL_TOP,       /* free, at the end of a heap */
                      WATERFALL_POOLS,     /* reserved by pools and not used */
                      WATERFALL_HEAP_FREE, /* free in managed heaps */
                      WATERFALL_HEAP_GARBAGE, /* dead objects that the next collection frees */
                      WATERFALL_MAPPED, /* mapped by the program; less what of the last three lies there */
                      WATERFALL_STATIC, /* .bss of loaded objects */
                      WATERFALL_STACKS, /* of threads but the first */
                      WATERFALL_MAIN_STACK,
                      WATERFALL_FILES, /* code, data, mapped files */
                      WATERFALL_SHARED,
                      WATERFALL_RECORDER,
                      WATERFALL_UNEXPLAINED,
                      WATERFALL_PARTS,
};

#define WATERFALL_UNKNOWN INT64_MIN

struct waterfall_facts { /* bytes; WATERFALL_UNKNOWN: not told */
    int64_t rss;
    /* the process: these add up to rss */
    int64_t heap, anonymous, main_stack, files, shared, recorder;
    /* of anonymous */
    int64_t statics, stacks, mapped, arenas, allocator;
    /* the allocator: see schema.sql, allocator_tick */
    int64_t used, free, top, dirty, cached, metadata, mapped_blocks, arena;
    int64_t absent;    /* of large blocks that live, by samples: not resident */
    int64_t header;    /* bytes in front of each block, counted in used */
    int64_t cache_max; /* what caches of threads may hold of used; 0: they are not in used */
    /* the samples; low and high are of live and hold for usable in proportion */
    double live, live_low, live_high, usable, blocks;
    /* what the program told; 0: nothing */
    int64_t pool_unused, heap_free, heap_garbage, heap_garbage_high;
};

struct waterfall_bytes {
    int64_t bytes, low, high; /* bytes WATERFALL_UNKNOWN: cannot be told, and is in another part */
};

struct waterfall {
    struct waterfall_bytes part[WATERFALL_PARTS];
    const char *reason; /* one sentence about the unexplained part */
};

/* Parts are never negative, add up to facts->rss, and low <= bytes <= high. */
void waterfall_split(const struct waterfall_facts *facts, struct waterfall *out);

/* As rss_part.part. */
const char *waterfall_part_name(enum waterfall_part part);

#endif
