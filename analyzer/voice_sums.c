/* SPDX-License-Identifier: Apache-2.0 */
/* voice_sums.c -- sums over survivors by four numbers: a table of fixed size, which goes into the database,
 * to be added there, whenever it is full. */
#include "voice_state.h"

#include <math.h>

enum { SLOTS = 1 << 14, FULL = SLOTS / 4 * 3, KEYS = 4 };

struct entry {
    uint64_t key[KEYS];
    struct sums sums;
};

struct voice_sums {
    uint32_t count;
    struct entry entries[SLOTS]; /* no samples: empty */
};

status voice_sums_flush(struct voice *voice, struct voice_sums *sums, struct statement *upsert)
{
    for (size_t i = 0; sums && sums->count && i < SLOTS; i++) {
        struct entry *entry = &sums->entries[i];
        const double parts[] = {entry->sums.bytes,  entry->sums.bytes_sq,  entry->sums.bytes_var,
                                entry->sums.blocks, entry->sums.blocks_sq, entry->sums.blocks_var};

        if (!entry->sums.samples) {
            continue;
        }
        db_bind_int(upsert, 1, voice->run_id);
        for (int k = 0; k < KEYS; k++) {
            db_bind_known(upsert, 2 + k, entry->key[k]);
        }
        db_bind_int(upsert, 6, (int64_t)entry->sums.samples);
        for (int k = 0; k < 6; k++) {
            db_bind_real(upsert, 7 + k, fmax(parts[k], 0));
        }
        TRY(db_insert(upsert));
        *entry = (struct entry){0};
        sums->count--;
    }
    return OK;
}

status voice_sums_add(struct voice *voice, struct voice_sums **sums, const uint64_t key[KEYS],
                      double bytes, double weight, struct statement *upsert)
{
    double missed = 1 - 1 / weight;
    uint64_t hash = 0;

    if (!*sums && !(*sums = calloc(1, sizeof **sums))) {
        return voice_no_memory();
    }
    if ((*sums)->count == FULL) {
        TRY(voice_sums_flush(voice, *sums, upsert));
    }
    for (int i = 0; i < KEYS; i++) {
        hash = (hash ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    struct entry *entry = &(*sums)->entries[hash & (SLOTS - 1)];
    while (entry->sums.samples && memcmp(entry->key, key, sizeof entry->key) != 0) {
        entry = entry == &(*sums)->entries[SLOTS - 1] ? (*sums)->entries : entry + 1;
    }
    (*sums)->count += entry->sums.samples == 0;
    memcpy(entry->key, key, sizeof entry->key);
    entry->sums.samples++;
    entry->sums.bytes += bytes;
    entry->sums.bytes_sq += bytes * bytes;
    entry->sums.bytes_var += bytes * bytes * missed;
    entry->sums.blocks += weight;
    entry->sums.blocks_sq += weight * weight;
    entry->sums.blocks_var += weight * weight * missed;
    return OK;
}

void voice_sums_clear(struct voice_sums **sums)
{
    free(*sums);
    *sums = NULL;
}
