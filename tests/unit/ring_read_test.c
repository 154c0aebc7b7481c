/* SPDX-License-Identifier: Apache-2.0 */
/* ring_read_test.c -- the shared memory of a process that is no more: what is taken from it, from where, and when
 * it is refused; then the same with random bytes changed. */
#include "check.h"
#include "record_dump.h"
#include "ring_read.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/stack_hash.h"
#include "schema/ring_layout.h"

enum { RINGS = 2, RING_WORDS = 512, LOG_BYTES = 1 << 17, HEAP_THREADS = 8 /* that tests use */ };
enum {
    DATA_OFFSET = MR_SHARED_RINGS_OFFSET + 4096,
    LOG_OFFSET = DATA_OFFSET + RINGS * RING_WORDS * 8,
    HEAPS_OFFSET = LOG_OFFSET + LOG_BYTES,
    FILE_BYTES = HEAPS_OFFSET + MR_THREAD_SLOTS * MR_HEAPS_MAX * sizeof(struct mr_heap_slot),
};

static const uint8_t trace_id[16] = "the trace's id.";
static char path[] = "/tmp/memrec_ring_test_XXXXXX";
static char boot_id[64];

struct image { /* the file, mapped */
    int file;
    uint8_t *bytes;
    struct mr_shared *shared;
    struct mr_thread_slot *threads;
    struct mr_ring *rings;
    struct mr_heap_slot (*heaps)[MR_HEAPS_MAX];
};

static struct image image;

static void make_image(void)
{
    image.file = mkstemp(path);
    CHECK_EQ(ftruncate(image.file, FILE_BYTES), 0);
    image.bytes = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, image.file, 0);
    image.shared = (struct mr_shared *)image.bytes;
    image.threads = (struct mr_thread_slot *)(image.bytes + MR_SHARED_THREADS_OFFSET);
    image.rings = (struct mr_ring *)(image.bytes + MR_SHARED_RINGS_OFFSET);
    image.heaps = (struct mr_heap_slot(*)[MR_HEAPS_MAX])(image.bytes + HEAPS_OFFSET);
}

static void reset_image(uint64_t first_word)
{
    memset(image.bytes, 0, HEAPS_OFFSET + HEAP_THREADS * sizeof *image.heaps);
    *image.shared = (struct mr_shared){
        .version = MR_SHARED_VERSION,
        .ring_count = RINGS,
        .ring_bytes = RING_WORDS * 8,
        .data_offset = DATA_OFFSET,
        .file_bytes = FILE_BYTES,
        .start_ticks = 100,
        .pending_sequence = UINT64_MAX,
        .committed_sequence = UINT64_MAX,
        .heap_slots_offset = HEAPS_OFFSET,
        .definitions_offset = LOG_OFFSET,
        .definitions_bytes = LOG_BYTES,
    };
    memcpy(image.shared->magic, MR_SHARED_MAGIC, sizeof image.shared->magic);
    memcpy(image.shared->trace_id, trace_id, sizeof trace_id);
    for (int i = 0; i < RINGS; i++) {
        image.rings[i].head = image.rings[i].tail = image.rings[i].pending_tail = first_word;
    }
}

static void push(int ring, const uint64_t *words, unsigned count)
{
    uint64_t *data = (uint64_t *)(image.bytes + DATA_OFFSET) + ring * RING_WORDS;

    for (unsigned i = 0; i < count; i++) {
        data[image.rings[ring].head++ % RING_WORDS] = words[i];
    }
}

static void push_alloc(int ring, uint64_t ticks, uint64_t id, const uint64_t *frames,
                       unsigned count, bool announce, bool truncated)
{
    uint64_t words[MR_EVENT_WORDS_MAX] = {
        mr_meta(MR_OP_MALLOC, announce ? count : 0, 1, truncated ? MR_META_TRUNCATED : 0,
                (uint32_t)ring + 1),
        ticks,
        0x1000 * id,
        mr_size_word(100 + id, 12),
        id,
        mr_stack_hash(frames, count),
    };

    memcpy(words + MR_ALLOC_WORDS, frames, count * sizeof *frames);
    push(ring, words, MR_ALLOC_WORDS + (announce ? count : 0));
}

