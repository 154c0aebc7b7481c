/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "allocators.h"
#include "atomics.h"
#include "definitions.h"
#include "drain_thread.h"
#include "gauges.h"
#include "live_table.h"
#include "maps.h"
#include "os.h"
#include "pages.h"
#include "pull.h"
#include "real_malloc.h"
#include "sampler.h"
#include "thread.h"
#include "unwinder.h"

#include <errno.h>
#include <gnu/libc-version.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

#define SAMPLED_RING_BYTES  (256u << 10)
#define FULL_RING_BYTES     (4u << 20)
#define SAMPLED_RINGS       MR_RINGS_MAX
#define FULL_RINGS          64u
#define FILE_NAMES_TRIED    100
#define OTHER_RESERVE_BYTES (96u << 20) /* address space of the other stages, rarely touched */
#define HOST_SHARE          4 /* of a limited address space the recorder takes one part in so many */

struct mr_session mr_session;

__attribute__((visibility("default"))) int memrec_recording;

static uint32_t always_alive = 1;
volatile const uint32_t *mr_alive = &always_alive;
static uint32_t *alive_page;

extern int __cxa_atexit(void (*function)(void *), void *argument, void *object);

/* Text */

static char *append(char *at, const char *end, const char *text)
{
    while (*text && at < end - 1)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *append_number(char *at, const char *end, uint64_t value, unsigned base)
{
    char digits[24];
    char *digit = digits + sizeof digits - 1;
    *digit = '\0';
    do {
        *--digit = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    return append(at, end, digit);
}

/* The trace file */

/* Inserts ".<pid>" (and ".<n>") before the suffix: the name of a further process, when the plain
 * one is taken. */
static void numbered_name(const char *plain, unsigned n, char out[MR_PATH_BYTES])
{
    const char *end = out + MR_PATH_BYTES;
    size_t length = strlen(plain);
    size_t stem = length > 4 && strcmp(plain + length - 4, ".zst") == 0 ? length - 4 : length;
    memcpy(out, plain, stem);
    char *at = append(out + stem, end, ".");
    at = append_number(at, end, (uint64_t)mr_pid(), 10);
    if (n) {
        at = append(at, end, ".");
        at = append_number(at, end, n, 10);
    }
    append(at, end, plain + stem);
}

/* A new file named by the options; an existing one is never touched. -errno on failure. */
static int open_trace(struct mr_session *session)
{
    static char plain[MR_PATH_BYTES];
    if (!mr_expand_pattern(session->options.trace, plain, sizeof plain - 32))
        return -ENAMETOOLONG;
    memcpy(session->trace_path, plain, sizeof plain);
    int file = mr_open_new(plain);
    if (file == -EEXIST && !session->options.children && session->start_reason != MR_START_API)
        return file; /* the first process has it, and it alone is wanted */
    for (unsigned n = 0; file == -EEXIST && n < FILE_NAMES_TRIED; n++) {
        numbered_name(plain, n, session->trace_path);
        file = mr_open_new(session->trace_path);
    }
    return file >= 0 ? mr_move_file_high(file) : file;
}

static void complain_of_file(const char *path, int error)
{
    static const char reason[][40] = {"the file cannot be created", "the folder is missing",
                                      "permission denied", "the disk is full",
                                      "memory is limited too tightly"};
    char text[MR_PATH_BYTES + 256];
    const char *end = text + sizeof text;
    if (!mr_is_terminal(2))
        return;
    char *at = append(text, end, "memrec: could not create trace \"");
    at = append(at, end, path);
    at = append(at, end, "\": ");
    at = append(at, end,
                reason[error == -ENOENT                      ? 1
                       : error == -EACCES || error == -EROFS ? 2
                       : error == -ENOSPC                    ? 3
                       : error == -ENOMEM                    ? 4
                                                             : 0]);
    at = append(
        at, end,
        "\nhint: The program runs unrecorded. Set MEMREC_TRACE to a file that can be created.\n");
    mr_write_all(2, text, (size_t)(at - text));
}

/* The rings */

/* Offsets of the parts of the shared mapping. */
struct layout {
    uint32_t ring_count;
    uint64_t ring_bytes, heap_slots, definitions, data, end;
};

static uint64_t page_up(uint64_t bytes) { return (bytes + 4095) & ~UINT64_C(4095); }

static struct layout layout_of(uint32_t ring_count, uint64_t ring_bytes)
{
    struct layout at = {.ring_count = ring_count, .ring_bytes = ring_bytes};
    at.heap_slots = page_up(MR_SHARED_RINGS_OFFSET + ring_count * MR_RING_BYTES);
    at.definitions = at.heap_slots + MR_THREAD_SLOTS * MR_HEAPS_MAX * sizeof(struct mr_heap_slot);
    at.data = at.definitions + MR_DEFINITIONS_BYTES;
    at.end = at.data + ring_count * ring_bytes;
    return at;
}

static void lay_out(struct mr_session *session, uint8_t *memory, const struct layout *at)
{
    struct mr_shared *shared = (struct mr_shared *)memory;
    session->shared = shared;
    session->threads = (struct mr_thread_slot *)(memory + MR_SHARED_THREADS_OFFSET);
    session->rings = (struct mr_ring *)(memory + MR_SHARED_RINGS_OFFSET);
    session->heap_slots = (struct mr_heap_slot(*)[MR_HEAPS_MAX])(memory + at->heap_slots);
    session->ring_data = memory + at->data;
    session->ring_mask = at->ring_bytes / 8 - 1;
    shared->version = MR_SHARED_VERSION;
    shared->ring_count = at->ring_count;
    shared->ring_bytes = at->ring_bytes;
    shared->data_offset = at->data;
    shared->file_bytes = at->end;
    shared->heap_slots_offset = at->heap_slots;
    shared->definitions_offset = at->definitions;
    shared->definitions_bytes = MR_DEFINITIONS_BYTES;
    shared->pid = (uint64_t)session->pid;
    shared->start_ticks = session->start_ticks;
    shared->mode = session->full ? MR_MODE_FULL : MR_MODE_SAMPLED;
    memcpy(shared->trace_id, session->trace_id, sizeof shared->trace_id);
    mr_store_relaxed(&shared->pending_sequence, UINT64_MAX);
    mr_store_relaxed(&shared->committed_sequence, UINT64_MAX);
    memcpy(shared->magic, MR_SHARED_MAGIC, sizeof shared->magic);
}

static void name_rings(struct mr_session *session)
{
    const char *end = session->ring_path + sizeof session->ring_path;
    uint32_t part;
    memcpy(&part, session->trace_id, sizeof part);
    char *at = append(session->ring_path, end, "/dev/shm/memrec-");
    at = append_number(at, end, (uint64_t)mr_user(), 10);
    at = append(at, end, "-");
    at = append_number(at, end, (uint64_t)session->pid, 10);
    at = append(at, end, "-");
    append_number(at, end, part, 16);
}

/* A file in shared memory, with room for its head taken; NULL when there is no such place. */
static uint8_t *map_shared_file(struct mr_session *session, uint64_t bytes)
{
    if (bytes > mr_file_size_limit()) /* growing the file would raise SIGXFSZ */
        return NULL;
    name_rings(session);
    int file = mr_open_shared(session->ring_path);
    if (file < 0)
        return NULL;
    uint8_t *memory = NULL;
    if (mr_truncate(file, bytes) == 0)
        memory = mr_pages_map_file(file, bytes);
    mr_close(file);
    if (memory && mr_pages_populate(memory, sizeof(struct mr_shared)))
        return memory;
    mr_pages_unmap(memory, bytes);
    mr_unlink(session->ring_path);
    return NULL;
}

static bool map_rings(struct mr_session *session)
{
    uint32_t count = session->full ? FULL_RINGS : SAMPLED_RINGS;
    uint64_t ring_bytes = session->full ? FULL_RING_BYTES : SAMPLED_RING_BYTES;
    uint64_t allowance = mr_address_space_limit() / HOST_SHARE;
    for (; count >= 4; count /= 4) {
        struct layout at = layout_of(count, ring_bytes);
        if (at.end + OTHER_RESERVE_BYTES > allowance)
            continue;
        uint8_t *memory = map_shared_file(session, at.end);
        if (!memory) {
            session->ring_path[0] = '\0'; /* recording goes on, but a kill loses the last second */
            memory = mr_pages_map(at.end);
        }
        if (memory) {
            session->stack_cache = mr_pages_map(count * sizeof *session->stack_cache);
            session->walks = session->full ? mr_pages_map(count * sizeof *session->walks) : NULL;
            lay_out(session, memory, &at);
            mr_definitions_mirror(session->shared, session->ring_path[0] != '\0');
            return session->stack_cache != NULL;
        }
    }
    return false;
}

static void unmap_rings(struct mr_session *session)
{
    if (!session->shared)
        return;
    mr_definitions_mirror(NULL, false);
    mr_pages_unmap(session->stack_cache,
                   session->shared->ring_count * sizeof *session->stack_cache);
    mr_pages_unmap(session->walks, session->shared->ring_count * sizeof *session->walks);
    session->walks = NULL;
    mr_pages_unmap(session->shared, session->shared->file_bytes);
    session->shared = NULL;
}

/* Start */

static void become(struct mr_session *session, enum mr_state state)
{
    mr_store_release(&session->state, state);
    memrec_recording = state == MR_STATE_ON || state == MR_STATE_FORKED;
}

static void name_allocator(struct mr_session *session)
{
    const char *end = session->allocator + sizeof session->allocator;
    const char *path = mr_real_path();
    if (mr_real_is_libc())
        append(append(session->allocator, end, "glibc "), end, gnu_get_libc_version());
    else
        append(session->allocator, end, path ? path : "unknown");
}

/* In the child, where fork was called: the one place in it at which a thread can surely be made. */
static void after_fork(void)
{
    mr_session_forked();
    if (mr_state() == MR_STATE_FORKED)
        mr_pull_start();
}

/* What is done once, before the first session. */
static void follow_process(struct mr_session *session)
{
    if (session->allocator[0])
        return;
    name_allocator(session);
    pthread_atfork(NULL, NULL, after_fork);
}

static void on_exit_of_process(void *unused)
{
    (void)unused;
    mr_session_stop(MR_END_EXIT);
}

static void open_alive_page(void)
{
    if (!alive_page) {
        alive_page = mr_pages_map(4096);
        if (!alive_page || !mr_pages_wipe_on_fork(alive_page, 4096))
            return;
        mr_alive = alive_page;
    }
    *alive_page = 1;
}

/* What a session counts, from nothing. */
static void forget_counts(struct mr_session *session)
{
    mr_store_relaxed(&session->paused, 0);
    mr_store_relaxed(&session->thread_count, 0);
    mr_store_relaxed(&session->thread_slots, 0);
    mr_store_relaxed(&session->rings_used, 0);
    mr_store_relaxed(&session->untracked, 0);
    mr_store_relaxed(&session->allocator_wanted, 0);
    mr_store_relaxed(&session->ticks_per_ms, 0);
    mr_store_relaxed(&session->truncated_stacks, 0);
    mr_store_relaxed(&session->write_errors, 0);
    mr_store_relaxed(&session->written_bytes, 0);
    memset(&mr_map_counters, 0, sizeof mr_map_counters);
}

/* No thread is still at work in the rings of a session that has ended. One that came upon its end says so
 * itself (mr_thread_enter), so this does not last. */
static bool wait_for_threads(struct mr_session *session)
{
    if (session->pid != mr_pid()) /* forked since: the others do not exist here */
        return true;
    mr_fence_threads();
    uint32_t used = mr_load_relaxed(&session->thread_slots);
    for (uint32_t i = 0; i < used && i < MR_THREAD_SLOTS; i++) {
        struct mr_thread_slot *slot = &session->threads[i];
        for (int ms = 0; __atomic_load_n(&slot->busy, __ATOMIC_ACQUIRE); ms++) {
            if (mr_thread_is_gone(session->pid, (int)slot->tid))
                break;
            if (ms == 1000)
                return false;
            mr_wait(&slot->busy, 1, 1000000);
        }
    }
    return true;
}

/* Makes room for another session in this process. Threads keep pointers into the head of the last one's mapping
 * until they come by: it stays, as zeros, so that whoever counts down there asks for a new slot soon.
 * False: the last one is not over yet. */
static bool leave_last(struct mr_session *session)
{
    struct mr_shared *shared = session->shared;
    if (!shared)
        return true;
    if (!mr_drain_is_over() || !wait_for_threads(session))
        return false;
    mr_definitions_mirror(NULL, false);
    uint64_t kept = shared->data_offset, all = shared->file_bytes;
    uint32_t rings = shared->ring_count;
    if (!mr_pages_blank(shared, kept))
        return false;
    mr_pages_unmap(session->stack_cache, rings * sizeof *session->stack_cache);
    mr_pages_unmap(session->walks, rings * sizeof *session->walks);
    mr_pages_unmap((uint8_t *)shared + kept, all - kept);
    session->shared = NULL;
    session->walks = NULL;
    session->ring_path[0] = '\0';
    mr_store_relaxed(&session->asked_code, 1);
    forget_counts(session);
    mr_live_clear();
    mr_real_mark_bootstrap();
    return true;
}

static void begin(struct mr_session *session, unsigned reason)
{
    session->full = session->options.interval_bytes == 1;
    session->pid = mr_pid();
    session->start_reason = reason;
    mr_random_bytes(session->trace_id, sizeof session->trace_id);
    session->start_realtime_ns = mr_realtime_ns();
    session->start_monotonic_ns = mr_monotonic_ns();
    session->start_ticks = mr_ticks();
    mr_store_relaxed(&session->next_id, 1);
    mr_store_relaxed(&session->interval_code, mr_load_relaxed(&session->asked_code));
}

/* The thread that is starting a session; 0: none. */
static _Atomic int starting;
static _Atomic int stopping; /* 1: a thread is at it */

/* Another thread of a forked child is at it: what this one allocates meanwhile would go uncounted. Not
 * for ever, and not when it is this thread itself that a signal interrupted. */
static void wait_for_start(int starter)
{
    for (int i = 0; i < 2000 && starter != mr_tid() && mr_load_acquire(&starting) == starter; i++)
        mr_wait(&starting, (uint32_t)starter, 1000000);
}

/* With the lock `starting` held. */
static bool start(struct mr_session *session, unsigned reason)
{
    begin(session, reason);
    bool started = false;
    int file = open_trace(session);
    if (file < 0) {
        if (file != -EEXIST)
            complain_of_file(session->trace_path, file);
    } else {
        started = map_rings(session) && mr_live_start();
        mr_real_mark_bootstrap();
        started = started && mr_drain_start(file);
        if (!started) {
            mr_close(file);
            mr_unlink(session->trace_path);
            if (session->ring_path[0])
                mr_unlink(session->ring_path);
            mr_live_ask_always(); /* as while nothing is recorded */
            unmap_rings(session);
            mr_drain_forget();
            complain_of_file(session->trace_path, -ENOMEM);
        }
    }
    if (started) {
        open_alive_page();
        if (session->full)
            mr_live_ask_always();
    }
    return started;
}

bool mr_session_start(unsigned reason)
{
    struct mr_session *session = &mr_session;
    int nobody = 0;
    if (!atomic_compare_exchange_strong(&starting, &nobody, mr_tid())) {
        wait_for_start(nobody);
        return false;
    }
    if (mr_state() == MR_STATE_ON) { /* the other one was done a moment ago */
        mr_store_release(&starting, 0);
        return false;
    }
    bool started = start(session, reason);
    become(session, started ? MR_STATE_ON : MR_STATE_OFF);
    mr_store_release(&starting, 0);
    mr_wake(&starting);
    return started;
}

bool mr_session_start_at(const char *trace)
{
    struct mr_session *session = &mr_session;
    int nobody = 0;
    if (getauxval(AT_SECURE))
        return false;
    if (!atomic_compare_exchange_strong(&starting, &nobody, mr_tid())) {
        wait_for_start(nobody);
        return mr_state() == MR_STATE_ON;
    }
    bool on = mr_state() == MR_STATE_ON;
    bool started = !on && leave_last(session) &&
                   (mr_options_read(&session->options, trace) ||
                    (!trace && mr_options_read(&session->options, "memrec.%p.zst")));
    if (started) {
        follow_process(session);
        started = start(session, MR_START_API);
        become(session, started ? MR_STATE_ON : MR_STATE_OFF);
    }
    mr_store_release(&starting, 0);
    mr_wake(&starting);
    return on || started;
}

/* A vfork child is a guest in its parent's memory: what it does is not the session's end. */
static bool is_ours(const struct mr_session *session)
{
    return mr_state() == MR_STATE_ON && mr_pid() == session->pid;
}

void mr_session_flush(void)
{
    if (is_ours(&mr_session))
        mr_drain_flush(MR_DRAIN_GO_ON);
}

void mr_session_prepare_exec(void)
{
    if (!is_ours(&mr_session))
        return;
    mr_drain_flush(MR_END_EXEC);
    if (mr_session.ring_path[0])
        mr_unlink(mr_session.ring_path);
}

void mr_session_stop(unsigned reason)
{
    struct mr_session *session = &mr_session;
    int forked = MR_STATE_FORKED;
    if (reason == MR_END_STOP &&
        atomic_compare_exchange_strong(&session->state, &forked, MR_STATE_OFF))
        memrec_recording = 0;
    if (!is_ours(session) || mr_exchange_relaxed(&stopping, 1))
        return;
    if (mr_self == &mr_forked) /* others started this child's session: its counts come late */
        mr_thread_register();
    if (mr_allocator_speaks()) { /* the allocator's last word */
        mr_store_relaxed(&session->allocator_wanted, 1);
        mr_gauges_read_allocator();
    }
    /* Counting goes on until the counters are written: off, a thread would count its frees alone. */
    memrec_recording = 0;
    bool ended = mr_drain_stop(reason);
    mr_store_release(&session->state, MR_STATE_OFF);
    if (ended && session->ring_path[0])
        mr_unlink(session->ring_path);
    mr_store_release(&stopping, 0);
}

/* Fork */

void mr_session_forked(void)
{
    struct mr_session *session = &mr_session;
    int state = mr_state();
    if (alive_page)
        *alive_page = 1;
    mr_store_relaxed(&starting, 0);
    mr_store_relaxed(&stopping, 0);
    mr_pull_forked();
    if (state == MR_STATE_OFF && session->shared)
        mr_drain_forget();
    if (state != MR_STATE_ON && state != MR_STATE_FORKED)
        return;
    if (state == MR_STATE_ON) {
        memcpy(session->parent_trace_id, session->trace_id, sizeof session->trace_id);
        session->has_parent = true;
        unmap_rings(session);
        mr_drain_forget();
        mr_live_clear();
        mr_real_mark_bootstrap();
    }
    session->ring_path[0] = '\0';
    forget_counts(session);
    mr_store_relaxed(&session->interval_code, mr_load_relaxed(&session->asked_code));
    memset(&mr_forked, 0, sizeof mr_forked);
    mr_thread_forget();
    mr_random_seed(mr_forked.random, mr_ticks() ^ (uint64_t)mr_pid() << 32);
    become(session, session->options.children ? MR_STATE_FORKED : MR_STATE_OFF);
    mr_thread_draw(&mr_forked, 0);
}

/* The first moment of the process, before its own constructors where the loader lets us. */
__attribute__((constructor(101))) static void start_with_process(void)
{
    struct mr_session *session = &mr_session;
    int kept_errno = errno;
    mr_real_find();
    mr_allocator_find();
    mr_maps_sort(mr_allocator_owns_code);
    mr_unwinder_start();
    mr_store_relaxed(&session->asked_code, 1);
    mr_store_release(&session->state, MR_STATE_OFF);
    /* Registered before main's own handlers and tied to no object, it runs after all of them and
     * after every destructor: what they free is still recorded. */
    __cxa_atexit(on_exit_of_process, NULL, NULL);
    if (!getauxval(AT_SECURE) && mr_options_read(&session->options, NULL)) {
        follow_process(session);
        mr_session_start(MR_START_PROCESS);
    }
    errno = kept_errno;
}
