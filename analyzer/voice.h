/* SPDX-License-Identifier: Apache-2.0 */
/* voice.h -- what a program told about itself (TRACE_FORMAT.md, sections 11 to 13), replayed in stream
 * order: frames, evaluations, spans, collections, pools, profiles become rows, and every sample learns
 * what was open at its birth and death.
 *
 * Misuse (an end without a begin, a begin inside itself, an unknown id) is counted, never fatal. A run
 * that tells nothing costs a branch per event and no memory. Memory otherwise: what is open, the
 * names, and 64 bytes per distinct context of the blocks that live.
 *
 *   begin_run    definition, mark, born, died ... in stream order    end    survivor ...    write      */
#ifndef MEMANALYZE_VOICE_H
#define MEMANALYZE_VOICE_H

#include "db.h"
#include "rollup.h"
#include "stack_table.h"

struct voice;

/* Where a mark stands: `thread` is the caller's dense number, VOICE_NO_THREAD for the recorder. */
#define VOICE_NO_THREAD UINT32_MAX
struct voice_moment {
    uint64_t now_ns;
    uint32_t thread;
    int64_t thread_id; /* thread.id; 0: none */
};

enum { VOICE_SAMPLE_COLUMNS = 11, VOICE_CLASS = 1, VOICE_GENERATIONS = 2 /* columns */ };
struct voice_columns { /* of `sample`, from heap_id on; UNKNOWN is NULL */
    uint64_t at[VOICE_SAMPLE_COLUMNS];
    unsigned count; /* without the NULLs at the end */
};

struct voice_losses { /* what was told and makes no sense */
    bool told;        /* there was anything */
    uint64_t ends_without_begin, begins_inside, other_threads, unclosed;
    uint64_t spans_not_open, unknown_ids, unmatched_moves, partial_slot_maps;
    uint64_t paused_ns;
};

STATUS_MUST_USE status voice_open(struct db *db, struct stack_table *stacks, struct voice **out);
void voice_close(struct voice *voice); /* NULL: nothing */

void voice_begin_run(struct voice *voice, int64_t run_id);

STATUS_MUST_USE status voice_definition(struct voice *voice,
                                        const struct definition_record *record);
STATUS_MUST_USE status voice_heap_counters(struct voice *voice,
                                           const struct heap_counters_record *record,
                                           uint32_t thread);

/* `full`: every allocation is recorded, so what a thread freed is exact. HEAP_MOVE is the caller's. */
STATUS_MUST_USE status voice_mark(struct voice *voice, const struct mark *mark, bool full,
                                  struct voice_moment moment);

/* ---- samples ---- */

/* Whether anything was told so far; while not, the calls below are for objects only. */
static inline bool voice_speaks(const struct voice *voice) { return *(const bool *)voice; }

/* The context in which `thread` allocates now, counted as used once more; 0: nothing is known.
 * heap 0: a block of malloc. */
STATUS_MUST_USE status voice_context(struct voice *voice, uint32_t thread, uint64_t heap,
                                     uint64_t class, uint32_t *context);

/* A sample was born in its context, which is what its thread does now. */
STATUS_MUST_USE status voice_born(struct voice *voice, uint32_t context,
                                  const struct rollup_block *block);

/* A sample of this context ends: what its row tells. `thread` VOICE_NO_THREAD: nobody knows who freed
 * it. The context is used once less. */
STATUS_MUST_USE status voice_died(struct voice *voice, uint32_t context, uint32_t thread,
                                  const struct rollup_block *block, uint64_t death_ns,
                                  struct voice_columns *out);

/* In full mode: a block of so many bytes was freed by `thread`. */
STATUS_MUST_USE status voice_freed(struct voice *voice, uint32_t thread, uint64_t size_bytes);

/* The heap.id and class.id of what is allocated in a context; 0: none, not told. */
void voice_object(const struct voice *voice, uint32_t context, uint32_t *heap, uint32_t *class);
/* Whether what is allocated in a context is an object that is a block of malloc, too. */
bool voice_object_is_block(const struct voice *voice, uint32_t context);

void voice_unmatched_move(struct voice *voice);

/* ---- the end ---- */

/* After the last record: what is open stays unended. */
STATUS_MUST_USE status voice_end(struct voice *voice, uint64_t end_ns);

/* A block alive at the end: its columns, and its sums. */
STATUS_MUST_USE status voice_survivor(struct voice *voice, uint32_t context,
                                      const struct rollup_block *block, struct voice_columns *out);

/* Writes what waited for the end, and forgets the run. */
STATUS_MUST_USE status voice_write(struct voice *voice);

/* What was born before this time has survived ROLLUP_OLD collections of whatever heap it is in; 0: there were
 * not so many. */
uint64_t voice_collected_ns(const struct voice *voice);

const struct voice_losses *voice_get_losses(const struct voice *voice);

#endif
