/* SPDX-License-Identifier: Apache-2.0 */
/* records.h -- what a trace says, in C: the typed records that decode.c and ring_read.c produce and
 * import.c consumes. Names and units are those of TRACE_FORMAT.md.
 *
 * Records borrow memory from their producer: text and arrays are valid during the call only.      */
#ifndef MEMANALYZE_RECORDS_H
#define MEMANALYZE_RECORDS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text { /* not terminated; any bytes */
    const char *bytes;
    size_t length;
};

#define UNKNOWN UINT64_MAX /* an integer the trace does not tell */

struct header_record { /* an absent text has bytes == NULL, an absent integer is UNKNOWN */
    struct text recorder_version, executable, command_line, host, boot_id, ring_path;
    struct text architecture, operating_system, allocator, unwinder, capabilities;
    uint64_t pid, parent_pid, start_ticks, start_monotonic_ns, start_realtime_ns;
    uint64_t page_bytes, interval_bytes, mode, stack_depth_max, start_reason;
    uint64_t segment, only_last;
    bool has_parent_trace_id;
    uint8_t parent_trace_id[16];
};

struct address_range {
    uint64_t start, size_bytes;
};

struct module_record {
    uint64_t id, ticks, bias;
    const struct address_range *ranges;
    size_t range_count;
    struct text build_id; /* raw bytes */
    struct text path;
};

struct module_gone_record {
    uint64_t id, ticks;
};

struct thread_record {
    uint64_t id, tid, ticks;
    struct text name;
};

struct thread_counters_record {
    uint64_t ticks, thread, flags, alloc_calls, alloc_bytes, free_calls;
};

struct stack_record { /* nodes first_id, first_id + 1, ...: parents are smaller than their node */
    uint64_t first_id;
    size_t count;
    const uint64_t *parents;
    const uint64_t *pcs;
};

struct definition_record {
    uint64_t kind; /* enum mr_definition */
    uint64_t id;
    const uint64_t *arguments; /* MR_DEFINE_ARGS_MAX of them: what was not told is UNKNOWN */
    struct text text;
};

/* What the program told. */
struct mark {
    uint32_t kind; /* enum mr_mark */
    uint32_t thread;
    uint64_t ticks;
    uint32_t position; /* events of the batch that come before it */
    uint32_t argument_count;
    const uint64_t *arguments;
};

static inline uint64_t mark_argument(const struct mark *mark, uint32_t index)
{
    return index < mark->argument_count ? mark->arguments[index] : UNKNOWN;
}

struct heap_counters_record {
    uint64_t ticks, thread, heap, alloc_calls, alloc_bytes, free_calls, freed_bytes;
};

/* Allocations and frees in time order, by columns, and the marks among them. Row i of the event columns; allocation and free
 * columns hold the rows of their kind only, in order. `keys` are ids when has_ids, else addresses:
 * a free ends the open allocation with the same key. */
struct event_batch {
    bool has_ids;
    size_t count, alloc_count; /* frees: count - alloc_count */
    const uint8_t *ops;
    const uint64_t *ticks;
    const uint32_t *threads;
    const uint64_t *addresses; /* allocations from here on ... */
    const uint64_t *sizes;
    const uint32_t *extras;
    const uint32_t *stacks;     /* node ids */
    const uint8_t *intervals;   /* codes */
    const uint64_t *alloc_keys; /* == addresses when !has_ids */
    const uint64_t *free_keys;  /* frees */
    const uint32_t *heaps;      /* of allocations with op 6, 0 for others; NULL: there is none */
    const uint32_t *classes;    /* likewise */
    const struct mark *marks;   /* in order of position */
    size_t mark_count;
};

/* What was alive when a segment of the trace began: known already to who has read what came before. */
struct alive_batch {
    const struct event_batch *blocks; /* allocations only */
    bool last;                        /* of the list ... */
    bool whole;                       /* ... from which nothing that was alive is missing */
};

struct metric_record {
    uint64_t id, unit, kind;
    struct text name;
};

struct gauge_batch {
    size_t count;
    const uint64_t *ticks;
    const uint32_t *metrics;
    const int64_t *values;
};

struct end_record {
    uint64_t reason, ticks;
};

/* A stretch of the trace that could not be read. Given in stream order, before the records that follow it. */
struct gap_record {
    uint64_t first_ticks, last_ticks; /* last UNKNOWN: until the end */
    uint64_t lost_events;             /* UNKNOWN: cannot be told */
    uint64_t first_byte, last_byte;   /* in the file; last: one past */
    const char *reason;               /* a static phrase, e.g. "wrong checksum", "cut off" */
};

/* Who receives the records, in stream order. A function left NULL skips its records. A failing
 * status stops the reading and is handed to the caller. */
struct record_sink {
    void *context;
    status (*header)(void *context, const struct header_record *record);
    status (*module)(void *context, const struct module_record *record);
    status (*module_gone)(void *context, const struct module_gone_record *record);
    status (*thread)(void *context, const struct thread_record *record);
    status (*thread_counters)(void *context, const struct thread_counters_record *record);
    status (*stacks)(void *context, const struct stack_record *record);
    status (*definition)(void *context, const struct definition_record *record);
    status (*heap_counters)(void *context, const struct heap_counters_record *record);
    status (*events)(void *context, const struct event_batch *batch); /* also of marks alone */
    status (*alive)(void *context, const struct alive_batch *batch);
    status (*metric)(void *context, const struct metric_record *record);
    status (*gauges)(void *context, const struct gauge_batch *batch);
    status (*end)(void *context, const struct end_record *record);
    status (*gap)(void *context, const struct gap_record *record);
};

#endif
