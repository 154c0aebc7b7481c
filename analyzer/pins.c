/* SPDX-License-Identifier: Apache-2.0 */
/* pins.c -- see pins.h. Looking: living blocks become the occupancy of regions and areas, and the pairs of
 * region and stack of which pins_rows.c makes rows. */
#include "pins.h"

#include "diag.h"
#include "leak_test.h"
#include "pins_result.h"
#include "schema/trace_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHIFT_WHEN_FULL = 21, /* 2 MiB */
    SHIFT_MIN = 17,
    SHIFT_MAX = 30,
    PAGES_OF_64K = 16,
    OWN_MAPPING_BYTES = 1 << 28, /* whatever the allocator */
};

#define AREA_GAP_BYTES (UINT64_C(32) << 20) /* of untouched addresses part two areas */

static status no_memory(void)
{
    diag_error("could not import: out of memory for the address space");
    return FAIL;
}

static void free_looking(struct pins_looking *looking)
{
    if (looking) {
        for (uint32_t i = 0; looking->pages && i < looking->region_count; i++) {
            free(looking->pages[i]);
        }
        free(looking->pages);
        free(looking->regions);
        free(looking->order);
        free(looking->stretches);
        pins_pairs_free(&looking->pairs);
        pins_pairs_free(&looking->sizes);
        free(looking);
    }
}

void pins_clear(struct pins *pins)
{
    regions_free(&pins->regions);
    free_looking(pins->looking);
    for (int i = 0; i < PINS_LOOKS; i++) {
        pins_result_free(pins->results[i]);
    }
    *pins = (struct pins){.late_ns = UINT64_MAX};
}

void pins_start(struct pins *pins, uint64_t duration_ns, uint64_t interval_bytes,
                struct text allocator)
{
    unsigned shift = SHIFT_MIN;

    pins_clear(pins);
    while (interval_bytes && shift < SHIFT_MAX &&
           UINT64_C(1) << shift < PINS_SAMPLES_OF_FULL * interval_bytes) {
        shift++;
    }
    regions_start(&pins->regions, interval_bytes ? shift : SHIFT_WHEN_FULL);
    pins->interval_bytes = interval_bytes;
    pins->late_ns = duration_ns ? duration_ns / 10 * PINS_LATE_TENTHS : UINT64_MAX;
    pins->glibc = allocator.length >= 5 && memcmp(allocator.bytes, "glibc", 5) == 0;
}

/* glibc's usable sizes are 8 above a multiple of 16 in its heaps, and multiples of 16 in mappings. */
enum pins_place pins_place_of(const struct pins *pins, uint64_t usable_bytes)
{
    if (usable_bytes >= OWN_MAPPING_BYTES ||
        (pins->glibc && usable_bytes >= PINS_LARGE_BYTES && usable_bytes % 16 == 0)) {
        return PINS_OWN_MAPPING;
    }
    return !pins->glibc && usable_bytes >= PINS_LARGE_BYTES ? PINS_OWN_PAGES : PINS_IN_REGION;
}

status pins_born_slowly(struct pins *pins, uint64_t address, uint64_t usable_bytes)
{
    if (usable_bytes && pins_place_of(pins, usable_bytes) == PINS_IN_REGION &&
        !regions_touch(&pins->regions, address, usable_bytes)) {
        return no_memory();
    }
    return OK;
}

/* ---- the first pass: how full ---- */

static int compare_numbers(const void *left, const void *right)
{
    const struct pins_ordered *l = left;
    const struct pins_ordered *r = right;

    return (l->number > r->number) - (l->number < r->number);
}

status pins_begin_look(struct pins *pins, uint64_t now_ns)
{
    uint32_t count = pins->regions.count;
    struct pins_looking *looking = calloc(1, sizeof *looking);

    free_looking(pins->looking);
    pins->looking = looking;
    if (!looking) {
        return no_memory();
    }
    looking->region_count = count;
    looking->now_ns = now_ns;
    looking->old_ns = now_ns - now_ns / 10;
    looking->regions = calloc(count + 1, sizeof *looking->regions);
    looking->order = calloc(count + 1, sizeof *looking->order);
    if (!pins->interval_bytes) {
        looking->pages = calloc(count + 1, sizeof *looking->pages);
    }
    if (!looking->regions || !looking->order || (!pins->interval_bytes && !looking->pages)) {
        return no_memory();
    }
    for (uint32_t i = 0; i < count; i++) {
        looking->order[i] = (struct pins_ordered){pins->regions.items[i].number, i};
    }
    qsort(looking->order, count, sizeof *looking->order, compare_numbers);
    return OK;
}

