/* SPDX-License-Identifier: Apache-2.0 */
/* leak_test.c -- see leak_test.h. */
#include "leak_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const leak_verdict_names[6] = {"leak",  "growing", "undecided",
                                           "cache", "startup", "steady"};

static const double startup_share = 0.15; /* of the run: births in it are not judged */
static const double judged_end = 0.90;    /* nor births after this */
static const double judged_min = 0.15;    /* shorter than this part of the run decides nothing */
static const double limit_factor = 1.25;  /* over the 99 % quantile */
static const double limit_few = 1.6;   /* over the longest life, when fewer than LIVES_FEW ended */
static const double limit_none = 0.05; /* of the run, when none was freed */
static const double old_deaths_max = 0.5; /* per block and run length, beyond the limit */
static const double old_freed_max = 0.1;  /* of the blocks that survived three collections */
static const double tidy_share = 0.9;     /* freed by the other sites of a program that tidies up */
enum { LIVES_FEW = 20, ONSETS = LEAK_WINDOWS - 3 };

struct window {
    double births, survivors;
    double birth_bytes, survivor_bytes;
};

struct cohorts { /* the births of the judged part, in windows */
    struct window windows[LEAK_WINDOWS];
    double begin_ns, width_ns;
};

/* ---- arithmetic ---- */

void leak_wilson(double share, double count, double *low, double *high)
{
    double z = 1.96;
    double spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
    double scale = 1 + z * z / count;

    *low = fmax(0, (share + z * z / (2 * count) - spread) / scale);
    *high = fmin(1, (share + z * z / (2 * count) + spread) / scale);
}

void leak_garwood(double count, double *low, double *high)
{
    double down = 1 - 1 / (9 * count) - 1.96 / (3 * sqrt(count));
    double up = 1 - 1 / (9 * (count + 1)) + 1.96 / (3 * sqrt(count + 1));

    *low = fmax(0, down * down * down);
    *high = (count + 1) / count * up * up * up;
}

/* P(N >= count) for a Poisson variable. */
static double poisson_tail(double mean, double count)
{
    if (mean <= 0) {
        return count > 0 ? 0 : 1;
    }
    if (count > mean + 40 * sqrt(mean) + 200) {
        return 0;
    }
    double term = exp(-mean + count * log(mean) - lgamma(count + 1));
    double sum = 0;
    for (double k = count; term > sum * 1e-12 || k < mean; k++) {
        sum += term;
        term *= mean / (k + 1);
    }
    return fmin(1, sum);
}

/* The life that a share `rank` of the freed blocks did not exceed; linear inside a histogram
 * bucket. */
static double lifetime_quantile(const struct leak_site *site, double rank)
{
    double wanted = rank * (double)site->freed;
    double passed = 0;

    for (unsigned i = 0; i < ROLLUP_LIFETIMES; i++) {
        double here = site->lifetimes[i];

        if (here > 0 && passed + here >= wanted) {
            double low = (double)rollup_lifetime_low_ns(i);
            double high = (double)rollup_lifetime_high_ns(i);

            return fmin(low + (high - low) * (wanted - passed) / here, (double)site->longest_ns);
        }
        passed += here;
    }
    return (double)site->longest_ns;
}

/* ---- cohorts ---- */

static double bucket_middle_ns(const struct leak_site *site, const struct site_cell *cell)
{
    return fmin(((double)cell->bucket + 0.5) * (double)site->bucket_ns, (double)site->end_ns);
}

static void add_cell(struct window *window, const struct site_cell *cell)
{
    window->births += cell->samples;
    window->survivors += cell->survivors;
    window->birth_bytes += cell->alloc_bytes;
    window->survivor_bytes += cell->survivor_bytes;
}

/* Everything born from begin up to end. */
static struct window births_between(const struct leak_site *site, double begin_ns, double end_ns)
{
    struct window all = {0};

