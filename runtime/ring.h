/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h -- events from one thread to the drain thread, without locks.
 *
 * The layout is schema/ring_layout.h, because a ring outlives its process. A full ring refuses the
 * event: malloc never waits, and the caller counts the loss. Counters count 64-bit words and only
 * grow; word n lies at n & mask.
 *
 * Invariant:  head - tail <= mask + 1          (unsigned; the counters may wrap)
 *
 *             stored by   published as   means
 *   head      producer    release (P1)   every word below it is filled
 *   tail      consumer    release (C1)   every word below it may be overwritten
 *
 * Safe together: one push and one pop. Nothing else.                                              */
#ifndef MEMREC_RING_H
#define MEMREC_RING_H

#include "schema/ring_layout.h"

#include <stdbool.h>

/* Copies `count` words into the ring. Returns false when fewer than count + reserve words are
 * free. Wait-free; never allocates. Call only from the owning thread, inside its guard. */
bool mr_ring_push(struct mr_ring *ring, uint64_t *data, uint64_t mask, const uint64_t *words,
                  unsigned count, uint64_t reserve);

/* Words published so far: everything below may be read until mr_ring_release. Consumer only. */
uint64_t mr_ring_published(struct mr_ring *ring);

/* Gives every word below `tail` back to the producer. Consumer only. */
void mr_ring_release(struct mr_ring *ring, uint64_t tail);

#endif