static void add(struct pins_sum *sum, double value, double weight)
{
    sum->value += value;
    sum->squares += value * value;
    sum->variance += value * value * (1 - 1 / weight);
}

/* The part of a block that lies in one region. */
struct part {
    uint32_t index; /* of the region; UINT32_MAX: not a touched one */
    uint64_t first, bytes;
};

/* The next part of [address, end), from *at on; false: no more. */
static bool next_part(const struct pins *pins, uint64_t *at, uint64_t end, struct part *part)
{
    if (*at >= end) {
        return false;
    }
    uint64_t number = *at >> pins->regions.shift;
    uint64_t next = (number + 1) << pins->regions.shift;

    part->index = regions_find(&pins->regions, number);
    part->first = *at;
    part->bytes = (next < end ? next : end) - *at;
    *at = next;
    return true;
}

static double pages_of(const struct part *part)
{
    return (double)((part->first + part->bytes - 1) / PINS_PAGE_BYTES -
                    part->first / PINS_PAGE_BYTES + 1);
}

static bool count_pages(struct pins_looking *looking, const struct part *part)
{
    struct pins_pages *pages = looking->pages[part->index];

    if (!pages && !(pages = looking->pages[part->index] = calloc(1, sizeof *pages))) {
        return false;
    }
    uint64_t left = part->bytes;
    for (uint64_t at = part->first; left;) {
        uint64_t room = PINS_PAGE_BYTES - at % PINS_PAGE_BYTES;
        uint64_t here = left < room ? left : room;
        uint32_t page = (uint32_t)(at / PINS_PAGE_BYTES % REGION_PAGES);
        uint32_t bytes = pages->bytes[page] + (uint32_t)here;

        pages->bytes[page] = (uint16_t)(bytes < PINS_PAGE_BYTES ? bytes : PINS_PAGE_BYTES);
        pages->blocks[page] += pages->blocks[page] < UINT16_MAX;
        at += here;
        left -= here;
    }
    return true;
}

status pins_count(struct pins *pins, const struct pins_block *block)
{
    struct pins_looking *looking = pins->looking;
    uint64_t at = block->address;
    uint64_t end = at + block->usable_bytes;
    struct part part;

    looking->samples++;
    if (!pins->results[PINS_LATE] && !pins_pairs_size(&looking->sizes, block)) {
        return no_memory();
    }
    if (pins_place_of(pins, block->usable_bytes) == PINS_OWN_MAPPING) {
        add(&looking->mapped, (double)block->usable_bytes * block->weight, block->weight);
        return OK;
    }
    while (next_part(pins, &at, end, &part)) {
        if (part.index >= looking->region_count) {
            continue;
        }
        struct pins_region *region = &looking->regions[part.index];

        add(&region->used, (double)part.bytes * block->weight, block->weight);
        double pages = block->weight * pages_of(&part);
        region->pages += pages;
        region->pages_variance += pages * pages * (1 - 1 / block->weight);
        region->samples++;
        if (looking->pages && !count_pages(looking, &part)) {
            return no_memory();
        }
    }
    return OK;
}

void pins_interval(const struct pins_sum *sum, double *low, double *high)
{
    double relative_low;
    double relative_high;

    *low = *high = sum->value;
    if (sum->squares > 0 && sum->variance > 0) {
        double spread = sqrt(sum->variance / sum->squares);

        leak_garwood(sum->value * sum->value / sum->squares, &relative_low, &relative_high);
        *low = sum->value * (1 - (1 - relative_low) * spread);
        *high = sum->value * (1 + (relative_high - 1) * spread);
    }
}

/* ---- deciding ---- */

static uint32_t touched_pages(const struct region *region)
{
    uint32_t count = 0;

    for (int i = 0; i < REGION_PAGES / 64; i++) {
        count += (uint32_t)__builtin_popcountll(region->touched[i]);
    }
    return count;
}

static bool is_touched(const struct region *region, uint32_t page)
{
    return region->touched[page / 64] >> (page % 64) & 1;
}

