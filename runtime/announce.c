/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include "allocators.h"
#include "atomics.h"
#include "definitions.h"
#include "gauges.h"
#include "os.h"
#include "pages.h"
#include "unwinder.h"

#include <string.h>

#define SECOND_NAME_NS   UINT64_C(1000000000) /* a thread's name is asked again after this */
#define AGAIN_BYTES      (16u << 20) /* of trace, between two announcements of everything */
#define STACKS_PER_BLOCK 65536u

static void tell_capabilities(struct mr_encoder *encoder)
{
    char text[80] = "samples frees counters process smaps map";
    const char *interface = mr_allocator_interface();
    if (interface) {
        size_t length = strlen(text);
        text[length] = ' ';
        memcpy(text + length + 1, interface, strlen(interface) + 1);
    }
    mr_encode_header_text(encoder, MR_KEY_CAPABILITIES, text);
}

static void tell_header(struct mr_encoder *encoder)
{
    struct mr_session *session = &mr_session;
    static char text[MR_PATH_BYTES];
    mr_encode_begin(encoder, MR_SECTION_HEADER);
    mr_encode_header_text(encoder, MR_KEY_RECORDER_VERSION, MEMREC_VERSION);
    mr_encode_header_integer(encoder, MR_KEY_PID, (uint64_t)session->pid);
    mr_encode_header_integer(encoder, MR_KEY_PARENT_PID, (uint64_t)mr_parent_pid());
    if (mr_read_link("/proc/self/exe", text, sizeof text) > 0)
        mr_encode_header_text(encoder, MR_KEY_EXECUTABLE, text);
    long length = mr_read_file("/proc/self/cmdline", text, sizeof text);
    if (length > 0)
        mr_encode_header_bytes(encoder, MR_KEY_COMMAND_LINE, text, (size_t)length);
    static const struct {
        const char *path;
        enum mr_header_key key;
    } files[] = {{"/proc/sys/kernel/hostname", MR_KEY_HOST},
                 {"/proc/sys/kernel/random/boot_id", MR_KEY_BOOT_ID},
                 {"/proc/sys/kernel/osrelease", MR_KEY_OPERATING_SYSTEM}};
    for (int i = 0; i < 3; i++) {
        static const char linux_name[] = "Linux ";
        bool system = files[i].key == MR_KEY_OPERATING_SYSTEM;
        size_t start = system ? sizeof linux_name - 1 : 0;
        memcpy(text, linux_name, start);
        if (mr_read_file(files[i].path, text + start, 256) > 0) {
            text[strcspn(text, "\n")] = '\0';
            mr_encode_header_text(encoder, files[i].key, text);
        }
    }
    mr_encode_header_integer(encoder, MR_KEY_START_TICKS, session->start_ticks);
    mr_encode_header_integer(encoder, MR_KEY_START_MONOTONIC_NS, session->start_monotonic_ns);
    mr_encode_header_integer(encoder, MR_KEY_START_REALTIME_NS, session->start_realtime_ns);
    mr_encode_header_integer(encoder, MR_KEY_PAGE_BYTES, 4096);
    if (!session->full)
        mr_encode_header_integer(encoder, MR_KEY_INTERVAL_BYTES, session->options.interval_bytes);
    mr_encode_header_integer(encoder, MR_KEY_MODE, session->full ? MR_MODE_FULL : MR_MODE_SAMPLED);
    if (session->ring_path[0])
        mr_encode_header_text(encoder, MR_KEY_RING_PATH, session->ring_path);
    if (session->has_parent)
        mr_encode_header_bytes(encoder, MR_KEY_PARENT_TRACE_ID, session->parent_trace_id, 16);
#if defined(__x86_64__)
    mr_encode_header_text(encoder, MR_KEY_ARCHITECTURE, "x86_64");
    mr_encode_header_text(encoder, MR_KEY_UNWINDER, "cfi");
#else
    mr_encode_header_text(encoder, MR_KEY_ARCHITECTURE, "aarch64");
    mr_encode_header_text(encoder, MR_KEY_UNWINDER, "fp");
#endif
    mr_encode_header_text(encoder, MR_KEY_ALLOCATOR, session->allocator);
    mr_encode_header_integer(encoder, MR_KEY_STACK_DEPTH_MAX, MR_STACK_DEPTH_MAX);
    tell_capabilities(encoder);
    mr_encode_header_integer(encoder, MR_KEY_START_REASON, session->start_reason);
    if (mr_options_rotate(&session->options)) {
        mr_encode_header_integer(encoder, MR_KEY_SEGMENT, session->segment);
        if (mr_options_keep_last(&session->options))
            mr_encode_header_integer(encoder, MR_KEY_ONLY_LAST, 1);
    }
    mr_encode_end(encoder);
    mr_gauges_announce(encoder);
}