    for (size_t i = 0; i < site->cell_count; i++) {
        double middle_ns = bucket_middle_ns(site, &site->cells[i]);

        if (middle_ns >= begin_ns && middle_ns < end_ns) {
            add_cell(&all, &site->cells[i]);
        }
    }
    return all;
}

static struct cohorts cohorts_between(const struct leak_site *site, double begin_ns, double end_ns)
{
    struct cohorts cohorts = {.begin_ns = begin_ns, .width_ns = (end_ns - begin_ns) / LEAK_WINDOWS};

    for (size_t i = 0; i < site->cell_count; i++) {
        double at = (bucket_middle_ns(site, &site->cells[i]) - begin_ns) / cohorts.width_ns;

        if (at >= 0 && at < LEAK_WINDOWS) {
            add_cell(&cohorts.windows[(int)at], &site->cells[i]);
        }
    }
    return cohorts;
}

static struct window sum_windows(const struct cohorts *cohorts, int first, int last)
{
    struct window sum = {0};

    for (int i = first; i < last; i++) {
        sum.births += cohorts->windows[i].births;
        sum.survivors += cohorts->windows[i].survivors;
        sum.birth_bytes += cohorts->windows[i].birth_bytes;
        sum.survivor_bytes += cohorts->windows[i].survivor_bytes;
    }
    return sum;
}

/* ---- the test ---- */

/* How many survivors this old the site would have if it did not leak: the lives of the freed,
 * continued beyond their 99 % quantile by the power law through the 90 and 99 % quantiles. */
static double expected_survivors(const struct leak_site *site, const struct cohorts *cohorts,
                                 int first)
{
    double q90 = fmax(lifetime_quantile(site, 0.90), 1);
    double q99 = fmax(lifetime_quantile(site, 0.99), 1);
    double power = log(10) / fmax(log(q99 / q90), 0.01);
    double expected = 0;

    for (int i = first; i < LEAK_WINDOWS; i++) {
        double age_ns = (double)site->end_ns - cohorts->begin_ns - (i + 0.5) * cohorts->width_ns;

        expected += cohorts->windows[i].births * 0.01 * pow(fmax(age_ns / q99, 1), -power);
    }
    return expected;
}

/* Whether survivors come in proportion to allocations from window `first` on. */
static bool leaks_since(const struct cohorts *cohorts, int first, struct leak_finding *out)
{
    struct window since = sum_windows(cohorts, first, LEAK_WINDOWS);
    struct window before = sum_windows(cohorts, 0, first);
    double expected = 0;
    double mean_births = 0;
    double mean_squares = 0;
    double mean_survivors = 0;
    unsigned occupied = 0;

    if (since.survivors < LEAK_SURVIVORS_MIN) {
        return false;
    }
    if (first > 0 && before.births > 0 &&
        before.survivors / before.births >= 0.34 * since.survivors / since.births) {
        return false; /* it began earlier, or never */
    }
    for (int i = first; i < LEAK_WINDOWS; i++) {
        const struct window *window = &cohorts->windows[i];
        double share = window->births / since.births;

        occupied += window->survivors > 0;
        expected += 1 - exp(-since.survivors * share);
        mean_births += i * share;
        mean_squares += (double)i * i * share;
        mean_survivors += i * window->survivors / since.survivors;
    }
    double deviation = sqrt(fmax(mean_squares - mean_births * mean_births, 1e-9) / since.survivors);
    if (occupied < 3 || occupied < 0.7 * expected ||
        fabs(mean_survivors - mean_births) > 3 * deviation) {
        return false;
    }
    out->windows = (unsigned)(LEAK_WINDOWS - first);
    out->windows_occupied = occupied;
    out->over_age = (uint64_t)since.survivors;
    out->judged = (uint64_t)since.births;
    return true;
}

/* When the first survivor since window `first` was born; earlier, when start-up leaks at the
 * same rate. */
