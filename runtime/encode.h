/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h -- stage 2: events become record bytes in a block; the mirror of analyzer/decode.c.
 *
 * One encoder fills one payload (TRACE_FORMAT.md, section 3) at a time. Dictionary rows are written as
 * they are told; events gather in columns and become one EVENTS section when the payload is
 * finished, so that a dictionary always precedes what refers to it. Never allocates: the memory is the
 * caller's. One thread at a time.                                                                  */
#ifndef MEMREC_ENCODE_H
#define MEMREC_ENCODE_H

#include "schema/trace_format.h"

#include <stdbool.h>

#define MR_BLOCK_EVENTS_MAX 65536u

/* Memory an encoder needs; only what is used is touched. */
#define MR_ENCODER_BYTES ((size_t)24 << 20)

#define MR_BLOCK_MARKS_MAX 65536u

struct mr_event {
    uint8_t op; /* enum mr_op */
    uint8_t interval;
    uint32_t thread;
    uint32_t stack; /* node id */
    uint32_t extra; /* usable - requested */
    uint64_t ticks;
    uint64_t address; /* of an allocation */
    uint64_t size;
    uint64_t key;         /* allocation: its id (sampled mode); free: the id or address it names */
    uint32_t heap, klass; /* of an allocation with MR_OP_HEAP_ALLOC */
};

struct mr_column {
    uint8_t *bytes;
    size_t used;
};

struct mr_encoder {
    uint8_t *payload;
    size_t used, capacity;
    size_t section_start; /* of the open section's content */
    bool have_ids;
    struct mr_column column[MR_COLUMN_COUNT];
    uint32_t event_count, alloc_count;
    uint64_t base_ticks, base_id, base_address;
    uint64_t last_ticks, last_id, last_address;
    uint64_t first_event_ticks, last_event_ticks; /* oldest and youngest, marks included */
    struct mr_column marks[MR_MARKS_COLUMNS];
    uint32_t mark_count, mark_last_position;
    uint64_t mark_base_ticks, mark_last_ticks;
    uint64_t mark_last[MR_MARK_KINDS][MR_MARK_ARGS_MAX];
    struct mr_column gauge;
    uint32_t gauge_count;
    uint64_t gauge_base_ticks, gauge_last_ticks;
    int64_t gauge_last[64]; /* by metric id */
};

/* Sets an encoder up in MR_ENCODER_BYTES of zeroed memory. */
void mr_encode_init(struct mr_encoder *encoder, void *memory, bool have_ids);

/* Starts a new, empty payload. */
void mr_encode_reset(struct mr_encoder *encoder);

/* Whether nothing was told since the reset. */
bool mr_encode_is_empty(const struct mr_encoder *encoder);

/* Bytes that may still be told before the payload must be finished. */
size_t mr_encode_room(const struct mr_encoder *encoder);

/* Sections by hand: begin, put, end. The caller has seen to the room. */
void mr_encode_begin(struct mr_encoder *encoder, enum mr_section kind);
void mr_encode_uvarint(struct mr_encoder *encoder, uint64_t value);
void mr_encode_svarint(struct mr_encoder *encoder, int64_t value);
void mr_encode_bytes(struct mr_encoder *encoder, const void *bytes, size_t size);
void mr_encode_text(struct mr_encoder *encoder, const void *bytes, size_t size); /* with length */
void mr_encode_end(struct mr_encoder *encoder);

/* Entries of an open HEADER section. */
void mr_encode_header_integer(struct mr_encoder *encoder, enum mr_header_key key, uint64_t value);
void mr_encode_header_text(struct mr_encoder *encoder, enum mr_header_key key, const char *text);
void mr_encode_header_bytes(struct mr_encoder *encoder, enum mr_header_key key, const void *bytes,
                            size_t size);

/* One whole section of stack nodes: parents[i] and pcs[i] describe node first_id + i. */
void mr_encode_stacks(struct mr_encoder *encoder, uint32_t first_id, uint32_t count,
                      const uint32_t *parents, const uint64_t *pcs);

/* Adds an event; at most MR_BLOCK_EVENTS_MAX between two resets. */
void mr_encode_event(struct mr_encoder *encoder, const struct mr_event *event);

/* The events since the reset, all of them allocations, are not news: they become a section ALIVE with these flags
 * (enum of trace_format.h, MR_EVENTS_HAVE_IDS is known), and the payload has no events again. */
void mr_encode_alive(struct mr_encoder *encoder, unsigned flags);

/* Adds a mark, after the events so far. False: there is no room for it in this payload. */
bool mr_encode_mark(struct mr_encoder *encoder, enum mr_mark kind, uint32_t thread, uint64_t ticks,
                    const uint64_t *arguments, unsigned count);

/* Adds a gauge row; metric < 64. At most 8192 between two resets. */
void mr_encode_gauge(struct mr_encoder *encoder, uint64_t ticks, uint32_t metric, int64_t value);

/* Whether the payload holds an event or a mark. */
bool mr_encode_has_events(const struct mr_encoder *encoder);

/* Closes the payload: gauges, marks and events become sections. Its bytes are payload[0 .. used). */
void mr_encode_finish(struct mr_encoder *encoder);

#endif
