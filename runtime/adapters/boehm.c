/* SPDX-License-Identifier: Apache-2.0 */
/* boehm.c -- memrec_boehm.so: tells the collections of an unmodified program on the Boehm collector.
 *
 * Preloaded behind libmemrec.so:
 *
 *     LD_PRELOAD="libmemrec.so memrec_boehm.so" MEMREC_TRACE=x.zst guile x.scm
 *
 * It needs libgc 7.6 or newer as a shared library; in any other program it does nothing.
 *
 * Told: each collection with its pauses, what the heap held before and after, what the collector says it
 * reclaimed, why it ran when the program asked for it, and the heap's size whenever it changes.
 *
 *   used      whole blocks that are not free: the collector counts nothing finer
 *   after     an estimate: most blocks are swept later, when they are needed. What sweeping found until
 *             the next collection began is taken off then (previous_after_bytes)
 *   reclaimed the collector's own figure, since the collection before ended: most of it was dead then already,
 *             and swept in between. Over the whole run it is what the collector counted
 *
 * Not told: single objects. GC_malloc could be watched, but nothing tells when the sweep takes an object
 * back, so every one of them would look leaked.
 *
 * The collector does not scan the recorder's own data: the program collects as often as it would without.
 *
 * The callbacks run on the collecting thread with the collector's lock held, for a part of the time while
 * all other threads stand: only the collector's `_unsafe` getter and memrec's own calls may run here. The
 * program's callbacks are kept beside ours: its setters and getters are answered by this library.        */
#define MEMREC_HEADER_ONLY
#include <memrec/memrec.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HOOK __attribute__((visibility("default")))

/* ---- libgc's interface, as far as it is used ------------------------------------------------- */

enum event { /* GC_EventType */
             EVENT_START = 0,
             EVENT_MARK_START = 1,
             EVENT_RECLAIM_END = 4,
             EVENT_PRE_STOP_WORLD = 6,
             EVENT_POST_START_WORLD = 9,
};

struct heap_facts { /* the first members of struct GC_prof_stats_s; it only grows at its end */
    size_t heap_bytes;
    size_t free_bytes;
    size_t unmapped_bytes;
    size_t allocated_since_bytes;
    size_t allocated_before_bytes;
    size_t uncollectable_bytes;
    size_t collections;
    size_t helpers;
    size_t reclaimed_since_bytes; /* since the last collection marked */
    size_t reclaimed_before_bytes;
};

typedef void (*event_fn)(int event);
typedef void (*resize_fn)(size_t heap_bytes);
typedef int (*roots_fn)(const char *library, void *start, size_t bytes);

HOOK void GC_set_on_collection_event(event_fn run);
HOOK event_fn GC_get_on_collection_event(void);
HOOK void GC_set_on_heap_resize(resize_fn run);
HOOK resize_fn GC_get_on_heap_resize(void);
HOOK void GC_register_has_static_roots_callback(roots_fn run);
HOOK void GC_gcollect(void);

static struct {
    void (*set_on_event)(event_fn run);
    event_fn (*get_on_event)(void);
    void (*set_on_resize)(resize_fn run);
    resize_fn (*get_on_resize)(void);
    void (*set_on_roots)(roots_fn run);
    size_t (*get_facts)(struct heap_facts *out, size_t bytes);
    void (*collect)(void);
    int (*is_incremental)(void);
    int (*is_registered)(void); /* may this thread collect? */
} gc;

/* Finds libgc's function `name` behind this library. */
static bool find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(function, &found, sizeof found);
    return found != NULL;
}

/* ---- what is known between two events; under the collector's lock ----------------------------- */

static memrec_heap_id heap;
static memrec_name_id explicit_reason;
static event_fn program_on_event;
static resize_fn program_on_resize;
static roots_fn program_on_roots;
static _Thread_local int asked; /* this thread is inside GC_gcollect */

static struct {
    bool open;            /* began and did not end yet */
    bool whole;           /* ... by EVENT_START: it is not one of the steps of an incremental one */
    bool ended_once;      /* the next two are known */
    size_t after_bytes;   /* of the last collection, as told then */
    size_t swept_by_then; /* reclaimed_since_bytes at that moment */
    size_t reclaimed_bytes; /* ever, at that moment */
} cycle;

static struct heap_facts facts_now(void)
{
    struct heap_facts facts;

    gc.get_facts(&facts, sizeof facts);
    return facts;
}

static size_t used_bytes(const struct heap_facts *facts)
{
    return facts->heap_bytes - facts->free_bytes;
}

static void begin_cycle(bool whole)
{
    struct heap_facts facts = facts_now();
    struct memrec_gc begin = MEMREC_GC_INIT;

    begin.kind = gc.is_incremental && gc.is_incremental() ? MEMREC_GC_INCREMENTAL : MEMREC_GC_FULL;
    begin.reason = asked ? explicit_reason : 0;
    begin.used_before_bytes = used_bytes(&facts);
    if (cycle.ended_once) {
        size_t later = facts.reclaimed_since_bytes > cycle.swept_by_then
                           ? facts.reclaimed_since_bytes - cycle.swept_by_then
                           : 0;

        begin.previous_after_bytes = cycle.after_bytes > later ? cycle.after_bytes - later : 0;
    }
    cycle.open = true;
    cycle.whole = whole;
    memrec_gc_begin(heap, &begin);
}

