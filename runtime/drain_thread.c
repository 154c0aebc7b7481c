/* SPDX-License-Identifier: Apache-2.0 */
#include "drain_thread.h"

#include "announce.h"
#include "atomics.h"
#include "carried.h"
#include "encode.h"
#include "gauges.h"
#include "os.h"
#include "os_syscall.h"
#include "pages.h"
#include "pools.h"
#include "pull.h"
#include "ring.h"
#include "rotate.h"
#include "sampler.h"
#include "thread.h"
#include "write.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#define STACK_BYTES 262144u
#define TLS_BYTES   65536u

#define SHORTEST_PAUSE_NS UINT64_C(500000)
#define BLOCK_NS          UINT64_C(1000000000) /* events wait no longer */
#define REAP_NS           UINT64_C(10000000) /* between two searches for ended threads when slots run out */
#define HEARTBEAT_NS      UINT64_C(10000000000)
#define POOLS_NS          UINT64_C(100000000) /* between two looks at the pools */
#define SAMPLES_PER_S_MAX 2000
#define SAMPLE_BURST      1000
#define ALIVE_PER_BLOCK   32768u

/* One ring while its events are merged with the others' by time. */
struct cursor {
    uint64_t ticks; /* of its next event */
    uint64_t at, end;
    uint32_t ring;
};

static struct drain {
    void *memory; /* stack and thread-local block */
    int tid;
    _Atomic uint32_t ready, ended;
    _Atomic uint32_t requests; /* what the thread waits on: rises with every request */
    _Atomic uint32_t flush_asked, flush_done;
    _Atomic uint32_t stop_asked;
    unsigned end_reason;
    int trace_file;
    bool owns_files; /* the descriptor table is this thread's own */
    bool terminal;   /* descriptor 2 is one, and was kept */
    bool complained;

    struct mr_encoder encoder;
    void *encoder_memory;
    struct mr_writer writer;
    struct mr_announcer announcer;
    struct mr_rotation rotation;
    struct mr_carried carried; /* of a trace of several files */
    bool carry_is_due;         /* the file does not say yet what was alive when it began */
    uint64_t earlier_bytes;    /* in the files before this one */
    uint64_t last_block_ns, last_reap_ns, last_pools_ns;

    struct cursor heap[MR_RINGS_MAX];
    uint32_t heap_count;
    uint64_t taken[MR_RINGS_MAX]; /* where each ring was read to */
    uint64_t seen[MR_RINGS_MAX];  /* each ring's head at the last look */
    uint64_t fastest_gain;        /* words, of one ring, between the last two looks */

    uint64_t rate_ns, rate_id;
    double sample_budget;
    uint64_t calm_since_ns;
} drain;

/* Blocks */

static void complain(void)
{
    static const char text[] =
        "memrec: could not write the trace: the disk is full or the file was lost\n"
        "detail: The program goes on. What could not be written is missing from the trace, and counted there.\n"
        "hint: Make room, or set MEMREC_TRACE to a file on another disk.\n";
    if (drain.terminal && !drain.complained)
        mr_write_all(2, text, sizeof text - 1);
    drain.complained = true;
}

/* How fast ticks pass, for whoever compares them with milliseconds. */
static void learn_rate(uint64_t ticks, uint64_t now_ns)
{
    struct mr_session *session = &mr_session;
    uint64_t elapsed_us = (now_ns - session->start_monotonic_ns) / 1000;
    if (elapsed_us > 1000)
        mr_store_relaxed(&session->ticks_per_ms,
                         (ticks - session->start_ticks) * 1000 / elapsed_us);
}

