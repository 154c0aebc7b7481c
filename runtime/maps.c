/* SPDX-License-Identifier: Apache-2.0 */
#include "maps.h"

#include "atomics.h"

/* A word is 36 bits of page number and 28 of page count; 0: the place is free. */
#define COUNT_BITS 28
#define COUNT_MAX  ((UINT64_C(1) << COUNT_BITS) - 1)
#define PAGE_SHIFT 12

static struct {
    _Atomic uint32_t used; /* places beyond were never taken */
    _Atomic uint64_t range[MR_MAPS_MAX];
} table[MR_MAP_OWNERS];
static _Atomic uint64_t forgotten;

/* What was mapped before anybody could say by whom: an allocator is at work before the recorder is. */
#define EARLY_MAX 32
static struct {
    uintptr_t caller, start;
    size_t size;
} early[EARLY_MAX];
static unsigned early_count;
static bool (*belongs_to_allocator)(uintptr_t code);

struct pages {
    uint64_t first, end;
};

static struct pages unpack(uint64_t word)
{
    return (struct pages){word >> COUNT_BITS, (word >> COUNT_BITS) + (word & COUNT_MAX)};
}

static uint64_t pack(struct pages pages)
{
    return pages.first < pages.end ? pages.first << COUNT_BITS | (pages.end - pages.first) : 0;
}

static struct pages pages_of(uintptr_t start, size_t size)
{
    uint64_t end = ((uint64_t)start + size + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
    return (struct pages){start >> PAGE_SHIFT, end};
}

static bool replace(_Atomic uint64_t *place, uint64_t seen, struct pages pages)
{
    return atomic_compare_exchange_strong(place, &seen, pack(pages));
}

static uint32_t used(enum mr_map_owner owner)
{
    uint32_t count = mr_load_relaxed(&table[owner].used);
    return count < MR_MAPS_MAX ? count : MR_MAPS_MAX;
}

/* Into a place of its own: one that became free, or the next that never was taken. */
static void put(enum mr_map_owner owner, struct pages pages)
{
    for (uint32_t i = 0; i < used(owner); i++)
        if (!mr_load_relaxed(&table[owner].range[i]) && replace(&table[owner].range[i], 0, pages))
            return;
    uint32_t fresh = mr_fetch_add_relaxed(&table[owner].used, 1);
    if (fresh < MR_MAPS_MAX && replace(&table[owner].range[fresh], 0, pages))
        return;
    if (fresh >= MR_MAPS_MAX)
        mr_store_relaxed(&table[owner].used, MR_MAPS_MAX);
    mr_fetch_add_relaxed(&forgotten, 1);
}

/* To a range that it continues. */
static bool join(enum mr_map_owner owner, struct pages pages)
{
    for (uint32_t i = 0; i < used(owner); i++) {
        uint64_t word = mr_load_relaxed(&table[owner].range[i]);
        struct pages old = unpack(word);
        if (!word || old.end - old.first + pages.end - pages.first > COUNT_MAX)
            continue;
        if (old.end == pages.first &&
            replace(&table[owner].range[i], word, (struct pages){old.first, pages.end}))
            return true;
        if (old.first == pages.end &&
            replace(&table[owner].range[i], word, (struct pages){pages.first, old.end}))
            return true;
    }
    return false;
}

void mr_maps_add_of(enum mr_map_owner owner, uintptr_t start, size_t size_bytes)
{
    struct pages all = pages_of(start, size_bytes);
    while (all.first < all.end) {
        uint64_t count = all.end - all.first < COUNT_MAX ? all.end - all.first : COUNT_MAX;
        struct pages part = {all.first, all.first + count};
        if (!join(owner, part))
            put(owner, part);
        all.first = part.end;
    }
}

static void cut(enum mr_map_owner owner, _Atomic uint64_t *place, struct pages gone)
{
    for (;;) {
        uint64_t word = mr_load_relaxed(place);
        struct pages old = unpack(word);
        if (!word || gone.end <= old.first || old.end <= gone.first)
            return;
        struct pages below = {old.first, gone.first}, above = {gone.end, old.end};
        bool has_below = below.first < below.end, has_above = above.first < above.end;
        if (!replace(place, word, has_below ? below : above))
            continue;
        if (has_below && has_above)
            put(owner, above);
        return;
    }
}

void mr_maps_add(uintptr_t caller, uintptr_t start, size_t size_bytes)
{
    if (belongs_to_allocator) {
        mr_maps_add_of(belongs_to_allocator(caller) ? MR_MAP_ALLOCATOR : MR_MAP_PROGRAM, start,
                       size_bytes);
    } else if (early_count < EARLY_MAX) {
        early[early_count].caller = caller;
        early[early_count].start = start;
        early[early_count++].size = size_bytes;
    } else {
        mr_fetch_add_relaxed(&forgotten, 1);
    }
}

void mr_maps_sort(bool (*is_allocator)(uintptr_t code))
{
    belongs_to_allocator = is_allocator;
    for (unsigned i = 0; i < early_count; i++)
        if (early[i].size)
            mr_maps_add(early[i].caller, early[i].start, early[i].size);
    early_count = 0;
}

void mr_maps_remove(uintptr_t start, size_t size_bytes)
{
    for (unsigned i = 0; i < early_count; i++)
        if (early[i].start == start) /* as jemalloc does, to align what it keeps */
            early[i].size = 0;
    struct pages gone = pages_of(start, size_bytes);
    for (enum mr_map_owner owner = 0; owner < MR_MAP_OWNERS; owner++)
        for (uint32_t i = 0; i < used(owner); i++)
            cut(owner, &table[owner].range[i], gone);
}

enum mr_map_owner mr_maps_owner(uintptr_t address)
{
    uint64_t page = address >> PAGE_SHIFT;
    for (enum mr_map_owner owner = 0; owner < MR_MAP_OWNERS; owner++) {
        for (uint32_t i = 0; i < used(owner); i++) {
            struct pages pages = unpack(mr_load_relaxed(&table[owner].range[i]));
            if (page >= pages.first && page < pages.end)
                return owner;
        }
    }
    return MR_MAP_OWNERS;
}

size_t mr_maps_copy(enum mr_map_owner owner, struct mr_range *out)
{
    size_t count = 0;
    for (uint32_t i = used(owner); i-- > 0;) { /* the kernel maps downwards: mostly they rise */
        uint64_t word = mr_load_relaxed(&table[owner].range[i]);
        if (!word)
            continue;
        struct pages pages = unpack(word);
        struct mr_range range = {pages.first << PAGE_SHIFT, pages.end << PAGE_SHIFT};
        size_t at = count++;
        for (; at > 0 && out[at - 1].start > range.start; at--)
            out[at] = out[at - 1];
        out[at] = range;
    }
    return count;
}

uint64_t mr_maps_forgotten(void) { return mr_load_relaxed(&forgotten); }
