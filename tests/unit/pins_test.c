/* SPDX-License-Identifier: Apache-2.0 */
/* pins_test.c -- regions and looks against a second pass that keeps every page: touched, empty and nearly empty
 * pages, who pins them, holes; what lies elsewhere; and that estimates are exact where nothing is estimated. */
#include "check.h"
#include "pins_result.h"

#include <math.h>
#include <stdlib.h>

enum { PAGE = 4096, PAGES = 4096, STACKS = 5, BLOCKS = 20000 };

static const uint64_t base = UINT64_C(5) << 32; /* begins a region */

static uint64_t state = 7;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-6;
}

static void test_regions(void)
{
    struct regions regions = {0};

    regions_start(&regions, 21);
    CHECK_EQ(regions_find(&regions, 1), UINT32_MAX);
    CHECK(regions_touch(&regions, (1 << 21) + PAGE - 8, 16)); /* two pages */
    CHECK(regions_touch(&regions, (1 << 21) + PAGE, 8));
    CHECK(regions_touch(&regions, (4 << 21) - 1, (1 << 21) + 2)); /* three regions */
    CHECK_EQ(regions.count, 4);
    CHECK_EQ(regions.items[regions_find(&regions, 1)].touched[0], 3);
    CHECK_EQ(regions.items[regions_find(&regions, 3)].touched[7], UINT64_C(1) << 63);
    CHECK_EQ(regions.items[regions_find(&regions, 4)].touched[3], UINT64_MAX);
    CHECK_EQ(regions.items[regions_find(&regions, 5)].touched[0], 1);
    for (uint64_t i = 0; i < REGIONS_MAX + 10; i++) {
        CHECK(regions_touch(&regions, (i + 6) << 21, 1));
    }
    CHECK_EQ(regions.count, REGIONS_MAX);
    CHECK_EQ(regions.ignored, 14);
    CHECK_EQ(regions_find(&regions, 1000), 998);
    regions_free(&regions);
}

struct page {
    bool touched;
    uint32_t bytes, blocks, old[STACKS];
};

static struct page pages[PAGES];

static void look(struct pins *pins, const struct pins_block *blocks, size_t count)
{
    CHECK(pins_begin_look(pins, 1000).code == STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK(pins_count(pins, &blocks[i]).code == STATUS_OK);
    }
    CHECK(pins_decide(pins).code == STATUS_OK);
    for (size_t i = 0; i < count && pins_wants_blame(pins); i++) {
        CHECK(pins_blame(pins, &blocks[i]).code == STATUS_OK);
    }
    CHECK(pins_end_look(pins, PINS_END).code == STATUS_OK);
}

/* Random blocks in half of the pages, some over several, one in eight of them alive. */
static size_t fill(struct pins *pins, struct pins_block *alive)
{
    size_t count = 0;

    for (uint64_t page = 0, at = 0; page < PAGES; at = 0) {
        uint64_t end = page + 1 + draw() % 3;

        while (draw() % 4 && at + 16 < (end - page) * PAGE && end <= PAGES && count < BLOCKS) {
            uint64_t room = (end - page) * PAGE - at;
            uint64_t bytes = 16 * (1 + draw() % 250);
            struct pins_block block = {.address = base + page * PAGE + at,
                                       .size_bytes = bytes - draw() % 16,
                                       .usable_bytes = bytes < room ? bytes : room,
                                       .birth_ns = draw() % 1000,
                                       .stack_id = (uint32_t)(draw() % STACKS),
                                       .weight = 1};
            bool lives = draw() % 8 == 0;

            block.size_bytes =
                block.size_bytes < block.usable_bytes ? block.size_bytes : block.usable_bytes;
            CHECK(pins_born(pins, block.address, block.usable_bytes).code == STATUS_OK);
            for (uint64_t i = 0; i < block.usable_bytes; i++) {
                struct page *lies = &pages[page + (at + i) / PAGE];

                lies->touched = true;
                lies->bytes += lives;
                if (lives && (i == 0 || (at + i) % PAGE == 0)) {
                    lies->blocks++;
                    lies->old[block.stack_id] += block.birth_ns <= 900;
                }
            }
            if (lives) {
                alive[count++] = block;
            }
            at += block.usable_bytes;
        }
        page = end;
    }
    return count;
}

