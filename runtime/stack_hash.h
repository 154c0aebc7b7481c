/* SPDX-License-Identifier: Apache-2.0 */
/* stack_hash.h -- the 64-bit name of a call stack: a running hash of its return addresses.
 *
 * The recorder computes it while it walks, the analyzer again from the addresses it decoded, so
 * both must use this definition. Leaf first. It names stacks within one run only: addresses move
 * with every load. Equal hashes of different stacks are possible; interning compares addresses.  */
#ifndef MEMREC_STACK_HASH_H
#define MEMREC_STACK_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MR_STACK_HASH_SEED UINT64_C(0x6D656D7265637374)

/* The hash of a stack that continues, one frame rootwards, with return address `pc`. */
static inline uint64_t mr_stack_hash_add(uint64_t hash, uint64_t pc)
{
    hash = (hash ^ pc) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

/* The hash of `frames` addresses, leaf first; MR_STACK_HASH_SEED for none. */
static inline uint64_t mr_stack_hash(const uint64_t *pcs, size_t frames)
{
    uint64_t hash = MR_STACK_HASH_SEED;

    for (size_t i = 0; i < frames; i++) {
        hash = mr_stack_hash_add(hash, pcs[i]);
    }
    return hash;
}

#endif
