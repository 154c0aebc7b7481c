/* SPDX-License-Identifier: Apache-2.0 */
/* extents.h -- which of many address ranges hold an address, the innermost first.
 *
 * Add all, seal once, then ask. Ranges may nest and overlap; each carries a number of the caller's.
 *
 * Invariant (sealed): sorted by start; at equal starts the longer one, then the smaller value first;
 * `top` is the highest end up to and with this one, so a search knows when nothing more can follow. */
#ifndef MEMANALYZE_EXTENTS_H
#define MEMANALYZE_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct extent {
    uint64_t start, end; /* end: one past */
    uint64_t top;
    uint32_t value;
};

struct extents { /* starts as all zeros */
    struct extent *items;
    size_t count, capacity;
};

/* Empty ranges are ignored. Returns false when out of memory. */
bool extents_add(struct extents *extents, uint64_t start, uint64_t end, uint32_t value);
void extents_seal(struct extents *extents);
void extents_free(struct extents *extents);

/* The next extent that holds the address, innermost first; NULL: no more. Start with *cursor = SIZE_MAX. */
const struct extent *extents_find(const struct extents *extents, uint64_t address, size_t *cursor);

#endif
