/* SPDX-License-Identifier: Apache-2.0 */
/* waterfall.c -- see waterfall.h. */
#include "waterfall.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

const char *waterfall_part_name(enum waterfall_part part)
{
    static const char *const names[WATERFALL_PARTS] = {
        [WATERFALL_LIVE] = "live",
        [WATERFALL_ROUNDING] = "rounding",
        [WATERFALL_HEADERS] = "headers",
        [WATERFALL_CACHES] = "thread_caches",
        [WATERFALL_PARTIAL] = "free_partial",
        [WATERFALL_DIRTY] = "free_dirty",
        [WATERFALL_TOP] = "free_top",
        [WATERFALL_POOLS] = "pool_free",
        [WATERFALL_HEAP_FREE] = "heap_free",
        [WATERFALL_HEAP_GARBAGE] = "heap_garbage",
        [WATERFALL_MAPPED] = "mapped",
        [WATERFALL_STATIC] = "static",
        [WATERFALL_STACKS] = "thread_stacks",
        [WATERFALL_MAIN_STACK] = "main_stack",
        [WATERFALL_FILES] = "files",
        [WATERFALL_SHARED] = "shared",
        [WATERFALL_RECORDER] = "recorder",
        [WATERFALL_UNEXPLAINED] = "unexplained",
    };
    return names[part];
}

static bool is_known(int64_t bytes) { return bytes != WATERFALL_UNKNOWN; }

static int64_t or_zero(int64_t bytes) { return is_known(bytes) && bytes > 0 ? bytes : 0; }

static int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t higher(int64_t a, int64_t b) { return a > b ? a : b; }

/* Takes up to `wanted` from what is left; how much it was. */
static int64_t take(int64_t *left, int64_t wanted)
{
    int64_t taken = lower(or_zero(wanted), higher(*left, 0));

    *left -= taken;
    return taken;
}

/* The blocks of the program and what is around them, before anything is taken off as not resident. */
struct blocks {
    int64_t live, rounding, headers, caches, hidden;
    int64_t live_low, live_high;
};

/* A trace may hold anything: no sum of these overflows. */
static const int64_t MOST = INT64_C(1) << 52;

static int64_t whole(double bytes)
{
    return bytes >= (double)MOST ? MOST : bytes > 0 ? (int64_t)llround(bytes) : 0;
}

static struct blocks estimate(const struct waterfall_facts *facts, double factor)
{
    return (struct blocks){
        .live = whole(facts->live * factor),
        .rounding = whole((facts->usable - facts->live) * factor),
        .headers = whole(facts->blocks * (double)or_zero(facts->header) * factor),
        .live_low = whole(facts->live_low),
        .live_high = whole(facts->live_high),
    };
}

/* How far an estimate may be raised before something else must be the matter: to where its interval ends but once in
 * 1000 times, rather than in 20. */
static const double SURE = 3.3 / 1.96;

/* The allocator knows how much is in blocks. Samples that say more are taken back to that; when they say less, thread
 * caches are filled first, then the estimate grows as far as chance goes; the rest is hidden from it. */
static struct blocks fit(const struct waterfall_facts *facts)
{
    double around = facts->usable + facts->blocks * (double)or_zero(facts->header);
    int64_t used = facts->used;

    if (around > (double)used) {
        return estimate(facts, (double)used / around);
    }
    int64_t missing = used - whole(around);
    int64_t caches = take(&missing, facts->cache_max);
    double grown = around > 0 ? 1 + (double)missing / around : 1;
    double most = facts->live > 0 ? 1 + fmax(0, facts->live_high / facts->live - 1) * SURE : 1;
    struct blocks blocks = estimate(facts, grown < most ? grown : most);

    blocks.caches = caches;
    blocks.hidden =
        higher(0, used - blocks.live - blocks.rounding - blocks.headers - blocks.caches);
    if (blocks.hidden < 4) { /* from rounding three numbers */
        blocks.rounding += blocks.hidden;
        blocks.hidden = 0;
    }
    return blocks;
}

/* Sizes of the pieces of an allocator's memory, resident or not. */
struct pieces {
    int64_t top, partial, dirty, cached, metadata;
};

static void set(struct waterfall *out, enum waterfall_part part, int64_t bytes)
{
    out->part[part] = (struct waterfall_bytes){bytes, bytes, bytes};
}

