/* SPDX-License-Identifier: Apache-2.0 */
/* decode_test.c -- the worked examples of TRACE_FORMAT.md, every kind of mark from text, and what the recorder
 * encodes: all decode to what they say. */
#include "check.h"
#include "decode.h"
#include "mktrace.h"
#include "read.h"
#include "record_dump.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/encode.h"

/* ---- the worked example ---------------------------------------------------------------------- */

static char *file_text(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);

    CHECK(in && text && fread(text, 1, (1 << 16) - 1, in) > 0);
    if (in) {
        fclose(in);
    }
    return text;
}

static size_t bytes_of_hex(const char *text, uint8_t *out)
{
    size_t count = 0;

    for (; *text; text++) {
        if (*text == '#') {
            text += strcspn(text, "\n");
        } else if (isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1])) {
            char pair[3] = {text[0], text[1], '\0'};

            out[count++] = (uint8_t)strtoul(pair, NULL, 16);
            text++;
        }
    }
    return count;
}

/* A file's records, one a line, against what is expected. */
static void check_records(const uint8_t *bytes, size_t count, const char *expected_path)
{
    char path[] = "/tmp/memrec_worked_example_XXXXXX", *dumped = NULL;
    char *expected = file_text(expected_path);
    size_t dumped_bytes;
    int file = mkstemp(path);
    struct trace *trace;

    CHECK_EQ(write(file, bytes, count), count);
    if (CHECK_EQ(trace_open(path, &trace).code, STATUS_OK)) {
        struct record_dump dump = {.out = open_memstream(&dumped, &dumped_bytes)};
        struct record_sink sink = record_dump_sink(&dump);

        CHECK_EQ(trace_read(trace, &sink, NULL, NULL).code, STATUS_OK);
        fclose(dump.out);
        CHECK_STR(dumped, expected);
        CHECK_EQ(dump.gaps, 0);
        CHECK_EQ(trace_ns(trace, trace_header(trace)->start_ticks + 100), 1000);
        trace_close(trace);
    }
    close(file);
    unlink(path);
    free(dumped);
    free(expected);
}

static void worked_example(const char *hex_path, const char *expected_path)
{
    char *hex = file_text(hex_path);
    uint8_t bytes[4096];

    check_records(bytes, bytes_of_hex(hex, bytes), expected_path);
    free(hex);
}

/* The second encoder of the tests has nothing in common with the recorder's. */
static void made_example(const char *path, const char *expected_path)
{
    char *text = file_text(path);
    uint8_t *bytes = NULL;
    size_t count;

    if (CHECK(mktrace(path, text, &bytes, &count))) {
        check_records(bytes, count, expected_path);
    }
    free(bytes);
    free(text);
}

/* ---- what the recorder's encoder writes -------------------------------------------------------- */

enum { EVENTS = 20000, MARKS = 7000 };

struct told { /* a mark */
    enum mr_mark kind;
    uint32_t thread, position;
    uint64_t ticks;
    unsigned count;
    uint64_t arguments[MR_MARK_ARGS_MAX];
};

struct expected {
    struct mr_event events[EVENTS];
    struct told marks[MARKS];
    size_t mark_count, seen, marks_seen;
    bool full, objects;
};

static uint64_t random_state = 42;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 11;
}

/* Mostly small, sometimes any number of so many bits. */
static uint64_t random_value(unsigned bits)
{
    unsigned width = next_random() % 4 ? bits / 4 + 1 : bits;
    uint64_t value = next_random() << 32 ^ next_random();

    return value & (width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1);
}

static status compare_events(void *context, const struct event_batch *batch)
{
    struct expected *expected = context;
    size_t a = 0, f = 0;

    CHECK_EQ(batch->has_ids, !expected->full);
    CHECK_EQ(batch->heaps != NULL, expected->objects);
    CHECK_EQ(batch->classes != NULL, expected->objects);
    for (size_t i = 0; i < batch->mark_count; i++) {
        const struct mark *mark = &batch->marks[i];
        const struct told *told = &expected->marks[expected->marks_seen++];

        CHECK_EQ(mark->kind, told->kind);
        CHECK_EQ(mark->thread, told->thread);
        CHECK_EQ(mark->ticks, told->ticks);
        CHECK_EQ(mark->position, told->position);
        CHECK_EQ(mark->argument_count, told->count);
        CHECK_BYTES(mark->arguments, told->arguments, told->count * sizeof(uint64_t));
        CHECK_EQ(mark_argument(mark, told->count), UNKNOWN);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct mr_event *event = &expected->events[expected->seen++];

        CHECK_EQ(batch->ops[i], event->op);
        CHECK_EQ(batch->ticks[i], event->ticks);
        CHECK_EQ(batch->threads[i], event->thread);
        if (event->op & MR_OP_ALLOC) {
            CHECK_EQ(batch->addresses[a], event->address);
            CHECK_EQ(batch->sizes[a], event->size);
            CHECK_EQ(batch->extras[a], event->extra);
            CHECK_EQ(batch->stacks[a], event->stack);
            CHECK_EQ(batch->intervals[a], event->interval);
            CHECK_EQ(batch->alloc_keys[a], expected->full ? event->address : event->key);
            if (expected->objects) {
                CHECK_EQ(batch->heaps[a], event->heap);
                CHECK_EQ(batch->classes[a], event->klass);
            }
            a++;
        } else {
            CHECK_EQ(batch->free_keys[f], event->key);
            f++;
        }
    }
    return OK;
}

