/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_test.c -- the logarithm against libm's, the draw against its distribution, and the estimates made
 * from whole streams of allocations against what was really allocated. Every seed is fixed. */
#include "check.h"
#include "sampler.h"

#include <math.h>
#include <stdlib.h>

/* ---- the logarithm ---------------------------------------------------------------------------- */

static double worst_error;

static void check_exponential(uint64_t bits)
{
    double u = ((double)(bits >> 12) + 0.5) * 0x1p-52;
    double expected = -log(u);
    double error = fabs(mr_exponential(bits) - expected) / expected;

    if (!(error <= 1e-9)) {
        CHECK(!"mr_exponential is as exact as it says");
        fprintf(stderr, "bits %016" PRIx64 ": %.17g, expected %.17g\n", bits, mr_exponential(bits),
                expected);
    }
    worst_error = error > worst_error ? error : worst_error;
}

static void logarithm_is_exact(void)
{
    uint64_t state[2];

    mr_random_seed(state, 1);
    for (int i = 0; i < 1000000; i++) {
        uint64_t bits = mr_random_next(state);

        check_exponential(bits);
        check_exponential(bits >> (bits & 63));    /* every order of magnitude */
        check_exponential(~(bits >> (bits & 63))); /* and as near to 1 */
    }
    for (uint64_t i = 0; i < 4096; i++) {
        check_exponential(i << 12);
        check_exponential(~(i << 12));
        check_exponential(UINT64_C(0xB504F333F9DE6000) + ((i - 2048) << 12)); /* u near sqrt(1/2) */
    }
    for (int bit = 12; bit < 64; bit++) {
        check_exponential(UINT64_C(1) << bit);
        check_exponential((UINT64_C(1) << bit) - 4096);
        check_exponential((UINT64_C(1) << bit) + 4096);
    }
    CHECK(worst_error <= 1e-9);
    CHECK(mr_exponential(0) < 37); /* 53 ln 2: the longest distance is 36.7 intervals */
    CHECK(mr_exponential(UINT64_MAX) > 0);
}

/* ---- the draw --------------------------------------------------------------------------------- */

enum { DRAWS = 400000 };

static void check_draws(uint64_t interval_bytes, uint64_t seed)
{
    static const double parts[] = {0.0001, 0.01, 0.1, 0.5, 1, 2, 5};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    uint64_t state[2], sizes[PARTS], kept[PARTS] = {0};
    double sum = 0, interval = (double)interval_bytes;
    bool positive = true;

    for (size_t p = 0; p < PARTS; p++) {
        sizes[p] = (uint64_t)(parts[p] * interval) + (p == 0);
    }
    mr_random_seed(state, seed);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t draw = mr_sampler_draw(state, interval_bytes);

        positive = positive && draw >= 1;
        sum += (double)draw;
        for (size_t p = 0; p < PARTS; p++) {
            kept[p] += draw <= sizes[p];
        }
    }
    CHECK(positive);

    /* ceil(X) of an exponential X is geometric: success 1 - exp(-1/R). */
    double success = -expm1(-1 / interval), mean = 1 / success;
    double deviation = sqrt(1 - success) / success / sqrt(DRAWS);

    if (!CHECK(fabs(sum / DRAWS - mean) <= 4 * deviation)) {
        fprintf(stderr, "interval %" PRIu64 ": mean %.6g, expected %.6g +- %.2g\n", interval_bytes,
                sum / DRAWS, mean, deviation);
    }
    for (size_t p = 0; p < PARTS; p++) {
        double expected = -expm1(-(double)sizes[p] / interval);
        double part_deviation = sqrt(expected * (1 - expected) / DRAWS);

        if (!CHECK(fabs((double)kept[p] / DRAWS - expected) <= 4 * part_deviation)) {
            fprintf(stderr, "interval %" PRIu64 ": P(draw <= %" PRIu64 ") is %.6g, expected %.6g\n",
                    interval_bytes, sizes[p], (double)kept[p] / DRAWS, expected);
        }
    }
}

static void draws_are_exponential(void)
{
    static const uint64_t intervals[] = {2,
                                         16,
                                         512,
                                         4096,
                                         65536,
                                         524288,
                                         2097152,
                                         UINT64_C(1) << 30,
                                         10007,
                                         1000003,
                                         UINT64_C(1) << 40};

    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        check_draws(intervals[i], 100 + i);
    }
}

static void extreme_intervals_do_not_overflow(void)
{
    uint64_t state[2];

    mr_random_seed(state, 2);
    for (int i = 0; i < 100000; i++) {
        uint64_t huge = mr_sampler_draw(state, UINT64_C(1) << 62);

        CHECK(huge >= 1 && huge <= UINT64_C(1) << 61); /* a total of bytes may be added to it */
        CHECK(mr_sampler_draw(state, 1) >= 1);
        CHECK(mr_sampler_draw(state, 1) < 38);
    }
}

