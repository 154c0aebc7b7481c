/* SPDX-License-Identifier: Apache-2.0 */
/* leak_test.c -- see leak_test.h. */
#include "leak_reason.h"

#include <math.h>
#include <stdlib.h>

const char *const leak_verdict_names[6] = {"leak",  "growing", "undecided",
                                           "cache", "startup", "steady"};

static const double startup_share = 0.05; /* of the run: births in it are not judged ... */
static const double startup_long =
    0.15; /* ... but when less than this is judged: then start-up would be much of it */
static const double judged_long = 0.50;
static const double judged_end = 0.97;   /* nor births after this */
static const double judged_min = 0.15;   /* shorter than this part of the run decides nothing */
static const double limit_factor = 1.25; /* over the 99 % quantile */
static const double limit_few =
    1.6; /* over the longest life, when fewer than LEAK_LIVES_FEW ended */
static const double limit_none = 0.05;    /* of the run, when none was freed */
static const double old_deaths_max = 0.5; /* per block and run length, beyond the limit */
static const double old_freed_max =
    0.1; /* of the blocks that outlived three collections, or ten such works */
static const double tidy_share =
    0.7; /* of the other sites free most of theirs, in a program that tidies up */
enum { ONSETS = LEAK_WINDOWS - 3 };

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

/* Births before it may be start-up. */
static double judged_begin_ns(const struct leak_site *site, double last_ns)
{
    double end_ns = (double)site->end_ns;

    return (last_ns >= judged_long * end_ns ? startup_share : startup_long) * end_ns;
}

/* Births after it are too young to be judged. */
static double judged_end_ns(const struct leak_site *site, double limit_ns)
{
    double end_ns = (double)site->end_ns;

    return fmin(fmin(judged_end * end_ns, end_ns - limit_ns), (double)site->garbage_ns);
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
    if (since.birth_bytes > 0) {
        out->share = fmin(since.survivor_bytes / since.birth_bytes, 1);
        leak_wilson(out->share, since.births, &out->share_low, &out->share_high);
    }
    out->p_value = site->lifetimes
                       ? poisson_tail(expected_survivors(site, cohorts, first), since.survivors)
                       : -1;
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
    for (unsigned i = 0; site->lifetimes && i < ROLLUP_LIFETIMES; i++) {
        double middle_ns =
            ((double)rollup_lifetime_low_ns(i) + (double)rollup_lifetime_high_ns(i)) / 2;

        if (middle_ns > limit_ns) {
            deaths += site->lifetimes[i];
            runs_at_risk += site->lifetimes[i] * (middle_ns - limit_ns) / end_ns;
        }
    }
    return deaths + 1 > old_deaths_max * runs_at_risk;
}

/* Whether blocks that outlived so much are still freed, or too few did. */
static bool outlived_die(const struct leak_site *site, const struct leak_finding *found)
{
    double freed = (double)site->freed_old;

    return freed + 1 > old_freed_max * (freed + (double)found->over_age + 1);
}

static bool is_decidable(const struct leak_site *site, double last_ns)
{
    return last_ns - judged_begin_ns(site, last_ns) >= judged_min * (double)site->end_ns;
}

/* Whether survivors come, since any window of the births between, in proportion to what was allocated. */
static bool find_leak(const struct leak_site *site, double last_ns, struct leak_finding *out)
{
    double begin_ns = judged_begin_ns(site, last_ns);

    if (!is_decidable(site, last_ns)) {
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

static void forget_leak(struct leak_finding *out)
{
    out->p_value = out->rate_bytes_per_hour = out->rate_low = out->rate_high = -1;
    out->share = out->share_low = out->share_high = -1;
    out->onset_ns = UNKNOWN;
}

/* Whether survivors older than this are lost; *old_die: they would be, if such blocks were not still freed. */
static bool leaks_beyond(const struct leak_site *site, double limit_ns, bool *old_die,
                         struct leak_finding *out)
{
    bool leaks = find_leak(site, judged_end_ns(site, limit_ns), out);

    *old_die = leaks && old_ones_die(site, limit_ns);
    out->limit_ns = (uint64_t)limit_ns;
    return leaks && !*old_die;
}

/* By the age that freed blocks reach: nearly all of them, or, where a few long lives hide the many
 * survivors, all. */
static bool leaks_by_age(const struct leak_site *site, bool *decidable, bool *old_die,
                         struct leak_finding *out)
{
    double limit_ns = limit_none * (double)site->end_ns;
    double longest_ns = limit_factor * (double)site->longest_ns;
    bool ignored;

    if (site->lifetimes) {
        limit_ns = limit_factor * lifetime_quantile(site, 0.99);
        if (site->freed < LEAK_LIVES_FEW) {
            limit_ns = fmax(limit_ns, limit_few * (double)site->longest_ns);
        }
    }
    *decidable = is_decidable(site, judged_end_ns(site, limit_ns));
    if (leaks_beyond(site, limit_ns, old_die, out) ||
        (longest_ns > limit_ns && leaks_beyond(site, longest_ns, &ignored, out))) {
        return true;
    }
    out->limit_ns = (uint64_t)limit_ns;
    return false;
}

/* By what it outlived: collections, or work of its kind. */
static bool leaks_by_events(const struct leak_site *site, struct leak_finding *out)
{
    double last_ns = fmin(judged_end * (double)site->end_ns, (double)site->outlived_ns);

    out->outlived = find_leak(site, last_ns, out) && !outlived_die(site, out);
    return out->outlived;
}

/* Whether the whole program leaves its freeing to its exit; what a collector keeps is in use. */
static bool is_untidy(const struct leak_site *site)
{
    return !site->freed && site->garbage_ns == UNKNOWN && site->others_tidy_share >= 0 &&
           site->others_tidy_share < tidy_share;
}

void leak_judge(const struct leak_site *site, struct leak_finding *out)
{
    bool decidable = false;
    bool old_die = false;

    *out = (struct leak_finding){.lifetime_p99_ns = UNKNOWN, .more_ns = UNKNOWN};
    forget_leak(out);
    if (site->lifetimes) {
        out->lifetime_p99_ns = (uint64_t)lifetime_quantile(site, 0.99);
    }
    if (site->samples < LEAK_SAMPLES_MIN || site->live_samples < LEAK_SURVIVORS_MIN) {
        leak_explain_few(site, out);
        return;
    }
    if ((!site->scope && leaks_by_age(site, &decidable, &old_die, out)) ||
        leaks_by_events(site, out)) {
        out->verdict = is_untidy(site) ? LEAK_GROWING : LEAK_LEAK;
        leak_explain(site, out);
        return;
    }
    forget_leak(out);
    leak_explain_benign(site, decidable, old_die, out);
}

static int compare_p(const void *left, const void *right)
{
    const struct leak_finding *l = *(struct leak_finding *const *)left;
    const struct leak_finding *r = *(struct leak_finding *const *)right;

    return (l->p_value > r->p_value) - (l->p_value < r->p_value);
}

void leak_correct(struct leak_finding *const *findings, size_t count, double rate, uint64_t end_ns,
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
            leak_explain_corrected(rate * (double)(accepted + 1) / (double)count, count, end_ns,
                                   by_p[i]);
        }
    }
}
