/* SPDX-License-Identifier: Apache-2.0 */
#include "residence.h"

#include "allocators.h"
#include "atomics.h"
#include "maps.h"
#include "os.h"
#include "os_syscall.h"
#include "pages.h"
#include "schema/ring_layout.h"
#include "unwinder.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#define TEXT_BYTES    65536
#define PAGES_AT_ONCE 16384 /* one byte each */
#define OBJECTS_KEPT  64
#define HEADERS_MAX   32
#define ARENA_BYTES   (UINT64_C(64) << 20) /* HEAP_MAX_SIZE of glibc: each heap is aligned to it */
#define ARENAS_MAX    1024                 /* in one line */
#define GUARD_MAX     (UINT64_C(1) << 20)
#define STACK_USUAL   (UINT64_C(8) << 20)
#define PAGE          UINT64_C(4096)

/* From its linker: where this library lies. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* Thread pointers: above the stack, in the mapping that glibc made for both. */
static _Atomic uintptr_t stack_ends[MR_THREAD_SLOTS];

/* A line of the list, with its facts. */
struct line {
    uint64_t start, end, rss;
    char permissions[4];
    uint64_t offset;
    enum { ANONYMOUS, HEAP, STACK, SHARED, FILES, RECORDER } kind;
};

/* Where the memory of a loaded object ends, .bss included. */
struct object {
    uint64_t start, end;
    uint64_t name; /* hash of its path */
};

static struct reader {
    struct mr_residence *out;
    bool arenas, is_library;
    struct line line, before; /* now, and the one before it */
    uint64_t object_start, object_name;
    struct object objects[OBJECTS_KEPT];
    uint32_t objects_met;
    struct memory {
        char text[TEXT_BYTES];
        unsigned char pages[PAGES_AT_ONCE];
        struct mr_range ranges[MR_MAP_OWNERS][MR_MAPS_MAX];
        uintptr_t stack_ends[MR_THREAD_SLOTS]; /* rising */
    } * memory;
    size_t range_count[MR_MAP_OWNERS], stack_end_count;
} reader;

static_assert(sizeof(struct memory) <= MR_RESIDENCE_BYTES, "it must fit");

/* Large blocks by address; what finds none of its places taken is not looked into. */
#define BLOCKS_MAX   1024
#define BLOCK_PLACES 8
static struct {
    _Atomic uintptr_t start; /* 0: free */
    _Atomic uint64_t bytes, weight;
} blocks[BLOCKS_MAX];
static _Atomic uint32_t blocks_used; /* places taken; may be a little wrong for a moment */

