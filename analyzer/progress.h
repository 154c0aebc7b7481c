/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h -- a bar on stderr while something takes long.
 *
 * Shown only when stderr is a terminal and the work has lasted half a second; redrawn at most ten
 * times a second; gone without a trace when the work is done. There is one bar: starting another
 * replaces it. Use from one thread. */
#ifndef MEMANALYZE_PROGRESS_H
#define MEMANALYZE_PROGRESS_H

#include <stdint.h>

/* `what` is a few words, as in "importing run.zst"; it is copied. */
void progress_start(const char *what);

/* So much of the total is done; units are the caller's. `context` is ignored: this has the type that
 * trace_read and its kin call. Cheap enough to call every few thousand steps. */
void progress_update(void *context, uint64_t done, uint64_t total);

void progress_end(void);

/* Takes the bar off the screen for a moment; diag.c calls it before each line. */
void progress_clear(void);

#endif
