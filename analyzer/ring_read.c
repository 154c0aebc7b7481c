/* SPDX-License-Identifier: Apache-2.0 */
/* ring_read.c -- see ring_read.h.
 *
 * The file is read, not mapped: whoever shortens it meanwhile causes an error, not a signal. Each ring
 * has a window of a few pages; the rings are merged by time, as the drain thread would have done.  */
#include "ring_read.h"

#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/stack_hash.h"
#include "schema/ring_layout.h"

const char ring_read_other_boot[] = "it was recorded on another machine, or before the last boot";
const char ring_read_gone[] = "its shared memory is gone";
const char ring_read_still_running[] = "the process is still being recorded";
const char ring_read_unreadable[] = "its shared memory may not be read";
const char ring_read_other_trace[] = "its shared memory belongs to another trace";
const char ring_read_other_version[] =
    "its shared memory was laid out by another version of memrec";
const char ring_read_damaged[] = "its shared memory is damaged";

enum {
    WINDOW_WORDS = 4096, /* of one ring; more than the longest event */
    BATCH_EVENTS = 16384,
    BATCH_NODES = 65536,
    BATCH_MARKS = 16384,
    BATCH_ARGUMENTS = 131072,
    DEFINITIONS_WINDOW = 65536, /* more than the longest row */
};

/* ---- stacks: nodes by id, and by the hash of the frames from there to the root ----------------- */

struct node {
    uint32_t id, parent;
    uint64_t pc;
    uint64_t hash; /* stack_key of the frames from here to the root */
};

struct index { /* open addressing; a slot holds a node's place + 1 */
    uint32_t *slots;
    size_t mask;
};

struct stack_index {
    struct node *nodes;
    size_t count, capacity;
    struct index by_id, by_hash;
    bool hashed; /* by_hash holds every node */
    uint32_t next_id;
};

struct ring { /* one producer's words, on their way out */
    uint32_t number;
    uint64_t at, end; /* words */
    uint64_t ticks;   /* of the event at `at` */
    uint64_t window_start;
    size_t window_words;
    uint64_t *window;
};

struct batch { /* what event_batch points at */
    uint8_t ops[BATCH_EVENTS], intervals[BATCH_EVENTS];
    uint64_t ticks[BATCH_EVENTS], addresses[BATCH_EVENTS], sizes[BATCH_EVENTS];
    uint64_t alloc_keys[BATCH_EVENTS], free_keys[BATCH_EVENTS];
    uint32_t threads[BATCH_EVENTS], extras[BATCH_EVENTS], stacks[BATCH_EVENTS];
    uint32_t heaps[BATCH_EVENTS], classes[BATCH_EVENTS];
    size_t count, alloc_count, object_count;
    struct mark marks[BATCH_MARKS];
    uint64_t arguments[BATCH_ARGUMENTS];
    size_t mark_count, argument_count;
    uint64_t parents[BATCH_NODES], pcs[BATCH_NODES]; /* new nodes, to be told before the events */
    uint32_t first_node;
    size_t node_count;
};

enum { LOSSES = 4 };
static const char *const loss_names[LOSSES] = {
    "recorder.dropped_samples",
    "recorder.dropped_bytes",
    "recorder.dropped_frees",
    "recorder.dropped_marks",
};

struct ring_reader {
    int file;
    char *path;
    struct mr_shared shared;
    uint64_t last_sequence, last_ticks;
    struct stack_index stacks;
    struct ring *rings; /* a heap, the oldest event first */
    size_t ring_count;
    struct batch *batch;
    uint32_t loss_metrics[LOSSES]; /* ids; 0: the trace has none */
    const struct record_sink *sink;
    struct ring_result *result;
};

/* A stack that was cut off is another one than the whole stack of the same frames. */
static uint64_t stack_key(uint64_t hash, bool truncated) { return truncated ? ~hash : hash; }

static status no_memory(void)
{
    diag_error("could not read the rings: not enough memory");
    return FAIL;
}

static size_t slot_of(const struct index *index, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & index->mask;
}

static struct node *find_by_id(const struct stack_index *stacks, uint32_t id)
{
    for (size_t slot = slot_of(&stacks->by_id, id); stacks->by_id.slots;
         slot = (slot + 1) & stacks->by_id.mask) {
        uint32_t place = stacks->by_id.slots[slot];

        if (place == 0 || stacks->nodes[place - 1].id == id) {
            return place ? &stacks->nodes[place - 1] : NULL;
        }
    }
    return NULL;
}

