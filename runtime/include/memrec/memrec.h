/* SPDX-License-Identifier: Apache-2.0 */
/* memrec.h -- what a program tells the memory recorder inside its process.
 *
 * A program needs nothing of this to be recorded: preload libmemrec.so, or link it, and set
 * MEMREC_TRACE=trace.zst in the environment (memrec(7) has the table of variables). This header is for
 * programs with something to add that only they know: frames, evaluations, requests, collections, pools,
 * classes. All of it lands in the same trace, on the same clock as the allocation samples.
 *
 *     static memrec_stream_id screen;
 *     screen = memrec_stream("screen", 16666667);          // once, at start
 *     memrec_frame_begin(screen);                          // each frame
 *     memrec_frame_end(screen);
 *
 * Two ways to use it
 *   linked        -lmemrec, pkg-config memrec, or memrec::memrec of the CMake package.
 *   header only   #define MEMREC_HEADER_ONLY before the include: nothing to link. The calls find the
 *                 library when the process starts, if it was preloaded (or linked by someone else), and
 *                 otherwise do nothing.
 *
 * When nothing is recorded, a call is a load and a branch, its arguments are not evaluated, and it
 * returns 0. Registrations (memrec_name, memrec_stream, memrec_heap, memrec_pool, memrec_class,
 * memrec_place) work at any time once the library is there, so ids made before a recording starts are
 * good in it, after it, in the next one and in forked children. Registering the same thing again
 * returns the same id. Id 0 is none: calls that are given 0 where they need something do nothing and
 * are counted; a full table gives 0, and that is counted too (`memanalyze report losses`).
 *
 * Rules for all calls, unless one says otherwise
 *   - From any thread, at any time, also before main, after exit began, and in signal handlers. A call
 *     that interrupts the recorder itself is counted as lost and does nothing.
 *   - Never a lock, never malloc, never a wait; errno is kept. A full ring loses the call, counted.
 *   - Text is copied during the call. It need not be terminated, may be any bytes (UTF-8 is shown as
 *     such), and is cut at MEMREC_NAME_BYTES_MAX.
 *   - MEMREC_UNKNOWN stands for every figure a program cannot tell. It becomes NULL, never 0.
 *   - Misuse (an end without a begin, a begin inside itself, an end on another thread) is recorded as
 *     what it is and counted when the trace is read; it is never fatal.
 *   - Costs are those of benches/voice_cost.c on x86-64 at 2.3 GHz: the call itself, which is 2 ns of
 *     them, is in; the clock, where it is read, takes 10 ns more.
 *
 * Caveats
 *   - A forked child begins a trace of its own with its first sample or its first call here.
 *   - A child made by vfork shares its parent's memory: it should not call.                          */
#ifndef MEMREC_MEMREC_H
#define MEMREC_MEMREC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* functions named as their struct, like stat */
#endif
#endif

#define MEMREC_VERSION_MAJOR 0
#define MEMREC_VERSION_MINOR 2
#define MEMREC_VERSION_PATCH 0

#define MEMREC_UNKNOWN        UINT64_MAX
#define MEMREC_NAME_BYTES_MAX 256

typedef uint32_t memrec_name_id;
typedef uint32_t memrec_stream_id;
typedef uint32_t memrec_heap_id;
typedef uint32_t memrec_pool_id;
typedef uint32_t memrec_class_id;
typedef uint32_t memrec_place_id;
typedef uint64_t memrec_span_id;

/* ---- Control --------------------------------------------------------------------------------- */

/* Version of the library that is loaded, "major.minor.patch". A constant. NULL: no library. */
const char *memrec_version(void);

/* 1 while this process is being recorded (paused or not), else 0. */
int memrec_is_recording(void);

/* Starts a recording into a new file, as MEMREC_TRACE would have (%p %h %e are expanded; NULL: the value of
 * MEMREC_TRACE, or "memrec.%p.zst"). The other variables of memrec(7) apply. Allocations made before are
 * unknown to it. 0: recording, also when it already was; -1: it could not begin, or the library is not
 * there. Takes about a millisecond; not in signal handlers. */