static void push_free(int ring, uint64_t ticks, uint64_t id)
{
    uint64_t words[] = {mr_meta(MR_OP_FREE, 0, 0, 0, (uint32_t)ring + 1), ticks, id};

    push(ring, words, MR_FREE_WORDS);
}

static void push_object(int ring, uint64_t ticks, uint64_t id, uint64_t heap, uint64_t class_id)
{
    uint64_t words[] = {mr_meta(MR_OP_HEAP_ALLOC, 1, 33, 0, (uint32_t)ring + 1),
                        ticks,
                        0x1000 * id,
                        mr_size_word(100 + id, 0),
                        id,
                        mr_stack_hash(&(uint64_t){MR_PLACE_PC + 7}, 1),
                        MR_PLACE_PC + 7,
                        heap | class_id << 32};

    push(ring, words, 8);
}

static void push_mark(int ring, uint64_t ticks, unsigned kind, const uint64_t *arguments,
                      unsigned count)
{
    uint64_t words[MR_MARK_WORDS + MR_MARK_ARGS_MAX] = {
        mr_mark_meta(kind, count, (uint32_t)ring + 1), ticks};

    for (unsigned i = 0; i < count; i++) {
        words[MR_MARK_WORDS + i] = arguments[i];
    }
    push(ring, words, MR_MARK_WORDS + count);
}

/* A row of the definition log. */
static void define(unsigned kind, uint32_t id, const uint64_t *arguments, uint32_t count,
                   const char *text)
{
    uint8_t *at = image.bytes + LOG_OFFSET + image.shared->definitions_used;
    struct mr_definition_head head = {0, id, count, (uint32_t)strlen(text)};
    uint32_t bytes = (uint32_t)(sizeof head + 8 * count + head.text_bytes + 7) & ~7U;

    head.size_and_kind = bytes << 8 | kind;
    memcpy(at, &head, sizeof head);
    if (count) {
        memcpy(at + sizeof head, arguments, 8 * count);
    }
    memcpy(at + sizeof head + 8 * count, text, head.text_bytes);
    image.shared->definitions_used += bytes;
}

static uint64_t dead_pid(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return (uint64_t)pid;
}

static struct ring_source source_of(uint64_t last_sequence, uint64_t pid)
{
    return (struct ring_source){
        .path = {path, strlen(path)},
        .boot_id = {boot_id, strlen(boot_id)},
        .trace_id = trace_id,
        .pid = pid,
        .last_sequence = last_sequence,
        .last_ticks = 150,
    };
}

/* A process that lives, with or without the rings mapped. */
static pid_t live_process(bool mapped)
{
    int ready[2];
    char byte = 0;

    CHECK_EQ(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!mapped) {
            munmap(image.bytes, FILE_BYTES);
        }
        byte = write(ready[1], &byte, 1) == 1;
        for (;;) {
            pause();
        }
    }
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* What the rings say, as text for the caller to free; *result as ring_read_records left it. */
static char *dump_rings(uint64_t last_sequence, uint64_t pid, struct ring_result *result)
{
    static const uint64_t parents[] = {0, 2}, pcs[] = {0x401020, 0x401010};
    struct stack_record known = {2, 2, parents, pcs};
    struct metric_record metric = {9, 0, 1, {"recorder.dropped_frees", 22}};
    struct metric_record marks_metric = {8, 0, 1, {"recorder.dropped_marks", 22}};
    struct ring_source source = source_of(last_sequence, pid);
    char *text = NULL;
    size_t bytes;
    struct record_dump dump = {.out = open_memstream(&text, &bytes)};
    struct record_sink sink = record_dump_sink(&dump);
    const char *why;
    struct ring_reader *rings = ring_read_open(&source, &why);

    *result = (struct ring_result){0};
    if (rings) {
        CHECK_EQ(ring_read_add_stacks(rings, &known).code, STATUS_OK);
        ring_read_add_metric(rings, &metric);
        ring_read_add_metric(rings, &marks_metric);
        CHECK_EQ(ring_read_records(rings, &sink, result).code, STATUS_OK);
        CHECK_EQ(dump.events, result->events);
        CHECK_EQ(dump.marks, result->marks);
    } else {
        fprintf(dump.out, "refused: %s\n", why);
    }
    ring_read_close(rings);
    fclose(dump.out);
    return text;
}