/* Writes the payload as a block, by the commit protocol of schema/ring_layout.h. False: it is lost. */
static bool write_block(uint32_t flags)
{
    struct mr_session *session = &mr_session;
    struct mr_shared *shared = session->shared;
    struct mr_encoder *encoder = &drain.encoder;
    uint32_t rings = mr_load_relaxed(&session->rings_used);
    mr_encode_finish(encoder);

    struct mr_block_facts facts = {
        .clock_ticks = mr_ticks(),
        .clock_ns = mr_monotonic_ns(),
        .event_count = encoder->event_count,
        .flags = flags,
    };
    learn_rate(facts.clock_ticks, facts.clock_ns);
    bool events = mr_encode_has_events(encoder);
    facts.first_ticks = events ? encoder->first_event_ticks : facts.clock_ticks;
    facts.last_ticks = events ? encoder->last_event_ticks : facts.clock_ticks;
    for (uint32_t i = 0; i < rings; i++)
        mr_store_relaxed(&session->rings[i].pending_tail, drain.taken[i]);
    uint64_t sequence = drain.writer.sequence;
    mr_store_release(&shared->pending_sequence, sequence);

    bool written = mr_write_block(&drain.writer, encoder->payload, encoder->used, &facts) == 0;
    if (!written) {
        mr_store_relaxed(&session->write_errors, drain.writer.errors);
        drain.announcer.again_at = 0; /* what it told is told again */
        mr_gauges_anew();
        drain.carry_is_due = drain.carried.blocks != NULL;
        complain();
    }
    mr_store_relaxed(&session->written_bytes, drain.earlier_bytes + drain.writer.bytes_written);

    for (uint32_t i = 0; i < rings; i++)
        mr_ring_release(&session->rings[i], drain.taken[i]);
    mr_store_release(&shared->committed_sequence, sequence);
    mr_encode_reset(encoder);
    return written;
}

/* Closes the payload so far. Dictionaries stand before the events that need them: mr_encode_finish
 * puts the events last. */
static bool announce_and_write(uint64_t now_ns, uint32_t flags)
{
    mr_announce(&drain.announcer, &drain.encoder, now_ns, drain.writer.bytes_written,
                flags & MR_BLOCK_LAST);
    drain.last_block_ns = now_ns;
    return write_block(flags);
}

/* What is alive, in blocks of its own. Between two blocks only. */
static void tell_alive(uint64_t now_ns)
{
    struct mr_carried *carried = &drain.carried;
    uint32_t told = 0;
    bool written = true;
    for (uint32_t at = 0; at < carried->count && written; at++) {
        struct mr_event event;
        if (!mr_carried_get(carried, at, &event))
            continue;
        mr_encode_event(&drain.encoder, &event);
        if (++told % ALIVE_PER_BLOCK == 0) {
            mr_encode_alive(&drain.encoder, 0);
            written = announce_and_write(now_ns, 0);
        }
    }
    mr_encode_alive(&drain.encoder, MR_ALIVE_LAST | (carried->left_out ? 0 : MR_ALIVE_WHOLE));
    drain.carry_is_due = !(announce_and_write(now_ns, 0) && written);
}

/* Goes on in the next file. Until that has its first block, the last is as good as an end. */
static void rotate(uint64_t now_ns)
{
    uint64_t bytes = drain.writer.bytes_written;
    int file = mr_rotation_next(&drain.rotation, bytes, now_ns);
    if (file < 0)
        return;
    mr_write_continue(&drain.writer, file);
    drain.earlier_bytes += bytes;
    mr_session.segment = drain.rotation.number;
    mr_announce_anew(&drain.announcer);
    mr_gauges_anew();
    mr_pools_start();
    mr_pools_tell(&drain.encoder);
    drain.carry_is_due = true;
    while (announce_and_write(now_ns, 0) && mr_announce_waits(&drain.announcer)) {
    }
}

static void close_block(uint64_t now_ns, uint32_t flags)
{
    bool written = announce_and_write(now_ns, flags);
    if (flags & MR_BLOCK_LAST || !written)
        return;
    if (mr_rotation_is_due(&drain.rotation, drain.writer.bytes_written, now_ns))
        rotate(now_ns);
    if (drain.carry_is_due) {
        tell_alive(now_ns);
        if (!drain.carry_is_due)
            mr_rotation_prune(&drain.rotation, now_ns);
    }
}

