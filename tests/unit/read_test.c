/* SPDX-License-Identifier: Apache-2.0 */
/* read_test.c -- a trace cut at every byte, with every bit flipped, with blocks missing, doubled and out of
 * order: every intact block is read, every missing event is counted, and nothing crashes. */
#include "check.h"
#include "mktrace.h"
#include "read.h"
#include "record_dump.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Four blocks with 2, 4, 3 and 1 events. */
static const char four_blocks[] = "run sampled interval 64K exe /bin/x pid 42\n"
                                  "thread 1 main\n"
                                  "module libx 0x400000 0x10000 build-id aa55\n"
                                  "stack A = 0x401010 0x401020\n"
                                  "at 10ms alloc 0x1000 100 via A usable 112\n"
                                  "at 20ms free 0x1000\n"
                                  "block\n"
                                  "at 30ms alloc 0x2000 100 via A\n"
                                  "at 31ms alloc 0x3000 200 via A\n"
                                  "at 32ms alloc 0x4001 300 via A\n"
                                  "at 33ms free 0x2000\n"
                                  "at 33ms gauge process.rss_bytes 4096\n"
                                  "block\n"
                                  "at 40ms thread 2 alloc 0x2000 70000 interval 3\n"
                                  "at 41ms free 0x4001 by-realloc\n"
                                  "at 41ms alloc 0x4001 301 kind realloc\n"
                                  "block\n"
                                  "at 50ms free 0x3000\n"
                                  "at 60ms counters 1 allocs 7 bytes 900 frees 4\n"
                                  "at 70ms end exit\n";
enum { EVENTS = 10, BLOCKS = 4 };

struct image { /* a trace in memory that has a path */
    int file;
    char path[64];
};

static struct image image_of(const uint8_t *bytes, size_t size_bytes)
{
    struct image image = {.file = memfd_create("trace", MFD_CLOEXEC)};

    CHECK_EQ(pwrite(image.file, bytes, size_bytes, 0), size_bytes);
    snprintf(image.path, sizeof image.path, "/proc/self/fd/%d", image.file);
    return image;
}

/* Complaints about damage are expected by the thousand. */
static int silence(void)
{
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

    fflush(stderr);
    dup2(null, STDERR_FILENO);
    close(null);
    return saved;
}

static void unsilence(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

struct outcome {
    bool opened;
    uint64_t intact_blocks, announced_events;
    bool ended;
    struct record_dump dump;
};

static struct outcome read_image(const uint8_t *bytes, size_t size_bytes, FILE *out)
{
    struct outcome outcome = {.dump = {.out = out}};
    struct record_sink sink = record_dump_sink(&outcome.dump);
    struct image image = image_of(bytes, size_bytes);
    struct trace *trace;

    if (trace_open(image.path, &trace).code == STATUS_OK) {
        outcome.opened = true;
        outcome.intact_blocks = trace_get_facts(trace)->intact_block_count;
        outcome.ended = trace_get_facts(trace)->ended;
        CHECK_EQ(trace_read(trace, &sink, NULL, NULL).code, STATUS_OK);
        outcome.announced_events = trace_get_facts(trace)->event_count;
        trace_close(trace);
    }
    close(image.file);
    return outcome;
}

static char *dump_of(const char *text)
{
    uint8_t *bytes;
    size_t size_bytes, dumped_bytes;
    char *dumped = NULL;

    if (!CHECK(mktrace("test", text, &bytes, &size_bytes))) {
        return strdup("");
    }
    FILE *out = open_memstream(&dumped, &dumped_bytes);
    read_image(bytes, size_bytes, out);
    fclose(out);
    free(bytes);
    return dumped;
}

static void check_dump(const char *text, const char *expected)
{
    char *dumped = dump_of(text);

    CHECK_STR(dumped, expected);
    free(dumped);
}

/* Only the gaps. */
static void check_gaps(const char *damage, const char *expected)
{
    char text[4096], gaps[1024] = "";

    snprintf(text, sizeof text, "%s%s\n", four_blocks, damage);
    char *dumped = dump_of(text);
    for (char *line = strtok(dumped, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "gap ", 4) == 0) {
            strcat(strcat(gaps, line + 4), "\n");
        }
    }
    CHECK_STR(gaps, expected);
    free(dumped);
}