static void test_every_page(void)
{
    static struct pins_block alive[BLOCKS];
    struct pins pins = {0};
    double touched = 0;
    double used = 0;
    double empty = 0;
    double sparse = 0;
    double pinned[STACKS] = {0};
    double longest = 0;
    double hole = 0;

    pins_start(&pins, 1000, 0, (struct text){NULL, 0});
    size_t count = fill(&pins, alive);
    for (size_t i = 0; i < PAGES; i++) {
        const struct page *page = &pages[i];

        touched += page->touched * PAGE;
        used += page->bytes;
        empty += page->touched && page->bytes == 0 ? PAGE : 0;
        hole = page->touched && page->bytes == 0 ? hole + PAGE : 0;
        longest = hole > longest ? hole : longest;
        if (page->bytes > 0 && page->bytes <= PAGE / 4) {
            sparse += PAGE - page->bytes;
            for (int k = 0; k < STACKS; k++) {
                pinned[k] += (double)(PAGE - page->bytes) * page->old[k] / page->blocks;
            }
        }
    }
    look(&pins, alive, count);
    const struct pins_result *result = pins.results[PINS_END];
    CHECK_EQ(result->area_count, 1);
    CHECK_EQ(result->samples, count);
    CHECK_EQ((uint64_t)result->areas[0].reserved, (uint64_t)touched);
    CHECK_EQ((uint64_t)result->areas[0].used.value, (uint64_t)used);
    CHECK_EQ((uint64_t)result->areas[0].empty, (uint64_t)empty);
    CHECK_EQ((uint64_t)result->areas[0].sparse, (uint64_t)sparse);
    CHECK_EQ((uint64_t)result->areas[0].longest_free, (uint64_t)longest);
    CHECK(count > 500 && sparse > 0 && empty > 0);
    double found[STACKS] = {0};
    for (uint32_t i = 0; i < result->pairs.count; i++) {
        found[result->pairs.items[i].stack_id] += result->pairs.items[i].pin.of_pages;
    }
    for (int k = 0; k < STACKS; k++) {
        CHECK(pinned[k] > 0);
        CHECK(close_to(found[k], pinned[k]));
    }
    pins_clear(&pins);
}

/* glibc tells mappings by their usable size; others give large blocks pages of their own. */
static void test_elsewhere(void)
{
    const struct text glibc = {"glibc 2.36", 10};
    struct pins pins = {0};
    const struct pins_block blocks[] = {
        {.address = base, .size_bytes = 200000, .usable_bytes = 204784, .weight = 1},
        {.address = base + PAGE, .size_bytes = 100, .usable_bytes = 104, .weight = 1},
    };

    pins_start(&pins, 1000, 0, glibc);
    CHECK_EQ(pins_place_of(&pins, 204784), PINS_OWN_MAPPING);
    CHECK_EQ(pins_place_of(&pins, 204792), PINS_IN_REGION);
    CHECK_EQ(pins_place_of(&pins, 96), PINS_IN_REGION);
    for (int i = 0; i < 2; i++) {
        CHECK(pins_born(&pins, blocks[i].address, blocks[i].usable_bytes).code == STATUS_OK);
    }
    look(&pins, blocks, 2);
    CHECK_EQ((uint64_t)pins.results[PINS_END]->mapped.value, 204784);
    CHECK_EQ((uint64_t)pins.results[PINS_END]->areas[0].reserved, PAGE);
    CHECK_EQ((uint64_t)pins.results[PINS_END]->areas[0].used.value, 104);
    pins_start(&pins, 1000, 65536, (struct text){"jemalloc", 8});
    CHECK_EQ(pins.regions.shift, 21);
    CHECK_EQ(pins_place_of(&pins, 20480), PINS_OWN_PAGES);
    CHECK_EQ(pins_place_of(&pins, UINT64_C(1) << 40), PINS_OWN_MAPPING);
    CHECK(pins_born(&pins, base, 20480).code == STATUS_OK);
    CHECK_EQ(pins.regions.count, 0);
    pins_start(&pins, 1000, 4096, glibc);
    CHECK_EQ(pins.regions.shift, 17);
    pins_start(&pins, 1000, 524288, glibc);
    CHECK_EQ(pins.regions.shift, 24);
    pins_clear(&pins);
}