static void tell_modules(struct mr_announcer *announcer, struct mr_encoder *encoder, bool again)
{
    mr_store_relaxed(&mr_session.modules_changed, 0);
    if (mr_modules_read(&announcer->modules, encoder, mr_ticks(), again)) {
        mr_unwinder_flush();
        mr_stacks_forget(&announcer->stacks);
        mr_fetch_add_relaxed(&mr_session.stack_epoch, 1); /* producers announce their stacks anew */
    }
}

static void tell_stacks(struct mr_announcer *announcer, struct mr_encoder *encoder)
{
    struct mr_stacks *stacks = &announcer->stacks;
    uint32_t first = stacks->announced;
    bool covered = true;
    for (uint32_t i = first; i < stacks->count && covered; i++)
        covered = mr_pc_is_place(stacks->pcs[i]) ||
                  mr_modules_cover(&announcer->modules, stacks->pcs[i] - 1);
    if (!covered) /* code that appeared without dlopen being called, or was generated */
        tell_modules(announcer, encoder, false);
    while (first < stacks->count) {
        uint32_t count = stacks->count - first;
        count = count < STACKS_PER_BLOCK ? count : STACKS_PER_BLOCK;
        if (mr_encode_room(encoder) < (size_t)count * 16)
            break;
        mr_encode_stacks(encoder, first, count, stacks->parents + first, stacks->pcs + first);
        first += count;
    }
    stacks->announced = first;
}

static void tell_thread(struct mr_encoder *encoder, const struct mr_thread_slot *slot,
                        const char *name)
{
    mr_encode_begin(encoder, MR_SECTION_THREAD);
    mr_encode_uvarint(encoder, slot->id);
    mr_encode_uvarint(encoder, slot->tid);
    mr_encode_uvarint(encoder, slot->start_ticks);
    mr_encode_text(encoder, name, strnlen(name, 16));
    mr_encode_end(encoder);
}

/* A thread is often named just after it was started: ask once more. */
static void tell_name_again(struct mr_encoder *encoder, const struct mr_thread_slot *slot)
{
    char path[64] = "/proc/self/task/", digits[12], name[32];
    size_t length = strlen(path), n = sizeof digits;
    for (uint32_t tid = slot->tid; tid; tid /= 10)
        digits[--n] = (char)('0' + tid % 10);
    memcpy(path + length, digits + n, sizeof digits - n);
    memcpy(path + length + sizeof digits - n, "/comm", sizeof "/comm");
    if (mr_read_file(path, name, sizeof name) <= 0)
        return;
    name[strcspn(name, "\n")] = '\0';
    if (strncmp(name, slot->name, sizeof slot->name) != 0)
        tell_thread(encoder, slot, name);
}