int memrec_start(const char *trace_path);

/* Ends the recording in good order: writes what is waiting and closes the trace, in at most two
 * seconds. Without it the end of the process does the same. Not in signal handlers. */
void memrec_stop(void);

/* No new samples and none of the calls below are recorded until memrec_resume; the ends of blocks
 * sampled before are, and exact counters go on. The trace says from when to when. */
void memrec_pause(void);
void memrec_resume(void);

/* Returns when everything published before the call is in the trace file, or after one second. Costs a
 * few hundred microseconds and a short block: not for every request. Not in signal handlers. */
void memrec_flush(void);

/* Mean bytes between samples from here on: rounded to the starting interval times a power of two,
 * between 1/64 and 2^30 times it. Other threads follow at their next sample, after 64 starting intervals
 * at the latest. Each sample carries the interval that was in force. Does nothing when every allocation is
 * recorded. */
void memrec_set_interval(uint64_t bytes);

/* A point in time with a name ("before the experiment"), for reports and comparisons. */
void memrec_mark(memrec_name_id name);

struct memrec_status {
    uint32_t size;      /* of this struct; set by the caller to sizeof(struct memrec_status) */
    uint32_t recording; /* 1: yes */
    uint32_t paused;    /* 1: yes */
    uint32_t reserved;
    uint64_t interval_bytes; /* mean, in force; 1: every allocation */
    uint64_t samples; /* allocations sampled so far; MEMREC_UNKNOWN when every one is recorded */
    uint64_t written_bytes;   /* of the trace file */
    uint64_t write_errors;    /* blocks that could not be written */
    uint64_t dropped_samples; /* found no room */
    uint64_t dropped_frees;
    uint64_t
        dropped_calls; /* of this header: found no room in the ring, or interrupted the recorder */
    uint64_t refused_calls; /* of this header: id 0 or unknown */
    uint64_t full_tables;   /* registrations that found no place */
};

/* Fills *status as far as its size says. 0; -1: no library, then *status is untouched. */
int memrec_status(struct memrec_status *status);

/* Registers what collects this runtime's garbage; memrec_collect calls it, on its caller's thread. NULL
 * takes it back. `run` returns 0 when it did collect. One per process. */
void memrec_on_collect(int (*run)(void *context), void *context);

/* Asks the runtime for a collection. What the callback returned; -1: there is none. */
int memrec_collect(void);

/* ---- Names ----------------------------------------------------------------------------------- */

/* The id of a text, for all processes of this program. Costs about 12 ns when the text is known; keep ids of
 * constant texts. 0: no bytes, or the table is full (2^17 names, 8 MiB in all registrations). */
memrec_name_id memrec_name(const char *text, size_t bytes);

/* ---- Frames ---------------------------------------------------------------------------------- */

/* A named stream of frames: a screen, an audio callback, a simulation step. budget_ns is what a frame
 * may take, e.g. 16666667; 0: no budget. At most 64. */
memrec_stream_id memrec_stream(const char *name, uint64_t budget_ns);

/* A frame of the stream begins and ends. What the calling thread allocated and freed in it is exact;
 * collections, pool overflows and other threads' samples are joined by time. A begin inside a frame
 * ends that one. Frames of a millisecond and more also tell their page faults, for one getrusage each
 * way. 15 ns + clock. */
void memrec_frame_begin(memrec_stream_id stream);
void memrec_frame_end(memrec_stream_id stream);

/* A part of the stream's current frame: "render", "logic", "gc". Phases may nest. 11 ns + clock. */
void memrec_phase_begin(memrec_stream_id stream, memrec_name_id phase);
void memrec_phase_end(memrec_stream_id stream, memrec_name_id phase);

/* ---- Evaluations ----------------------------------------------------------------------------- */

/* One evaluation on the calling thread: a line of a REPL, a chunk, a query, a test case. `label` is the
 * expression (memrec_name cuts it); heap_used_bytes what the heap held at that moment, of `heap` (0:
 * none registered). They may nest. 10 ns + clock. */
