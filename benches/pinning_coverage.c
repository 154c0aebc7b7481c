/* SPDX-License-Identifier: Apache-2.0 */
/* pinning_coverage.c -- how often the 95 % intervals of `pins` and `rounding` hold, by thinning exact heaps.
 *
 * Pins: heaps of 8, 32 or 128 regions of 2 MiB that were full and are nearly empty; two sites' old blocks of different
 * sizes lie in them, evenly or as an exponential draws for each region. Everything recorded gives the truth, a sample
 * at 64 KiB the interval. Rounding: one site's blocks of one size range, by volume. Expected: 94 % of the cells'
 * mean, and no cell far below: where a site is hardly seen, how many regions it is in is a guess.
 *
 *     pinning_coverage [SEEDS]                                                                    */
#include "bench.h"

#include "pins_result.h"

#include <math.h>
#include <string.h>

enum { SEEDS = 1000, REGION_BYTES = 2 << 20, INTERVAL = 65536, BLOCKS_MAX = 200000, SITES = 2 };

static uint64_t state = 0x2545F4914F6CDD1Du;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(0x2545F4914F6CDD1D);
}

static double uniform(void) { return ((double)(draw() >> 11) + 0.5) * 0x1p-53; }

static double weight_of(uint64_t size_bytes) { return -1 / expm1(-(double)size_bytes / INTERVAL); }

struct cell {
    uint64_t regions;
    double samples[SITES]; /* expected in each region */
    uint64_t size_bytes[SITES];
    bool uneven;
};

static struct pins_block blocks[BLOCKS_MAX];
static size_t block_count;

static void make_heap(const struct cell *cell)
{
    block_count = 0;
    for (uint64_t region = 0; region < cell->regions; region++) {
        for (uint32_t site = 0; site < SITES; site++) {
            double bytes = cell->samples[site] * INTERVAL;
            uint64_t size_bytes = cell->size_bytes[site];
            double wanted =
                (cell->uneven ? -log(uniform()) : 1) * bytes / (double)size_bytes + uniform();

            for (double i = 1; i <= wanted && block_count < BLOCKS_MAX; i++) {
                blocks[block_count++] = (struct pins_block){
                    .address = (UINT64_C(1) << 40) + region * REGION_BYTES +
                               draw() % (REGION_BYTES / 16 - size_bytes / 16) * 16,
                    .size_bytes = size_bytes,
                    .usable_bytes = size_bytes,
                    .birth_ns = 1,
                    .stack_id = 1 + site,
                };
            }
        }
    }
}

/* Looks at the heap; everything, or a sample of it. */
static void look(struct pins *pins, const struct cell *cell, bool sampled)
{
    static struct pins_block seen[BLOCKS_MAX];
    size_t count = 0;

    pins_start(pins, 1000, sampled ? INTERVAL : 0, (struct text){NULL, 0});
    for (uint64_t at = 0; at < cell->regions * REGION_BYTES; at += 4096) {
        bench_require(pins_born(pins, (UINT64_C(1) << 40) + at, 4096).code == STATUS_OK);
    }
    bench_require(pins_begin_look(pins, 1000).code == STATUS_OK);
    for (size_t i = 0; i < block_count; i++) {
        double weight = sampled ? weight_of(blocks[i].size_bytes) : 1;

        if (weight <= 1 || uniform() * weight < 1) {
            seen[count] = blocks[i];
            seen[count].weight = weight;
            bench_require(pins_count(pins, &seen[count++]).code == STATUS_OK);
        }
    }
    bench_require(pins_decide(pins).code == STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        bench_require(pins_blame(pins, &seen[i]).code == STATUS_OK);
    }
    bench_require(pins_end_look(pins, PINS_END).code == STATUS_OK);
}

/* What the blocks of a site pin, by regions; exact: as if all were one stretch, as no place differs from another
 * but by chance. *samples: how many were seen. */
static struct pins_estimate pinned_by(const struct pins *pins, uint32_t stack_id, uint64_t *samples)
{
    const struct pins_result *result = pins->results[PINS_END];
    struct pins_share sum = {0};
    struct pins_stretch all = {0};
    double pages = 0;

    *samples = 0;
    for (uint32_t i = 0; i < result->pairs.count; i++) {
        const struct pins_pair *pair = &result->pairs.items[i];

        if (pair->stack_id == stack_id && pair->pin.pages > 0) {
            struct pins_share share =
                pins_share(&result->stretches[pair->other], pair->pin.pages, pair->pin.variance);

            sum.bytes += share.bytes;
            sum.variance += share.variance;
            pages += pair->pin.pages;
            *samples += pair->samples;
        }
    }
    for (uint32_t i = 0; i < result->stretch_count; i++) {
        all.free += result->stretches[i].free;
        all.pages += result->stretches[i].pages;
    }
    double exact = pages > 0 ? all.free * pages / all.pages : 0;
    return pins->interval_bytes ? pins_estimate(&result->space, sum)
                                : (struct pins_estimate){exact, exact, exact};
}

struct tally {
    unsigned cells, below;
    double sum, least;
};

static void add_cell(struct tally *tally, double coverage)
{
    tally->cells++;
    tally->sum += coverage;
    tally->below += coverage < 0.94;
    tally->least = coverage < tally->least ? coverage : tally->least;
}

