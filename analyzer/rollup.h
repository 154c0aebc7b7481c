/* SPDX-License-Identifier: Apache-2.0 */
/* rollup.h -- sums over samples while they stream by, so that no report ever scans them.
 *
 * Per stack, thread, size class, lifetime and time bucket of one run. A sample of `size` bytes stands
 * for `weight` blocks, so its terms are weight and size * weight; with each sum go the squared terms
 * and the estimated variance, from which views.sql makes intervals.
 *
 * Memory: about 1 KiB per stack, and at most ROLLUP_CELLS_MAX cells: when a run would need more, the
 * time buckets double in width. Times must not go back by more than the events of one batch.
 *
 *   start    alloc / free ...    finish    survivor ...    write    (then start again)            */
#ifndef MEMANALYZE_ROLLUP_H
#define MEMANALYZE_ROLLUP_H

#include "db.h"
#include "table_writer.h"

enum {
    ROLLUP_BUCKETS = 240,         /* of a run whose length was known at the start */
    ROLLUP_BUCKETS_MAX = 480,     /* a longer one gets wider buckets */
    ROLLUP_CELLS_MAX = 2 << 20,   /* of 40 bytes */
    ROLLUP_LIFETIME_STEPS = 4,    /* histogram buckets per power of two */
    ROLLUP_LIFETIME_OCTAVES = 40, /* from 2^8 ns: to three days */
    ROLLUP_LIFETIMES = ROLLUP_LIFETIME_STEPS * ROLLUP_LIFETIME_OCTAVES,
    ROLLUP_LIFETIME_LOW = 8,
    ROLLUP_OLD = 3, /* collections; what survives them was not garbage that waited */
};

struct sums {
    uint64_t samples;
    double bytes, bytes_sq, bytes_var;
    double blocks, blocks_sq, blocks_var;
};

struct site_cell { /* what was born, and what was freed, in one time bucket; of one stack */
    uint32_t bucket;
    uint32_t samples;   /* born */
    uint32_t survivors; /* of these, alive at the end */
    float freed_samples;
    double alloc_bytes, freed_bytes, survivor_bytes;
};

struct site { /* everything about one stack in one run; what each event touches comes first */
    struct sums allocated, live, peak;
    struct site_cell now; /* the latest; the earlier ones are in `cells` */
    uint64_t peak_epoch;  /* `peak` is right for this epoch and, while untouched, later ones */
    uint64_t first_ns, last_ns;           /* births: of all ... */
    uint64_t live_first_ns;               /* ... since the site last had nothing alive ... */
    uint64_t peak_first_ns, peak_last_ns; /* ... at the peak */
    uint64_t freed, longest_ns;
    uint64_t freed_old;  /* of the freed, those that had survived ROLLUP_OLD collections */
    uint32_t *lifetimes; /* histogram of the freed; NULL: none was */
    uint32_t stack_id;
    bool has_now;
    uint32_t cell_count, cell_room;
    struct site_cell *cells; /* by bucket, rising; with the latest one only after rollup_finish */
    struct sums temporary, end, waste;
    uint64_t temporary_first_ns, temporary_last_ns;
    uint64_t end_first_ns, end_last_ns; /* ... of those alive at the end */
    uint64_t end_earlier_ns;            /* the oldest of these was born so long before the run */
    uint64_t carried; /* samples that were alive already, in no sum of what was allocated */
};

struct rollup;

struct rollup_block { /* a sample, as seen by the sums */
    uint64_t birth_ns, size_bytes;
    uint64_t earlier_ns; /* so much before the run's start it was born, and birth_ns is 0 */
    uint32_t extra_bytes;
    uint32_t stack_id; /* 0: lost */
    uint32_t thread;   /* dense number of the caller's */
    bool old;          /* of one that is freed: it had survived ROLLUP_OLD collections */
    double weight;
};

STATUS_MUST_USE status rollup_open(struct rollup **out);
void rollup_close(struct rollup *rollup);

/* Begins a run that will last about so long; a block that lives less than temporary_ns is
 * temporary. */
void rollup_start(struct rollup *rollup, uint64_t duration_ns, uint64_t temporary_ns);

STATUS_MUST_USE status rollup_alloc(struct rollup *rollup, const struct rollup_block *block);
/* A block that was alive already, found at now_ns: it lives, but counts in no sum of what was allocated. */
STATUS_MUST_USE status rollup_carry(struct rollup *rollup, const struct rollup_block *block,
                                    uint64_t now_ns);

STATUS_MUST_USE status rollup_free(struct rollup *rollup, const struct rollup_block *block,
                                   uint64_t death_ns);

/* After the last event: its time, then each block still alive. */
STATUS_MUST_USE status rollup_finish(struct rollup *rollup, uint64_t end_ns);
STATUS_MUST_USE status rollup_survivor(struct rollup *rollup, const struct rollup_block *block);

/* After the last survivor: the rows of table history, out of tables of this run that must be written before. */
STATUS_MUST_USE status rollup_write_history(struct rollup *rollup, struct db *db, int64_t run_id,
                                            uint64_t end_ns);

uint64_t rollup_bucket_ns(const struct rollup *rollup);
uint64_t rollup_peak_ns(const struct rollup *rollup); /* UNKNOWN: no sample */

/* What is live after the last event; *usable_bytes with the allocator's rounding. */
const struct sums *rollup_live(const struct rollup *rollup, double *usable_bytes);

/* The sites of the run by stack.id; *site is NULL where a stack has no sample. Valid until
 * rollup_start. */
struct site *rollup_site(const struct rollup *rollup, uint32_t stack_id);
uint32_t rollup_stack_count(const struct rollup *rollup); /* largest stack_id + 1 */

/* Bounds of a histogram bucket: ns from low up to, not with, high. */
uint64_t rollup_lifetime_low_ns(unsigned bucket);
uint64_t rollup_lifetime_high_ns(unsigned bucket);

/* 1 / (1 - exp(-size / mean)) for code k >= 1 with mean = base << (k - 1); 1 for code 0.
 * Remembers. */
double rollup_weight(struct rollup *rollup, uint64_t size_bytes, unsigned interval_code,
                     uint64_t base_interval_bytes);

/* The size class that a size belongs to: from *low up to and with *high. */
void rollup_size_class(uint64_t size_bytes, uint64_t *low, uint64_t *high);

/* Writes stack_stat, stack_time, timeline, thread_stat, size_stat and lifetime_stat.
 * `thread_ids` are the thread.id of the caller's dense numbers; `stack_time` NULL: that table
 * too goes through `db`. */
STATUS_MUST_USE status rollup_write(struct rollup *rollup, struct db *db,
                                    struct table_writer *stack_time, int64_t run_id,
                                    const int64_t *thread_ids);

#endif