/* ---- randomness ------------------------------------------------------------------------------- */

/* The published outputs of xoroshiro128+ (24, 16, 37) from the state 1, 2. */
static void generator_is_the_published_one(void)
{
    static const uint64_t published[] = {
        3,
        UINT64_C(412333834243),
        UINT64_C(2360170716294286339),
        UINT64_C(9295852285959843169),
        UINT64_C(2797080929874688578),
        UINT64_C(6019711933173041966),
        UINT64_C(3076529664176959358),
        UINT64_C(3521761819100106140),
        UINT64_C(7493067640054542992),
        UINT64_C(920801338098114767),
    };
    uint64_t state[2] = {1, 2};

    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        CHECK_EQ(mr_random_next(state), published[i]);
    }
}

static void seeds_are_independent(void)
{
    uint64_t a[2], b[2];

    for (uint64_t seed = 0; seed < 1000; seed++) { /* neighbouring seeds: neighbouring threads */
        unsigned common = 0;

        mr_random_seed(a, seed);
        mr_random_seed(b, seed + 1);
        CHECK(a[0] != 0 || a[1] != 0);
        for (int i = 0; i < 64; i++) {
            common += (unsigned)__builtin_popcountll(mr_random_next(a) ^ mr_random_next(b));
        }
        CHECK(common > 2048 - 6 * 32 && common < 2048 + 6 * 32); /* of 4096 bits, half; 6 sigma */
    }
}

/* ---- the weight ------------------------------------------------------------------------------- */

static void weight_is_the_formula(void)
{
    static const uint64_t intervals[] = {1, 2, 100, 4096, 65536, 2097152, UINT64_C(1) << 40};
    static const uint64_t sizes[] = {1,
                                     2,
                                     7,
                                     16,
                                     100,
                                     655,
                                     656,
                                     4095,
                                     65535,
                                     65536,
                                     65537,
                                     1000000,
                                     2621440,
                                     2621441,
                                     UINT64_C(1) << 32,
                                     UINT64_C(1) << 47};

    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        CHECK_EQ(mr_weighted_bytes(0, intervals[i]), intervals[i]); /* the limit for small sizes */
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            double exact = (double)sizes[s] / -expm1(-(double)sizes[s] / (double)intervals[i]);
            double actual = (double)mr_weighted_bytes(sizes[s], intervals[i]);

            if (!CHECK(actual <= exact * (1 + 1e-9) && actual >= exact * (1 - 1e-9) - 1)) {
                fprintf(stderr, "size %" PRIu64 ", interval %" PRIu64 ": %.17g, exact %.17g\n",
                        sizes[s], intervals[i], actual, exact);
            }
            CHECK(mr_weighted_bytes(sizes[s], intervals[i]) >= sizes[s]);
        }
    }
}

/* ---- whole streams ----------------------------------------------------------------------------
 * A thread allocates n blocks of one size; the countdown keeps some. The sum of size / p over the
 * kept ones estimates n * size, and Garwood's interval for their number, narrowed by sqrt(1 - p)
 * towards it (a block is kept once at most), must hold the truth in 95 of 100 runs. */

/* Regularized lower incomplete gamma function by series or continued fraction. */
static double gamma_p(double a, double x)
{
    if (x <= 0) {
        return 0;
    }
    double front = exp(-x + a * log(x) - lgamma(a));

    if (x < a + 1) {
        double sum = 1 / a, term = sum;

        for (double n = a + 1; term > sum * 1e-15; n++) {
            term *= x / n;
            sum += term;
        }
        return sum * front;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

    for (int i = 1; i < 1000; i++) {
        double an = -i * (i - a), delta;

        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        delta = d * c;
        h *= delta;
        if (fabs(delta - 1) < 1e-15) {
            break;
        }
    }
    return 1 - front * h;
}

static double gamma_quantile(double a, double p)
{
    double low = 0, high = a + 20 * sqrt(a) + 20;

    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;

        *(gamma_p(a, middle) < p ? &low : &high) = middle;
    }
    return low;
}

#define GARWOOD_MAX 400
static double garwood_low[GARWOOD_MAX + 1], garwood_high[GARWOOD_MAX + 1];

static uint64_t kept_of_stream(uint64_t state[2], uint64_t size, uint64_t count, uint64_t interval)
{
    uint64_t kept = 0, countdown = mr_sampler_draw(state, interval);

    for (uint64_t done = 0;
         done < count;) { /* as malloc does, but over all unkept blocks at once */
        uint64_t skipped = (countdown - 1) / size;

        if (skipped >= count - done) {
            break;
        }
        done += skipped + 1;
        kept++;
        countdown = mr_sampler_draw(state, interval);
    }
    return kept;
}

