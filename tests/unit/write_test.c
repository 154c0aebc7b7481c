/* SPDX-License-Identifier: Apache-2.0 */
/* write_test.c -- blocks in a file: headers and checksums as the format says, and a file that cannot grow
 * any more keeps its whole blocks, goes on when there is room again, and lets the reader count what is
 * missing. The full disk is a limit on the file's size; a real one is in fault/full_disk.sh. */
#include "check.h"
#include "read.h"
#include "record_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "runtime/encode.h"
#include "runtime/pages.h"
#include "runtime/write.h"

static const uint8_t trace_id[16] = "0123456789abcdef";

static struct mr_encoder encoder;
static uint64_t ticks;

static void start(struct mr_writer *writer, int file, int level)
{
    static void *memory;

    memory = memory ? memory : calloc(1, MR_ENCODER_BYTES);
    ticks = 1000000;
    mr_encode_init(&encoder, memory, true);
    CHECK(mr_write_open(writer, file, trace_id, level));
}

/* A block of so many frees; random ids make it about eight bytes an event. */
static int write_events(struct mr_writer *writer, uint32_t events, uint32_t flags)
{
    static uint64_t random = 99;

    mr_encode_reset(&encoder);
    if (writer->sequence == 0) {
        mr_encode_begin(&encoder, MR_SECTION_HEADER);
        mr_encode_header_integer(&encoder, MR_KEY_START_TICKS, ticks);
        mr_encode_header_integer(&encoder, MR_KEY_START_MONOTONIC_NS, ticks);
        mr_encode_end(&encoder);
    }
    for (uint32_t i = 0; i < events; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        struct mr_event event = {.op = MR_OP_FREE, .ticks = ticks++, .thread = 1, .key = random};
        mr_encode_event(&encoder, &event);
    }
    mr_encode_finish(&encoder);
    struct mr_block_facts facts = {
        .first_ticks = events ? encoder.first_event_ticks : ticks,
        .last_ticks = events ? encoder.last_event_ticks : ticks,
        .clock_ticks = ticks,
        .clock_ns = ticks,
        .event_count = events,
        .flags = flags,
    };
    return mr_write_block(writer, encoder.payload, encoder.used, &facts);
}

static off_t size_of(int file)
{
    struct stat facts;

    CHECK_EQ(fstat(file, &facts), 0);
    return facts.st_size;
}

static void blocks_are_as_the_format_says(int level)
{
    enum { BLOCKS = 5 };
    struct mr_writer writer;
    int file = memfd_create("trace", MFD_CLOEXEC);
    uint64_t at = 0, events = 0, mapped = mr_pages_mapped_bytes();
    uint8_t *plain = malloc(MR_PAYLOAD_BYTES_MAX);

    start(&writer, dup(file), level);
    for (uint32_t block = 0; block < BLOCKS; block++) {
        CHECK_EQ(write_events(&writer, block * 100, block == BLOCKS - 1 ? MR_BLOCK_LAST : 0), 0);
        struct mr_block_header header;

        CHECK_EQ(pread(file, &header, sizeof header, (off_t)at), sizeof header);
        CHECK_EQ(header.skippable_magic, MR_SKIPPABLE_MAGIC);
        CHECK_EQ(header.skippable_bytes, 112);
        CHECK_BYTES(header.magic, MR_BLOCK_MAGIC, 8);
        CHECK_EQ(header.major, MR_TRACE_MAJOR);
        CHECK_EQ(header.minor, MR_TRACE_MINOR);
        CHECK_EQ(header.flags, block == BLOCKS - 1 ? MR_BLOCK_LAST : 0);
        CHECK_BYTES(header.trace_id, trace_id, 16);
        CHECK_EQ(header.sequence, block);
        CHECK_EQ(header.events_before, events);
        CHECK_EQ(header.event_count, block * 100);
        CHECK_EQ(header.payload_bytes, encoder.used);
        CHECK_EQ(header.reserved, 0);
        CHECK_EQ(header.last_ticks, block ? ticks - 1 : ticks);
        CHECK_EQ(header.first_ticks, ticks - block * 100);
        CHECK_EQ(header.header_xxh3, XXH3_64bits(&header, 112));

        uint8_t *frame = malloc(header.frame_bytes);
        CHECK_EQ(pread(file, frame, header.frame_bytes, (off_t)(at + sizeof header)),
                 header.frame_bytes);
        CHECK_EQ(header.frame_xxh3, XXH3_64bits(frame, header.frame_bytes));
        CHECK_EQ(ZSTD_findFrameCompressedSize(frame, header.frame_bytes), header.frame_bytes);
        CHECK_EQ(ZSTD_decompress(plain, MR_PAYLOAD_BYTES_MAX, frame, header.frame_bytes),
                 encoder.used);
        CHECK_BYTES(plain, encoder.payload, encoder.used);
        free(frame);
        at += sizeof header + header.frame_bytes;
        events += block * 100;
        CHECK_EQ(size_of(file), at);
        CHECK_EQ(writer.bytes_written, at);
    }
    CHECK_EQ(writer.errors, 0);
    mr_write_close(&writer);
    CHECK_EQ(mr_pages_mapped_bytes(), mapped);
    free(plain);
    close(file);
}