/* Between two events, now and then, as the program told it. */
static void encode_told(struct mr_encoder *encoder, struct told *told, size_t position,
                        uint64_t ticks)
{
    *told = (struct told){
        .kind = 1 + next_random() % (MR_MARK_KINDS - 1),
        .thread = (uint32_t)random_value(32),
        .position = (uint32_t)position,
        .ticks = ticks - next_random() % 3,
        .count = (unsigned)(next_random() % (next_random() % 8 ? 8 : MR_MARK_ARGS_MAX + 1)),
    };
    for (unsigned i = 0; i < told->count; i++) {
        told->arguments[i] = next_random() % 8 ? random_value(64) : MR_UNKNOWN;
    }
    CHECK(mr_encode_mark(encoder, told->kind, told->thread, told->ticks, told->arguments,
                         told->count));
}

static void round_trip(bool full, bool objects)
{
    static const uint8_t ops[] = {
        MR_OP_FREE,    MR_OP_FREE_BY_REALLOC, MR_OP_HEAP_FREE, MR_OP_MALLOC, MR_OP_CALLOC,
        MR_OP_REALLOC, MR_OP_ALIGNED,         MR_OP_NEW,       0xff,         MR_OP_HEAP_ALLOC};
    struct expected *expected = calloc(1, sizeof *expected);
    struct mr_encoder encoder;
    void *memory = calloc(1, MR_ENCODER_BYTES);
    uint64_t ticks = 1000000;

    expected->full = full;
    expected->objects = objects;
    mr_encode_init(&encoder, memory, !full);
    mr_encode_reset(&encoder);
    for (size_t i = 0; i < EVENTS; i++) {
        struct mr_event *event = &expected->events[i];

        ticks += random_value(20);
        *event = (struct mr_event){
            .op = ops[next_random() % (sizeof ops - !objects)],
            .ticks = ticks - (next_random() % 16 == 0), /* threads disagree a little */
            .thread = (uint32_t)random_value(32),
            .key = random_value(64),
        };
        if (event->op & MR_OP_ALLOC) {
            event->address = random_value(64);
            event->size = random_value(48);
            event->extra = (uint32_t)random_value(16);
            event->stack = (uint32_t)random_value(32);
            event->interval = next_random() % 64;
            if (event->op == MR_OP_HEAP_ALLOC) {
                event->heap = (uint32_t)random_value(32);
                event->klass = (uint32_t)random_value(32);
            }
        }
        while (next_random() % 4 == 0 && expected->mark_count < MARKS - 1) {
            encode_told(&encoder, &expected->marks[expected->mark_count++], i, ticks);
        }
        mr_encode_event(&encoder, event);
    }
    encode_told(&encoder, &expected->marks[expected->mark_count++], EVENTS, ticks);
    mr_encode_finish(&encoder);

    struct mr_block_header block = {
        .first_ticks = 0,
        .last_ticks = UINT64_MAX,
        .event_count = EVENTS,
        .payload_bytes = (uint32_t)encoder.used,
    };
    struct record_sink sink = {.context = expected, .events = compare_events};
    struct decoder *decoder = decoder_new();
    struct decode_result result;
    uint8_t *payload = malloc(encoder.used + DECODE_PADDING);

    memcpy(payload, encoder.payload, encoder.used);
    memset(payload + encoder.used, 0, DECODE_PADDING);
    CHECK_EQ(decode_payload(decoder, &block, payload, &sink, &result).code, STATUS_OK);
    CHECK_STR(result.problem, NULL);
    CHECK_EQ(expected->seen, EVENTS);
    CHECK_EQ(expected->marks_seen, expected->mark_count);
    CHECK(expected->mark_count > EVENTS / 5);
    decoder_free(decoder);
    free(payload);
    free(memory);
    free(expected);
}

