/* SPDX-License-Identifier: Apache-2.0 */
/* rollup_test.c -- the sums against a second pass that keeps everything: what was live at the peak, by
 * stack; buckets that widen; weights; and that nothing is left when all is freed. */
#include "check.h"
#include "leak_test.h"
#include "rollup.h"

#include <math.h>
#include <stdlib.h>

enum { STACKS = 20, EVENTS = 20000, LIVE_MAX = 2000 };

static uint64_t state = 99;

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

static struct rollup_block block_at(uint64_t time_ns)
{
    return (struct rollup_block){.birth_ns = time_ns,
                                 .size_bytes = 1 + draw() % 5000,
                                 .extra_bytes = (uint32_t)(draw() % 16),
                                 .stack_id = 1 + (uint32_t)(draw() % STACKS),
                                 .thread = (uint32_t)(draw() % 3),
                                 .weight = 1 + (double)(draw() % 1000) / 100};
}

static double bytes_of(const struct rollup_block *block)
{
    return (double)block->size_bytes * block->weight;
}

/* Many peaks, of all shapes: the live set swells and shrinks at random. */
static void test_peak(void)
{
    static struct rollup_block live[LIVE_MAX];
    static struct sums at_peak[STACKS + 1];
    struct rollup *rollup = NULL;
    size_t count = 0;
    double total = 0;
    double highest = 0;
    uint64_t peak_ns = 0;
    double allocated[STACKS + 1] = {0};

    CHECK(rollup_open(&rollup).code == STATUS_OK);
    rollup_start(rollup, EVENTS * 1000, 5000);
    for (uint64_t i = 0; i < EVENTS; i++) {
        uint64_t now_ns = i * 1000;
        bool grow = draw() % 100 < (i / 2000 % 2 ? 45 : 56);

        if ((grow || count == 0) && count < LIVE_MAX) {
            struct rollup_block block = block_at(now_ns);

            CHECK(rollup_alloc(rollup, &block).code == STATUS_OK);
            live[count++] = block;
            total += bytes_of(&block);
            allocated[block.stack_id] += bytes_of(&block);
            if (total > highest) {
                highest = total;
                peak_ns = now_ns;
                memset(at_peak, 0, sizeof at_peak);
                for (size_t k = 0; k < count; k++) {
                    at_peak[live[k].stack_id].samples++;
                    at_peak[live[k].stack_id].bytes += bytes_of(&live[k]);
                }
            }
        } else {
            size_t at = draw() % count;

            CHECK(rollup_free(rollup, &live[at], now_ns).code == STATUS_OK);
            total -= bytes_of(&live[at]);
            live[at] = live[--count];
        }
    }
    CHECK(rollup_finish(rollup, EVENTS * 1000).code == STATUS_OK);
    double end[STACKS + 1] = {0};
    for (size_t k = 0; k < count; k++) {
        CHECK(rollup_survivor(rollup, &live[k]).code == STATUS_OK);
        end[live[k].stack_id] += bytes_of(&live[k]);
    }
    CHECK_EQ(rollup_peak_ns(rollup), peak_ns);
    for (uint32_t i = 1; i <= STACKS; i++) {
        const struct site *site = rollup_site(rollup, i);
        double births = 0;
        double survivors = 0;

        CHECK_EQ(site->peak.samples, at_peak[i].samples);
        CHECK(close_to(site->peak.bytes, at_peak[i].bytes));
        CHECK(close_to(site->allocated.bytes, allocated[i]));
        CHECK(close_to(site->end.bytes, end[i]));
        CHECK_EQ(site->freed + site->end.samples, site->allocated.samples);
        for (uint32_t k = 0; k < site->cell_count; k++) {
            CHECK(k == 0 || site->cells[k - 1].bucket < site->cells[k].bucket);
            births += site->cells[k].alloc_bytes;
            survivors += site->cells[k].survivor_bytes;
        }
        CHECK(close_to(births, allocated[i]));
        CHECK(close_to(survivors, end[i]));
    }
    rollup_close(rollup);
}

