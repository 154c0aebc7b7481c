/* SPDX-License-Identifier: Apache-2.0 */
/* voice_state.h -- what the files voice_*.c share; for nobody else. */
#ifndef MEMANALYZE_VOICE_STATE_H
#define MEMANALYZE_VOICE_STATE_H

#include "schema/trace_format.h"
#include "sparse_array.h"
#include "text_pool.h"
#include "voice.h"

enum {
    VOICE_COUNTERS =
        7, /* bytes, allocations, frees; of heaps: bytes, allocations, freed bytes, frees */
    VOICE_NAMES_MAX = 1 << 20, /* ids beyond are not what a writer makes */
    VOICE_CLASSES_MAX = 1 << 20,
    VOICE_STREAMS_MAX = SPARSE_PIECE,
    VOICE_HEAPS_MAX = VOICE_STREAMS_MAX,
    VOICE_POOLS_MAX = 4 * SPARSE_PIECE,
    VOICE_PULLS = 2,
    VOICE_STANDS = 64, /* a collection told when it is over may have begun so many pauses ago */
    VOICE_LATE = 10,   /* so many more of its name have begun: what is left now is left behind */
};

/* ---- anything that begins and ends ---- */

struct voice_open {
    struct voice_open *newer, *older; /* of all that are open, by begin */
    uint64_t begin_ns;
    uint64_t stood_ns, collections; /* of the run, up to the begin */
    uint32_t thread;
    int64_t thread_id;
    uint64_t counters[VOICE_COUNTERS]; /* of the thread, at the begin */
};

struct voice_elapsed { /* between begin and end; UNKNOWN: cannot be told */
    uint64_t duration_ns, gc_ns, gc_count;
    uint64_t counters[VOICE_COUNTERS];
};

/* ---- what definitions name ---- */

struct voice_definition { /* the common part; `row` is 0 until the id is used or defined */
    int64_t row;
    uint32_t id;
    bool defined;
    uint32_t name;
};

struct voice_phase {
    struct voice_open open;
    int64_t id, frame;
    uint32_t depth, name;
};

struct voice_stream {
    struct voice_definition is;
    uint64_t budget_ns;
    uint64_t frames; /* begun */
    int64_t frame,
        last_frame; /* frame_mark.id of the open one, and of the one that ended last; 0: none */
    struct voice_open open;
    uint64_t faults[2], overflows[2], freed_bytes; /* at its begin */
    int64_t gc;                                    /* with the longest pause inside the frame */
    uint64_t gc_pause_ns;
    struct voice_phase **phases; /* open, in order of begin */
    size_t phase_count, phase_room;
};

struct voice_gc {
    int64_t id; /* 0: there is none */
    uint64_t number, kind, flags, reason;
    uint64_t begin_ns, end_ns, duration_ns;
    uint64_t pause_ns, pause_max_ns, pause_count;
    uint64_t used_before, used_after, objects_before, objects_after;
    uint64_t claimed, promoted, allocated;
    uint64_t samples; /* of what was allocated since the one before */
    double sampled_bytes, sampled_bytes_sq;
    bool trued_up;
};

struct site_sums { /* of one stack since the collection before */
    uint64_t epoch;
    uint64_t samples;
    double bytes, bytes_sq, bytes_var;
};

struct voice_sites {
    struct site_sums *sums; /* by stack.id */
    uint32_t *used;         /* those of this epoch */
    uint32_t room, used_count;
    uint64_t epoch;
    uint64_t samples;
    double bytes, bytes_sq;
};