static void whole_trace_is_read(void)
{
    check_dump(
        four_blocks,
        "header pid=42 executable=\"/bin/x\" start_ticks=1000000 "
        "start_monotonic_ns=5000000000 interval=65536 mode=0\n"
        "thread 1 tid=1001 ticks=1000000 name=\"main\"\n"
        "module 1 ticks=1000000 bias=400000 400000+10000 build_id=\"\\xaaU\" path=\"libx\"\n"
        "stack 2 parent=0 pc=401020\n"
        "stack 3 parent=2 pc=401010\n"
        "alloc 2000000 thread=1 op=81 address=1000 size=100 extra=12 stack=3 interval=1 id=1\n"
        "free 3000000 thread=1 op=00 id=1\n"
        "alloc 4000000 thread=1 op=81 address=2000 size=100 extra=0 stack=3 interval=1 id=2\n"
        "alloc 4100000 thread=1 op=81 address=3000 size=200 extra=0 stack=3 interval=1 id=3\n"
        "alloc 4200000 thread=1 op=81 address=4001 size=300 extra=0 stack=3 interval=1 id=4\n"
        "free 4300000 thread=1 op=00 id=2\n"
        "metric 1 unit=1 kind=0 name=\"process.rss_bytes\"\n"
        "gauge 4300000 metric=1 value=4096\n"
        "alloc 5000000 thread=2 op=81 address=2000 size=70000 extra=0 stack=0 interval=3 id=5\n"
        "free 5100000 thread=1 op=03 id=4\n"
        "alloc 5100000 thread=1 op=83 address=4001 size=301 extra=0 stack=0 interval=1 id=6\n"
        "free 6000000 thread=1 op=00 id=3\n"
        "counters 1 ticks=7000000 flags=0 allocs=7 bytes=900 frees=4\n"
        "end reason=0 ticks=8000000\n");
}

static void damage_becomes_gaps(void)
{
    uint8_t *bytes;
    size_t size_bytes;
    char expected[512];
    uint64_t at[BLOCKS] = {0}; /* where the blocks begin */

    CHECK(mktrace("test", four_blocks, &bytes, &size_bytes));
    for (size_t i = 1; i < BLOCKS; i++) {
        const uint8_t *from = bytes + at[i - 1] + 16; /* past the magic of the block before */
        const uint8_t *next =
            memmem(from, size_bytes - (size_t)(from - bytes), "\x89MREC\r\n\x1a", 8);

        at[i] = (uint64_t)(next - bytes) - 8;
    }
    free(bytes);

    snprintf(expected, sizeof expected,
             "\"missing block\" ticks=3000000-5000000 lost=4 bytes=%llu-%llu\n",
             (unsigned long long)at[1], (unsigned long long)at[1]);
    check_gaps("damage remove block 1", expected);
    snprintf(expected, sizeof expected,
             "\"wrong checksum\" ticks=3000000-5000000 lost=4 bytes=%llu-%llu\n",
             (unsigned long long)at[1], (unsigned long long)at[2]);
    check_gaps("damage flip block 1 130 3", expected);
    check_gaps("damage flip block 1 20 0", expected);
    snprintf(expected, sizeof expected,
             "\"not a block\" ticks=3000000-4000000 lost=0 bytes=%llu-%llu\n",
             (unsigned long long)at[1], (unsigned long long)at[1] + 5);
    check_gaps("damage insert block 1 hello", expected);
    snprintf(expected, sizeof expected,
             "\"repeated block\" ticks=4300000-5000000 lost=0 bytes=%llu-%llu\n",
             (unsigned long long)at[2], (unsigned long long)(2 * at[2] - at[1]));
    check_gaps("damage repeat block 1", expected);
    snprintf(expected, sizeof expected,
             "\"not a block\" ticks=4000000-4000000 lost=2 bytes=0-%llu\n",
             (unsigned long long)at[1]);
    check_gaps("damage flip block 0 3 0", expected);
    snprintf(expected, sizeof expected,
             "\"missing block\" ticks=4000000-4000000 lost=2 bytes=0-0\n");
    check_gaps("damage remove block 0", expected);
    snprintf(expected, sizeof expected, "\"cut off\" ticks=4300000-? lost=? bytes=%llu-%llu\n",
             (unsigned long long)at[2], (unsigned long long)at[2] + 77);
    check_gaps("damage cut block 2 77", expected);
    snprintf(expected, sizeof expected,
             "\"the recording did not end in order\" ticks=5100000-? lost=? bytes=%llu-%llu\n",
             (unsigned long long)at[3], (unsigned long long)at[3]);
    check_gaps("damage remove block 3", expected);
    /* The last block's header tells what its frame held. */
    snprintf(expected, sizeof expected,
             "\"cut off\" ticks=5100000-6000000 lost=1 bytes=%llu-%llu\n",
             (unsigned long long)at[3], (unsigned long long)at[3] + 125);
    check_gaps("damage cut block 3 125", expected);
}

