/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of the waterfall: it closes exactly whatever it is told, no part is negative, intervals hold their value,
 * what is not told stays unknown, and each figure moves the part that it speaks of.               */
#include "check.h"
#include "waterfall.h"
#include "waterfall_rows.h"

#include <stdlib.h>
#include <string.h>

static int64_t sum(const struct waterfall *waterfall)
{
    int64_t bytes = 0;

    for (int i = 0; i < WATERFALL_PARTS; i++) {
        const struct waterfall_bytes *part = &waterfall->part[i];

        if (part->bytes != WATERFALL_UNKNOWN) {
            CHECK(part->bytes >= 0);
            CHECK(part->low >= 0 && part->low <= part->bytes && part->bytes <= part->high);
            bytes += part->bytes;
        }
    }
    CHECK(waterfall->reason != NULL);
    return bytes;
}

/* 10 MiB of glibc: everything is told, and everything is in its place. */
static struct waterfall_facts usual(void)
{
    return (struct waterfall_facts){
        .rss = 1000000,
        .heap = 500000,
        .anonymous = 300000,
        .main_stack = 20000,
        .files = 100000,
        .shared = 30000,
        .recorder = 50000,
        .statics = 10000,
        .stacks = 40000,
        .mapped = 50000,
        .arenas = 100000,
        .allocator = WATERFALL_UNKNOWN,
        .used = 500000,
        .free = 200000,
        .top = 50000,
        .dirty = WATERFALL_UNKNOWN,
        .cached = WATERFALL_UNKNOWN,
        .metadata = WATERFALL_UNKNOWN,
        .mapped_blocks = 100000,
        .arena = 600000,
        .header = 8,
        .cache_max = 240128,
        .live = 400000,
        .live_low = 350000,
        .live_high = 460000,
        .usable = 440000,
        .blocks = 1000,
    };
}

static void check_parts(const struct waterfall_facts *facts,
                        const int64_t expected[WATERFALL_PARTS])
{
    struct waterfall waterfall;

    waterfall_split(facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts->rss);
    for (int i = 0; i < WATERFALL_PARTS; i++) {
        if (!CHECK_EQ(waterfall.part[i].bytes, expected[i])) {
            printf("  (%s)\n", waterfall_part_name((enum waterfall_part)i));
        }
    }
}

static void test_parts(void)
{
    struct waterfall_facts facts = usual();
    int64_t expected[WATERFALL_PARTS] = {
        [WATERFALL_LIVE] = 400000,      [WATERFALL_ROUNDING] = 40000,
        [WATERFALL_HEADERS] = 8000,     [WATERFALL_CACHES] = 52000,
        [WATERFALL_PARTIAL] = 150000,   [WATERFALL_DIRTY] = WATERFALL_UNKNOWN,
        [WATERFALL_TOP] = 50000,        [WATERFALL_MAPPED] = 50000,
        [WATERFALL_STATIC] = 10000,     [WATERFALL_STACKS] = 40000,
        [WATERFALL_MAIN_STACK] = 20000, [WATERFALL_FILES] = 100000,
        [WATERFALL_SHARED] = 30000,     [WATERFALL_RECORDER] = 50000,
        [WATERFALL_UNEXPLAINED] = 0,
    };
    check_parts(&facts, expected);

    /* What is not resident of the heap is the end of it first, then free pages. */
    facts.heap -= 60000;
    facts.rss -= 60000;
    expected[WATERFALL_TOP] = 0;
    expected[WATERFALL_PARTIAL] = 140000;
    check_parts(&facts, expected);

    /* Of a mapping of its own it is live bytes. */
    facts.anonymous -= 30000;
    facts.rss -= 30000;
    expected[WATERFALL_LIVE] = 370000;
    check_parts(&facts, expected);

    /* Of a large block inside the heap: samples know. */
    facts.absent = 30000 + 45000;
    expected[WATERFALL_LIVE] = 325000;
    expected[WATERFALL_PARTIAL] = 150000;
    expected[WATERFALL_TOP] = 35000;
    check_parts(&facts, expected);

    /* Memory of nobody; a thread's stack; a static array. */
    facts = usual();
    expected[WATERFALL_TOP] = 50000;
    expected[WATERFALL_PARTIAL] = 150000;
    expected[WATERFALL_LIVE] = 400000;
    facts.anonymous += 90000 + 7000 + 3000;
    facts.rss += 90000 + 7000 + 3000;
    facts.stacks += 7000;
    facts.statics += 3000;
    expected[WATERFALL_UNEXPLAINED] = 90000;
    expected[WATERFALL_STACKS] = 47000;
    expected[WATERFALL_STATIC] = 13000;
    check_parts(&facts, expected);
}