/* Samples touch few pages, so between two regions that were in use all counts as in use. */
static uint32_t spanned_pages(const struct pins *pins, const struct pins_looking *looking,
                              uint32_t place)
{
    const struct pins_ordered *order = looking->order;
    const struct region *region = &pins->regions.items[order[place].index];
    uint32_t first = 0;
    uint32_t last = REGION_PAGES - 1;

    if (place == 0 || order[place - 1].number != order[place].number - 1) {
        while (!is_touched(region, first)) {
            first++;
        }
    }
    if (place + 1 == looking->region_count || order[place + 1].number != order[place].number + 1) {
        while (!is_touched(region, last)) {
            last--;
        }
    }
    return last - first + 1;
}

static enum pins_state state_of(const struct pins *pins, const struct pins_region *region)
{
    double share = region->used.value / region->reserved;

    if (!pins->interval_bytes) {
        return region->samples == 0 ? PINS_EMPTY
               : share <= 0.25      ? PINS_NEARLY_EMPTY
               : share < 0.75       ? PINS_PARTLY
                                    : PINS_FULL;
    }
    if (region->samples == 0) {
        /* Garwood's upper bound of a count of 0 */
        return 3.69 * (double)pins->interval_bytes <= 0.5 * region->reserved ? PINS_EMPTY
                                                                             : PINS_UNDECIDED;
    }
    if (share <= 0.25 && region->used_high <= 0.5 * region->reserved) {
        return PINS_NEARLY_EMPTY;
    }
    if (region->used_low <= 0.25 * region->reserved) {
        return PINS_UNDECIDED;
    }
    return share < 0.75 ? PINS_PARTLY : PINS_FULL;
}

/* The pages of one region, where each is known. */
static void decide_pages(const struct region *touched, const struct pins_pages *pages,
                         struct pins_region *region)
{
    region->touched_pages = touched_pages(touched);
    for (uint32_t i = 0; i < REGION_PAGES; i++) {
        uint32_t bytes = pages ? pages->bytes[i] : 0;

        if (bytes == 0) {
            region->empty_pages += is_touched(touched, i);
        } else if (bytes <= PINS_PAGE_BYTES / 4) {
            region->sparse_pages++;
            region->sparse_page_bytes += PINS_PAGE_BYTES - bytes;
        }
    }
}

/* Nearly empty regions in a row, until samples enough live there; the rest goes to the last one. */
static status make_stretches(struct pins_looking *looking)
{
    uint64_t samples = 0;

    for (uint32_t i = 0; i < looking->region_count; i++) {
        const struct pins_region *region = &looking->regions[i];

        samples += region->state == PINS_NEARLY_EMPTY ? region->samples : 0;
    }
    uint64_t enough = samples / PINS_STRETCHES > PINS_STRETCH_SAMPLES ? samples / PINS_STRETCHES
                                                                      : PINS_STRETCH_SAMPLES;
    looking->stretches = calloc(PINS_STRETCHES, sizeof *looking->stretches);
    if (!looking->stretches) {
        return no_memory();
    }
    struct pins_stretch *at = looking->stretches;
    for (uint32_t i = 0; i < looking->region_count; i++) {
        struct pins_region *region = &looking->regions[looking->order[i].index];

        if (region->state == PINS_NEARLY_EMPTY) {
            region->stretch = (uint32_t)(at - looking->stretches);
            at->free += region->free;
            at->pages += region->pages;
            at->variance += region->pages_variance;
            at->samples += region->samples;
            samples -= region->samples;
            if (at->samples >= enough && samples >= enough &&
                at + 1 < looking->stretches + PINS_STRETCHES) {
                at++;
            }
        }
    }
    looking->stretch_count = (uint32_t)(at - looking->stretches) + 1;
    return OK;
}

status pins_decide(struct pins *pins)
{
    struct pins_looking *looking = pins->looking;
    double page_bytes = ldexp(1, (int)pins->regions.shift - REGION_PAGE_BITS);

    for (uint32_t i = 0; i < looking->region_count; i++) {
        uint32_t index = looking->order[i].index;
        struct pins_region *region = &looking->regions[index];

        pins_interval(&region->used, &region->used_low, &region->used_high);
        if (looking->pages) {
            decide_pages(&pins->regions.items[index], looking->pages[index], region);
            region->reserved = region->touched_pages * page_bytes;
        } else {
            region->reserved = spanned_pages(pins, looking, i) * page_bytes;
        }
        region->reserved = fmax(region->reserved, region->used.value);
        region->free = region->reserved - region->used.value;
        region->state = state_of(pins, region);
        looking->pinned |= region->state == PINS_NEARLY_EMPTY || region->sparse_pages;
    }
    return make_stretches(looking);
}