static uint64_t onset_of(const struct leak_site *site, const struct cohorts *cohorts, int first,
                         double share)
{
    double from_ns = cohorts->begin_ns + first * cohorts->width_ns;

    if (first == 0) {
        struct window startup = births_between(site, 0, cohorts->begin_ns);

        if (startup.births > 0 && startup.survivors / startup.births > share / 2 &&
            startup.survivors / startup.births < share * 2) {
            from_ns = 0;
        }
    }
    for (size_t i = 0; i < site->cell_count; i++) {
        if (site->cells[i].survivors && bucket_middle_ns(site, &site->cells[i]) >= from_ns) {
            return site->cells[i].bucket * site->bucket_ns;
        }
    }
    return (uint64_t)from_ns;
}

static void measure_leak(const struct leak_site *site, const struct cohorts *cohorts, int first,
                         struct leak_finding *out)
{
    struct window since = sum_windows(cohorts, first, LEAK_WINDOWS);
    double hours = (LEAK_WINDOWS - first) * cohorts->width_ns / 3.6e12;
    double low;
    double high;

    out->onset_ns = onset_of(site, cohorts, first, since.survivors / since.births);
    leak_garwood(since.survivors, &low, &high);
    out->rate_bytes_per_hour = since.survivor_bytes / hours;
    out->rate_low = out->rate_bytes_per_hour * low;
    out->rate_high = out->rate_bytes_per_hour * high;
    out->share = fmin(since.survivor_bytes / since.birth_bytes, 1);
    leak_wilson(out->share, since.births, &out->share_low, &out->share_high);
    out->p_value =
        site->freed ? poisson_tail(expected_survivors(site, cohorts, first), since.survivors) : -1;
}

/* Whether blocks beyond the limit are still being freed: then the survivors may be as well, later. The
 * deaths at such an age are held against the time that blocks spent at it; a leak has ages without
 * deaths. This finds the few long-lived blocks among many short ones, which decide the quantile. */
static bool old_ones_die(const struct leak_site *site, double limit_ns)
{
    double deaths = 0;
    double runs_at_risk = 0; /* time beyond the limit, summed over blocks; in lengths of the run */
    double end_ns = (double)site->end_ns;

    for (size_t i = 0; i < site->cell_count; i++) {
        double age_ns = end_ns - bucket_middle_ns(site, &site->cells[i]);

        runs_at_risk += site->cells[i].survivors * fmax(age_ns - limit_ns, 0) / end_ns;
    }
    for (unsigned i = 0; site->freed && i < ROLLUP_LIFETIMES; i++) {
        double middle_ns =
            ((double)rollup_lifetime_low_ns(i) + (double)rollup_lifetime_high_ns(i)) / 2;

        if (middle_ns > limit_ns) {
            deaths += site->lifetimes[i];
            runs_at_risk += site->lifetimes[i] * (middle_ns - limit_ns) / end_ns;
        }
    }
    return deaths + 1 > old_deaths_max * runs_at_risk;
}

/* Whether blocks that survived three collections are still freed, or too few did. */
static bool collected_die(const struct leak_site *site, const struct leak_finding *found)
{
    double freed = (double)site->freed_old;

    return freed + 1 > old_freed_max * (freed + (double)found->over_age + 1);
}

/* Whether survivors come, since any window of the births between, in proportion to what was allocated. */
static bool find_leak(const struct leak_site *site, double begin_ns, double last_ns,
                      struct leak_finding *out)
{
    if (last_ns - begin_ns < judged_min * (double)site->end_ns) {
        return false;
    }
    struct cohorts cohorts = cohorts_between(site, begin_ns, last_ns);
    for (int first = 0; first < ONSETS; first++) {
        if (leaks_since(&cohorts, first, out)) {
            measure_leak(site, &cohorts, first, out);
            return true;
        }
    }
    return false;
}

/* ---- the benign readings ---- */

/* Whether more was alive, block for block, in each later third of the run than in the one
 * before. */
