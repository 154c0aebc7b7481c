/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.h -- which allocations to keep: pure arithmetic on a private random state.
 *
 * Every byte allocated is a sampling point with probability 1/R (a Poisson process over bytes with
 * mean interval R); an allocation that contains one is kept. So the distance to the next point is
 * exponential: -R ln u. A block of S bytes is kept with probability 1 - exp(-S/R).                */
#ifndef MEMREC_SAMPLER_H
#define MEMREC_SAMPLER_H

#include "schema/trace_format.h"

#include <stdint.h>

/* Seeds a state of two words; never all zero afterwards. */
void mr_random_seed(uint64_t state[2], uint64_t seed);

/* 64 random bits: xoroshiro128+ (Blackman and Vigna 2018), whose upper bits we use. */
uint64_t mr_random_next(uint64_t state[2]);

/* -ln(u) for u = (bits + 0.5) / 2^52 with the upper 52 bits of `bits`; relative error < 1e-9. Needs no libm. */
double mr_exponential(uint64_t bits);

/* Bytes until the next sampling point, at least 1: the smallest integer not below an exponential
 * with mean `interval_bytes`, so that P(draw <= S) is exactly 1 - exp(-S / interval_bytes). */
uint64_t mr_sampler_draw(uint64_t state[2], uint64_t interval_bytes);

/* size / (1 - exp(-size / interval_bytes)), rounded down: the bytes a kept block stands for. */
uint64_t mr_weighted_bytes(uint64_t size_bytes, uint64_t interval_bytes);

/* Interval codes (schema/trace_format.h) by the length they stand for: 38 … 33, 1, 2 … 32. One step, where
 * there is one. */
static inline uint32_t mr_interval_rank(uint32_t code)
{
    return code <= MR_INTERVAL_COARSEST ? code + (MR_INTERVAL_FINEST - MR_INTERVAL_FINER) - 1
                                        : MR_INTERVAL_FINEST - code;
}
static inline uint32_t mr_interval_coarser(uint32_t code)
{
    if (code > MR_INTERVAL_FINER + 1)
        return code - 1;
    return code > MR_INTERVAL_FINER ? 1 : code < MR_INTERVAL_COARSEST ? code + 1 : code;
}
static inline uint32_t mr_interval_finer(uint32_t code)
{
    if (code > MR_INTERVAL_FINER)
        return code < MR_INTERVAL_FINEST ? code + 1 : code;
    return code > 1 ? code - 1 : MR_INTERVAL_FINER + 1;
}

/* The code whose interval is nearest to `bytes`, of those that leave at least a byte. */
uint32_t mr_interval_code(uint64_t base_bytes, uint64_t bytes);

#endif
