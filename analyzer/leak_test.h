/* SPDX-License-Identifier: Apache-2.0 */
/* leak_test.h -- does a site leak? The cohort-survival test, on sampled blocks of one site; a site is any
 * set of blocks: a place in code, a class of objects, what spans of a kind allocate.
 *
 * A leak leaves survivors that are older than almost any block of the site that was ever freed, in
 * every birth window since its onset, in proportion to what was allocated. A cache or a queue keeps
 * only young survivors, start-up data only old ones, growing load none that are over age.
 *
 *   over age   born longer ago than `limit`: 1.25 times the 99 % quantile of the freed blocks' lives, or
 *              times the longest of them
 *   judged     births after the first 5 % of the run (15 %, when the rest is short) and before
 *              (end - limit), at most 97 %
 *
 * Where a program tells its collections, survivors of three of them are over age too, as long as hardly any block
 * was freed at that age. This finds the leak whose site also has a few long lives, such as the arrays
 * that hold what is leaked. Of blocks of a scope, those are that outlived ten more of the same name.
 *
 * Pure functions of counts; no clock, no memory, no database.                                     */
#ifndef MEMANALYZE_LEAK_TEST_H
#define MEMANALYZE_LEAK_TEST_H

#include "rollup.h"

enum {
    LEAK_WINDOWS = 12,      /* of equal length over the judged births */
    LEAK_SAMPLES_MIN = 30,  /* fewer cannot carry a verdict */
    LEAK_SURVIVORS_MIN = 4, /* over age */
    LEAK_LIVES_FEW = 20,    /* fewer freed blocks tell little about how long they live */
    LEAK_REASON_BYTES = 640,
};

enum leak_verdict { /* in the order of urgency */
                    LEAK_LEAK,
                    LEAK_GROWING,
                    LEAK_UNDECIDED,
                    LEAK_CACHE,
                    LEAK_STARTUP,
                    LEAK_STEADY,
};
extern const char *const leak_verdict_names[6];

struct leak_site {                 /* what is known about the blocks of a site */
    const struct site_cell *cells; /* by bucket, rising */
    size_t cell_count;
    uint64_t bucket_ns, end_ns;
    const uint32_t *lifetimes; /* ROLLUP_LIFETIMES counts of freed blocks; NULL: none was freed */
    uint64_t freed, longest_ns;
    /* Of these, those that had outlived three collections; of a scope: ten more of the name. What was born before
     * `outlived_ns` and is alive has; 0: nobody tells so many. */
    uint64_t freed_old, outlived_ns;
    uint64_t samples, live_samples;
    uint64_t oldest_birth_ns;   /* of a survivor; UNKNOWN: none */
    uint64_t oldest_earlier_ns; /* so long before the run it was born */
    uint64_t last_birth_ns;
    /* Births after it may be garbage that no collection has looked for yet; UNKNOWN: blocks are freed when
     * they are done with. `collection_ns`: from one such collection to the next; 0: none or one was told. */
    uint64_t garbage_ns, collection_ns;
    bool
        scope; /* blocks of spans or evaluations by name: old is only what ten later ones outlived */
    /* Of the other sites, busy ones first of all, those that freed half of theirs or more, 0 to 1; negative: too few
     * to tell. */
    double others_tidy_share;
};

struct leak_finding {
    enum leak_verdict verdict;
    double p_value;           /* negative: not tested */
    uint64_t onset_ns;        /* UNKNOWN: no leak seen */
    uint64_t lifetime_p99_ns; /* UNKNOWN: none was freed */
    uint64_t limit_ns;        /* older is over age */
    uint64_t over_age;        /* survivors since the onset that are */
    uint64_t judged;          /* allocations since the onset that are old enough */
    bool outlived;            /* over age is: outlived three collections, or ten of the scope */
    unsigned windows, windows_occupied;              /* since the onset, with over-age survivors */
    double rate_bytes_per_hour, rate_low, rate_high; /* negative: no leak seen */
    double share, share_low, share_high;             /* of bytes; negative: cannot be told */
    uint64_t
        more_ns; /* the run would have to go on so long for a verdict; UNKNOWN: that would not help, or there is one */
    char reason[LEAK_REASON_BYTES];
};

void leak_judge(const struct leak_site *site, struct leak_finding *out);

/* Benjamini-Hochberg over the tested findings of a run that ended then, at most `rate` false ones expected among
 * the accepted: leaks beyond it become undecided. `by_p` has room for `count` pointers. */
void leak_correct(struct leak_finding *const *findings, size_t count, double rate, uint64_t end_ns,
                  struct leak_finding **by_p);

/* Wilson's 95 % interval of a share, and Garwood's of a count relative to it (Wilson-Hilferty). */
void leak_wilson(double share, double count, double *low, double *high);
void leak_garwood(double count, double *low, double *high);

#endif
