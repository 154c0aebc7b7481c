/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks.h"

#include "pages.h"

#include <string.h>

#define FIRST_CAPACITY 4096u

bool mr_stacks_open(struct mr_stacks *stacks)
{
    memset(stacks, 0, sizeof *stacks);
    stacks->parents = mr_pages_map(MR_STACK_NODES_MAX * sizeof *stacks->parents);
    stacks->pcs = mr_pages_map(MR_STACK_NODES_MAX * sizeof *stacks->pcs);
    stacks->children_capacity = stacks->names_capacity = FIRST_CAPACITY;
    stacks->children = mr_pages_map(FIRST_CAPACITY * sizeof *stacks->children);
    stacks->names = mr_pages_map(FIRST_CAPACITY * sizeof *stacks->names);
    stacks->count = stacks->announced = MR_STACK_FIRST_ID;
    return stacks->parents && stacks->pcs && stacks->children && stacks->names;
}

void mr_stacks_close(struct mr_stacks *stacks)
{
    mr_pages_unmap(stacks->parents, MR_STACK_NODES_MAX * sizeof *stacks->parents);
    mr_pages_unmap(stacks->pcs, MR_STACK_NODES_MAX * sizeof *stacks->pcs);
    mr_pages_unmap(stacks->children, stacks->children_capacity * sizeof *stacks->children);
    mr_pages_unmap(stacks->names, stacks->names_capacity * sizeof *stacks->names);
}

static uint32_t child_slot(uint32_t parent, uint64_t pc, uint32_t capacity)
{
    uint64_t hash = (pc ^ (uint64_t)parent << 32 ^ parent) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(hash >> 32) & (capacity - 1);
}

static bool grow_children(struct mr_stacks *stacks)
{
    uint32_t capacity = stacks->children_capacity * 2;
    uint32_t *larger = mr_pages_map(capacity * sizeof *larger);
    if (!larger)
        return false;
    for (uint32_t i = 0; i < stacks->children_capacity; i++) {
        uint32_t node = stacks->children[i];
        if (!node)
            continue;
        uint32_t slot = child_slot(stacks->parents[node], stacks->pcs[node], capacity);
        while (larger[slot])
            slot = (slot + 1) & (capacity - 1);
        larger[slot] = node;
    }
    mr_pages_unmap(stacks->children, stacks->children_capacity * sizeof *stacks->children);
    stacks->children = larger;
    stacks->children_capacity = capacity;
    return true;
}

/* The child of `parent` at `pc`, made if need be; 0 when it cannot be made. */
static uint32_t child(struct mr_stacks *stacks, uint32_t parent, uint64_t pc)
{
    uint32_t slot = child_slot(parent, pc, stacks->children_capacity);
    for (;; slot = (slot + 1) & (stacks->children_capacity - 1)) {
        uint32_t node = stacks->children[slot];
        if (!node)
            break;
        if (stacks->parents[node] == parent && stacks->pcs[node] == pc)
            return node;
    }
    if (stacks->count == MR_STACK_NODES_MAX)
        return 0;
    uint32_t node = stacks->count++;
    stacks->parents[node] = parent;
    stacks->pcs[node] = pc;
    stacks->children[slot] = node;
    if (++stacks->children_used > stacks->children_capacity / 2 && !grow_children(stacks) &&
        stacks->children_used >= stacks->children_capacity - 1)
        return 0; /* no memory for a larger table: stop before it is full */
    return node;
}

static struct mr_stack_name *name_slot(struct mr_stack_name *names, uint32_t capacity,
                                       uint64_t hash)
{
    uint32_t slot = (uint32_t)(hash >> 40) & (capacity - 1);
    while (names[slot].node && names[slot].hash != hash)
        slot = (slot + 1) & (capacity - 1);
    return &names[slot];
}

static void name(struct mr_stacks *stacks, uint64_t hash, uint32_t node)
{
    if (stacks->names_used > stacks->names_capacity / 2) {
        uint32_t capacity = stacks->names_capacity * 2;
        struct mr_stack_name *larger = mr_pages_map(capacity * sizeof *larger);
        if (larger) {
            for (uint32_t i = 0; i < stacks->names_capacity; i++)
                if (stacks->names[i].node)
                    *name_slot(larger, capacity, stacks->names[i].hash) = stacks->names[i];
            mr_pages_unmap(stacks->names, stacks->names_capacity * sizeof *stacks->names);
            stacks->names = larger;
            stacks->names_capacity = capacity;
        } else if (stacks->names_used >= stacks->names_capacity - 1) {
            return;
        }
    }
    struct mr_stack_name *slot = name_slot(stacks->names, stacks->names_capacity, hash);
    stacks->names_used += slot->node == 0;
    *slot = (struct mr_stack_name){hash, node, stacks->generation};
}

uint32_t mr_stacks_intern(struct mr_stacks *stacks, uint64_t hash, const uint64_t *frames,
                          unsigned count, bool truncated)
{
    const struct mr_stack_name *known = name_slot(stacks->names, stacks->names_capacity, hash);
    if (known->node && known->generation == stacks->generation)
        return known->node;
    uint32_t node = truncated ? MR_STACK_TRUNCATED_ROOT : MR_STACK_ROOT;
    for (unsigned i = count; i-- > 0;) {
        uint32_t next = child(stacks, node, frames[i]);
        if (!next)
            return node;
        node = next;
    }
    if (node >= MR_STACK_FIRST_ID)
        name(stacks, hash, node);
    return node;
}

uint32_t mr_stacks_find(const struct mr_stacks *stacks, uint64_t hash)
{
    return name_slot(stacks->names, stacks->names_capacity, hash)->node;
}

void mr_stacks_forget(struct mr_stacks *stacks)
{
    mr_pages_clear(stacks->children, stacks->children_capacity * sizeof *stacks->children);
    stacks->children_used = 0;
    stacks->generation++; /* names stay for events that are still on their way */
}