bool pins_wants_blame(const struct pins *pins) { return pins->looking->pinned; }

/* ---- the second pass: who ---- */

/* What an old block pins of the nearly empty pages it lies on. */
static double pinned_of_pages(const struct pins_pages *pages, const struct part *part)
{
    uint64_t last = (part->first + part->bytes - 1) / PINS_PAGE_BYTES;
    double pinned = 0;

    for (uint64_t at = part->first / PINS_PAGE_BYTES; at <= last; at++) {
        uint32_t page = (uint32_t)(at % REGION_PAGES);

        if (pages->bytes[page] <= PINS_PAGE_BYTES / 4) {
            pinned += (double)(PINS_PAGE_BYTES - pages->bytes[page]) / pages->blocks[page];
        }
    }
    return pinned;
}

status pins_blame(struct pins *pins, const struct pins_block *block)
{
    struct pins_looking *looking = pins->looking;
    uint64_t at = block->address;
    uint64_t end = at + block->usable_bytes;
    struct part part;

    if (block->birth_ns > looking->old_ns ||
        pins_place_of(pins, block->usable_bytes) == PINS_OWN_MAPPING) {
        return OK;
    }
    while (next_part(pins, &at, end, &part)) {
        if (part.index >= looking->region_count) {
            continue;
        }
        const struct pins_region *region = &looking->regions[part.index];
        struct pins_held held = {
            .region = region,
            .bytes = part.bytes,
            .pages = pages_of(&part),
            .of_pages = looking->pages && region->sparse_pages
                            ? pinned_of_pages(looking->pages[part.index], &part)
                            : 0,
        };

        if ((held.of_pages > 0 || region->state == PINS_NEARLY_EMPTY) &&
            !pins_pairs_pin(&looking->pairs, block, &held, !pins->interval_bytes)) {
            return no_memory();
        }
    }
    return OK;
}

/* ---- areas ---- */

static void add_hole(const struct pins *pins, struct pins_area *area, uint64_t pages)
{
    uint64_t pages_of_region = pins->interval_bytes ? 1 : REGION_PAGES;
    double page_bytes =
        pins->interval_bytes ? ldexp(1, (int)pins->regions.shift) : (double)PINS_PAGE_BYTES;

    if (!pins->interval_bytes) {
        area->holes_64k += (double)(pages / PAGES_OF_64K * PAGES_OF_64K) * page_bytes;
    }
    area->holes_region += (double)(pages / pages_of_region * pages_of_region) * page_bytes;
    area->longest_free = fmax(area->longest_free, (double)pages * page_bytes);
}

/* Goes on with the holes of one more region: whole pages, or whole regions, in which nothing lives. */
static uint64_t follow_holes(const struct pins *pins, struct pins_area *area, uint32_t index,
                             uint64_t hole)
{
    const struct pins_looking *looking = pins->looking;
    const struct region *touched = &pins->regions.items[index];

    if (pins->interval_bytes) {
        if (looking->regions[index].state == PINS_EMPTY) {
            return hole + 1;
        }
        add_hole(pins, area, hole);
        return 0;
    }
    for (uint32_t i = 0; i < REGION_PAGES; i++) {
        const struct pins_pages *pages = looking->pages[index];

        if (is_touched(touched, i) && (!pages || pages->bytes[i] == 0)) {
            hole++;
        } else {
            add_hole(pins, area, hole);
            hole = 0;
        }
    }
    return hole;
}

static void add_region(const struct pins *pins, struct pins_area *area,
                       const struct pins_region *region)
{
    area->regions++;
    area->empty_regions += region->state == PINS_EMPTY;
    area->sparse_regions += region->state == PINS_NEARLY_EMPTY;
    area->reserved += region->reserved;
    area->used.value += region->used.value;
    area->used.squares += region->used.squares;
    area->used.variance += region->used.variance;
    if (pins->interval_bytes) {
        area->empty += region->state == PINS_EMPTY ? region->reserved : 0;
        area->sparse += region->state == PINS_NEARLY_EMPTY ? region->free : 0;
    } else {
        area->empty += (double)region->empty_pages * PINS_PAGE_BYTES;
        area->sparse += region->sparse_page_bytes;
    }
}

/* One character for an equal stretch of the regions [first, last): 0 nothing lives there ... f all full. */
static void draw_cells(const struct pins_looking *looking, uint32_t first, uint32_t last,
                       struct pins_area *area)
{
    uint32_t count = last - first;
    uint32_t cells = count < PINS_AREA_CELLS ? count : PINS_AREA_CELLS;

