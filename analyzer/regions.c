/* SPDX-License-Identifier: Apache-2.0 */
/* regions.c -- see regions.h. */
#include "regions.h"

#include <stdlib.h>
#include <string.h>

void regions_free(struct regions *regions)
{
    free(regions->items);
    free(regions->slots);
    *regions = (struct regions){0};
}

void regions_start(struct regions *regions, unsigned shift)
{
    regions_free(regions);
    regions->shift = shift;
}

static uint32_t home_of(const struct regions *regions, uint64_t number)
{
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (regions->slot_count - 1);
}

/* The slot of this number, or the hole where it belongs. */
static uint32_t *slot_of(const struct regions *regions, uint64_t number)
{
    uint32_t at = home_of(regions, number);

    while (regions->slots[at] && regions->items[regions->slots[at] - 1].number != number) {
        at = (at + 1) & (regions->slot_count - 1);
    }
    return &regions->slots[at];
}

uint32_t regions_find(const struct regions *regions, uint64_t number)
{
    uint32_t known = regions->slot_count ? *slot_of(regions, number) : 0;

    return known ? known - 1 : UINT32_MAX;
}

static bool grow(struct regions *regions)
{
    uint32_t room = regions->room ? 2 * regions->room : 256;
    struct region *items = realloc(regions->items, room * sizeof *items);

    if (!items) {
        return false;
    }
    regions->items = items;
    regions->room = room;
    uint32_t *slots = calloc(2 * (size_t)room, sizeof *slots);
    if (!slots) {
        return false;
    }
    free(regions->slots);
    regions->slots = slots;
    regions->slot_count = 2 * room;
    for (uint32_t i = 0; i < regions->count; i++) {
        *slot_of(regions, items[i].number) = i + 1;
    }
    return true;
}

/* *out is NULL beyond REGIONS_MAX; false: out of memory. */
static bool make(struct regions *regions, uint64_t number, struct region **out)
{
    uint32_t index = regions_find(regions, number);

    *out = NULL;
    if (index == UINT32_MAX) {
        if (regions->count == REGIONS_MAX) {
            regions->ignored++;
            return true;
        }
        if (regions->count == regions->room && !grow(regions)) {
            return false;
        }
        index = regions->count++;
        regions->items[index] = (struct region){.number = number};
        *slot_of(regions, number) = index + 1;
    }
    regions->lately[number % REGIONS_LATELY] = index + 1;
    *out = &regions->items[index];
    return true;
}

bool regions_touch_slowly(struct regions *regions, uint64_t address, uint64_t bytes)
{
    unsigned page_shift = regions->shift - REGION_PAGE_BITS;
    uint64_t last = address + bytes - 1 >= address ? address + bytes - 1 : UINT64_MAX;

    for (uint64_t number = address >> regions->shift; number <= last >> regions->shift; number++) {
        struct region *region;
        uint64_t begin = number << regions->shift;
        uint64_t first_page = (address > begin ? address - begin : 0) >> page_shift;
        uint64_t last_page = (last - begin) >> page_shift;

        if (!make(regions, number, &region)) {
            return false;
        }
        if (!region) {
            return true;
        }
        last_page = last_page < REGION_PAGES ? last_page : REGION_PAGES - 1;
        for (uint64_t page = first_page; page <= last_page; page = (page | 63) + 1) {
            uint64_t bits =
                last_page - page >= 63 ? UINT64_MAX : (UINT64_C(2) << (last_page - page)) - 1;

            region->touched[page / 64] |= bits << (page % 64);
        }
    }
    return true;
}