static void end_cycle(void)
{
    struct heap_facts facts = facts_now();
    struct memrec_gc end = MEMREC_GC_INIT;

    end.flags = MEMREC_GC_APPROXIMATE;
    end.used_after_bytes = used_bytes(&facts);
    size_t reclaimed = facts.reclaimed_before_bytes + facts.reclaimed_since_bytes;
    end.reclaimed_bytes = reclaimed - cycle.reclaimed_bytes;
    cycle.open = false;
    cycle.ended_once = true;
    cycle.after_bytes = used_bytes(&facts);
    cycle.swept_by_then = facts.reclaimed_since_bytes;
    cycle.reclaimed_bytes = reclaimed;
    memrec_gc_end(heap, &end);
    memrec_heap_usage(heap, used_bytes(&facts), facts.heap_bytes, MEMREC_UNKNOWN);
}

/* A collection in steps tells no start and no end, only its marking and its sweeping. One that is
 * abandoned tells no end: the begin that follows shows that. */
static void on_event(int event)
{
    switch (event) {
    case EVENT_START:
        if (!cycle.open || cycle.whole)
            begin_cycle(true);
        break;
    case EVENT_MARK_START:
        if (!cycle.open)
            begin_cycle(false);
        break;
    case EVENT_PRE_STOP_WORLD:
        memrec_gc_pause_begin(heap);
        break;
    case EVENT_POST_START_WORLD:
        memrec_gc_pause_end(heap);
        break;
    case EVENT_RECLAIM_END:
        if (cycle.open)
            end_cycle();
        break;
    }
    event_fn run = __atomic_load_n(&program_on_event, __ATOMIC_ACQUIRE);
    if (run)
        run(event);
}

static void on_resize(size_t heap_bytes)
{
    struct heap_facts facts = facts_now();

    memrec_heap_usage(heap, used_bytes(&facts), heap_bytes, MEMREC_UNKNOWN);
    resize_fn run = __atomic_load_n(&program_on_resize, __ATOMIC_ACQUIRE);
    if (run)
        run(heap_bytes);
}

/* May the data of a library hold pointers to objects? The recorder's does not, and is half a megabyte: scanned, it
 * would make the collector wait longer for its next collection. */
static int on_roots(const char *library, void *start, size_t bytes)
{
    uintptr_t recorders[] = {(uintptr_t)memrec_on_, (uintptr_t)&cycle};

    for (unsigned i = 0; i < 2; i++)
        if (recorders[i] - (uintptr_t)start < bytes)
            return 0;
    roots_fn run = __atomic_load_n(&program_on_roots, __ATOMIC_ACQUIRE);
    return run ? run(library, start, bytes) : 1;
}

/* memrec_collect's answer: only a thread the collector knows can be scanned. */
static int collect(void *context)
{
    (void)context;
    if (!gc.is_registered || !gc.is_registered())
        return -1;
    GC_gcollect();
    return 0;
}

static bool attached; /* else the program's calls go to libgc as they are */

__attribute__((constructor)) static void attach(void)
{
    memrec_find_(); /* its turn may come after ours */
    bool found = find(&gc.get_facts, "GC_get_prof_stats_unsafe");
    found &= find(&gc.collect, "GC_gcollect");
    found &= find(&gc.set_on_resize, "GC_set_on_heap_resize");
    found &= find(&gc.get_on_resize, "GC_get_on_heap_resize");
    found &= find(&gc.set_on_roots, "GC_register_has_static_roots_callback");
    found &= find(&gc.set_on_event, "GC_set_on_collection_event");
    found &= find(&gc.get_on_event, "GC_get_on_collection_event");
    find(&gc.is_incremental, "GC_is_incremental_mode");
    find(&gc.is_registered, "GC_thread_is_registered");
    if (!found || !memrec_version())
        return;
    heap = memrec_heap("boehm", MEMREC_UNKNOWN, 1, 0);
    explicit_reason = memrec_name("explicit", strlen("explicit"));
    memrec_on_collect(collect, NULL);
    attached = true;
    program_on_event = gc.get_on_event();
    program_on_resize = gc.get_on_resize();
    gc.set_on_roots(on_roots);
    gc.set_on_event(on_event);
    gc.set_on_resize(on_resize);
}

/* ---- what the program calls ------------------------------------------------------------------ */

/* Before the constructor above ran, libgc's own functions are found here. */
#define REAL(function, name) (gc.function || find(&gc.function, name) ? gc.function : NULL)

HOOK void GC_set_on_collection_event(event_fn run)
{
    if (attached)
        __atomic_store_n(&program_on_event, run, __ATOMIC_RELEASE);
    else if (REAL(set_on_event, "GC_set_on_collection_event"))
        gc.set_on_event(run);
}

HOOK event_fn GC_get_on_collection_event(void)
{
    if (attached)
        return __atomic_load_n(&program_on_event, __ATOMIC_ACQUIRE);
    return REAL(get_on_event, "GC_get_on_collection_event") ? gc.get_on_event() : NULL;
}

HOOK void GC_set_on_heap_resize(resize_fn run)
{
    if (attached)
        __atomic_store_n(&program_on_resize, run, __ATOMIC_RELEASE);
    else if (REAL(set_on_resize, "GC_set_on_heap_resize"))
        gc.set_on_resize(run);
}

HOOK resize_fn GC_get_on_heap_resize(void)
{
    if (attached)
        return __atomic_load_n(&program_on_resize, __ATOMIC_ACQUIRE);
    return REAL(get_on_resize, "GC_get_on_heap_resize") ? gc.get_on_resize() : NULL;
}

HOOK void GC_register_has_static_roots_callback(roots_fn run)
{
    if (attached)
        __atomic_store_n(&program_on_roots, run, __ATOMIC_RELEASE);
    else if (REAL(set_on_roots, "GC_register_has_static_roots_callback"))
        gc.set_on_roots(run);
}

HOOK void GC_gcollect(void)
{
    asked++;
    if (REAL(collect, "GC_gcollect"))
        gc.collect();
    asked--;
}
