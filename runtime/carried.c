/* SPDX-License-Identifier: Apache-2.0 */
#include "carried.h"

#include "pages.h"

#include <string.h>

#define FIRST_BLOCKS 4096u
#define OBJECT_KEY   (UINT64_C(1) << 63) /* by address, managed objects are a space of their own */

static uint32_t hash_of(uint64_t key)
{
    return (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static uint32_t mask_of(const struct mr_carried *carried) { return 2 * carried->capacity - 1; }

/* Where the key stands, or belongs. */
static struct mr_carried_slot *slot_of(const struct mr_carried *carried, uint64_t key)
{
    uint32_t hash = hash_of(key), mask = mask_of(carried), at = hash & mask;
    struct mr_carried_slot *slots = carried->slots;
    while (slots[at].row &&
           (slots[at].hash != hash || carried->blocks[slots[at].row - 1].key != key))
        at = (at + 1) & mask;
    return &slots[at];
}

static bool grow(struct mr_carried *carried, uint32_t capacity)
{
    struct mr_carried grown = *carried;
    grown.capacity = capacity;
    grown.blocks = mr_pages_map(capacity * sizeof *grown.blocks);
    grown.slots = mr_pages_map(2 * (size_t)capacity * sizeof *grown.slots);
    if (!grown.blocks || !grown.slots) {
        mr_carried_close(&grown);
        return false;
    }
    if (carried->count)
        memcpy(grown.blocks, carried->blocks, carried->count * sizeof *grown.blocks);
    for (uint32_t i = 0; i < 2 * carried->capacity; i++) {
        uint32_t at = carried->slots[i].hash & mask_of(&grown);
        while (carried->slots[i].row && grown.slots[at].row)
            at = (at + 1) & mask_of(&grown);
        if (carried->slots[i].row)
            grown.slots[at] = carried->slots[i];
    }
    mr_carried_close(carried);
    *carried = grown;
    return true;
}

bool mr_carried_open(struct mr_carried *carried, bool have_ids)
{
    *carried = (struct mr_carried){.have_ids = have_ids};
    return grow(carried, FIRST_BLOCKS);
}

void mr_carried_close(struct mr_carried *carried)
{
    mr_pages_unmap(carried->blocks, carried->capacity * sizeof *carried->blocks);
    mr_pages_unmap(carried->slots, 2 * (size_t)carried->capacity * sizeof *carried->slots);
    carried->blocks = NULL;
    carried->slots = NULL;
    carried->capacity = carried->count = 0;
}

/* Removing shifts the followers back, so a search ends at the first empty slot. */
static void empty_slot(struct mr_carried *carried, struct mr_carried_slot *slot)
{
    struct mr_carried_slot *slots = carried->slots;
    uint32_t hole = (uint32_t)(slot - slots), mask = mask_of(carried);
    for (uint32_t at = (hole + 1) & mask; slots[at].row; at = (at + 1) & mask) {
        uint32_t home = slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].row = 0;
}

static void end(struct mr_carried *carried, uint64_t key)
{
    struct mr_carried_slot *slot = slot_of(carried, key);
    if (!slot->row)
        return;
    uint32_t row = slot->row;
    struct mr_carried_block *block = &carried->blocks[row - 1];
    empty_slot(carried, slot);
    block->key = 0;
    block->stack = carried->free_row;
    carried->free_row = row;
    carried->alive--;
}

/* A row that is free, + 1; 0: there is none. */
static uint32_t take_row(struct mr_carried *carried)
{
    uint32_t row = carried->free_row;
    if (row) {
        carried->free_row = carried->blocks[row - 1].stack;
        return row;
    }
    if (carried->count == carried->capacity &&
        (carried->capacity == MR_CARRIED_MAX || !grow(carried, 2 * carried->capacity)))
        return 0;
    return ++carried->count;
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
    uint32_t row = take_row(carried);
    if (!row) {
        carried->left_out = true;
        return;
    }
    struct mr_carried_slot *slot = slot_of(carried, key);
    if (slot->row) { /* its free is missing */
        end(carried, key);
        slot = slot_of(carried, key);
    }
    carried->blocks[row - 1] = (struct mr_carried_block){
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
    *slot = (struct mr_carried_slot){row, hash_of(key)};
    carried->alive++;
}

void mr_carried_move(struct mr_carried *carried, uint64_t key, uint64_t address)
{
    if (!carried->blocks)
        return;
    struct mr_carried_slot *slot = slot_of(carried, key_of(carried, key, true));
    if (!slot->row)
        return;
    uint32_t row = slot->row;
    carried->blocks[row - 1].address = address;
    if (!carried->have_ids) {
        uint64_t moved = key_of(carried, address, true);
        empty_slot(carried, slot);
        end(carried, moved);
        carried->blocks[row - 1].key = moved;
        *slot_of(carried, moved) = (struct mr_carried_slot){row, hash_of(moved)};
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