static bool is_growing(const struct leak_site *site)
{
    double live = 0;
    double sums[3] = {0, 0, 0};
    size_t next = 0;
    uint64_t buckets = site->end_ns / site->bucket_ns + 1;

    for (uint64_t bucket = 0; bucket < buckets; bucket++) {
        if (next < site->cell_count && site->cells[next].bucket == bucket) {
            live += site->cells[next].samples - (double)site->cells[next].freed_samples;
            next++;
        }
        sums[bucket * 3 / buckets] += live * 3 / (double)buckets;
    }
    return sums[1] > 1.25 * sums[0] + 2 * sqrt(sums[0]) && sums[2] > 1.25 * sums[1] &&
           sums[2] - sums[1] > 4 * sqrt(sums[1] + 1);
}

/* The shortest stretch of births that holds nine in ten survivors, as a share of the run. */
static double survivors_stretch(const struct leak_site *site, double *middle)
{
    double wanted = 0.9 * (double)site->live_samples;
    double shortest = 1;
    double inside = 0;
    size_t first = 0;

    *middle = 0.5;
    for (size_t i = 0; i < site->cell_count; i++) {
        inside += site->cells[i].survivors;
        while (inside - site->cells[first].survivors >= wanted) {
            inside -= site->cells[first++].survivors;
        }
        double begin_ns = (double)site->cells[first].bucket * (double)site->bucket_ns;
        double end_ns = ((double)site->cells[i].bucket + 1) * (double)site->bucket_ns;
        double stretch = (end_ns - begin_ns) / (double)site->end_ns;
        if (inside >= wanted && stretch < shortest) {
            shortest = stretch;
            *middle = (begin_ns + end_ns) / 2 / (double)site->end_ns;
        }
    }
    return shortest;
}

/* ---- the sentences ---- */

static const char *time_text(char out[32], double ns)
{
    if (ns < 1e3) {
        snprintf(out, 32, "%.0f ns", ns);
    } else if (ns < 1e6) {
        snprintf(out, 32, "%.1f us", ns / 1e3);
    } else if (ns < 1e9) {
        snprintf(out, 32, "%.1f ms", ns / 1e6);
    } else if (ns < 120e9) {
        snprintf(out, 32, "%.1f s", ns / 1e9);
    } else if (ns < 7200e9) {
        snprintf(out, 32, "%.1f min", ns / 60e9);
    } else {
        snprintf(out, 32, "%.1f h", ns / 3600e9);
    }
    return out;
}

#define REASON(out, ...) snprintf((out)->reason, sizeof(out)->reason, __VA_ARGS__)

static void explain_leak(const struct leak_site *site, struct leak_finding *out)
{
    char limit[32], onset[32], p99[32], oldest[32];
    char evidence[192];

    snprintf(evidence, sizeof evidence,
             "%.0f of %.0f blocks born since %s were never freed, in %u of %u birth windows and in "
             "proportion to what was allocated",
             (double)out->over_age, (double)out->judged, time_text(onset, (double)out->onset_ns),
             out->windows_occupied, out->windows);
    if (out->collected) {
        REASON(
            out,
            "%s; no start-up data, since they go on coming, and no cache or queue, since all have "
            "survived three collections or more, after which hardly any block here was freed (%.0f).",
            evidence, (double)site->freed_old);
    } else if (site->freed) {
        REASON(
            out,
            "%s, though 99 %% of the freed lived no longer than %s; no start-up data, since "
            "they go on coming, and no cache or queue, since all are older than %s, the oldest %s.",
            evidence, time_text(p99, (double)out->lifetime_p99_ns),
            time_text(limit, (double)out->limit_ns),
            time_text(oldest, (double)(site->end_ns - site->oldest_birth_ns)));
    } else if (out->verdict == LEAK_GROWING) {
        REASON(out,
               "%s; nothing from this site was ever freed, but the other sites too kept %.0f %% of "
               "theirs: a program that leaves freeing to its exit looks the same.",
               evidence, 100 * (1 - site->others_freed_share));
    } else if (site->others_freed_share < 0) {
        REASON(
            out,
            "%s; nothing from this site was ever freed, and too few other sites tell whether this "
            "program frees at all; an unbounded cache would look the same.",
            evidence);
    } else {
        REASON(out,
               "%s; nothing from this site was ever freed, while the other sites freed %.0f %% of "
               "theirs; an unbounded cache would look the same.",
               evidence, 100 * site->others_freed_share);
    }
}