struct voice_heap {
    struct voice_definition is;
    uint64_t capacity_bytes, generations;
    bool of_blocks;              /* its objects are blocks of malloc, too */
    uint64_t collections;        /* begun */
    uint64_t begins[ROLLUP_OLD]; /* times of the last: of number n at n % ROLLUP_OLD */
    int64_t begun, ended;        /* gc.id of the last that began, and that ended; 0: none */
    struct voice_gc gc;          /* open; id 0: none */
    struct voice_gc before; /* ended, not written: the next begin may tell what it really left */
    uint64_t left_bytes;    /* what the one before left, for certain */
    bool paused;            /* a pause was begun and not ended */
    uint64_t pause_begin_ns;
    int64_t pause_gc;    /* open when it began; 0: none */
    int64_t pause_after; /* gc.id of the last one begun before it */
    bool tells_objects;
    struct voice_sites sites;
    struct sparse_array counters; /* heap_counters by thread */
    uint32_t thread_count;
    struct voice_root *roots; /* of one profile */
    size_t root_count, root_room;
    uint64_t root_profile, root_ns;
};

struct voice_class {
    struct voice_definition is;
    uint32_t module;
};

struct voice_slots;
struct voice_pool {
    struct voice_definition is;
    uint64_t kind, stream, slot_bytes, capacity_bytes, capacity_slots;
    struct voice_slots *slots; /* a slot map that is being put together */
};

/* ---- spans, threads, contexts ---- */

struct voice_scope { /* all spans of a kind, or evaluations of a label */
    uint64_t begun;
    uint64_t freed_late; /* samples of finished ones, freed when VOICE_LATE more had begun */
};

struct voice_span {
    struct voice_open open;
    uint64_t number;
    int64_t id, parent; /* parent: minus its number, while that is not known */
    uint32_t kind, label;
    uint64_t references; /* one while open, one per thread that is in it, one per context */
    bool ended;
    uint64_t end;
    struct voice_elapsed elapsed;
    uint64_t first_result_ns, items;
    uint64_t progress, progress_total, regressions, regression_max;
    uint64_t kind_begun, collections_begun; /* at its end */
    uint64_t samples, left_samples;
    double bytes, bytes_sq, bytes_var;
    double left_bytes, left_bytes_sq, left_bytes_var;
    double held_byte_ns; /* bytes allocated in it times how long they lived, until its end */
    struct voice_span *next, *previous; /* of all that still have a reference */
};

struct voice_eval {
    struct voice_open open;
    int64_t id, parent;
    uint32_t label, heap;
    uint64_t number; /* of its label, from 1 */
    uint64_t used_before, samples;
};

struct voice_cached {
    uint64_t version;
    uint64_t heap, class;
    uint32_t context;
};

struct voice_thread {
    struct voice_eval **evals; /* open, innermost last; those beyond `eval_count` are spare */
    uint32_t eval_count, eval_made, eval_room;
    struct voice_span **spans; /* entered, innermost last */
    uint32_t span_count, span_room;
    uint64_t freed_bytes;
    struct voice_cached cached[2]; /* blocks of malloc, objects */
};

struct voice_context {
    int64_t gc, frame, eval;
    struct voice_span *span;
    uint32_t heap, class;
    uint32_t collections; /* begun at birth: of the heap, or of all */
    uint32_t eval_label, eval_number;
    uint32_t references; /* 0: free */
    uint32_t next;       /* in its bucket, or of the free */
};

struct voice_stand {
    uint64_t begin_ns, end_ns;
};

struct voice_pull {
    uint64_t calls, failures, slow, total_ns, max_ns, interval_ns;
};

/* Sums by three numbers, in a table of fixed size that spills into the database. */
struct voice_sums;

struct voice_statements {
    struct statement *mark, *pause, *stream, *frame, *phase, *eval, *span, *heap, *heap_usage;
    struct statement *eval_leftover, *scope;
    struct statement *gc, *gc_pause, *gc_survivor, *gc_site, *class, *class_profile, *retained;
    struct statement *pool, *pool_tick, *pool_stale, *pool_map, *pull, *leftover, *eval_left,
        *survival, *first_gc;
};

struct voice {
    bool speaks; /* first: voice_speaks */
    int64_t run_id;
    struct db *db;
    struct stack_table *stacks;
    struct voice_statements insert;
    struct voice_losses losses;
    uint64_t now_ns; /* never goes back */
    bool full;

