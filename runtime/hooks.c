/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.c -- malloc, free and kin; each a few instructions: count down, ask the filter, jump on.
 *
 * What is common takes the fast path and tail-calls the real function: nothing of ours is on the
 * stack while it runs. What is rare (a sample, a filter hit, a new thread) tail-calls record.c,
 * which therefore sees the host's frame as its caller.
 *
 * A countdown that reaches 0 exactly ends in a sample too, so that with a countdown of 0 even
 * malloc(0) takes the slow path: that is how full mode sees everything. C++ operator new and delete
 * of libstdc++ and libc++ call malloc and free, and need no hook.                                  */
#include "atomics.h"
#include "gauges.h"
#include "live_table.h"
#include "maps.h"
#include "real_malloc.h"
#include "record.h"
#include "thread.h"
#include "unwinder.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOOK      __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)

/* While nothing is recorded the slow path is the common one: then it is a jump, too. */
#define SLOW(recorded, real) return LIKELY(mr_state() == MR_STATE_OFF) ? real : recorded

/* Counts an allocation of `size` bytes; false when it must take the slow path, which counts it
 * itself. */
static inline __attribute__((always_inline)) bool counted(uint64_t size)
{
    struct mr_thread_slot *self = mr_self;
    uint64_t left = mr_load_relaxed(&self->countdown);
    if (!LIKELY(left > size))
        return false;
    mr_store_relaxed(&self->countdown, left - size);
    mr_bump(&self->alloc_calls);
    return true;
}

/* Nothing is recorded, and the block is the allocator's. */
static inline bool is_off(const void *block)
{
    return mr_state() == MR_STATE_OFF && !mr_real_is_bootstrap(block);
}

HOOK void *malloc(size_t size)
{
    if (!counted(size))
        SLOW(mr_record_malloc(size), mr_real.malloc(size));
    return mr_real.malloc(size);
}

HOOK void free(void *block)
{
    if (!LIKELY(!mr_filter_asks(block))) {
        if (LIKELY(is_off(block)))
            mr_real.free(block);
        else
            mr_record_free(block);
        return;
    }
    mr_bump(&mr_self->free_calls);
    mr_real.free(block);
}

HOOK void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || !counted(bytes))
        SLOW(mr_record_calloc(count, size), mr_real.calloc(count, size));
    return mr_real.calloc(count, size);
}

HOOK void *realloc(void *block, size_t size)
{
    if ((block && (size == 0 || mr_filter_asks(block))) || !counted(size))
        return LIKELY(is_off(block)) ? mr_real.realloc(block, size)
                                     : mr_record_realloc(block, size);
    if (block)
        mr_bump(&mr_self->free_calls);
    return mr_real.realloc(block, size);
}

HOOK void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

HOOK void *memalign(size_t alignment, size_t size)
{
    if (!counted(size))
        SLOW(mr_record_memalign(alignment, size), mr_real.memalign(alignment, size));
    return mr_real.memalign(alignment, size);
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    if (!counted(size))
        SLOW(mr_record_aligned_alloc(alignment, size), mr_real.aligned_alloc(alignment, size));
    return mr_real.aligned_alloc(alignment, size);
}

HOOK int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!counted(size))
        SLOW(mr_record_posix_memalign(block, alignment, size),
             mr_real.posix_memalign(block, alignment, size));
    return mr_real.posix_memalign(block, alignment, size);
}

HOOK void *valloc(size_t size) { return memalign((size_t)sysconf(_SC_PAGESIZE), size); }

HOOK void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded;
    if (__builtin_add_overflow(size, page - 1, &rounded)) {
        errno = ENOMEM;
        return NULL;
    }
    rounded &= ~(page - 1);
    return memalign(page, rounded ? rounded : page);
}

HOOK size_t malloc_usable_size(void *block)
{
    if (block && mr_real_is_bootstrap(block))
        return mr_real_bootstrap_size(block);
    return mr_real.malloc_usable_size(block);
}

/* C23. The sizes are promises by the caller; plain free keeps them. */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

HOOK void free_sized(void *block, size_t size)
{
    (void)size;
    free(block);
}

