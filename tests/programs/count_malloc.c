/* SPDX-License-Identifier: Apache-2.0 */
/* count_malloc.c -- counts every call of the malloc family exactly: a preloaded library that judges the
 * recorder. It shares no code with it.
 *
 * Built twice. The upper one stands in front of the recorder and sees what the program asks for; the
 * lower one stands behind it, in front of glibc, and sees what arrives there. Both count into a file
 * that all threads and processes of the run share, named by COUNT_UPPER or COUNT_LOWER, so that what
 * happens in the last destructor, in a child, or before a kill is counted as well.
 *
 * Counted as the trace format says: realloc of a block is one allocation and one free, free(NULL) is
 * nothing, and neither is a call that fails. What happened before this library's constructor ran is also
 * counted apart: the recorder's runs at most as late as that of the upper one. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef COUNT_VARIABLE
#error "COUNT_VARIABLE names the environment variable with the file"
#endif

struct counts { /* as tests read them: native 64-bit integers */
    _Atomic uint64_t alloc_calls, alloc_bytes, free_calls;
    _Atomic uint64_t early_alloc_calls, early_alloc_bytes, early_free_calls;
};

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static struct counts before_main; /* until the file is open */
static struct counts *_Atomic counts = &before_main;

static void *count_alloc(void *block, size_t size)
{
    struct counts *to = atomic_load(&counts);

    if (block) {
        atomic_fetch_add(&to->alloc_calls, 1);
        atomic_fetch_add(&to->alloc_bytes, size);
    }
    return block;
}

static void count_free(const void *block)
{
    if (block) {
        atomic_fetch_add(&atomic_load(&counts)->free_calls, 1);
    }
}

#ifdef COUNT_LOWER

#define NEXT(name) __libc_##name

#else

/* What is asked for while dlsym searches comes from glibc itself. */
static void *next_of(void **kept, const char *name)
{
    static _Thread_local int busy;
    int kept_errno = errno;

    if (!*kept && !busy) {
        busy = 1;
        *kept = dlsym(RTLD_NEXT, name);
        busy = 0;
    }
    errno = kept_errno;
    return *kept;
}

#define NEXT(name) next_##name()
#define DEFINE_NEXT(name, type)                                                                    \
    static type *next_##name(void)                                                                 \
    {                                                                                              \
        static void *kept;                                                                         \
        void *next = next_of(&kept, #name);                                                        \
        type *function = __libc_##name;                                                            \
                                                                                                   \
        if (next) {                                                                                \
            memcpy(&function, &next, sizeof function);                                             \
        }                                                                                          \
        return function;                                                                           \
    }

typedef void *malloc_type(size_t);
typedef void free_type(void *);
typedef void *calloc_type(size_t, size_t);
typedef void *realloc_type(void *, size_t);

DEFINE_NEXT(malloc, malloc_type)
DEFINE_NEXT(free, free_type)
DEFINE_NEXT(calloc, calloc_type)
DEFINE_NEXT(realloc, realloc_type)
DEFINE_NEXT(memalign, calloc_type)

#endif

void *malloc(size_t size) { return count_alloc(NEXT(malloc)(size), size); }

void free(void *block)
{
    count_free(block);
    NEXT(free)(block);
}

void *calloc(size_t count, size_t size)
{
    return count_alloc(NEXT(calloc)(count, size), count * size);
}

void *realloc(void *block, size_t size)
{
    void *moved;

    if (block && size == 0) {
        count_free(block);
        return NEXT(realloc)(block, 0);
    }
    moved = count_alloc(NEXT(realloc)(block, size), size);
    if (moved) {
        count_free(block);
    }
    return moved;
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    return count_alloc(NEXT(memalign)(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size)
{
    int kept_errno = errno;
    void *block;

    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
        return EINVAL;
    }
    block = memalign(alignment, size);
    errno = kept_errno;
    if (!block) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void *valloc(size_t size) { return memalign((size_t)getpagesize(), size); }

void *pvalloc(size_t size)
{
    size_t page = (size_t)getpagesize();

    return memalign(page, (size + page - 1) & ~(page - 1));
}

__attribute__((constructor)) static void count_into_file(void)
{
    const char *path = getenv(COUNT_VARIABLE);
    int kept_errno = errno;
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (file >= 0 && ftruncate(file, sizeof(struct counts)) == 0) {
        struct counts *shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

        if (shared != MAP_FAILED) {
            atomic_store(&counts, shared);
            atomic_fetch_add(&shared->alloc_calls, before_main.alloc_calls);
            atomic_fetch_add(&shared->alloc_bytes, before_main.alloc_bytes);
            atomic_fetch_add(&shared->free_calls, before_main.free_calls);
            atomic_fetch_add(&shared->early_alloc_calls, before_main.alloc_calls);
            atomic_fetch_add(&shared->early_alloc_bytes, before_main.alloc_bytes);
            atomic_fetch_add(&shared->early_free_calls, before_main.free_calls);
        }
    }
    if (file >= 0) {
        close(file);
    }
    errno = kept_errno;
}