static struct node *find_by_hash(const struct stack_index *stacks, uint64_t hash)
{
    for (size_t slot = slot_of(&stacks->by_hash, hash);; slot = (slot + 1) & stacks->by_hash.mask) {
        uint32_t place = stacks->by_hash.slots[slot];

        if (place == 0 || stacks->nodes[place - 1].hash == hash) {
            return place ? &stacks->nodes[place - 1] : NULL;
        }
    }
}

/* A node of the same key gives way: the latest announcement counts. */
static void index_put(const struct stack_index *stacks, struct index *index, bool by_hash,
                      size_t place)
{
    const struct node *node = &stacks->nodes[place];

    for (size_t slot = slot_of(index, by_hash ? node->hash : node->id);;
         slot = (slot + 1) & index->mask) {
        uint32_t other = index->slots[slot];

        if (other == 0 || (by_hash ? stacks->nodes[other - 1].hash == node->hash
                                   : stacks->nodes[other - 1].id == node->id)) {
            index->slots[slot] = (uint32_t)place + 1;
            return;
        }
    }
}

static bool index_make(struct stack_index *stacks, struct index *index, bool by_hash)
{
    size_t slots = 1024;

    while (slots < 2 * stacks->capacity) {
        slots *= 2;
    }
    free(index->slots);
    index->slots = calloc(slots, sizeof *index->slots);
    index->mask = slots - 1;
    for (size_t i = 0; i < stacks->count && index->slots; i++) {
        index_put(stacks, index, by_hash, i);
    }
    return index->slots;
}

static bool stacks_add(struct stack_index *stacks, struct node node)
{
    if (stacks->count == stacks->capacity) {
        size_t capacity = 2 * stacks->capacity + 1024;
        struct node *grown =
            capacity <= UINT32_MAX ? reallocarray(stacks->nodes, capacity, sizeof *grown) : NULL;

        if (!grown) {
            return false;
        }
        stacks->nodes = grown;
        stacks->capacity = capacity;
        if (!index_make(stacks, &stacks->by_id, false) ||
            (stacks->hashed && !index_make(stacks, &stacks->by_hash, true))) {
            return false;
        }
    }
    stacks->nodes[stacks->count] = node;
    index_put(stacks, &stacks->by_id, false, stacks->count);
    if (stacks->hashed) {
        index_put(stacks, &stacks->by_hash, true, stacks->count);
    }
    stacks->count++;
    if (node.id >= stacks->next_id) {
        stacks->next_id = node.id + 1;
    }
    return true;
}

status ring_read_add_stacks(struct ring_reader *reader, const struct stack_record *stacks)
{
    for (size_t i = 0; i < stacks->count; i++) {
        struct node node = {.id = (uint32_t)(stacks->first_id + i),
                            .parent = (uint32_t)stacks->parents[i],
                            .pc = stacks->pcs[i]};
        const struct node *known = find_by_id(&reader->stacks, node.id);

        if (known && known->parent == node.parent && known->pc == node.pc) {
            continue; /* announced again */
        }
        if (!stacks_add(&reader->stacks, node)) {
            return no_memory();
        }
    }
    return OK;
}

