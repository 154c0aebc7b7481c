/* SPDX-License-Identifier: Apache-2.0 */
/* extents.c -- a sorted array, a binary search, and a short walk back. */
#include "extents.h"

#include <stdlib.h>

bool extents_add(struct extents *extents, uint64_t start, uint64_t end, uint32_t value)
{
    if (start >= end) {
        return true;
    }
    if (extents->count == extents->capacity) {
        size_t capacity = extents->capacity ? extents->capacity * 2 : 64;
        struct extent *items = realloc(extents->items, capacity * sizeof *items);

        if (!items) {
            return false;
        }
        extents->items = items;
        extents->capacity = capacity;
    }
    extents->items[extents->count++] = (struct extent){.start = start, .end = end, .value = value};
    return true;
}

static int extents_compare(const void *left, const void *right)
{
    const struct extent *l = left;
    const struct extent *r = right;

    if (l->start != r->start) {
        return l->start < r->start ? -1 : 1;
    }
    if (l->end != r->end) {
        return l->end > r->end ? -1 : 1;
    }
    return (l->value > r->value) - (l->value < r->value);
}

void extents_seal(struct extents *extents)
{
    uint64_t top = 0;

    if (extents->count > 0) {
        qsort(extents->items, extents->count, sizeof *extents->items, extents_compare);
    }
    for (size_t i = 0; i < extents->count; i++) {
        top = extents->items[i].end > top ? extents->items[i].end : top;
        extents->items[i].top = top;
    }
}

void extents_free(struct extents *extents)
{
    free(extents->items);
    *extents = (struct extents){0};
}

/* How many extents start at or below the address. */
static size_t extents_below(const struct extents *extents, uint64_t address)
{
    size_t low = 0;
    size_t high = extents->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (extents->items[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct extent *extents_find(const struct extents *extents, uint64_t address, size_t *cursor)
{
    size_t at = *cursor == SIZE_MAX ? extents_below(extents, address) : *cursor;

    while (at > 0 && extents->items[at - 1].top > address) {
        at--;
        if (extents->items[at].end > address) {
            *cursor = at;
            return &extents->items[at];
        }
    }
    *cursor = 0;
    return NULL;
}
