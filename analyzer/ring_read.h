/* SPDX-License-Identifier: Apache-2.0 */
/* ring_read.h -- what a killed process had published but not yet written: its rings, read from shared
 * memory (schema/ring_layout.h, TRACE_FORMAT.md section 4). Trusts no byte of that file.
 *
 * Opening copies nothing and changes nothing; ring_read_remove is the only function that does.    */
#ifndef MEMANALYZE_RING_READ_H
#define MEMANALYZE_RING_READ_H

#include "records.h"

struct ring_reader; /* the open rings of one trace; use from one thread */

struct ring_source { /* what the trace says about its rings */
    struct text path;
    struct text boot_id;
    const uint8_t *trace_id; /* 16 bytes */
    uint64_t pid;
    uint64_t last_sequence; /* of the last intact block; UNKNOWN: there is none */
    uint64_t last_ticks;    /* of the last event in the trace */
};

/* Opens the rings. Returns NULL and a static phrase in *why_not when there are none to read: another
 * machine, another boot, file gone, still recording, not the rings of this trace, damaged. *why_not is
 * then one of the strings below, so that callers can tell them apart by address. */
struct ring_reader *ring_read_open(const struct ring_source *source, const char **why_not);
void ring_read_close(struct ring_reader *reader);

extern const char ring_read_other_boot[];    /* or another machine */
extern const char ring_read_gone[];          /* there is no such file */
extern const char ring_read_still_running[]; /* the process lives */
extern const char ring_read_unreadable[];    /* may not be opened */
extern const char ring_read_other_trace[];   /* the file belongs to another trace */
extern const char ring_read_other_version[]; /* its layout is not ours */
extern const char ring_read_damaged[];       /* its sizes contradict each other */

/* Remembers stack nodes of the trace, which events in the rings name by hash. Call for each. */
STATUS_MUST_USE status ring_read_add_stacks(struct ring_reader *reader,
                                            const struct stack_record *stacks);

/* Remembers the ids of the recorder's own counts of losses, so that their last values can be told. */
void ring_read_add_metric(struct ring_reader *reader, const struct metric_record *metric);

struct ring_result {
    uint64_t events, marks;   /* handed out */
    uint64_t owed_frees;      /* of these, frees whose time is only known to be before the end */
    uint64_t lost_stacks;     /* allocations whose stack is not to be found: given node 0 */
    uint64_t damaged_rings;   /* their rest could not be understood */
    bool damaged_definitions; /* likewise */
    uint64_t last_ticks;      /* of the last event or mark */

    /* Blocks from, from + 1 ... to - 1 were written, but are not in the trace. */
    uint64_t missing_from_sequence, missing_to_sequence;
};

/* Hands out all definitions, threads, new stack nodes, events and marks in time order, each thread's final
 * counters, in each heap too, and the last values of the recorder's counts of losses. Fails when the sink fails or memory runs out, having said so. Call once. */
STATUS_MUST_USE status ring_read_records(struct ring_reader *reader, const struct record_sink *sink,
                                         struct ring_result *result);

/* Removes the shared-memory file. */
STATUS_MUST_USE status ring_read_remove(struct ring_reader *reader);

#endif
