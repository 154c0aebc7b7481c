/* SPDX-License-Identifier: Apache-2.0 */
/* capacity_estimate.h -- how high a level will rise, and how fast it grows, from what it was until now.
 *
 * A series is a level over time, in equal steps. What it does when it starts is cut off (MSER). Its slope is
 * Theil's and Sen's median of pairs, its interval from a moving-block bootstrap of what is left without the
 * slope and without the season, so that neither noise with a memory nor days pass for growth.
 *
 * The highest level over the next period, as long as this one, is predicted from the maxima of blocks that are
 * longer than the noise remembers: those above a high level follow a generalised Pareto distribution, whose
 * uncertainty is averaged over (a grid of both parameters; a prior keeps the shape near 0). Below that level the
 * blocks' own order counts, which needs no distribution: the j-th highest of n is the highest of the next n with
 * probability 2^-j at most. With fewer than CAPACITY_BLOCKS_MIN blocks there is no tail to fit: the shape is held at
 * 0, and `method` says so.
 *
 * Pure functions: no clock, no memory, no database; the bootstrap's random numbers are always the same.   */
#ifndef MEMANALYZE_CAPACITY_ESTIMATE_H
#define MEMANALYZE_CAPACITY_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CAPACITY_CELLS = 480,
    CAPACITY_CELLS_MIN = 20,  /* fewer predict nothing */
    CAPACITY_BLOCKS_MIN = 30, /* for a fitted tail */
    CAPACITY_RISKS = 9,
};

/* The chances for which a level is predicted, falling; those of the 95 % interval are among them. */
extern const double capacity_risks[CAPACITY_RISKS];
enum { CAPACITY_RISK_LOW = 0, CAPACITY_RISK_EVEN = 1, CAPACITY_RISK_HIGH = 5 };

struct capacity_series {
    size_t count;
    double mean[CAPACITY_CELLS]; /* of each step */
    double peak[CAPACITY_CELLS]; /* the highest in each step */
};

enum capacity_method { CAPACITY_NONE, CAPACITY_ORDER, CAPACITY_TAIL };
enum capacity_trend {
    CAPACITY_UNTOLD, /* too short to say */
    CAPACITY_LEVEL,  /* the slope's interval holds 0 */
    CAPACITY_FALLS,
    CAPACITY_GROWS,
};

struct capacity_study {
    size_t warm_up;       /* steps cut off at the start */
    size_t period;        /* steps of a season; 0: none found */
    size_t block, blocks; /* steps per block, and blocks after the warm-up */
    enum capacity_trend trend;
    double slope, slope_low, slope_high; /* per step; 0 when untold */
    bool explained;                      /* it grows, and has a cause */
    /* At the end: of the trend line, the line with what usually lies above it, and the highest above it. */
    double level_low, level, level_high;
    enum capacity_method method;
    double bytes[CAPACITY_RISKS]; /* what the highest of the next period exceeds with that chance */
};

/* `grain`: a difference that means nothing, above 0, such as a page. `cause`: growth per step of which it is known that
 * it will go on. When that is half of the slope or more the slope is extrapolated; else it may also end now. */
void capacity_study(const struct capacity_series *series, double grain, double cause,
                    struct capacity_study *out);

/* ---- places that requests take, one each, for a while ---- */

/* Erlang's B: of requests that come at random and would keep `load` places busy, the part that finds all of `slots`
 * taken, when such go away; and the same from that of one slot less, which is 1 for none. Erlang's C, from B: the part
 * that waits, when such wait (1: for ever). */
double capacity_refused(double load, unsigned slots);
double capacity_refused_by(double load, unsigned slots, double by_one_less);
double capacity_waiting(double load, unsigned slots, double refused);

/* The load of which `busy` places are kept busy, while the others of it find all `slots` taken and go away. */
double capacity_offered(double busy, unsigned slots);

/* ---- a level that changes at moments becomes steps ---- */

struct capacity_fold {
    struct capacity_series series;
    double begin, step; /* ns */
    double time, value; /* the last moment, and the level since */
    bool has_value;
    double area[CAPACITY_CELLS]; /* level times time */
};

/* Steps of at least `resolution_ns`, at most CAPACITY_CELLS of them. */
void capacity_fold_start(struct capacity_fold *fold, double begin_ns, double end_ns,
                         double resolution_ns);
/* From time_ns on the level is `value`; `peak` was reached since the moment before. Times rise. */
void capacity_fold_add(struct capacity_fold *fold, double time_ns, double value, double peak);
void capacity_fold_end(struct capacity_fold *fold, double end_ns);

#endif
