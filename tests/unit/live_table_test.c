/* SPDX-License-Identifier: Apache-2.0 */
/* live_table_test.c -- what the table answers and what the filter promises: a key in the table always has
 * a filter byte that is not 0. Concurrency is in torture/live_table.c. */
#include "check.h"
#include "live_table.h"

#include <stdlib.h>

static const void *address_of(uint64_t number) { return (const void *)(uintptr_t)number; }

static uint8_t filter_count(const void *address)
{
    return atomic_load(mr_filter.bytes + (((uintptr_t)address >> 4) & mr_filter.mask));
}

/* Addresses that share both buckets with the first: the hash sees only address >> 4, so those that
 * differ in the low four bits do. */
static const void *granule_mate(unsigned i) { return address_of(0x7f0000123400 + i); }

static void answers_before_the_start(void)
{
    CHECK(mr_filter_asks(address_of(0x1000))); /* asks, and is told: unknown */
    CHECK(mr_filter_asks(NULL));
    CHECK_EQ(mr_live_remove(address_of(0x1000)), 0);
    mr_live_mark(address_of(0x1000));
    mr_live_clear();
}

static void inserts_and_removes(void)
{
    const void *block = address_of(0x55500010);

    CHECK(!mr_filter_asks(block));
    CHECK(mr_filter_asks(NULL)); /* free(NULL) takes the slow path, which is where it is tested */
    CHECK_EQ(mr_live_remove(block), 0);
    CHECK(mr_live_insert(block, 42));
    CHECK(mr_filter_asks(block));
    CHECK_EQ(mr_live_remove(address_of(0x55500020)), 0);
    CHECK_EQ(mr_live_remove(address_of(0x55500018)), 0); /* the same granule, another block */
    CHECK(mr_filter_asks(block));
    CHECK_EQ(mr_live_remove(block), 42);
    CHECK(!mr_filter_asks(block));
    CHECK_EQ(mr_live_remove(block), 0); /* a second free of it */
    CHECK(!mr_filter_asks(block));
    CHECK(mr_live_insert(block, UINT64_MAX));
    CHECK_EQ(mr_live_remove(block), UINT64_MAX);
    CHECK(mr_live_insert(address_of(UINTPTR_MAX), 1) && mr_live_insert(address_of(1), 2));
    CHECK_EQ(mr_live_remove(address_of(UINTPTR_MAX)), 1);
    CHECK_EQ(mr_live_remove(address_of(1)), 2);
}

/* The host must never do it, but a free that was not seen makes it happen: each insertion is given
 * back once, and the filter does not lose count. */
static void duplicates_are_given_back_once_each(void)
{
    const void *block = address_of(0x66600010);

    CHECK(mr_live_insert(block, 1));
    CHECK(mr_live_insert(block, 2));
    CHECK_EQ(filter_count(block), 2);
    uint64_t first = mr_live_remove(block);
    CHECK(mr_filter_asks(block));
    uint64_t second = mr_live_remove(block);
    CHECK((first == 1 && second == 2) || (first == 2 && second == 1));
    CHECK_EQ(mr_live_remove(block), 0);
    CHECK(!mr_filter_asks(block));
}

static void full_buckets_refuse(void)
{
    enum { BOTH = 2 * MR_LIVE_KEYS };
    unsigned taken = 0;

    while (taken < BOTH && mr_live_insert(granule_mate(taken), taken + 1)) {
        taken++;
    }
    CHECK_EQ(taken, BOTH);
    CHECK_EQ(filter_count(granule_mate(0)), BOTH);
    CHECK(!mr_live_insert(address_of(0x7f0000123400), 99)); /* no third place */
    CHECK_EQ(filter_count(granule_mate(0)), BOTH);          /* refused: counted down again */
    CHECK_EQ(mr_live_remove(granule_mate(3)), 4);
    CHECK(mr_live_insert(granule_mate(3), 1000)); /* there is room again */
    CHECK_EQ(mr_live_remove(granule_mate(3)), 1000);
    for (unsigned i = 0; i < taken; i++) {
        CHECK_EQ(mr_live_remove(granule_mate(i)), i == 3 ? 0 : i + 1);
    }
    CHECK_EQ(filter_count(granule_mate(0)), 0);
}

