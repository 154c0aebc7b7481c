/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include "atomics.h"
#include "os_syscall.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static _Atomic uint64_t mapped_bytes;

static void *map(size_t size, int flags, int file)
{
    long at = mr_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (at < 0 && at > -4096)
        return NULL;
    mr_fetch_add_relaxed(&mapped_bytes, size);
    return (void *)at;
}

void *mr_pages_map(size_t size_bytes)
{
    return map(size_bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

void *mr_pages_map_file(int file, size_t size_bytes)
{
    return map(size_bytes, MAP_SHARED, file);
}

void mr_pages_unmap(void *pages, size_t size_bytes)
{
    if (!pages)
        return;
    mr_syscall(SYS_munmap, (long)pages, (long)size_bytes, 0, 0, 0, 0);
    mr_fetch_add_relaxed(&mapped_bytes, -(uint64_t)size_bytes);
}

void mr_pages_clear(void *pages, size_t size_bytes)
{
    mr_syscall(SYS_madvise, (long)pages, (long)size_bytes, MADV_DONTNEED, 0, 0, 0);
}

bool mr_pages_wipe_on_fork(void *pages, size_t size_bytes)
{
    return mr_syscall(SYS_madvise, (long)pages, (long)size_bytes, MADV_WIPEONFORK, 0, 0, 0) == 0;
}

bool mr_pages_populate(void *pages, size_t size_bytes)
{
    uintptr_t first = (uintptr_t)pages & ~(uintptr_t)4095;
    uintptr_t end = ((uintptr_t)pages + size_bytes + 4095) & ~(uintptr_t)4095;
    return mr_syscall(SYS_madvise, (long)first, (long)(end - first), MADV_POPULATE_WRITE, 0, 0,
                      0) == 0;
}

uint64_t mr_pages_mapped_bytes(void)
{
    return mr_load_relaxed(&mapped_bytes);
}