void memrec_eval_begin(memrec_name_id label, memrec_heap_id heap, uint64_t heap_used_bytes);
void memrec_eval_end(uint64_t heap_used_bytes, uint64_t arena_high_water_bytes);

/* ---- Spans ----------------------------------------------------------------------------------- */

/* One unit of work: a request, a model load, an inference, a file of a language server, a download.
 * `kind` groups them ("request"), `label` tells them apart ("GET /index"); 0: none. Begins on the calling
 * thread and inside the span this thread is in; samples of the thread carry it until its end. Returns
 * its id, unique in the process, 0 when nothing is recorded. 10 ns + clock. */
memrec_span_id memrec_span_begin(memrec_name_id kind, memrec_name_id label);

/* The same with a parent that is told (0: none), for work that changes threads. The calling thread
 * does not enter it. */
memrec_span_id memrec_span_begin_in(memrec_span_id parent, memrec_name_id kind,
                                    memrec_name_id label);

/* From any thread. A span of id 0 is ignored, uncounted: it began when nothing was recorded. */
enum memrec_end { MEMREC_OK = 0, MEMREC_FAILED = 1, MEMREC_CANCELLED = 2, MEMREC_TIMED_OUT = 3 };
void memrec_span_end(memrec_span_id span, enum memrec_end end);

/* The calling thread works for the span from here, and no longer: event loops, thread pools, coroutines. */
void memrec_span_enter(memrec_span_id span);
void memrec_span_leave(memrec_span_id span);

/* The first result is out: the first byte, the first row, the first token. The first call counts. */
void memrec_span_first_result(memrec_span_id span);

/* `count` more items were done: tokens, rows, files. */
void memrec_span_items(memrec_span_id span, uint64_t count);

/* How far it is. Units are the caller's; a smaller value than before is reported as a regression.
 * total: MEMREC_UNKNOWN when it cannot be told. */
void memrec_span_progress(memrec_span_id span, uint64_t done, uint64_t total);

/* ---- Heaps and collections ------------------------------------------------------------------- */

enum {
    MEMREC_HEAP_OF_BLOCKS = 1 << 0 /* each object is a block of malloc of its own */
};

/* A managed heap. capacity_bytes: its limit. generations: how many it has, 1 when it is not
 * generational. flags: 0, or MEMREC_HEAP_OF_BLOCKS: then what is told of an object is told of a block that malloc's
 * hooks see too, and totals count that memory once. At most 8. */
memrec_heap_id memrec_heap(const char *name, uint64_t capacity_bytes, unsigned generations,
                           unsigned flags);

enum memrec_gc_kind {
    MEMREC_GC_FULL = 0,
    MEMREC_GC_MINOR = 1,       /* the youngest generation, a scavenge */
    MEMREC_GC_MAJOR = 2,       /* of a generational collector: all generations */
    MEMREC_GC_INCREMENTAL = 3, /* a cycle that runs in steps, between which the program runs */
    MEMREC_GC_CONCURRENT = 4   /* a cycle that runs beside the program */
};

enum {
    MEMREC_GC_STOPS_WORLD =
        1 << 0, /* the program stands from begin to end: the cycle is the pause */
    MEMREC_GC_APPROXIMATE = 1 << 1 /* "after" is an estimate, as under lazy sweeping */
};

/* A collection. Everything may be MEMREC_UNKNOWN; `reason` may be 0. Set what is known, zero flags:
 *     struct memrec_gc gc = MEMREC_GC_INIT;                                                          */
