/* SPDX-License-Identifier: Apache-2.0 */
/* capacity_estimate.c -- see capacity_estimate.h. Sources: MSER is White's (1997); the slope is Theil's (1950) and
 * Sen's (1968); the moving-block bootstrap Kuensch's (1989); peaks over a level Pickands's (1975). */
#include "capacity_estimate.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const double capacity_risks[CAPACITY_RISKS] = {0.975, 0.5,  0.25,  0.1,   0.05,
                                               0.025, 0.01, 0.001, 0.0001};

enum {
    POINTS = 48, /* of the slope: 1128 pairs */
    PAIRS = POINTS * (POINTS - 1) / 2,
    REPLICATES = 100,
    FREE_MIN = 6,     /* independent stretches that a slope needs */
    BLOCKS_MAX = 160, /* of maxima */
    ORDER_MIN = 5,    /* blocks that predict anything */
    SHAPES = 9,
    SCALES = 15,
    STEPS = 8, /* parts of the next period, while it grows */
    SCENARIOS = 4,
    STEPS_MAX = 64, /* of a search */
    OVER_MIN = 2,   /* maxima above the level */
};

static const double forgets = 0.1;      /* autocorrelation: less is none */
static const double resembles = 0.2;    /* ... and more makes neighbours no blocks of their own */
static const double season_least = 0.4; /* autocorrelation that makes a season */
static const double warm_up_gain = 0.7; /* of the error of the mean that a cut must leave at most */
static const double explains = 0.5;     /* part of the slope that a cause must account for */
static const double misfit_most = 0.85; /* a fitted tail is farther off one time in twenty */
static const double shape_spread = 0.15; /* standard deviation of the prior on the shape */

/* ---- small things ---- */

static double at_least(double value, double least) { return value > least ? value : least; }

static int compare(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;

    return (l > r) - (l < r);
}

