/* SPDX-License-Identifier: Apache-2.0 */
/* leak_programs.h -- real programs with a leak put into them: recorded with leak_inject preloaded, which swallows a
 * share of the frees of one call stack. Which blocks these were is known. */
#ifndef MEMREC_BENCHES_LEAK_PROGRAMS_H
#define MEMREC_BENCHES_LEAK_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct injection {
    const char *program; /* its name here */
    uint64_t stack;      /* of the frees; 0: nothing is swallowed */
    double share;
    uint64_t seed;
    uint64_t *blocks; /* swallowed: addresses */
    size_t block_count;
};

/* The programs that are installed here; `folder` is for scripts. */
size_t programs_find(const char *const **names, const char *folder);

/* Frees of a program by call stack: those that come all along, at least `count_min` of them. Returns how many of at
 * most `room` stacks. */
size_t programs_stacks(const char *program, uint64_t count_min, uint64_t *stacks, size_t room);

/* Runs it, recorded in full into `trace`. False: it could not. */
bool programs_record(struct injection *injection, const char *trace);

#endif
