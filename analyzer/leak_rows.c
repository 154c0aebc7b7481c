/* SPDX-License-Identifier: Apache-2.0 */
/* leak_rows.c -- see leak_rows.h. */
#include "leak_rows.h"

#include "diag.h"
#include "leak_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENOUGH_SAMPLES = 100, /* a stack with so many is judged alone */
    WITNESSES_MIN = 5,    /* fewer say nothing */
    LEVELS = 4,
};
static const uint32_t level_frames[LEVELS] = {8, 4, 2,
                                              1}; /* innermost frames that merged stacks share */
static const double false_leaks = 0.01;           /* expected share of the accepted leaks */

struct member { /* a stack waiting to be judged, with the key of the group it is in */
    uint64_t key;
    uint32_t stack_id;
};

struct judged {
    struct leak_finding finding;
    uint32_t stack_id, stacks;
    uint64_t samples, live_samples, oldest_birth_ns;
    struct sums live;
};

struct merged { /* a group's site, summed */
    struct site_cell cells[ROLLUP_BUCKETS_MAX];
    uint32_t lifetimes[ROLLUP_LIFETIMES];
};

struct judge {
    const struct rollup *rollup;
    const struct stack_table *stacks;
    uint64_t end_ns, collected_ns;
    uint32_t witnesses;  /* stacks that say how the program treats its memory */
    double freed_shares; /* sum over them of the share of their samples that was freed */
    struct member *members;
    size_t member_count;
    struct judged *judged;
    size_t judged_count;
    struct merged merged;
};

static status no_memory(void)
{
    diag_error("could not import: out of memory for the verdicts");
    return FAIL;
}

/* Equal for stacks that share the innermost `frames` frames from the site on. */
static uint64_t group_key(const struct stack_table *stacks, uint32_t stack_id, uint32_t frames)
{
    uint32_t count;
    bool truncated;
    const uint32_t *at = stack_table_frames(stacks, stack_id, &count, &truncated);
    uint32_t first = stack_table_site_depth(stacks, stack_id);
    uint64_t key = UINT64_C(0xcbf29ce484222325);

    for (uint32_t i = first; i < count && i < first + frames; i++) {
        key = (key ^ at[i]) * UINT64_C(0x9e3779b97f4a7c15);
        key ^= key >> 29;
    }
    return key;
}

static int compare_members(const void *left, const void *right)
{
    const struct member *l = left;
    const struct member *r = right;

    if (l->key != r->key) {
        return l->key < r->key ? -1 : 1;
    }
    return (l->stack_id > r->stack_id) - (l->stack_id < r->stack_id);
}

static void merge_site(struct merged *merged, const struct site *site)
{
    for (uint32_t i = 0; i < site->cell_count; i++) {
        const struct site_cell *from = &site->cells[i];
        struct site_cell *to = &merged->cells[from->bucket];

        to->samples += from->samples;
        to->survivors += from->survivors;
        to->freed_samples += from->freed_samples;
        to->alloc_bytes += from->alloc_bytes;
        to->freed_bytes += from->freed_bytes;
        to->survivor_bytes += from->survivor_bytes;
    }
    for (unsigned i = 0; site->lifetimes && i < ROLLUP_LIFETIMES; i++) {
        merged->lifetimes[i] += site->lifetimes[i];
    }
}

static void add_live(struct sums *sums, const struct sums *more)
{
    sums->samples += more->samples;
    sums->bytes += more->bytes;
    sums->bytes_sq += more->bytes_sq;
    sums->bytes_var += more->bytes_var;
    sums->blocks += more->blocks;
    sums->blocks_sq += more->blocks_sq;
    sums->blocks_var += more->blocks_var;
}

static double freed_share(const struct site *site)
{
    return (double)site->freed / (double)site->allocated.samples;
}

/* Whether a stack tells about the program's manners. One that never frees and allocates to the
 * end is accused itself: two leaks must not excuse each other. */
static bool is_witness(const struct judge *judge, const struct site *site)
{
    return site->freed > 0 || site->allocated.samples < LEAK_SAMPLES_MIN ||
           (double)site->last_ns < 0.8 * (double)judge->end_ns;
}

