/* SPDX-License-Identifier: Apache-2.0 */
/* collections.c -- managed heaps as a whole: collections, what survives them, usage and profiles. Each function
 * turns its arguments into marks. */
#include "definitions.h"
#include "voice.h"

#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API __attribute__((visibility("default")))

#define GENERATIONS       128u
#define CLASS_ROWS_MAX    10000u
#define RETAINED_ROWS_MAX 1000u

static const struct memrec_gc nothing = MEMREC_GC_INIT;

static bool is_heap(memrec_heap_id heap)
{
    return mr_is_defined(MR_DEFINE_HEAP, heap) || mr_voice_refuse();
}

API void memrec_gc_begin(memrec_heap_id heap, const struct memrec_gc *gc)
{
    gc = gc ? gc : &nothing;
    if (is_heap(heap))
        MR_SAY(MR_MARK_GC_BEGIN, heap, gc->kind, gc->flags, gc->reason, gc->used_before_bytes,
               gc->objects_before, gc->previous_after_bytes);
}

API void memrec_gc_end(memrec_heap_id heap, const struct memrec_gc *gc)
{
    gc = gc ? gc : &nothing;
    if (is_heap(heap))
        MR_SAY(MR_MARK_GC_END, heap, gc->flags, gc->used_after_bytes, gc->objects_after,
               gc->reclaimed_bytes, gc->promoted_bytes);
}

API void memrec_gc_pause_begin(memrec_heap_id heap)
{
    if (is_heap(heap))
        MR_SAY(MR_MARK_GC_PAUSE_BEGIN, heap);
}

API void memrec_gc_pause_end(memrec_heap_id heap)
{
    if (is_heap(heap))
        MR_SAY(MR_MARK_GC_PAUSE_END, heap);
}

API void memrec_gc_cycle(memrec_heap_id heap, const struct memrec_gc *gc)
{
    gc = gc ? gc : &nothing;
    if (is_heap(heap))
        MR_SAY(MR_MARK_GC_CYCLE, heap, gc->kind, gc->flags, gc->reason, gc->used_before_bytes,
               gc->objects_before, gc->previous_after_bytes, gc->used_after_bytes,
               gc->objects_after, gc->reclaimed_bytes, gc->promoted_bytes, gc->duration_ns,
               gc->pause_ns);
}

API void memrec_gc_survivors(memrec_heap_id heap, memrec_class_id klass, const uint64_t *objects,
                             const uint64_t *bytes, unsigned count)
{
    if (!is_heap(heap))
        return;
    for (unsigned i = 0; objects && i < count && i < GENERATIONS; i++)
        if (objects[i] || (bytes && bytes[i]))
            MR_SAY(MR_MARK_GC_SURVIVORS, heap, klass, i, i + 1 == count, objects[i],
                   bytes ? bytes[i] : MR_UNKNOWN);
}

API void memrec_heap_usage(memrec_heap_id heap, uint64_t used_bytes, uint64_t total_bytes,
                           uint64_t objects)
{
    if (is_heap(heap))
        MR_SAY(MR_MARK_HEAP_USAGE, heap, used_bytes, total_bytes, objects);
}

/* Rows of one profile share a number; the next free one is the process's. */
static _Atomic uint64_t profiles;

API void memrec_class_profile(memrec_heap_id heap, const struct memrec_class_row *rows,
                              size_t count)
{
    if (!is_heap(heap) || !rows)
        return;
    uint64_t profile = mr_fetch_add_relaxed(&profiles, 1) + 1;
    for (size_t i = 0; i < count && i < CLASS_ROWS_MAX; i++)
        MR_SAY(MR_MARK_CLASS_PROFILE, profile, heap, rows[i].klass, rows[i].new_objects,
               rows[i].new_bytes, rows[i].old_objects, rows[i].old_bytes);
}

API void memrec_retained(memrec_heap_id heap, const struct memrec_retained_row *rows, size_t count)
{
    if (!is_heap(heap) || !rows)
        return;
    uint64_t profile = mr_fetch_add_relaxed(&profiles, 1) + 1;
    for (size_t i = 0; i < count && i < RETAINED_ROWS_MAX; i++)
        MR_SAY(MR_MARK_RETAINED, profile, heap, rows[i].root, rows[i].bytes, rows[i].objects);
}