static void tell_counters(struct mr_announcer *announcer, struct mr_encoder *encoder,
                          struct mr_thread_slot *slot, uint64_t flags)
{
    struct mr_told_thread *told = &announcer->told[slot - mr_session.threads];
    uint64_t allocs = mr_load_relaxed(&slot->alloc_calls);
    uint64_t frees = mr_load_relaxed(&slot->free_calls), bytes;
    if (!mr_thread_bytes(slot, &bytes))
        return;
    if (!flags && told->alloc_calls == allocs && told->free_calls == frees &&
        told->alloc_bytes == bytes)
        return;
    told->alloc_calls = allocs;
    told->free_calls = frees;
    told->alloc_bytes = bytes;
    mr_encode_begin(encoder, MR_SECTION_THREAD_COUNTERS);
    mr_encode_uvarint(encoder, mr_ticks());
    mr_encode_uvarint(encoder, slot->id);
    mr_encode_uvarint(encoder, flags | (slot->flags & MR_THREAD_INEXACT));
    mr_encode_uvarint(encoder, allocs);
    mr_encode_uvarint(encoder, bytes);
    mr_encode_uvarint(encoder, frees);
    mr_encode_end(encoder);
}

static void tell_heap_counters(struct mr_announcer *announcer, struct mr_encoder *encoder,
                               const struct mr_thread_slot *slot)
{
    struct mr_session *session = &mr_session;
    size_t index = (size_t)(slot - session->threads);
    uint32_t heaps = slot->flags & MR_THREAD_HAS_HEAPS ? mr_defined_count(MR_DEFINE_HEAP) : 0;
    for (uint32_t i = 0; i < heaps && i < MR_HEAPS_MAX; i++) {
        struct mr_heap_slot *heap = &session->heap_slots[index][i];
        uint64_t allocs = mr_load_relaxed(&heap->alloc_calls);
        uint64_t frees = mr_load_relaxed(&heap->free_calls), bytes;
        if (allocs + frees == announcer->told[index].heap_calls[i] ||
            !mr_thread_heap_bytes(heap, &bytes))
            continue;
        announcer->told[index].heap_calls[i] = allocs + frees;
        mr_encode_begin(encoder, MR_SECTION_HEAP_COUNTERS);
        mr_encode_uvarint(encoder, mr_ticks());
        mr_encode_uvarint(encoder, slot->id);
        mr_encode_uvarint(encoder, i + 1);
        mr_encode_uvarint(encoder, allocs);
        mr_encode_uvarint(encoder, bytes);
        mr_encode_uvarint(encoder, frees);
        mr_encode_uvarint(encoder, mr_load_relaxed(&heap->freed_bytes));
        mr_encode_end(encoder);
    }
}

/* The rows of the definition log that are new, up to the first that is still being written. */
static void tell_definitions(struct mr_announcer *announcer, struct mr_encoder *encoder)
{
    struct mr_shared *shared = mr_session.shared;
    const uint8_t *log = (const uint8_t *)shared + shared->definitions_offset;
    uint64_t end = mr_load_acquire(&shared->definitions_used);
    bool open = false;
    while (announcer->definitions_told < end && mr_encode_room(encoder) > 4096) {
        const uint8_t *at = log + announcer->definitions_told;
        const struct mr_definition_head *head = (const struct mr_definition_head *)at;
        uint32_t size_and_kind = mr_load_acquire(&head->size_and_kind); /* pairs with D1 */
        if (!size_and_kind)
            break;
        if (!open)
            mr_encode_begin(encoder, MR_SECTION_DEFINE);
        open = true;
        mr_encode_uvarint(encoder, size_and_kind & 0xff);
        mr_encode_uvarint(encoder, head->id);
        mr_encode_uvarint(encoder, head->argument_count);
        const uint64_t *arguments = (const uint64_t *)(at + sizeof *head);
        for (uint32_t i = 0; i < head->argument_count; i++)
            mr_encode_uvarint(encoder, arguments[i]);
        mr_encode_text(encoder, arguments + head->argument_count, head->text_bytes);
        announcer->definitions_told += size_and_kind >> 8;
    }
    if (open)
        mr_encode_end(encoder);
}

/* New threads by name, and the counters that moved; once also of a thread that never allocates, whose zeros
 * would otherwise count as not told. */