    struct text_pool texts;
    struct sparse_array names; /* struct text */
    struct sparse_array streams, heaps, pools, classes, threads;
    struct sparse_array kinds, labels;  /* voice_scope of spans and of evaluations, by name */
    uint32_t name_limit;                /* above all names in them */
    uint32_t heap_ids[VOICE_HEAPS_MAX]; /* of those with a row */
    uint32_t heap_count;
    int64_t stream_rows, heap_rows, pool_rows, class_rows;
    int64_t frame_rows, phase_rows, eval_rows, span_rows, gc_rows; /* given so far */

    struct voice_open *newest;
    uint64_t version;                   /* changes with any frame and any collection */
    uint32_t frames[VOICE_STREAMS_MAX]; /* streams with an open frame, in order of begin */
    uint32_t frame_count;

    uint64_t collections; /* begun, of all heaps */
    int64_t collection;   /* gc.id of the last that began */
    uint64_t stood_ns;    /* the program, up to the last pause's end */
    uint32_t pauses_open;
    uint64_t pause_begin_ns;                 /* of the open ones together */
    struct voice_stand stands[VOICE_STANDS]; /* the last times it stood: rising, apart */
    uint32_t stand_count;
    uint64_t forgotten_ns; /* the end of those before them */
    int64_t before_gc[4];  /* frames, phases, evals and spans begun before the first collection */

    struct voice_span **spans; /* open, by number */
    size_t span_count, span_slots;
    bool parents_wait;
    struct voice_span *first_span;

    struct voice_context *contexts;
    uint32_t context_count, context_room, context_free;
    uint32_t *context_buckets;
    uint32_t context_bucket_count, contexts_used;

    uint64_t recording_paused_ns; /* UNKNOWN: not paused */
    struct voice_pull pulls[VOICE_PULLS];
    struct voice_sums *evals_left; /* by evaluation alone */
    struct voice_sums *leftovers, *eval_leftovers, *survival, *first_gc;
};

/* voice.c */
status voice_no_memory(void);
STATUS_MUST_USE status voice_grow(void *array, size_t count, size_t *room, size_t element_bytes);
STATUS_MUST_USE status voice_find_thread(struct voice *voice, uint32_t thread,
                                         struct voice_thread **out);
void voice_bind_id(struct statement *insert, int at, int64_t id);                 /* 0 is NULL */
const char *voice_choose(const char *const *names, size_t count, uint64_t value); /* else "other" */

/* voice_definitions.c: the thing an id names, made when it was not defined; *out NULL, counted, when
 * the id is none. */
STATUS_MUST_USE status voice_find_stream(struct voice *voice, uint64_t id,
                                         struct voice_stream **out);
STATUS_MUST_USE status voice_find_heap(struct voice *voice, uint64_t id, struct voice_heap **out);
STATUS_MUST_USE status voice_find_pool(struct voice *voice, uint64_t id, struct voice_pool **out);
STATUS_MUST_USE status voice_find_class(struct voice *voice, uint64_t id, struct voice_class **out);
struct voice_heap *voice_known_heap(const struct voice *voice, uint64_t id); /* NULL: not used */
int64_t voice_heap_row(const struct voice *voice, uint64_t id);              /* 0: none */
int64_t voice_class_row(const struct voice *voice, uint64_t id);
void voice_bind_name(struct voice *voice, struct statement *insert, int at, uint64_t name);
STATUS_MUST_USE status voice_write_definitions(struct voice *voice);

/* voice_open.c: what all begins and ends share. */
void voice_opened(struct voice *voice, struct voice_open *open, const struct mark *mark,
                  unsigned counters_at, struct voice_moment moment);
void voice_ended(struct voice *voice, struct voice_open *open, const struct mark *mark,
                 unsigned counters_at, struct voice_moment moment, struct voice_elapsed *out);
void voice_unended(struct voice *voice, struct voice_open *open, struct voice_elapsed *out);