static void thread_ended(void *context, struct mr_thread_slot *slot)
{
    (void)context;
    mr_announce_ended(&drain.announcer, &drain.encoder, slot);
}

/* Events */

static const uint64_t *ring_word(uint32_t ring, uint64_t at)
{
    struct mr_session *session = &mr_session;
    const uint64_t *data =
        (const uint64_t *)(session->ring_data + ring * session->shared->ring_bytes);
    return &data[at & session->ring_mask];
}

static void sift_down(uint32_t at)
{
    struct cursor *heap = drain.heap, moving = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= drain.heap_count)
            break;
        if (child + 1 < drain.heap_count && heap[child + 1].ticks < heap[child].ticks)
            child++;
        if (moving.ticks <= heap[child].ticks)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* An event goes into the payload. */
static void take(const struct mr_event *event)
{
    mr_encode_event(&drain.encoder, event);
    mr_carried_event(&drain.carried, event);
}

static void encode_mark(uint32_t ring, uint64_t at, uint64_t meta, uint64_t now_ns)
{
    uint64_t arguments[256];
    unsigned count = mr_meta_frame_count(meta);
    for (unsigned i = 0; i < count; i++)
        arguments[i] = *ring_word(ring, at + MR_MARK_WORDS + i);
    enum mr_mark kind = mr_meta_mark(meta);
    uint32_t thread = mr_meta_thread(meta);
    uint64_t ticks = *ring_word(ring, at + 1);
    if (kind == MR_MARK_HEAP_MOVE)
        mr_carried_move(&drain.carried, arguments[1], arguments[2]);
    if (mr_encode_mark(&drain.encoder, kind, thread, ticks, arguments, count))
        return;
    close_block(now_ns, 0); /* full of marks */
    mr_encode_mark(&drain.encoder, kind, thread, ticks, arguments, count);
}

static void encode_one(uint32_t ring, uint64_t at, uint64_t meta, uint64_t now_ns)
{
    if (mr_meta_op(meta) == MR_OP_MARK) {
        encode_mark(ring, at, meta, now_ns);
        return;
    }
    struct mr_event event = {
        .op = (uint8_t)mr_meta_op(meta),
        .thread = mr_meta_thread(meta),
        .ticks = *ring_word(ring, at + 1),
    };
    if (event.op & MR_OP_ALLOC) {
        uint64_t size = *ring_word(ring, at + 3), hash = *ring_word(ring, at + 5);
        unsigned frame_count = mr_meta_frame_count(meta);
        event.interval = (uint8_t)mr_meta_interval(meta);
        event.address = *ring_word(ring, at + 2);
        event.size = mr_size_word_size(size);
        event.extra = (uint32_t)mr_size_word_extra(size);
        event.key = *ring_word(ring, at + 4);
        if (frame_count) {
            uint64_t frames[MR_STACK_DEPTH_MAX];
            for (unsigned i = 0; i < frame_count && i < MR_STACK_DEPTH_MAX; i++)
                frames[i] = *ring_word(ring, at + MR_ALLOC_WORDS + i);
            event.stack = mr_stacks_intern(&drain.announcer.stacks, hash, frames, frame_count,
                                           mr_meta_flags(meta) & MR_META_TRUNCATED);
        } else {
            event.stack = mr_stacks_find(&drain.announcer.stacks, hash);
        }
        if (event.op == MR_OP_HEAP_ALLOC) {
            uint64_t object = *ring_word(ring, at + MR_ALLOC_WORDS + frame_count);
            event.heap = (uint32_t)object;
            event.klass = (uint32_t)(object >> 32);
        }
    } else {
        event.key = *ring_word(ring, at + 2);
    }
    take(&event);
}

/* Whether another event, and what it may need announced, still fits the payload. The room shrinks
 * by less than the margin between two questions. */
static bool block_is_full(void)
{
    if (drain.encoder.event_count == MR_BLOCK_EVENTS_MAX)
        return true;
    if ((drain.encoder.event_count + drain.encoder.mark_count) % 256 != 0)
        return false;
    size_t stacks = (size_t)(drain.announcer.stacks.count - drain.announcer.stacks.announced) * 16;
    return mr_encode_room(&drain.encoder) < stacks + (1u << 20);
}

