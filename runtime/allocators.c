/* SPDX-License-Identifier: Apache-2.0 */
#include "allocators.h"

#include "real_malloc.h"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Weak rather than dlsym: a search that fails would leave its message for the host's next dlerror. */
extern struct mallinfo2 mallinfo2(void) __attribute__((weak));
extern int mallctl(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size)
    __attribute__((weak));
extern void mi_process_info(size_t *elapsed_ms, size_t *user_ms, size_t *system_ms,
                            size_t *current_rss, size_t *peak_rss, size_t *current_commit,
                            size_t *peak_commit, size_t *page_faults) __attribute__((weak));
extern int MallocExtension_GetNumericProperty(const char *property, size_t *value)
    __attribute__((weak));

static enum kind { UNKNOWN, GLIBC, JEMALLOC, MIMALLOC, TCMALLOC } kind;
static uintptr_t code_start, code_end; /* of an allocator that is not the C library's */

static bool same_object(const void *function)
{
    Dl_info theirs, malloc_s;
    void *malloc_at;
    memcpy(&malloc_at, &mr_real.malloc, sizeof malloc_at);
    return function && dladdr(function, &theirs) && dladdr(malloc_at, &malloc_s) &&
           theirs.dli_fbase == malloc_s.dli_fbase;
}

static int find_object(struct dl_phdr_info *info, size_t size, void *address)
{
    (void)size;
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        low = start < low ? start : low;
        high = start + part->p_memsz > high ? start + part->p_memsz : high;
    }
    if ((uintptr_t)address < low || (uintptr_t)address >= high)
        return 0;
    code_start = low;
    code_end = high;
    return 1;
}

void mr_allocator_find(void)
{
    if (mr_real_is_libc()) {
        kind = mallinfo2 ? GLIBC : UNKNOWN;
        return;
    }
    kind = same_object((void *)&mallctl)                              ? JEMALLOC
           : same_object((void *)&mi_process_info)                    ? MIMALLOC
           : same_object((void *)&MallocExtension_GetNumericProperty) ? TCMALLOC
                                                                      : UNKNOWN;
    void *malloc_at;
    memcpy(&malloc_at, &mr_real.malloc, sizeof malloc_at);
    dl_iterate_phdr(find_object, malloc_at);
}

bool mr_allocator_speaks(void) { return kind != UNKNOWN; }
bool mr_allocator_is_libc(void) { return kind == GLIBC; }

bool mr_allocator_owns_code(uintptr_t address)
{
    return address >= code_start && address < code_end;
}

const char *mr_allocator_interface(void)
{
    static const char names[][16] = {[GLIBC] = "mallinfo2",
                                     [JEMALLOC] = "mallctl",
                                     [MIMALLOC] = "mi_process_info",
                                     [TCMALLOC] = "malloc_extension"};
    return kind == UNKNOWN ? NULL : names[kind];
}

static void ask_glibc(struct mr_allocator_figures *out)
{
    struct mallinfo2 info = mallinfo2();
    out->used = info.uordblks + info.hblkhd;
    out->free = info.fordblks;
    out->top = info.keepcost;
    out->mapped = info.hblkhd;
    out->arena = info.arena;
    out->committed = info.arena + info.hblkhd;
}

static uint64_t control(const char *name)
{
    size_t value, size = sizeof value;
    return mallctl(name, &value, &size, NULL, 0) == 0 ? value : MR_UNTOLD;
}

/* All arenas together. */
#define ALL(field) "stats.arenas.4096." field

static void ask_jemalloc(struct mr_allocator_figures *out)
{
    uint64_t epoch = 1; /* any value refreshes the figures */
    size_t size = sizeof epoch;
    if (mallctl("epoch", &epoch, &size, &epoch, size) != 0)
        return;
    uint64_t allocated = control("stats.allocated"), active = control("stats.active");
    uint64_t cached = control(ALL("tcache_bytes"));
    uint64_t page = control("arenas.page"), dirty_pages = control(ALL("pdirty"));
    if (allocated == MR_UNTOLD || active == MR_UNTOLD) /* built without statistics */
        return;
    out->dirty = page == MR_UNTOLD || dirty_pages == MR_UNTOLD ? MR_UNTOLD : page * dirty_pages;
    out->cached = cached;
    out->used = allocated - (cached == MR_UNTOLD ? 0 : cached); /* it counts these as allocated */
    out->free = active - out->used + (out->dirty == MR_UNTOLD ? 0 : out->dirty);
    out->metadata = control("stats.metadata");
    out->committed = control("stats.mapped");
    out->retained = control("stats.retained");
}

static void ask_mimalloc(struct mr_allocator_figures *out)
{
    size_t committed, unused[7];
    mi_process_info(&unused[0], &unused[1], &unused[2], &unused[3], &unused[4], &committed,
                    &unused[5], &unused[6]);
    out->committed = committed;
}

static uint64_t property(const char *name)
{
    size_t value;
    return MallocExtension_GetNumericProperty(name, &value) ? value : MR_UNTOLD;
}

static void ask_tcmalloc(struct mr_allocator_figures *out)
{
    uint64_t heap = property("generic.heap_size");
    out->used = property("generic.current_allocated_bytes");
    out->dirty = property("tcmalloc.pageheap_free_bytes");
    out->cached = property("tcmalloc.current_total_thread_cache_bytes");
    out->retained = property("tcmalloc.pageheap_unmapped_bytes");
    if (heap == MR_UNTOLD || out->used == MR_UNTOLD || out->retained == MR_UNTOLD)
        return;
    out->committed = heap - out->retained;
    out->free = out->committed - out->used;
}

void mr_allocator_ask(struct mr_allocator_figures *out)
{
    memset(out, 0xff, sizeof *out); /* MR_UNTOLD */
    switch (kind) {
    case GLIBC:
        ask_glibc(out);
        break;
    case JEMALLOC:
        ask_jemalloc(out);
        break;
    case MIMALLOC:
        ask_mimalloc(out);
        break;
    case TCMALLOC:
        ask_tcmalloc(out);
        break;
    default:
        break;
    }
}
