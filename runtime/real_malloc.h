/* SPDX-License-Identifier: Apache-2.0 */
/* real_malloc.h -- the allocator underneath, and the bootstrap buffer dlsym needs to find it.
 *
 * Found with RTLD_NEXT, so a program that brings jemalloc keeps it. Until it is found every entry
 * points at a function here that finds it first. Memory that is asked for while dlsym itself runs
 * comes from a small static buffer and is never given back.                                       */
#ifndef MEMREC_REAL_MALLOC_H
#define MEMREC_REAL_MALLOC_H

#include "atomics.h"

#include <stdbool.h>
#include <stddef.h>

struct mr_real_malloc {
    void *(*malloc)(size_t size);
    void (*free)(void *block);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    int (*posix_memalign)(void **block, size_t alignment, size_t size);
    size_t (*malloc_usable_size)(void *block);
};

/* Read-only after mr_real_find. Only what every allocator has: a dlsym that fails would leave its message
 * for the host's next dlerror. */
extern struct mr_real_malloc mr_real MR_HIDDEN;

/* Finds the allocator; cheap when it was found. */
void mr_real_find(void);

/* Whether a block lies in the bootstrap buffer: it must not reach the allocator. */
bool mr_real_is_bootstrap(const void *block);

/* Lets the filter ask for every block of that buffer: call after the filter was opened or cleared. */
void mr_real_mark_bootstrap(void);

/* The requested size of such a block. */
size_t mr_real_bootstrap_size(const void *block);

/* Whether malloc is the C library's own, so that mallinfo2 speaks about it. */
bool mr_real_is_libc(void);

/* Path of the object that holds malloc; NULL when it cannot be told. */
const char *mr_real_path(void);

#endif
