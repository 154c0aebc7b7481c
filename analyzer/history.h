/* SPDX-License-Identifier: Apache-2.0 */
/* history.h -- what happened when, fine for the last minute and coarse for days: table `history`.
 *
 *     steps of    kept for
 *     100 ms      the last minute
 *     1 s         the last hour
 *     10 s        the last 10 hours
 *     1 min       all; of runs beyond two weeks 2 min, beyond four 4 min ...
 *
 * So a run of any length has at most HISTORY_ROWS_MAX rows. Sums come from rollup.c, a stretch of time at once; resident
 * memory, pauses and frames from their tables, when the run is over.                              */
#ifndef MEMANALYZE_HISTORY_H
#define MEMANALYZE_HISTORY_H

#include "db.h"

struct sums; /* rollup.h */

enum { HISTORY_ROWS_MAX = 600 + 3600 + 3600 + 20160 };

struct history;

struct history *history_new(void); /* NULL: out of memory */
void history_delete(struct history *history);

/* Begins a run that will last about so long. */
void history_start(struct history *history, uint64_t duration_ns);

/* The stretch around a time that lies within one step of every list that will keep it. */
void history_stretch(const struct history *history, uint64_t time_ns, uint64_t *begin_ns,
                     uint64_t *end_ns);

/* What was allocated and freed in such a stretch, which may be an earlier one. */
void history_add(struct history *history, uint64_t begin_ns, const struct sums *allocated,
                 const struct sums *freed);

/* The present is now this; until now so much was alive. Times do not go back. */
void history_pass(struct history *history, uint64_t now_ns, const struct sums *live);

/* After everything else of the run is in its tables: the rows. `live`: at the end. */
STATUS_MUST_USE status history_write(struct history *history, struct db *db, int64_t run_id,
                                     uint64_t end_ns, const struct sums *live);

#endif
