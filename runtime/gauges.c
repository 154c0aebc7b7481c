/* SPDX-License-Identifier: Apache-2.0 */
#include "gauges.h"

#include "allocators.h"
#include "atomics.h"
#include "definitions.h"
#include "drain_thread.h"
#include "maps.h"
#include "os.h"
#include "pages.h"
#include "residence.h"
#include "session.h"
#include "voice.h"

#include <string.h>

static const struct {
    uint8_t unit, kind;
    const char *name;
} metrics[MR_METRIC_COUNT] = {
    [MR_METRIC_RSS] = {MR_UNIT_BYTES, 0, "process.rss_bytes"},
    [MR_METRIC_VM] = {MR_UNIT_BYTES, 0, "process.vm_bytes"},
    [MR_METRIC_SHARED] = {MR_UNIT_BYTES, 0, "process.shared_bytes"},
    [MR_METRIC_DATA] = {MR_UNIT_BYTES, 0, "process.data_bytes"},
    [MR_METRIC_PSS] = {MR_UNIT_BYTES, 0, "process.pss_bytes"},
    [MR_METRIC_SWAP] = {MR_UNIT_BYTES, 0, "process.swap_bytes"},
    [MR_METRIC_HEAP_RSS] = {MR_UNIT_BYTES, 0, "process.heap_rss_bytes"},
    [MR_METRIC_ANON_RSS] = {MR_UNIT_BYTES, 0, "process.anon_rss_bytes"},
    [MR_METRIC_STACK_RSS] = {MR_UNIT_BYTES, 0, "process.stack_rss_bytes"},
    [MR_METRIC_FILE_RSS] = {MR_UNIT_BYTES, 0, "process.file_rss_bytes"},
    [MR_METRIC_SHMEM_RSS] = {MR_UNIT_BYTES, 0, "process.shmem_rss_bytes"},
    [MR_METRIC_RECORDER_RSS] = {MR_UNIT_BYTES, 0, "process.recorder_rss_bytes"},
    [MR_METRIC_MINOR_FAULTS] = {MR_UNIT_COUNT, 1, "process.minor_faults"},
    [MR_METRIC_MAJOR_FAULTS] = {MR_UNIT_COUNT, 1, "process.major_faults"},
    [MR_METRIC_CGROUP] = {MR_UNIT_BYTES, 0, "process.cgroup_bytes"},
    [MR_METRIC_CGROUP_LIMIT] = {MR_UNIT_BYTES, 0, "process.cgroup_limit_bytes"},
    [MR_METRIC_USED] = {MR_UNIT_BYTES, 0, "allocator.used_bytes"},
    [MR_METRIC_FREE] = {MR_UNIT_BYTES, 0, "allocator.free_bytes"},
    [MR_METRIC_TOP] = {MR_UNIT_BYTES, 0, "allocator.top_bytes"},
    [MR_METRIC_MAPPED] = {MR_UNIT_BYTES, 0, "allocator.mapped_bytes"},
    [MR_METRIC_ARENA] = {MR_UNIT_BYTES, 0, "allocator.arena_bytes"},
    [MR_METRIC_DIRTY] = {MR_UNIT_BYTES, 0, "allocator.dirty_bytes"},
    [MR_METRIC_CACHED] = {MR_UNIT_BYTES, 0, "allocator.cached_bytes"},
    [MR_METRIC_METADATA] = {MR_UNIT_BYTES, 0, "allocator.metadata_bytes"},
    [MR_METRIC_COMMITTED] = {MR_UNIT_BYTES, 0, "allocator.committed_bytes"},
    [MR_METRIC_RETAINED] = {MR_UNIT_BYTES, 0, "allocator.retained_bytes"},
    [MR_METRIC_STATIC_RSS] = {MR_UNIT_BYTES, 0, "process.static_rss_bytes"},
    [MR_METRIC_THREAD_STACK_RSS] = {MR_UNIT_BYTES, 0, "process.thread_stack_rss_bytes"},
    [MR_METRIC_MAPPED_RSS] = {MR_UNIT_BYTES, 0, "process.mapped_rss_bytes"},
    [MR_METRIC_ARENA_RSS] = {MR_UNIT_BYTES, 0, "process.arena_rss_bytes"},
    [MR_METRIC_ALLOCATOR_RSS] = {MR_UNIT_BYTES, 0, "process.allocator_rss_bytes"},
    [MR_METRIC_CPU] = {MR_UNIT_NS, 1, "recorder.cpu_ns"},
    [MR_METRIC_INTERVAL] = {MR_UNIT_BYTES, 0, "recorder.interval_bytes"},
    [MR_METRIC_RING_HIGH_WATER] = {MR_UNIT_BYTES, 0, "recorder.ring_high_water_bytes"},
    [MR_METRIC_DROPPED_SAMPLES] = {MR_UNIT_COUNT, 1, "recorder.dropped_samples"},
    [MR_METRIC_DROPPED_BYTES] = {MR_UNIT_BYTES, 1, "recorder.dropped_bytes"},
    [MR_METRIC_DROPPED_FREES] = {MR_UNIT_COUNT, 1, "recorder.dropped_frees"},
    [MR_METRIC_TRUNCATED_STACKS] = {MR_UNIT_COUNT, 1, "recorder.truncated_stacks"},
    [MR_METRIC_WRITTEN] = {MR_UNIT_BYTES, 1, "recorder.written_bytes"},
    [MR_METRIC_WRITE_ERRORS] = {MR_UNIT_COUNT, 1, "recorder.write_errors"},
    [MR_METRIC_UNTRACKED_THREADS] = {MR_UNIT_COUNT, 1, "recorder.untracked_threads"},
    [MR_METRIC_MAP_CALLS] = {MR_UNIT_COUNT, 1, "map.map_calls"},
    [MR_METRIC_MAP_BYTES] = {MR_UNIT_BYTES, 1, "map.map_bytes"},
    [MR_METRIC_UNMAP_CALLS] = {MR_UNIT_COUNT, 1, "map.unmap_calls"},
    [MR_METRIC_UNMAP_BYTES] = {MR_UNIT_BYTES, 1, "map.unmap_bytes"},
    [MR_METRIC_REMAP_CALLS] = {MR_UNIT_COUNT, 1, "map.remap_calls"},
    [MR_METRIC_ABSENT] = {MR_UNIT_BYTES, 0, "process.absent_bytes"},
    [MR_METRIC_FORGOTTEN_MAPS] = {MR_UNIT_COUNT, 1, "map.forgotten_ranges"},
    [MR_METRIC_DROPPED_MARKS] = {MR_UNIT_COUNT, 1, "recorder.dropped_marks"},
    [MR_METRIC_REFUSED_CALLS] = {MR_UNIT_COUNT, 1, "recorder.refused_calls"},
    [MR_METRIC_FULL_TABLES] = {MR_UNIT_COUNT, 1, "recorder.full_tables"},
};