static void check_rings(uint64_t last_sequence, uint64_t pid, const char *expected)
{
    struct ring_result result;
    char *text = dump_rings(last_sequence, pid, &result);
    char *gauges = strstr(text, "gauge ");

    if (gauges) {
        *gauges = '\0';
    }
    CHECK_STR(text, expected);
    free(text);
}

static const uint64_t old_stack[] = {0x401010, 0x401020}; /* the trace has it */
static const uint64_t new_stack[] = {0x402010, 0x402020};

static void events_are_merged_and_stacks_found(uint64_t pid)
{
    struct ring_result result;

    reset_image(RING_WORDS - 20); /* the second event wraps around */
    push_alloc(0, 200, 1, old_stack, 2, false, false);
    push_alloc(0, 220, 2, new_stack, 2, true, false);
    push_alloc(0, 240, 4, new_stack, 2, false, false);
    push_alloc(1, 210, 3, new_stack, 1, false, false); /* announced nowhere */
    push_free(1, 230, 1);
    push_alloc(1, 250, 5, new_stack + 1, 1, true, true);
    image.shared->owed_frees[3] = 2;
    image.shared->dropped_frees = 7;
    image.threads[4] = (struct mr_thread_slot){.countdown = 50,
                                               .alloc_calls = 11,
                                               .free_calls = 3,
                                               .bytes_base = 1050,
                                               .state = MR_THREAD_LIVE,
                                               .id = 1,
                                               .tid = 77,
                                               .start_ticks = 120,
                                               .name = "main"};
    char *text = dump_rings(0, pid, &result);
    CHECK_STR(text,
              "thread 1 tid=77 ticks=120 name=\"main\"\n"
              "stack 4 parent=0 pc=402020\n"
              "stack 5 parent=4 pc=402010\n"
              "stack 6 parent=1 pc=402020\n"
              "alloc 200 thread=1 op=81 address=1000 size=101 extra=12 stack=3 interval=1 id=1\n"
              "alloc 210 thread=2 op=81 address=3000 size=103 extra=12 stack=0 interval=1 id=3\n"
              "alloc 220 thread=1 op=81 address=2000 size=102 extra=12 stack=5 interval=1 id=2\n"
              "free 230 thread=2 op=00 id=1\n"
              "alloc 240 thread=1 op=81 address=4000 size=104 extra=12 stack=5 interval=1 id=4\n"
              "alloc 250 thread=2 op=81 address=5000 size=105 extra=12 stack=6 interval=1 id=5\n"
              "free 250 thread=0 op=00 id=2\n"
              "counters 1 ticks=250 flags=0 allocs=11 bytes=1000 frees=3\n"
              "gauge 250 metric=9 value=7\n"
              "gauge 250 metric=8 value=0\n");
    CHECK_EQ(result.events, 7);
    CHECK_EQ(result.owed_frees, 1);
    CHECK_EQ(result.lost_stacks, 1);
    CHECK_EQ(result.damaged_rings, 0);
    CHECK_EQ(result.last_ticks, 250);
    free(text);
}

