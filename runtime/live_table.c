/* SPDX-License-Identifier: Apache-2.0 */
#include "live_table.h"

#include "atomics.h"
#include "pages.h"

struct bucket {
    _Atomic uintptr_t key[MR_LIVE_KEYS];
    _Atomic uint64_t id[MR_LIVE_KEYS];
};

static _Atomic uint8_t always[1] = {1};
static _Atomic uint8_t *filter_memory;
static struct bucket *buckets;

struct mr_filter mr_filter = {always, 0};

bool mr_live_start(void)
{
    if (!filter_memory)
        filter_memory = mr_pages_map(MR_FILTER_BYTES);
    if (!buckets)
        buckets = mr_pages_map(MR_LIVE_BUCKETS * sizeof *buckets);
    if (!filter_memory || !buckets)
        return false;
    mr_live_mark(NULL);
    mr_filter.bytes = filter_memory; /* base first: the old mask is 0, and fits any base */
    atomic_signal_fence(memory_order_seq_cst);
    mr_filter.mask = MR_FILTER_BYTES - 1;
    return true;
}

void mr_live_ask_always(void)
{
    mr_filter.mask = 0;
    atomic_signal_fence(memory_order_seq_cst);
    mr_filter.bytes = always;
}

void mr_live_clear(void)
{
    if (filter_memory)
        mr_pages_clear((void *)filter_memory, MR_FILTER_BYTES);
    mr_live_mark(NULL);
    if (buckets)
        mr_pages_clear(buckets, MR_LIVE_BUCKETS * sizeof *buckets);
}

static _Atomic uint8_t *filter_byte(const void *address)
{
    return &filter_memory[((uintptr_t)address >> 4) & (MR_FILTER_BYTES - 1)];
}

static void filter_raise(const void *address)
{
    _Atomic uint8_t *byte = filter_byte(address);
    uint8_t count = mr_load_relaxed(byte);
    while (count != 255 &&
           !atomic_compare_exchange_weak_explicit(byte, &count, (uint8_t)(count + 1),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void filter_lower(const void *address)
{
    _Atomic uint8_t *byte = filter_byte(address);
    uint8_t count = mr_load_relaxed(byte);
    while (count != 255 && count != 0 &&
           !atomic_compare_exchange_weak_explicit(byte, &count, (uint8_t)(count - 1),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void mr_live_mark(const void *address)
{
    if (filter_memory)
        mr_store_relaxed(filter_byte(address), 255);
}

/* Two independent buckets of an address, from the two halves of one product. */
static void buckets_of(const void *address, struct bucket *two[2])
{
    uint64_t hash = ((uintptr_t)address >> 4) * UINT64_C(0x9E3779B97F4A7C15);
    two[0] = &buckets[hash >> 50];
    two[1] = &buckets[(hash >> 36) & (MR_LIVE_BUCKETS - 1)];
}

static bool insert_into(struct bucket *bucket, uintptr_t address, uint64_t id)
{
    for (unsigned i = 0; i < MR_LIVE_KEYS; i++) {
        uintptr_t empty = 0;
        if (mr_load_relaxed(&bucket->key[i]) != 0)
            continue;
        if (atomic_compare_exchange_strong_explicit(&bucket->key[i], &empty, address,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            mr_store_release(&bucket->id[i],
                             id); /* the slot is ours; the freer comes after malloc */
            return true;
        }
    }
    return false;
}

bool mr_live_insert(const void *address, uint64_t id)
{
    struct bucket *two[2];
    buckets_of(address, two);
    filter_raise(address);
    if (insert_into(two[0], (uintptr_t)address, id) || insert_into(two[1], (uintptr_t)address, id))
        return true;
    filter_lower(address);
    return false;
}

uint64_t mr_live_remove(const void *address)
{
    if (!buckets)
        return 0;
    struct bucket *two[2];
    buckets_of(address, two);
    for (unsigned b = 0; b < 2; b++) {
        for (unsigned i = 0; i < MR_LIVE_KEYS; i++) {
            if (mr_load_relaxed(&two[b]->key[i]) != (uintptr_t)address)
                continue;
            uint64_t id = mr_load_acquire(&two[b]->id[i]);
            uintptr_t found = (uintptr_t)address;
            /* A second free of one block finds the key gone here and gets no id. Until the key is
             * cleared no insert can take the slot, so the id read above is this block's. */
            if (atomic_compare_exchange_strong_explicit(
                    &two[b]->key[i], &found, 0, memory_order_relaxed, memory_order_relaxed)) {
                filter_lower(address);
                return id;
            }
        }
    }
    return 0;
}
