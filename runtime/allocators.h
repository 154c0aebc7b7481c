/* SPDX-License-Identifier: Apache-2.0 */
/* allocators.h -- which malloc is underneath, and what it says of itself.
 *
 * glibc, jemalloc, mimalloc and tcmalloc are asked through functions that they export; any other says nothing. A figure
 * that one cannot give is MR_UNTOLD, never 0. */
#ifndef MEMREC_ALLOCATORS_H
#define MEMREC_ALLOCATORS_H

#include <stdbool.h>
#include <stdint.h>

#define MR_UNTOLD UINT64_MAX

struct mr_allocator_figures {
    uint64_t used;  /* in blocks handed out, with their headers; glibc: also in its thread caches */
    uint64_t free;  /* not handed out, in pages it holds */
    uint64_t top;   /* of free, at the end of the heap: shrinks with it */
    uint64_t dirty; /* of free, whole pages it may return when it likes */
    uint64_t cached;    /* of free, in the caches of threads */
    uint64_t mapped;    /* of used, blocks with a mapping of their own */
    uint64_t arena;     /* glibc: used and free, without those */
    uint64_t metadata;  /* its own books, beside used and free */
    uint64_t committed; /* all it took from the system and may touch */
    uint64_t retained;  /* address space it keeps without memory */
};

/* After the real malloc was found; once, while the process has one thread or before it records. */
void mr_allocator_find(void);

/* Whether it can be asked. */
bool mr_allocator_speaks(void);

/* Whether it is the C library's. */
bool mr_allocator_is_libc(void);

/* The interface it is asked through, as a capability of the trace; NULL: it does not speak. */
const char *mr_allocator_interface(void);

/* Whether code at this address is part of an allocator that is not the C library's. */
bool mr_allocator_owns_code(uintptr_t address);

/* Asks it; takes its locks. Only on a thread that could call malloc here. */
void mr_allocator_ask(struct mr_allocator_figures *out);

#endif
