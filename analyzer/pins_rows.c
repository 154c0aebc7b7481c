/* SPDX-License-Identifier: Apache-2.0 */
/* pins_rows.c -- what was seen in the looks of a run becomes rows. Stacks are one site when they share the two innermost
 * places in code: an allocating helper alone says little. See pins.h. */
#include "diag.h"
#include "pins_result.h"

#include <stdlib.h>

static const char *const moments[PINS_LOOKS] = {"late", "end"};

struct writer {
    const struct pins *pins;
    const struct pins_result *result;
    const struct stack_table *stacks;
    struct db *db;
    int64_t run_id;
    const char *moment;
};

static status no_memory(void)
{
    diag_error("could not import: out of memory for the address space");
    return FAIL;
}

static void bind_interval(struct statement *insert, int at, const struct pins_sum *sum)
{
    double low;
    double high;

    pins_interval(sum, &low, &high);
    db_bind_real(insert, at, sum->value);
    db_bind_real(insert, at + 1, low);
    db_bind_real(insert, at + 2, high);
}

static void bind_sum(struct statement *insert, int at, const struct pins_sum *sum)
{
    db_bind_real(insert, at, sum->value);
    db_bind_real(insert, at + 1, sum->squares);
    db_bind_real(insert, at + 2, sum->variance);
}