/* No leak was seen: which of the benign readings is it? */
static void judge_benign(const struct leak_site *site, bool decidable, bool old_die,
                         struct leak_finding *out)
{
    char limit[32], p99[32], at[32];
    double middle;
    double stretch = survivors_stretch(site, &middle);
    double live_share = (double)site->live_samples / (double)site->samples;
    double end_ns = (double)site->end_ns;

    time_text(limit, (double)out->limit_ns);
    time_text(p99, site->freed ? (double)out->lifetime_p99_ns : 0);
    if (stretch <= 0.2 && middle < 0.85 && live_share > 0.02 &&
        (double)out->limit_ns < (1 - middle) * end_ns) {
        out->verdict = LEAK_STARTUP;
        REASON(out,
               "%.0f blocks are alive and nine in ten of them were born in one stretch around %s; "
               "hardly any that was born at another time is, so this is data set up once.",
               (double)site->live_samples, time_text(at, middle * end_ns));
    } else if (!decidable) {
        if (is_growing(site)) {
            out->verdict = LEAK_GROWING;
            REASON(out,
                   "More blocks were alive in each third of the run than in the one before, but a "
                   "block may live as long as %s, so it is too early to call any survivor lost.",
                   limit);
        } else if (site->freed >= LIVES_FEW) {
            out->verdict = LEAK_CACHE;
            REASON(out,
                   "Blocks live long, 99 %% of the freed up to %s, and the number alive does not "
                   "keep growing: a cache or queue with a bound.",
                   p99);
        } else {
            out->verdict = LEAK_UNDECIDED;
            REASON(
                out,
                "Only %.0f blocks were freed and some lived nearly as long as the run: it is too "
                "early to tell how long a block of this site lives.",
                (double)site->freed);
        }
    } else if (old_die) {
        out->verdict = site->freed ? LEAK_CACHE : LEAK_UNDECIDED;
        REASON(
            out,
            "There are survivors older than %s, but blocks of that age are still being freed, or too "
            "few have reached it: long-lived data rather than lost.",
            limit);
    } else if (site->freed && (double)out->lifetime_p99_ns > 0.05 * end_ns) {
        out->verdict = LEAK_CACHE;
        REASON(out,
               "The survivors are young: hardly any is older than %s, the age that freed blocks "
               "reach; a cache or queue that lets go of its oldest.",
               limit);
    } else if (site->freed) {
        out->verdict = LEAK_STEADY;
        REASON(
            out,
            "Blocks are freed soon, 99 %% within %s, and no lasting series of survivors is older "
            "than that.",
            p99);
    } else {
        out->verdict = LEAK_UNDECIDED;
        REASON(
            out,
            "Nothing was freed, and the %.0f survivors were not born evenly enough to tell a leak "
            "from data that is kept.",
            (double)site->live_samples);
    }
}

static void forget_leak(struct leak_finding *out)
{
    out->p_value = out->rate_bytes_per_hour = out->rate_low = out->rate_high = -1;
    out->share = out->share_low = out->share_high = -1;
    out->onset_ns = UNKNOWN;
}

/* Too few samples or survivors for the test. Many samples with hardly a survivor are steady all
 * the same. */
static void judge_few(const struct leak_site *site, struct leak_finding *out)
{
    bool steady = site->samples >= LEAK_SAMPLES_MIN && site->live_samples * 20 <= site->samples;

    out->verdict = steady ? LEAK_STEADY : LEAK_UNDECIDED;
    if (steady) {
        REASON(out, "%.0f of %.0f sampled blocks were freed.",
               (double)(site->samples - site->live_samples), (double)site->samples);
    } else {
        REASON(
            out,
            "Too few for a verdict (samples: %.0f, alive: %.0f); record longer, or with a smaller "
            "interval.",
            (double)site->samples, (double)site->live_samples);
    }
}

