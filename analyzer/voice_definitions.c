/* SPDX-License-Identifier: Apache-2.0 */
/* voice_definitions.c -- what ids mean: names, streams, heaps, pools, classes, places.
 *
 * A definition may come after its first use, or be lost: an id gets its row when it is first met, and
 * one that was never defined is called "#7" and counted. */
#include "voice_state.h"

#include <stdio.h>

/* ---- names ---- */

static struct text name_of(const struct voice *voice, uint64_t id)
{
    const struct text *name =
        id < VOICE_NAMES_MAX ? sparse_find(&voice->names, (uint32_t)id) : NULL;

    return name ? *name : (struct text){NULL, 0};
}

void voice_bind_name(struct voice *voice, struct statement *insert, int at, uint64_t id)
{
    struct text name = name_of(voice, id);
    char unnamed[32];

    if (id == 0 || id == UNKNOWN) {
        db_bind_string(insert, at, "");
    } else if (name.bytes) {
        db_bind_text(insert, at, name);
    } else {
        snprintf(unnamed, sizeof unnamed, "#%llu", (unsigned long long)id);
        db_bind_string(insert, at, unnamed);
        voice->losses.unknown_ids++;
    }
}

static status define_name(struct voice *voice, const struct definition_record *record)
{
    if (record->id >= VOICE_NAMES_MAX) {
        return OK; /* what uses it is called by its number */
    }
    struct text *name = sparse_make(&voice->names, (uint32_t)record->id);
    if (!name) {
        return voice_no_memory();
    }
    if (!name->bytes) {
        *name = text_pool_keep(&voice->texts, record->text, NULL);
    }
    return name->bytes ? OK : voice_no_memory();
}

/* ---- things ---- */

/* The element of an id; *out NULL, counted, when it can be none. */
static status find(struct voice *voice, struct sparse_array *array, uint64_t id, uint64_t limit,
                   int64_t *rows, struct voice_definition **out)
{
    *out = NULL;
    if (id == 0 || id >= limit) {
        voice->losses.unknown_ids++;
        return OK;
    }
    *out = sparse_make(array, (uint32_t)id);
    if (!*out) {
        return voice_no_memory();
    }
    if (!(*out)->row) {
        (*out)->row = ++*rows;
        (*out)->id = (uint32_t)id;
    }
    return OK;
}

#define FIND(array, limit, rows)                                                                   \
    struct voice_definition *is;                                                                   \
    status found = find(voice, &voice->array, id, limit, &voice->rows, &is);                       \
    *out = (void *)is; /* it comes first in all of them */                                         \
    return found

status voice_find_stream(struct voice *voice, uint64_t id, struct voice_stream **out)
{
    FIND(streams, VOICE_STREAMS_MAX, stream_rows);
}

status voice_find_pool(struct voice *voice, uint64_t id, struct voice_pool **out)
{
    FIND(pools, VOICE_POOLS_MAX, pool_rows);
}

status voice_find_class(struct voice *voice, uint64_t id, struct voice_class **out)
{
    FIND(classes, VOICE_CLASSES_MAX, class_rows);
}

status voice_find_heap(struct voice *voice, uint64_t id, struct voice_heap **out)
{
    struct voice_definition *is;

    TRY(find(voice, &voice->heaps, id, VOICE_HEAPS_MAX, &voice->heap_rows, &is));
    *out = (struct voice_heap *)is;
    if (is && !(*out)->counters.element_bytes) {
        (*out)->counters.element_bytes = sizeof(struct heap_counters_record);
        (*out)->left_bytes = UNKNOWN;
        (*out)->sites.epoch = 1; /* sums begin at 0 */
        voice->heap_ids[voice->heap_count++] = is->id;
    }
    return OK;
}

struct voice_heap *voice_known_heap(const struct voice *voice, uint64_t id)
{
    struct voice_heap *heap =
        id && id < VOICE_HEAPS_MAX ? sparse_find(&voice->heaps, (uint32_t)id) : NULL;