static void tell_threads(struct mr_announcer *announcer, struct mr_encoder *encoder,
                         uint64_t now_ns, bool again, bool final)
{
    struct mr_session *session = &mr_session;
    uint32_t used = mr_load_relaxed(&session->thread_slots);
    for (uint32_t i = 0; i < used && i < MR_THREAD_SLOTS; i++) {
        struct mr_thread_slot *slot = &session->threads[i];
        struct mr_told_thread *told = &announcer->told[i];
        if (mr_load_acquire(&slot->state) != MR_THREAD_LIVE || slot->id == 0 ||
            mr_encode_room(encoder) < 4096)
            continue;
        if (told->id != slot->id || again) {
            tell_thread(encoder, slot, slot->name);
            if (told->id != slot->id)
                *told = (struct mr_told_thread){.id = slot->id, .alloc_calls = UINT64_MAX};
        }
        if (!told->named_twice &&
            (final || now_ns - session->start_monotonic_ns > SECOND_NAME_NS)) {
            told->named_twice = true;
            tell_name_again(encoder, slot);
        }
        bool ended = final && mr_thread_is_gone(session->pid, (int)slot->tid);
        tell_counters(announcer, encoder, slot, ended ? MR_THREAD_ENDED : 0);
        tell_heap_counters(announcer, encoder, slot);
    }
}

void mr_announce_ended(struct mr_announcer *announcer, struct mr_encoder *encoder,
                       struct mr_thread_slot *slot)
{
    if (mr_encode_room(encoder) < 4096)
        return;
    if (announcer->told[slot - mr_session.threads].id != slot->id)
        tell_thread(encoder, slot, slot->name);
    tell_counters(announcer, encoder, slot, MR_THREAD_ENDED);
    tell_heap_counters(announcer, encoder, slot);
}

void mr_announce_anew(struct mr_announcer *announcer)
{
    uint32_t used = mr_load_relaxed(&mr_session.thread_slots);
    announcer->again_at = 0;
    for (uint32_t i = 0; i < used && i < MR_THREAD_SLOTS; i++) {
        struct mr_told_thread *told = &announcer->told[i];
        told->alloc_calls = UINT64_MAX;
        for (unsigned h = 0; h < MR_HEAPS_MAX; h++)
            told->heap_calls[h] = told->heap_calls[h] ? UINT64_MAX : 0;
    }
}

bool mr_announce_waits(const struct mr_announcer *announcer)
{
    return announcer->stacks.announced < announcer->stacks.count;
}

void mr_announce(struct mr_announcer *announcer, struct mr_encoder *encoder, uint64_t now_ns,
                 uint64_t written_bytes, bool final)
{
    bool again = written_bytes >= announcer->again_at;
    if (again) {
        announcer->again_at = written_bytes + AGAIN_BYTES;
        announcer->stacks.announced = MR_STACK_FIRST_ID;
        announcer->definitions_told = 0;
        tell_header(encoder);
    }
    tell_definitions(announcer, encoder);
    if (again || mr_load_relaxed(&mr_session.modules_changed))
        tell_modules(announcer, encoder, again);
    tell_stacks(announcer, encoder);
    tell_threads(announcer, encoder, now_ns, again, final);
}

bool mr_announce_open(struct mr_announcer *announcer)
{
    memset(announcer, 0, sizeof *announcer);
    announcer->told = mr_pages_map(MR_THREAD_SLOTS * sizeof *announcer->told);
    return announcer->told && mr_stacks_open(&announcer->stacks) &&
           mr_modules_open(&announcer->modules);
}

void mr_announce_close(struct mr_announcer *announcer)
{
    mr_pages_unmap(announcer->told, MR_THREAD_SLOTS * sizeof *announcer->told);
    if (announcer->stacks.parents)
        mr_stacks_close(&announcer->stacks);
    if (announcer->modules.known)
        mr_modules_close(&announcer->modules);
}
