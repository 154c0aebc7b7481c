/* SPDX-License-Identifier: Apache-2.0 */
/* keep_rows.h -- which samples keep a row of their own, when a long trace has more than the database may hold.
 *
 * Of a class of lifetimes every row is kept, or one in 2, 4, 8 ... at random, whose weight is multiplied: so sums
 * over the rows stay unbiased. The long-lived come first; a quarter of the room is shared by all others. What is
 * kept is planned anew every few thousand rows, from the lifetimes of late and the room that is left for the deaths to
 * come: rows are spread over the whole run, and it does not matter when it ends. Survivors are kept.  */
#ifndef MEMANALYZE_KEEP_ROWS_H
#define MEMANALYZE_KEEP_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum { KEEP_CLASSES = 64, KEEP_ROW_BYTES = 100 /* of a row of sample, at most as a rule */ };

struct keep_rows {
    uint64_t room;            /* rows, of all that die and survive */
    uint64_t deaths_expected; /* at most so many more */
    uint64_t seen, written;   /* of the dead */
    uint64_t next_plan, step; /* at so many seen; so many from plan to plan */
    uint64_t random;
    uint8_t shifts[KEEP_CLASSES]; /* by log2 of the lifetime: one row in 2^shift */
    float late[KEEP_CLASSES];     /* how many of late, older ones counting less */
};

/* A run with so many events to come, whose rows may take so many bytes. */
void keep_rows_start(struct keep_rows *keep, uint64_t bytes, uint64_t events);

/* Whether a block that lived so long gets a row, while so many others are alive; *weight is then what it stands for. */
bool keep_rows_dead(struct keep_rows *keep, uint64_t lifetime_ns, uint64_t alive, double *weight);

/* The same for one of `alive` survivors at the end. */
bool keep_rows_survivor(struct keep_rows *keep, uint64_t alive, double *weight);

#endif
