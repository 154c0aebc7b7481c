/* SPDX-License-Identifier: Apache-2.0 */
/* leak_reason.c -- see leak_reason.h. */
#include "leak_reason.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES_ENOUGH = 100, SURVIVORS_ENOUGH = 10 };

/* ---- what the survivors look like ---- */

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

/* ---- words ---- */

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

/* Has not allocated for so long that it will hardly do so again. */
static bool has_stopped(const struct leak_site *site)
{
    double silent_ns = (double)site->end_ns - (double)site->last_birth_ns;

    return silent_ns >
           fmax(0.1 * (double)site->end_ns, 5 * (double)site->end_ns / (double)site->samples);
}

/* "Not enough data: run for about 12 more minutes", which is the truth while the program goes on as it did. */
static void say_more(double more_ns, struct leak_finding *out)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{3600e9, "hours"}, {60e9, "minutes"}, {1e9, "seconds"}};
    size_t used = strlen(out->reason);
    size_t unit = 0;

    while (unit < 2 && more_ns < 2 * units[unit].ns) {
        unit++;
    }
    out->more_ns = (uint64_t)fmax(more_ns, 1);
    snprintf(out->reason + used, sizeof out->reason - used,
             " Not enough data: run for about %.0f more %s.",
             fmax(ceil(more_ns / units[unit].ns), 2), units[unit].name);
}

/* The run, made longer by this factor, would hold enough. */
static void say_longer(const struct leak_site *site, double factor, struct leak_finding *out)
{
    if (!has_stopped(site)) {
        say_more((factor - 1) * (double)site->end_ns, out);
    } else {
        size_t used = strlen(out->reason);

        snprintf(out->reason + used, sizeof out->reason - used,
                 " It allocates no more, so running longer will not tell.");
    }
}

/* ---- a leak ---- */

/* Why they are no cache, queue or growing load. */
static void tell_age(const struct leak_site *site, const struct leak_finding *found, char out[256])
{
    char limit[32], oldest[32];

    if (found->outlived && site->scope) {
        snprintf(
            out, 256,
            "no cache, queue or growing load, since all have outlived ten more of their kind, after "
            "which hardly any block here was freed (%.0f)",
            (double)site->freed_old);
    } else if (found->outlived) {
        snprintf(
            out, 256,
            "no cache, queue or growing load, since all have survived three collections or more, "
            "after which hardly any block here was freed (%.0f)",
            (double)site->freed_old);
    } else {
        snprintf(out, 256,
                 "no cache, queue or growing load, since all are older than %s, the oldest %s",
                 time_text(limit, (double)found->limit_ns),
                 time_text(oldest, (double)(site->end_ns - site->oldest_birth_ns +
                                            site->oldest_earlier_ns)));
    }
}

void leak_explain(const struct leak_site *site, struct leak_finding *out)
{
    char onset[32], p99[32];
    char evidence[192];
    char age[256];

    snprintf(evidence, sizeof evidence,
             "%.0f of %.0f blocks born since %s were never freed, in %u of %u birth windows and in "
             "proportion to what was allocated",
             (double)out->over_age, (double)out->judged, time_text(onset, (double)out->onset_ns),
             out->windows_occupied, out->windows);
    tell_age(site, out, age);
    if (site->freed) {
        char lives[64] = "";

        if (site->lifetimes && !out->outlived) {
            snprintf(lives, sizeof lives, ", though 99 %% of the freed lived no longer than %s",
                     time_text(p99, (double)out->lifetime_p99_ns));
        }
        REASON(out, "%s%s; no start-up data, since they go on coming; %s%s.", evidence, lives, age,
               site->garbage_ns != UNKNOWN && !out->outlived
                   ? "; no garbage that waits, since a collection began after their birth"
                   : "");
    } else if (site->garbage_ns != UNKNOWN) {
        REASON(
            out,
            "%s; no collection ever freed one; no start-up data, since they go on coming; an unbounded "
            "cache would look the same.",
            evidence);
    } else if (out->verdict == LEAK_GROWING) {
        REASON(
            out,
            "%s; nothing from this site was ever freed, but of the other sites, too, only %.0f %% free "
            "most of theirs: a program that leaves freeing to its exit looks the same.",
            evidence, 100 * site->others_tidy_share);
    } else if (site->others_tidy_share < 0) {
        REASON(
            out,
            "%s; nothing from this site was ever freed, and too few other sites tell whether this "
            "program frees at all; an unbounded cache would look the same.",
            evidence);
    } else {
        REASON(
            out,
            "%s; nothing from this site was ever freed, while %.0f %% of the other sites free most of "
            "theirs; an unbounded cache would look the same.",
            evidence, 100 * site->others_tidy_share);
    }
}

/* ---- no leak ---- */