struct mr_map_counters mr_map_counters;

#define HEARTBEAT_NS    UINT64_C(10000000000)
#define COST_RATIO      2000 /* a source may take this part of the time */
#define PEAK_RATIO      500  /* ... and this while the process grows */
#define ANSWER_NS       UINT64_C(100000000)
#define FIRST_SMAPS_NS  UINT64_C(50000000) /* a process that dies younger is not worth its cost */
#define CGROUP_PATH_MAX 512

/* What the allocator said, passed from a host thread to the drain thread. */
static struct {
    struct mr_allocator_figures figures;
    uint64_t ticks, cost_ns;
} allocator;

/* session.allocator_wanted */
enum { ALLOCATOR_IDLE, ALLOCATOR_WANTED, ALLOCATOR_BEING_READ, ALLOCATOR_READ };

/* The drain thread's memory of what it told. */
static struct {
    uint64_t process_ns, memory_ns, allocator_ns, told_ns; /* next time each is due; last told */
    uint64_t answer_cost_ns;                               /* since the last look */
    uint64_t asked_ns;                        /* the allocator is waited for since; 0: it is not */
    uint64_t residence_ns, residence_cost_ns; /* last read, and what it took */
    uint64_t rss, data;
    uint64_t seen_rss; /* highest at a time when all was read */
    bool told[MR_METRIC_COUNT];
    uint64_t last[MR_METRIC_COUNT];
    char cgroup[CGROUP_PATH_MAX];
    void *memory;
} state;

void mr_gauges_announce(struct mr_encoder *encoder)
{
    mr_encode_begin(encoder, MR_SECTION_METRIC);
    for (uint32_t id = 1; id < MR_METRIC_COUNT; id++) {
        mr_encode_uvarint(encoder, id);
        mr_encode_uvarint(encoder, metrics[id].unit);
        mr_encode_uvarint(encoder, metrics[id].kind);
        mr_encode_text(encoder, metrics[id].name, strlen(metrics[id].name));
    }
    mr_encode_end(encoder);
}

void mr_gauges_tell(struct mr_encoder *encoder, uint64_t ticks, enum mr_metric metric,
                    uint64_t value)
{
    if (metrics[metric].kind == MR_METRIC_COUNTER && state.told[metric] &&
        state.last[metric] == value)
        return; /* a counter that stands still says nothing */
    state.told[metric] = true;
    state.last[metric] = value;
    mr_encode_gauge(encoder, ticks, metric, (int64_t)value);
}

