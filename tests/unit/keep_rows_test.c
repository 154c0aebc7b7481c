/* SPDX-License-Identifier: Apache-2.0 */
/* keep_rows_test.c -- what is kept fits, is spread over the run, keeps the long-lived, and stands for all. */
#include "check.h"
#include "keep_rows.h"

#include <math.h>
#include <string.h>

static uint64_t state = 7;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

enum { PARTS = 10 };

struct outcome {
    uint64_t kept, kept_long, all_long, weighted_long, kept_by_part[PARTS];
    double weight, all;
};

/* `deaths` blocks die: most young, one in 200 after an hour. `alive` live all the while, and survive. */
static struct outcome run(uint64_t rows, uint64_t deaths, uint64_t alive, double expected)
{
    struct outcome out;
    struct keep_rows keep;

    memset(&out, 0, sizeof out);
    keep_rows_start(&keep, rows * KEEP_ROW_BYTES, (uint64_t)((double)deaths * 2 * expected));
    for (uint64_t i = 0; i < deaths; i++) {
        bool is_long = uniform() < 0.005;
        uint64_t lifetime_ns = is_long ? 3600000000000 : (uint64_t)exp(uniform() * 15);
        double weight = 1;

        out.all++;
        out.all_long += is_long;
        if (keep_rows_dead(&keep, lifetime_ns, alive, &weight)) {
            out.kept++;
            out.kept_long += is_long;
            out.kept_by_part[i * PARTS / deaths]++;
            out.weight += weight;
            out.weighted_long += is_long && weight != 1;
        }
    }
    for (uint64_t i = 0; i < alive; i++) {
        double weight = 1;

        out.all++;
        if (keep_rows_survivor(&keep, alive, &weight)) {
            out.kept++;
            out.weight += weight;
        }
    }
    return out;
}

static void all_fit(void)
{
    struct outcome out = run(30000, 20000, 5000, 1);

    CHECK_EQ(out.kept, 25000);
    CHECK(out.weight == 25000);
}

static void few_fit(void)
{
    struct outcome out = run(20000, 1000000, 3000, 1);

    CHECK(out.kept <= 20500 && out.kept > 12000);
    CHECK(out.kept_long > out.all_long / 100 * 99);
    CHECK(out.weighted_long < out.all_long / 100);
    CHECK(fabs(out.weight / out.all - 1) < 0.03);
    for (int i = 0; i < PARTS; i++) { /* all through the run */
        CHECK(out.kept_by_part[i] > 800 && out.kept_by_part[i] < 3000);
    }
}

/* More events than were announced (those of the rings), or far fewer. */
static void wrong_expectations(void)
{
    CHECK(run(20000, 400000, 100, 0.8).kept <= 22500);
    CHECK(run(20000, 400000, 100, 10).kept > 500);
    CHECK(run(20000, 400000, 100, 10).kept <= 20000);
}

static void too_many_survivors(void)
{
    struct outcome out = run(10000, 100000, 80000, 1);

    CHECK(out.kept <= 11000);
    CHECK(fabs(out.weight / out.all - 1) < 0.1);
}

int main(void)
{
    all_fit();
    few_fit();
    wrong_expectations();
    too_many_survivors();
    CHECK(run(0, 1000, 10, 1).kept < KEEP_CLASSES); /* no room at all */
    return check_summary();
}