/* Every event published so far, merged by time, into blocks. What is younger than the start of the
 * pass waits for the next: an older event of another thread may still be on its way. */
static void take_events(uint64_t now_ns, bool everything)
{
    struct mr_session *session = &mr_session;
    uint64_t limit = everything ? UINT64_MAX : mr_ticks();
    uint32_t rings = mr_load_acquire(&session->rings_used);
    drain.heap_count = 0;
    for (uint32_t i = 0; i < rings; i++) {
        struct mr_ring *ring = &session->rings[i];
        struct cursor cursor = {.ring = i, .at = mr_load_relaxed(&ring->tail)};
        cursor.end = mr_ring_published(ring);
        drain.taken[i] = cursor.at;
        if (cursor.at == cursor.end)
            continue;
        cursor.ticks = *ring_word(i, cursor.at + 1);
        drain.heap[drain.heap_count++] = cursor;
    }
    for (uint32_t i = drain.heap_count / 2; i-- > 0;)
        sift_down(i);

    while (drain.heap_count && drain.heap[0].ticks <= limit) {
        struct cursor *first = &drain.heap[0];
        uint64_t meta = *ring_word(first->ring, first->at);
        encode_one(first->ring, first->at, meta, now_ns);
        first->at += mr_event_words(meta);
        drain.taken[first->ring] = first->at;
        if (first->at == first->end) {
            *first = drain.heap[--drain.heap_count];
        } else {
            first->ticks = *ring_word(first->ring, first->at + 1);
        }
        if (drain.heap_count > 1)
            sift_down(0);
        if (block_is_full())
            close_block(now_ns, 0);
    }
}

/* Frees that found no room in a ring, as they were before the rings are read. */
static uint32_t collect_owed_frees(uint64_t keys[MR_OWED_FREES])
{
    struct mr_shared *shared = mr_session.shared;
    uint32_t count = 0;
    for (unsigned i = 0; i < MR_OWED_FREES; i++)
        if (mr_load_relaxed(&shared->owed_frees[i]) != 0)
            keys[count++] =
                atomic_exchange_explicit(&shared->owed_frees[i], 0, memory_order_acquire);
    return count;
}

static void encode_owed_frees(const uint64_t *keys, uint32_t count, uint64_t now_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        struct mr_event event = {.op = keys[i] & MR_OBJECT_KEY ? MR_OP_HEAP_FREE : MR_OP_FREE,
                                 .ticks = mr_ticks(),
                                 .key = keys[i] & ~MR_OBJECT_KEY};
        take(&event);
        if (block_is_full())
            close_block(now_ns, 0);
    }
}

/* Everything published so far. A free that is owed is younger than its allocation, which may still be in
 * a ring: so it comes after the rings. Where it names an address and not an id, that address may have been
 * given out again since: there it comes first, and at worst ends nothing. */
static void take_everything(uint64_t now_ns, bool at_end)
{
    uint64_t keys[MR_OWED_FREES];
    uint32_t count = collect_owed_frees(keys);
    if (mr_session.full)
        encode_owed_frees(keys, count, now_ns);
    take_events(now_ns, at_end);
    if (!mr_session.full)
        encode_owed_frees(keys, count, now_ns);
}

/* Words waiting in the fullest ring. Notes by how much the fastest one grew since the last look. */
static uint64_t fullest_ring(void)
{
    uint64_t most = 0;
    drain.fastest_gain = 0;
    uint32_t rings = mr_load_relaxed(&mr_session.rings_used);
    for (uint32_t i = 0; i < rings; i++) {
        struct mr_ring *ring = &mr_session.rings[i];
        uint64_t head = mr_ring_published(ring);
        uint64_t waiting = head - mr_load_relaxed(&ring->tail), gain = head - drain.seen[i];
        drain.seen[i] = head;
        most = waiting > most ? waiting : most;
        drain.fastest_gain = gain > drain.fastest_gain ? gain : drain.fastest_gain;
    }
    return most;
}

