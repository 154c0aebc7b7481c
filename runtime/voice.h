/* SPDX-License-Identifier: Apache-2.0 */
/* voice.h -- what the program tells becomes marks in its thread's ring, among that thread's events.
 *
 * A mark is a kind and a few numbers (TRACE_FORMAT.md, section 12). Nothing is kept here between two
 * calls: begins and ends carry the thread's counters, and the analyzer replays what belonged together.
 * So a lost or misplaced call costs itself and no state can go wrong in the host.                  */
#ifndef MEMREC_VOICE_H
#define MEMREC_VOICE_H

#include "atomics.h"
#include "schema/trace_format.h"

#include <stdbool.h>
#include <stdint.h>

/* Publishes a mark of the calling thread. Wait-free, keeps errno; the thread's first one enters the
 * kernel. False: nothing is recorded, or it was lost (counted). */
bool mr_voice_push(enum mr_mark kind, const uint64_t *arguments, unsigned count);

/* Arguments of a mark, as its last: a call counts as one statement. */
#define MR_SAY(kind, ...)                                                                          \
    mr_voice_push(kind, (const uint64_t[]){__VA_ARGS__},                                           \
                  sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Counts a call that names something unknown. Returns false. */
bool mr_voice_refuse(void);
uint64_t mr_voice_refused(void);

#endif
