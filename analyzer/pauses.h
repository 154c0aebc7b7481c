/* SPDX-License-Identifier: Apache-2.0 */
/* pauses.h -- how little a program could run between the pauses of its collectors.
 *
 * Minimum mutator utilisation, as Cheng and Blelloch defined it: of all windows of one length, the
 * least part in which the program did not stand. The worst window can always be moved until it
 * begins with a pause or ends with one, so that only these need to be looked at: one walk with two
 * ends, in the time of the pauses. Pure functions.                                               */
#ifndef MEMANALYZE_PAUSES_H
#define MEMANALYZE_PAUSES_H

#include <stddef.h>
#include <stdint.h>

struct pause {
    int64_t begin_ns, end_ns; /* end not before begin */
};

/* Puts them in order and makes one of those that touch. Returns how many remain. */
size_t pauses_merge(struct pause *pauses, size_t count);

/* The least part, 0 to 1, of a window of `window_ns` > 0 in which no pause was, and where that window
 * begins. Pauses as pauses_merge left them; outside them the program runs, also before and after. */
double pauses_utilisation(const struct pause *pauses, size_t count, int64_t window_ns,
                          int64_t *worst_ns);

#endif
