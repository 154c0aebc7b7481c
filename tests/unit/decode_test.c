/* SPDX-License-Identifier: Apache-2.0 */
/* decode_test.c -- the worked example of TRACE_FORMAT.md, and what the recorder encodes: both decode to what
 * they say. */
#include "check.h"
#include "decode.h"
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

static void worked_example(void)
{
    char path[] = "/tmp/memrec_worked_example_XXXXXX", *dumped = NULL;
    char *hex = file_text(GOLDEN_DIR "/worked_example.hex");
    char *expected = file_text(GOLDEN_DIR "/worked_example.txt");
    uint8_t bytes[4096];
    size_t count = bytes_of_hex(hex, bytes), dumped_bytes;
    int file = mkstemp(path);
    struct trace *trace;

    CHECK_EQ(write(file, bytes, count), count);
    if (CHECK_EQ(trace_open(path, &trace).code, STATUS_OK)) {
        struct record_dump dump = {.out = open_memstream(&dumped, &dumped_bytes)};
        struct record_sink sink = record_dump_sink(&dump);

        CHECK_EQ(trace_read(trace, &sink, NULL, NULL).code, STATUS_OK);
        fclose(dump.out);
        CHECK_STR(dumped, expected);
        CHECK_EQ(trace_ns(trace, 1100), 1000);
        trace_close(trace);
    }
    close(file);
    unlink(path);
    free(dumped);
    free(hex);
    free(expected);
}

/* ---- what the recorder's encoder writes -------------------------------------------------------- */

enum { EVENTS = 20000 };

struct expected {
    struct mr_event events[EVENTS];
    size_t seen;
    bool full;
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
            a++;
        } else {
            CHECK_EQ(batch->free_keys[f], event->key);
            f++;
        }
    }
    return OK;
}

static void round_trip(bool full)
{
    static const uint8_t ops[] = {MR_OP_FREE,    MR_OP_FREE_BY_REALLOC, MR_OP_MALLOC, MR_OP_CALLOC,
                                  MR_OP_REALLOC, MR_OP_ALIGNED,         MR_OP_NEW,    0xff};
    struct expected *expected = calloc(1, sizeof *expected);
    struct mr_encoder encoder;
    void *memory = calloc(1, MR_ENCODER_BYTES);
    uint64_t ticks = 1000000;

    expected->full = full;
    mr_encode_init(&encoder, memory, !full);
    mr_encode_reset(&encoder);
    for (size_t i = 0; i < EVENTS; i++) {
        struct mr_event *event = &expected->events[i];

        ticks += random_value(20);
        *event = (struct mr_event){
            .op = ops[next_random() % sizeof ops],
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
        }
        mr_encode_event(&encoder, event);
    }
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
    decoder_free(decoder);
    free(payload);
    free(memory);
    free(expected);
}

int main(void)
{
    worked_example();
    round_trip(false);
    round_trip(true);
    return check_summary();
}