/* What does not compress is written all the same. */
static void random_payload_fits(void)
{
    struct mr_writer writer;
    int file = memfd_create("trace", MFD_CLOEXEC);
    size_t size = MR_PAYLOAD_BYTES_MAX;
    uint8_t *payload = malloc(size);
    struct mr_block_facts facts = {0};
    uint64_t random = 1;

    for (size_t i = 0; i < size; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        payload[i] = (uint8_t)(random >> 56);
    }
    CHECK(mr_write_open(&writer, dup(file), trace_id, 1));
    CHECK_EQ(mr_write_block(&writer, payload, size, &facts), 0);
    CHECK(size_of(file) > (off_t)size && size_of(file) <= (off_t)MR_FRAME_BYTES_MAX + 120);
    mr_write_close(&writer);
    free(payload);
    close(file);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Blocks 0 to 9 of 100, 200 ... events; from `first` on until `last` there is room for `spare` bytes
 * beyond the file: none, a part of a header, or a part of a frame. */
static void check_full(uint32_t first, uint32_t last, rlim_t spare)
{
    enum { BLOCKS = 10 };
    char path[] = "/tmp/memrec_write_test_XXXXXX";
    int file = mkstemp(path);
    struct mr_writer writer;
    struct trace *trace;
    uint64_t lost = 0, total = 0;

    start(&writer, file, 1);
    for (uint32_t block = 0; block < BLOCKS; block++) {
        bool full = block >= first && block <= last;
        off_t before = size_of(file);
        uint32_t events = 100 * (block + 1);

        if (full) {
            limit_file_size((rlim_t)before + spare);
        }
        int result = write_events(&writer, events, block == BLOCKS - 1 ? MR_BLOCK_LAST : 0);
        limit_file_size(RLIM_INFINITY);
        CHECK_EQ(result, full ? -EFBIG : 0);
        CHECK_EQ(size_of(file) == before, full); /* cut back to whole blocks */
        CHECK_EQ(writer.sequence, block + 1);
        total += events;
        lost += full ? events : 0;
    }
    CHECK_EQ(writer.errors, last - first + 1);
    CHECK_EQ(writer.last_error, -EFBIG);
    CHECK_EQ(writer.events_before, total);

    if (CHECK_EQ(trace_open(path, &trace).code, STATUS_OK)) {
        struct record_dump dump = {.out = NULL};
        struct record_sink sink = record_dump_sink(&dump);

        CHECK_EQ(trace_read(trace, &sink, NULL, NULL).code, STATUS_OK);
        CHECK_EQ(trace_get_facts(trace)->intact_block_count, BLOCKS - (last - first + 1));
        CHECK_EQ(dump.gaps, 1);
        CHECK_EQ(dump.events, total - lost);
        if (last < BLOCKS - 1) { /* a later block tells what was before it */
            CHECK_EQ(dump.lost_events, lost);
            CHECK(trace_get_facts(trace)->ended);
        } else {
            CHECK_EQ(dump.lost_events, UNKNOWN);
            CHECK(!trace_get_facts(trace)->ended);
        }
        trace_close(trace);
    }
    mr_write_close(&writer);
    unlink(path);
}

/* A device that refuses every byte and cannot be cut or rewound. */
static void device_that_is_always_full(void)
{
    struct mr_writer writer;
    int file = open("/dev/full", O_WRONLY);

    if (file < 0) {
        return;
    }
    start(&writer, file, 1);
    CHECK_EQ(write_events(&writer, 10, 0), -ENOSPC);
    CHECK_EQ(write_events(&writer, 10, 0), -ENOSPC);
    CHECK_EQ(writer.errors, 2);
    CHECK_EQ(writer.events_before, 20);
    CHECK_EQ(writer.bytes_written, 0);
    mr_write_close(&writer);
}

static void descriptor_that_was_closed(void)
{
    struct mr_writer writer;
    int file = memfd_create("trace", MFD_CLOEXEC);

    start(&writer, file, 1);
    close(file); /* some programs close everything */
    errno = 123;
    CHECK_EQ(write_events(&writer, 10, 0), -EBADF);
    CHECK_EQ(errno, 123);
    CHECK_EQ(writer.errors, 1);
    mr_write_close(&writer);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    blocks_are_as_the_format_says(1);
    blocks_are_as_the_format_says(9);
    random_payload_fits();
    check_full(3, 3, 0);
    check_full(3, 3, 50);  /* inside the block's header */
    check_full(3, 3, 700); /* inside its frame */
    check_full(0, 0, 10);  /* the first one, and with it the header of the trace */
    check_full(2, 6, 300);
    check_full(9, 9, 130); /* the last one */
    device_that_is_always_full();
    descriptor_that_was_closed();
    return check_summary();
}