static void bound(struct waterfall *out, enum waterfall_part part, int64_t low, int64_t high)
{
    struct waterfall_bytes *bytes = &out->part[part];

    bytes->low = lower(higher(low, 0), bytes->bytes);
    bytes->high = higher(high, bytes->bytes);
}

/* Puts the blocks into their parts. `absent` of them is not resident: of large ones, mostly, so of live. */
static void put_blocks(struct waterfall *out, struct blocks blocks, int64_t absent)
{
    int64_t nominal = blocks.live;
    int64_t around = blocks.rounding;

    absent -= take(&blocks.live, absent);
    absent -= take(&blocks.rounding, absent);
    absent -= take(&blocks.hidden, absent);
    absent -= take(&blocks.headers, absent);
    take(&blocks.caches, absent);
    int64_t off = nominal - blocks.live;
    double low = nominal > 0 ? (double)blocks.live_low / (double)nominal : 1;
    double high = nominal > 0 ? (double)blocks.live_high / (double)nominal : 1;

    set(out, WATERFALL_LIVE, blocks.live);
    bound(out, WATERFALL_LIVE, blocks.live_low - off, blocks.live_high - off);
    set(out, WATERFALL_ROUNDING, blocks.rounding);
    bound(out, WATERFALL_ROUNDING, whole((double)blocks.rounding * low),
          blocks.rounding == around ? whole((double)around * high) : around);
    set(out, WATERFALL_HEADERS, blocks.headers);
    set(out, WATERFALL_CACHES, blocks.caches);
    out->part[WATERFALL_UNEXPLAINED].bytes = blocks.hidden;
}

static bool speaks(const struct waterfall_facts *facts)
{
    return is_known(facts->used) && is_known(facts->free);
}

/* The allocator's memory is `own`, which is its for sure, and may be also part of `rest`. What of the two
 * stays unexplained. */
struct claim {
    int64_t own, rest;
};

/* An allocator that told its figures. */
static void split_told(const struct waterfall_facts *facts, struct claim claim,
                       struct waterfall *out)
{
    bool glibc = is_known(facts->arena);
    int64_t inside = glibc ? facts->arena
                           : or_zero(facts->used) + or_zero(facts->free) + or_zero(facts->metadata);
    int64_t outside = glibc ? or_zero(facts->mapped_blocks) : 0;
    int64_t strange = higher(0, claim.rest - outside);
    int64_t absent_blocks = higher(0, outside - claim.rest);
    int64_t large = lower(or_zero(facts->absent), facts->used);

    /* Blocks without memory are known of large ones, which may lie inside as well. Where books are not told, what is there in
     * spite of them is books. What else is missing may be a heap where none was looked for; else it is the end of
     * a heap, then pages that never were used. */
    int64_t of_blocks = higher(0, large - absent_blocks);

    if (glibc || is_known(facts->metadata)) {
        of_blocks = lower(of_blocks, higher(0, inside - claim.own));
    }
    int64_t surplus = higher(0, claim.own - (inside - of_blocks));
    int64_t absent = higher(0, inside - of_blocks - claim.own);
    int64_t elsewhere = take(&strange, absent);

    absent -= elsewhere;
    struct pieces free = {
        .top = or_zero(facts->top),
        .dirty = or_zero(facts->dirty),
        .cached = or_zero(facts->cached),
        .metadata = or_zero(facts->metadata),
    };
    struct blocks blocks = fit(facts);

    free.partial = higher(0, or_zero(facts->free) - free.top - free.dirty - free.cached);
    absent -= take(&free.top, absent);
    absent -= take(&free.partial, absent);
    absent -= take(&free.metadata, absent);
    int64_t most = blocks.live + blocks.rounding + blocks.hidden + blocks.headers + blocks.caches;
    absent += of_blocks + absent_blocks;
    of_blocks = lower(most, absent);
    absent -= of_blocks;
    absent -= take(&free.cached, absent);
    take(&free.dirty, absent);

