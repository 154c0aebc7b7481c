/* SPDX-License-Identifier: Apache-2.0 */
/* read.h -- stage 4: a file becomes whole, verified blocks; and the trace as a whole becomes records.
 *
 * A trace of several files is read as if they were one, one behind the other; what is missing between them is a
 * gap like any other, and offsets count from the first one's start.
 *
 * Opening scans every block header once (without decompressing), so the reader knows the clock, the
 * time range, the number of events and every gap before the first record is handed out.           */
#ifndef MEMANALYZE_READ_H
#define MEMANALYZE_READ_H

#include "records.h"

struct trace;       /* an open trace; use from one thread */
struct ring_reader; /* ring_read.h */

struct mr_block_header; /* schema/trace_format.h */

struct clock_pair {
    uint64_t ticks, ns;
};

struct trace_segment { /* one file of the trace */
    const char *path;
    uint64_t first_byte, file_bytes;
    uint64_t first_sequence, last_sequence; /* of its intact blocks; of none: UNKNOWN */
    uint64_t first_ticks, last_ticks, event_count, block_count;
};

struct trace_facts { /* known after trace_open */
    uint8_t trace_id[16];
    uint64_t file_bytes, block_count, intact_block_count, gap_count;
    uint64_t event_count; /* in intact blocks */
    uint64_t first_ticks, last_ticks;
    uint64_t first_sequence; /* of the first intact block */
    uint64_t last_sequence;  /* of the last intact block */
    bool ended;              /* the last block says so */
    uint16_t major, minor;
    const struct clock_pair *clocks; /* by ticks, rising; valid until trace_close */
    size_t clock_count;
    const struct trace_segment *segments; /* its files, in order; valid until trace_close */
    size_t segment_count;
};

/* Opens and scans a trace: the file at `path`, and when that is one of several, those beside it too; when there is
 * no such file, but later ones of a trace that would have begun there, those. Fails, having said why, when the file cannot be read, is empty, is not
 * zstd, is zstd but not ours, is of another major version, or holds not one intact block. Damage
 * elsewhere is no failure: it becomes gaps. */
STATUS_MUST_USE status trace_open(const char *path, struct trace **out);
/* The same, and its files are these, besides those beside the first. They are of one trace. */
STATUS_MUST_USE status trace_open_files(const char *const *paths, size_t count, struct trace **out);
void trace_close(struct trace *trace);

/* The reason of a gap that is none: older segments went, as the recorder was asked to keep the last only. */
extern const char trace_rotated_away[];

/* Whether the trace begins late: with another than its first segment. */
bool trace_begins_late(const struct trace *trace);

const struct trace_facts *trace_get_facts(const struct trace *trace);
const char *trace_path(const struct trace *trace); /* as given to trace_open */

/* The HEADER section, once known: after trace_open when the first block is intact, else after trace_read
 * met a repetition. NULL before. Valid until trace_close. */
const struct header_record *trace_header(const struct trace *trace);

/* Hands every record of the trace to the sink, in order, gaps in their places, then what the rings of a
 * killed process still hold (ring_read.h) when they are on this machine. `progress` (may be NULL) is
 * called with bytes done and total. */
STATUS_MUST_USE status trace_read(struct trace *trace, const struct record_sink *sink,
                                  void (*progress)(void *context, uint64_t done, uint64_t total),
                                  void *progress_context);

/* The same without the rings, and without a gap for an end that is missing. */
STATUS_MUST_USE status trace_read_blocks(struct trace *trace, const struct record_sink *sink,
                                         void (*progress)(void *context, uint64_t done,
                                                          uint64_t total),
                                         void *progress_context);

/* Opens the rings that the trace names, for a caller of trace_read_blocks; see ring_read_open. Also NULL
 * when the trace ended in order or names none. */
struct ring_reader *trace_open_rings(const struct trace *trace, const char **why_not);

/* Events that trace_read took from the rings; 0 before, or when there were none. */
uint64_t trace_recovered_events(const struct trace *trace);

/* Whether the rings of a killed process were found and handed out: nothing is missing at the end. */
bool trace_rings_found(const struct trace *trace);

/* Calls `block` for every intact block, in order, with its bytes: header and frame, as in the file. */
STATUS_MUST_USE status trace_each_block(struct trace *trace, void *context,
                                        status (*block)(void *context,
                                                        const struct mr_block_header *header,
                                                        const uint8_t *bytes, size_t size_bytes));

/* Nanoseconds since the first clock reading (may be negative), by interpolation between the pairs. The
 * first reading is the HEADER's start, when block 0 is intact. With one reading a tick counts as 1 ns. */
int64_t trace_ns(const struct trace *trace, uint64_t ticks);

#endif