/* Between the allocator's exact figure and the estimate: caches, then the interval, then what samples do not know. */
static void test_fit(void)
{
    struct waterfall_facts facts = usual();
    struct waterfall waterfall;

    facts.cache_max =
        10000; /* 42 000 more are needed: live grows by them, and by rounding and headers */
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    CHECK_EQ(waterfall.part[WATERFALL_CACHES].bytes, 10000);
    CHECK(waterfall.part[WATERFALL_LIVE].bytes > 430000);
    CHECK(waterfall.part[WATERFALL_LIVE].bytes < 460000);
    CHECK_EQ(waterfall.part[WATERFALL_UNEXPLAINED].bytes, 0);

    facts.live_high = 401000;
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    CHECK_EQ(waterfall.part[WATERFALL_LIVE].bytes, 401684); /* 3.3 deviations, not 1.96 */
    CHECK(waterfall.part[WATERFALL_UNEXPLAINED].bytes > 40000);
    CHECK(strstr(waterfall.reason, "samples") != NULL);

    facts = usual(); /* samples say more than there is */
    facts.usable = 880000;
    facts.live = 800000;
    facts.live_high = 900000;
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    CHECK(waterfall.part[WATERFALL_LIVE].bytes < 455000);
    CHECK_EQ(waterfall.part[WATERFALL_CACHES].bytes, 0);
}

static void test_unknown(void)
{
    struct waterfall_facts facts = usual();
    struct waterfall waterfall;

    facts.used = facts.free = facts.top = facts.arena = facts.mapped_blocks = WATERFALL_UNKNOWN;
    facts.stacks = facts.statics = facts.mapped = facts.arenas = WATERFALL_UNKNOWN;
    facts.header = facts.cache_max = 0;
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    static const enum waterfall_part unknown[] = {
        WATERFALL_CACHES, WATERFALL_PARTIAL, WATERFALL_TOP,   WATERFALL_DIRTY,
        WATERFALL_MAPPED, WATERFALL_STATIC,  WATERFALL_STACKS};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CHECK_EQ(waterfall.part[unknown[i]].bytes, WATERFALL_UNKNOWN);
    }
    CHECK_EQ(waterfall.part[WATERFALL_LIVE].bytes, 400000);
    CHECK_EQ(waterfall.part[WATERFALL_UNEXPLAINED].bytes, 800000 - 440000);
    CHECK_EQ(waterfall.part[WATERFALL_UNEXPLAINED].low, 800000 - 440000 - 60000);
    CHECK(strstr(waterfall.reason, "told nothing") != NULL);
}

static void test_told(void)
{
    struct waterfall_facts facts = usual();
    struct waterfall waterfall;

    facts.pool_unused = 60000;
    facts.heap_free = 1000;
    facts.heap_garbage = 500;
    facts.heap_garbage_high = 900;
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    CHECK_EQ(waterfall.part[WATERFALL_POOLS].bytes, 60000);
    CHECK_EQ(waterfall.part[WATERFALL_MAPPED].bytes, 0); /* 50 000 lay there */
    CHECK_EQ(waterfall.part[WATERFALL_LIVE].bytes, 400000 - 10000 - 1500);
    CHECK_EQ(waterfall.part[WATERFALL_HEAP_FREE].bytes, 1000);
    CHECK_EQ(waterfall.part[WATERFALL_HEAP_GARBAGE].bytes, 500);
    CHECK_EQ(waterfall.part[WATERFALL_HEAP_GARBAGE].high, 900);
    facts.pool_unused = INT64_MAX; /* more than there is */
    waterfall_split(&facts, &waterfall);
    CHECK_EQ(sum(&waterfall), facts.rss);
    CHECK_EQ(waterfall.part[WATERFALL_LIVE].bytes, 0);
}