/* Small text */

static const char *number(const char *at, uint64_t *out)
{
    while (*at == ' ' || *at == '\t')
        at++;
    *out = 0;
    while (*at >= '0' && *at <= '9')
        *out = *out * 10 + (uint64_t)(*at++ - '0');
    return at;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Sources */

static bool moved(uint64_t before, uint64_t now)
{
    uint64_t difference = before > now ? before - now : now - before;
    return difference > before / 100;
}

/* Whether there is more resident than ever was looked at: a peak that is over at the next regular look would stay
 * unexplained. */
static bool rss_is_new(uint64_t now_ns)
{
    return state.seen_rss && state.rss > state.seen_rss + state.seen_rss / 8 &&
           now_ns - state.residence_ns > state.residence_cost_ns * PEAK_RATIO;
}

static void read_statm(struct mr_encoder *encoder, uint64_t now_ns, bool always)
{
    char text[256];
    uint64_t pages[6];
    if (mr_read_file("/proc/self/statm", text, sizeof text) <= 0)
        return;
    const char *at = text;
    for (int i = 0; i < 6; i++)
        at = number(at, &pages[i]);
    if (!always && !moved(state.rss, pages[1]) && !moved(state.data, pages[5]) &&
        now_ns - state.told_ns < HEARTBEAT_NS)
        return;
    state.rss = pages[1];
    state.data = pages[5];
    state.told_ns = now_ns;
    uint64_t ticks = mr_ticks();
    mr_gauges_tell(encoder, ticks, MR_METRIC_VM, pages[0] * 4096);
    mr_gauges_tell(encoder, ticks, MR_METRIC_RSS, pages[1] * 4096);
    mr_gauges_tell(encoder, ticks, MR_METRIC_SHARED, pages[2] * 4096);
    mr_gauges_tell(encoder, ticks, MR_METRIC_DATA, pages[5] * 4096);
}

static void read_faults(struct mr_encoder *encoder)
{
    char text[1024];
    if (mr_read_file("/proc/self/stat", text, sizeof text) <= 0)
        return;
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    if (!at)
        return;
    at += 2;
    uint64_t minor, major;
    for (int field = 3; field < 10; field++) {
        at = strchr(at, ' ');
        if (!at++)
            return;
    }
    at = number(at, &minor);
    at = number(at, &major); /* the children's minor faults stand between */
    at = number(at, &major);
    mr_gauges_tell(encoder, mr_ticks(), MR_METRIC_MINOR_FAULTS, minor);
    mr_gauges_tell(encoder, mr_ticks(), MR_METRIC_MAJOR_FAULTS, major);
}

static void read_residence(struct mr_encoder *encoder)
{
    struct mr_residence now;
    if (!mr_residence_read(&now, state.memory, mr_allocator_is_libc()))
        return;
    const struct {
        enum mr_metric metric;
        uint64_t value;
    } told[] = {
        {MR_METRIC_HEAP_RSS, now.heap},
        {MR_METRIC_ANON_RSS, now.anonymous},
        {MR_METRIC_STACK_RSS, now.main_stack},
        {MR_METRIC_FILE_RSS, now.files},
        {MR_METRIC_SHMEM_RSS, now.shared},
        {MR_METRIC_RECORDER_RSS, now.recorder},
        {MR_METRIC_PSS, now.pss},
        {MR_METRIC_SWAP, now.swap},
        {MR_METRIC_ABSENT, now.absent},
        {MR_METRIC_STATIC_RSS, now.statics},
        {MR_METRIC_THREAD_STACK_RSS, now.stacks},
        {MR_METRIC_MAPPED_RSS, now.mapped},
        {mr_allocator_is_libc() ? MR_METRIC_ARENA_RSS : MR_METRIC_ALLOCATOR_RSS,
         mr_allocator_is_libc() ? now.arenas : now.allocator},
    };
    uint64_t ticks = mr_ticks();
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        mr_gauges_tell(encoder, ticks, told[i].metric, told[i].value);
}

/* The path of this process's cgroup (version 2); empty when it has none. */
static void find_cgroup(void)
{
    static const char root[] = "/sys/fs/cgroup";
    char text[CGROUP_PATH_MAX];
    state.cgroup[0] = '\0';
    if (mr_read_file("/proc/self/cgroup", text, sizeof text) <= 0)
        return;
    char *path = starts(text, "0::") ? text + 3 : strstr(text, "\n0::");
    if (!path)
        return;
    path += *path == '\n' ? 4 : 0;
    path[strcspn(path, "\n")] = '\0';
    if (sizeof root + strlen(path) + sizeof "/memory.current" > sizeof state.cgroup)
        return;
    memcpy(state.cgroup, root, sizeof root);
    memcpy(state.cgroup + sizeof root - 1, path, strlen(path) + 1);
}

static void read_cgroup(struct mr_encoder *encoder)
{
    static const struct {
        const char *name;
        enum mr_metric metric;
    } files[] = {{"/memory.current", MR_METRIC_CGROUP}, {"/memory.max", MR_METRIC_CGROUP_LIMIT}};
    if (!state.cgroup[0])
        return;
    for (int i = 0; i < 2; i++) {
        char path[CGROUP_PATH_MAX + 32], text[64];
        size_t length = strlen(state.cgroup);
        memcpy(path, state.cgroup, length);
        memcpy(path + length, files[i].name, strlen(files[i].name) + 1);
        uint64_t value;
        if (mr_read_file(path, text, sizeof text) > 0 && text[0] >= '0' && text[0] <= '9') {
            number(text, &value); /* "max" is no limit, and absent */
            mr_gauges_tell(encoder, mr_ticks(), files[i].metric, value);
        }
    }
}

static void tell_counters(struct mr_encoder *encoder)
{
    struct mr_session *session = &mr_session;
    uint64_t ticks = mr_ticks(), high_water = 0;
    for (uint32_t i = 0; i < mr_load_relaxed(&session->rings_used); i++) {
        uint64_t words = mr_load_relaxed(&session->rings[i].high_water);
        high_water = words > high_water ? words : high_water;
    }
    uint32_t code = mr_load_relaxed(&session->interval_code);
    mr_gauges_tell(encoder, ticks, MR_METRIC_CPU, mr_thread_cpu_ns());
    if (!session->full)
        mr_gauges_tell(encoder, ticks, MR_METRIC_INTERVAL,
                       mr_interval_bytes(session->options.interval_bytes, code));
    mr_gauges_tell(encoder, ticks, MR_METRIC_RING_HIGH_WATER, high_water * 8);
    mr_gauges_tell(encoder, ticks, MR_METRIC_DROPPED_SAMPLES,
                   mr_load_relaxed(&session->shared->dropped_samples));
    mr_gauges_tell(encoder, ticks, MR_METRIC_DROPPED_BYTES,
                   mr_load_relaxed(&session->shared->dropped_bytes));
    mr_gauges_tell(encoder, ticks, MR_METRIC_DROPPED_FREES,
                   mr_load_relaxed(&session->shared->dropped_frees));
    mr_gauges_tell(encoder, ticks, MR_METRIC_TRUNCATED_STACKS,
                   mr_load_relaxed(&session->truncated_stacks));
    mr_gauges_tell(encoder, ticks, MR_METRIC_WRITE_ERRORS, mr_load_relaxed(&session->write_errors));
    mr_gauges_tell(encoder, ticks, MR_METRIC_WRITTEN, mr_load_relaxed(&session->written_bytes));
    mr_gauges_tell(encoder, ticks, MR_METRIC_DROPPED_MARKS,
                   mr_load_relaxed(&session->shared->dropped_marks));
    mr_gauges_tell(encoder, ticks, MR_METRIC_REFUSED_CALLS, mr_voice_refused());
    mr_gauges_tell(encoder, ticks, MR_METRIC_FULL_TABLES, mr_definitions_refused());
    mr_gauges_tell(encoder, ticks, MR_METRIC_UNTRACKED_THREADS,
                   mr_load_relaxed(&session->untracked));
    mr_gauges_tell(encoder, ticks, MR_METRIC_MAP_CALLS,
                   mr_load_relaxed(&mr_map_counters.map_calls));
    mr_gauges_tell(encoder, ticks, MR_METRIC_MAP_BYTES,
                   mr_load_relaxed(&mr_map_counters.map_bytes));
    mr_gauges_tell(encoder, ticks, MR_METRIC_UNMAP_CALLS,
                   mr_load_relaxed(&mr_map_counters.unmap_calls));
    mr_gauges_tell(encoder, ticks, MR_METRIC_UNMAP_BYTES,
                   mr_load_relaxed(&mr_map_counters.unmap_bytes));
    mr_gauges_tell(encoder, ticks, MR_METRIC_FORGOTTEN_MAPS, mr_maps_forgotten());
    mr_gauges_tell(encoder, ticks, MR_METRIC_REMAP_CALLS,
                   mr_load_relaxed(&mr_map_counters.remap_calls));
}

/* The allocator */

void mr_gauges_read_allocator(void)
{
    _Atomic uint32_t *step = &mr_session.allocator_wanted;
    uint32_t wanted = ALLOCATOR_WANTED;
    if (!atomic_compare_exchange_strong(step, &wanted, ALLOCATOR_BEING_READ))
        return;
    uint64_t before = mr_monotonic_ns();
    mr_allocator_ask(&allocator.figures);
    allocator.ticks = mr_ticks();
    allocator.cost_ns = mr_monotonic_ns() - before;
    mr_store_release(step, ALLOCATOR_READ); /* G1: the figures are complete */
    mr_drain_wake();                        /* while they are true */
}

static uint64_t pause_after(uint64_t cost_ns)
{
    uint64_t pause = cost_ns * COST_RATIO;
    uint64_t usual = (uint64_t)mr_session.options.memory_ms * 1000000;
    return pause > usual ? pause : usual;
}

/* Tells what a host thread has read. */
static void tell_allocator(struct mr_encoder *encoder, uint64_t now_ns)
{
    _Atomic uint32_t *step = &mr_session.allocator_wanted;
    if (mr_load_acquire(step) != ALLOCATOR_READ) /* pairs with G1 */
        return;
    const struct mr_allocator_figures *figures = &allocator.figures;
    const struct {
        enum mr_metric metric;
        uint64_t value;
    } told[] = {
        {MR_METRIC_USED, figures->used},
        {MR_METRIC_FREE, figures->free},
        {MR_METRIC_TOP, figures->top},
        {MR_METRIC_MAPPED, figures->mapped},
        {MR_METRIC_ARENA, figures->arena},
        {MR_METRIC_DIRTY, figures->dirty},
        {MR_METRIC_CACHED, figures->cached},
        {MR_METRIC_METADATA, figures->metadata},
        {MR_METRIC_COMMITTED, figures->committed},
        {MR_METRIC_RETAINED, figures->retained},
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].value != MR_UNTOLD)
            mr_gauges_tell(encoder, allocator.ticks, told[i].metric, told[i].value);
    state.allocator_ns = now_ns + allocator.cost_ns * COST_RATIO;
    state.answer_cost_ns = allocator.cost_ns;
    state.asked_ns = 0;
    mr_store_relaxed(step, ALLOCATOR_IDLE);
}

