/* SPDX-License-Identifier: Apache-2.0 */
/* pools.h -- slabs, arenas, tiers and connection pools: their latest state, in counters of the process.
 *
 * The owner of a pool stores, the drain thread looks every 100 ms and writes what moved. Counters are
 * relaxed: each is right, two of them may be a moment apart. They go on in a forked child.        */
#ifndef MEMREC_POOLS_H
#define MEMREC_POOLS_H

#include "encode.h"

#include <stdint.h>

/* Begins to follow a pool that was just defined: an arena to be reset with a stream's frames, or 0. */
void mr_pools_follow(uint32_t pool, uint32_t stream);

/* Writes the state of each pool that moved since the last call, or since the session began. Drain thread. */
void mr_pools_tell(struct mr_encoder *encoder);

/* Everything is told anew: a session begins. */
void mr_pools_start(void);

/* Overflows and their bytes so far, of all pools; unknown when there is no pool. */
void mr_pools_overflows(uint64_t out[2]);

/* A frame of the stream ends: says which of its arenas are not empty and were not reset in it. */
void mr_pools_check_resets(uint32_t stream);

#endif