/* Sampled: a region with 9 samples of 32 may be nearly empty, one with 8 is, one without may hold 3.69. */
static void test_states(void)
{
    static struct pins_block blocks[70];
    struct pins pins = {0};
    size_t count = 0;
    const unsigned samples[] = {0, 1, 8, 9, 20, 32};

    pins_start(&pins, 1000, 65536, (struct text){NULL, 0});
    for (uint64_t region = 0; region < 6; region++) {
        for (unsigned i = 0; i < 512; i++) {
            CHECK(pins_born(&pins, base + (region << 21) + i * PAGE, 64).code == STATUS_OK);
        }
        for (unsigned i = 0; i < samples[region]; i++) {
            blocks[count++] = (struct pins_block){.address = base + (region << 21) + i * PAGE,
                                                  .size_bytes = 64,
                                                  .usable_bytes = 64,
                                                  .stack_id = 1,
                                                  .weight = 1024};
        }
    }
    look(&pins, blocks, count);
    const struct pins_result *result = pins.results[PINS_END];
    const enum pins_state expected[] = {PINS_EMPTY,     PINS_NEARLY_EMPTY, PINS_NEARLY_EMPTY,
                                        PINS_UNDECIDED, PINS_PARTLY,       PINS_FULL};
    for (uint32_t i = 0; i < result->region_count; i++) {
        uint64_t region = (result->regions[i].start - base) >> 21;

        CHECK_EQ(result->regions[i].region.state, expected[region]);
    }
    CHECK_EQ(result->region_count, 6);
    CHECK_STR(result->areas[0].cells, "0145af");
    CHECK_EQ(result->space.once, 1);
    CHECK_EQ(result->space.empty, 1);
    pins_clear(&pins);
}

static void test_estimates(void)
{
    struct pins_space exact = {.regions = 4, .bytes = 1000};
    struct pins_estimate found = pins_estimate(&exact, (struct pins_share){250, 0});

    CHECK(close_to(found.low, 250) && close_to(found.bytes, 250) && close_to(found.high, 250));

    /* half of 1,000 bytes by 100 trials: Wilson's interval is 403.8 to 596.2 */
    struct pins_space space = {.regions = 50, .bytes = 1000, .variance = 10000};
    pins_census(&space);
    CHECK(close_to(space.unseen, 0));
    found = pins_estimate(&space, (struct pins_share){500, 2500});
    CHECK(close_to(found.bytes, 500));
    CHECK(fabs(found.low - 403.8) < 0.1 && fabs(found.high - 596.2) < 0.1);

    /* Chao: once seen 10, twice 4: 10 x 9 / (2 x 5) = 9 unseen, as far as there are others */
    space = (struct pins_space){.regions = 16,
                                .once = 10,
                                .twice = 4,
                                .empty = 20,
                                .empty_bytes = 400,
                                .bytes = 320,
                                .variance = 1};
    pins_census(&space);
    CHECK(close_to(space.unseen, 9));
    CHECK(close_to(space.unseen_high, 20));
    space.empty = 5;
    pins_census(&space);
    CHECK(close_to(space.unseen, 5));
    found = pins_estimate(&space, (struct pins_share){320, 0});
    CHECK(close_to(found.bytes, 320 + 400)); /* all of the five is seen as pinned */

    /* a ratio of pages is corrected for its bias, and never leaves 0 to 1 */
    struct pins_stretch stretch = {.free = 100, .pages = 10, .variance = 10};
    CHECK(close_to(pins_share(&stretch, 10, 10).bytes, 100));
    CHECK(close_to(pins_share(&stretch, 5, 0).bytes, 45));
    CHECK(close_to(pins_share(&stretch, 0.001, 0).bytes, 0.001 / 10 * 90));
}

static void test_sizes(void)
{
    struct pins_pairs pairs = {0};
    struct pins_block block = {.size_bytes = 100, .usable_bytes = 112, .stack_id = 3, .weight = 4};
    double low;
    double high;

    CHECK(pins_pairs_size(&pairs, &block));
    CHECK(pins_pairs_size(&pairs, &block));
    CHECK_EQ(pairs.count, 1);
    CHECK(close_to(pairs.items[0].size.waste.value, 96));
    CHECK(close_to(pairs.items[0].size.waste.variance, 2 * 48 * 48 * 0.75));
    pins_interval(&pairs.items[0].size.waste, &low, &high);
    CHECK(low > 0 && low < 96 && high > 96);
    block.weight = 1;
    for (uint64_t i = 0; i < 2 * PINS_SIZES_MAX; i++) { /* the rest is told as one */
        block.size_bytes = 1000 + i;
        block.usable_bytes = 1001 + i;
        CHECK(pins_pairs_size(&pairs, &block));
    }
    CHECK_EQ(pairs.count, PINS_SIZES_MAX + 1);
    CHECK_EQ(pairs.items[PINS_SIZES_MAX].other, 0);
    CHECK_EQ(pairs.items[PINS_SIZES_MAX].samples, PINS_SIZES_MAX + 1);
    pins_pairs_free(&pairs);
}

int main(void)
{
    test_regions();
    test_every_page();
    test_elsewhere();
    test_states();
    test_estimates();
    test_sizes();
    return check_summary();
}