/* Whether the process is to be read now. The allocator is asked first and read on a thread of the host, which may take a
 * while to come by, or never: then without it. */
static bool memory_is_due(uint64_t now_ns)
{
    _Atomic uint32_t *step = &mr_session.allocator_wanted;
    if (now_ns < state.memory_ns && !rss_is_new(now_ns))
        return false;
    if (!mr_allocator_speaks())
        return true;
    if (state.asked_ns == 0) {
        if (now_ns < state.allocator_ns) /* its last answer was dear, or just came */
            return true;
        state.asked_ns = now_ns;
        mr_store_relaxed(step, ALLOCATOR_WANTED);
        return false;
    }
    return mr_load_acquire(step) == ALLOCATOR_READ || now_ns - state.asked_ns > ANSWER_NS;
}

void mr_gauges_start(void)
{
    void *memory = state.memory ? state.memory : mr_pages_map(MR_RESIDENCE_BYTES);
    memset(&state, 0, sizeof state);
    state.memory = memory;
    state.memory_ns = mr_monotonic_ns() + 2 * FIRST_SMAPS_NS;
    mr_residence_clear();
    find_cgroup();
}

void mr_gauges_anew(void)
{
    memset(state.told, 0, sizeof state.told);
    state.told_ns = 0;
    state.memory_ns = 0;
}

void mr_gauges_tick(struct mr_encoder *encoder, uint64_t now_ns, bool final)
{
    bool memory = final || memory_is_due(now_ns);
    if (memory || now_ns >= state.process_ns) {
        state.process_ns = now_ns + UINT64_C(50000000);
        read_statm(encoder, now_ns, memory);
    }
    tell_allocator(encoder, now_ns);
    if (!memory)
        return;
    uint64_t before = mr_thread_cpu_ns();
    if (state.memory && now_ns - mr_session.start_monotonic_ns > FIRST_SMAPS_NS) {
        read_residence(encoder);
        state.seen_rss = state.rss > state.seen_rss ? state.rss : state.seen_rss;
    }
    state.residence_cost_ns = mr_thread_cpu_ns() - before;
    state.residence_ns = now_ns;
    read_faults(encoder);
    read_cgroup(encoder);
    tell_counters(encoder);
    state.memory_ns = now_ns + pause_after(mr_thread_cpu_ns() - before + state.answer_cost_ns);
    state.answer_cost_ns = 0;
}