static void check_cell(uint64_t size, double expected_kept, uint64_t interval, uint64_t seed)
{
    enum { RUNS = 2000 };
    double p = -expm1(-(double)size / (double)interval);
    uint64_t count = (uint64_t)(expected_kept / p + 0.5), state[2];
    double sum = 0, truth = (double)count * (double)size, weight = (double)size / p;
    int covered = 0;

    for (int run = 0; run < RUNS; run++) {
        mr_random_seed(state, seed * 1000000 + (uint64_t)run);
        uint64_t kept = kept_of_stream(state, size, count, interval);
        double estimate = (double)kept * weight, narrow = sqrt(1 - p);

        sum += estimate;
        if (!CHECK(kept <= GARWOOD_MAX)) {
            return;
        }
        double low = estimate - (estimate - garwood_low[kept] * weight) * narrow;
        double high = estimate + (garwood_high[kept] * weight - estimate) * narrow;

        covered += truth >= low - 1e-6 * truth && truth <= high + 1e-6 * truth;
    }
    /* Unbiased: the mean of all runs within 4 deviations of the mean. */
    double deviation = weight * sqrt((double)count * p * (1 - p) / RUNS);

    if (!CHECK(fabs(sum / RUNS - truth) <= 4 * deviation + 1e-9 * truth) ||
        !CHECK(covered >= RUNS * 94 / 100)) {
        fprintf(stderr,
                "size %" PRIu64 ", %" PRIu64 " blocks, %.1f kept: mean off by %.2f deviations, "
                "covered %.2f %%\n",
                size, count, expected_kept, (sum / RUNS - truth) / deviation,
                100.0 * covered / RUNS);
    }
}

static void estimates_are_unbiased_and_cover(void)
{
    static const uint64_t sizes[] = {16, 100, 4096, 30000, 65536, 131072};
    static const double volumes[] = {1.5, 4, 10, 40, 200};
    const uint64_t interval = 65536;

    for (uint64_t n = 0; n <= GARWOOD_MAX; n++) {
        garwood_low[n] = n ? gamma_quantile((double)n, 0.025) : 0;
        garwood_high[n] = gamma_quantile((double)n + 1, 0.975);
    }
    CHECK(fabs(garwood_low[1] - 0.0253) < 1e-4 && fabs(garwood_high[0] - 3.6889) < 1e-4);
    CHECK(fabs(garwood_low[10] - 4.7954) < 1e-4 && fabs(garwood_high[10] - 18.3904) < 1e-4);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t v = 0; v < sizeof volumes / sizeof volumes[0]; v++) {
            check_cell(sizes[s], volumes[v], interval, s * 10 + v + 1);
        }
    }
}

/* Sizes mixed in one stream, the countdown obeyed exactly as record.c does it. */
static void mixed_sizes_are_unbiased(void)
{
    static const uint64_t sizes[] = {8, 24, 24, 64, 1000, 24, 5000, 200000, 24, 64};
    enum { SIZES = sizeof sizes / sizeof sizes[0], RUNS = 2000, ROUNDS = 300 };
    const uint64_t interval = 65536;
    double sum = 0, truth = 0, variance = 0;

    for (int run = 0; run < RUNS; run++) {
        uint64_t state[2];

        mr_random_seed(state, 77000 + (uint64_t)run);
        uint64_t countdown = mr_sampler_draw(state, interval);
        for (int i = 0; i < ROUNDS * SIZES; i++) {
            uint64_t size = sizes[i % SIZES];

            if (countdown > size) {
                countdown -= size;
            } else {
                sum += (double)mr_weighted_bytes(size, interval);
                countdown = mr_sampler_draw(state, interval);
            }
        }
    }
    for (int i = 0; i < SIZES; i++) {
        double size = (double)sizes[i], p = -expm1(-size / (double)interval);

        truth += ROUNDS * size;
        variance += ROUNDS * size * size * (1 - p) / p;
    }
    double deviation = sqrt(variance / RUNS);

    if (!CHECK(fabs(sum / RUNS - truth) <= 4 * deviation)) {
        fprintf(stderr, "mean %.0f, truth %.0f: off by %.2f deviations\n", sum / RUNS, truth,
                (sum / RUNS - truth) / deviation);
    }
}

int main(void)
{
    logarithm_is_exact();
    draws_are_exponential();
    extreme_intervals_do_not_overflow();
    generator_is_the_published_one();
    seeds_are_independent();
    weight_is_the_formula();
    estimates_are_unbiased_and_cover();
    mixed_sizes_are_unbiased();
    printf("worst relative error of the logarithm %.2g\n", worst_error);
    return check_summary();
}
