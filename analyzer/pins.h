/* SPDX-License-Identifier: Apache-2.0 */
/* pins.h -- fragmentation by address: how full the regions are that blocks of malloc ever lay in, which sites'
 * old blocks hold nearly empty ones, and what rounding up costs each site.
 *
 * Births mark the address space that was ever used. A look then counts the blocks that live, twice: first
 * how full each region is, then who lives in the nearly empty ones. The unit of emptiness is a page where
 * everything was recorded, else a region that holds some 32 samples when full: a page holds none, mostly.
 *
 *   nearly empty   at most a quarter full, and at most half full with 97.5 % confidence
 *   empty          was in use, and no sample lives in it
 *   old            older than a tenth of the time so far
 *   pinned         what is free in nearly empty units. It is shared out among the blocks there by the pages they
 *                  lie on; what falls to old blocks is told by site
 *
 * Few samples say little about one region's blocks. So shares are of stretches: nearly empty regions one after
 * the other until PINS_STRETCH_SAMPLES live there. A share is a ratio of two estimates; its bias and variance are
 * those of the linearised ratio, its interval is Wilson's for as many trials as give that variance.
 * Regions where blocks live but no sample are the unseen species of a census: Chao's lower bound estimates how
 * many (Scand. J. Statist. 11, 1984) for counts that are Poisson; the upper bound allows geometric ones.
 *
 * Blocks with mappings of their own go back to the system when freed: they pin nothing and are summed apart.
 *
 *   start    born ...    (begin_look    count ...    decide    blame ...    end_look) x 2    write         */
#ifndef MEMANALYZE_PINS_H
#define MEMANALYZE_PINS_H

#include "db.h"
#include "regions.h"
#include "stack_table.h"

enum {
    PINS_PAGE_BYTES = 4096,
    PINS_LATE_TENTHS = 9, /* of the run: before a program may clean up to end */
    PINS_SAMPLES_OF_FULL = 32,
    PINS_STRETCH_SAMPLES = 64, /* or more, for at most PINS_STRETCHES of them */
    PINS_STRETCHES = 64,
    PINS_LARGE_BYTES = 16384, /* what other allocators than glibc's give pages of their own */
    PINS_PAIRS_MAX = 1 << 16, /* of stack and stretch */
    PINS_SIZES_MAX = 1 << 13, /* of stack and size */
    PINS_REGION_ROWS = 256,
    PINS_AREA_ROWS = 64,
    PINS_PIN_ROWS = 128,        /* sites */
    PINS_ROUNDING_ROWS = 64,    /* functions */
    PINS_SIZES_OF_FUNCTION = 4, /* rows of each */
    PINS_AREA_CELLS = 64,
};

enum pins_look { PINS_LATE, PINS_END, PINS_LOOKS };

enum pins_place { /* where a block lies */
                  PINS_IN_REGION,
                  PINS_OWN_PAGES,   /* in a region, but freeing it frees whole pages */
                  PINS_OWN_MAPPING, /* nowhere near others */
};

struct pins_block {
    uint64_t address, size_bytes, usable_bytes;
    uint64_t birth_ns;
    uint32_t stack_id; /* 0: lost */
    double weight;
};

struct pins {
    struct regions regions;
    uint64_t interval_bytes; /* 0: everything is recorded */
    uint64_t late_ns;        /* when the late look is due; UINT64_MAX: done, or not wanted */
    bool glibc;
    struct pins_result *results[PINS_LOOKS];
    struct pins_looking *looking;
};

void pins_clear(struct pins *pins); /* ready for another run; all zeros is, too */

/* Begins a run. `interval_bytes` 0: everything is recorded. `allocator` names the malloc; may be empty. */
void pins_start(struct pins *pins, uint64_t duration_ns, uint64_t interval_bytes,
                struct text allocator);

/* Addresses carry no tags from here on. */
#define PINS_ADDRESS(address) ((address) & ((UINT64_C(1) << 56) - 1))

enum pins_place pins_place_of(const struct pins *pins, uint64_t usable_bytes);

STATUS_MUST_USE status pins_born_slowly(struct pins *pins, uint64_t address, uint64_t usable_bytes);

STATUS_MUST_USE status pins_begin_look(struct pins *pins, uint64_t now_ns);
STATUS_MUST_USE status pins_count(struct pins *pins, const struct pins_block *block);
STATUS_MUST_USE status pins_decide(struct pins *pins);
bool pins_wants_blame(const struct pins *pins); /* else nothing is pinned */
STATUS_MUST_USE status pins_blame(struct pins *pins, const struct pins_block *block);
STATUS_MUST_USE status pins_end_look(struct pins *pins, enum pins_look look);

/* Writes heap_look, address_area, region, pin and rounding, after stack_table_name. */
STATUS_MUST_USE status pins_write(const struct pins *pins, const struct stack_table *stacks,
                                  struct db *db, int64_t run_id);

/* What is pinned by all together, old and young. */
struct pins_space {
    uint32_t regions, once, twice; /* nearly empty; of these, with exactly one sample; with two */
    uint32_t empty;                /* regions */
    double bytes;                  /* free in the nearly empty */
    double bytes_variance;
    double empty_bytes, undecided_bytes; /* free in others: that may be nearly empty, too */
    double variance; /* of a share that is nearly all, in bytes squared; 0: exact */
    /* by pins_census: */
    double unseen, unseen_high; /* empty regions that hold something after all */
};
void pins_census(struct pins_space *space);

/* Regions in which samples enough live, and those of some blocks there: sums over blocks of the pages they lie
 * on, and their variance. */
struct pins_stretch {
    double free;
    double pages, variance;
    uint64_t samples;
};
struct pins_share {
    double bytes, variance;
};
/* What these blocks have of the stretch. */
struct pins_share pins_share(const struct pins_stretch *stretch, double pages, double variance);

/* What a site pins in all, from its shares summed over the stretches. */
struct pins_estimate {
    double bytes, low, high;
};
struct pins_estimate pins_estimate(const struct pins_space *space, struct pins_share seen);

/* A block of malloc begins to live. */
STATUS_MUST_USE static inline status pins_born(struct pins *pins, uint64_t address,
                                               uint64_t usable_bytes)
{
    if (usable_bytes < PINS_LARGE_BYTES && usable_bytes &&
        regions_touch(&pins->regions, address, usable_bytes)) {
        return (status){STATUS_OK};
    }
    return pins_born_slowly(pins, address, usable_bytes);
}

#endif
