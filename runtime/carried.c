/* SPDX-License-Identifier: Apache-2.0 */
#include "carried.h"

#include "pages.h"

#include <string.h>

#define FIRST_BLOCKS 4096u
#define OBJECT_KEY   (UINT64_C(1) << 63) /* by address, managed objects are a space of their own */

static size_t slots_of(uint32_t blocks) { return (size_t)blocks * 2; }

/* Where the key's row number stands, or belongs. */
static uint32_t *slot_of(const struct mr_carried *carried, uint64_t key)
{
    uint32_t at = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & carried->slot_mask;
    while (carried->slots[at] && carried->blocks[carried->slots[at] - 1].key != key)
        at = (at + 1) & carried->slot_mask;
    return &carried->slots[at];
}

/* Moves into memory for `capacity` rows, leaving the dead behind. */
static bool move(struct mr_carried *carried, uint32_t capacity)
{
    struct mr_carried moved = *carried;
    moved.blocks = mr_pages_map(capacity * sizeof *moved.blocks);
    moved.slots = mr_pages_map(slots_of(capacity) * sizeof *moved.slots);
    if (!moved.blocks || !moved.slots) {
        mr_pages_unmap(moved.blocks, capacity * sizeof *moved.blocks);
        mr_pages_unmap(moved.slots, slots_of(capacity) * sizeof *moved.slots);
        return false;
    }
    moved.capacity = capacity;
    moved.slot_mask = (uint32_t)slots_of(capacity) - 1;
    moved.count = 0;
    for (uint32_t i = 0; i < carried->count; i++)
        if (carried->blocks[i].key) {
            moved.blocks[moved.count++] = carried->blocks[i];
            *slot_of(&moved, carried->blocks[i].key) = moved.count;
        }
    mr_carried_close(carried);
    *carried = moved;
    return true;
}

bool mr_carried_open(struct mr_carried *carried, bool have_ids)
{
    *carried = (struct mr_carried){.have_ids = have_ids};
    return move(carried, FIRST_BLOCKS);
}

void mr_carried_close(struct mr_carried *carried)
{
    mr_pages_unmap(carried->blocks, carried->capacity * sizeof *carried->blocks);
    mr_pages_unmap(carried->slots, slots_of(carried->capacity) * sizeof *carried->slots);
    carried->blocks = NULL;
    carried->slots = NULL;
    carried->capacity = 0;
}

/* Removing shifts the followers back, so a search ends at the first empty slot. */
static void empty_slot(struct mr_carried *carried, uint32_t *slot)
{
    uint32_t hole = (uint32_t)(slot - carried->slots), mask = carried->slot_mask;
    for (uint32_t at = (hole + 1) & mask; carried->slots[at]; at = (at + 1) & mask) {
        uint64_t key = carried->blocks[carried->slots[at] - 1].key;
        uint32_t home = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            carried->slots[hole] = carried->slots[at];
            hole = at;
        }
    }
    carried->slots[hole] = 0;
}

static void end(struct mr_carried *carried, uint64_t key)
{
    uint32_t *slot = slot_of(carried, key);
    if (*slot) {
        struct mr_carried_block *block = &carried->blocks[*slot - 1];
        empty_slot(carried, slot);
        block->key = 0;
        carried->alive--;
    }
}

static bool has_room(struct mr_carried *carried)
{
    if (carried->count < carried->capacity)
        return true;
    bool crowded = carried->alive > carried->capacity / 2;
    if (crowded && carried->capacity == MR_CARRIED_MAX)
        return carried->alive < MR_CARRIED_MAX - MR_CARRIED_MAX / 8 &&
               move(carried, MR_CARRIED_MAX);
    return move(carried, crowded ? carried->capacity * 2 : carried->capacity);
}

static uint64_t key_of(const struct mr_carried *carried, uint64_t key, bool object)
{
    return carried->have_ids || !object ? key : key | OBJECT_KEY;
}

void mr_carried_event(struct mr_carried *carried, const struct mr_event *event)
{
    bool is_alloc = event->op & MR_OP_ALLOC;
    bool object = event->op == MR_OP_HEAP_ALLOC || event->op == MR_OP_HEAP_FREE;
    bool by_address = is_alloc && !carried->have_ids;
    uint64_t key = key_of(carried, by_address ? event->address : event->key, object);
    if (!carried->blocks || !key)
        return;
    if (!is_alloc) {
        end(carried, key);
        return;
    }
    if (!has_room(carried)) {
        carried->left_out = true;
        return;
    }
    uint32_t *slot = slot_of(carried, key);
    if (*slot) { /* its free is missing */
        end(carried, key);
        slot = slot_of(carried, key);
    }
    carried->blocks[carried->count] = (struct mr_carried_block){
        .key = key,
        .ticks = event->ticks,
        .address = event->address,
        .size = event->size,
        .stack = event->stack,
        .thread = event->thread,
        .heap = event->heap,
        .klass = event->klass,
        .extra = event->extra,
        .op = event->op,
        .interval = event->interval,
    };
    *slot = ++carried->count;
    carried->alive++;
}

void mr_carried_move(struct mr_carried *carried, uint64_t key, uint64_t address)
{
    if (!carried->blocks)
        return;
    uint32_t *slot = slot_of(carried, key_of(carried, key, true));
    if (!*slot)
        return;
    uint32_t row = *slot - 1;
    struct mr_carried_block *block = &carried->blocks[row];
    block->address = address;
    if (!carried->have_ids) {
        empty_slot(carried, slot);
        uint64_t moved = key_of(carried, address, true);
        block->key = 0;
        if (*slot_of(carried, moved))
            end(carried, moved);
        block->key = moved;
        *slot_of(carried, moved) = row + 1;
    }
}

bool mr_carried_get(const struct mr_carried *carried, uint32_t at, struct mr_event *event)
{
    const struct mr_carried_block *block = &carried->blocks[at];
    *event = (struct mr_event){
        .op = block->op,
        .interval = block->interval,
        .thread = block->thread,
        .stack = block->stack,
        .extra = block->extra,
        .ticks = block->ticks,
        .address = block->address,
        .size = block->size,
        .key = block->key & ~OBJECT_KEY,
        .heap = block->heap,
        .klass = block->klass,
    };
    return block->key != 0;
}