void leak_judge(const struct leak_site *site, struct leak_finding *out)
{
    double end_ns = (double)site->end_ns;
    double limit_ns = limit_none * end_ns;

    *out = (struct leak_finding){.p_value = -1,
                                 .onset_ns = UNKNOWN,
                                 .lifetime_p99_ns = UNKNOWN,
                                 .rate_bytes_per_hour = -1,
                                 .rate_low = -1,
                                 .rate_high = -1,
                                 .share = -1,
                                 .share_low = -1,
                                 .share_high = -1};
    if (site->freed) {
        double q99 = lifetime_quantile(site, 0.99);

        out->lifetime_p99_ns = (uint64_t)q99;
        limit_ns = limit_factor * q99;
        if (site->freed < LIVES_FEW) {
            limit_ns = fmax(limit_ns, limit_few * (double)site->longest_ns);
        }
    }
    out->limit_ns = (uint64_t)limit_ns;
    if (site->live_samples == 0) {
        out->verdict = LEAK_STEADY;
        REASON(out, "Every sampled block was freed (%.0f).", (double)site->samples);
        return;
    }
    if (site->samples < LEAK_SAMPLES_MIN || site->live_samples < LEAK_SURVIVORS_MIN) {
        judge_few(site, out);
        return;
    }
    double begin_ns = startup_share * end_ns;
    double last_ns = fmin(judged_end * end_ns, end_ns - limit_ns);
    bool decidable = last_ns - begin_ns >= judged_min * end_ns;
    bool leaks = find_leak(site, begin_ns, last_ns, out);
    bool old_die = leaks && old_ones_die(site, limit_ns);
    if (!leaks || old_die) {
        double collected_ns = fmin(judged_end * end_ns, (double)site->collected_ns);

        out->collected = find_leak(site, begin_ns, collected_ns, out) && !collected_die(site, out);
        if (!out->collected) {
            forget_leak(out);
            judge_benign(site, decidable, old_die, out);
            return;
        }
    }
    out->verdict =
        !site->freed && site->others_freed_share >= 0 && site->others_freed_share < tidy_share
            ? LEAK_GROWING
            : LEAK_LEAK;
    explain_leak(site, out);
}

static int compare_p(const void *left, const void *right)
{
    const struct leak_finding *l = *(struct leak_finding *const *)left;
    const struct leak_finding *r = *(struct leak_finding *const *)right;

    return (l->p_value > r->p_value) - (l->p_value < r->p_value);
}

void leak_correct(struct leak_finding *const *findings, size_t count, double rate,
                  struct leak_finding **by_p)
{
    size_t tested = 0;
    size_t accepted = 0;

    for (size_t i = 0; i < count; i++) {
        if (findings[i]->p_value >= 0) {
            by_p[tested++] = findings[i];
        }
    }
    qsort(by_p, tested, sizeof *by_p, compare_p);
    for (size_t i = 0; i < tested; i++) {
        /* Every site of the run counts as a question asked, whether it came as far as a p-value
         * or not. */
        if (by_p[i]->p_value <= rate * (double)(i + 1) / (double)count) {
            accepted = i + 1;
        }
    }
    for (size_t i = accepted; i < tested; i++) {
        if (by_p[i]->verdict == LEAK_LEAK) {
            by_p[i]->verdict = LEAK_UNDECIDED;
            REASON(by_p[i],
                   "%.0f over-age survivors among %.0f blocks are what long but ordinary lives may "
                   "leave, with %.0f sites in this run (p = %.2g).",
                   (double)by_p[i]->over_age, (double)by_p[i]->judged, (double)count,
                   by_p[i]->p_value);
        }
    }
}
