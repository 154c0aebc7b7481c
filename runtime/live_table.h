/* SPDX-License-Identifier: Apache-2.0 */
/* live_table.h -- "was the block at this address sampled, and under which id?"
 *
 * Every free asks, nearly every answer is no. So a small filter answers first: one byte per 16-byte
 * granule of address, folded to the filter's size; 0 means surely not. Neighbouring blocks share
 * cache lines of it, so a heap that is walked in order asks in order. Only where it is not 0 the
 * exact table is asked.
 *
 *   filter   a byte counts the live samples folded onto it, and stays at 255 once it got there
 *   table    buckets of 8 keys in one cache line, and their ids in another; an address may stand in
 *            either of two buckets, so a look-up reads two lines and no chain ever grows
 *
 * Lock-free. An address is in the table at most once, because it is live at most once; the host's
 * own synchronisation orders its insertion before its removal.
 *
 *   filter byte   raised before the key is stored, lowered after it is cleared: never 0 in between
 *   key           stored by compare-and-swap from 0 (insert) and to 0 (remove); the swap that
 *                 removes is the one that owns the id                                             */
#ifndef MEMREC_LIVE_TABLE_H
#define MEMREC_LIVE_TABLE_H

#include "atomics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_FILTER_BYTES 65536u /* folds 1 MiB of heap onto one byte each 16 bytes */
#define MR_LIVE_BUCKETS 16384u
#define MR_LIVE_KEYS    8u

/* What the fast path reads: index = (address >> 4) & mask. While nothing is recorded, or everything
 * is, the mask is 0 and the one byte says "ask". The byte of NULL always does: free(NULL) is rare,
 * and a test for it in every free is not free. */
struct mr_filter {
    _Atomic uint8_t *bytes;
    uintptr_t mask;
};
extern struct mr_filter mr_filter MR_HIDDEN;

static inline bool mr_filter_asks(const void *address)
{
    uintptr_t index = ((uintptr_t)address >> 4) & mr_filter.mask;
    return mr_load_relaxed(mr_filter.bytes + index) != 0;
}

/* Takes the memory (once) and opens the filter. False: the kernel had none. */
bool mr_live_start(void);
/* Every free asks from now on. */
void mr_live_ask_always(void);
/* Forgets everything, as a forked child must. */
void mr_live_clear(void);
/* Asks for the granule of an address for ever: for blocks that must not reach the real free. */
void mr_live_mark(const void *address);

/* False when both buckets are full: then the block must not be recorded. id is not 0. */
bool mr_live_insert(const void *address, uint64_t id);
/* The id, once; 0 when the address is not in the table. */
uint64_t mr_live_remove(const void *address);

#endif