static void malformed_sections_become_gaps(void)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"raw 2 01", "a section is shorter than its contents"},
        {"raw 7 00ff", "a section is shorter than its contents"},
        {"raw 6 02 01 00 02", "a stack node is its own ancestor"},
        {"raw 6 02 01 03 02", "a stack node is its own ancestor"},
        {"raw 6 01 01 01 02", "a stack node has the id of a root"},
        {"raw 6 ffffffff0f 02 01 02 01 02", "an id needs more than 32 bits"},
        {"raw 4 ffffffff1f 01 01 00", "an id needs more than 32 bits"},
        {"raw 4 ffffffffffffffffff02 01 01 00", "a section is shorter than its contents"},
        {"raw 4 01 01 01 05 61", "a section is shorter than its contents"},
        {"raw 9 ffff03 00 000000", "a section is shorter than its contents"},
        {"raw 9 01 00 00 808040 00", "a metric id is too large"},
        {"raw 7 00 01 02 00 00 00", "more allocations than events"},
        /* one free, no column long enough; then one whose op says allocation */
        {"raw 7 00 01 00 00 00 00 00000000000000000000", "a column does not hold its rows"},
        {"raw 7 00 01 00 00 00 00 0181 0100 0101 000000000000 0100",
         "operations and counts disagree"},
        /* a free at ticks 0 in a block that begins later */
        {"raw 7 00 01 00 00 00 00 0100 0100 0101 000000000000 0100",
         "an event lies outside its block's time"},
        {"count 3", "the number of events is not the announced one"},
    };
    char text[1024], expected[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text,
                 "run full\nat 10ms alloc 0x1000 1\nat 20ms %s\nat 30ms free 0x1000\nblock\n"
                 "at 40ms alloc 0x1000 2\nat 50ms end\n",
                 cases[i].line);
        char *dumped = dump_of(text);
        snprintf(expected, sizeof expected, "gap \"%s\" ", cases[i].expected);
        if (!CHECK(strstr(dumped, expected)) ||
            !CHECK(strstr(dumped, "alloc 2000000 thread=1 op=81 address=1000 size=1 ")) ||
            !CHECK(strstr(dumped, "alloc 5000000 thread=1 op=81 address=1000 size=2 "))) {
            fprintf(stderr, "after \"%s\":\n%s", cases[i].line, dumped);
        }
        free(dumped);
    }
    check_dump(
        "run full\nraw 99 0102030405\nat 10ms alloc 0x10 1\nat 10ms alloc 0xffffffffffffffff 1\n"
        "at 10ms free 0x3\nat 20ms end\n",
        "header start_ticks=1000000 start_monotonic_ns=5000000000 mode=1\n"
        "alloc 2000000 thread=1 op=81 address=10 size=1 extra=0 stack=0 interval=0\n"
        "alloc 2000000 thread=1 op=81 address=ffffffffffffffff size=1 extra=0 stack=0 interval=0\n"
        "free 2000000 thread=1 op=00 address=3\n"
        "end reason=0 ticks=3000000\n");
}