/* Keeps the process under SAMPLES_PER_S_MAX: a budget that fills by the second and holds a burst;
 * when it is spent the interval doubles, when it was full for a second the interval halves, down to what was
 * asked. */
static void steer_interval(uint64_t now_ns)
{
    struct mr_session *session = &mr_session;
    if (session->full)
        return;
    uint64_t id = mr_load_relaxed(&session->next_id);
    drain.sample_budget += (double)(now_ns - drain.rate_ns) * (SAMPLES_PER_S_MAX / 1e9);
    drain.sample_budget -= (double)(id - drain.rate_id);
    drain.rate_ns = now_ns;
    drain.rate_id = id;
    uint32_t code = mr_load_relaxed(&session->interval_code);
    if (drain.sample_budget < 0) {
        drain.sample_budget = 0;
        drain.calm_since_ns = now_ns;
        mr_store_relaxed(&session->interval_code, mr_interval_coarser(code));
    } else if (drain.sample_budget < SAMPLE_BURST / 2) {
        drain.calm_since_ns = now_ns;
    } else if (mr_interval_rank(code) > mr_interval_rank(mr_load_relaxed(&session->asked_code)) &&
               now_ns - drain.calm_since_ns > BLOCK_NS) {
        drain.calm_since_ns = now_ns;
        mr_store_relaxed(&session->interval_code, mr_interval_finer(code));
    }
    if (drain.sample_budget > SAMPLE_BURST)
        drain.sample_budget = SAMPLE_BURST;
}

static bool resources_are_short(void)
{
    return mr_load_relaxed(&mr_session.rings_used) > mr_session.shared->ring_count / 2 ||
           mr_load_relaxed(&mr_session.thread_slots) > MR_THREAD_SLOTS / 2;
}

static void tell_end(uint64_t now_ns)
{
    mr_gauges_tick(&drain.encoder, now_ns, true);
    mr_pools_tell(&drain.encoder);
    mr_encode_begin(&drain.encoder, MR_SECTION_END);
    mr_encode_uvarint(&drain.encoder, drain.end_reason);
    mr_encode_uvarint(&drain.encoder, mr_ticks());
    mr_encode_end(&drain.encoder);
}

/* One round. */
static void look(uint64_t now_ns, bool flush)
{
    uint64_t waiting = fullest_ring();
    steer_interval(now_ns);
    if (!mr_load_relaxed(&mr_session.ticks_per_ms))
        learn_rate(mr_ticks(), now_ns);
    mr_pull_tick(now_ns);
    mr_gauges_tick(&drain.encoder, now_ns, false);
    if (now_ns - drain.last_pools_ns >= POOLS_NS) {
        drain.last_pools_ns = now_ns;
        mr_pools_tell(&drain.encoder);
    }
    bool due = now_ns - drain.last_block_ns >= BLOCK_NS &&
               (waiting || !mr_encode_is_empty(&drain.encoder) ||
                now_ns - drain.last_block_ns >= HEARTBEAT_NS);
    uint64_t since_reap_ns = now_ns - drain.last_reap_ns;
    bool rings_are_wanted = false;
    if (since_reap_ns >= BLOCK_NS || (since_reap_ns >= REAP_NS && resources_are_short())) {
        drain.last_reap_ns = now_ns;
        rings_are_wanted = mr_threads_reap(thread_ended, NULL) > 0 && resources_are_short();
        due = due || rings_are_wanted;
    }
    /* Places are taken from the first on. */
    due = due || mr_load_relaxed(&mr_session.shared->owed_frees[MR_OWED_FREES / 2]) != 0;
    if (!flush && !due && waiting < mr_session.ring_mask / 2)
        return;
    take_everything(now_ns, false);
    bool ends = flush && drain.end_reason != MR_DRAIN_GO_ON;
    if (ends)
        tell_end(now_ns);
    close_block(now_ns, ends ? MR_BLOCK_LAST : 0);
    if (rings_are_wanted && !ends) /* their last events were just written */
        mr_threads_reap(thread_ended, NULL);
}

