/* SPDX-License-Identifier: Apache-2.0 */
/* carried.h -- what is alive, as far as the trace tells: the head of the next segment.
 *
 * Follows the events on their way into the trace: an allocation is added, its free removes it. A hash table leads from
 * the key to a row; it holds the hashes, so that only the row that is meant is touched. A row that is free is the
 * next to be used. Of more than MR_CARRIED_MAX blocks the rest is not kept, which the list then says of itself. Memory
 * straight from the kernel, as it is needed. One thread.                                          */
#ifndef MEMREC_CARRIED_H
#define MEMREC_CARRIED_H

#include "encode.h"

#define MR_CARRIED_MAX (1u << 20)

struct mr_carried {
    bool have_ids; /* else the key is the address */
    struct mr_carried_block {
        uint64_t key; /* 0: dead; then the stack is the next free row + 1 */
        uint64_t ticks, address, size;
        uint32_t stack, thread, heap, klass;
        uint32_t extra;
        uint8_t op, interval;
    } * blocks;
    uint32_t count, capacity; /* rows ever used, and rows there are */
    uint32_t alive;
    uint32_t free_row; /* + 1; 0: none */
    struct mr_carried_slot {
        uint32_t row; /* + 1; 0: empty */
        uint32_t hash;
    } * slots;     /* twice as many as rows */
    bool left_out; /* there was no room for one, ever */
};

/* False: no memory. */
bool mr_carried_open(struct mr_carried *carried, bool have_ids);
void mr_carried_close(struct mr_carried *carried);

/* An event that is in the trace from now on. */
void mr_carried_event(struct mr_carried *carried, const struct mr_event *event);

/* A managed object has another address. key: as in the mark HEAP_MOVE. */
void mr_carried_move(struct mr_carried *carried, uint64_t key, uint64_t address);

/* Row `at` as an event. False: it is dead. */
bool mr_carried_get(const struct mr_carried *carried, uint32_t at, struct mr_event *event);

#endif