    return heap && heap->is.row ? heap : NULL;
}

int64_t voice_heap_row(const struct voice *voice, uint64_t id)
{
    const struct voice_heap *heap = voice_known_heap(voice, id);

    return heap ? heap->is.row : 0;
}

int64_t voice_class_row(const struct voice *voice, uint64_t id)
{
    const struct voice_class *class =
        id && id < VOICE_CLASSES_MAX ? sparse_find(&voice->classes, (uint32_t)id) : NULL;

    return class ? class->is.row : 0;
}

static void define(struct voice_definition *is, uint64_t name)
{
    is->defined = true;
    is->name = name < VOICE_NAMES_MAX ? (uint32_t)name : 0;
}

static status define_heap(struct voice *voice, const struct definition_record *record)
{
    struct voice_heap *heap;

    TRY(voice_find_heap(voice, record->id, &heap));
    if (heap) {
        define(&heap->is, record->arguments[0]);
        heap->capacity_bytes = record->arguments[1];
        heap->generations = record->arguments[2];
        heap->of_blocks = record->arguments[3] != UNKNOWN && (record->arguments[3] & 1);
    }
    return OK;
}

static status define_pool(struct voice *voice, const struct definition_record *record)
{
    struct voice_pool *pool;

    TRY(voice_find_pool(voice, record->id, &pool));
    if (pool) {
        define(&pool->is, record->arguments[0]);
        pool->kind = record->arguments[1];
        pool->stream = record->arguments[2];
        pool->slot_bytes = record->arguments[3];
        pool->capacity_bytes = record->arguments[4];
        pool->capacity_slots = record->arguments[5];
    }
    return OK;
}

static status define_place(struct voice *voice, const struct definition_record *record)
{
    uint64_t line = record->arguments[2];

    return stack_table_place(voice->stacks, record->id, name_of(voice, record->arguments[0]),
                             name_of(voice, record->arguments[1]),
                             line && line <= INT32_MAX ? (uint32_t)line : 0);
}

status voice_definition(struct voice *voice, const struct definition_record *record)
{
    struct voice_stream *stream;
    struct voice_class *class;

    voice->speaks = voice->losses.told = true;
    switch (record->kind) {
    case MR_DEFINE_NAME:
        return define_name(voice, record);
    case MR_DEFINE_STREAM:
        TRY(voice_find_stream(voice, record->id, &stream));
        if (stream) {
            define(&stream->is, record->arguments[0]);
            stream->budget_ns = record->arguments[1] == UNKNOWN ? 0 : record->arguments[1];
        }
        return OK;
    case MR_DEFINE_HEAP:
        return define_heap(voice, record);
    case MR_DEFINE_POOL:
        return define_pool(voice, record);
    case MR_DEFINE_CLASS:
        TRY(voice_find_class(voice, record->id, &class));
        if (class) {
            define(&class->is, record->arguments[0]);
            class->module =
                record->arguments[1] < VOICE_NAMES_MAX ? (uint32_t)record->arguments[1] : 0;
        }
        return OK;
    case MR_DEFINE_PLACE:
        return define_place(voice, record);
    default:
        return OK;
    }
}

status voice_heap_counters(struct voice *voice, const struct heap_counters_record *record,
                           uint32_t thread)
{
    struct voice_heap *heap;

    voice->speaks = voice->losses.told = true;
    TRY(voice_find_heap(voice, record->heap, &heap));
    if (!heap) {
        return OK;
    }
    struct heap_counters_record *last = sparse_make(&heap->counters, thread);
    if (!last) {
        return voice_no_memory();
    }
    *last = *record; /* the last row of a thread counts */
    heap->thread_count = thread >= heap->thread_count ? thread + 1 : heap->thread_count;
    return OK;
}

/* ---- rows ---- */

