/* SPDX-License-Identifier: Apache-2.0 */
/* pins_rows.c -- what was seen in the looks of a run becomes rows. Stacks are one site when they share the two innermost
 * places in code: an allocating helper alone says little. See pins.h. */
#include "diag.h"
#include "pins_result.h"

#include <stdlib.h>
#include <string.h>

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
    uint32_t stack_id, stacks, samples;
    struct pins_share whole; /* of regions */
    double of_pages;         /* pinned of single pages */
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

    if (l->of_pages != r->of_pages) {
        return l->of_pages > r->of_pages ? -1 : 1;
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

/* The shares of one site's members, which are sorted by stretch. */
static struct pins_share sum_shares(const struct writer *to, const struct member *members,
                                    uint32_t count)
{
    struct pins_share sum = {0};

    for (uint32_t first = 0, next; first < count; first = next) {
        uint64_t stretch = members[first].pair->other;
        double pages = 0;
        double variance = 0;

        for (next = first; next < count && members[next].pair->other == stretch; next++) {
            pages += members[next].pair->pin.pages;
            variance += members[next].pair->pin.variance;
            sum.bytes += to->pins->interval_bytes ? 0 : members[next].pair->pin.of_regions;
        }
        if (to->pins->interval_bytes && pages > 0) {
            struct pins_share share = pins_share(&to->result->stretches[stretch], pages, variance);

            sum.bytes += share.bytes;
            sum.variance += share.variance;
        }
    }
    return sum;
}

/* One site: its members are sorted by stretch; `stacks` has room for as many. */
static struct pinner sum_members(const struct writer *to, const struct member *members,
                                 uint32_t count, uint32_t *stacks)
{
    struct pinner sum = {.oldest_ns = UINT64_MAX, .whole = sum_shares(to, members, count)};
    double most = -1;

    for (uint32_t i = 0; i < count; i++) {
        const struct pins_pair *pair = members[i].pair;

        sum.samples += pair->samples;
        sum.of_pages += pair->pin.of_pages;
        sum.live += pair->pin.live;
        sum.blocks += pair->blocks;
        sum.oldest_ns = pair->pin.oldest_ns < sum.oldest_ns ? pair->pin.oldest_ns : sum.oldest_ns;
        if (pair->blocks > most) {
            most = pair->blocks;
            sum.stack_id = pair->stack_id;
        }
        stacks[i] = pair->stack_id;
    }
    qsort(stacks, count, sizeof *stacks, compare_numbers);
    for (uint32_t i = 0; i < count; i++) {
        sum.stacks += i == 0 || stacks[i] != stacks[i - 1];
    }
    return sum;
}

static status insert_pinners(const struct writer *to, const struct pinner *pinners, uint32_t count)
{
    struct statement *insert;

    TRY(db_prepare(to->db, "INSERT INTO pin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (uint32_t i = 0; i < count && i < PINS_PIN_ROWS; i++) {
        const struct pinner *pinner = &pinners[i];
        struct pins_estimate whole = pins_estimate(&to->result->space, pinner->whole);
        struct pins_estimate pinned =
            to->pins->interval_bytes
                ? whole
                : (struct pins_estimate){pinner->of_pages, pinner->of_pages, pinner->of_pages};

        db_bind_int(insert, 1, to->run_id);
        db_bind_string(insert, 2, to->moment);
        db_bind_int(insert, 3, i + 1);
        db_bind_int(insert, 4, pinner->stack_id);
        db_bind_string(insert, 5,
                       pinner->stack_id ? stack_table_function(to->stacks, pinner->stack_id) : "?");
        db_bind_int(insert, 6, pinner->stacks);
        db_bind_int(insert, 7, pinner->samples);
        db_bind_real(insert, 8, pinned.bytes);
        db_bind_real(insert, 9, pinned.low);
        db_bind_real(insert, 10, pinned.high);
        db_bind_real(insert, 11, whole.bytes);
        db_bind_real(insert, 12, pinner->live);
        db_bind_real(insert, 13, pinner->blocks);
        db_bind_int(insert, 14, (int64_t)(to->result->now_ns - pinner->oldest_ns));
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
            pinners[count++] = sum_members(to, members + first, next - first, stacks);
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

struct sized { /* a pair, with the function of its stack */
    const char *function;
    const struct pins_pair *pair;
};

struct function_sizes {
    const char *function;
    struct pins_pair all;
    struct pins_pair most[PINS_SIZES_OF_FUNCTION]; /* by waste, falling; samples 0: none */
};

/* Which usable sizes were seen, in steps of 8 bytes up to 64 KiB. */
enum { CLASS_STEP = 8, CLASSES = 65536 / CLASS_STEP };
struct classes {
    uint64_t seen[CLASSES / 64];
};

/* The largest that is smaller than a request; UNKNOWN: none is, or not told. */
static uint64_t class_below(const struct classes *classes, uint64_t size_bytes)
{
    uint64_t first = size_bytes <= 65536 ? (size_bytes + CLASS_STEP - 1) / CLASS_STEP : 0;

    for (uint64_t at = first; at-- > 1;) {
        if (classes->seen[at / 64] >> (at % 64) & 1) {
            return CLASS_STEP * at;
        }
    }
    return UNKNOWN;
}

static int compare_sized(const void *left, const void *right)
{
    const struct sized *l = left;
    const struct sized *r = right;

    /* all pairs of a stack have one pointer to its name */
    int order = l->function == r->function ? 0 : strcmp(l->function, r->function);
    if (order) {
        return order;
    }
    if (l->pair->other != r->pair->other) {
        return l->pair->other < r->pair->other ? -1 : 1;
    }
    return (l->pair->stack_id > r->pair->stack_id) - (l->pair->stack_id < r->pair->stack_id);
}

static int compare_functions(const void *left, const void *right)
{
    const struct function_sizes *l = left;
    const struct function_sizes *r = right;

    if (l->all.size.waste.value != r->all.size.waste.value) {
        return l->all.size.waste.value > r->all.size.waste.value ? -1 : 1;
    }
    return strcmp(l->function, r->function);
}

static void add_size(struct pins_pair *to, const struct pins_pair *from)
{
    to->samples += from->samples;
    to->blocks += from->blocks;
    to->size.bytes += from->size.bytes;
    to->size.waste.value += from->size.waste.value;
    to->size.waste.squares += from->size.waste.squares;
    to->size.waste.variance += from->size.waste.variance;
    to->size.usable_bytes = from->size.usable_bytes > to->size.usable_bytes
                                ? from->size.usable_bytes
                                : to->size.usable_bytes;
}

/* Puts a size where it belongs among those with most waste. */
static void keep_size(struct function_sizes *function, const struct pins_pair *size)
{
    int at = PINS_SIZES_OF_FUNCTION;

    while (at > 0 && function->most[at - 1].size.waste.value < size->size.waste.value) {
        at--;
    }
    if (at < PINS_SIZES_OF_FUNCTION) {
        memmove(function->most + at + 1, function->most + at,
                (size_t)(PINS_SIZES_OF_FUNCTION - at - 1) * sizeof *function->most);
        function->most[at] = *size;
    }
}

/* [first, last) of one function, sorted by size. */
static struct function_sizes sum_function(const struct sized *sized, uint32_t first, uint32_t last)
{
    struct function_sizes sum = {.function = sized[first].function};
    double most = -1;

    for (uint32_t i = first, next; i < last; i = next) {
        struct pins_pair size = {.other = sized[i].pair->other};

        for (next = i; next < last && sized[next].pair->other == size.other; next++) {
            add_size(&size, sized[next].pair);
            if (sized[next].pair->size.waste.value > most) {
                most = sized[next].pair->size.waste.value;
                sum.all.stack_id = sized[next].pair->stack_id;
            }
        }
        add_size(&sum.all, &size);
        keep_size(&sum, &size);
    }
    return sum;
}

static status insert_size(const struct writer *to, struct statement *insert, int rank, int place,
                          const struct function_sizes *function, const struct classes *classes)
{
    const struct pins_pair *pair = place ? &function->most[place - 1] : &function->all;

    db_bind_int(insert, 1, to->run_id);
    db_bind_string(insert, 2, to->moment);
    db_bind_int(insert, 3, rank);
    db_bind_int(insert, 4, place);
    db_bind_string(insert, 5, function->function);
    db_bind_int(insert, 6, function->all.stack_id);
    if (place) {
        db_bind_int(insert, 7, (int64_t)pair->other);
        db_bind_int(insert, 8, (int64_t)pair->size.usable_bytes);
        db_bind_known(insert, 9, class_below(classes, pair->other));
    }
    db_bind_int(insert, 10, pair->samples);
    db_bind_real(insert, 11, pair->blocks);
    db_bind_real(insert, 12, pair->size.bytes);
    bind_sum(insert, 13, &pair->size.waste);
    return db_insert(insert);
}

static status insert_functions(const struct writer *to, const struct function_sizes *functions,
                               uint32_t count, const struct classes *classes)
{
    struct statement *insert;

    TRY(db_prepare(to->db,
                   "INSERT INTO rounding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (uint32_t i = 0; i < count && i < PINS_ROUNDING_ROWS; i++) {
        int rank = (int)i + 1;

        TRY(insert_size(to, insert, rank, 0, &functions[i], classes));
        for (int k = 0; k < PINS_SIZES_OF_FUNCTION && functions[i].most[k].size.waste.value > 0;
             k++) {
            TRY(insert_size(to, insert, rank, k + 1, &functions[i], classes));
        }
    }
    return OK;
}

static status write_rounding(const struct writer *to)
{
    const struct pins_pairs *pairs = &to->result->sizes;
    struct sized *sized = calloc(pairs->count + 1, sizeof *sized);
    struct function_sizes *functions = NULL;
    struct classes classes = {{0}};
    uint32_t distinct = 0;
    uint32_t count = 0;

    if (!sized) {
        return no_memory();
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct pins_pair *pair = &pairs->items[i];
        uint64_t class = pair->size.usable_bytes / CLASS_STEP;

        sized[i] = (struct sized){
            pair->stack_id ? stack_table_function(to->stacks, pair->stack_id) : "?", pair};
        if (class < CLASSES) {
            classes.seen[class / 64] |= UINT64_C(1) << (class % 64);
        }
    }
    qsort(sized, pairs->count, sizeof *sized, compare_sized);
    for (uint32_t i = 0; i < pairs->count; i++) {
        distinct += i == 0 || strcmp(sized[i].function, sized[i - 1].function) != 0;
    }
    functions = calloc(distinct + 1, sizeof *functions);
    for (uint32_t first = 0, next; functions && first < pairs->count; first = next) {
        next = first + 1;
        while (next < pairs->count && strcmp(sized[next].function, sized[first].function) == 0) {
            next++;
        }
        functions[count++] = sum_function(sized, first, next);
    }
    free(sized);
    if (!functions) {
        return no_memory();
    }
    qsort(functions, count, sizeof *functions, compare_functions);
    status result = insert_functions(to, functions, count, &classes);
    free(functions);
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