static void end_trace(void)
{
    uint64_t now_ns = mr_monotonic_ns();
    take_everything(now_ns, true);
    tell_end(now_ns);
    close_block(now_ns, MR_BLOCK_LAST);
    mr_close(drain.writer.file);
    mr_close(drain.rotation.folder); /* the memory goes with the process */
}

/* Events wait in the rings on purpose; what matters is how fast they come. A ring must not gain
 * more than an eighth of itself between two looks. */
static uint64_t next_pause(uint64_t pause_ns, uint64_t longest_ns)
{
    uint64_t gain = drain.fastest_gain, eighth = mr_session.ring_mask / 8;
    pause_ns = gain > eighth ? pause_ns * eighth / gain : pause_ns * 2;
    if (pause_ns < SHORTEST_PAUSE_NS)
        return SHORTEST_PAUSE_NS;
    return pause_ns < longest_ns ? pause_ns : longest_ns;
}

static void run(void)
{
    uint64_t longest_ns = (uint64_t)mr_session.options.drain_ms * 1000000;
    uint64_t pause_ns = 1000000;
    drain.rate_ns = drain.last_reap_ns = drain.calm_since_ns = mr_monotonic_ns();
    drain.sample_budget = SAMPLE_BURST;

    while (!mr_load_acquire(&drain.stop_asked)) {
        uint32_t asked = mr_load_acquire(&drain.flush_asked);
        bool flush = asked != mr_load_relaxed(&drain.flush_done);
        look(mr_monotonic_ns(), flush);
        if (flush) {
            mr_store_release(&drain.flush_done, asked);
            mr_wake(&drain.flush_done);
        }
        pause_ns = next_pause(pause_ns, longest_ns);
        uint32_t requests = mr_load_acquire(&drain.requests);
        if (!mr_load_acquire(&drain.stop_asked) &&
            mr_load_acquire(&drain.flush_asked) == mr_load_relaxed(&drain.flush_done))
            mr_wait(&drain.requests, requests, pause_ns);
    }
    end_trace();
    mr_store_release(&drain.ended, 1); /* whoever stops need not wait for the thread's own end */
    mr_wake(&drain.ended);
}

static int thread_main(void *unused)
{
    (void)unused;
    mr_self = &mr_nobody; /* in this thread's own block */
    drain.terminal = mr_is_terminal(2);
    int folder = drain.rotation.folder;
    int keep[3] = {drain.terminal ? 2 : -1, folder, drain.trace_file};
    if (folder > drain.trace_file) {
        keep[1] = drain.trace_file;
        keep[2] = folder;
    }
    drain.owns_files = mr_own_files(keep, 3);
    mr_set_thread_name("memrec");
    close_block(mr_monotonic_ns(), 0); /* the file says whose it is before anything is recorded */
    mr_store_release(&drain.ready, 1);
    mr_wake(&drain.ready);
    run();
    mr_syscall(SYS_exit, 0, 0, 0, 0, 0, 0); /* this thread alone; the C library must not see it */
    return 0;
}

/* Starting and stopping */

static bool make_room(void *rotation) { return mr_rotation_make_room(rotation); }

static bool open_stages(int trace_file)
{
    drain.trace_file = trace_file;
    drain.encoder_memory = mr_pages_map(MR_ENCODER_BYTES);
    if (!drain.encoder_memory || !mr_announce_open(&drain.announcer) ||
        !mr_write_open(&drain.writer, trace_file, mr_session.trace_id, mr_session.options.level))
        return false;
    mr_encode_init(&drain.encoder, drain.encoder_memory, !mr_session.full);
    mr_session.segment = 0;
    mr_rotation_open(&drain.rotation, &mr_session.options, mr_session.trace_path, mr_session.pid,
                     mr_session.start_monotonic_ns);
    if (drain.rotation.folder >= 0 && !mr_carried_open(&drain.carried, !mr_session.full))
        return false;
    drain.writer.make_room = make_room;
    drain.writer.make_room_context = &drain.rotation;
    mr_gauges_start();
    mr_pools_start();
    return true;
}

