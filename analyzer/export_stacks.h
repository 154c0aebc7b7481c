/* SPDX-License-Identifier: Apache-2.0 */
/* export_stacks.h -- the stacks of a run for exports: frames in memory, stacks one after another with what they
 * allocated, kept, leaked.
 *
 * A stack begins at its site, as in all reports: what only hands memory through is left out. Frames are kept
 * once; two more stand for what is not known: the stack that is lost, and the outer frames that were
 * cut off.                                                                                       */
#ifndef MEMANALYZE_EXPORT_STACKS_H
#define MEMANALYZE_EXPORT_STACKS_H

#include "export.h"

struct export_function { /* distinct */
    const char *name;
    const char *raw_name; /* as in the symbol table; NULL: none */
    const char *file;     /* NULL: not known */
};

struct export_frame {
    int64_t id;        /* frame.id; 0: one that stands for what is not known */
    uint32_t function; /* index of the functions */
    uint32_t module;   /* index of the modules, plus 1; 0: in none */
    uint32_t
        code; /* index of the frame that has code of its own, which this one is inlined into; or itself */
    int64_t line;     /* 0: not known */
    uint64_t address; /* in a space where module m begins at m << EXPORT_MODULE_BITS */
    bool allocator;
};
enum { EXPORT_MODULE_BITS = 40 };

struct export_module {
    const char *path, *build_id; /* build_id NULL: has none */
};

struct export_stack {
    int64_t id;
    const uint32_t *frames; /* indices, innermost first; until the next call */
    size_t frame_count;
    double bytes[EXPORT_MEASURES], blocks[EXPORT_MEASURES];
};

struct export_stacks {
    struct export_function *functions;
    struct export_frame *frames;
    struct export_module *modules;
    size_t function_count, frame_count, module_count;
    struct export_stacks_state *state;
};

/* On failure there is nothing to close. */
STATUS_MUST_USE status export_stacks_open(const struct export_job *job, struct export_stacks *out);
void export_stacks_close(struct export_stacks *stacks);

/* The next stack that has a sum, by id; STATUS_END after the last, and then from the first again. */
STATUS_MUST_USE status export_stacks_next(struct export_stacks *stacks, struct export_stack *out);

/* The frames of any stack; its sums are 0. */
STATUS_MUST_USE status export_stacks_find(struct export_stacks *stacks, int64_t id,
                                          struct export_stack *out);

/* What a measure comes to, as an integer: formats have no fractions. */
int64_t export_rounded(double value);

/* The birth or death of a sample, in order of time. */
struct export_event {
    int64_t time_ns, sample_id, stack_id, size_bytes, address, thread_id, birth_ns;
    double weight; /* blocks it stands for */
    bool is_death;
};

struct export_events; /* sorted by SQLite, on disk when large */
STATUS_MUST_USE status export_events_open(const struct export_job *job, struct export_events **out);
STATUS_MUST_USE status export_events_next(struct export_events *events, struct export_event *out);
void export_events_close(struct export_events *events);

#endif
