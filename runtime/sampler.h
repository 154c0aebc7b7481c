/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.h -- which allocations to keep: pure arithmetic on a private random state.
 *
 * Every byte allocated is a sampling point with probability 1/R (a Poisson process over bytes with
 * mean interval R); an allocation that contains one is kept. So the distance to the next point is
 * exponential: -R ln u. A block of S bytes is kept with probability 1 - exp(-S/R).                */
#ifndef MEMREC_SAMPLER_H
#define MEMREC_SAMPLER_H

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

#endif