/* What the program told lies among its events, in the order of time. */
static void marks_are_merged(uint64_t pid)
{
    static const uint64_t frame[] = {1, 2, 3, 4, 5, 100, 2, 1}, gc[] = {1, 1, MR_UNKNOWN, 0};
    struct ring_result result;

    reset_image(RING_WORDS - 9); /* the second mark wraps around */
    push_mark(0, 200, MR_MARK_PAUSE, NULL, 0);
    push_mark(0, 210, MR_MARK_FRAME_BEGIN, frame, 8);
    push_object(0, 220, 1, 1, 3);
    push_mark(0, 230, 999, frame, 8); /* of a newer recorder */
    push_mark(0, 240, MR_MARK_FRAME_END, frame, 3);
    push_mark(1, 205, MR_MARK_GC_BEGIN, gc, 4);
    push_free(1, 235, 1);
    push_mark(1, 260, MR_MARK_RESUME, NULL, 0); /* two words are enough for an end */
    image.shared->owed_frees[0] = 5 | MR_OBJECT_KEY;
    image.shared->dropped_marks = 4;
    char *text = dump_rings(0, pid, &result);
    CHECK_STR(text, "stack 4 parent=0 pc=fffe000000000007\n"
                    "pause 200 thread=1\n"
                    "gc-begin 205 thread=2 heap=1 kind=1 flags=? reason=0\n"
                    "frame-begin 210 thread=1 stream=1 minor-faults=2 major-faults=3 overflows=4 "
                    "overflow-bytes=5 c=100,2,1\n"
                    "alloc 220 thread=1 op=86 address=1000 size=101 extra=0 stack=4 interval=33 "
                    "id=1 heap=1 class=3\n"
                    "free 235 thread=2 op=00 id=1\n"
                    "frame-end 240 thread=1 stream=1 minor-faults=2 major-faults=3\n"
                    "resume 260 thread=2\n"
                    "free 260 thread=0 op=06 id=5\n"
                    "gauge 260 metric=9 value=0\n"
                    "gauge 260 metric=8 value=4\n");
    CHECK_EQ(result.events, 3);
    CHECK_EQ(result.marks, 5);
    CHECK_EQ(result.damaged_rings, 0);
    CHECK_EQ(result.last_ticks, 260);
    free(text);

    reset_image(0);
    push_mark(0, 200, MR_MARK_PAUSE, NULL, 0);
    push_mark(0, 210, MR_MARK_POOL_SLOTS, (uint64_t[MR_MARK_ARGS_MAX]){1}, MR_MARK_ARGS_MAX);
    push_mark(1, 205, MR_MARK_RESUME, NULL, 0);
    free(dump_rings(0, pid, &result));
    CHECK_EQ(result.marks, 3);
    ((uint64_t *)(image.bytes + DATA_OFFSET))[MR_MARK_WORDS] += 1 << 8; /* 65 arguments */
    free(dump_rings(0, pid, &result));
    CHECK_EQ(result.marks, 2);
    CHECK_EQ(result.damaged_rings, 1);
}

static status check_batch(void *context, const struct event_batch *batch)
{
    uint64_t *count = context;

    for (size_t i = 0; i < batch->mark_count; i++, ++*count) {
        CHECK(batch->marks[i].ticks == 200 + *count);
        CHECK(batch->marks[i].argument_count == 0 ||
              mark_argument(&batch->marks[i], 63) == 1000 + *count);
    }
    return OK;
}

/* More marks, or more arguments, than a batch holds. One ring, as large as the file allows. */
static void many_marks_are_told(uint64_t pid, unsigned argument_count)
{
    enum { WORDS = 1 << 18 };
    uint64_t *data = (uint64_t *)(image.bytes + DATA_OFFSET), at = 0, pushed = 0, told = 0;
    struct record_sink sink = {.context = &told, .events = check_batch};
    struct ring_source source = source_of(0, pid);
    struct ring_result result;
    const char *why;

    reset_image(0);
    image.shared->ring_count = 1;
    image.shared->ring_bytes = WORDS * 8;
    for (; at + MR_MARK_WORDS + argument_count <= WORDS; pushed++) {
        data[at] = mr_mark_meta(MR_MARK_POOL_SLOTS, argument_count, 1);
        data[at + 1] = 200 + pushed;
        if (argument_count) {
            data[at + MR_MARK_WORDS + argument_count - 1] = 1000 + pushed;
        }
        at += MR_MARK_WORDS + argument_count;
    }
    image.rings[0].head = at;
    struct ring_reader *rings = ring_read_open(&source, &why);
    if (CHECK(rings)) {
        CHECK_EQ(ring_read_records(rings, &sink, &result).code, STATUS_OK);
    }
    ring_read_close(rings);
    CHECK_EQ(told, pushed);
    memset(image.bytes + HEAPS_OFFSET, 0, FILE_BYTES - HEAPS_OFFSET);
}

