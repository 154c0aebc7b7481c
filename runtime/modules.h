/* SPDX-License-Identifier: Apache-2.0 */
/* modules.h -- loaded objects and build ids, so that the trace stands alone.
 *
 * Read from /proc/self/maps and from the objects' own headers in memory, copied by the kernel: no
 * loader lock is taken, and an object that is unmapped meanwhile is an answer, not a fault. Drain
 * thread only.                                                                                    */
#ifndef MEMREC_MODULES_H
#define MEMREC_MODULES_H

#include "encode.h"

#define MR_MODULES_MAX 4096u

struct mr_modules {
    struct mr_module {
        uint64_t start, end; /* of its mappings */
        uint64_t name_hash;  /* path and build id */
        uint32_t id;
        bool seen;
    } * known;
    uint32_t count;
    uint32_t last_id;
    uint8_t *buffer; /* for a stretch of maps */
};

bool mr_modules_open(struct mr_modules *modules); /* false: no memory */
void mr_modules_close(struct mr_modules *modules);

/* Announces the modules that are new (all, when `again`) and those that have gone, in *encoder.
 * Returns true when one has gone: addresses may change their meaning. */
bool mr_modules_read(struct mr_modules *modules, struct mr_encoder *encoder, uint64_t ticks,
                     bool again);

/* Whether a known module covers this address. */
bool mr_modules_cover(const struct mr_modules *modules, uint64_t address);

#endif