static void filter_counts_to_255_and_stays(void)
{
    /* Blocks 1 MiB apart fall onto one filter byte, and onto many buckets. */
    enum { FOLDED = 300 };
    const uint64_t step = (uint64_t)MR_FILTER_BYTES * 16;
    const uint64_t base = 0x7e0000040000;

    for (unsigned i = 0; i < 254; i++) {
        CHECK(mr_live_insert(address_of(base + i * step), i + 1));
        CHECK_EQ(filter_count(address_of(base)), i + 1);
    }
    for (unsigned i = 254; i-- > 0;) {
        CHECK_EQ(mr_live_remove(address_of(base + i * step)), i + 1);
        CHECK_EQ(filter_count(address_of(base)), i);
    }
    for (unsigned i = 0; i < FOLDED; i++) {
        CHECK(mr_live_insert(address_of(base + i * step), i + 1));
    }
    CHECK_EQ(filter_count(address_of(base)), 255);
    for (unsigned i = 0; i < FOLDED; i++) {
        CHECK(mr_filter_asks(address_of(base + i * step)));
        CHECK_EQ(mr_live_remove(address_of(base + i * step)), i + 1);
    }
    CHECK_EQ(filter_count(address_of(base)), 255); /* it no longer knows: asks for ever */
}

static void marks_and_clears(void)
{
    const void *marked = address_of(0x77700010), *block = address_of(0x77700100);

    mr_live_mark(marked);
    CHECK(mr_filter_asks(marked));
    CHECK(mr_live_insert(marked, 7));
    CHECK_EQ(mr_live_remove(marked), 7);
    CHECK(mr_filter_asks(marked));
    CHECK(mr_live_insert(block, 8));
    mr_live_clear();
    CHECK(!mr_filter_asks(marked) && !mr_filter_asks(block));
    CHECK(mr_filter_asks(NULL));
    CHECK_EQ(mr_live_remove(block), 0);
}

static void asks_always_when_told(void)
{
    const void *block = address_of(0x88800010);

    mr_live_ask_always();
    for (uint64_t i = 0; i < 4096; i++) {
        CHECK(mr_filter_asks(address_of(i * 0x1010101)));
    }
    CHECK(mr_live_start()); /* again: the filter counts */
    CHECK(!mr_filter_asks(block));
}

/* A model of the table that cannot be wrong, and what the filter says of each key. */
static void random_work_agrees_with_a_model(void)
{
    enum { SLOTS = 20000, STEPS = 400000 };
    uint64_t *model = calloc(SLOTS, sizeof *model), random = 3, wrong = 0, refused = 0;

    for (uint64_t step = 1; step <= STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        uint64_t slot = (random >> 33) % SLOTS;
        const void *block = address_of(0x7d0000000000 + slot * 48);

        if (model[slot]) {
            wrong += !mr_filter_asks(block);
            wrong += mr_live_remove(block) != model[slot];
            model[slot] = 0;
        } else if (mr_live_insert(block, step)) {
            model[slot] = step;
        } else {
            refused++;
        }
    }
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        const void *block = address_of(0x7d0000000000 + slot * 48);

        wrong += model[slot] && !mr_filter_asks(block);
        wrong += mr_live_remove(block) != model[slot];
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(refused, 0); /* 10,000 live samples are a thirteenth of the table */
    free(model);
}

/* How full it may get: two buckets of eight take 80 % before one key finds both full. */
static void holds_a_hundred_thousand(void)
{
    enum { MANY = 100000 };
    unsigned taken = 0;

    mr_live_clear();
    while (taken < MANY &&
           mr_live_insert(address_of(0x7c0000000000 + taken * UINT64_C(64)), taken + 1)) {
        taken++;
    }
    CHECK_EQ(taken, MANY);
    for (unsigned i = 0; i < taken; i++) {
        CHECK_EQ(mr_live_remove(address_of(0x7c0000000000 + i * UINT64_C(64))), i + 1);
    }
}

int main(void)
{
    answers_before_the_start();
    if (!CHECK(mr_live_start())) {
        return check_summary();
    }
    inserts_and_removes();
    duplicates_are_given_back_once_each();
    full_buckets_refuse();
    filter_counts_to_255_and_stays();
    marks_and_clears();
    asks_always_when_told();
    random_work_agrees_with_a_model();
    holds_a_hundred_thousand();
    return check_summary();
}