HOOK void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(block);
}

/* Mappings: exact counts of what the host maps itself. The next definition is found when first
 * needed; until then, and if there is none, the C library's own is what RTLD_NEXT finds. */

#define NEXT(name)                                                                                 \
    static __typeof__(name) *_Atomic next_##name;                                                  \
    __typeof__(name) *real_##name = mr_load_relaxed(&next_##name);                                 \
    if (!real_##name) {                                                                            \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        memcpy(&real_##name, &found, sizeof found);                                                \
        mr_store_relaxed(&next_##name, real_##name);                                               \
    }

static void count_map(const void *at, size_t size, int flags, const void *caller)
{
    if (at == MAP_FAILED)
        return;
    if (mr_state() == MR_STATE_ON) {
        mr_fetch_add_relaxed(&mr_map_counters.map_calls, 1);
        mr_fetch_add_relaxed(&mr_map_counters.map_bytes, size);
    }
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        mr_maps_remove((uintptr_t)at, size);
    if ((flags & (MAP_ANONYMOUS | MAP_PRIVATE)) == (MAP_ANONYMOUS | MAP_PRIVATE))
        mr_maps_add((uintptr_t)caller, (uintptr_t)at, size);
}

HOOK void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    NEXT(mmap)
    void *mapped = real_mmap(at, size, protection, flags, file, offset);
    count_map(mapped, size, flags, __builtin_return_address(0));
    return mapped;
}

HOOK void *mmap64(void *at, size_t size, int protection, int flags, int file, off64_t offset)
{
    NEXT(mmap64)
    void *mapped = real_mmap64(at, size, protection, flags, file, offset);
    count_map(mapped, size, flags, __builtin_return_address(0));
    return mapped;
}

HOOK int munmap(void *at, size_t size)
{
    NEXT(munmap)
    mr_maps_remove((uintptr_t)at, size); /* before another thread can be given the addresses */
    int result = real_munmap(at, size);
    if (result == 0 && mr_state() == MR_STATE_ON) {
        mr_fetch_add_relaxed(&mr_map_counters.unmap_calls, 1);
        mr_fetch_add_relaxed(&mr_map_counters.unmap_bytes, size);
    }
    return result;
}

HOOK void *mremap(void *at, size_t old_size, size_t new_size, int flags, ...)
{
    NEXT(mremap)
    va_list arguments;
    va_start(arguments, flags);
    void *wanted = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    enum mr_map_owner owner = mr_maps_owner((uintptr_t)at);
    void *mapped = real_mremap(at, old_size, new_size, flags, wanted);
    if (mapped != MAP_FAILED && owner != MR_MAP_OWNERS) {
        mr_maps_remove((uintptr_t)at, old_size);
        mr_maps_remove((uintptr_t)mapped, new_size);
        mr_maps_add_of(owner, (uintptr_t)mapped, new_size);
    }
    if (mapped != MAP_FAILED && mr_state() == MR_STATE_ON) {
        mr_fetch_add_relaxed(&mr_map_counters.remap_calls, 1);
        mr_fetch_add_relaxed(&mr_map_counters.map_bytes, new_size);
        mr_fetch_add_relaxed(&mr_map_counters.unmap_bytes, old_size);
    }
    return mapped;
}

/* Loaded objects: a note to the drain thread, and a jump: the loader must see who asked, because a
 * library's search path is its caller's. */

HOOK void *dlopen(const char *path, int flags)
{
    NEXT(dlopen)
    mr_store_relaxed(&mr_session.modules_changed, 1);
    return real_dlopen(path, flags);
}

HOOK void *dlmopen(Lmid_t space, const char *path, int flags)
{
    NEXT(dlmopen)
    mr_store_relaxed(&mr_session.modules_changed, 1);
    return real_dlmopen(space, path, flags);
}

HOOK int dlclose(void *handle)
{
    NEXT(dlclose)
    int result = real_dlclose(handle);
    mr_unwinder_flush(); /* other code may come to stand at these addresses */
    mr_store_relaxed(&mr_session.modules_changed, 1);
    return result;
}
