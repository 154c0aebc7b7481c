/* SPDX-License-Identifier: Apache-2.0 */
/* late.h -- which collections made which frames and spans late.
 *
 * Pauses are measured, and what is late is known only when all is read, so this is one walk over
 * both: pauses in order of their begins, and for each late thing the few that lie in it.          */
#ifndef MEMANALYZE_LATE_H
#define MEMANALYZE_LATE_H

#include "db.h"

/* Fills gc_late from gc_pause, frame_mark, span and quantile, which must be there. */
STATUS_MUST_USE status late_write(struct db *db);

#endif