static void definitions_are_told(uint64_t pid)
{
    static const uint64_t stream[] = {1, 16666667}, pool[] = {2, 1, 1, 0, 1 << 20, MR_UNKNOWN};
    struct ring_result result;

    reset_image(0);
    define(MR_DEFINE_NAME, 1, NULL, 0, "screen");
    define(MR_DEFINE_STREAM, 1, stream, 2, "");
    define(99, 1, stream, 2, "of a newer recorder");
    define(MR_DEFINE_NAME, 2, NULL, 0, "scratch!"); /* fills its eight bytes */
    define(MR_DEFINE_POOL, 1, pool, 6, "");
    uint64_t used = image.shared->definitions_used;
    define(MR_DEFINE_NAME, 3, NULL, 0, "half written");
    memset(image.bytes + LOG_OFFSET + used, 0, 4);
    define(MR_DEFINE_NAME, 4, NULL, 0, "behind it");
    static const char *const told = "define name 1 text=\"screen\"\n"
                                    "define stream 1 1 16666667\n"
                                    "define name 2 text=\"scratch!\"\n"
                                    "define pool 1 2 1 1 0 1048576\n";
    check_rings(0, pid, told);
    struct mr_definition_head *head =
        (struct mr_definition_head *)(image.bytes + LOG_OFFSET + used);
    for (unsigned wrong = 0; wrong < 5; wrong++) {
        *head = (struct mr_definition_head){wrong == 0   ? 8 << 8 | MR_DEFINE_NAME /* no head */
                                            : wrong == 1 ? 33 << 8 | MR_DEFINE_NAME
                                            : wrong == 2 ? 1 << 30 | MR_DEFINE_NAME
                                                         : 32 << 8 | MR_DEFINE_NAME,
                                            3, wrong == 3 ? UINT32_MAX : 0, wrong == 4 ? 17 : 12};
        char *text = dump_rings(0, pid, &result);
        *strstr(text, "gauge ") = '\0';
        CHECK_STR(text, told);
        CHECK(result.damaged_definitions);
        free(text);
    }
    image.shared->definitions_used = LOG_BYTES + 1;
    free(dump_rings(0, pid, &result));
    CHECK(result.damaged_definitions);
}

static status count_definition(void *context, const struct definition_record *definition)
{
    uint64_t *count = context;

    CHECK_EQ(definition->id, ++*count);
    CHECK(definition->text.length == 100 && definition->text.bytes[definition->id % 100] == 'y');
    return OK;
}

/* The log is read in parts: rows lie across their borders. */
static void a_long_log_is_told(uint64_t pid)
{
    uint64_t count = 0, rows = LOG_BYTES / 120;
    struct record_sink sink = {.context = &count, .definition = count_definition};
    struct ring_source source = source_of(0, pid);
    struct ring_result result;
    const char *why;

    reset_image(0);
    for (uint64_t id = 1; id <= rows; id++) {
        char text[101];

        memset(text, 'x', 100);
        text[id % 100] = 'y';
        text[100] = '\0';
        define(MR_DEFINE_NAME, (uint32_t)id, NULL, 0, text);
    }
    struct ring_reader *rings = ring_read_open(&source, &why);
    if (CHECK(rings)) {
        CHECK_EQ(ring_read_records(rings, &sink, &result).code, STATUS_OK);
        CHECK(!result.damaged_definitions);
    }
    ring_read_close(rings);
    CHECK_EQ(count, rows);
}

