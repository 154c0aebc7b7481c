/* SPDX-License-Identifier: Apache-2.0 */
/* stack_table.h -- the stacks of a database: a run's nodes and modules in, content-addressed rows out.
 *
 * Frames and stacks are shared by all runs of the database; nodes and mappings belong to one run.
 * A node is resolved to (object, offset) when it is announced, by the modules mapped at that moment;
 * a stack gets its id when an event first uses it. A pc may be a place of an interpreted program instead:
 * then its key is the text that defines it. Functions that fail have said so.                     */
#ifndef MEMANALYZE_STACK_TABLE_H
#define MEMANALYZE_STACK_TABLE_H

#include "db.h"
#include "sparse_array.h"
#include "symbols.h"
#include "table_writer.h"

struct stack_table;

struct stack_table_node {
    uint32_t parent;
    uint32_t frame;    /* ours, plus 1; 0: never announced; or a place of a program */
    uint32_t stack_id; /* 0: not used yet, STACK_TABLE_LOST: cannot be told */
};
#define STACK_TABLE_LOST UINT32_MAX

struct stack_table_counts { /* of the current run */
    uint64_t nodes;
    uint64_t broken;    /* stacks whose outer frames were announced in a lost block */
    uint64_t truncated; /* stacks that the recorder cut off */
};

STATUS_MUST_USE status stack_table_open(struct stack_table **out);
void stack_table_close(struct stack_table *table);

/* Forgets nodes and mappings: the records that follow are of this run. */
void stack_table_begin_run(struct stack_table *table, int64_t run_id);

STATUS_MUST_USE status stack_table_module(struct stack_table *table,
                                          const struct module_record *record, int64_t time_ns);
void stack_table_module_gone(struct stack_table *table, uint64_t module, int64_t time_ns);
STATUS_MUST_USE status stack_table_nodes(struct stack_table *table,
                                         const struct stack_record *record);

/* What a place of the current run is; no bytes: not known. When it comes after a sample in that place, its
 * names are right, and its keys hold for this run only. */
STATUS_MUST_USE status stack_table_place(struct stack_table *table, uint64_t number,
                                         struct text function, struct text file, uint32_t line);

/* From here on, until told otherwise, places are functions of native code that another tool found: their frames are
 * code, and those that only hand memory through are no site. */
void stack_table_native_places(struct stack_table *table, bool native);

/* stack.id of the stack that a node names, from 1 up without holes; 0: its frames are lost. */
STATUS_MUST_USE status stack_table_use(struct stack_table *table, uint32_t node,
                                       uint32_t *stack_id);

uint32_t stack_table_count(const struct stack_table *table); /* the largest stack.id so far */

/* The frames of a stack as ids of ours, innermost first: equal ids are equal places in code. */
const uint32_t *stack_table_frames(const struct stack_table *table, uint32_t stack_id,
                                   uint32_t *count, bool *truncated);

const struct stack_table_counts *stack_table_get_counts(const struct stack_table *table);

/* Finds the names of all frames in use that have none yet; afterwards stack_table_function
 * answers. `symbolizer` must stay open until stack_table_write is done. */
STATUS_MUST_USE status stack_table_name(struct stack_table *table, struct symbolizer *symbolizer);

/* The site's function, as in stack.function. Valid after stack_table_name. */
const char *stack_table_function(const struct stack_table *table, uint32_t stack_id);

/* How many of the innermost frames, allocator wrappers, lie below the site. */
uint32_t stack_table_site_depth(const struct stack_table *table, uint32_t stack_id);

/* Writes the rows of module, frame, stack and stack_frame; `stack_frame` NULL: that too through
 * `db`. */
STATUS_MUST_USE status stack_table_write(struct stack_table *table, struct symbolizer *symbolizer,
                                         struct db *db, struct table_writer *stack_frame);

#endif