struct memrec_gc {
    uint32_t kind;                 /* enum memrec_gc_kind */
    uint32_t flags;                /* MEMREC_GC_STOPS_WORLD, MEMREC_GC_APPROXIMATE */
    memrec_name_id reason;         /* why now: "threshold", "explicit" */
    uint32_t reserved;             /* 0 */
    uint64_t used_before_bytes;    /* begin */
    uint64_t objects_before;       /* begin */
    uint64_t previous_after_bytes; /* begin: what the cycle before really left, known only now */
    uint64_t used_after_bytes;     /* end */
    uint64_t objects_after;        /* end */
    uint64_t reclaimed_bytes;      /* end: the runtime's own claim, kept beside before - after */
    uint64_t promoted_bytes;       /* end: moved to an older generation */
    uint64_t duration_ns;          /* memrec_gc_cycle: of the cycle */
    uint64_t pause_ns;             /* memrec_gc_cycle: the program stood for, in all */
};
#define MEMREC_GC_INIT                                                                             \
    {                                                                                              \
        MEMREC_GC_FULL, 0, 0, 0, MEMREC_UNKNOWN, MEMREC_UNKNOWN, MEMREC_UNKNOWN, MEMREC_UNKNOWN,   \
            MEMREC_UNKNOWN, MEMREC_UNKNOWN, MEMREC_UNKNOWN, MEMREC_UNKNOWN, MEMREC_UNKNOWN         \
    }

/* A collection begins and ends. Begin reads the members marked so, end reads its own and adds its flags. Safe
 * while the world is stopped or the collector's locks are held. 11 ns + clock. */
void memrec_gc_begin(memrec_heap_id heap, const struct memrec_gc *gc);
void memrec_gc_end(memrec_heap_id heap, const struct memrec_gc *gc);

/* The program stands, and runs again: inside a cycle, or beside one. */
void memrec_gc_pause_begin(memrec_heap_id heap);
void memrec_gc_pause_end(memrec_heap_id heap);

/* A whole collection, told when it is over, by collectors that tell no begin. */
void memrec_gc_cycle(memrec_heap_id heap, const struct memrec_gc *gc);

/* What survived the collection that ended last: objects[g] and bytes[g] have survived g collections, the last
 * of the `count` (at most 128) rows all that survived more. Of the living, not of the dead: a leak shows as a
 * last row that grows. klass 0: all classes together. Rows of zeros cost nothing. bytes may be NULL. */
void memrec_gc_survivors(memrec_heap_id heap, memrec_class_id klass, const uint64_t *objects,
                         const uint64_t *bytes, unsigned count);

/* What a heap holds now, where no collection tells it. objects may be MEMREC_UNKNOWN. 10 ns + clock. */
void memrec_heap_usage(memrec_heap_id heap, uint64_t used_bytes, uint64_t total_bytes,
                       uint64_t objects);

/* ---- Managed objects ------------------------------------------------------------------------- */

/* A class, type or kind of object, in a module (NULL: none). At most 65,536. */
memrec_class_id memrec_class(const char *name, const char *module);

/* An object was allocated, freed or swept, moved. Report every one: the sampling happens here, by the same
 * interval as malloc's, and exact counters are kept per heap. 3 ns when not sampled. `object` is any
 * address that no other living object of a managed heap has. A moved object keeps its history. */
void memrec_heap_alloc(memrec_heap_id heap, memrec_class_id klass, const void *object,
                       size_t bytes);
void memrec_heap_free(memrec_heap_id heap, const void *object, size_t bytes);
void memrec_heap_move(memrec_heap_id heap, const void *from, const void *to);

/* ---- Pools ----------------------------------------------------------------------------------- */

enum memrec_pool_kind {
    MEMREC_POOL_SLAB = 0,  /* slots of one size */
    MEMREC_POOL_ARENA = 1, /* bump allocation, reset as a whole */
    MEMREC_POOL_TIER = 2,  /* a part of a heap: a size class, a generation, a region */
    MEMREC_POOL_BUFFER = 3,
    MEMREC_POOL_CONNECTION = 4
};

struct memrec_pool_facts {
    uint32_t kind; /* enum memrec_pool_kind */
    memrec_stream_id
        reset_every;     /* an arena that should be reset once per frame of this stream; 0: no */
    uint64_t slot_bytes; /* 0: no slots */
    uint64_t capacity_bytes; /* MEMREC_UNKNOWN: no limit. Connections: count them as slots */
    uint64_t capacity_slots; /* MEMREC_UNKNOWN: no slots, or no limit */
};