static void heaps_are_counted(uint64_t pid)
{
    reset_image(0);
    push_free(0, 200, 1);
    image.threads[4] = (struct mr_thread_slot){.state = MR_THREAD_LIVE, .id = 1, .tid = 77};
    image.heaps[4][0] = (struct mr_heap_slot){
        .countdown = 30, .alloc_calls = 9, .free_calls = 2, .freed_bytes = 20, .bytes_base = 120};
    image.heaps[4][1] = (struct mr_heap_slot){.free_calls = 1, .freed_bytes = 8};
    image.heaps[4][2] =
        (struct mr_heap_slot){.alloc_calls = 1, .version = 3};   /* between two stores */
    image.heaps[5][0] = (struct mr_heap_slot){.alloc_calls = 5}; /* of nobody */
    check_rings(0, pid,
                "thread 1 tid=77 ticks=0 name=\"\"\n"
                "free 200 thread=1 op=00 id=1\n"
                "counters 1 ticks=200 flags=0 allocs=0 bytes=0 frees=0\n"
                "heap_counters 1 thread=1 ticks=200 allocs=9 bytes=90 frees=2 freed=20\n"
                "heap_counters 2 thread=1 ticks=200 allocs=0 bytes=0 frees=1 freed=8\n");
}

/* Each event is in a block or in a ring, whenever the process died. Block 5 takes the first free. */
static void commit_protocol_is_obeyed(uint64_t pid)
{
    static const char both[] = "free 200 thread=1 op=00 id=1\nfree 210 thread=1 op=00 id=2\n";
    static const char second[] = "free 210 thread=1 op=00 id=2\n";
    static const char none[] = "";
    struct ring_result result;

    reset_image(0);
    push_free(0, 200, 1);
    push_free(0, 210, 2);
    image.shared->pending_sequence = image.shared->committed_sequence = 4;
    check_rings(4, pid, both);
    image.rings[0].pending_tail = MR_FREE_WORDS; /* about to write block 5 */
    check_rings(4, pid, both);
    image.shared->pending_sequence = 5;
    check_rings(4, pid, both); /* not, or not wholly written */
    check_rings(5, pid, second);
    image.rings[0].tail = MR_FREE_WORDS;
    check_rings(5, pid, second);
    image.shared->committed_sequence = 5;
    check_rings(5, pid, second);
    image.rings[0].pending_tail = 2 * MR_FREE_WORDS; /* about to write block 6 */
    check_rings(5, pid, second);
    image.shared->pending_sequence = 6;
    check_rings(6, pid, none);

    free(dump_rings(3, pid, &result)); /* blocks 4 and 5 were written, and the file lost them */
    CHECK_EQ(result.missing_from_sequence, 4);
    CHECK_EQ(result.missing_to_sequence, 6);
}