/* voice_frames.c */
STATUS_MUST_USE status voice_frame_mark(struct voice *voice, const struct mark *mark,
                                        struct voice_moment moment);
STATUS_MUST_USE status voice_phase_mark(struct voice *voice, const struct mark *mark,
                                        struct voice_moment moment);
void voice_frames_stood(struct voice *voice, int64_t gc, uint64_t begin_ns, uint64_t end_ns);
int64_t voice_frame_of(const struct voice *voice, uint32_t thread); /* frame_mark.id; 0: none */
STATUS_MUST_USE status voice_frames_end(struct voice *voice);
STATUS_MUST_USE status voice_frames_settle(struct voice *voice); /* why */

/* voice_evals.c */
STATUS_MUST_USE status voice_eval_mark(struct voice *voice, const struct mark *mark,
                                       struct voice_moment moment);
STATUS_MUST_USE status voice_evals_end(struct voice *voice);
STATUS_MUST_USE status voice_evals_settle(struct voice *voice); /* after the next collection */
uint64_t voice_evals_after(const struct voice *voice, uint32_t label, uint64_t number);

/* voice_spans.c */
STATUS_MUST_USE status voice_span_mark(struct voice *voice, const struct mark *mark,
                                       struct voice_moment moment);
STATUS_MUST_USE status voice_span_drop(struct voice *voice, struct voice_span *span);
STATUS_MUST_USE status voice_spans_end(struct voice *voice);
STATUS_MUST_USE status voice_spans_settle(struct voice *voice); /* parents that had ended */
uint64_t voice_spans_after(const struct voice *voice, const struct voice_span *span);

/* voice_gc.c */
STATUS_MUST_USE status voice_gc_mark(struct voice *voice, const struct mark *mark,
                                     struct voice_moment moment);
uint64_t voice_stood_ns(const struct voice *voice, uint64_t now_ns);
void voice_pauses_seen(struct voice *voice, uint64_t now_ns); /* open ones, by open frames */
STATUS_MUST_USE status voice_gc_end(struct voice *voice);
STATUS_MUST_USE status voice_gc_settle(struct voice *voice); /* zeros before the first one */

/* voice_sites.c */
STATUS_MUST_USE status voice_sites_add(struct voice *voice, uint32_t heap, uint32_t stack,
                                       double bytes, double weight);
STATUS_MUST_USE status voice_sites_write(struct voice *voice, struct voice_heap *heap);
void voice_sites_forget(struct voice_sites *sites); /* until the next collection */
void voice_sites_clear(struct voice_sites *sites);

/* voice_pools.c, voice_profiles.c */
STATUS_MUST_USE status voice_pool_mark(struct voice *voice, const struct mark *mark,
                                       struct voice_moment moment);
void voice_pools_end(struct voice *voice);
STATUS_MUST_USE status voice_profile_mark(struct voice *voice, const struct mark *mark,
                                          struct voice_moment moment);
STATUS_MUST_USE status voice_profiles_end(struct voice *voice);

/* voice_contexts.c */
STATUS_MUST_USE status voice_contexts_end(struct voice *voice); /* caches of threads */
void voice_contexts_clear(struct voice *voice);

/* voice_sums.c */
STATUS_MUST_USE status voice_sums_add(struct voice *voice, struct voice_sums **sums,
                                      const uint64_t key[4], double bytes, double weight,
                                      struct statement *upsert);
STATUS_MUST_USE status voice_sums_flush(struct voice *voice, struct voice_sums *sums,
                                        struct statement *upsert);
void voice_sums_clear(struct voice_sums **sums);

/* voice_scopes.c: counts by name, which become scope_stat */
STATUS_MUST_USE status voice_scope_begun(struct voice *voice, struct sparse_array *scopes,
                                         uint32_t name, uint64_t *number);
void voice_scope_freed(struct voice *voice, const struct voice_context *birth);
STATUS_MUST_USE status voice_scopes_write(struct voice *voice);

#endif