/* The head of a thread's control block, as far as code outside the C library looks at it: pointers
 * to itself, and the stack protector's guard. The rest is zero. */
static void *thread_block(uint8_t *memory)
{
    uint8_t *block = memory + TLS_BYTES / 2;
#if defined(__x86_64__)
    memcpy(block, __builtin_thread_pointer(), 64);
    uintptr_t self = (uintptr_t)block;
    memcpy(block, &self, sizeof self);
    memcpy(block + 16, &self, sizeof self);
#endif
    return block;
}

bool mr_drain_start(int trace_file)
{
    memset(&drain, 0, sizeof drain);
    drain.rotation.folder = -1;
    drain.memory = mr_pages_map(STACK_BYTES + TLS_BYTES);
    if (!drain.memory || !open_stages(trace_file)) {
        mr_close(drain.rotation.folder);
        return false;
    }

    uint64_t all = ~UINT64_C(0), before;
    mr_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, 8, 0, 0);
    uint8_t *stack_top = (uint8_t *)drain.memory + STACK_BYTES;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    int tid =
        clone(thread_main, stack_top, flags, NULL, &drain.tid, thread_block(stack_top), &drain.tid);
    mr_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, 8, 0, 0);
    if (tid < 0) {
        mr_close(drain.rotation.folder);
        return false;
    }
    for (int i = 0; i < 1000 && !mr_load_acquire(&drain.ready); i++)
        mr_wait(&drain.ready, 0, 10000000);
    if (drain.owns_files) { /* the host's numbers of them */
        mr_close(trace_file);
        mr_close(drain.rotation.folder);
    }
    return true;
}

static void request(void)
{
    atomic_fetch_add_explicit(&drain.requests, 1, memory_order_release);
    mr_wake(&drain.requests);
}

void mr_drain_wake(void) { request(); }

void mr_drain_flush(unsigned end_reason)
{
    drain.end_reason = end_reason;
    uint32_t ticket = atomic_fetch_add_explicit(&drain.flush_asked, 1, memory_order_acq_rel) + 1;
    uint64_t deadline = mr_monotonic_ns() + 1000000000;
    request();
    for (;;) {
        uint32_t done = mr_load_acquire(&drain.flush_done);
        if ((int32_t)(done - ticket) >= 0 || mr_monotonic_ns() > deadline ||
            mr_load_relaxed(&drain.ended))
            return;
        mr_wait(&drain.flush_done, done, 10000000);
    }
}

bool mr_drain_stop(unsigned end_reason)
{
    uint64_t deadline = mr_monotonic_ns() + 2000000000;
    drain.end_reason = end_reason;
    mr_store_release(&drain.stop_asked, 1);
    request();
    while (!mr_load_acquire(&drain.ended)) {
        if (mr_monotonic_ns() > deadline)
            return false;
        mr_wait(&drain.ended, 0, 10000000);
    }
    return true;
}

bool mr_drain_is_over(void)
{
    for (int ms = 0; __atomic_load_n(&drain.tid, __ATOMIC_ACQUIRE) != 0; ms++) {
        if (ms == 1000)
            return false;
        mr_wait(&drain.tid, (uint32_t)drain.tid,
                1000000); /* the kernel clears it at the very end */
    }
    mr_drain_forget();
    return true;
}

void mr_drain_forget(void)
{
    mr_pages_unmap(drain.memory, STACK_BYTES + TLS_BYTES);
    mr_pages_unmap(drain.encoder_memory, MR_ENCODER_BYTES);
    mr_pages_unmap(drain.writer.memory, drain.writer.memory_bytes);
    mr_announce_close(&drain.announcer);
    mr_carried_close(&drain.carried);
    mr_rotation_close(&drain.rotation);
    memset(&drain, 0, sizeof drain);
}