/* A pool. At most 1024; a name registered again keeps its facts. */
memrec_pool_id memrec_pool(const char *name, const struct memrec_pool_facts *facts);

/* Its state: used, and taken from the system or the parent allocator. The high-water mark is kept here. The
 * tick writes what moved (about every 100 ms), so call as often as you like. 3 ns. */
void memrec_pool_state(memrec_pool_id pool, uint64_t used_bytes, uint64_t reserved_bytes);

/* A request did not fit and went elsewhere (malloc, another tier). 14 ns. */
void memrec_pool_overflow(memrec_pool_id pool, uint64_t bytes);

/* Someone had to wait for a place, for that long. 14 ns. */
void memrec_pool_wait(memrec_pool_id pool, uint64_t wait_ns);

/* A request was refused: nothing left. 8 ns. */
void memrec_pool_exhausted(memrec_pool_id pool);

/* Everything in it was given back at once: used becomes 0. 8 ns. */
void memrec_pool_reset(memrec_pool_id pool);

/* Which slots are taken: bit i of bits[i / 64]. Copied as it is, an eighth of a byte per slot: for a slow tick
 * or a question, not for a frame. */
void memrec_pool_slots(memrec_pool_id pool, const uint64_t *bits, uint64_t slots);

/* ---- Profiles, and when to make them --------------------------------------------------------- */

struct memrec_class_row {
    memrec_class_id klass;
    uint32_t reserved;    /* 0 */
    uint64_t new_objects; /* in the young space; MEMREC_UNKNOWN where the heap has none */
    uint64_t new_bytes;
    uint64_t old_objects; /* in the old space, or in the only one */
    uint64_t old_bytes;
};

/* Instances per class of a heap at this moment; one call is one profile. At most 10,000 rows are kept. */
void memrec_class_profile(memrec_heap_id heap, const struct memrec_class_row *rows, size_t count);

struct memrec_retained_row {
    memrec_name_id root; /* a global, a binding, a thread, a module */
    uint32_t reserved;   /* 0 */
    uint64_t bytes;      /* that would go if it went; shared objects in one set only */
    uint64_t objects;
};

/* The largest retained sets of a heap at this moment, in any order; at most 1,000 rows are kept. */
void memrec_retained(memrec_heap_id heap, const struct memrec_retained_row *rows, size_t count);

/* Makes the library ask: `run` is called at its interval and reports with the calls above. It returns 0 when it
 * did; anything else, and a run of more than 50 ms, is counted, and the interval is doubled, up to
 * 64 times, until a run is good again. interval_ms 0: the usual one. Without
 * MEMREC_AT_SAFEPOINT it runs on a thread of the library, made at the first registration (and by each fork, in
 * the child), and must lock what it reads; with it, inside memrec_safepoint. One per kind; NULL takes it back.
 * Not in signal handlers. */
enum memrec_pull {
    MEMREC_PULL_MEMORY = 0,  /* heap usage, pools, retained sets: 2000 ms, at least 500 */
    MEMREC_PULL_CLASSES = 1, /* class profiles: 5000 ms, at least 1000 */
};
enum { MEMREC_AT_SAFEPOINT = 1 << 0 };
void memrec_on_pull(enum memrec_pull kind, unsigned interval_ms, unsigned flags,
                    int (*run)(void *context), void *context);

/* A moment at which the calling thread may look at the whole heap: runs what is due. 2 ns when nothing is. */
void memrec_safepoint(void);

/* ---- Stacks of the interpreter --------------------------------------------------------------- */

/* A place in the interpreted program. Costs about 15 ns when it is known. line 0: unknown. At most 2^17. */
memrec_place_id memrec_place(memrec_name_id function, memrec_name_id file, unsigned line);

enum {
    MEMREC_STACK_ABOVE = 0,  /* its frames are the inner ones, the native stack follows */
    MEMREC_STACK_INSTEAD = 1 /* only its frames; the native stack when it has none */
};

