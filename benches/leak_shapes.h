/* SPDX-License-Identifier: Apache-2.0 */
/* leak_shapes.h -- programs that never ran: a trace of some forty places that allocate in as many ways, over
 * minutes to days, a few of which leak. What leaks is known, since the lives are drawn here. */
#ifndef MEMREC_BENCHES_LEAK_SHAPES_H
#define MEMREC_BENCHES_LEAK_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

enum { SHAPES_SITES = 40, SHAPES_NAME_BYTES = 48 };

struct shapes_site {
    char function[SHAPES_NAME_BYTES]; /* of the stack */
    const char *shape;
    unsigned samples;
    double leaked_share; /* of all its blocks; 0: none */
};

struct shapes_run {
    struct shapes_site sites[SHAPES_SITES];
    unsigned leaks;
};

/* Writes the trace of run `seed` to `path`. Every site has `samples` blocks; 0: 100 to 1,000 each. `leaks` sites leak
 * at least 3 % of theirs. `slow`: also in caches that keep their blocks for a tenth of the run or more. */
void shapes_write(uint64_t seed, unsigned samples, unsigned leaks, bool slow, const char *path,
                  struct shapes_run *out);

#endif
