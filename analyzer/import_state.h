/* SPDX-License-Identifier: Apache-2.0 */
/* import_state.h -- what import.c (the database), import_run.c (one trace) and import_records.c (its records)
 * share; for nobody else. */
#ifndef MEMANALYZE_IMPORT_STATE_H
#define MEMANALYZE_IMPORT_STATE_H

#include "db.h"
#include "import.h"
#include "import_losses.h"
#include "import_ticks.h"
#include "keep_rows.h"
#include "leak_classes.h"
#include "lifetimes.h"
#include "pins.h"
#include "read.h"
#include "rollup.h"
#include "sparse_array.h"
#include "stack_table.h"
#include "symbols.h"
#include "table_writer.h"
#include "voice.h"
#include "waterfall_rows.h"

struct thread_state { /* by the trace's number */
    uint32_t dense;   /* plus 1; 0: not seen */
};

struct thread_row {
    uint64_t number, tid;
    int64_t id, first_ns, ended_ns; /* ended -1: not */
    char name[64];
    bool has_tid, has_name, has_counters, inexact;
    bool older; /* than the run, whose beginning was rotated away: its counters start at `base` */
    uint64_t alloc_calls, alloc_bytes, free_calls;
    uint64_t base[3];
    struct heap_base *heap_bases; /* by heap - 1; NULL: none */
    int64_t
        realloc_sample; /* its last event was a free by realloc that ended this sample; 0: not */
};

struct heap_base { /* counters of a thread in a heap when the run began */
    bool known;
    uint64_t alloc_calls, alloc_bytes, free_calls, freed_bytes;
};

struct run {
    int64_t id;
    struct trace *trace;
    const char *path;
    bool has_header, has_end;
    uint64_t end_reason;
    int64_t start_ns; /* of trace_ns */
    bool late;        /* it starts with a later segment ... */
    uint64_t late_ns; /* ... so long after the recording did */
    bool blind; /* something before here could not be read: what is alive is not surely known */
    bool whole_since; /* ... and was told since the start of a late run */
    uint64_t *alive;  /* keys told to be alive, meanwhile */
    size_t alive_count, alive_room;
    uint64_t last_ns;  /* of the latest record so far */
    uint64_t interval; /* base, bytes */
    bool saw_events, has_ids;
    struct sparse_array threads; /* thread_state by the trace's number */
    struct thread_row *thread_rows;
    uint32_t thread_count, thread_room;
    uint64_t events;
    uint64_t gaps, gaps_inside, gap_events; /* inside: the trace goes on behind them */
    bool gap_unknown;                       /* one inside could not be counted */
    struct keep_rows keep;
    int64_t last_sample; /* of the block that ended last; 0: it has no row */
    struct import_losses losses;
};

struct import {
    const struct import_options *options;
    bool restored; /* all rows are a snapshot's: nothing is computed */
    const char *target;
    char *building;          /* path of the file until it is whole */
    struct db *db;           /* everything but samples */
    struct table_file *file; /* of the new database; NULL with slow_samples */
    struct table_writer sample, stack_time, stack_frame;
    struct statement *insert_sample, *insert_gap;
    struct import_ticks *ticks;
    struct stack_table *stacks;
    struct rollup *rollup;
    struct rollup *
        twins; /* objects that are blocks of malloc, too, which `rollup` counts: to be judged only */
    struct leak_classes *classes;
    struct lifetimes *lifetimes;
    struct pins pins;
    struct voice *voice;
    struct waterfall_rows waterfall;
    struct symbolizer *symbolizer;
    int64_t run_count, sample_id, thread_id;
    uint64_t sample_bytes; /* that the rows of one run's samples may take */
    struct run run;
    struct import_totals totals;
};

/* import_run.c: reads one trace, which may have several files, and writes all rows of its run. STATUS_INCOMPLETE after saying
 * what is missing. */
STATUS_MUST_USE status import_run(struct import *import, const char *const *paths, size_t count);

/* import_records.c: the functions that take the records of import->run. */
struct record_sink import_records_sink(struct import *import);

/* After the last record: the blocks still open become rows, and are forgotten. */
STATUS_MUST_USE status import_records_survivors(struct import *import);

#endif