    for (uint32_t cell = 0; cell < cells; cell++) {
        uint32_t from = first + (uint32_t)((uint64_t)count * cell / cells);
        uint32_t to = first + (uint32_t)((uint64_t)count * (cell + 1) / cells);
        double used = 0;
        double reserved = 0;

        for (uint32_t i = from; i < to; i++) {
            used += looking->regions[looking->order[i].index].used.value;
            reserved += looking->regions[looking->order[i].index].reserved;
        }
        unsigned level = used > 0 ? 1 + (unsigned)(used / reserved * 14.999) : 0;
        area->cells[cell] = "0123456789abcdef"[level < 15 ? level : 15];
    }
    area->cells[cells] = '\0';
}

static void make_area(const struct pins *pins, uint32_t first, uint32_t last,
                      struct pins_area *area)
{
    const struct pins_looking *looking = pins->looking;
    unsigned shift = pins->regions.shift;
    uint64_t hole = 0;

    *area = (struct pins_area){.areas = 1,
                               .start = looking->order[first].number << shift,
                               .end = (looking->order[last - 1].number + 1) << shift};
    for (uint32_t i = first; i < last; i++) {
        if (i > first && looking->order[i].number != looking->order[i - 1].number + 1) {
            add_hole(pins, area, hole);
            hole = 0;
        }
        add_region(pins, area, &looking->regions[looking->order[i].index]);
        hole = follow_holes(pins, area, looking->order[i].index, hole);
    }
    add_hole(pins, area, hole);
    draw_cells(looking, first, last, area);
}

/* Small areas beyond the limit become one, without a place. */
static void lump_areas(struct pins_area *into, const struct pins_area *area)
{
    into->areas++;
    into->start = into->end = 0;
    into->cells[0] = '\0';
    into->regions += area->regions;
    into->empty_regions += area->empty_regions;
    into->sparse_regions += area->sparse_regions;
    into->reserved += area->reserved;
    into->used.value += area->used.value;
    into->used.squares += area->used.squares;
    into->used.variance += area->used.variance;
    into->empty += area->empty;
    into->sparse += area->sparse;
    into->holes_64k += area->holes_64k;
    into->holes_region += area->holes_region;
    into->longest_free = fmax(into->longest_free, area->longest_free);
}

static int compare_areas(const void *left, const void *right)
{
    const struct pins_area *l = left;
    const struct pins_area *r = right;

    if (l->reserved != r->reserved) {
        return l->reserved > r->reserved ? -1 : 1;
    }
    return (l->start > r->start) - (l->start < r->start);
}

static status make_areas(const struct pins *pins, struct pins_result *result)
{
    const struct pins_looking *looking = pins->looking;
    uint64_t gap = (AREA_GAP_BYTES >> pins->regions.shift) + 1;
    uint32_t count = 0;

    for (uint32_t i = 0; i < looking->region_count; i++) {
        count += i == 0 || looking->order[i].number - looking->order[i - 1].number > gap;
    }
    result->areas = calloc(count + 1, sizeof *result->areas);
    if (!result->areas) {
        return no_memory();
    }
    for (uint32_t first = 0, next; first < looking->region_count; first = next) {
        next = first + 1;
        while (next < looking->region_count &&
               looking->order[next].number - looking->order[next - 1].number <= gap) {
            next++;
        }
        make_area(pins, first, next, &result->areas[result->area_count++]);
    }
    qsort(result->areas, count, sizeof *result->areas, compare_areas);
    while (result->area_count > PINS_AREA_ROWS) {
        lump_areas(&result->areas[PINS_AREA_ROWS - 1], &result->areas[--result->area_count]);
    }
    return OK;
}

/* ---- what is kept of a look ---- */

static int compare_free(const void *left, const void *right)
{
    const struct pins_region_row *l = left;
    const struct pins_region_row *r = right;

    if (l->region.free != r->region.free) {
        return l->region.free > r->region.free ? -1 : 1;
    }
    return (l->start > r->start) - (l->start < r->start);
}

static void survey(struct pins_space *space, const struct pins_region *region)
{
    bool estimated = region->used.variance > 0;

    if (region->state == PINS_EMPTY) {
        space->empty++;
        space->empty_bytes += region->free;
    } else if (region->state == PINS_NEARLY_EMPTY) {
        space->regions++;
        space->once += region->samples == 1 && estimated;
        space->twice += region->samples == 2 && estimated;
        space->bytes += region->free;
        space->bytes_variance += region->used.variance;
    } else if (region->state == PINS_UNDECIDED) {
        space->undecided_bytes += region->free;
    }
}

