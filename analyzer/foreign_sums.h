/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_sums.h -- a run of which only sums by stack are known: no times, no threads, no single blocks.
 *
  *   begin    mapping... place... stack, add...    finish    close                              */
#ifndef MEMANALYZE_FOREIGN_SUMS_H
#define MEMANALYZE_FOREIGN_SUMS_H

#include "export_write.h"
#include "foreign.h"

enum { /* measures: what stack_stat calls them, and whether there is a timeline */
       FOREIGN_SUMS_ALLOCATED,
       FOREIGN_SUMS_LIVE,
       FOREIGN_SUMS_PEAK,
       FOREIGN_SUMS_TEMPORARY,
       FOREIGN_SUMS_TIMELINE,
       FOREIGN_SUMS_MEASURES,
};

struct foreign_sums_range;

struct foreign_sums {
    struct import *import;
    const char *path, *format;
    int64_t run_id;
    uint64_t interval_bytes; /* mean, of sampling; 0: everything was counted */
    uint64_t module_count, node_count;
    struct pair_index places;             /* hash of a place's text, line: its number less 1 */
    struct pair_index nodes;              /* parent, pc: the node less 2 */
    struct foreign_sums_range *allocator; /* where its own code lies */
    size_t allocator_count;
    struct statement *add, *add_size;
    bool has[FOREIGN_SUMS_MEASURES];      /* by measure: see foreign_sums_measures */
    int64_t duration_ns, started_unix_ns; /* -1: not known */
    int64_t peak_ns, bucket_ns;           /* peak_ns -1: not known */
    const char *command, *executable;     /* NULL: not known */
    uint64_t entries;                     /* that were added */
};

extern const char *const foreign_sums_measures[]; /* ends with NULL */

/* What a capture counted. */
struct foreign_sums_value {
    double blocks; /* negative: not counted */
    double bytes;
    bool
        scaled; /* what samples stand for; false: what was sampled, to be scaled up by the interval */
};

STATUS_MUST_USE status foreign_sums_begin(struct import *import, const char *path,
                                          const char *format, struct foreign_sums *out);
void foreign_sums_close(struct foreign_sums *sums); /* also after foreign_sums_finish */

/* A line of /proc/PID/maps; others than executable ones of a file are passed over. */
STATUS_MUST_USE status foreign_sums_mapping(struct foreign_sums *sums, const char *line);

/* The pc that stands for a function that another tool found. */
STATUS_MUST_USE status foreign_sums_place(struct foreign_sums *sums, struct text function,
                                          struct text file, uint64_t line, uint64_t *pc);

/* stack.id of return addresses and places, innermost first; what belongs to the allocator itself is left out. */
STATUS_MUST_USE status foreign_sums_stack(struct foreign_sums *sums, const uint64_t *pcs,
                                          size_t count, uint32_t *stack_id);

STATUS_MUST_USE status foreign_sums_add(struct foreign_sums *sums, const char *measure,
                                        uint32_t stack_id, const struct foreign_sums_value *value);

/* Writes run, capability, loss and leak: every finding is undecided. */
STATUS_MUST_USE status foreign_sums_finish(struct foreign_sums *sums);

#endif
