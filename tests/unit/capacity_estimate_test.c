/* SPDX-License-Identifier: Apache-2.0 */
/* capacity_estimate_test.c -- what the estimators say of series whose answer is known. Whether the intervals hold on
 * thousands of them is for benches/capacity_coverage.c. */
#include "capacity_estimate.h"
#include "check.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static uint64_t state;

static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static double noise(void) { return uniform() + uniform() + uniform() - 1.5; } /* deviation 0.5 */

static struct capacity_series series;
static struct capacity_study found;

static void start(size_t count)
{
    state = UINT64_C(0x2545f4914f6cdd1d);
    memset(&series, 0, sizeof series);
    series.count = count;
}

static void set(size_t at, double level) { series.mean[at] = series.peak[at] = level; }

static bool near(double value, double wanted, double part)
{
    return fabs(value - wanted) <= part * fabs(wanted);
}

static void test_too_short(void)
{
    start(CAPACITY_CELLS_MIN - 1);
    capacity_study(&series, 1, 0, &found);
    CHECK(found.method == CAPACITY_NONE);
    CHECK(found.trend == CAPACITY_UNTOLD);
}

/* What never moved will not, but for some grains. */
static void test_flat(void)
{
    start(200);
    for (size_t i = 0; i < 200; i++) {
        set(i, 1e6);
    }
    capacity_study(&series, 4096, 0, &found);
    CHECK(found.trend == CAPACITY_LEVEL);
    CHECK(found.method == CAPACITY_TAIL);
    CHECK(found.slope == 0);
    CHECK(found.level == 1e6);
    CHECK(found.bytes[CAPACITY_RISK_LOW] <= 1e6);
    CHECK(found.bytes[6] >= 1e6 && found.bytes[6] < 1e6 + 20 * 4096);
}

static void test_noise(void)
{
    start(480);
    for (size_t i = 0; i < 480; i++) {
        set(i, 1000 + 100 * noise());
    }
    capacity_study(&series, 1, 0, &found);
    CHECK(found.trend == CAPACITY_LEVEL);
    CHECK(found.slope_low < 0 && found.slope_high > 0);
    CHECK(found.period == 0);
    CHECK(found.block <= 3);
    /* the sum of three uniform ones is bounded: no level of theirs is beyond 1150 */
    CHECK(found.bytes[CAPACITY_RISK_LOW] > 1080 && found.bytes[CAPACITY_RISK_LOW] < 1150);
    CHECK(found.bytes[CAPACITY_RISK_HIGH] > 1120 && found.bytes[CAPACITY_RISK_HIGH] < 1250);
    for (int i = 1; i < CAPACITY_RISKS; i++) {
        CHECK(found.bytes[i] >= found.bytes[i - 1]);
    }
}

/* The start is cut off, and does not become growth. */
static void test_start(void)
{
    start(480);
    for (size_t i = 0; i < 480; i++) {
        set(i, (i < 60 ? 100 + 15 * (double)i : 1000) + 20 * noise());
    }
    capacity_study(&series, 1, 0, &found);
    CHECK(found.warm_up >= 60 && found.warm_up <= 160);
    CHECK(found.trend != CAPACITY_GROWS);
    CHECK(fabs(found.slope) < 0.03);
}

static void test_growth(void)
{
    start(480);
    for (size_t i = 0; i < 480; i++) {
        set(i, 1000 + 2 * (double)i + 100 * noise());
    }
    capacity_study(&series, 1, 0, &found);
    CHECK(found.trend == CAPACITY_GROWS);
    CHECK(near(found.slope, 2, 0.05));
    CHECK(found.slope_low < 2 && found.slope_high > 2);
    CHECK(!found.explained);
    CHECK(near(found.level_low, 1960, 0.02));
    CHECK(found.level > found.level_low && found.level_high > found.level);
    /* without a cause it may end here, or go on */
    CHECK(found.bytes[CAPACITY_RISK_LOW] < 2200);
    CHECK(found.bytes[CAPACITY_RISK_HIGH] > 2900);

    capacity_study(&series, 1, 0.5, &found);
    CHECK(!found.explained); /* a quarter of it is explained */
    capacity_study(&series, 1, 1.5, &found);
    CHECK(found.explained);
    CHECK(found.bytes[CAPACITY_RISK_LOW] > 2850);
    CHECK(found.bytes[CAPACITY_RISK_HIGH] < 3200);
}

