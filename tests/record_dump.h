/* SPDX-License-Identifier: Apache-2.0 */
/* record_dump.h -- every record a reader hands out, as one line of text each: what tests compare. */
#ifndef MEMREC_TESTS_RECORD_DUMP_H
#define MEMREC_TESTS_RECORD_DUMP_H

#include "records.h"

#include <stdio.h>

struct record_dump {
    FILE *out;            /* NULL: count only */
    uint64_t events;      /* handed out */
    uint64_t lost_events; /* told by gaps; UNKNOWN once a gap could not tell */
    uint64_t gaps;
    uint64_t marks;
};

/* A sink that writes into *dump. */
struct record_sink record_dump_sink(struct record_dump *dump);

#endif
