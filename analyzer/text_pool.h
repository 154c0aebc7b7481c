/* SPDX-License-Identifier: Apache-2.0 */
/* text_pool.h -- text kept once, and memory that is given back all at once.
 *
 * What comes out stays where it is until the pool is freed. A pool starts as all zeros.             */
#ifndef MEMANALYZE_TEXT_POOL_H
#define MEMANALYZE_TEXT_POOL_H

#include "records.h"

struct text_pool {
    struct text_pool_chunk *chunks;
    struct text_pool_item *items; /* a hash table of `item_slots`, a power of two */
    size_t item_slots, item_count;
};

/* Room for `bytes`, aligned for any object; NULL: out of memory. */
void *text_pool_room(struct text_pool *pool, size_t bytes);

/* The same text in the pool, terminated by a NUL that its length does not count; bytes == NULL: out
 * of memory. Equal texts give equal pointers. `companion` (may be NULL) is where the caller may keep
 * one text that belongs to it; it starts as {NULL, 0} and is valid until the next call. */
struct text text_pool_keep(struct text_pool *pool, struct text text, struct text **companion);

void text_pool_free(struct text_pool *pool);

#endif