/* The k-th smallest; Hoare's selection, which reorders. */
static double select_nth(double *values, size_t count, size_t k)
{
    size_t low = 0, high = count - 1;

    while (low < high) {
        double pivot = values[(low + high) / 2];
        size_t i = low, j = high;

        for (;;) {
            while (values[i] < pivot) {
                i++;
            }
            while (values[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            double swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        /* j is the last of the lower part: values beyond it are no smaller than the pivot */
        if (k <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return values[k];
}

static double median(double *values, size_t count)
{
    return count ? select_nth(values, count, count / 2) : 0;
}

/* The median slope of all pairs of at most POINTS points a step apart. */
static double pair_slope(const double *values, size_t count, double *room)
{
    size_t pairs = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            room[pairs++] = (values[j] - values[i]) / (double)(j - i);
        }
    }
    return median(room, pairs);
}

/* Means of equal groups; returns the size of a group. */
static size_t group(const double *values, size_t count, double *out, size_t *out_count)
{
    size_t size = (count + POINTS - 1) / POINTS;

    *out_count = count / size;
    for (size_t i = 0; i < *out_count; i++) {
        out[i] = 0;
        for (size_t j = 0; j < size; j++) {
            out[i] += values[i * size + j] / (double)size;
        }
    }
    return size;
}

static double slope_of(const double *values, size_t count)
{
    double points[POINTS], room[PAIRS];
    size_t point_count, size = group(values, count, points, &point_count);

    return pair_slope(points, point_count, room) / (double)size;
}

/* Autocorrelation of values whose mean is taken off, at lags 0 ... lags - 1. False: they are all alike, but for an
 * eighth of a grain. */
static bool autocorrelate(const double *values, size_t count, double grain, double *out,
                          size_t lags)
{
    double mean = 0;

    for (size_t i = 0; i < count; i++) {
        mean += values[i] / (double)count;
    }
    for (size_t lag = 0; lag < lags; lag++) {
        out[lag] = 0;
        for (size_t i = 0; i + lag < count; i++) {
            out[lag] += (values[i] - mean) * (values[i + lag] - mean);
        }
    }
    if (out[0] <= grain / 8 * (grain / 8) * (double)count) {
        return false;
    }
    for (size_t lag = lags; lag-- > 0;) {
        out[lag] /= out[0];
    }
    return true;
}

/* ---- the start ---- */

/* How many steps to cut off, at most half: twice as many as make the error of the mean of the rest least, as what is
 * left of the start still bends a slope where a mean no longer notices. The slope of the second half is taken off,
 * or growth would pass for a long start; what lies far above counts less, or the cut would follow the highest burst. */
static size_t warm_up_of(const double *values, size_t count)
{
    double rest[CAPACITY_CELLS], sorted[CAPACITY_CELLS], tail_sum = 0, tail_squares = 0;
    double slope = slope_of(values + count / 2, count - count / 2);
    double best = INFINITY, whole = 0;
    size_t cut = 0;

    for (size_t i = 0; i < count; i++) {
        sorted[i] = rest[i] = values[i] - slope * (double)i;
    }
    double middle = median(sorted + count / 2, count - count / 2);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = fabs(rest[i] - middle);
    }
    double far = 3 * 1.4826 * median(sorted + count / 2, count - count / 2);
    for (size_t i = count; i-- > 0;) {
        double value = fmin(rest[i] - middle, far);
        double left = (double)(count - i);

        tail_sum += value;
        tail_squares += value * value;
        whole = (tail_squares - tail_sum * tail_sum / left) / (left * left);
        if (i <= count / 2 && whole <= best) {
            best = whole;
            cut = i;
        }
    }
    return best < warm_up_gain * whole ? (2 * cut < count / 2 ? 2 * cut : count / 2) : 0;
}

/* ---- season and slope ---- */

/* The lag after the first dip at which the values are most like themselves; 0: at none enough. */
static size_t period_of(const double *correlation, size_t lags)
{
    size_t lag = 1, best = 0;

    while (lag < lags && correlation[lag] > 0) {
        lag++;
    }
    for (; lag < lags; lag++) {
        if (correlation[lag] > season_least && (!best || correlation[lag] > correlation[best])) {
            best = lag;
        }
    }
    return best;
}

static void take_season_off(double *values, size_t count, size_t period)
{
    for (size_t phase = 0; phase < period; phase++) {
        double sum = 0, met = 0;

        for (size_t i = phase; i < count; i += period) {
            sum += values[i];
            met++;
        }
        for (size_t i = phase; i < count; i += period) {
            values[i] -= sum / met;
        }
    }
}

/* Steps after which the noise has forgotten itself. */
static size_t memory_of(const double *values, size_t count, double grain, double least)
{
    double correlation[CAPACITY_CELLS];
    size_t lag = 1, lags = count / 2;

    if (!autocorrelate(values, count, grain, correlation, lags)) {
        return 1;
    }
    while (lag < lags && correlation[lag] > least) {
        lag++;
    }
    return lag;
}

/* Half the 95 % interval of the slope of points whose residuals are given; `length`: of a block of points. */
static double slope_error(const double *residuals, size_t count, size_t length)
{
    double again[POINTS], room[PAIRS], sum = 0, squares = 0;
    double freedom = (double)count / (double)length - 2;
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    size_t from = 0;

    for (int i = 0; i < REPLICATES; i++) {
        for (size_t at = 0; at < count; at++) {
            if (at % length == 0) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                from = (size_t)(state >> 11) % (count - length + 1);
            }
            again[at] = residuals[from + at % length];
        }
        double slope = pair_slope(again, count, room);
        sum += slope;
        squares += slope * slope;
    }
    double variance = squares / REPLICATES - sum / REPLICATES * (sum / REPLICATES);
    /* Student's quantile, to 1 % from 4 degrees on; a block too many was fitted for slope and level */
    double quantile = 1.96 + 2.4 / freedom + 2.8 / (freedom * freedom);
    return quantile * sqrt(at_least(variance, 0) * (freedom + 2) / freedom);
}

/* Fills the slope and the trend; `noise` becomes what is left of the means. */
static void study_slope(const double *mean, size_t count, double grain, double *noise,
                        struct capacity_study *out)
{
    double correlation[CAPACITY_CELLS], points[POINTS];
    double slope = slope_of(mean, count);
    size_t point_count;

    for (size_t i = 0; i < count; i++) {
        noise[i] = mean[i] - slope * (double)i;
    }
    if (autocorrelate(noise, count, grain, correlation, count / 2)) {
        out->period = period_of(correlation, count / 2);
    }
    if (out->period) {
        take_season_off(noise, count, out->period);
        double missed = slope_of(noise, count); /* what the season had hidden */

        slope += missed;
        for (size_t i = 0; i < count; i++) {
            noise[i] -= missed * (double)i;
        }
    }
    size_t memory = memory_of(noise, count, grain, forgets);
    size_t size = group(noise, count, points, &point_count);
    size_t length = (3 * memory / 2 + size - 1) / size;
    if (point_count < FREE_MIN * length) {
        return;
    }
    double error = slope_error(points, point_count, length) / (double)size;
    if (out->period) { /* it was fitted to so few days */
        double days = (double)count / (double)out->period;

        error *= sqrt((days + 1) / (days - 1));
    }
    out->slope = slope;
    out->slope_low = slope - error;
    out->slope_high = slope + error;
    /* a rise over the whole series that is less than the grain is none */
    bool rises = out->slope_low > 0 && slope * (double)count > grain;
    bool sinks = out->slope_high < 0 && slope * (double)count < -grain;
    out->trend = rises ? CAPACITY_GROWS : sinks ? CAPACITY_FALLS : CAPACITY_LEVEL;
}

/* Where the series stands at its end: the line through its middle, and the peaks above it. */
static void study_level(const double *peak, size_t count, struct capacity_study *out)
{
    double above[CAPACITY_CELLS];
    double slope = out->trend == CAPACITY_LEVEL || out->trend == CAPACITY_UNTOLD ? 0 : out->slope;

    for (size_t i = 0; i < count; i++) {
        above[i] = peak[i] + slope * (double)(count - 1 - i);
    }
    qsort(above, count, sizeof *above, compare);
    out->level_low = above[count / 2];
    out->level = above[(count - 1) * 95 / 100];
    out->level_high = above[count - 1];
}

/* ---- the tail ---- */

struct tail { /* block maxima, highest first, and what may be beyond them */
    double sorted[BLOCKS_MAX];
    size_t count, over; /* over: those above the level sorted[over] */
    size_t blocks;      /* of which these are the maxima that no neighbour exceeds */
    double lowest;      /* of all blocks: what every one reaches */
    double ratio;       /* blocks to come per block seen */
    size_t fits;
    struct {
        double shape, scale, weight;
    } fit[SHAPES * SCALES];
};

/* What lies above `at` over the level, as a part of `over`. */
static double above(double shape, double scale, double at)
{
    double base = 1 + shape * at / scale;

    return shape == 0 ? exp(-at / scale) : base > 0 ? pow(base, -1 / shape) : 0;
}

/* Weighs shapes and scales by how well they explain what is above the level. */
static void weigh_fits(struct tail *tail, double grain, bool shaped)
{
    double level = tail->sorted[tail->over], mean = 0, best = -INFINITY, sum = 0;

    for (size_t i = 0; i < tail->over; i++) {
        mean += (tail->sorted[i] - level) / (double)tail->over;
    }
    mean = at_least(mean, grain);
    tail->fits = 0;
    for (int s = shaped ? 0 : SHAPES / 2; s < (shaped ? SHAPES : SHAPES / 2 + 1); s++) {
        double shape = 0.1 * (s - SHAPES / 2);

        for (int c = 0; c < SCALES; c++) {
            double scale = mean * exp(0.2 * (c - SCALES / 2)), likely;

            likely = -0.5 * shape * shape / (shape_spread * shape_spread) -
                     (double)tail->over * log(scale);
            for (size_t i = 0; i < tail->over; i++) {
                double beyond = (tail->sorted[i] - level) / scale;

                if (shape == 0) {
                    likely -= beyond;
                } else {
                    likely -= 1 + shape * beyond > 0 ? (1 / shape + 1) * log(1 + shape * beyond)
                                                     : INFINITY;
                }
            }
            tail->fit[tail->fits].shape = shape;
            tail->fit[tail->fits].scale = scale;
            tail->fit[tail->fits++].weight = likely;
            best = likely > best ? likely : best;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < tail->fits; i++) {
        double weight = exp(tail->fit[i].weight - best);

        if (weight > 1e-3) {
            tail->fit[kept] = tail->fit[i];
            tail->fit[kept++].weight = weight;
            sum += weight;
        }
    }
    tail->fits = kept;
    for (size_t i = 0; i < kept; i++) {
        tail->fit[i].weight /= sum;
    }
}

/* How far the best fit is from what was seen: Kolmogorov's distance times the root of their number. */
static double misfit(const struct tail *tail)
{
    size_t best = 0;
    double worst = 0, level = tail->sorted[tail->over], number = (double)tail->over;

    for (size_t i = 1; i < tail->fits; i++) {
        best = tail->fit[i].weight > tail->fit[best].weight ? i : best;
    }
    for (size_t i = 0; i < tail->over; i++) {
        double part = above(tail->fit[best].shape, tail->fit[best].scale, tail->sorted[i] - level);

        worst = fmax(worst,
                     fmax(fabs(part - (double)i / number), fabs(part - (double)(i + 1) / number)));
    }
    return worst * sqrt(number);
}

/* Takes the upper half of the maxima, or a half of that, until a tail fits: a few equal bursts above much that is
 * low are no tail of it. */
static void fit_tail(struct tail *tail, double grain, bool shaped)
{
    tail->over = (tail->count + 1) / 2;
    weigh_fits(tail, grain, shaped);
    while (tail->over > OVER_MIN && misfit(tail) > misfit_most) {
        tail->over = tail->over / 2 > OVER_MIN ? tail->over / 2 : OVER_MIN;
        weigh_fits(tail, grain, shaped);
    }
}

/* How many of the blocks seen lie above, in parts of `over`; a number between two of them is shared out. */
static double share_above(const struct tail *tail, double value)
{
    size_t i = tail->over + (tail->over == 0);

    while (i < tail->count && tail->sorted[i] > value) {
        i++;
    }
    if (i == tail->count) {
        return (double)tail->count / (double)tail->over;
    }
    double gap = tail->sorted[i - 1] - tail->sorted[i];
    double part = gap > 0 ? (value - tail->sorted[i]) / gap : 1;
    return ((double)i - fmin(part, 1)) / (double)tail->over;
}

/* Its integral from there on. */
static double area_above(double shape, double scale, double at)
{
    double base = 1 + shape * at / scale;

    return shape == 0 ? scale * exp(-at / scale)
           : base > 0 ? scale / (1 - shape) * pow(base, 1 - 1 / shape)
                      : 0;
}

/* The mean of `above` over the next period, while the value comes nearer by `rise` >= 0. */
static double mean_above(const struct tail *tail, double shape, double scale, double at,
                         double rise)
{
    double far = fmin(at, rise), below = 0; /* of the way, the part above the level */

    if (rise == 0) {
        return at >= 0 ? above(shape, scale, at) : share_above(tail, at + tail->sorted[tail->over]);
    }
    far = far > 0 ? far : 0;
    for (int step = 0; step < STEPS && far < rise; step++) {
        double way = far + (rise - far) * (step + 0.5) / STEPS;

        below += share_above(tail, at - way + tail->sorted[tail->over]) / STEPS;
    }
    double beyond = far > 0 ? area_above(shape, scale, at - far) - area_above(shape, scale, at) : 0;
    return (beyond + (rise - far) * below) / rise;
}

/* The chance that the highest of the blocks to come exceeds `value`, while the level moves by `rise` until the end.
 * The number of blocks above the level is Poisson's with a mean that is Gamma's after `over` were seen; likewise
 * above a lower value that more of those seen exceed. */
static double risk_of(const struct tail *tail, double value, double rise)
{
    double at = value - tail->sorted[tail->over] - fmin(rise, 0), none = 0;

    if (value < tail->lowest + fmax(rise, 0) * (1 - 1 / (double)tail->blocks)) {
        return 1;
    }
    for (size_t i = 0; i < tail->fits; i++) {
        double mean = mean_above(tail, tail->fit[i].shape, tail->fit[i].scale, at, fabs(rise));

        none +=
            tail->fit[i].weight * (mean <= 1 ? pow(1 + tail->ratio * mean, -(double)tail->over)
                                             : pow(1 + tail->ratio, -mean * (double)tail->over));
    }
    return 1 - none;
}

struct scenario {
    struct tail tail;
    double weight, rise; /* over the next period */
};

static double risk_in(const struct scenario *scenarios, size_t count, double value)
{
    double risk = 0;

    for (size_t i = 0; i < count; i++) {
        risk += scenarios[i].weight * risk_of(&scenarios[i].tail, value, scenarios[i].rise);
    }
    return risk;
}

/* Maxima of blocks of the peaks, seen from the end along the slope; of neighbours the highest only, or a burst that
 * lies in two would count twice. */
static void collect(const double *peak, size_t count, size_t block, double slope, struct tail *out)
{
    double highest[BLOCKS_MAX];
    size_t blocks = 0;

    for (size_t end = count; end >= block && blocks < BLOCKS_MAX; end -= block, blocks++) {
        highest[blocks] = -INFINITY;
        for (size_t i = end - block; i < end; i++) {
            highest[blocks] = fmax(highest[blocks], peak[i] + slope * (double)(count - 1 - i));
        }
    }
    out->count = 0;
    out->blocks = blocks;
    out->lowest = INFINITY;
    for (size_t i = 0; i < blocks; i++) {
        out->lowest = fmin(out->lowest, highest[i]);
        if ((i == 0 || highest[i] >= highest[i - 1]) &&
            (i + 1 == blocks || highest[i] > highest[i + 1])) {
            out->sorted[out->count++] = -highest[i];
        }
    }
    while (out->count <= OVER_MIN) { /* it only rises, or is flat */
        out->sorted[out->count++] = -out->lowest;
    }
    qsort(out->sorted, out->count, sizeof *out->sorted, compare);
    for (size_t i = 0; i < out->count; i++) {
        out->sorted[i] = -out->sorted[i];
    }
}

static void study_peak(const double *peak, size_t count, size_t whole, double grain, size_t memory,
                       struct capacity_study *out)
{
    struct scenario scenarios[SCENARIOS];
    /* how it may go on: as it is; growth that nobody explained may also end */
    double low = out->slope_low, slope = out->slope, high = out->slope_high;
    const double slopes[SCENARIOS] = {0, low, slope, high};
    const double weights[2][SCENARIOS] = {{0.5, 0.1, 0.3, 0.1}, {0, 0.15, 0.7, 0.15}};
    bool moves = out->trend == CAPACITY_GROWS || out->trend == CAPACITY_FALLS;
    size_t scenario_count = 0;

    out->block = (3 * memory + 1) / 2;
    if (out->block < (count + BLOCKS_MAX - 1) / BLOCKS_MAX) {
        out->block = (count + BLOCKS_MAX - 1) / BLOCKS_MAX;
    }
    out->blocks = count / out->block;
    if (out->blocks < ORDER_MIN) {
        return;
    }
    out->method = out->blocks < CAPACITY_BLOCKS_MIN ? CAPACITY_ORDER : CAPACITY_TAIL;
    for (int i = 0; i < (moves ? SCENARIOS : 1); i++) {
        struct scenario *scenario = &scenarios[scenario_count];

        scenario->weight = moves ? weights[out->explained][i] : 1;
        scenario->rise = slopes[i] * (double)whole;
        if (scenario->weight == 0) {
            continue;
        }
        /* that it ends now does not undo what it was */
        collect(peak, count, out->block, moves && i == 0 ? slope : slopes[i], &scenario->tail);
        scenario->tail.ratio = (double)whole / (double)count;
        fit_tail(&scenario->tail, grain, out->method == CAPACITY_TAIL);
        scenario_count++;
    }
    double bottom = INFINITY, top = -INFINITY;
    for (size_t i = 0; i < scenario_count; i++) {
        const struct tail *tail = &scenarios[i].tail;

        bottom = fmin(bottom, tail->sorted[tail->count - 1] + fmin(scenarios[i].rise, 0));
        top = fmax(top, tail->sorted[0] + fmax(scenarios[i].rise, 0));
    }
    for (int i = 0; i < CAPACITY_RISKS; i++) {
        double from = bottom, to = top + grain, width = at_least(top - bottom, grain);

        if (risk_in(scenarios, scenario_count, bottom) <= capacity_risks[i]) {
            to = bottom; /* nothing lower was seen */
        }
        for (int step = 0;
             step < STEPS_MAX && risk_in(scenarios, scenario_count, to) > capacity_risks[i];
             step++) {
            from = to;
            to += width;
            width *= 2;
        }
        for (int step = 0; step < STEPS_MAX && to - from > grain / 4; step++) {
            double middle = (from + to) / 2;

            if (risk_in(scenarios, scenario_count, middle) > capacity_risks[i]) {
                from = middle;
            } else {
                to = middle;
            }
        }
        out->bytes[i] = to;
        bottom = to; /* the next risk is less, so its level is higher */
    }
}

void capacity_study(const struct capacity_series *series, double grain, double cause,
                    struct capacity_study *out)
{
    double noise[CAPACITY_CELLS] = {0};

    *out = (struct capacity_study){0};
    if (series->count < CAPACITY_CELLS_MIN) {
        return;
    }
    out->warm_up = warm_up_of(series->mean, series->count);
    const double *mean = series->mean + out->warm_up, *peak = series->peak + out->warm_up;
    size_t count = series->count - out->warm_up;
    study_slope(mean, count, grain, noise, out);
    out->explained =
        out->trend == CAPACITY_GROWS && cause > 0 && cause >= explains * out->slope_low;
    study_level(peak, count, out);
    study_peak(peak, count, series->count, grain, memory_of(noise, count, grain, resembles), out);
}

/* ---- places ---- */

double capacity_refused(double load, unsigned slots)
{
    double refused = 1; /* by none */

    for (unsigned i = 1; i <= slots; i++) {
        refused = capacity_refused_by(load, i, refused);
    }
    return refused;
}

double capacity_refused_by(double load, unsigned slots, double by_one_less)
{
    return load * by_one_less / (slots + load * by_one_less);
}

double capacity_waiting(double load, unsigned slots, double refused)
{
    return load >= slots ? 1 : refused / (1 - load / slots * (1 - refused));
}

double capacity_offered(double busy, unsigned slots)
{
    double low = busy, high = 4.0 * slots; /* beyond that nearly all is refused */

    for (int step = 0; step < STEPS_MAX; step++) {
        double load = (low + high) / 2;

        if (load * (1 - capacity_refused(load, slots)) < busy) {
            low = load;
        } else {
            high = load;
        }
    }
    return low;
}

/* ---- steps ---- */

void capacity_fold_start(struct capacity_fold *fold, double begin_ns, double end_ns,
                         double resolution_ns)
{
    double count = floor((end_ns - begin_ns) / resolution_ns);

    *fold = (struct capacity_fold){.begin = begin_ns};
    fold->series.count = count >= CAPACITY_CELLS ? CAPACITY_CELLS : count >= 1 ? (size_t)count : 0;
    fold->step = fold->series.count ? (end_ns - begin_ns) / (double)fold->series.count : 0;
    for (size_t i = 0; i < fold->series.count; i++) {
        fold->series.peak[i] = -INFINITY;
    }
}

static size_t cell_of(const struct capacity_fold *fold, double time)
{
    double cell = (time - fold->begin) / fold->step;

    return cell < 0                             ? 0
           : cell >= (double)fold->series.count ? fold->series.count - 1
                                                : (size_t)cell;
}

/* The level stays as it is until `time`. */
static void hold(struct capacity_fold *fold, double time)
{
    double from = fold->time;

    for (size_t cell = cell_of(fold, from); from < time; cell++) {
        double end = cell + 1 < fold->series.count
                         ? fmin(time, fold->begin + fold->step * (double)(cell + 1))
                         : time;

        fold->area[cell] += fold->value * (end - from);
        fold->series.peak[cell] = fmax(fold->series.peak[cell], fold->value);
        from = end;
    }
    fold->time = fmax(fold->time, time);
}

void capacity_fold_add(struct capacity_fold *fold, double time_ns, double value, double peak)
{
    if (!fold->series.count) {
        return;
    }
    if (!fold->has_value) {
        fold->has_value = true;
        fold->time = fold->begin; /* it was so before, too, as far as anybody knows */
        fold->value = value;
    }
    hold(fold, time_ns);
    size_t cell = cell_of(fold, time_ns);
    fold->series.peak[cell] = fmax(fold->series.peak[cell], fmax(value, peak));
    fold->value = value;
}

void capacity_fold_end(struct capacity_fold *fold, double end_ns)
{
    if (!fold->has_value) {
        fold->series.count = 0;
        return;
    }
    hold(fold, end_ns);
    for (size_t i = 0; i < fold->series.count; i++) {
        fold->series.mean[i] = fold->area[i] / fold->step;
    }
}