static void every_cut_and_every_bit(void)
{
    uint8_t *bytes;
    size_t size_bytes;

    CHECK(mktrace("test", four_blocks, &bytes, &size_bytes));
    int saved = silence();
    for (size_t cut = 0; cut < size_bytes; cut++) {
        struct outcome outcome = read_image(bytes, cut, NULL);

        CHECK(!outcome.opened || outcome.dump.gaps == 1);
        CHECK(!outcome.ended);
        CHECK(!outcome.opened || outcome.dump.lost_events == UNKNOWN ||
              outcome.dump.events + outcome.dump.lost_events == EVENTS);
    }
    for (size_t bit = 0; bit < 8 * size_bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct outcome outcome = read_image(bytes, size_bytes, NULL);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool known = outcome.dump.lost_events != UNKNOWN;

        CHECK(outcome.opened);
        CHECK_EQ(outcome.announced_events, outcome.dump.events);
        CHECK_EQ(outcome.intact_blocks, BLOCKS - 1);
        CHECK_EQ(outcome.dump.gaps, 1);
        CHECK(known ? outcome.dump.events + outcome.dump.lost_events == EVENTS : !outcome.ended);
    }
    unsilence(saved);
    free(bytes);
}

static void clock_is_interpolated(void)
{
    uint8_t *bytes;
    size_t size_bytes;
    struct trace *trace;

    CHECK(mktrace("test", four_blocks, &bytes, &size_bytes));
    struct image image = image_of(bytes, size_bytes);
    CHECK_EQ(trace_open(image.path, &trace).code, STATUS_OK);
    CHECK_EQ(trace_ns(trace, 1000000), 0);
    CHECK_EQ(trace_ns(trace, 2000000), 10000000); /* a tick is 10 ns */
    CHECK_EQ(trace_ns(trace, 999999), -10);
    CHECK_EQ(trace_ns(trace, 4150000), 31500000);
    CHECK_EQ(trace_ns(trace, 101000000), 1000000000);
    CHECK_EQ(trace_get_facts(trace)->clock_count, 5);
    CHECK(trace_header(trace) && trace_header(trace)->pid == 42);
    for (uint64_t ticks = 0; ticks < 9000000; ticks += 999) {
        CHECK(trace_ns(trace, ticks) < trace_ns(trace, ticks + 1));
    }
    trace_close(trace);
    close(image.file);
    free(bytes);
}

struct copy {
    uint8_t bytes[4096];
    size_t count;
    uint64_t blocks;
};

static status copy_block(void *context, const struct mr_block_header *header, const uint8_t *bytes,
                         size_t size_bytes)
{
    struct copy *copy = context;

    (void)header;
    memcpy(copy->bytes + copy->count, bytes, size_bytes);
    copy->count += size_bytes;
    copy->blocks++;
    return OK;
}

static void blocks_are_handed_out_whole(void)
{
    uint8_t *bytes;
    size_t size_bytes;
    struct trace *trace;
    struct copy copy = {.count = 0};

    CHECK(mktrace("test", four_blocks, &bytes, &size_bytes));
    struct image image = image_of(bytes, size_bytes);
    CHECK_EQ(trace_open(image.path, &trace).code, STATUS_OK);
    CHECK_EQ(trace_each_block(trace, &copy, copy_block).code, STATUS_OK);
    CHECK_EQ(copy.blocks, BLOCKS);
    if (CHECK_EQ(copy.count, size_bytes)) {
        CHECK_BYTES(copy.bytes, bytes, size_bytes);
    }
    trace_close(trace);
    close(image.file);
    free(bytes);
}

int main(void)
{
    whole_trace_is_read();
    damage_becomes_gaps();
    malformed_sections_become_gaps();
    every_cut_and_every_bit();
    clock_is_interpolated();
    blocks_are_handed_out_whole();
    return check_summary();
}