/* Judges members [0, count) as one site. */
static void judge_group(struct judge *judge, const struct member *members, size_t count)
{
    struct judged *judged = &judge->judged[judge->judged_count++];
    struct leak_site site = {.bucket_ns = rollup_bucket_ns(judge->rollup),
                             .end_ns = judge->end_ns ? judge->end_ns : 1,
                             .collected_ns = judge->collected_ns,
                             .oldest_birth_ns = UNKNOWN};
    double most = -1;
    uint32_t others = judge->witnesses;
    double others_freed = judge->freed_shares;

    *judged = (struct judged){.stacks = (uint32_t)count};
    memset(&judge->merged, 0, sizeof judge->merged);
    for (uint32_t i = 0; i < ROLLUP_BUCKETS_MAX; i++) {
        judge->merged.cells[i].bucket = i;
    }
    for (size_t i = 0; i < count; i++) {
        const struct site *from = rollup_site(judge->rollup, members[i].stack_id);
        double weight = from->end.bytes + 1e-9 * from->allocated.bytes;

        merge_site(&judge->merged, from);
        add_live(&judged->live, &from->end);
        site.samples += from->allocated.samples;
        site.live_samples += from->end.samples;
        site.freed += from->freed;
        site.freed_old += from->freed_old;
        if (is_witness(judge, from)) {
            others--;
            others_freed -= freed_share(from);
        }
        site.longest_ns = from->longest_ns > site.longest_ns ? from->longest_ns : site.longest_ns;
        if (from->end.samples && from->end_first_ns < site.oldest_birth_ns) {
            site.oldest_birth_ns = from->end_first_ns;
        }
        if (weight > most) {
            most = weight;
            judged->stack_id = members[i].stack_id;
        }
    }
    site.cells = judge->merged.cells;
    site.cell_count = ROLLUP_BUCKETS_MAX;
    site.lifetimes = site.freed ? judge->merged.lifetimes : NULL;
    site.others_freed_share = others < WITNESSES_MIN ? -1 : others_freed / (double)others;
    leak_judge(&site, &judged->finding);
    judged->samples = site.samples;
    judged->live_samples = site.live_samples;
    judged->oldest_birth_ns = site.oldest_birth_ns;
}

/* Judges the groups that have enough samples, or all when `rest`; the others stay members. */
static void judge_level(struct judge *judge, uint32_t frames, bool rest)
{
    size_t kept = 0;

    for (size_t i = 0; i < judge->member_count; i++) {
        judge->members[i].key = frames
                                    ? group_key(judge->stacks, judge->members[i].stack_id, frames)
                                    : judge->members[i].stack_id;
    }
    qsort(judge->members, judge->member_count, sizeof *judge->members, compare_members);
    for (size_t first = 0, next; first < judge->member_count; first = next) {
        uint64_t samples = 0;

        for (next = first;
             next < judge->member_count && judge->members[next].key == judge->members[first].key;
             next++) {
            samples += rollup_site(judge->rollup, judge->members[next].stack_id)->allocated.samples;
        }
        if (rest || samples >= ENOUGH_SAMPLES) {
            judge_group(judge, judge->members + first, next - first);
        } else {
            memmove(judge->members + kept, judge->members + first,
                    (next - first) * sizeof *judge->members);
            kept += next - first;
        }
    }
    judge->member_count = kept;
}

/* Most urgent first: by verdict, then by what it costs; the stack breaks ties. */
static int compare_judged(const void *left, const void *right)
{
    const struct judged *l = left;
    const struct judged *r = right;

    if (l->finding.verdict != r->finding.verdict) {
        return l->finding.verdict < r->finding.verdict ? -1 : 1;
    }
    if (l->finding.verdict == LEAK_LEAK &&
        l->finding.rate_bytes_per_hour != r->finding.rate_bytes_per_hour) {
        return l->finding.rate_bytes_per_hour > r->finding.rate_bytes_per_hour ? -1 : 1;
    }
    if (l->live.bytes != r->live.bytes) {
        return l->live.bytes > r->live.bytes ? -1 : 1;
    }
    return (l->stack_id > r->stack_id) - (l->stack_id < r->stack_id);
}

/* The 95 % interval of an estimate: the formula of views.sql. */
static void interval(double sum, double squares, double variance, double *low, double *high)
{
    double relative_low;
    double relative_high;

    *low = *high = sum;
    if (squares > 0 && variance > 0) {
        double spread = sqrt(variance / squares);

        leak_garwood(sum * sum / squares, &relative_low, &relative_high);
        *low = sum * (1 - (1 - relative_low) * spread);
        *high = sum * (1 + (relative_high - 1) * spread);
    }
}

static void bind_if(struct statement *insert, int at, bool known, double value)
{
    if (known) {
        db_bind_real(insert, at, value);
    }
}