    put_blocks(out, blocks, of_blocks);
    int64_t hidden = out->part[WATERFALL_UNEXPLAINED].bytes;
    int64_t unsure = whole(higher(0, blocks.live - blocks.live_low) *
                           (facts->live > 0 ? facts->usable / facts->live : 1));
    if (glibc) { /* caches are what used does not explain otherwise */
        bound(out, WATERFALL_CACHES, blocks.caches - higher(0, blocks.live_high - blocks.live),
              lower(facts->cache_max, blocks.caches + unsure));
    } else { /* what is the allocator's and none of its figures is its books */
        out->part[WATERFALL_CACHES] =
            (struct waterfall_bytes){free.cached, free.cached, free.cached};
        set(out, WATERFALL_HEADERS, out->part[WATERFALL_HEADERS].bytes + free.metadata + surplus);
        surplus = 0;
        if (!is_known(facts->cached)) {
            out->part[WATERFALL_CACHES].bytes = WATERFALL_UNKNOWN;
        }
    }
    set(out, WATERFALL_PARTIAL, free.partial);
    set(out, WATERFALL_TOP, is_known(facts->top) ? free.top : WATERFALL_UNKNOWN);
    set(out, WATERFALL_DIRTY, is_known(facts->dirty) ? free.dirty : WATERFALL_UNKNOWN);
    set(out, WATERFALL_UNEXPLAINED, hidden + strange + surplus);
    bound(out, WATERFALL_UNEXPLAINED, strange + surplus, hidden + strange + surplus + elsewhere);
    out->reason =
        hidden > strange + surplus
            ? "the allocator holds more in blocks than the samples account for: blocks from "
              "before recording began, or samples that were lost"
            : "memory that neither the allocator nor the program mapped through the C "
              "library: by bare system calls, by the loader, or before the recorder was there";
}

/* One that told nothing: what of its own memory is not in blocks is free. */
static void split_untold(const struct waterfall_facts *facts, struct claim claim,
                         struct waterfall *out)
{
    int64_t all = claim.own + claim.rest;
    double around = facts->usable + facts->blocks * (double)or_zero(facts->header);
    double there = (double)all + (double)or_zero(facts->absent);
    struct blocks blocks = estimate(facts, around > there ? there / around : 1);
    int64_t absent = lower(or_zero(facts->absent), blocks.live);
    int64_t used = blocks.live - absent + blocks.rounding + blocks.headers;
    int64_t left = higher(0, all - used);
    bool told = is_known(facts->allocator) || is_known(facts->arenas);
    /* of glibc's blocks some have mappings of their own, which are in the rest */
    int64_t free =
        is_known(facts->arenas) ? lower(left, claim.own) : left - lower(left, claim.rest);
    int64_t less = higher(0, blocks.live - blocks.live_low);

    put_blocks(out, blocks, absent);
    set(out, WATERFALL_CACHES, WATERFALL_UNKNOWN);
    set(out, WATERFALL_TOP, WATERFALL_UNKNOWN);
    set(out, WATERFALL_DIRTY, WATERFALL_UNKNOWN);
    if (told) {
        set(out, WATERFALL_PARTIAL, free);
        bound(out, WATERFALL_PARTIAL, free - higher(0, blocks.live_high - blocks.live),
              free + less);
        set(out, WATERFALL_UNEXPLAINED, left - free);
        out->reason =
            "memory that neither the allocator nor the program mapped through the C library: "
            "by bare system calls, by the loader, or before the recorder was there";
    } else {
        set(out, WATERFALL_PARTIAL, WATERFALL_UNKNOWN);
        set(out, WATERFALL_UNEXPLAINED, left);
        bound(out, WATERFALL_UNEXPLAINED, left - higher(0, blocks.live_high - blocks.live),
              left + less);
        out->reason = "the allocator told nothing, so what it keeps free is in here, and so are "
                      "thread stacks and what the program mapped itself";
    }
}

/* What pools and managed heaps hold and do not use lies in what the program mapped, or in blocks of the allocator. */
static void carve(struct waterfall *out, enum waterfall_part part, int64_t wanted, int64_t high)
{
    struct waterfall_bytes *mapped = &out->part[WATERFALL_MAPPED];
    struct waterfall_bytes *live = &out->part[WATERFALL_LIVE];
    int64_t here = is_known(mapped->bytes) ? take(&mapped->bytes, wanted) : 0;
    int64_t there = take(&live->bytes, wanted - here);

    if (here) { /* how much of it was ever touched is not known */
        mapped->low = mapped->bytes;
    }
    live->low = lower(higher(0, live->low - there), live->bytes);
    set(out, part, here + there);
    bound(out, part, 0, high);
}

static const enum waterfall_part all_anonymous[] = {
    WATERFALL_LIVE, WATERFALL_PARTIAL, WATERFALL_HEADERS, WATERFALL_ROUNDING,
    WATERFALL_TOP,  WATERFALL_CACHES,  WATERFALL_DIRTY,   WATERFALL_UNEXPLAINED,
};

