/* SPDX-License-Identifier: Apache-2.0 */
/* pins_pairs.c -- sums by stack and stretch, and by stack and size. See pins_result.h.
 *
 * Invariant: `items` in the order of their first block; `slots` finds them, at most half full. Beyond the limit
 * a size is counted as size 0, and what a block pins as ignored. */
#include "pins_result.h"

#include <stdlib.h>

static uint32_t *slot_of(const struct pins_pairs *pairs, uint32_t stack_id, uint64_t other)
{
    uint64_t mixed =
        (other * UINT64_C(0x9e3779b97f4a7c15) ^ stack_id) * UINT64_C(0xd6e8feb86659fd93);
    uint32_t at = (uint32_t)(mixed >> 32) & (pairs->slot_count - 1);

    while (pairs->slots[at] && (pairs->items[pairs->slots[at] - 1].stack_id != stack_id ||
                                pairs->items[pairs->slots[at] - 1].other != other)) {
        at = (at + 1) & (pairs->slot_count - 1);
    }
    return &pairs->slots[at];
}

static bool grow(struct pins_pairs *pairs)
{
    uint32_t room = pairs->room ? 2 * pairs->room : 256;
    struct pins_pair *items = realloc(pairs->items, room * sizeof *items);

    if (!items) {
        return false;
    }
    pairs->items = items;
    pairs->room = room;
    uint32_t *slots = calloc(2 * (size_t)room, sizeof *slots);
    if (!slots) {
        return false;
    }
    free(pairs->slots);
    pairs->slots = slots;
    pairs->slot_count = 2 * room;
    for (uint32_t i = 0; i < pairs->count; i++) {
        *slot_of(pairs, items[i].stack_id, items[i].other) = i + 1;
    }
    return true;
}

/* NULL: out of memory, or there are `limit` others. */
static struct pins_pair *find(struct pins_pairs *pairs, uint32_t stack_id, uint64_t other,
                              uint32_t limit)
{
    if (pairs->count == pairs->room && pairs->count < limit && !grow(pairs)) {
        return NULL;
    }
    uint32_t *slot = slot_of(pairs, stack_id, other);
    if (*slot) {
        return &pairs->items[*slot - 1];
    }
    if (pairs->count >= limit) {
        return NULL;
    }
    struct pins_pair *pair = &pairs->items[pairs->count];
    *pair = (struct pins_pair){.stack_id = stack_id, .other = other};
    *slot = ++pairs->count;
    return pair;
}

static void count_block(struct pins_pair *pair, const struct pins_block *block)
{
    pair->samples++;
    pair->blocks += block->weight;
}

bool pins_pairs_pin(struct pins_pairs *pairs, const struct pins_block *block,
                    const struct pins_held *held, bool exact)
{
    const struct pins_region *region = held->region;
    bool sparse = region->state == PINS_NEARLY_EMPTY;
    struct pins_pair *pair =
        find(pairs, block->stack_id, sparse && !exact ? region->stretch : 0, PINS_PAIRS_MAX);

    if (!pair) {
        pairs->ignored++;
        return pairs->count >= PINS_PAIRS_MAX;
    }
    if (pair->samples == 0 || block->birth_ns < pair->pin.oldest_ns) {
        pair->pin.oldest_ns = block->birth_ns;
    }
    count_block(pair, block);
    if (sparse) {
        double term = held->pages * block->weight;

        pair->pin.pages += term;
        pair->pin.variance += term * term * (1 - 1 / block->weight);
        pair->pin.of_regions += region->free * term / region->pages;
    }
    pair->pin.of_pages += held->of_pages;
    pair->pin.live += (double)held->bytes * block->weight;
    return true;
}

bool pins_pairs_size(struct pins_pairs *pairs, const struct pins_block *block)
{
    struct pins_pair *pair = find(pairs, block->stack_id, block->size_bytes, PINS_SIZES_MAX);

    if (!pair && pairs->count >= PINS_SIZES_MAX) {
        pair = find(pairs, block->stack_id, 0, 2 * PINS_SIZES_MAX);
    }
    if (!pair) {
        pairs->ignored++;
        return pairs->count >= 2 * PINS_SIZES_MAX;
    }
    double waste = (double)(block->usable_bytes - block->size_bytes) * block->weight;

    count_block(pair, block);
    pair->size.bytes += (double)block->size_bytes * block->weight;
    pair->size.waste.value += waste;
    pair->size.waste.squares += waste * waste;
    pair->size.waste.variance += waste * waste * (1 - 1 / block->weight);
    if (block->usable_bytes > pair->size.usable_bytes) {
        pair->size.usable_bytes = block->usable_bytes;
    }
    return true;
}

void pins_pairs_free(struct pins_pairs *pairs)
{
    free(pairs->items);
    free(pairs->slots);
    *pairs = (struct pins_pairs){0};
}

void pins_result_free(struct pins_result *result)
{
    if (result) {
        free(result->areas);
        free(result->regions);
        free(result->stretches);
        pins_pairs_free(&result->pairs);
        pins_pairs_free(&result->sizes);
        free(result);
    }
}
