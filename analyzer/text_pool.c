/* SPDX-License-Identifier: Apache-2.0 */
/* text_pool.c -- chunks of 64 KiB, and a hash table over the texts in them. */
#include "text_pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define TEXT_POOL_CHUNK_BYTES 65536u

struct text_pool_chunk {
    struct text_pool_chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct text_pool_item {
    struct text text; /* bytes == NULL: an empty slot */
    struct text companion;
    uint64_t hash;
};

void *text_pool_room(struct text_pool *pool, size_t bytes)
{
    size_t wanted = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct text_pool_chunk *chunk = pool->chunks;

    if (wanted < bytes) {
        return NULL;
    }
    if (!chunk || chunk->size - chunk->used < wanted) {
        size_t size = wanted > TEXT_POOL_CHUNK_BYTES ? wanted : TEXT_POOL_CHUNK_BYTES;

        chunk = malloc(sizeof *chunk + size);
        if (!chunk) {
            return NULL;
        }
        *chunk = (struct text_pool_chunk){.next = pool->chunks, .size = size};
        pool->chunks = chunk;
    }
    chunk->used += wanted;
    return chunk->bytes + chunk->used - wanted;
}

static struct text_pool_item *text_pool_slot(struct text_pool_item *items, size_t slots,
                                             struct text text, uint64_t hash)
{
    size_t at = hash & (slots - 1);

    while (items[at].text.bytes &&
           (items[at].hash != hash || items[at].text.length != text.length ||
            memcmp(items[at].text.bytes, text.bytes, text.length) != 0)) {
        at = (at + 1) & (slots - 1);
    }
    return &items[at];
}

static bool text_pool_grow(struct text_pool *pool)
{
    size_t slots = pool->item_slots ? pool->item_slots * 2 : 256;
    struct text_pool_item *items = calloc(slots, sizeof *items);

    if (!items) {
        return false;
    }
    for (size_t i = 0; i < pool->item_slots; i++) {
        if (pool->items[i].text.bytes) {
            *text_pool_slot(items, slots, pool->items[i].text, pool->items[i].hash) =
                pool->items[i];
        }
    }
    free(pool->items);
    pool->items = items;
    pool->item_slots = slots;
    return true;
}

struct text text_pool_keep(struct text_pool *pool, struct text text, struct text **companion)
{
    uint64_t hash = XXH3_64bits(text.bytes, text.length);

    if (pool->item_count * 4 >= pool->item_slots * 3 && !text_pool_grow(pool)) {
        return (struct text){0};
    }
    struct text_pool_item *item = text_pool_slot(pool->items, pool->item_slots, text, hash);

    if (!item->text.bytes) {
        char *bytes = text_pool_room(pool, text.length + 1);

        if (!bytes) {
            return (struct text){0};
        }
        memcpy(bytes, text.bytes, text.length);
        bytes[text.length] = '\0';
        *item = (struct text_pool_item){.text = {bytes, text.length}, .hash = hash};
        pool->item_count++;
    }
    if (companion) {
        *companion = &item->companion;
    }
    return item->text;
}

void text_pool_free(struct text_pool *pool)
{
    struct text_pool_chunk *chunk = pool->chunks;

    while (chunk) {
        struct text_pool_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    free(pool->items);
    *pool = (struct text_pool){0};
}