static void explain_undecidable(const struct leak_site *site, struct leak_finding *out)
{
    char limit[32], p99[32];

    time_text(limit, (double)out->limit_ns);
    if (is_growing(site)) {
        out->verdict = LEAK_GROWING;
        REASON(out,
               "More blocks were alive in each third of the run than in the one before, but a "
               "block may live as long as %s, so it is too early to call any survivor lost.",
               limit);
    } else if (site->freed >= LEAK_LIVES_FEW) {
        out->verdict = LEAK_CACHE;
        REASON(out,
               "Blocks live long, 99 %% of the freed up to %s, and the number alive does not "
               "keep growing: a cache or queue with a bound.",
               time_text(p99, (double)out->lifetime_p99_ns));
        return;
    } else {
        out->verdict = LEAK_UNDECIDED;
        REASON(out,
               "Only %.0f blocks were freed and some lived nearly as long as the run: it is too "
               "early to tell how long a block of this site lives.",
               (double)site->freed);
    }
    say_longer(site, fmax((double)out->limit_ns / (double)site->end_ns, 0.5) / 0.5, out);
}

/* Of a managed heap: no collection has looked at most of the survivors. */
static bool explain_garbage(const struct leak_site *site, struct leak_finding *out)
{
    double waiting = 0;
    char at[32];

    for (size_t i = 0; i < site->cell_count && site->garbage_ns != UNKNOWN; i++) {
        if ((double)site->cells[i].bucket * (double)site->bucket_ns >= (double)site->garbage_ns) {
            waiting += site->cells[i].survivors;
        }
    }
    if (site->garbage_ns == UNKNOWN || waiting < 0.8 * (double)site->live_samples) {
        return false;
    }
    if (site->garbage_ns == 0) {
        REASON(
            out,
            "No collection of this heap was told, so the %.0f survivors may be garbage that waits "
            "for one.",
            (double)site->live_samples);
    } else {
        REASON(
            out,
            "%.0f of the %.0f survivors were born after %s, when the last full collection began: "
            "they may be garbage that waits for the next.",
            waiting, (double)site->live_samples, time_text(at, (double)site->garbage_ns));
    }
    bool early = (double)site->garbage_ns < 0.25 * (double)site->end_ns;
    out->verdict = early ? LEAK_UNDECIDED : LEAK_STEADY;
    if (early && site->collection_ns) {
        say_more((double)site->collection_ns, out);
    }
    return true;
}

static void explain_scope(const struct leak_site *site, struct leak_finding *out)
{
    out->verdict = LEAK_STEADY;
    REASON(
        out,
        "What is left of them (%.0f of %.0f blocks) did not come in proportion to their work, or "
        "such blocks are still freed later (%.0f were).",
        (double)site->live_samples, (double)site->samples, (double)site->freed_old);
}

void leak_explain_benign(const struct leak_site *site, bool decidable, bool old_die,
                         struct leak_finding *out)
{
    char limit[32], p99[32], at[32];
    double middle;
    double stretch = survivors_stretch(site, &middle);
    double live_share = (double)site->live_samples / (double)site->samples;
    double end_ns = (double)site->end_ns;

    time_text(limit, (double)out->limit_ns);
    time_text(p99, site->lifetimes ? (double)out->lifetime_p99_ns : 0);
    if (site->scope) {
        explain_scope(site, out);
    } else if (stretch <= 0.2 && middle < 0.85 && live_share > 0.02 &&
               (double)out->limit_ns < (1 - middle) * end_ns) {
        out->verdict = LEAK_STARTUP;
        REASON(out,
               "%.0f blocks are alive and nine in ten of them were born in one stretch around %s; "
               "hardly any that was born at another time is, so this is data set up once.",
               (double)site->live_samples, time_text(at, middle * end_ns));
    } else if (explain_garbage(site, out)) {
        return;
    } else if (!decidable) {
        explain_undecidable(site, out);
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
        if (site->samples < SAMPLES_ENOUGH) {
            say_longer(site, SAMPLES_ENOUGH / (double)site->samples, out);
        }
    }
}

/* Many samples with hardly a survivor are steady all the same. */
void leak_explain_few(const struct leak_site *site, struct leak_finding *out)
{
    double samples = (double)site->samples;
    double alive = (double)site->live_samples;

    out->verdict = LEAK_STEADY;
    if (alive == 0) {
        REASON(out, "Every sampled block was freed (%.0f).", samples);
    } else if (site->samples >= LEAK_SAMPLES_MIN && site->live_samples * 20 <= site->samples) {
        REASON(out, "%.0f of %.0f sampled blocks were freed.", samples - alive, samples);
    } else {
        out->verdict = LEAK_UNDECIDED;
        REASON(out, "Too few for a verdict (samples: %.0f, alive: %.0f).", samples, alive);
        say_longer(site, fmax(SAMPLES_ENOUGH / samples, SURVIVORS_ENOUGH / alive), out);
    }
}

/* Evidence multiplies: twice as many samples square the p-value. */
void leak_explain_corrected(double p_needed, size_t sites, uint64_t end_ns,
                            struct leak_finding *out)
{
    double factor = log(fmin(p_needed, 0.5)) / log(fmin(fmax(out->p_value, 1e-300), 0.9));

    out->verdict = LEAK_UNDECIDED;
    REASON(out,
           "%.0f over-age survivors among %.0f blocks are what long but ordinary lives may "
           "leave, with %.0f sites in this run (p = %.2g).",
           (double)out->over_age, (double)out->judged, (double)sites, out->p_value);
    if (factor < 10) {
        say_more((fmax(factor, 1.2) - 1) * (double)end_ns, out);
    }
}
