/* SPDX-License-Identifier: Apache-2.0 */
/* voice_sites.c -- who allocated most between two collections of a heap: its objects or, when it tells none,
 * blocks of malloc. */
#include "voice_state.h"

enum { RANKS = 5 };

static status add(struct voice_sites *sites, uint32_t stack, double bytes, double weight)
{
    if (stack >= sites->room) {
        uint32_t room = stack + stack / 2 + 256;
        struct site_sums *sums = realloc(sites->sums, room * sizeof *sums);
        uint32_t *used = sums ? realloc(sites->used, room * sizeof *used) : NULL;

        sites->sums = sums ? sums : sites->sums;
        if (!used) {
            return voice_no_memory();
        }
        memset(sums + sites->room, 0, (room - sites->room) * sizeof *sums);
        sites->used = used;
        sites->room = room;
    }
    struct site_sums *sums = &sites->sums[stack];
    if (sums->epoch != sites->epoch) {
        *sums = (struct site_sums){.epoch = sites->epoch};
        sites->used[sites->used_count++] = stack;
    }
    sums->samples++;
    sums->bytes += bytes;
    sums->bytes_sq += bytes * bytes;
    sums->bytes_var += bytes * bytes * (1 - 1 / weight);
    sites->samples++;
    sites->bytes += bytes;
    sites->bytes_sq += bytes * bytes;
    return OK;
}

status voice_sites_add(struct voice *voice, uint32_t heap, uint32_t stack, double bytes,
                       double weight)
{
    for (uint32_t i = 0; i < voice->heap_count; i++) {
        struct voice_heap *of = voice_known_heap(voice, voice->heap_ids[i]);

        if (heap ? of->is.id == heap : !of->tells_objects) {
            TRY(add(&of->sites, stack, bytes, weight));
        }
    }
    return OK;
}

static bool is_more(const struct voice_sites *sites, uint32_t left, uint32_t right)
{
    double l = sites->sums[left].bytes;
    double r = sites->sums[right].bytes;

    return l > r || (l == r && left < right);
}

/* The first `RANKS` of the used, most bytes first. */
static uint32_t choose(const struct voice_sites *sites, uint32_t best[RANKS])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sites->used_count; i++) {
        uint32_t at = count;

        while (at > 0 && is_more(sites, sites->used[i], best[at - 1])) {
            if (at < RANKS) {
                best[at] = best[at - 1];
            }
            at--;
        }
        if (at < RANKS) {
            best[at] = sites->used[i];
            count += count < RANKS;
        }
    }
    return count;
}

status voice_sites_write(struct voice *voice, struct voice_heap *heap)
{
    struct statement *insert = voice->insert.gc_site;
    struct voice_sites *sites = &heap->sites;
    uint32_t best[RANKS];
    uint32_t count = choose(sites, best);

    for (uint32_t i = 0; i < count; i++) {
        const struct site_sums *sums = &sites->sums[best[i]];

        db_bind_int(insert, 1, voice->run_id);
        db_bind_int(insert, 2, heap->gc.id);
        db_bind_int(insert, 3, i + 1);
        db_bind_int(insert, 4, best[i]);
        db_bind_int(insert, 5, (int64_t)sums->samples);
        db_bind_real(insert, 6, sums->bytes);
        db_bind_real(insert, 7, sums->bytes_sq);
        db_bind_real(insert, 8, sums->bytes_var);
        db_bind_real(insert, 9, sites->bytes > 0 ? sums->bytes / sites->bytes : 0);
        TRY(db_insert(insert));
    }
    heap->gc.samples = sites->samples;
    heap->gc.sampled_bytes = sites->bytes;
    heap->gc.sampled_bytes_sq = sites->bytes_sq;
    voice_sites_forget(sites);
    return OK;
}

void voice_sites_forget(struct voice_sites *sites)
{
    sites->epoch++;
    sites->used_count = 0;
    sites->samples = 0;
    sites->bytes = sites->bytes_sq = 0;
}

void voice_sites_clear(struct voice_sites *sites)
{
    free(sites->sums);
    free(sites->used);
    *sites = (struct voice_sites){0};
}