static uint32_t place_of(const void *block)
{
    return (uint32_t)((uint64_t)(uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

void mr_residence_add_block(const void *block, size_t usable_bytes, uint64_t weight)
{
    for (uint32_t i = 0; i < BLOCK_PLACES; i++) {
        uint32_t at = (place_of(block) + i) % BLOCKS_MAX;
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_strong(&blocks[at].start, &nobody, (uintptr_t)block)) {
            mr_store_relaxed(&blocks[at].weight, weight);
            mr_store_release(&blocks[at].bytes, usable_bytes); /* pairs with look_into_blocks */
            mr_fetch_add_relaxed(&blocks_used, 1);
            return;
        }
    }
}

void mr_residence_drop_block(const void *block)
{
    if (!mr_load_relaxed(&blocks_used))
        return;
    for (uint32_t i = 0; i < BLOCK_PLACES; i++) {
        uint32_t at = (place_of(block) + i) % BLOCKS_MAX;
        if (mr_load_relaxed(&blocks[at].start) == (uintptr_t)block) {
            mr_store_relaxed(&blocks[at].bytes, 0);
            mr_store_release(&blocks[at].start, 0);
            mr_fetch_add_relaxed(&blocks_used, UINT32_MAX);
            return;
        }
    }
}

void mr_residence_clear(void)
{
    /* Linked into the program, this library is part of its files. */
    reader.is_library =
        getauxval(AT_PHDR) - (uintptr_t)__ehdr_start >= (uintptr_t)_end - (uintptr_t)__ehdr_start;
    memset(blocks, 0, sizeof blocks);
    mr_store_relaxed(&blocks_used, 0);
}

void mr_residence_note_stack(uint64_t slot)
{
    if (slot < MR_THREAD_SLOTS)
        mr_store_relaxed(&stack_ends[slot], mr_stack_bounds_here().high);
}

/* Text */

static const char *number(const char *at, uint64_t *out, unsigned base)
{
    while (*at == ' ' || *at == '\t')
        at++;
    for (*out = 0;; at++) {
        unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a' + 10)
                                                    : 16;
        if (digit >= base)
            return at;
        *out = *out * base + digit;
    }
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037); /* FNV-1a */
    while (*text)
        value = (value ^ (uint8_t)*text++) * UINT64_C(1099511628211);
    return value;
}

/* Pages */

static uint64_t lower(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t higher(uint64_t a, uint64_t b) { return a > b ? a : b; }

#define NOT_MAPPED UINT64_MAX

/* Bytes in memory from start to end, which are page-aligned. */
static uint64_t in_memory(uint64_t start, uint64_t end)
{
    uint64_t pages = 0;
    while (start < end) {
        uint64_t part = lower(end - start, PAGES_AT_ONCE * PAGE);
        unsigned char *page = reader.memory->pages;
        if (mr_syscall(SYS_mincore, (long)start, (long)part, (long)page, 0, 0, 0) != 0)
            return NOT_MAPPED;
        for (uint64_t i = 0; i < part / PAGE; i++)
            pages += page[i] & 1;
        start += part;
    }
    return pages * PAGE;
}

/* Resident bytes from start to end, a piece of the line. */
static uint64_t resident(uint64_t start, uint64_t end)
{
    const struct line *line = &reader.line;
    if (start >= end || line->rss == 0)
        return 0;
    if (line->rss == line->end - line->start)
        return end - start;
    if (start == line->start && end == line->end)
        return line->rss;
    return lower(in_memory(start, end), line->rss);
}

/* Pages of large blocks that are not there, of blocks that may be freed meanwhile: then they are not mapped, and told as
 * there. */
static void look_into_blocks(struct mr_residence *out)
{
    for (uint32_t i = 0; i < BLOCKS_MAX && mr_load_relaxed(&blocks_used); i++) {
        uint64_t bytes = mr_load_acquire(&blocks[i].bytes);
        uint64_t start = mr_load_relaxed(&blocks[i].start);
        if (!bytes || !start)
            continue;
        uint64_t first = (start + PAGE - 1) & ~(PAGE - 1), end = (start + bytes) & ~(PAGE - 1);
        uint64_t there = in_memory(first, end);
        if (there != NOT_MAPPED)
            out->absent += (end - first - there) * mr_load_relaxed(&blocks[i].weight) / 1024;
    }
}

/* Where the object that is being read ends; 0: its headers cannot be read. */
static uint64_t object_end(void)
{
    for (uint32_t i = 0; i < OBJECTS_KEPT; i++)
        if (reader.objects[i].start == reader.object_start &&
            reader.objects[i].name == reader.object_name)
            return reader.objects[i].end;
    ElfW(Ehdr) header;
    ElfW(Phdr) program[HEADERS_MAX];
    uint64_t start = reader.object_start, end = 0, bias = UINT64_MAX;
    if (!mr_copy_memory(&header, (const void *)start, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof *program)
        return 0;
    unsigned count = header.e_phnum < HEADERS_MAX ? header.e_phnum : HEADERS_MAX;
    if (!mr_copy_memory(program, (const void *)(start + header.e_phoff), count * sizeof *program))
        return 0;
    for (unsigned i = 0; i < count; i++) {
        if (program[i].p_type != PT_LOAD)
            continue;
        if (bias == UINT64_MAX)
            bias = start - (program[i].p_vaddr & ~(PAGE - 1));
        end = higher(end, bias + program[i].p_vaddr + program[i].p_memsz);
    }
    end = (end + PAGE - 1) & ~(PAGE - 1);
    reader.objects[reader.objects_met++ % OBJECTS_KEPT] =
        (struct object){start, end, reader.object_name};
    return end;
}

/* Pieces of an anonymous line. `from` and `to` are what is left to tell. */

static void take_statics(uint64_t *from, uint64_t to)
{
    const struct line *before = &reader.before;
    if (before->kind != FILES || before->end != *from || !reader.object_start)
        return;
    uint64_t end = lower(object_end(), to);
    if (end > *from) {
        *(mr_allocator_owns_code(*from) ? &reader.out->allocator : &reader.out->statics) +=
            resident(*from, end);
        *from = end;
    }
}

static uint64_t overlap(enum mr_map_owner owner, uint64_t from, uint64_t to)
{
    const struct mr_range *ranges = reader.memory->ranges[owner];
    size_t low = 0, high = reader.range_count[owner];
    uint64_t bytes = 0;
    while (low < high) { /* the first that ends beyond */
        size_t middle = (low + high) / 2;
        if (ranges[middle].end > from)
            high = middle;
        else
            low = middle + 1;
    }
    for (; low < reader.range_count[owner] && ranges[low].start < to; low++)
        bytes += resident(higher(ranges[low].start, from), lower(ranges[low].end, to));
    return bytes;
}

/* Whether a heap of a further arena begins here: its first words name the arena, which lies just behind the head of its
 * first heap, and how much of this one is in use. */
static bool is_arena(uint64_t address)
{
    uint64_t head[4]; /* arena, previous heap, size, size ever made writable */
    return mr_copy_memory(head, (const void *)(uintptr_t)address, sizeof head) &&
           head[0] % ARENA_BYTES >= 0x20 && head[0] % ARENA_BYTES <= 0x40 && head[0] % 16 == 0 &&
           head[1] % ARENA_BYTES == 0 && head[2] >= PAGE && head[2] <= head[3] &&
           head[3] <= ARENA_BYTES && head[2] % PAGE == 0;
}

static uint64_t arena_after(uint64_t address)
{
    return (address + ARENA_BYTES - 1) & ~(ARENA_BYTES - 1);
}

static uint64_t take_arenas(uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    to = lower(to, from + ARENAS_MAX * ARENA_BYTES);
    for (uint64_t at = arena_after(from); reader.arenas && at < to; at += ARENA_BYTES)
        if (is_arena(at))
            bytes += resident(at, lower(at + ARENA_BYTES, to));
    return bytes;
}

/* Thousands of threads are thousands of lines: each finds its own by halves. */
static void sort_stack_ends(void)
{
    uintptr_t *ends = reader.memory->stack_ends;
    size_t count = 0;
    for (uint32_t i = 0; i < MR_THREAD_SLOTS; i++) {
        uintptr_t end = mr_load_relaxed(&stack_ends[i]);
        if (end)
            ends[count++] = end;
    }
    for (size_t gap = count / 2; gap > 0; gap /= 2) { /* Shell's sort */
        for (size_t i = gap; i < count; i++) {
            uintptr_t moving = ends[i];
            size_t at = i;
            for (; at >= gap && ends[at - gap] > moving; at -= gap)
                ends[at] = ends[at - gap];
            ends[at] = moving;
        }
    }
    reader.stack_end_count = count;
}

/* A stack stands directly above a guard that cannot be touched. How far it goes its thread has told; one that never was
 * sampled, or has ended, is taken to have the usual size. */
static uint64_t take_stack(uint64_t from, uint64_t to)
{
    const struct line *before = &reader.before;
    uint64_t end = lower(to, from + STACK_USUAL), nearest = UINT64_MAX;
    if (before->kind != ANONYMOUS || before->end != from ||
        memcmp(before->permissions, "---p", 4) != 0 ||
        (from % ARENA_BYTES == 0 && before->end - before->start > GUARD_MAX))
        return 0;
    size_t low = 0, high = reader.stack_end_count;
    while (low < high) { /* the first above */
        size_t middle = (low + high) / 2;
        if (reader.memory->stack_ends[middle] > from)
            high = middle;
        else
            low = middle + 1;
    }
    if (low < reader.stack_end_count && reader.memory->stack_ends[low] < to)
        nearest = reader.memory->stack_ends[low];
    if (nearest != UINT64_MAX)
        end = lower(to, (nearest + 2 * PAGE - 1) & ~(PAGE - 1)); /* the thread's block follows */
    uint64_t arena = arena_after(from);
    if (reader.arenas && arena < end && is_arena(arena))
        end = arena;
    return resident(from, end);
}

static void divide(void)
{
    struct mr_residence *out = reader.out;
    uint64_t from = reader.line.start, to = reader.line.end;
    out->anonymous += reader.line.rss;
    if (reader.line.rss == 0)
        return;
    take_statics(&from, to);
    uint64_t mapped = overlap(MR_MAP_PROGRAM, from, to);
    uint64_t allocator = overlap(MR_MAP_ALLOCATOR, from, to);
    out->mapped += mapped;
    out->allocator += allocator;
    out->arenas += take_arenas(from, to);
    if (mapped + allocator == 0)
        out->stacks += take_stack(from, to);
}

static void finish_line(void)
{
    const struct line *line = &reader.line;
    struct mr_residence *out = reader.out;
    if (line->end == 0)
        return;
    switch (line->kind) {
    case ANONYMOUS:
        divide();
        break;
    case HEAP:
        out->heap += line->rss;
        break;
    case STACK:
        out->main_stack += line->rss;
        break;
    case SHARED:
        out->shared += line->rss;
        break;
    case FILES:
        out->files += line->rss;
        break;
    case RECORDER:
        out->recorder += line->rss;
    }
    reader.before = *line;
}

static int kind_of(uint64_t start, const char *path)
{
    if (reader.is_library && start >= (uintptr_t)__ehdr_start && start < (uintptr_t)_end)
        return RECORDER;
    if (starts(path, "[heap]"))
        return HEAP;
    if (starts(path, "[stack"))
        return STACK;
    if ((!*path && mr_pages_own(start)) || strstr(path, "/memrec-"))
        return RECORDER;
    if (starts(path, "/dev/shm/") || starts(path, "/memfd:") || starts(path, "/SYSV") ||
        starts(path, "/dev/zero"))
        return SHARED;
    if (path[0] == '/' || starts(path, "[v"))
        return FILES;
    return ANONYMOUS;
}

/* A mapping's first line is "start-end perms offset dev inode path"; facts follow as "Name: n kB". */
static void take_text(const char *text)
{
    uint64_t kib;
    if ((*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'f')) {
        finish_line();
        struct line *line = &reader.line;
        const char *at = number(text, &line->start, 16);
        at = number(at + (*at == '-'), &line->end, 16);
        if (*at != ' ' || strlen(at) < 7) {
            line->end = 0;
            return;
        }
        memcpy(line->permissions, at + 1, 4);
        at = number(at + 5, &line->offset, 16);
        for (int field = 0; field < 2; field++) {
            while (*at == ' ')
                at++;
            while (*at && *at != ' ')
                at++;
        }
        while (*at == ' ')
            at++;
        line->rss = 0;
        line->kind = kind_of(line->start, at);
        if (line->kind == FILES) {
            uint64_t name = hash(at);
            if (line->offset == 0 || name != reader.object_name)
                reader.object_start = line->offset == 0 ? line->start : 0;
            reader.object_name = name;
        }
    } else if (starts(text, "Rss:")) {
        number(text + 4, &kib, 10);
        reader.line.rss = kib * 1024;
    } else if (starts(text, "Pss:")) {
        number(text + 4, &kib, 10);
        reader.out->pss += kib * 1024;
    } else if (starts(text, "Swap:")) {
        number(text + 5, &kib, 10);
        reader.out->swap += kib * 1024;
    }
}

bool mr_residence_read(struct mr_residence *out, void *memory, bool arenas)
{
    int file = mr_open_read("/proc/self/smaps");
    if (file < 0)
        return false;
    memset(out, 0, sizeof *out);
    reader.out = out;
    reader.arenas = arenas;
    reader.memory = memory;
    reader.line = reader.before = (struct line){0};
    reader.object_start = reader.object_name = 0;
    for (enum mr_map_owner owner = 0; owner < MR_MAP_OWNERS; owner++)
        reader.range_count[owner] = mr_maps_copy(owner, reader.memory->ranges[owner]);
    sort_stack_ends();

    char *text = reader.memory->text;
    size_t waiting = 0;
    bool any = false;
    for (;;) {
        long got = mr_read(file, text + waiting, TEXT_BYTES - waiting);
        if (got <= 0)
            break;
        any = true;
        size_t end = waiting + (size_t)got, at = 0;
        for (;;) {
            char *newline = memchr(text + at, '\n', end - at);
            if (!newline)
                break;
            *newline = '\0';
            take_text(text + at);
            at = (size_t)(newline - text) + 1;
        }
        waiting = end - at;
        memmove(text, text + at, waiting);
        if (waiting == TEXT_BYTES)
            waiting = 0; /* no such line exists; do not stall on it */
    }
    finish_line();
    mr_close(file);
    look_into_blocks(out);
    return any;
}