static void others_are_refused(uint64_t pid)
{
    struct ring_source source = source_of(0, pid);
    const char *why;

    reset_image(0);
    push_free(0, 200, 1);
    pid_t recorded = live_process(true), other = live_process(false);
    check_rings(0, (uint64_t)recorded, "refused: the process is still being recorded\n");
    check_rings(0, (uint64_t)other, "free 200 thread=1 op=00 id=1\n"); /* has got its number */
    end_process(recorded);
    end_process(other);
    source.boot_id.length--;
    CHECK(!ring_read_open(&source, &why) && why == ring_read_other_boot);
    image.shared->trace_id[0]++;
    check_rings(0, pid, "refused: its shared memory belongs to another trace\n");
    image.shared->trace_id[0]--;
    image.shared->version = 1;
    check_rings(0, pid, "refused: its shared memory was laid out by another version of memrec\n");
    image.shared->version = MR_SHARED_VERSION;
    uint64_t *const sizes[] = {&image.shared->data_offset, &image.shared->heap_slots_offset,
                               &image.shared->definitions_offset, &image.shared->definitions_bytes};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned shift = 22; shift < 64; shift += 41) {
            *sizes[i] += UINT64_C(1) << shift;
            check_rings(0, pid, "refused: its shared memory is damaged\n");
            *sizes[i] -= UINT64_C(1) << shift;
        }
    }
    image.shared->ring_count = MR_RINGS_MAX + 1;
    check_rings(0, pid, "refused: its shared memory is damaged\n");
    image.shared->ring_count = RINGS;
    image.shared->ring_bytes = 4095;
    check_rings(0, pid, "refused: its shared memory is damaged\n");
    image.shared->ring_bytes = UINT64_C(1) << 63;
    check_rings(0, pid, "refused: its shared memory is damaged\n");
    image.shared->magic[7] = 'x';
    check_rings(0, pid, "refused: its shared memory is damaged\n");
    source = source_of(0, pid);
    source.path = (struct text){"/dev/shm/memrec-there-is-none", 29};
    CHECK(!ring_read_open(&source, &why) && why == ring_read_gone);
    source.path = (struct text){"/dev", 4};
    CHECK(!ring_read_open(&source, &why) && why == ring_read_damaged);
}

static uint64_t next_random(void)
{
    static uint64_t state = 7;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 33;
}

static void changed_bytes_do_no_harm(uint64_t pid)
{
    struct ring_result result;
    uint64_t read_anyway = 0;

    for (int round = 0; round < 1000; round++) {
        reset_image(next_random());
        for (uint64_t i = 1; i < 10; i++) {
            push_alloc(0, 200 + i, i, new_stack, 2, i % 2, false);
            push_free(1, 210 + i, i);
            push_mark(1, 210 + i, MR_MARK_GC_BEGIN, (uint64_t[]){1, 2, 3, i}, 4);
            push_object(0, 210 + i, 100 + i, 1, i);
            define(MR_DEFINE_CLASS, (uint32_t)i, (uint64_t[]){i, 0}, 2, "text");
        }
        image.threads[0] = (struct mr_thread_slot){.state = MR_THREAD_LIVE, .id = 1};
        image.heaps[0][0] = (struct mr_heap_slot){.alloc_calls = 5};
        for (uint64_t changes = 1 + next_random() % 3; changes > 0; changes--) {
            size_t places[] = {next_random() % sizeof *image.shared,
                               MR_SHARED_RINGS_OFFSET + next_random() % (RINGS * MR_RING_BYTES),
                               DATA_OFFSET + next_random() % (RINGS * RING_WORDS * 8),
                               MR_SHARED_THREADS_OFFSET + next_random() % MR_THREAD_SLOT_BYTES,
                               LOG_OFFSET + next_random() % 400,
                               HEAPS_OFFSET + next_random() % sizeof *image.heaps};

            image.bytes[places[next_random() % 6]] ^= (uint8_t)(1 << next_random() % 8);
        }
        free(dump_rings(0, pid, &result));
        read_anyway += result.events;
    }
    CHECK(read_anyway > 1000 * 9);
}

int main(void)
{
    uint64_t pid = dead_pid();
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");

    CHECK(in && fgets(boot_id, sizeof boot_id, in));
    boot_id[strcspn(boot_id, "\n")] = '\0';
    if (in) {
        fclose(in);
    }
    make_image();
    events_are_merged_and_stacks_found(pid);
    marks_are_merged(pid);
    many_marks_are_told(pid, 0);
    many_marks_are_told(pid, MR_MARK_ARGS_MAX);
    definitions_are_told(pid);
    a_long_log_is_told(pid);
    heaps_are_counted(pid);
    commit_protocol_is_obeyed(pid);
    others_are_refused(pid);
    changed_bytes_do_no_harm(pid);
    unlink(path);
    return check_summary();
}
