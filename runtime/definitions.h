/* SPDX-License-Identifier: Apache-2.0 */
/* definitions.h -- what ids of marks mean: names, streams, heaps, pools, classes, places.
 *
 * One set per process, from its first registration to its end, whatever is recorded meanwhile; a forked
 * child has a copy. The same thing always gets the same id.
 *
 *   log      rows in the order of their making, private memory; only added to
 *   rows     per kind, by id: where its row lies in the log; 0: not yet there
 *   index    hash -> row: finds what is known; open addressing, never deleted from
 *
 * While a session records, each row is also copied into the definition log of its shared mapping
 * (schema/ring_layout.h), from which the drain thread tells it to the trace, and which an analyzer
 * reads after a kill.
 *
 * Lock-free and async-signal-safe: places are taken by compare-and-swap and filled before they are
 * published (D1: the row, D2: its place in the index).                                            */
#ifndef MEMREC_DEFINITIONS_H
#define MEMREC_DEFINITIONS_H

#include "atomics.h"
#include "schema/ring_layout.h"

#include <stdbool.h>
#include <stddef.h>

/* The id of a definition, made if need be; 0: the table or the log is full (counted), or a name is
 * empty. Keeps errno. The first one enters the kernel, and each new one while recording. */
uint32_t mr_define(enum mr_definition kind, const uint64_t *arguments, unsigned argument_count,
                   const void *text, size_t text_bytes);

/* Shorthand: a NAME by its bytes, or by its terminated text (NULL: 0). */
uint32_t mr_define_name(const char *text, size_t bytes);
uint32_t mr_define_text(const char *text);

/* Ids given so far, by kind: 1 to this. */
extern _Atomic uint32_t mr_definitions_given[MR_DEFINE_KINDS] MR_HIDDEN;

static inline uint32_t mr_defined_count(enum mr_definition kind)
{
    return mr_load_relaxed(&mr_definitions_given[kind]);
}

static inline bool mr_is_defined(enum mr_definition kind, uint32_t id)
{
    return id - 1u < mr_defined_count(kind);
}

/* Argument of a definition that was given. */
uint64_t mr_definition_argument(enum mr_definition kind, uint32_t id, unsigned index);

/* Registrations that found no place, since the process began. */
uint64_t mr_definitions_refused(void);

/* A session begins: its shared log gets all rows, now and from now on. in_file: its pages must be asked for
 * before they are touched. NULL: it has ended. */
void mr_definitions_mirror(struct mr_shared *shared, bool in_file);

#endif