/* Tells the calling thread's interpreter stack when a sample is taken: fills at most `max` places,
 * innermost first, and returns how many. Called inside the recorder on the thread that allocates, possibly in the
 * middle of the interpreter's own allocation: it may read and call memrec_name and memrec_place, and must
 * not allocate, lock or throw. For the calling thread; NULL takes it back. */
void memrec_stack_provider(size_t (*fill)(void *context, memrec_place_id *places, size_t max),
                           void *context, unsigned how);

/* ---- How the calls find the library ---------------------------------------------------------- */

/* The functions above as a table, for MEMREC_HEADER_ONLY and for dlsym. It only grows at its end; `size` tells
 * how far it goes. */
struct memrec_api {
    size_t size;
    const int *recording; /* 1 while calls have something to do */
    const char *(*version)(void);
    int (*start)(const char *);
    void (*stop)(void);
    void (*pause)(void);
    void (*resume)(void);
    void (*flush)(void);
    void (*set_interval)(uint64_t);
    void (*mark)(memrec_name_id);
    int (*status)(struct memrec_status *);
    void (*on_collect)(int (*)(void *), void *);
    int (*collect)(void);
    memrec_name_id (*name)(const char *, size_t);
    memrec_stream_id (*stream)(const char *, uint64_t);
    void (*frame_begin)(memrec_stream_id);
    void (*frame_end)(memrec_stream_id);
    void (*phase_begin)(memrec_stream_id, memrec_name_id);
    void (*phase_end)(memrec_stream_id, memrec_name_id);
    void (*eval_begin)(memrec_name_id, memrec_heap_id, uint64_t);
    void (*eval_end)(uint64_t, uint64_t);
    memrec_span_id (*span_begin)(memrec_name_id, memrec_name_id);
    memrec_span_id (*span_begin_in)(memrec_span_id, memrec_name_id, memrec_name_id);
    void (*span_end)(memrec_span_id, enum memrec_end);
    void (*span_enter)(memrec_span_id);
    void (*span_leave)(memrec_span_id);
    void (*span_first_result)(memrec_span_id);
    void (*span_items)(memrec_span_id, uint64_t);
    void (*span_progress)(memrec_span_id, uint64_t, uint64_t);
    memrec_heap_id (*heap)(const char *, uint64_t, unsigned, unsigned);
    void (*gc_begin)(memrec_heap_id, const struct memrec_gc *);
    void (*gc_end)(memrec_heap_id, const struct memrec_gc *);
    void (*gc_pause_begin)(memrec_heap_id);
    void (*gc_pause_end)(memrec_heap_id);
    void (*gc_cycle)(memrec_heap_id, const struct memrec_gc *);
    void (*gc_survivors)(memrec_heap_id, memrec_class_id, const uint64_t *, const uint64_t *,
                         unsigned);
    void (*heap_usage)(memrec_heap_id, uint64_t, uint64_t, uint64_t);
    memrec_class_id (*klass)(const char *, const char *);
    void (*heap_alloc)(memrec_heap_id, memrec_class_id, const void *, size_t);
    void (*heap_free)(memrec_heap_id, const void *, size_t);
    void (*heap_move)(memrec_heap_id, const void *, const void *);
    memrec_pool_id (*pool)(const char *, const struct memrec_pool_facts *);
    void (*pool_state)(memrec_pool_id, uint64_t, uint64_t);
    void (*pool_overflow)(memrec_pool_id, uint64_t);
    void (*pool_wait)(memrec_pool_id, uint64_t);
    void (*pool_exhausted)(memrec_pool_id);
    void (*pool_reset)(memrec_pool_id);
    void (*pool_slots)(memrec_pool_id, const uint64_t *, uint64_t);
    void (*class_profile)(memrec_heap_id, const struct memrec_class_row *, size_t);
    void (*retained)(memrec_heap_id, const struct memrec_retained_row *, size_t);
    void (*on_pull)(enum memrec_pull, unsigned, unsigned, int (*)(void *), void *);
    void (*safepoint)(void);
    memrec_place_id (*place)(memrec_name_id, memrec_name_id, unsigned);
    void (*stack_provider)(size_t (*)(void *, memrec_place_id *, size_t), void *, unsigned);
};