/* A run a hundred times as long as was thought: buckets widen and no sum is lost. */
static void test_widening(void)
{
    struct rollup *rollup = NULL;
    struct rollup_block block = {.size_bytes = 10, .stack_id = 1, .weight = 2};
    double born = 0;
    double freed = 0;

    CHECK(rollup_open(&rollup).code == STATUS_OK);
    rollup_start(rollup, 1000000, 100);
    uint64_t first_ns = rollup_bucket_ns(rollup);
    for (uint64_t i = 0; i < 10000; i++) {
        block.birth_ns = i * 10000;
        CHECK(rollup_alloc(rollup, &block).code == STATUS_OK);
        CHECK(rollup_free(rollup, &block, block.birth_ns + 5000).code == STATUS_OK);
    }
    CHECK(rollup_finish(rollup, 100000000).code == STATUS_OK);
    CHECK(rollup_bucket_ns(rollup) > first_ns);
    CHECK(100000000 / rollup_bucket_ns(rollup) < ROLLUP_BUCKETS_MAX);
    CHECK(100000000 / rollup_bucket_ns(rollup) >= ROLLUP_BUCKETS_MAX / 2 - 1);
    const struct site *site = rollup_site(rollup, 1);
    for (uint32_t k = 0; k < site->cell_count; k++) {
        born += site->cells[k].samples;
        freed += (double)site->cells[k].freed_samples;
    }
    CHECK(born == 10000 && freed == 10000);
    CHECK(site->live.samples == 0 && site->live.bytes == 0 && site->live.bytes_var == 0);
    CHECK_EQ(site->temporary.samples, 0);
    rollup_close(rollup);
}

static void test_weight(void)
{
    struct rollup *rollup = NULL;

    CHECK(rollup_open(&rollup).code == STATUS_OK);
    for (int round = 0; round < 2; round++) { /* the second time out of memory of the first */
        CHECK(rollup_weight(rollup, 1, 0, 65536) == 1);
        for (uint64_t size = 1; size < 10000000; size = size * 3 + 1) {
            double expected = 1 / (1 - exp(-(double)size / (65536.0 * 4)));

            CHECK(fabs(rollup_weight(rollup, size, 3, 65536) - expected) < 1e-6 * expected);
        }
        CHECK(fabs(rollup_weight(rollup, 1, 1, 65536) - 65536.5) < 0.001);
        CHECK(rollup_weight(rollup, UINT64_C(1) << 40, 1, 65536) == 1);
    }
    rollup_close(rollup);
}

/* Thinned as the recorder thins, a known heap is estimated without bias, and its interval holds the truth. */
static void test_interval(void)
{
    enum { BLOCKS = 3000, TRIALS = 600 };
    static const uint64_t sizes[] = {24, 100, 700, 5000, 40000, 300000};
    struct rollup *rollup = NULL;
    double total = 0;
    double estimates = 0;
    unsigned covered = 0;

    CHECK(rollup_open(&rollup).code == STATUS_OK);
    for (int i = 0; i < BLOCKS; i++) {
        total += (double)sizes[(uint64_t)(i * i) % 37 % 6];
    }
    for (int trial = 0; trial < TRIALS; trial++) {
        rollup_start(rollup, 1000, 0);
        for (int i = 0; i < BLOCKS; i++) {
            struct rollup_block block = {.size_bytes = sizes[(uint64_t)(i * i) % 37 % 6],
                                         .stack_id = 1};

            block.weight = rollup_weight(rollup, block.size_bytes, 6, 65536); /* 2 MiB */
            if ((double)(draw() >> 11) / 9007199254740992.0 < 1 / block.weight) {
                CHECK(rollup_alloc(rollup, &block).code == STATUS_OK);
            }
        }
        const struct site *site = rollup_site(rollup, 1);
        if (!site) {
            continue; /* no sample at all: not covered */
        }
        const struct sums *sums = &site->allocated;
        double low;
        double high;
        double spread = sqrt(sums->bytes_var / sums->bytes_sq);
        leak_garwood(sums->bytes * sums->bytes / sums->bytes_sq, &low, &high);
        covered += sums->bytes * (1 - (1 - low) * spread) <= total &&
                   total <= sums->bytes * (1 + (high - 1) * spread);
        estimates += sums->bytes;
    }
    printf("estimate / truth %.4f, interval holds the truth in %.1f %%\n",
           estimates / TRIALS / total, 100.0 * covered / TRIALS);
    CHECK(fabs(estimates / TRIALS / total - 1) < 0.01);
    CHECK(covered >= 0.93 * TRIALS);
    rollup_close(rollup);
}

static void test_lifetime_buckets(void)
{
    for (unsigned i = 0; i + 1 < ROLLUP_LIFETIMES; i++) {
        CHECK(rollup_lifetime_low_ns(i) < rollup_lifetime_high_ns(i));
        CHECK_EQ(rollup_lifetime_high_ns(i), rollup_lifetime_low_ns(i + 1));
    }
}

int main(void)
{
    test_peak();
    test_widening();
    test_weight();
    test_lifetime_buckets();
    test_interval();
    return check_summary();
}