/* run_id, number, name: columns 2 to 4 of all of them, after the id. */
static void bind_definition(struct voice *voice, struct statement *insert,
                            const struct voice_definition *is)
{
    char unnamed[32];

    db_bind_int(insert, 1, is->row);
    db_bind_int(insert, 2, voice->run_id);
    db_bind_int(insert, 3, is->id);
    if (is->defined) {
        voice_bind_name(voice, insert, 4, is->name);
    } else {
        snprintf(unnamed, sizeof unnamed, "#%u", is->id);
        db_bind_string(insert, 4, unnamed);
        voice->losses.unknown_ids++;
    }
}

static status write_heap(struct voice *voice, const struct voice_heap *heap)
{
    struct statement *insert = voice->insert.heap;
    uint64_t sums[4] = {0, 0, 0, 0};

    bind_definition(voice, insert, &heap->is);
    if (heap->is.defined) {
        db_bind_known(insert, 5, heap->capacity_bytes);
        db_bind_known(insert, 6, heap->generations);
    }
    db_bind_int(insert, 7, heap->of_blocks);
    for (uint32_t i = 0; i < heap->thread_count; i++) {
        const struct heap_counters_record *row = sparse_find(&heap->counters, i);

        if (row) {
            sums[0] += row->alloc_calls;
            sums[1] += row->alloc_bytes;
            sums[2] += row->free_calls;
            sums[3] += row->freed_bytes;
        }
    }
    for (int i = 0; i < 4 && sums[0]; i++) {
        db_bind_int(insert, 8 + i, (int64_t)sums[i]);
    }
    return db_insert(insert);
}

static status write_pool(struct voice *voice, const struct voice_pool *pool)
{
    static const char *const kinds[] = {"slab", "arena", "tier", "buffer", "connection"};
    struct statement *insert = voice->insert.pool;
    struct voice_stream *stream = NULL;

    bind_definition(voice, insert, &pool->is);
    db_bind_string(insert, 5, voice_choose(kinds, 5, pool->is.defined ? pool->kind : UNKNOWN));
    if (pool->is.defined) {
        if (pool->stream && pool->stream != UNKNOWN) {
            TRY(voice_find_stream(voice, pool->stream, &stream));
        }
        voice_bind_id(insert, 6, stream ? stream->is.row : 0);
        db_bind_known(insert, 7, pool->slot_bytes ? pool->slot_bytes : UNKNOWN);
        db_bind_known(insert, 8, pool->capacity_bytes);
        db_bind_known(insert, 9, pool->capacity_slots);
    }
    return db_insert(insert);
}

static status write_stream(struct voice *voice, const struct voice_stream *stream)
{
    struct statement *insert = voice->insert.stream;

    bind_definition(voice, insert, &stream->is);
    db_bind_known(insert, 5, stream->budget_ns ? stream->budget_ns : UNKNOWN);
    return db_insert(insert);
}

static status write_class(struct voice *voice, const struct voice_class *class)
{
    struct statement *insert = voice->insert.class;

    bind_definition(voice, insert, &class->is);
    if (class->module) {
        voice_bind_name(voice, insert, 5, class->module);
    }
    return db_insert(insert);
}

status voice_write_definitions(struct voice *voice)
{
    for (uint32_t id = 0; id < voice->pools.piece_count << SPARSE_PIECE_BITS; id++) {
        const struct voice_pool *pool = sparse_find(&voice->pools, id);

        if (pool && pool->is.row) {
            TRY(write_pool(voice, pool));
        }
    }
    for (uint32_t id = 0; id < VOICE_STREAMS_MAX; id++) { /* after pools, which may name one */
        const struct voice_stream *stream = sparse_find(&voice->streams, id);
        const struct voice_heap *heap = sparse_find(&voice->heaps, id);

        if (stream && stream->is.row) {
            TRY(write_stream(voice, stream));
        }
        if (heap && heap->is.row) {
            TRY(write_heap(voice, heap));
        }
    }
    for (uint32_t id = 0; id < voice->classes.piece_count << SPARSE_PIECE_BITS; id++) {
        const struct voice_class *class = sparse_find(&voice->classes, id);

        if (class && class->is.row) {
            TRY(write_class(voice, class));
        }
    }
    return OK;
}