/* The table of the library that is loaded. */
const struct memrec_api *memrec_api(void);

/* 1 while calls have something to do: what the shortcuts below test. The library writes it, nobody else. */
extern int memrec_recording;

#if defined(MEMREC_HEADER_ONLY)
#include <dlfcn.h>

/* One of each per program or library, whatever the number of its files that include this. */
__attribute__((weak, visibility("hidden"))) int memrec_nothing_ = 0;
__attribute__((weak, visibility("hidden"))) const int *memrec_on_ = &memrec_nothing_;
__attribute__((weak, visibility("hidden"))) const struct memrec_api *memrec_found_ = NULL;

void memrec_find_(void);
__attribute__((weak, visibility("hidden"), constructor)) void memrec_find_(void)
{
    const struct memrec_api *(*find)(void);
    void *symbol = dlsym(NULL, "memrec_api"); /* NULL: RTLD_DEFAULT, hidden by some C libraries */
    if (!symbol)
        return;
    __builtin_memcpy(&find, &symbol, sizeof find);
    if (find()->size >= sizeof(struct memrec_api)) { /* else: it is older than this header */
        memrec_found_ = find();
        memrec_on_ = memrec_found_->recording;
    }
}

#define MEMREC_ON_       __builtin_expect(*memrec_on_ == 1, 0) /* gcc compares 1 in memory, 0 not */
#define MEMREC_CALL_(f)  memrec_found_->f
#define MEMREC_FOUND_    (memrec_found_ != NULL)
#define memrec_version() (MEMREC_FOUND_ ? memrec_found_->version() : (const char *)0)
#else
#define MEMREC_ON_      __builtin_expect(memrec_recording, 0)
#define MEMREC_CALL_(f) (memrec_##f)
#define MEMREC_FOUND_   1
#endif

/* Shortcuts: calls that are skipped while nothing is recorded ... MEMREC_NO_SHORTCUTS leaves the functions alone
 * (only where they are linked). Those with `...` may be given compound literals. */
#if !defined(MEMREC_NO_SHORTCUTS)
#define MEMREC_DO_(f, arguments)  (MEMREC_ON_ ? MEMREC_CALL_(f) arguments : (void)0)
#define MEMREC_GET_(f, arguments) (MEMREC_ON_ ? MEMREC_CALL_(f) arguments : 0)

#define memrec_is_recording()                     (MEMREC_ON_ ? 1 : 0)
#define memrec_stop()                             MEMREC_DO_(stop, ())
#define memrec_pause()                            MEMREC_DO_(pause, ())
#define memrec_resume()                           MEMREC_DO_(resume, ())
#define memrec_flush()                            MEMREC_DO_(flush, ())
#define memrec_set_interval(bytes)                MEMREC_DO_(set_interval, (bytes))
#define memrec_mark(name)                         MEMREC_DO_(mark, (name))
#define memrec_frame_begin(stream)                MEMREC_DO_(frame_begin, (stream))
#define memrec_frame_end(stream)                  MEMREC_DO_(frame_end, (stream))
#define memrec_phase_begin(stream, phase)         MEMREC_DO_(phase_begin, (stream, phase))
#define memrec_phase_end(stream, phase)           MEMREC_DO_(phase_end, (stream, phase))
#define memrec_eval_begin(label, heap, used)      MEMREC_DO_(eval_begin, (label, heap, used))
#define memrec_eval_end(used, high_water)         MEMREC_DO_(eval_end, (used, high_water))
#define memrec_span_begin(kind, label)            MEMREC_GET_(span_begin, (kind, label))
#define memrec_span_begin_in(parent, kind, label) MEMREC_GET_(span_begin_in, (parent, kind, label))
#define memrec_span_end(span, end)                MEMREC_DO_(span_end, (span, end))
#define memrec_span_enter(span)                   MEMREC_DO_(span_enter, (span))
#define memrec_span_leave(span)                   MEMREC_DO_(span_leave, (span))
#define memrec_span_first_result(span)            MEMREC_DO_(span_first_result, (span))
#define memrec_span_items(span, count)            MEMREC_DO_(span_items, (span, count))
#define memrec_span_progress(span, done, all)     MEMREC_DO_(span_progress, (span, done, all))
#define memrec_gc_begin(...)                      MEMREC_DO_(gc_begin, (__VA_ARGS__))
#define memrec_gc_end(...)                        MEMREC_DO_(gc_end, (__VA_ARGS__))
#define memrec_gc_pause_begin(heap)               MEMREC_DO_(gc_pause_begin, (heap))
#define memrec_gc_pause_end(heap)                 MEMREC_DO_(gc_pause_end, (heap))
#define memrec_gc_cycle(...)                      MEMREC_DO_(gc_cycle, (__VA_ARGS__))
#define memrec_gc_survivors(...)                  MEMREC_DO_(gc_survivors, (__VA_ARGS__))
#define memrec_heap_usage(heap, used, total, objects)                                              \
    MEMREC_DO_(heap_usage, (heap, used, total, objects))
