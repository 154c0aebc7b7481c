/* SPDX-License-Identifier: Apache-2.0 */
/* pins_result.h -- what pins.c (looking), pins_pairs.c (its sums) and pins_rows.c (the rows) share; for nobody
 * else. */
#ifndef MEMANALYZE_PINS_RESULT_H
#define MEMANALYZE_PINS_RESULT_H

#include "pins.h"

enum pins_state { PINS_EMPTY, PINS_NEARLY_EMPTY, PINS_PARTLY, PINS_FULL, PINS_UNDECIDED };

struct pins_sum {
    double value, squares, variance;
};

struct pins_region {
    struct pins_sum used;
    double used_low, used_high;
    double reserved, free;
    double pages, pages_variance; /* sums over blocks of the pages each lies on, weighted */
    uint32_t samples;
    uint32_t stretch; /* of a nearly empty one */
    enum pins_state state;
    /* where each page is known: */
    uint32_t touched_pages, empty_pages, sparse_pages; /* sparse: nearly empty */
    double sparse_page_bytes;                          /* free in those */
};

struct pins_pages {
    uint16_t bytes[REGION_PAGES], blocks[REGION_PAGES];
};

struct pins_area {
    uint64_t start, end; /* 0: several areas */
    uint32_t areas, regions, empty_regions, sparse_regions;
    double reserved;
    struct pins_sum used;
    double empty, sparse;                         /* bytes free in such units */
    double holes_64k, holes_region, longest_free; /* bytes that blocks of that size could have */
    char cells[PINS_AREA_CELLS + 1];
};

/* Sums by two numbers. */
struct pins_pair {
    uint32_t stack_id;
    uint64_t other; /* stretch; requested size */
    uint32_t samples;
    double blocks;
    union {
        struct {                         /* of old blocks in nearly empty regions or pages */
            double pages, variance;      /* in nearly empty regions: as in pins_region */
            double of_regions, of_pages; /* bytes pinned, where everything is recorded */
            double live;
            uint64_t oldest_ns; /* birth */
        } pin;
        struct { /* of a size */
            double bytes;
            struct pins_sum waste;
            uint64_t usable_bytes; /* most */
        } size;
    };
};

struct pins_pairs { /* starts as all zeros */
    struct pins_pair *items;
    uint32_t count, room, slot_count;
    uint32_t *slots; /* index plus 1 */
    uint64_t ignored;
};

struct pins_ordered {
    uint64_t number;
    uint32_t index;
};

struct pins_looking { /* between begin and end */
    uint64_t now_ns, old_ns;
    uint64_t samples;
    struct pins_sum mapped;
    uint32_t region_count; /* those that there were when it began */
    struct pins_region *regions;
    struct pins_ordered *order; /* of the regions, by address */
    struct pins_pages **pages;  /* by region; NULL: not everything is recorded */
    struct pins_stretch *stretches;
    uint32_t stretch_count;
    struct pins_pairs pairs, sizes;
    bool pinned; /* something may be */
};

struct pins_region_row {
    uint64_t start;
    struct pins_region region;
};

struct pins_result {
    uint64_t now_ns, samples;
    struct pins_sum mapped;
    struct pins_area *areas; /* most reserved first */
    uint32_t area_count;
    struct pins_region_row *regions; /* most free bytes first */
    uint32_t region_count;
    struct pins_space space;
    struct pins_stretch *stretches;
    uint32_t stretch_count;
    struct pins_pairs pairs, sizes;
};

/* What an old block adds: the bytes and pages on which it lies in a region, and what it pins of single pages. */
struct pins_held {
    const struct pins_region *region;
    uint64_t bytes;
    double pages, of_pages;
};

/* Adds a block to a sum; false: out of memory. */
bool pins_pairs_pin(struct pins_pairs *pairs, const struct pins_block *block,
                    const struct pins_held *held, bool exact);
bool pins_pairs_size(struct pins_pairs *pairs, const struct pins_block *block);
void pins_pairs_free(struct pins_pairs *pairs);

void pins_result_free(struct pins_result *result); /* NULL: nothing */

/* The 95 % interval of an estimate: the formula of views.sql. */
void pins_interval(const struct pins_sum *sum, double *low, double *high);

#endif