/* A parent's id is smaller than its node's, so every walk ends; none deeper than a ring can name. */
static bool stacks_hash(struct stack_index *stacks)
{
    for (size_t i = 0; i < stacks->count; i++) {
        const struct node *at = &stacks->nodes[i];
        uint64_t hash = MR_STACK_HASH_SEED;

        uint32_t root = at->parent;
        for (unsigned depth = 0; at && depth < MR_STACK_DEPTH_MAX; depth++) {
            hash = mr_stack_hash_add(hash, at->pc);
            root = at->parent;
            at = root >= MR_STACK_FIRST_ID ? find_by_id(stacks, root) : NULL;
        }
        stacks->nodes[i].hash = stack_key(hash, root == MR_STACK_TRUNCATED_ROOT);
    }
    stacks->hashed = true;
    return index_make(stacks, &stacks->by_hash, true);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool read_file(int file, uint64_t offset, void *out, size_t bytes)
{
    char *at = out;

    while (bytes > 0) {
        ssize_t got = pread(file, at, bytes, (off_t)offset);

        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        got = got < 0 ? 0 : got;
        at += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

static bool is_this_boot(struct text boot_id)
{
    char now[64] = "";
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, now, sizeof now - 1) : -1;

    if (file >= 0) {
        close(file);
    }
    size_t length = got > 0 ? strcspn(now, "\n") : 0;
    return length > 0 && boot_id.length == length && memcmp(boot_id.bytes, now, length) == 0;
}

/* Whether the process that fills the rings is there. Its number may have gone to another: that one has
 * not mapped them. */
static bool is_running(uint64_t pid, const char *path)
{
    char maps[64], *line = NULL;
    size_t capacity = 0;
    bool mapped = false;

    if (pid == 0 || pid > INT32_MAX || (kill((pid_t)pid, 0) != 0 && errno != EPERM)) {
        return false;
    }
    snprintf(maps, sizeof maps, "/proc/%" PRIu64 "/maps", pid);
    FILE *in = fopen(maps, "re");
    if (!in) {
        return errno != ENOENT;
    }
    while (!mapped && getline(&line, &capacity, in) > 0) {
        mapped = strstr(line, path) != NULL;
    }
    free(line);
    fclose(in);
    return mapped;
}

static bool sizes_agree(const struct mr_shared *shared, uint64_t file_bytes)
{
    uint64_t rings_end = MR_SHARED_RINGS_OFFSET + (uint64_t)shared->ring_count * MR_RING_BYTES;
    uint64_t heaps_bytes = (uint64_t)MR_THREAD_SLOTS * MR_HEAPS_MAX * sizeof(struct mr_heap_slot);

    return shared->ring_count <= MR_RINGS_MAX && shared->ring_bytes >= 4096 &&
           shared->ring_bytes <= (UINT64_C(1) << 32) &&
           (shared->ring_bytes & (shared->ring_bytes - 1)) == 0 &&
           shared->heap_slots_offset >= rings_end && shared->heap_slots_offset <= file_bytes &&
           heaps_bytes <= file_bytes - shared->heap_slots_offset &&
           shared->definitions_offset >= rings_end && shared->definitions_offset <= file_bytes &&
           shared->definitions_bytes <= file_bytes - shared->definitions_offset &&
           shared->data_offset >= rings_end && shared->data_offset <= file_bytes &&
           shared->ring_count * shared->ring_bytes <= file_bytes - shared->data_offset;
}

/* NULL: the file is what the trace means, and reader->shared is filled. */
static const char *check_file(struct ring_reader *reader, const struct ring_source *source)
{
    struct stat facts;

    reader->file = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (reader->file < 0) {
        return errno == ENOENT ? ring_read_gone : ring_read_unreadable;
    }
    if (fstat(reader->file, &facts) != 0 || !S_ISREG(facts.st_mode) ||
        !read_file(reader->file, 0, &reader->shared, sizeof reader->shared) ||
        memcmp(reader->shared.magic, MR_SHARED_MAGIC, sizeof reader->shared.magic) != 0) {
        return ring_read_damaged;
    }
    if (memcmp(reader->shared.trace_id, source->trace_id, sizeof reader->shared.trace_id) != 0) {
        return ring_read_other_trace;
    }
    if (reader->shared.version != MR_SHARED_VERSION) {
        return ring_read_other_version;
    }
    if (!sizes_agree(&reader->shared, (uint64_t)facts.st_size)) {
        return ring_read_damaged;
    }
    return is_running(source->pid, reader->path) ? ring_read_still_running : NULL;
}

static void empty_batch(struct batch *batch)
{
    batch->count = batch->alloc_count = batch->object_count = batch->node_count = 0;
    batch->mark_count = batch->argument_count = 0;
}

struct ring_reader *ring_read_open(const struct ring_source *source, const char **why_not)
{
    if (!is_this_boot(source->boot_id)) {
        *why_not = ring_read_other_boot;
        return NULL;
    }
    struct ring_reader *reader = calloc(1, sizeof *reader);

    if (reader) {
        reader->file = -1;
        reader->path = strndup(source->path.bytes, source->path.length);
        reader->last_sequence = source->last_sequence;
        reader->last_ticks = source->last_ticks;
        reader->stacks.next_id = MR_STACK_FIRST_ID;
        reader->batch = malloc(sizeof *reader->batch);
    }
    *why_not = ring_read_unreadable;
    if (reader && reader->path && reader->batch) {
        empty_batch(reader->batch);
        *why_not = check_file(reader, source);
    }
    if (*why_not) {
        ring_read_close(reader);
        return NULL;
    }
    return reader;
}

void ring_read_close(struct ring_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->file >= 0) {
        close(reader->file);
    }
    for (size_t i = 0; i < reader->ring_count; i++) {
        free(reader->rings[i].window);
    }
    free(reader->rings);
    free(reader->batch);
    free(reader->stacks.nodes);
    free(reader->stacks.by_id.slots);
    free(reader->stacks.by_hash.slots);
    free(reader->path);
    free(reader);
}

status ring_read_remove(struct ring_reader *reader)
{
    struct stat opened, named;

    if (fstat(reader->file, &opened) == 0 && lstat(reader->path, &named) == 0 &&
        opened.st_dev == named.st_dev && opened.st_ino == named.st_ino &&
        unlink(reader->path) == 0) {
        return OK;
    }
    diag_error("could not remove \"%s\": %m", reader->path);
    return FAIL;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Fills out with `count` words from word `at` of the ring, which are below its end. */
static bool ring_words(struct ring_reader *reader, struct ring *ring, uint64_t at, size_t count,
                       uint64_t *out)
{
    uint64_t ring_words = reader->shared.ring_bytes / 8;
    uint64_t data = reader->shared.data_offset + ring->number * reader->shared.ring_bytes;

    if (at < ring->window_start || at + count > ring->window_start + ring->window_words) {
        uint64_t want = ring->end - at < WINDOW_WORDS ? ring->end - at : WINDOW_WORDS;
        uint64_t place = at & (ring_words - 1);
        uint64_t first = ring_words - place < want ? ring_words - place : want;

        if (!ring->window) {
            ring->window = malloc(WINDOW_WORDS * sizeof *ring->window);
        }
        ring->window_words = 0;
        if (!ring->window ||
            !read_file(reader->file, data + 8 * place, ring->window, (size_t)first * 8) ||
            !read_file(reader->file, data, ring->window + first, (size_t)(want - first) * 8)) {
            return false;
        }
        ring->window_start = at;
        ring->window_words = (size_t)want;
    }
    memcpy(out, ring->window + (at - ring->window_start), count * sizeof *out);
    return true;
}

/* Can this be the first word of an event, or of a mark? */
static bool can_be(uint64_t meta)
{
    unsigned count = mr_meta_frame_count(meta);

    if (mr_meta_thread(meta) == 0) {
        return false;
    }
    if (mr_meta_op(meta) == MR_OP_MARK) {
        return count <= MR_MARK_ARGS_MAX;
    }
    return count <= MR_STACK_DEPTH_MAX && mr_meta_interval(meta) < 64;
}

/* Looks at the event at ring->at: is it all there, and can it be one? */
static bool ring_peek(struct ring_reader *reader, struct ring *ring)
{
    uint64_t words[2];

    if (ring->end - ring->at < MR_MARK_WORDS || !ring_words(reader, ring, ring->at, 2, words)) {
        return false;
    }
    ring->ticks = words[1];
    return can_be(words[0]) && mr_event_words(words[0]) <= ring->end - ring->at &&
           ring->ticks >= reader->shared.start_ticks;
}

/* ---- the merge ------------------------------------------------------------------------------- */

static void sift_down(struct ring *heap, size_t count, size_t at)
{
    struct ring moving = heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < count && heap[child + 1].ticks < heap[child].ticks) {
            child++;
        }
        if (child >= count || moving.ticks <= heap[child].ticks) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* Takes the rings whose head is beyond their tail. See "Commit protocol" in ring_layout.h: while a
 * block is being committed, the tails that matter depend on whether the trace has it. */
static status open_rings(struct ring_reader *reader)
{
    const struct mr_shared *shared = &reader->shared;
    bool in_flight = shared->pending_sequence != shared->committed_sequence;
    bool written = in_flight && reader->last_sequence != UNKNOWN &&
                   reader->last_sequence >= shared->pending_sequence;

    reader->rings = calloc(shared->ring_count ? shared->ring_count : 1, sizeof *reader->rings);
    if (!reader->rings) {
        return no_memory();
    }
    for (uint32_t i = 0; i < shared->ring_count; i++) {
        struct mr_ring head;
        struct ring *ring = &reader->rings[reader->ring_count];

        if (!read_file(reader->file, MR_SHARED_RINGS_OFFSET + (uint64_t)i * MR_RING_BYTES, &head,
                       sizeof head)) {
            reader->result->damaged_rings++;
            continue;
        }
        *ring = (struct ring){
            .number = i, .at = written ? head.pending_tail : head.tail, .end = head.head};
        if (ring->at == ring->end) {
            continue;
        }
        if (ring->end - ring->at > shared->ring_bytes / 8 || !ring_peek(reader, ring)) {
            reader->result->damaged_rings++;
            free(ring->window);
            continue;
        }
        reader->ring_count++;
    }
    for (size_t i = reader->ring_count / 2; i-- > 0;) {
        sift_down(reader->rings, reader->ring_count, i);
    }
    return OK;
}

#define HAND(reader, function, record)                                                             \
    ((reader)->sink->function ? (reader)->sink->function((reader)->sink->context, (record)) : OK)

static status flush_batch(struct ring_reader *reader)
{
    struct batch *batch = reader->batch;
    struct stack_record stacks = {batch->first_node, batch->node_count, batch->parents, batch->pcs};
    struct event_batch events = {
        .has_ids = reader->shared.mode != MR_MODE_FULL,
        .count = batch->count,
        .alloc_count = batch->alloc_count,
        .ops = batch->ops,
        .ticks = batch->ticks,
        .threads = batch->threads,
        .addresses = batch->addresses,
        .sizes = batch->sizes,
        .extras = batch->extras,
        .stacks = batch->stacks,
        .intervals = batch->intervals,
        .alloc_keys = reader->shared.mode != MR_MODE_FULL ? batch->alloc_keys : batch->addresses,
        .free_keys = batch->free_keys,
        .heaps = batch->object_count ? batch->heaps : NULL,
        .classes = batch->object_count ? batch->classes : NULL,
        .marks = batch->marks,
        .mark_count = batch->mark_count,
    };

    reader->result->events += batch->count;
    reader->result->marks += batch->mark_count;
    if (stacks.count) {
        TRY(HAND(reader, stacks, &stacks));
    }
    if (events.count || events.mark_count) {
        TRY(HAND(reader, events, &events));
    }
    empty_batch(batch);
    return OK;
}

/* Makes nodes for a stack that no trace announced; its innermost one is *node. */
static status add_stack(struct ring_reader *reader, const uint64_t *frames, unsigned count,
                        bool truncated, uint64_t key, uint32_t *node)
{
    struct batch *batch = reader->batch;
    struct stack_index *stacks = &reader->stacks;
    uint32_t parent = truncated ? MR_STACK_TRUNCATED_ROOT : MR_STACK_ROOT;

    *node = MR_STACK_ROOT;
    if (count > UINT32_MAX - stacks->next_id) {
        reader->result->lost_stacks++;
        return OK;
    }
    if (batch->node_count == 0) {
        batch->first_node = stacks->next_id;
    }
    for (unsigned i = count; i-- > 0;) {
        struct node added = {.id = stacks->next_id, .parent = parent, .pc = frames[i]};

        added.hash = i == 0 ? key /* as the producer named it */
                            : stack_key(mr_stack_hash(frames + i, count - i), truncated);
        if (!stacks_add(stacks, added)) {
            return no_memory();
        }
        batch->parents[batch->node_count] = parent;
        batch->pcs[batch->node_count++] = frames[i];
        parent = added.id;
    }
    *node = parent;
    return OK;
}

static status take_alloc(struct ring_reader *reader, const uint64_t *words)
{
    struct batch *batch = reader->batch;
    unsigned frame_count = mr_meta_frame_count(words[0]);
    bool truncated = mr_meta_flags(words[0]) & MR_META_TRUNCATED;
    uint64_t key = stack_key(words[5], truncated);
    const struct node *known = find_by_hash(&reader->stacks, key);
    uint32_t node = truncated ? MR_STACK_TRUNCATED_ROOT : MR_STACK_ROOT;
    size_t row = batch->alloc_count;

    if (known) {
        node = known->id;
    } else if (frame_count) {
        TRY(add_stack(reader, words + MR_ALLOC_WORDS, frame_count, truncated, key, &node));
    } else if (words[5] != MR_STACK_HASH_SEED) {
        reader->result->lost_stacks++;
    }
    batch->addresses[row] = words[2];
    batch->sizes[row] = mr_size_word_size(words[3]);
    batch->extras[row] = (uint32_t)mr_size_word_extra(words[3]);
    batch->alloc_keys[row] = words[4];
    batch->stacks[row] = node;
    batch->intervals[row] = (uint8_t)mr_meta_interval(words[0]);
    batch->heaps[row] = batch->classes[row] = 0;
    if (mr_meta_op(words[0]) == MR_OP_HEAP_ALLOC) {
        uint64_t object = words[MR_ALLOC_WORDS + frame_count];

        batch->heaps[row] = (uint32_t)object;
        batch->classes[row] = (uint32_t)(object >> 32);
        batch->object_count++;
    }
    batch->alloc_count++;
    return OK;
}

/* One of a kind that this version does not know is left out. */
static void take_mark(struct batch *batch, const uint64_t *words)
{
    unsigned kind = mr_meta_mark(words[0]), count = mr_meta_frame_count(words[0]);

    if (kind == 0 || kind >= MR_MARK_KINDS) {
        return;
    }
    uint64_t *arguments = batch->arguments + batch->argument_count;
    memcpy(arguments, words + MR_MARK_WORDS, count * sizeof *arguments);
    batch->argument_count += count;
    batch->marks[batch->mark_count++] = (struct mark){
        .kind = kind,
        .thread = mr_meta_thread(words[0]),
        .ticks = words[1],
        .position = (uint32_t)batch->count,
        .argument_count = count,
        .arguments = arguments,
    };
}

static bool batch_is_full(const struct batch *batch)
{
    return batch->count == BATCH_EVENTS || batch->mark_count == BATCH_MARKS ||
           batch->node_count + MR_STACK_DEPTH_MAX > BATCH_NODES ||
           batch->argument_count + MR_MARK_ARGS_MAX > BATCH_ARGUMENTS;
}

static status take_event(struct ring_reader *reader, const uint64_t *words)
{
    struct batch *batch = reader->batch;
    unsigned op = mr_meta_op(words[0]);

    if (batch_is_full(batch)) {
        TRY(flush_batch(reader));
    }
    if (words[1] > reader->result->last_ticks) {
        reader->result->last_ticks = words[1];
    }
    if (op == MR_OP_MARK) {
        take_mark(batch, words);
        return OK;
    }
    batch->ops[batch->count] = (uint8_t)op;
    batch->ticks[batch->count] = words[1];
    batch->threads[batch->count] = mr_meta_thread(words[0]);
    if (op & MR_OP_ALLOC) {
        TRY(take_alloc(reader, words));
    } else {
        batch->free_keys[batch->count - batch->alloc_count] = words[2];
    }
    batch->count++;
    return OK;
}

static status take_events(struct ring_reader *reader)
{
    while (reader->ring_count) {
        struct ring *first = &reader->rings[0];
        uint64_t words[MR_EVENT_WORDS_MAX];
        bool whole = ring_words(reader, first, first->at, 1, words);
        unsigned count = whole ? mr_event_words(words[0]) : 0;

        if (whole && ring_words(reader, first, first->at, count, words)) {
            TRY(take_event(reader, words));
            first->at += count;
        } else {
            whole = false;
        }
        if (!whole || first->at == first->end || !ring_peek(reader, first)) {
            reader->result->damaged_rings += !whole || first->at != first->end;
            free(first->window);
            *first = reader->rings[--reader->ring_count];
        }
        if (reader->ring_count) {
            sift_down(reader->rings, reader->ring_count, 0);
        }
    }
    return OK;
}

/* Frees that found no room in a ring: only their key is known, so they come last. */
static status take_owed_frees(struct ring_reader *reader)
{
    for (size_t i = 0; i < MR_OWED_FREES; i++) {
        uint64_t key = reader->shared.owed_frees[i];

        if (key == 0) {
            continue;
        }
        uint64_t words[MR_FREE_WORDS] = {
            mr_meta(key & MR_OBJECT_KEY ? MR_OP_HEAP_FREE : MR_OP_FREE, 0, 0, 0, 0),
            reader->result->last_ticks, key & ~MR_OBJECT_KEY};

        reader->result->owed_frees++;
        TRY(take_event(reader, words));
    }
    return OK;
}

/* ---- definitions ----------------------------------------------------------------------------- */

/* The row at `at`, of at most `left` bytes: its size; 0: it cannot be one. */
static size_t tell_definition(struct ring_reader *reader, const uint8_t *at, size_t left,
                              status *told)
{
    struct mr_definition_head head;
    uint64_t arguments[MR_DEFINE_ARGS_MAX];
    size_t bytes;

    memcpy(&head, at, sizeof head);
    bytes = head.size_and_kind >> 8;
    if (bytes < sizeof head || bytes % 8 || bytes > left || head.id == 0 ||
        head.argument_count > bytes / 8 ||
        head.text_bytes > bytes - sizeof head - 8 * (size_t)head.argument_count) {
        return 0;
    }
    for (size_t i = 0; i < MR_DEFINE_ARGS_MAX; i++) {
        arguments[i] = UNKNOWN;
        if (i < head.argument_count) {
            memcpy(&arguments[i], at + sizeof head + 8 * i, sizeof arguments[i]);
        }
    }
    struct definition_record definition = {
        .kind = head.size_and_kind & 0xff,
        .id = head.id,
        .arguments = arguments,
        .text = {(const char *)at + sizeof head + 8 * (size_t)head.argument_count, head.text_bytes},
    };
    if (definition.kind && definition.kind < MR_DEFINE_KINDS) {
        *told = HAND(reader, definition, &definition);
    }
    return bytes;
}

/* The whole log: a row that the trace has already says the same again. */
static status tell_definitions(struct ring_reader *reader)
{
    const struct mr_shared *shared = &reader->shared;
    uint64_t used = shared->definitions_used, at = 0;
    uint8_t *window = malloc(DEFINITIONS_WINDOW);
    bool damaged = used > shared->definitions_bytes, ended = false;
    status told = OK;

    if (!window) {
        return no_memory();
    }
    while (at < used && !damaged && !ended && told.code == STATUS_OK) {
        size_t got = used - at < DEFINITIONS_WINDOW ? (size_t)(used - at) : DEFINITIONS_WINDOW;
        size_t done = 0;

        damaged = !read_file(reader->file, shared->definitions_offset + at, window, got);
        while (!damaged && got - done >= sizeof(struct mr_definition_head)) {
            uint32_t size_and_kind;

            memcpy(&size_and_kind, window + done, sizeof size_and_kind);
            ended = size_and_kind == 0; /* its writer was at it */
            if (ended || told.code != STATUS_OK ||
                (size_and_kind >> 8 > got - done && done > 0)) { /* the next window has it whole */
                break;
            }
            size_t bytes = tell_definition(reader, window + done, got - done, &told);
            damaged = bytes == 0;
            done += bytes;
        }
        damaged |= done == 0 && !ended;
        at += done;
    }
    reader->result->damaged_definitions = damaged;
    free(window);
    return told;
}

/* ---- threads --------------------------------------------------------------------------------- */

static status could_not_read(const struct ring_reader *reader)
{
    diag_error("could not read \"%s\": %m", reader->path);
    return FAIL;
}

static status tell_thread(struct ring_reader *reader, const struct mr_thread_slot *slot,
                          size_t index)
{
    (void)index;
    struct thread_record thread = {
        .id = slot->id,
        .tid = slot->tid,
        .ticks = slot->start_ticks,
        .name = {slot->name, strnlen(slot->name, sizeof slot->name)},
    };

    return HAND(reader, thread, &thread);
}

/* Of the managed heaps the thread was in; a row between two stores tells nothing. */
static status tell_heaps(struct ring_reader *reader, const struct mr_thread_slot *slot,
                         size_t index)
{
    struct mr_heap_slot heaps[MR_HEAPS_MAX];

    if (!read_file(reader->file, reader->shared.heap_slots_offset + index * sizeof heaps, heaps,
                   sizeof heaps)) {
        return could_not_read(reader);
    }
    for (size_t i = 0; i < MR_HEAPS_MAX; i++) {
        struct heap_counters_record counters = {
            .ticks = reader->result->last_ticks,
            .thread = slot->id,
            .heap = i + 1,
            .alloc_calls = heaps[i].alloc_calls,
            .alloc_bytes = heaps[i].bytes_base - heaps[i].countdown,
            .free_calls = heaps[i].free_calls,
            .freed_bytes = heaps[i].freed_bytes,
        };

        if (heaps[i].version % 2 == 0 && (counters.alloc_calls || counters.free_calls)) {
            TRY(HAND(reader, heap_counters, &counters));
        }
    }
    return OK;
}

static status tell_counters(struct ring_reader *reader, const struct mr_thread_slot *slot,
                            size_t index)
{
    struct thread_counters_record counters = {
        .ticks = reader->result->last_ticks,
        .thread = slot->id,
        .flags = slot->version % 2 ? MR_THREAD_INEXACT : 0, /* died between two stores */
        .alloc_calls = slot->alloc_calls,
        .alloc_bytes = slot->bytes_base - slot->countdown,
        .free_calls = slot->free_calls,
    };

    TRY(HAND(reader, thread_counters, &counters));
    return tell_heaps(reader, slot, index);
}

static status each_thread(struct ring_reader *reader,
                          status (*tell)(struct ring_reader *reader,
                                         const struct mr_thread_slot *slot, size_t index))
{
    struct mr_thread_slot slots[64];

    for (size_t i = 0; i < MR_THREAD_SLOTS; i += 64) {
        if (!read_file(reader->file, MR_SHARED_THREADS_OFFSET + i * MR_THREAD_SLOT_BYTES, slots,
                       sizeof slots)) {
            return could_not_read(reader);
        }
        for (size_t j = 0; j < 64; j++) {
            if (slots[j].state == MR_THREAD_LIVE && slots[j].id) {
                TRY(tell(reader, &slots[j], i + j));
            }
        }
    }
    return OK;
}

void ring_read_add_metric(struct ring_reader *reader, const struct metric_record *metric)
{
    for (size_t i = 0; i < LOSSES; i++) {
        if (metric->name.length == strlen(loss_names[i]) &&
            memcmp(metric->name.bytes, loss_names[i], metric->name.length) == 0) {
            reader->loss_metrics[i] = (uint32_t)metric->id;
        }
    }
}

static status tell_losses(struct ring_reader *reader)
{
    const uint64_t counts[LOSSES] = {reader->shared.dropped_samples, reader->shared.dropped_bytes,
                                     reader->shared.dropped_frees, reader->shared.dropped_marks};
    uint64_t ticks[LOSSES];
    uint32_t metrics[LOSSES];
    int64_t values[LOSSES];
    struct gauge_batch batch = {0, ticks, metrics, values};

    for (size_t i = 0; i < LOSSES; i++) {
        if (reader->loss_metrics[i]) {
            ticks[batch.count] = reader->result->last_ticks;
            metrics[batch.count] = reader->loss_metrics[i];
            values[batch.count++] = (int64_t)counts[i];
        }
    }
    return batch.count ? HAND(reader, gauges, &batch) : OK;
}

status ring_read_records(struct ring_reader *reader, const struct record_sink *sink,
                         struct ring_result *result)
{
    const struct mr_shared *shared = &reader->shared;
    uint64_t next = reader->last_sequence == UNKNOWN ? 0 : reader->last_sequence + 1;
    uint64_t written =
        shared->committed_sequence == UINT64_MAX ? 0 : shared->committed_sequence + 1;

    *result = (struct ring_result){
        .missing_from_sequence = next < written ? next : written,
        .missing_to_sequence = written,
        .last_ticks = reader->last_ticks,
    };
    reader->sink = sink;
    reader->result = result;
    if (!stacks_hash(&reader->stacks)) {
        return no_memory();
    }
    TRY(tell_definitions(reader));
    TRY(each_thread(reader, tell_thread));
    TRY(open_rings(reader));
    TRY(take_events(reader));
    TRY(take_owed_frees(reader));
    TRY(flush_batch(reader));
    TRY(each_thread(reader, tell_counters));
    return tell_losses(reader);
}
