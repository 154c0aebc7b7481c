/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.h -- each distinct stack once: addresses in, small id out.
 *
 * A trie whose nodes are (parent, return address), rooted at the outermost frame, so that stacks
 * share their common callers. A stack is the node of its innermost frame; node ids are those of the
 * trace. A second table leads from the 64-bit hash a producer computed to the node, so that a
 * known stack costs one look-up and its frames are not sent again.
 *
 * When a library goes away, its addresses may come back with another meaning: mr_stacks_forget makes
 * every stack new. Used by one thread; memory straight from the kernel.                           */
#ifndef MEMREC_STACKS_H
#define MEMREC_STACKS_H

#include "schema/trace_format.h"

#include <stdbool.h>

#define MR_STACK_NODES_MAX (1u << 22)

struct mr_stacks {
    uint32_t *parents; /* by node id */
    uint64_t *pcs;
    uint32_t count;     /* ids below it exist */
    uint32_t announced; /* ids below it are in the trace */
    uint32_t *children; /* hash table of node ids, by (parent, pc); 0: empty */
    uint32_t children_used, children_capacity;
    struct mr_stack_name {
        uint64_t hash;
        uint32_t node; /* 0: empty */
        uint32_t generation;
    } * names;
    uint32_t names_used, names_capacity;
    uint32_t generation;
};

/* False: no memory. */
bool mr_stacks_open(struct mr_stacks *stacks);
void mr_stacks_close(struct mr_stacks *stacks);

/* The node of a stack, innermost frame first, made if it is new. When no node can be made, the
 * node of the longest known outer part; 0 at worst. */
uint32_t mr_stacks_intern(struct mr_stacks *stacks, uint64_t hash, const uint64_t *frames,
                          unsigned count, bool truncated);

/* The node that was interned under this hash; 0: none. */
uint32_t mr_stacks_find(const struct mr_stacks *stacks, uint64_t hash);

void mr_stacks_forget(struct mr_stacks *stacks);

#endif