static status write_look(const struct writer *to)
{
    const struct pins_space *space = &to->result->space;
    struct statement *insert;

    TRY(db_prepare(to->db, "INSERT INTO heap_look VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    db_bind_int(insert, 1, to->run_id);
    db_bind_string(insert, 2, to->moment);
    db_bind_int(insert, 3, (int64_t)to->result->now_ns);
    db_bind_int(insert, 4, (int64_t)1 << to->pins->regions.shift);
    db_bind_int(insert, 5,
                to->pins->interval_bytes ? (int64_t)1 << to->pins->regions.shift : PINS_PAGE_BYTES);
    db_bind_int(insert, 6, (int64_t)to->result->samples);
    bind_interval(insert, 7, &to->result->mapped);
    db_bind_int(insert, 10, space->regions);
    db_bind_real(insert, 11, space->unseen);
    db_bind_real(insert, 12, space->unseen_high);
    db_bind_int(insert, 13, space->empty);
    return db_insert(insert);
}

static void bind_unusable(struct statement *insert, int at, const struct pins_area *area,
                          double holes)
{
    double unused = area->reserved - area->used.value;

    if (unused > 0) {
        double share = 1 - holes / unused;

        db_bind_real(insert, at, share > 0 ? share : 0);
    }
}

static status write_areas(const struct writer *to)
{
    struct statement *insert;

    TRY(db_prepare(to->db,
                   "INSERT INTO address_area VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?, ?, ?, ?, ?)",
                   &insert));
    for (uint32_t i = 0; i < to->result->area_count; i++) {
        const struct pins_area *area = &to->result->areas[i];

        db_bind_int(insert, 1, to->run_id);
        db_bind_string(insert, 2, to->moment);
        db_bind_int(insert, 3, i + 1);
        if (area->areas == 1) {
            db_bind_int(insert, 4, (int64_t)area->start);
            db_bind_int(insert, 5, (int64_t)area->end);
            db_bind_string(insert, 20, area->cells);
        }
        db_bind_int(insert, 6, area->areas);
        db_bind_int(insert, 7, area->regions);
        db_bind_int(insert, 8, area->empty_regions);
        db_bind_int(insert, 9, area->sparse_regions);
        db_bind_int(insert, 10, (int64_t)area->reserved);
        bind_interval(insert, 11, &area->used);
        db_bind_real(insert, 14, area->empty);
        db_bind_real(insert, 15, area->sparse);
        if (!to->pins->interval_bytes) {
            bind_unusable(insert, 16, area, area->empty);
            bind_unusable(insert, 17, area, area->holes_64k);
        }
        bind_unusable(insert, 18, area, area->holes_region);
        db_bind_int(insert, 19, (int64_t)area->longest_free);
        TRY(db_insert(insert));
    }
    return OK;
}

static status write_regions(const struct writer *to)
{
    static const char *const states[] = {"empty", "nearly empty", "partly", "full", "undecided"};
    struct statement *insert;

    TRY(db_prepare(to->db, "INSERT INTO region VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (uint32_t i = 0; i < to->result->region_count; i++) {
        const struct pins_region_row *row = &to->result->regions[i];
        const struct pins_region *region = &row->region;

        db_bind_int(insert, 1, to->run_id);
        db_bind_string(insert, 2, to->moment);
        db_bind_int(insert, 3, (int64_t)row->start);
        db_bind_string(insert, 4, states[region->state]);
        db_bind_int(insert, 5, (int64_t)region->reserved);
        db_bind_real(insert, 6, region->used.value);
        db_bind_real(insert, 7, region->used_low);
        db_bind_real(insert, 8, region->used_high);
        db_bind_real(insert, 9, region->free);
        db_bind_int(insert, 10, region->samples);
        if (!to->pins->interval_bytes) {
            db_bind_int(insert, 11, region->touched_pages);
            db_bind_int(insert, 12, region->empty_pages);
            db_bind_int(insert, 13, region->sparse_pages);
            db_bind_real(insert, 14, region->sparse_page_bytes);
        }
        TRY(db_insert(insert));
    }
    return OK;
}

/* ---- who pins ---- */

enum { SITE_FRAMES = 2 };

struct member { /* a pair, with the site of its stack */
    uint64_t site;
    const struct pins_pair *pair;
};

struct pinner {
    uint32_t stack_id, stacks, regions, samples;
    struct pins_share whole; /* of regions */
    double pages;            /* pinned of single pages */
    double live, blocks;
    uint64_t oldest_ns;
};

static int compare_members(const void *left, const void *right)
{
    const struct member *l = left;
    const struct member *r = right;

    if (l->site != r->site) {
        return l->site < r->site ? -1 : 1;
    }
    if (l->pair->other != r->pair->other) {
        return l->pair->other < r->pair->other ? -1 : 1;
    }
    return (l->pair->stack_id > r->pair->stack_id) - (l->pair->stack_id < r->pair->stack_id);
}

static int compare_pinners(const void *left, const void *right)
{
    const struct pinner *l = left;
    const struct pinner *r = right;

    if (l->pages != r->pages) {
        return l->pages > r->pages ? -1 : 1;
    }
    if (l->whole.bytes != r->whole.bytes) {
        return l->whole.bytes > r->whole.bytes ? -1 : 1;
    }
    return (l->stack_id > r->stack_id) - (l->stack_id < r->stack_id);
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *l = left;
    const uint32_t *r = right;

    return (*l > *r) - (*l < *r);
}

/* Equal for stacks of one site. */
static uint64_t site_of(const struct stack_table *stacks, uint32_t stack_id)
{
    uint32_t count;
    bool truncated;
    const uint32_t *frames = stack_table_frames(stacks, stack_id, &count, &truncated);
    uint32_t first = stack_table_site_depth(stacks, stack_id);
    uint64_t site = 0;

    for (uint32_t i = first; i < count && i < first + SITE_FRAMES; i++) {
        site = site << 32 | frames[i];
    }
    return site;
}

/* The shares of one site's members, which are sorted by region and so by stretch. */
static struct pins_share sum_shares(const struct pins_result *result, const struct member *members,
                                    uint32_t count)
{
    struct pins_share sum = {0};

    for (uint32_t first = 0, next; first < count; first = next) {
        uint32_t stretch = members[first].pair->pin.stretch;
        double pages = 0;
        double variance = 0;

        for (next = first; next < count && members[next].pair->pin.stretch == stretch; next++) {
            pages += members[next].pair->pin.pages;
            variance += members[next].pair->pin.variance;
        }
        if (pages > 0) {
            struct pins_share share = pins_share(&result->stretches[stretch], pages, variance);

            sum.bytes += share.bytes;
            sum.variance += share.variance;
        }
    }
    return sum;
}

/* One site: its members are sorted by region; `stacks` has room for as many. */
static struct pinner sum_members(const struct pins_result *result, const struct member *members,
                                 uint32_t count, uint32_t *stacks)
{
    struct pinner sum = {.oldest_ns = UINT64_MAX, .whole = sum_shares(result, members, count)};
    uint32_t most = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct pins_pair *pair = members[i].pair;

        sum.regions += i == 0 || pair->other != members[i - 1].pair->other;
        sum.samples += pair->samples;
        sum.pages += pair->pin.bytes;
        sum.live += pair->pin.live;
        sum.blocks += pair->blocks;
        sum.oldest_ns = pair->pin.oldest_ns < sum.oldest_ns ? pair->pin.oldest_ns : sum.oldest_ns;
        stacks[i] = pair->stack_id;
    }
    qsort(stacks, count, sizeof *stacks, compare_numbers);
    for (uint32_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && stacks[next] == stacks[first]; next++) {
        }
        if (next - first > most) {
            most = next - first;
            sum.stack_id = stacks[first];
        }
        sum.stacks++;
    }
    return sum;
}

static status insert_pinners(const struct writer *to, const struct pinner *pinners, uint32_t count)
{
    struct statement *insert;

    TRY(db_prepare(to->db, "INSERT INTO pin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (uint32_t i = 0; i < count && i < PINS_PIN_ROWS; i++) {
        const struct pinner *pinner = &pinners[i];
        struct pins_estimate whole = pins_estimate(&to->result->space, pinner->whole);
        struct pins_estimate pinned =
            to->pins->interval_bytes
                ? whole
                : (struct pins_estimate){pinner->pages, pinner->pages, pinner->pages};

        db_bind_int(insert, 1, to->run_id);
        db_bind_string(insert, 2, to->moment);
        db_bind_int(insert, 3, i + 1);
        db_bind_int(insert, 4, pinner->stack_id);
        db_bind_string(insert, 5,
                       pinner->stack_id ? stack_table_function(to->stacks, pinner->stack_id) : "?");
        db_bind_int(insert, 6, pinner->stacks);
        db_bind_int(insert, 7, pinner->samples);
        db_bind_int(insert, 8, pinner->regions);
        db_bind_real(insert, 9, pinned.bytes);
        db_bind_real(insert, 10, pinned.low);
        db_bind_real(insert, 11, pinned.high);
        db_bind_real(insert, 12, whole.bytes);
        db_bind_real(insert, 13, pinner->live);
        db_bind_real(insert, 14, pinner->blocks);
        db_bind_int(insert, 15, (int64_t)(to->result->now_ns - pinner->oldest_ns));
        TRY(db_insert(insert));
    }
    return OK;
}

static status write_pins(const struct writer *to)
{
    const struct pins_pairs *pairs = &to->result->pairs;
    struct member *members = calloc(pairs->count + 1, sizeof *members);
    struct pinner *pinners = calloc(pairs->count + 1, sizeof *pinners);
    uint32_t *stacks = calloc(pairs->count + 1, sizeof *stacks);
    uint32_t count = 0;
    status result = members && pinners && stacks ? OK : no_memory();

    if (result.code == STATUS_OK) {
        for (uint32_t i = 0; i < pairs->count; i++) {
            uint32_t stack_id = pairs->items[i].stack_id;

            members[i] =
                (struct member){stack_id ? site_of(to->stacks, stack_id) : 0, &pairs->items[i]};
        }
        qsort(members, pairs->count, sizeof *members, compare_members);
        for (uint32_t first = 0, next; first < pairs->count; first = next) {
            next = first + 1;
            while (next < pairs->count && members[next].site == members[first].site) {
                next++;
            }
            pinners[count++] = sum_members(to->result, members + first, next - first, stacks);
        }
        qsort(pinners, count, sizeof *pinners, compare_pinners);
        result = insert_pinners(to, pinners, count);
    }
    free(members);
    free(pinners);
    free(stacks);
    return result;
}

/* ---- rounding ---- */

struct stack_sizes { /* of one stack: items [first, first + count) of the sorted sizes */
    uint32_t first, count;
    double waste;
};

static int compare_sizes(const void *left, const void *right)
{
    const struct pins_pair *l = *(const struct pins_pair *const *)left;
    const struct pins_pair *r = *(const struct pins_pair *const *)right;

    if (l->stack_id != r->stack_id) {
        return l->stack_id < r->stack_id ? -1 : 1;
    }
    if (l->size.waste.value != r->size.waste.value) {
        return l->size.waste.value > r->size.waste.value ? -1 : 1;
    }
    return (l->other > r->other) - (l->other < r->other);
}

static int compare_stacks(const void *left, const void *right)
{
    const struct stack_sizes *l = left;
    const struct stack_sizes *r = right;

    if (l->waste != r->waste) {
        return l->waste > r->waste ? -1 : 1;
    }
    return (l->first > r->first) - (l->first < r->first);
}

struct classes { /* the usable sizes that were seen, rising */
    uint64_t *bytes;
    uint32_t count;
};

static int compare_classes(const void *left, const void *right)
{
    const uint64_t *l = left;
    const uint64_t *r = right;

    return (*l > *r) - (*l < *r);
}

/* The largest that is smaller than a request; UNKNOWN: none is. */
static uint64_t class_below(const struct classes *classes, uint64_t size_bytes)
{
    uint32_t low = 0;
    uint32_t high = classes->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (classes->bytes[middle] < size_bytes) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low ? classes->bytes[low - 1] : UNKNOWN;
}

static status insert_size(const struct writer *to, struct statement *insert, uint32_t place,
                          const struct pins_pair *pair, const struct classes *classes)
{
    db_bind_int(insert, 1, to->run_id);
    db_bind_string(insert, 2, to->moment);
    db_bind_int(insert, 3, pair->stack_id);
    db_bind_int(insert, 4, place);
    if (place) {
        db_bind_int(insert, 5, (int64_t)pair->other);
        db_bind_int(insert, 6, (int64_t)pair->size.usable_bytes);
        db_bind_known(insert, 7, class_below(classes, pair->other));
    }
    db_bind_int(insert, 8, pair->samples);
    db_bind_real(insert, 9, pair->blocks);
    db_bind_real(insert, 10, pair->size.bytes);
    bind_sum(insert, 11, &pair->size.waste);
    return db_insert(insert);
}

static status insert_stack_sizes(const struct writer *to, struct statement *insert,
                                 struct pins_pair *const *sizes, const struct stack_sizes *stack,
                                 const struct classes *classes)
{
    struct pins_pair all = {.stack_id = sizes[stack->first]->stack_id};

    for (uint32_t i = stack->first; i < stack->first + stack->count; i++) {
        all.samples += sizes[i]->samples;
        all.blocks += sizes[i]->blocks;
        all.size.bytes += sizes[i]->size.bytes;
        all.size.waste.value += sizes[i]->size.waste.value;
        all.size.waste.squares += sizes[i]->size.waste.squares;
        all.size.waste.variance += sizes[i]->size.waste.variance;
    }
    TRY(insert_size(to, insert, 0, &all, classes));
    for (uint32_t i = 0; i < stack->count && i < PINS_SIZES_OF_STACK; i++) {
        if (sizes[stack->first + i]->size.waste.value > 0) {
            TRY(insert_size(to, insert, i + 1, sizes[stack->first + i], classes));
        }
    }
    return OK;
}

static status write_rounding(const struct writer *to)
{
    const struct pins_pairs *pairs = &to->result->sizes;
    struct pins_pair **sizes = calloc(pairs->count + 1, sizeof(struct pins_pair *));
    struct stack_sizes *stacks = calloc(pairs->count + 1, sizeof *stacks);
    struct classes classes = {calloc(pairs->count + 1, sizeof(uint64_t)), pairs->count};
    uint32_t count = 0;
    struct statement *insert;
    status result = sizes && stacks && classes.bytes
                        ? db_prepare(to->db,
                                     "INSERT INTO rounding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                                     " ?, ?, ?)",
                                     &insert)
                        : no_memory();

    if (result.code == STATUS_OK) {
        for (uint32_t i = 0; i < pairs->count; i++) {
            sizes[i] = &pairs->items[i];
            classes.bytes[i] = pairs->items[i].size.usable_bytes;
        }
        qsort(classes.bytes, classes.count, sizeof *classes.bytes, compare_classes);
        qsort(sizes, pairs->count, sizeof *sizes, compare_sizes);
        for (uint32_t i = 0; i < pairs->count; i++) {
            if (i == 0 || sizes[i]->stack_id != sizes[i - 1]->stack_id) {
                stacks[count++] = (struct stack_sizes){.first = i};
            }
            stacks[count - 1].count++;
            stacks[count - 1].waste += sizes[i]->size.waste.value;
        }
        qsort(stacks, count, sizeof *stacks, compare_stacks);
    }
    for (uint32_t i = 0; i < count && i < PINS_ROUNDING_ROWS && result.code == STATUS_OK; i++) {
        result = insert_stack_sizes(to, insert, sizes, &stacks[i], &classes);
    }
    free(sizes);
    free(stacks);
    free(classes.bytes);
    return result;
}

status pins_write(const struct pins *pins, const struct stack_table *stacks, struct db *db,
                  int64_t run_id)
{
    for (int i = 0; i < PINS_LOOKS; i++) {
        const struct writer to = {pins, pins->results[i], stacks, db, run_id, moments[i]};

        if (to.result) {
            TRY(write_look(&to));
            TRY(write_areas(&to));
            TRY(write_regions(&to));
            TRY(write_pins(&to));
            TRY(write_rounding(&to));
        }
    }
    return OK;
}
