/* SPDX-License-Identifier: Apache-2.0 */
#include "real_malloc.h"

#include "atomics.h"
#include "live_table.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BOOTSTRAP_BYTES 65536

static alignas(16) char bootstrap[BOOTSTRAP_BYTES];
static _Atomic size_t bootstrap_used;

enum { UNKNOWN, FINDING, FOUND };
static _Atomic int found;

/* A header of 16 bytes keeps the requested size; blocks are 16-byte aligned. */
static void *bootstrap_alloc(size_t size)
{
    if (size > BOOTSTRAP_BYTES)
        return NULL;
    size_t need = 16 + ((size + 15) & ~(size_t)15);
    size_t at = mr_fetch_add_relaxed(&bootstrap_used, need);
    if (at + need > BOOTSTRAP_BYTES)
        return NULL;
    memcpy(bootstrap + at, &size, sizeof size);
    return bootstrap + at + 16;
}

bool mr_real_is_bootstrap(const void *block)
{
    return (uintptr_t)block - (uintptr_t)bootstrap < BOOTSTRAP_BYTES;
}

void mr_real_mark_bootstrap(void)
{
    size_t used = mr_load_relaxed(&bootstrap_used);
    for (size_t at = 0; at < used && at < BOOTSTRAP_BYTES; at += 16)
        mr_live_mark(bootstrap + at);
}

size_t mr_real_bootstrap_size(const void *block)
{
    size_t size;
    memcpy(&size, (const char *)block - 16, sizeof size);
    return size;
}

/* True when the real functions may be called. */
static bool ready(void)
{
    mr_real_find();
    return mr_load_acquire(&found) == FOUND;
}

static void *early_malloc(size_t size)
{
    return ready() ? mr_real.malloc(size) : bootstrap_alloc(size);
}

static void early_free(void *block)
{
    if (ready())
        mr_real.free(block);
}

static void *early_calloc(size_t count, size_t size)
{
    if (ready())
        return mr_real.calloc(count, size);
    if (size && count > BOOTSTRAP_BYTES / size)
        return NULL;
    return bootstrap_alloc(count * size); /* static memory is zero and used once */
}

static void *early_realloc(void *block, size_t size)
{
    if (ready())
        return mr_real.realloc(block, size);
    void *moved = bootstrap_alloc(size);
    if (moved && block)
        memcpy(moved, block,
               size < mr_real_bootstrap_size(block) ? size : mr_real_bootstrap_size(block));
    return moved;
}

static void *early_memalign(size_t alignment, size_t size)
{
    return ready() ? mr_real.memalign(alignment, size) : NULL;
}

static void *early_aligned_alloc(size_t alignment, size_t size)
{
    return ready() ? mr_real.aligned_alloc(alignment, size) : NULL;
}

static int early_posix_memalign(void **block, size_t alignment, size_t size)
{
    return ready() ? mr_real.posix_memalign(block, alignment, size) : ENOMEM;
}

static size_t early_malloc_usable_size(void *block)
{
    return ready() ? mr_real.malloc_usable_size(block) : 0;
}

struct mr_real_malloc mr_real = {
    .malloc = early_malloc,
    .free = early_free,
    .calloc = early_calloc,
    .realloc = early_realloc,
    .memalign = early_memalign,
    .aligned_alloc = early_aligned_alloc,
    .posix_memalign = early_posix_memalign,
    .malloc_usable_size = early_malloc_usable_size,
};

static void find(void *entry, const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    memcpy(entry, &next, sizeof next);
}

void mr_real_find(void)
{
    int expected = UNKNOWN;
    if (!atomic_compare_exchange_strong(&found, &expected, FINDING))
        return;
    struct mr_real_malloc next;
    find(&next.malloc, "malloc");
    find(&next.free, "free");
    find(&next.calloc, "calloc");
    find(&next.realloc, "realloc");
    find(&next.memalign, "memalign");
    find(&next.aligned_alloc, "aligned_alloc");
    find(&next.posix_memalign, "posix_memalign");
    find(&next.malloc_usable_size, "malloc_usable_size");
    mr_real = next;
    mr_store_release(&found, FOUND); /* pairs with ready(): the table is filled */
}

const char *mr_real_path(void)
{
    Dl_info info;
    void *function;
    memcpy(&function, &mr_real.malloc, sizeof function);
    return dladdr(function, &info) ? info.dli_fname : NULL;
}

bool mr_real_is_libc(void)
{
    Dl_info ours, theirs;
    void *function;
    memcpy(&function, &mr_real.malloc, sizeof function);
    return dladdr(function, &ours) && dladdr((void *)&getenv, &theirs) &&
           ours.dli_fbase == theirs.dli_fbase;
}
