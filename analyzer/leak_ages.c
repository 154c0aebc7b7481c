/* SPDX-License-Identifier: Apache-2.0 */
/* leak_ages.c -- how old the oldest survivor of a finding is in collections, frames and spans. See leak_list.h.
 *
 * Rows of frame_mark, span and gc are numbered in the order in which they began, so what began after a moment is
 * found by halving. */
#include "leak_list.h"

struct series { /* rows that began, in the order of their ids */
    struct statement *begin;
    int64_t first_id, last_id; /* last 0: there are none */
};

/* `range` takes a run and gives the ids; `begin` takes an id and gives begin_ns. */
static status open_series(const struct leak_list *list, const char *range, const char *begin,
                          struct series *out)
{
    struct statement *select;
    bool has_row;

    *out = (struct series){.first_id = 1};
    TRY(db_prepare(list->input->db, range, &select));
    db_bind_int(select, 1, list->input->run_id);
    TRY(db_step(select, &has_row));
    if (has_row) {
        out->first_id = db_int(select, 0);
        out->last_id = db_int(select, 1);
    }
    db_reset(select);
    return out->last_id ? db_prepare(list->input->db, begin, &out->begin) : OK;
}

/* How many ids there are from the first one that began after `time_ns` on. */
static status count_since(const struct series *series, uint64_t time_ns, uint64_t *out)
{
    int64_t low = series->first_id;
    int64_t high = series->last_id + 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        bool has_row;

        db_bind_int(series->begin, 1, middle);
        TRY(db_step(series->begin, &has_row));
        bool after = has_row && (uint64_t)db_int(series->begin, 0) > time_ns;
        db_reset(series->begin);
        if (after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *out = (uint64_t)(series->last_id + 1 - low);
    return OK;
}

/* Of its heap; of all heaps for blocks of malloc. */
static status count_collections(const struct leak_list *list, const struct series *collections,
                                struct statement *before, struct leak_row *row)
{
    const struct leak_heap *heap = NULL;
    bool has_row;

    for (size_t i = 0; row->heap_id && i < list->heap_count; i++) {
        heap = list->heaps[i].id == row->heap_id ? &list->heaps[i] : heap;
    }
    if (!collections->last_id || (heap && !heap->collections)) {
        return OK;
    }
    TRY(count_since(collections, row->oldest_birth_ns, &row->gcs));
    if (heap) { /* its own have numbers */
        db_bind_int(before, 1, list->input->run_id);
        db_bind_int(before, 2, heap->id);
        db_bind_int(before, 3, collections->last_id - (int64_t)row->gcs);
        TRY(db_step(before, &has_row));
        row->gcs = heap->collections - (has_row ? (uint64_t)db_int(before, 0) : 0);
        db_reset(before);
    }
    return OK;
}

status leak_ages_find(struct leak_list *list)
{
    struct statement *before;
    struct series collections;
    struct series frames;
    struct series spans;

    TRY(db_prepare(list->input->db,
                   "SELECT number FROM gc WHERE run_id = ?1 AND heap_id = ?2 AND id <= ?3"
                   " ORDER BY id DESC LIMIT 1",
                   &before));
    TRY(open_series(list, "SELECT MIN(id), MAX(id) FROM gc WHERE run_id = ?1",
                    "SELECT COALESCE(begin_ns, end_ns, 0) FROM gc WHERE id = ?1", &collections));
    TRY(open_series(list, "SELECT MIN(id), MAX(id) FROM frame_mark WHERE run_id = ?1",
                    "SELECT begin_ns FROM frame_mark WHERE id = ?1", &frames));
    TRY(open_series(list, "SELECT MIN(id), MAX(id) FROM span WHERE run_id = ?1",
                    "SELECT begin_ns FROM span WHERE id = ?1", &spans));
    for (size_t i = 0; i < list->count; i++) {
        struct leak_row *row = &list->rows[i];

        if (row->dropped || row->oldest_birth_ns == UNKNOWN ||
            row->finding.verdict == LEAK_STEADY) {
            continue;
        }
        TRY(count_collections(list, &collections, before, row));
        if (frames.last_id) {
            TRY(count_since(&frames, row->oldest_birth_ns, &row->frames));
        }
        if (spans.last_id) {
            TRY(count_since(&spans, row->oldest_birth_ns, &row->spans));
        }
    }
    return OK;
}
