/* SPDX-License-Identifier: Apache-2.0 */
/* write.h -- stage 3: payloads become checksummed zstd frames in a file; owns the descriptor.
 *
 * A block that cannot be written (full disk) is given up whole: the file is cut back to its last
 * whole block, the numbers go on, and a reader sees exactly how many events are missing. Never
 * allocates after mr_write_open. One thread at a time.                                            */
#ifndef MEMREC_WRITE_H
#define MEMREC_WRITE_H

#include "schema/trace_format.h"

#include <stdbool.h>

struct mr_writer {
    int file;
    uint8_t trace_id[16];
    uint64_t sequence;      /* of the next block */
    uint64_t events_before; /* in all blocks so far, written or given up */
    uint64_t bytes_written; /* to this file */
    uint64_t errors;        /* blocks given up */
    int last_error;         /* -errno of the latest */
    int level;
    bool (*make_room)(void *context); /* NULL, or: whether it could free some of a full disk */
    void *make_room_context;
    void *context;  /* zstd's, in `memory` */
    uint8_t *frame; /* header and compressed payload */
    size_t frame_capacity;
    void *memory;
    size_t memory_bytes;
};

struct mr_block_facts {
    uint64_t first_ticks, last_ticks, clock_ticks, clock_ns;
    uint32_t event_count;
    uint32_t flags; /* MR_BLOCK_LAST */
};

/* Takes over `file`, which stands at its end. False: no memory. */
bool mr_write_open(struct mr_writer *writer, int file, const uint8_t trace_id[16], int level);
void mr_write_close(struct mr_writer *writer);

/* Goes on in another file, which is empty and taken over; the one so far is closed. The numbers go on. */
void mr_write_continue(struct mr_writer *writer, int file);

/* Compresses and writes one block. 0, or -errno when it was given up. */
int mr_write_block(struct mr_writer *writer, const void *payload, size_t size,
                   const struct mr_block_facts *facts);

#endif