static void run_cell(const struct cell *cell, unsigned seeds, struct tally *tally)
{
    struct pins whole = {0};
    struct pins sample = {0};
    double truth_sum = 0;
    double estimate_sum = 0;
    unsigned held = 0;
    unsigned seen = 0;

    for (unsigned seed = 0; seed < seeds; seed++) {
        uint64_t samples;

        if (seed % 20 == 0) { /* twenty samples of each heap */
            make_heap(cell);
            look(&whole, cell, false);
        }
        look(&sample, cell, true);
        struct pins_estimate truth = pinned_by(&whole, 1, &samples);
        struct pins_estimate found = pinned_by(&sample, 1, &samples);
        if (samples) { /* else there is no row, and no interval */
            seen++;
            held += truth.bytes >= found.low - 1 && truth.bytes <= found.high + 1;
            truth_sum += truth.bytes;
            estimate_sum += found.bytes;
        }
    }
    pins_clear(&whole);
    pins_clear(&sample);
    if (seen >= seeds / 10) {
        add_cell(tally, (double)held / seen);
        printf("pins, %3u regions%s, samples in each %.1f of %4u B beside %.1f of %4u B: "
               "%5.1f %% hold, estimate/truth %.2f\n",
               (unsigned)cell->regions, cell->uneven ? ", uneven" : "", cell->samples[0],
               (unsigned)cell->size_bytes[0], cell->samples[1], (unsigned)cell->size_bytes[1],
               100.0 * held / seen, estimate_sum / truth_sum);
    }
}

static void run_pins(unsigned seeds, struct tally *tally)
{
    static const uint64_t regions[] = {8, 32, 128};
    static const double densities[] = {0.3, 1, 3};
    static const struct {
        double samples;
        uint64_t own, other;
    } mixes[] = {{0, 64, 64}, {1, 64, 64}, {1, 64, 2048}, {1, 512, 96}};

    for (unsigned r = 0; r < 3; r++) {
        for (unsigned d = 0; d < 3; d++) {
            for (unsigned m = 0; m < 4; m++) {
                for (unsigned uneven = 0; uneven < 2; uneven++) {
                    struct cell cell = {regions[r],
                                        {densities[d], mixes[m].samples},
                                        {mixes[m].own, mixes[m].other},
                                        uneven};

                    run_cell(&cell, seeds, tally);
                }
            }
        }
    }
}

/* Blocks of 100 to 200 per cent of a size, given a class of the next power of two or 16 more. */
static void run_rounding(unsigned seeds, struct tally *tally)
{
    static const uint64_t sizes[] = {24, 100, 1000, 10000, 100000};
    static const double volumes[] = {4, 10, 40, 200}; /* samples expected */

    for (unsigned s = 0; s < 5; s++) {
        for (unsigned v = 0; v < 4; v++) {
            unsigned held = 0;
            unsigned seen = 0;
            double truth_sum = 0;
            double estimate_sum = 0;

            for (unsigned seed = 0; seed < seeds; seed++) {
                struct pins_pairs pairs = {0};
                double truth = 0;
                double bytes = 0;
                struct pins_sum waste = {0};

                while (bytes < volumes[v] * INTERVAL || bytes == 0) {
                    uint64_t size_bytes = sizes[s] + draw() % sizes[s];
                    uint64_t usable_bytes = (size_bytes / 16 + 1 + draw() % 3) * 16;
                    double weight = weight_of(size_bytes);

                    bytes += (double)size_bytes;
                    truth += (double)(usable_bytes - size_bytes);
                    if (uniform() * weight < 1) {
                        const struct pins_block block = {.size_bytes = size_bytes,
                                                         .usable_bytes = usable_bytes,
                                                         .stack_id = 1,
                                                         .weight = weight};

                        bench_require(pins_pairs_size(&pairs, &block));
                    }
                }
                for (uint32_t i = 0; i < pairs.count; i++) {
                    waste.value += pairs.items[i].size.waste.value;
                    waste.squares += pairs.items[i].size.waste.squares;
                    waste.variance += pairs.items[i].size.waste.variance;
                }
                pins_pairs_free(&pairs);
                if (waste.value > 0) {
                    double low;
                    double high;

                    pins_interval(&waste, &low, &high);
                    seen++;
                    held += truth >= low && truth <= high;
                    truth_sum += truth;
                    estimate_sum += waste.value;
                }
            }
            add_cell(tally, (double)held / seen);
            printf("rounding, %6u B, %3.0f samples: %5.1f %% hold, estimate/truth %.2f\n",
                   (unsigned)sizes[s], volumes[v], 100.0 * held / seen, estimate_sum / truth_sum);
        }
    }
}

static bool conclude(const char *name, const struct tally *tally, double least)
{
    double mean = tally->sum / tally->cells;
    bool met = mean >= 0.94 && tally->least >= least;

    printf(
        "%s: %u cells, mean %.1f %%, least %.1f %%, below 94 %%: %u; goal 94 %%, least %.0f %%: %s\n",
        name, tally->cells, 100 * mean, 100 * tally->least, tally->below, 100 * least,
        met ? "met" : "MISSED");
    return met;
}

int main(int count, char **arguments)
{
    unsigned seeds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : SEEDS;
    struct tally pins = {.least = 1};
    struct tally rounding = {.least = 1};

    run_pins(seeds, &pins);
    run_rounding(seeds, &rounding);
    bool met = conclude("pins", &pins, 0.85);
    return conclude("rounding", &rounding, 0.90) && met ? 0 : 1;
}
