/* SPDX-License-Identifier: Apache-2.0 */
/* regions.h -- the address space that blocks ever lay in: aligned stretches of equal size, with the
 * pages of each that were touched.
 *
 * A region exists from the first touch on; it is 2^shift bytes and has 512 pages of equal size (4 KiB of
 * 2 MiB). Touching costs one bit test when the region was touched lately. At most REGIONS_MAX; what comes
 * later is counted and ignored.
 *
 * Invariant: `items` are in the order of their first touch; `slots` finds them by number.          */
#ifndef MEMANALYZE_REGIONS_H
#define MEMANALYZE_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REGION_PAGE_BITS = 9,
    REGION_PAGES = 1 << REGION_PAGE_BITS,
    REGIONS_MAX = 1 << 18,
    REGIONS_LATELY = 64,
};

struct region {
    uint64_t number; /* address >> shift */
    uint64_t touched[REGION_PAGES / 64];
};

struct regions { /* starts as all zeros, then regions_start */
    unsigned shift;
    struct region *items;
    uint32_t count, room;
    uint32_t *slots; /* index plus 1; 0: none */
    uint32_t slot_count;
    uint32_t lately[REGIONS_LATELY]; /* index plus 1, by number */
    uint64_t ignored;                /* touches beyond REGIONS_MAX */
};

/* Forgets everything; regions are of 2^shift bytes, shift 12 + 9 or so. */
void regions_start(struct regions *regions, unsigned shift);
void regions_free(struct regions *regions);

/* A block was in [address, address + bytes), bytes > 0. Returns false when out of memory. */
bool regions_touch_slowly(struct regions *regions, uint64_t address, uint64_t bytes);

/* Index into `items`; UINT32_MAX: nothing was there. */
uint32_t regions_find(const struct regions *regions, uint64_t number);

static inline bool regions_touch(struct regions *regions, uint64_t address, uint64_t bytes)
{
    unsigned page_shift = regions->shift - REGION_PAGE_BITS;
    uint64_t number = address >> regions->shift;
    uint32_t known = regions->lately[number % REGIONS_LATELY];

    if (known && regions->items[known - 1].number == number &&
        address >> page_shift == (address + bytes - 1) >> page_shift) {
        uint64_t page = address >> page_shift & (REGION_PAGES - 1);

        if (regions->items[known - 1].touched[page / 64] >> (page % 64) & 1) {
            return true;
        }
    }
    return regions_touch_slowly(regions, address, bytes);
}

#endif