/* Figures that contradict each other, or were rounded, must add up, too. */
static void close_sum(struct waterfall *out, int64_t rss)
{
    int64_t over = -rss;

    for (int i = 0; i < WATERFALL_PARTS; i++) {
        over += or_zero(out->part[i].bytes);
    }
    if (over < 0) {
        out->part[WATERFALL_UNEXPLAINED].bytes -= over;
        bound(out, WATERFALL_UNEXPLAINED, out->part[WATERFALL_UNEXPLAINED].low,
              out->part[WATERFALL_UNEXPLAINED].high);
        return;
    }
    for (size_t i = 0; i < sizeof all_anonymous / sizeof *all_anonymous; i++) {
        struct waterfall_bytes *bytes = &out->part[all_anonymous[i]];

        if (is_known(bytes->bytes)) {
            over -= take(&bytes->bytes, over);
            bound(out, all_anonymous[i], bytes->low, bytes->high);
        }
    }
}

static int64_t sane(int64_t bytes)
{
    return is_known(bytes) ? lower(higher(bytes, 0), MOST) : bytes;
}

/* The facts without what no process can have. */
static struct waterfall_facts sane_facts(const struct waterfall_facts *facts)
{
    struct waterfall_facts out = *facts;
    int64_t *const figures[] = {
        &out.rss,           &out.heap,         &out.anonymous,
        &out.main_stack,    &out.files,        &out.shared,
        &out.recorder,      &out.statics,      &out.stacks,
        &out.mapped,        &out.arenas,       &out.allocator,
        &out.used,          &out.free,         &out.top,
        &out.dirty,         &out.cached,       &out.metadata,
        &out.mapped_blocks, &out.arena,        &out.absent,
        &out.header,        &out.cache_max,    &out.pool_unused,
        &out.heap_free,     &out.heap_garbage, &out.heap_garbage_high,
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        *figures[i] = sane(*figures[i]);
    }
    return out;
}

void waterfall_split(const struct waterfall_facts *told, struct waterfall *out)
{
    const struct waterfall_facts checked = sane_facts(told);
    const struct waterfall_facts *facts = &checked;
    static const enum waterfall_part fixed[] = {WATERFALL_MAIN_STACK, WATERFALL_FILES,
                                                WATERFALL_SHARED, WATERFALL_RECORDER};
    const int64_t fixed_bytes[] = {facts->main_stack, facts->files, facts->shared, facts->recorder};
    static const enum waterfall_part anonymous[] = {WATERFALL_STATIC, WATERFALL_STACKS,
                                                    WATERFALL_MAPPED};
    const int64_t anonymous_bytes[] = {facts->statics, facts->stacks, facts->mapped};
    int64_t left = facts->rss;
    struct claim claim;

    memset(out, 0, sizeof *out);
    for (int i = 0; i < 4; i++) {
        int64_t bytes = take(&left, fixed_bytes[i]);

        set(out, fixed[i], is_known(fixed_bytes[i]) ? bytes : WATERFALL_UNKNOWN);
    }
    int64_t heap = take(&left, facts->heap);
    claim.rest = left; /* anonymous, and what was read a moment later or earlier */
    for (int i = 0; i < 3; i++) {
        int64_t bytes = take(&claim.rest, anonymous_bytes[i]);

        set(out, anonymous[i], is_known(anonymous_bytes[i]) ? bytes : WATERFALL_UNKNOWN);
    }
    claim.own =
        heap + take(&claim.rest, is_known(facts->arenas) ? facts->arenas : facts->allocator);
    if (!is_known(facts->arenas) && !is_known(facts->allocator)) { /* an older recorder */
        claim.own += take(&claim.rest, speaks(facts) ? facts->used + facts->free : 0);
    }
    if (speaks(facts)) {
        split_told(facts, claim, out);
    } else {
        split_untold(facts, claim, out);
    }
    close_sum(out, facts->rss);
    carve(out, WATERFALL_POOLS, facts->pool_unused, facts->pool_unused);
    carve(out, WATERFALL_HEAP_FREE, facts->heap_free, facts->heap_free);
    carve(out, WATERFALL_HEAP_GARBAGE, facts->heap_garbage, facts->heap_garbage_high);
    if (out->part[WATERFALL_UNEXPLAINED].bytes * 100 < facts->rss * 3) {
        out->reason = "less than 3 % is unexplained: the readings are moments apart";
    }
}
