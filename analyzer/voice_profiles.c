/* SPDX-License-Identifier: Apache-2.0 */
/* voice_profiles.c -- what is reported when it is asked for: heap usage, classes, retained sets; and how the
 * asking went. */
#include "voice_state.h"

enum { ROOTS_MAX = 4096, SLOW = 2, FAILED = 1 };

struct voice_root {
    uint64_t bytes, objects; /* UNKNOWN counts as least */
    uint64_t name;
    uint64_t order; /* as told */
};

static status insert_usage(struct voice *voice, const struct voice_heap *heap,
                           const struct mark *mark, uint64_t now_ns)
{
    struct statement *insert = voice->insert.heap_usage;

    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, heap->is.row);
    db_bind_int(insert, 3, (int64_t)now_ns);
    for (unsigned i = 1; i <= 3; i++) {
        db_bind_known(insert, 3 + (int)i, mark_argument(mark, i));
    }
    return db_insert(insert);
}

/* profile, heap, class, new objects, new bytes, old objects, old bytes */
static status insert_class(struct voice *voice, const struct voice_heap *heap,
                           const struct mark *mark, uint64_t now_ns)
{
    struct statement *insert = voice->insert.class_profile;
    struct voice_class *class;

    TRY(voice_find_class(voice, mark_argument(mark, 2), &class));
    if (!class) {
        return OK;
    }
    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, (int64_t)mark_argument(mark, 0));
    db_bind_int(insert, 3, heap->is.row);
    db_bind_int(insert, 4, class->is.row);
    db_bind_int(insert, 5, (int64_t)now_ns);
    for (unsigned i = 3; i <= 6; i++) {
        db_bind_known(insert, 3 + (int)i, mark_argument(mark, i));
    }
    return db_insert(insert);
}

/* ---- retained sets ---- */

static int compare_roots(const void *left, const void *right)
{
    const struct voice_root *l = left;
    const struct voice_root *r = right;
    uint64_t l_bytes = l->bytes + 1; /* UNKNOWN becomes 0 */
    uint64_t r_bytes = r->bytes + 1;

    if (l_bytes != r_bytes) {
        return l_bytes > r_bytes ? -1 : 1;
    }
    return (l->order > r->order) - (l->order < r->order);
}

/* The rows of a profile, now that all are there. */
static status write_roots(struct voice *voice, struct voice_heap *heap)
{
    struct statement *insert = voice->insert.retained;

    if (heap->root_count) {
        qsort(heap->roots, heap->root_count, sizeof *heap->roots, compare_roots);
    }
    for (size_t i = 0; i < heap->root_count; i++) {
        const struct voice_root *root = &heap->roots[i];

        db_bind_int(insert, 1, voice->run_id);
        db_bind_int(insert, 2, (int64_t)heap->root_profile);
        db_bind_int(insert, 3, heap->is.row);
        db_bind_int(insert, 4, (int64_t)i + 1);
        db_bind_int(insert, 5, (int64_t)heap->root_ns);
        voice_bind_name(voice, insert, 6, root->name);
        db_bind_known(insert, 7, root->bytes);
        db_bind_known(insert, 8, root->objects);
        TRY(db_insert(insert));
    }
    heap->root_count = 0;
    return OK;
}

/* profile, heap, root, bytes, objects */
static status add_root(struct voice *voice, struct voice_heap *heap, const struct mark *mark,
                       uint64_t now_ns)
{
    uint64_t profile = mark_argument(mark, 0);

    if (heap->root_count && heap->root_profile != profile) {
        TRY(write_roots(voice, heap));
    }
    if (heap->root_count == ROOTS_MAX) {
        return OK; /* not what a writer makes */
    }
    TRY(voice_grow(&heap->roots, heap->root_count, &heap->root_room, sizeof *heap->roots));
    if (heap->root_count == 0) {
        heap->root_profile = profile;
        heap->root_ns = now_ns;
    }
    heap->roots[heap->root_count] = (struct voice_root){.name = mark_argument(mark, 2),
                                                        .bytes = mark_argument(mark, 3),
                                                        .objects = mark_argument(mark, 4),
                                                        .order = heap->root_count};
    heap->root_count++;
    return OK;
}

/* ---- callbacks ---- */

static void count_pull(struct voice *voice, const struct mark *mark)
{
    uint64_t kind = mark_argument(mark, 0);
    uint64_t duration = mark_argument(mark, 2);

    if (kind >= VOICE_PULLS) {
        voice->losses.unknown_ids++;
        return;
    }
    struct voice_pull *pull = &voice->pulls[kind];
    pull->calls++;
    pull->failures += mark_argument(mark, 1) == FAILED;
    pull->slow += mark_argument(mark, 1) == SLOW;
    if (duration != UNKNOWN) {
        pull->total_ns += duration;
        pull->max_ns = duration > pull->max_ns ? duration : pull->max_ns;
    }
    if (mark_argument(mark, 3) != UNKNOWN) {
        pull->interval_ns = mark_argument(mark, 3);
    }
}

status voice_profile_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_heap *heap;

    if (mark->kind == MR_MARK_PULL) {
        count_pull(voice, mark);
        return OK;
    }
    TRY(voice_find_heap(voice, mark_argument(mark, mark->kind != MR_MARK_HEAP_USAGE), &heap));
    if (!heap) {
        return OK;
    }
    switch (mark->kind) {
    case MR_MARK_HEAP_USAGE:
        return insert_usage(voice, heap, mark, moment.now_ns);
    case MR_MARK_CLASS_PROFILE:
        return insert_class(voice, heap, mark, moment.now_ns);
    default:
        return add_root(voice, heap, mark, moment.now_ns);
    }
}

status voice_profiles_end(struct voice *voice)
{
    static const char *const kinds[VOICE_PULLS] = {"memory", "classes"};
    struct statement *insert = voice->insert.pull;

    for (uint32_t i = 0; i < voice->heap_count; i++) {
        TRY(write_roots(voice, voice_known_heap(voice, voice->heap_ids[i])));
    }
    for (int i = 0; i < VOICE_PULLS; i++) {
        const struct voice_pull *pull = &voice->pulls[i];

        if (pull->calls) {
            db_bind_int(insert, 1, voice->run_id);
            db_bind_string(insert, 2, kinds[i]);
            db_bind_int(insert, 3, (int64_t)pull->calls);
            db_bind_int(insert, 4, (int64_t)pull->failures);
            db_bind_int(insert, 5, (int64_t)pull->slow);
            db_bind_int(insert, 6, (int64_t)pull->total_ns);
            db_bind_int(insert, 7, (int64_t)pull->max_ns);
            db_bind_int(insert, 8, (int64_t)pull->interval_ns);
            TRY(db_insert(insert));
        }
    }
    return OK;
}
