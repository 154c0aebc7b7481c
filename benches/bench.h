/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h -- two ways to do one thing, measured side by side.
 *
 * Times are noisy and drift together, so A and B run in turn: A B A B ... The ratio is the best of
 * B over the best of A; the median of the paired ratios stands beside it, and when the two are far
 * apart the machine was busy. One line per case:
 *
 *   ring push+pop            A      8.4 ns  B      9.1 ns   B/A 1.083 (median 1.090)
 *
 * A bench opens with a comment that says what it expects, fixes its seed and checks its result
 * with bench_require. Single-threaded; a case may start threads of its own.                     */
#ifndef MEMREC_BENCH_H
#define MEMREC_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS_MAX 99

/* Does `operations` operations. The clock runs while it does. */
typedef void bench_function(void *context, uint64_t operations);

struct bench_result {
    double a_ns;         /* best time of A, ns per operation */
    double b_ns;         /* best time of B */
    double ratio;        /* b_ns / a_ns */
    double ratio_median; /* median of the rounds' own ratios */
};

static inline uint64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Stops the bench with a sentence: its result is wrong, so its time means nothing. */
#define bench_require(condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: the bench's own check failed: %s\n", __FILE__, __LINE__,       \
                    #condition);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Keeps the compiler from removing the work that made `value`. */
#define bench_keep(value) __asm__ volatile("" : : "g"(value) : "memory")

static inline int bench_compare(const void *left, const void *right)
{
    double l = *(const double *)left;
    double r = *(const double *)right;

    return (l > r) - (l < r);
}

static inline double bench_median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, bench_compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static inline double bench_once(bench_function *function, void *context, uint64_t operations)
{
    uint64_t start_ns = bench_now_ns();

    function(context, operations);
    return (double)(bench_now_ns() - start_ns) / (double)operations;
}

/* Times one function alone: the best of `rounds`, printed as one line with the median. */
static inline double bench_one(const char *name, unsigned rounds, uint64_t operations,
                               bench_function *function, void *context)
{
    double times[BENCH_ROUNDS_MAX];

    bench_require(rounds > 0 && rounds <= BENCH_ROUNDS_MAX);
    for (unsigned round = 0; round < rounds; round++) {
        times[round] = bench_once(function, context, operations);
    }
    double median = bench_median(times, rounds);
    printf("%-40s %10.2f ns  (median %.2f)\n", name, times[0], median);
    return times[0];
}

/* Times A against B, in turn, `rounds` times; prints one line and returns its numbers. */
static inline struct bench_result bench_pair(const char *name, unsigned rounds, uint64_t operations,
                                             bench_function *a, void *a_context, bench_function *b,
                                             void *b_context)
{
    struct bench_result best = {.a_ns = 1e300, .b_ns = 1e300};
    double ratios[BENCH_ROUNDS_MAX];

    bench_require(rounds > 0 && rounds <= BENCH_ROUNDS_MAX);
    for (unsigned round = 0; round < rounds; round++) {
        double a_ns = bench_once(a, a_context, operations);
        double b_ns = bench_once(b, b_context, operations);

        best.a_ns = a_ns < best.a_ns ? a_ns : best.a_ns;
        best.b_ns = b_ns < best.b_ns ? b_ns : best.b_ns;
        ratios[round] = b_ns / a_ns;
    }
    best.ratio = best.b_ns / best.a_ns;
    best.ratio_median = bench_median(ratios, rounds);
    printf("%-40s A %10.2f ns  B %10.2f ns   B/A %.3f (median %.3f)\n", name, best.a_ns, best.b_ns,
           best.ratio, best.ratio_median);
    return best;
}

#endif
