/* SPDX-License-Identifier: Apache-2.0 */
/* maps.h -- private anonymous memory that was mapped by a call of mmap, by who called: the program or its allocator.
 *
 * The C library's own mappings do not pass here: what its malloc maps, and thread stacks, are told apart by other means
 * (residence.h). Kept from the first call on, recorded or not, for the memory outlives a session. Thread-safe and
 * lock-free: a range is one word. A call looks at each range, which is nothing next to the system call it belongs to
 * unless there are hundreds. What finds no room is counted and not told apart.                    */
#ifndef MEMREC_MAPS_H
#define MEMREC_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_map_owner { MR_MAP_PROGRAM, MR_MAP_ALLOCATOR, MR_MAP_OWNERS };

struct mr_range {
    uintptr_t start, end; /* page-aligned */
};

/* Mapped by code at `caller`. Before mr_maps_sort that is remembered, for a few. */
void mr_maps_add(uintptr_t caller, uintptr_t start, size_t size_bytes);
void mr_maps_add_of(enum mr_map_owner owner, uintptr_t start, size_t size_bytes);
void mr_maps_remove(uintptr_t start, size_t size_bytes);

/* Says how an allocator's code is known: once, while the process has one thread. */
void mr_maps_sort(bool (*is_allocator)(uintptr_t code));

/* Whose an address is; MR_MAP_OWNERS: nobody's. */
enum mr_map_owner mr_maps_owner(uintptr_t address);

#define MR_MAPS_MAX 1024u

/* At most MR_MAPS_MAX ranges, by rising address; how many. */
size_t mr_maps_copy(enum mr_map_owner owner, struct mr_range *out);

/* Ranges that found no room. */
uint64_t mr_maps_forgotten(void);

#endif
