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

/* Ours at present; start 0: the place is free. There are about twenty; beyond these one is merely
 * not told apart from the host's. */
#define OWN_MAX 64
static struct {
    _Atomic uintptr_t start, end;
} own[OWN_MAX];

static void *map(size_t size, int flags, int file)
{
    long at = mr_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, flags, file, 0);
    return at < 0 && at > -4096 ? NULL : (void *)at;
}

void *mr_pages_map(size_t size_bytes)
{
    uintptr_t at = (uintptr_t)map(size_bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (at) /* a flag that the host's memory lacks keeps the kernel from joining ours with it */
        mr_syscall(SYS_madvise, (long)at, (long)size_bytes, MADV_DONTDUMP, 0, 0, 0);
    for (int i = 0; at && i < OWN_MAX; i++) {
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_strong(&own[i].start, &nobody, at)) {
            mr_store_relaxed(&own[i].end, at + size_bytes);
            break;
        }
    }
    return (void *)at;
}

void *mr_pages_map_file(int file, size_t size_bytes) { return map(size_bytes, MAP_SHARED, file); }

void mr_pages_unmap(void *pages, size_t size_bytes)
{
    if (!pages)
        return;
    for (int i = 0; i < OWN_MAX; i++) {
        if (mr_load_relaxed(&own[i].start) == (uintptr_t)pages) {
            mr_store_relaxed(&own[i].end, 0);
            mr_store_relaxed(&own[i].start, 0);
        }
    }
    mr_syscall(SYS_munmap, (long)pages, (long)size_bytes, 0, 0, 0, 0);
}

bool mr_pages_own(uintptr_t address)
{
    for (int i = 0; i < OWN_MAX; i++)
        if (address >= mr_load_relaxed(&own[i].start) && address < mr_load_relaxed(&own[i].end))
            return true;
    return false;
}

void mr_pages_clear(void *pages, size_t size_bytes)
{
    mr_syscall(SYS_madvise, (long)pages, (long)size_bytes, MADV_DONTNEED, 0, 0, 0);
}

bool mr_pages_blank(void *pages, size_t size_bytes)
{
    return mr_syscall(SYS_mmap, (long)pages, (long)size_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                      0) == (long)pages;
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
    uint64_t bytes = 0;
    for (int i = 0; i < OWN_MAX; i++)
        if (mr_load_relaxed(&own[i].start))
            bytes += mr_load_relaxed(&own[i].end) - mr_load_relaxed(&own[i].start);
    return bytes;
}