#define memrec_heap_alloc(heap, klass, object, bytes)                                              \
    MEMREC_DO_(heap_alloc, (heap, klass, object, bytes))
#define memrec_heap_free(heap, object, bytes)   MEMREC_DO_(heap_free, (heap, object, bytes))
#define memrec_heap_move(heap, from, to)        MEMREC_DO_(heap_move, (heap, from, to))
#define memrec_pool_state(pool, used, reserved) MEMREC_DO_(pool_state, (pool, used, reserved))
#define memrec_pool_overflow(pool, bytes)       MEMREC_DO_(pool_overflow, (pool, bytes))
#define memrec_pool_wait(pool, wait_ns)         MEMREC_DO_(pool_wait, (pool, wait_ns))
#define memrec_pool_exhausted(pool)             MEMREC_DO_(pool_exhausted, (pool))
#define memrec_pool_reset(pool)                 MEMREC_DO_(pool_reset, (pool))
#define memrec_pool_slots(...)                  MEMREC_DO_(pool_slots, (__VA_ARGS__))
#define memrec_class_profile(...)               MEMREC_DO_(class_profile, (__VA_ARGS__))
#define memrec_retained(...)                    MEMREC_DO_(retained, (__VA_ARGS__))
#define memrec_safepoint()                      MEMREC_DO_(safepoint, ())
#endif

/* ... and calls that work at any time. */
#if defined(MEMREC_HEADER_ONLY)
#define MEMREC_TRY_(f, arguments, otherwise)                                                       \
    (MEMREC_FOUND_ ? MEMREC_CALL_(f) arguments : (otherwise))
#define memrec_start(path)              MEMREC_TRY_(start, (path), -1)
#define memrec_status(...)              MEMREC_TRY_(status, (__VA_ARGS__), -1)
#define memrec_on_collect(run, context) MEMREC_TRY_(on_collect, (run, context), (void)0)
#define memrec_collect()                MEMREC_TRY_(collect, (), -1)
#define memrec_name(text, bytes)        MEMREC_TRY_(name, (text, bytes), 0)
#define memrec_stream(name, budget_ns)  MEMREC_TRY_(stream, (name, budget_ns), 0)
#define memrec_heap(name, capacity, count, flags)                                                  \
    MEMREC_TRY_(heap, (name, capacity, count, flags), 0)
#define memrec_class(name, module)         MEMREC_TRY_(klass, (name, module), 0)
#define memrec_pool(...)                   MEMREC_TRY_(pool, (__VA_ARGS__), 0)
#define memrec_place(function, file, line) MEMREC_TRY_(place, (function, file, line), 0)
#define memrec_on_pull(kind, interval_ms, flags, run, context)                                     \
    MEMREC_TRY_(on_pull, (kind, interval_ms, flags, run, context), (void)0)
#define memrec_stack_provider(fill, context, how)                                                  \
    MEMREC_TRY_(stack_provider, (fill, context, how), (void)0)
#endif

#ifdef __cplusplus
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}
#endif

#endif