static status write_row(const struct judge *judge, struct statement *insert, int64_t run_id,
                        int64_t rank, const struct judged *judged)
{
    const struct leak_finding *finding = &judged->finding;
    bool leaks = finding->verdict <= LEAK_GROWING && finding->rate_bytes_per_hour >= 0;
    double low;
    double high;

    db_bind_int(insert, 1, run_id);
    db_bind_int(insert, 2, rank);
    db_bind_string(insert, 3, leak_verdict_names[finding->verdict]);
    db_bind_int(insert, 4, judged->stack_id);
    db_bind_int(insert, 5, judged->stacks);
    db_bind_string(insert, 6,
                   judged->stack_id ? stack_table_function(judge->stacks, judged->stack_id) : "?");
    db_bind_int(insert, 7, (int64_t)judged->samples);
    db_bind_int(insert, 8, (int64_t)judged->live_samples);
    interval(judged->live.bytes, judged->live.bytes_sq, judged->live.bytes_var, &low, &high);
    db_bind_real(insert, 9, judged->live.bytes);
    db_bind_real(insert, 10, low);
    db_bind_real(insert, 11, high);
    interval(judged->live.blocks, judged->live.blocks_sq, judged->live.blocks_var, &low, &high);
    db_bind_real(insert, 12, judged->live.blocks);
    db_bind_real(insert, 13, low);
    db_bind_real(insert, 14, high);
    bind_if(insert, 15, leaks, finding->rate_bytes_per_hour);
    bind_if(insert, 16, leaks, finding->rate_low);
    bind_if(insert, 17, leaks, finding->rate_high);
    bind_if(insert, 18, leaks, finding->share);
    bind_if(insert, 19, leaks, finding->share_low);
    bind_if(insert, 20, leaks, finding->share_high);
    db_bind_known(insert, 21, leaks ? finding->onset_ns : UNKNOWN);
    db_bind_known(insert, 22,
                  judged->oldest_birth_ns == UNKNOWN ? UNKNOWN
                                                     : judge->end_ns - judged->oldest_birth_ns);
    db_bind_known(insert, 23, finding->lifetime_p99_ns);
    bind_if(insert, 24, finding->p_value >= 0, finding->p_value);
    db_bind_string(insert, 25, finding->reason);
    return db_insert(insert);
}

static status correct_and_write(struct judge *judge, struct db *db, int64_t run_id)
{
    struct leak_finding **pointers = malloc((2 * judge->judged_count + 1) * sizeof *pointers);
    struct statement *insert;
    int64_t rank = 0;

    if (!pointers) {
        return no_memory();
    }
    for (size_t i = 0; i < judge->judged_count; i++) {
        pointers[i] = &judge->judged[i].finding;
    }
    leak_correct(pointers, judge->judged_count, false_leaks, pointers + judge->judged_count);
    free(pointers);
    qsort(judge->judged, judge->judged_count, sizeof *judge->judged, compare_judged);
    TRY(db_prepare(
        db,
        "INSERT INTO leak (run_id, rank, verdict, stack_id, merged_stacks, function,"
        " samples, live_samples, live_bytes, live_bytes_low, live_bytes_high, live_blocks,"
        " live_blocks_low, live_blocks_high, leak_rate_bytes_per_hour,"
        " leak_rate_bytes_per_hour_low, leak_rate_bytes_per_hour_high, leaked_share,"
        " leaked_share_low, leaked_share_high, onset_ns, oldest_ns, lifetime_p99_ns,"
        " p_value, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?)",
        &insert));
    for (size_t i = 0; i < judge->judged_count; i++) {
        TRY(write_row(judge, insert, run_id, ++rank, &judge->judged[i]));
    }
    return OK;
}

status leak_rows_write(const struct rollup *rollup, const struct stack_table *stacks, struct db *db,
                       int64_t run_id, uint64_t end_ns, uint64_t collected_ns)
{
    struct judge *judge = calloc(1, sizeof *judge);
    uint32_t stack_count = rollup_stack_count(rollup);
    status result = OK;

    if (!judge) {
        return no_memory();
    }
    *judge = (struct judge){
        .rollup = rollup, .stacks = stacks, .end_ns = end_ns, .collected_ns = collected_ns};
    judge->members = calloc(stack_count + 1, sizeof *judge->members);
    judge->judged = calloc(stack_count + 1, sizeof *judge->judged);
    if (!judge->members || !judge->judged) {
        result = no_memory();
    } else {
        for (uint32_t i = 0; i < stack_count; i++) {
            const struct site *site = rollup_site(rollup, i);

            if (site) {
                if (i > 0) { /* 0: lost stacks, which are no site */
                    judge->members[judge->member_count++].stack_id = i;
                    if (is_witness(judge, site)) {
                        judge->witnesses++;
                        judge->freed_shares += freed_share(site);
                    }
                }
            }
        }
        judge_level(judge, 0, false);
        for (int level = 0; level < LEVELS; level++) {
            judge_level(judge, level_frames[level], level == LEVELS - 1);
        }
        result = correct_and_write(judge, db, run_id);
    }
    free(judge->members);
    free(judge->judged);
    free(judge);
    return result;
}