static status keep_regions(const struct pins *pins, struct pins_result *result)
{
    const struct pins_looking *looking = pins->looking;
    struct pins_region_row *rows = calloc(looking->region_count + 1, sizeof *rows);

    if (!rows) {
        return no_memory();
    }
    for (uint32_t i = 0; i < looking->region_count; i++) {
        const struct pins_region *region = &looking->regions[looking->order[i].index];

        rows[i] =
            (struct pins_region_row){looking->order[i].number << pins->regions.shift, *region};
        survey(&result->space, region);
    }
    for (uint32_t i = 0; i < looking->stretch_count; i++) {
        const struct pins_stretch *stretch = &looking->stretches[i];
        double each = stretch->pages > 0 ? stretch->free / stretch->pages : 0;

        result->space.variance += each * each * stretch->variance;
    }
    pins_census(&result->space);
    qsort(rows, looking->region_count, sizeof *rows, compare_free);
    result->region_count =
        looking->region_count < PINS_REGION_ROWS ? looking->region_count : PINS_REGION_ROWS;
    struct pins_region_row *kept = realloc(rows, (result->region_count + 1) * sizeof *rows);
    result->regions = kept ? kept : rows;
    return OK;
}

status pins_end_look(struct pins *pins, enum pins_look look)
{
    struct pins_looking *looking = pins->looking;
    struct pins_result *result = calloc(1, sizeof *result);

    if (!result) {
        return no_memory();
    }
    pins_result_free(pins->results[look]);
    pins->results[look] = result;
    result->now_ns = looking->now_ns;
    result->samples = looking->samples;
    result->mapped = looking->mapped;
    TRY(make_areas(pins, result));
    TRY(keep_regions(pins, result));
    result->stretches = looking->stretches;
    result->stretch_count = looking->stretch_count;
    looking->stretches = NULL;
    result->pairs = looking->pairs;
    result->sizes = looking->sizes;
    looking->pairs = looking->sizes = (struct pins_pairs){0};
    free_looking(looking);
    pins->looking = NULL;
    return OK;
}

/* ---- estimating ---- */

void pins_census(struct pins_space *space)
{
    double once = space->once;
    double twice = space->twice;
    double most_once = once + 1.4 * sqrt(once);
    double least_twice = fmax(twice - 1.4 * sqrt(twice), 0);

    space->unseen = space->unseen_high = 0;
    if (space->variance > 0) {
        space->unseen = fmin(once * (once - 1) / (2 * (twice + 1)), space->empty);
        space->unseen_high =
            fmin((most_once + 2) * (most_once + 3) / (least_twice + 1), space->empty);
    }
}

struct pins_share pins_share(const struct pins_stretch *stretch, double pages, double variance)
{
    double all = stretch->pages;
    double ratio = pages / all;
    double share = ratio - (ratio * stretch->variance - variance) / (all * all);

    share = fmin(fmax(share, 0), 1);
    return (struct pins_share){
        stretch->free * share,
        stretch->free * stretch->free / (all * all) *
            (variance * (1 - share) * (1 - share) +
             fmax(stretch->variance - variance, 0) * share * share),
    };
}

/* The low end is of what was seen, the high one of what may be unseen as well. */
struct pins_estimate pins_estimate(const struct pins_space *space, struct pins_share seen)
{
    if (space->variance <= 0 || space->bytes <= 0) {
        return (struct pins_estimate){seen.bytes, seen.bytes, seen.bytes};
    }
    double z = 1.96;
    double share = fmin(seen.bytes / space->bytes, 1);
    double n = space->bytes * space->bytes *
               (share < 1 && seen.variance > 0 ? share * (1 - share) / seen.variance
                                               : 1 / space->variance);
    double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
    double width = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    double each = space->empty ? space->empty_bytes / space->empty : 0;
    double off = z * sqrt(space->bytes_variance);

    return (struct pins_estimate){
        share * (space->bytes + space->unseen * each),
        fmin(fmax(centre - width, 0), share) * fmax(space->bytes - off, 0),
        fmin(centre + width, 1) *
            (space->bytes + off + space->unseen_high * each + space->undecided_bytes),
    };
}