/* Days are no growth, whatever time of day the run ends. */
static void test_days(void)
{
    start(480);
    for (size_t i = 0; i < 480; i++) {
        set(i, 1000 + 300 * sin((double)i / 60 * 6.283185307) + 10 * noise());
    }
    capacity_study(&series, 1, 0, &found);
    CHECK(found.period >= 57 && found.period <= 63);
    CHECK(found.trend == CAPACITY_LEVEL);
    CHECK(found.bytes[CAPACITY_RISK_LOW] > 1280);
    CHECK(found.bytes[CAPACITY_RISK_HIGH] < 1400);
}

/* Noise that remembers for long leaves few blocks, and says so. */
static void test_memory(void)
{
    double level = 0;

    start(480);
    for (size_t i = 0; i < 480; i++) {
        level = 0.95 * level + noise();
        set(i, 1000 + 10 * level);
    }
    capacity_study(&series, 1, 0, &found);
    CHECK(found.block > 10);
    CHECK(found.blocks < CAPACITY_BLOCKS_MIN);
    CHECK(found.method == CAPACITY_ORDER);
}

/* Three equal bursts: the next are like them, not three times as high. */
static void test_bursts(void)
{
    start(480);
    for (size_t i = 0; i < 480; i++) {
        set(i, 10 + noise());
    }
    series.peak[100] = series.peak[250] = series.peak[400] = 1000;
    capacity_study(&series, 1, 0, &found);
    CHECK(found.bytes[CAPACITY_RISK_EVEN] > 900);
    CHECK(found.bytes[6] < 1100);
}

static void test_places(void)
{
    /* of Erlang's tables */
    CHECK(near(capacity_refused(5, 10), 0.0183846, 1e-4));
    CHECK(near(capacity_refused(1, 1), 0.5, 1e-9));
    CHECK(near(capacity_waiting(5, 10, capacity_refused(5, 10)), 0.0361054, 1e-4));
    CHECK(capacity_waiting(3, 3, capacity_refused(3, 3)) == 1);
    CHECK(capacity_refused_by(5, 10, capacity_refused(5, 9)) == capacity_refused(5, 10));
    CHECK(capacity_refused(0, 1) == 0);
    CHECK(near(capacity_offered(5 * (1 - capacity_refused(5, 6)), 6), 5, 1e-6));
    CHECK(capacity_offered(4, 4) >= 15.9); /* always full: as much as can be told */
}

/* A level that changes at moments: the means are of time, the peaks of moments. */
static void test_fold(void)
{
    static struct capacity_fold fold;

    capacity_fold_start(&fold, 100, 200, 10);
    CHECK_EQ(fold.series.count, 10);
    capacity_fold_add(&fold, 100, 5, 5);
    capacity_fold_add(&fold, 115, 15, 90); /* 90 was reached before 115 */
    capacity_fold_add(&fold, 115, 25, 25);
    capacity_fold_add(&fold, 140, 0, 25);
    capacity_fold_end(&fold, 200);
    CHECK(fold.series.mean[0] == 5);
    CHECK(fold.series.mean[1] == 15);
    CHECK(fold.series.mean[2] == 25 && fold.series.mean[3] == 25);
    CHECK(fold.series.mean[4] == 0 && fold.series.mean[9] == 0);
    CHECK(fold.series.peak[0] == 5);
    CHECK(fold.series.peak[1] == 90);
    CHECK(fold.series.peak[4] == 25);
    CHECK(fold.series.peak[5] == 0);

    capacity_fold_start(&fold, 0, 1e9, 1);
    CHECK_EQ(fold.series.count, CAPACITY_CELLS);
    capacity_fold_end(&fold, 1e9); /* no reading */
    CHECK_EQ(fold.series.count, 0);
    capacity_fold_start(&fold, 5, 5, 1);
    capacity_fold_add(&fold, 5, 1, 1);
    capacity_fold_end(&fold, 5);
    CHECK_EQ(fold.series.count, 0);
}

int main(void)
{
    test_too_short();
    test_flat();
    test_noise();
    test_start();
    test_growth();
    test_days();
    test_memory();
    test_bursts();
    test_places();
    test_fold();
    return check_summary();
}