/* Whatever a trace says. */
static void test_closes(void)
{
    uint64_t state = 88172645463325252;

    for (int round = 0; round < 20000; round++) {
        struct waterfall_facts facts = {0};
        int64_t *figure = &facts.rss;
        struct waterfall waterfall;

        for (; figure <= &facts.heap_garbage_high; figure++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if ((void *)figure >= (void *)&facts.live && (void *)figure <= (void *)&facts.blocks) {
                *(double *)(void *)figure =
                    (double)(state >> 20 & 0xfffff) * (state & 1 ? 1 : 1e12);
            } else {
                *figure = state % 4 == 0   ? WATERFALL_UNKNOWN
                          : state % 9 == 0 ? (int64_t)state
                                           : (int64_t)(state >> 44);
            }
        }
        facts.rss = (int64_t)(state >> 43);
        waterfall_split(&facts, &waterfall);
        if (!CHECK_EQ(sum(&waterfall), facts.rss)) {
            printf("  (round %d)\n", round);
            return;
        }
    }
}

/* Looks at moments whose events come later, more of them than are kept: what was alive at each is what was, and the largest
 * and the last are kept. */
static void test_moments(void)
{
    enum { LOOKS = 3000, AHEAD = 7, LARGEST = 1234 };
    static struct waterfall_rows rows;
    struct rollup *rollup = NULL;
    bool largest = false;

    if (!CHECK_EQ(rollup_open(&rollup).code, STATUS_OK)) {
        return;
    }
    rollup_start(rollup, LOOKS * 10, 1);
    waterfall_rows_begin(&rows);
    for (unsigned i = 0; i < LOOKS; i++) {
        const struct rollup_block block = {.birth_ns = i * 10 + 5,
                                           .size_bytes = 100,
                                           .extra_bytes = 10,
                                           .stack_id = 1,
                                           .weight = 1};
        const struct rollup_block object = {
            .birth_ns = i * 10 + 5, .size_bytes = 1000, .stack_id = 1, .weight = 1};

        if (i % AHEAD == 0) { /* a block of a trace: gauges before events */
            for (unsigned k = i; k < i + AHEAD && k < LOOKS; k++) {
                waterfall_rows_look(&rows, k * 10 + 8, k == LARGEST ? 1000000 : k % 50);
            }
        }
        if (block.birth_ns >= rows.next_ns) {
            waterfall_rows_pass(&rows, block.birth_ns, rollup);
        }
        CHECK_EQ(rollup_alloc(rollup, &block).code, STATUS_OK);
        if (i % 10 == 0) {
            waterfall_rows_object(&rows, &object, 1);
            CHECK_EQ(rollup_alloc(rollup, &object).code, STATUS_OK);
        }
    }
    waterfall_rows_pass(&rows, UINT64_MAX, rollup);
    CHECK(rows.looks.count > WATERFALL_MOMENTS_MAX / 3 &&
          rows.looks.count <= WATERFALL_MOMENTS_MAX);
    CHECK_EQ(rows.looks.waiting, rows.looks.count);
    for (uint32_t i = 0; i < rows.looks.count; i++) {
        const struct waterfall_moment *moment = &rows.looks.moments[i];

        CHECK(i == 0 || moment[-1].time_ns < moment->time_ns);
        CHECK_EQ(moment->live.bytes, (moment->time_ns / 10 + 1) * 100);
        CHECK_EQ(moment->live.usable, (moment->time_ns / 10 + 1) * 110);
        CHECK_EQ(moment->live.blocks, moment->time_ns / 10 + 1);
        largest = largest || moment->time_ns == LARGEST * 10 + 8;
    }
    CHECK(largest);
    CHECK_EQ(rows.looks.moments[rows.looks.count - 1].time_ns, (LOOKS - 1) * 10 + 8);
    rollup_close(rollup);
}

int main(void)
{
    test_moments();
    test_parts();
    test_fit();
    test_unknown();
    test_told();
    test_closes();
    return check_summary();
}
