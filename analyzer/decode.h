/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h -- stage 5: the payload of a block becomes typed records, a section at a time; trusts no byte.
 *
 * Nothing is handed out of a section before all of it was checked: counts against the bytes that
 * must hold them, ids against 32 bits, parents of stack nodes against their node, times of events and
 * marks against the block header. Rows of MODULE, THREAD and their like are checked and handed out
 * one by one. Definitions and marks of unknown kinds are left out.
 *
 * Marks are handed out with the events that follow them, as one batch. A bad MARKS section costs
 * its marks only; marks whose events cannot be read are handed out without.
 *
 * A decoder owns the arrays that batches point into and reuses them: no memory is taken per block
 * once the largest block was seen, and at most ~170 MiB for the worst block there can be.         */
#ifndef MEMANALYZE_DECODE_H
#define MEMANALYZE_DECODE_H

#include "records.h"

#include "schema/trace_format.h"

/* Readable bytes, of any value, that must follow a payload given to decode_payload. */
#define DECODE_PADDING 16

/* A reader refuses larger metric ids: it keeps a table of them. */
#define DECODE_METRIC_IDS_MAX (1u << 20)

struct decoder; /* use from one thread at a time */

struct decoder *decoder_new(void); /* NULL: no memory; says nothing */
void decoder_free(struct decoder *decoder);

struct decode_result {
    const char *problem; /* why the rest was skipped; NULL: all of it was understood */
    uint64_t events;     /* handed out, or skipped because sink->events is NULL */
    uint64_t last_ticks; /* of the last event handed out; block->first_ticks before */
};

/* Hands the records of a payload of block->payload_bytes bytes to the sink, in order. Fails only when
 * the sink fails; what is wrong with the payload is told in *result. */
STATUS_MUST_USE status decode_payload(struct decoder *decoder, const struct mr_block_header *block,
                                      const uint8_t *payload, const struct record_sink *sink,
                                      struct decode_result *result);

#endif