/* ---- what is wrong with marks costs no event ---------------------------------------------------- */

struct counts {
    uint64_t batches, events, marks, positions;
};

static status count_events(void *context, const struct event_batch *batch)
{
    struct counts *counts = context;

    counts->batches++;
    counts->events += batch->count;
    counts->marks += batch->mark_count;
    for (size_t i = 0; i < batch->mark_count; i++) {
        CHECK(batch->marks[i].position <= batch->count);
        counts->positions += batch->marks[i].position;
    }
    return OK;
}

/* Decodes some sections, which are written as hexadecimal. */
static struct counts decode_hex(const char *hex, uint32_t event_count, const char *problem)
{
    uint8_t payload[512] = {0};
    struct mr_block_header block = {
        .first_ticks = 0, .last_ticks = 1000, .event_count = event_count};
    struct counts counts = {0};
    struct record_sink sink = {.context = &counts, .events = count_events};
    struct decoder *decoder = decoder_new();
    struct decode_result result;

    block.payload_bytes = (uint32_t)bytes_of_hex(hex, payload);
    CHECK_EQ(decode_payload(decoder, &block, payload, &sink, &result).code, STATUS_OK);
    CHECK_STR(result.problem, problem);
    CHECK_EQ(result.events, counts.events);
    decoder_free(decoder);
    return counts;
}

/* A mark of kind 26 at tick 10, without arguments, after so many events; two frees of ids. */
#define MARK(position) "0c 0d 01 0a 01 1a 01 00 01 01 01 " position " 01 00 00 "
#define FREES          "07 18 01 02 00 0a 00 00 02 00 00 02 00 00 02 01 01 00 00 00 00 00 00 02 01 02 "

static void marks_find_their_events(void)
{
    static const char late[] = "a mark comes after more events than there are";
    static const char bad[] = "a column of marks does not hold its rows";
    struct counts counts = decode_hex(MARK("02") FREES, 2, NULL);

    CHECK(counts.batches == 1 && counts.events == 2 && counts.marks == 1 && counts.positions == 2);
    counts = decode_hex(MARK("00"), 0, NULL); /* alone */
    CHECK(counts.batches == 1 && counts.events == 0 && counts.marks == 1);
    counts = decode_hex(MARK("00") MARK("01") FREES MARK("00"), 2, NULL); /* each with its own */
    CHECK(counts.batches == 3 && counts.events == 2 && counts.marks == 3);
    counts = decode_hex(MARK("03") FREES MARK("00"), 2, late);
    CHECK(counts.batches == 2 && counts.events == 2 && counts.marks == 1);
    counts = decode_hex(MARK("01"), 0, late);
    CHECK(counts.batches == 0);
    counts = decode_hex("0c 03 01 0a 01 " FREES, 2, bad);
    CHECK(counts.batches == 1 && counts.events == 2 && counts.marks == 0);
    counts = decode_hex("0c 0e 01 0a 01 1a 01 00 01 01 01 00 01 00 01 00 " FREES, 2, bad);
    CHECK(counts.events == 2 && counts.marks == 0);

    /* The events are bad: their marks are told without them. */
    counts = decode_hex(MARK("01") "07 03 01 02 00 ", 2, "a section is shorter than its contents");
    CHECK(counts.batches == 1 && counts.events == 0 && counts.marks == 1 && counts.positions == 0);

    /* Of kinds that nobody knows: left out, the rest is understood. Two rows, one argument each. */
    counts =
        decode_hex("0c 14 02 0a 02 70 1a 02 00 00 02 01 01 02 00 00 02 01 01 02 02 04 ", 0, NULL);
    CHECK(counts.batches == 1 && counts.marks == 1);
}

int main(void)
{
    worked_example(GOLDEN_DIR "/worked_example.hex", GOLDEN_DIR "/worked_example.txt");
    worked_example(GOLDEN_DIR "/told_example.hex", GOLDEN_DIR "/told_example.txt");
    made_example(GOLDEN_DIR "/every_mark.trace", GOLDEN_DIR "/every_mark.txt");
    made_example(GOLDEN_DIR "/segments.trace", GOLDEN_DIR "/segments.txt");
    for (unsigned i = 0; i < 4; i++) {
        round_trip(i & 1, i & 2);
    }
    marks_find_their_events();
    return check_summary();
}
