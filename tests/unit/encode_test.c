/* SPDX-License-Identifier: Apache-2.0 */
/* encode_test.c -- what the recorder encodes and writes, the analyzer reads back exactly: through a real
 * file, in both modes, with random and with extreme values. */
#include "check.h"
#include "read.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/encode.h"
#include "runtime/write.h"

enum { EVENTS_PER_BLOCK = 3000, BLOCKS = 4, EVENTS = EVENTS_PER_BLOCK * BLOCKS, GAUGES = 500 };

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 32;
}

/* Any magnitude is as likely as any other; sometimes an extreme. */
static uint64_t any_value(void)
{
    static const uint64_t extremes[] = {0,
                                        1,
                                        UINT64_MAX,
                                        UINT64_MAX - 1,
                                        15,
                                        16,
                                        17,
                                        0x7f,
                                        0x80,
                                        INT64_MAX,
                                        UINT64_C(1) << 63,
                                        UINT32_MAX,
                                        UINT64_C(1) << 32};
    uint64_t bits = next_random() << 32 ^ next_random();

    if (next_random() % 8 == 0) {
        return extremes[next_random() % (sizeof extremes / sizeof extremes[0])];
    }
    return bits >> next_random() % 64;
}

struct gauge {
    uint64_t ticks;
    uint32_t metric;
    int64_t value;
};

struct truth { /* what was told, and how much of it came back */
    bool full;
    struct mr_event events[EVENTS];
    struct gauge gauges[GAUGES];
    uint64_t pcs[2000];
    uint32_t parents[2000];
    size_t events_seen, gauges_seen, stacks_seen, modules_seen, threads_seen, headers_seen,
        ends_seen, metrics_seen, counters_seen, gone_seen, gaps_seen;
};

static void make_truth(struct truth *truth, bool full)
{
    static const uint8_t ops[] = {MR_OP_FREE,    MR_OP_FREE_BY_REALLOC, MR_OP_MALLOC, MR_OP_CALLOC,
                                  MR_OP_REALLOC, MR_OP_ALIGNED,         MR_OP_NEW,    0xff,
                                  0x7f};
    uint64_t ticks = UINT64_C(1) << 40;

    memset(truth, 0, sizeof *truth);
    truth->full = full;
    for (size_t i = 0; i < EVENTS; i++) {
        struct mr_event *event = &truth->events[i];

        ticks += next_random() % 5000;
        *event = (struct mr_event){
            .op = ops[next_random() % sizeof ops],
            .ticks = ticks - next_random() % 20000 * (next_random() % 8 == 0), /* out of order */
            .thread = (uint32_t)any_value(),
            .key = any_value(),
        };
        if (i == 100) {
            event->ticks = 0;
        } else if (i == EVENTS / 2) {
            event->ticks = UINT64_MAX;
        }
        if (event->op & MR_OP_ALLOC) {
            event->address = any_value();
            event->size = any_value() >> 1; /* a database stores 63 bits */
            event->extra = (uint32_t)any_value() & MR_EXTRA_BYTES_MAX;
            event->stack = (uint32_t)any_value();
            event->interval = next_random() % 64; /* a reader refuses shifts beyond 64 bits */
        }
    }
    for (size_t i = 0; i < GAUGES; i++) {
        truth->gauges[i] = (struct gauge){any_value(), next_random() % 64, (int64_t)any_value()};
    }
    for (uint32_t i = 0; i < 2000; i++) {
        truth->pcs[i] = any_value();
        truth->parents[i] =
            (uint32_t)next_random() % (MR_STACK_FIRST_ID + i); /* roots and earlier nodes */
    }
}

/* ---- what comes back --------------------------------------------------------------------------- */

static bool text_is(struct text text, const char *expected)
{
    return text.bytes && text.length == strlen(expected) &&
           memcmp(text.bytes, expected, text.length) == 0;
}

static status check_events(void *context, const struct event_batch *batch)
{
    struct truth *truth = context;
    size_t a = 0, f = 0;

    CHECK_EQ(batch->has_ids, !truth->full);
    for (size_t i = 0; i < batch->count && CHECK(truth->events_seen < EVENTS); i++) {
        const struct mr_event *event = &truth->events[truth->events_seen++];

        CHECK_EQ(batch->ops[i], event->op);
        CHECK_EQ(batch->ticks[i], event->ticks);
        CHECK_EQ(batch->threads[i], event->thread);
        if (event->op & MR_OP_ALLOC) {
            CHECK_EQ(batch->addresses[a], event->address);
            CHECK_EQ(batch->sizes[a], event->size);
            CHECK_EQ(batch->extras[a], event->extra);
            CHECK_EQ(batch->stacks[a], event->stack);
            CHECK_EQ(batch->intervals[a], event->interval);
            CHECK_EQ(batch->alloc_keys[a], truth->full ? event->address : event->key);
            a++;
        } else {
            CHECK_EQ(batch->free_keys[f++], event->key);
        }
    }
    CHECK_EQ(batch->alloc_count, a);
    return OK;
}

static status check_gauges(void *context, const struct gauge_batch *batch)
{
    struct truth *truth = context;

    for (size_t i = 0; i < batch->count && CHECK(truth->gauges_seen < GAUGES); i++) {
        const struct gauge *gauge = &truth->gauges[truth->gauges_seen++];

        CHECK_EQ(batch->ticks[i], gauge->ticks);
        CHECK_EQ(batch->metrics[i], gauge->metric);
        CHECK_EQ(batch->values[i], gauge->value);
    }
    return OK;
}

static status check_stacks(void *context, const struct stack_record *stacks)
{
    struct truth *truth = context;

    CHECK_EQ(stacks->first_id, MR_STACK_FIRST_ID + truth->stacks_seen);
    for (size_t i = 0; i < stacks->count && CHECK(truth->stacks_seen < 2000); i++) {
        CHECK_EQ(stacks->parents[i], truth->parents[truth->stacks_seen]);
        CHECK_EQ(stacks->pcs[i], truth->pcs[truth->stacks_seen]);
        truth->stacks_seen++;
    }
    return OK;
}

static status check_module(void *context, const struct module_record *module)
{
    ((struct truth *)context)->modules_seen++;
    CHECK_EQ(module->id, 7);
    CHECK_EQ(module->ticks, UINT64_MAX);
    CHECK_EQ(module->bias, UINT64_C(0xfffffffffffff000)); /* linked above where it was loaded */
    CHECK_EQ(module->range_count, 2);
    CHECK_EQ(module->ranges[0].start, 0);
    CHECK_EQ(module->ranges[0].size_bytes, UINT64_MAX);
    CHECK_EQ(module->ranges[1].start, UINT64_C(0xffffffffff600001));
    CHECK_EQ(module->ranges[1].size_bytes, 1);
    CHECK(module->build_id.length == 4 && memcmp(module->build_id.bytes, "\0\xff\x80\n", 4) == 0);
    CHECK(text_is(module->path, "/lib/\xc3\xa9 \n%s"));
    return OK;
}

static status check_gone(void *context, const struct module_gone_record *gone)
{
    ((struct truth *)context)->gone_seen++;
    CHECK_EQ(gone->id, 7);
    CHECK_EQ(gone->ticks, 5);
    return OK;
}

static status check_thread(void *context, const struct thread_record *thread)
{
    ((struct truth *)context)->threads_seen++;
    CHECK_EQ(thread->id, UINT32_MAX);
    CHECK_EQ(thread->tid, 4321);
    CHECK_EQ(thread->ticks, 0);
    CHECK_EQ(thread->name.length, 0);
    return OK;
}

static status check_counters(void *context, const struct thread_counters_record *counters)
{
    ((struct truth *)context)->counters_seen++;
    CHECK_EQ(counters->ticks, 1);
    CHECK_EQ(counters->thread, 2);
    CHECK_EQ(counters->flags, MR_THREAD_ENDED | MR_THREAD_INEXACT);
    CHECK_EQ(counters->alloc_calls, UINT64_MAX);
    CHECK_EQ(counters->alloc_bytes, UINT64_MAX - 1);
    CHECK_EQ(counters->free_calls, 0);
    return OK;
}

static status check_header(void *context, const struct header_record *header)
{
    ((struct truth *)context)->headers_seen++;
    CHECK(text_is(header->recorder_version, "9.9"));
    CHECK_EQ(header->pid, UINT64_MAX);
    CHECK_EQ(header->interval_bytes, 0);
    CHECK_EQ(header->page_bytes, UNKNOWN);
    CHECK(header->command_line.length == 4 && memcmp(header->command_line.bytes, "a\0b\0", 4) == 0);
    CHECK(header->has_parent_trace_id && header->parent_trace_id[15] == 0xfe);
    CHECK(header->host.bytes == NULL);
    return OK;
}

static status check_metric(void *context, const struct metric_record *metric)
{
    ((struct truth *)context)->metrics_seen++;
    CHECK_EQ(metric->id, 63);
    CHECK_EQ(metric->unit, MR_UNIT_NS);
    CHECK_EQ(metric->kind, MR_METRIC_COUNTER);
    CHECK(text_is(metric->name, "a.b_ns"));
    return OK;
}

static status check_end(void *context, const struct end_record *end)
{
    ((struct truth *)context)->ends_seen++;
    CHECK_EQ(end->reason, MR_END_STOP);
    CHECK_EQ(end->ticks, UINT64_MAX);
    return OK;
}

static status count_gap(void *context, const struct gap_record *gap)
{
    fprintf(stderr, "gap: %s\n", gap->reason);
    ((struct truth *)context)->gaps_seen++;
    return OK;
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void tell_dictionaries(struct mr_encoder *encoder)
{
    uint8_t parent[16] = {[15] = 0xfe};

    mr_encode_begin(encoder, MR_SECTION_HEADER);
    mr_encode_header_text(encoder, MR_KEY_RECORDER_VERSION, "9.9");
    mr_encode_header_integer(encoder, MR_KEY_PID, UINT64_MAX);
    mr_encode_header_integer(encoder, MR_KEY_INTERVAL_BYTES, 0);
    mr_encode_header_bytes(encoder, MR_KEY_COMMAND_LINE, "a\0b", 4);
    mr_encode_header_bytes(encoder, MR_KEY_PARENT_TRACE_ID, parent, sizeof parent);
    mr_encode_header_text(encoder, (enum mr_header_key)999, "of a later version");
    mr_encode_end(encoder);

    mr_encode_begin(encoder, MR_SECTION_MODULE);
    mr_encode_uvarint(encoder, 7);
    mr_encode_uvarint(encoder, UINT64_MAX);
    mr_encode_uvarint(encoder, UINT64_C(0xfffffffffffff000));
    mr_encode_uvarint(encoder, 2);
    mr_encode_uvarint(encoder, 0);
    mr_encode_uvarint(encoder, UINT64_MAX);
    mr_encode_uvarint(encoder, UINT64_C(0xffffffffff600001));
    mr_encode_uvarint(encoder, 1);
    mr_encode_text(encoder, "\0\xff\x80\n", 4);
    mr_encode_text(encoder, "/lib/\xc3\xa9 \n%s", strlen("/lib/\xc3\xa9 \n%s"));
    mr_encode_end(encoder);

    mr_encode_begin(encoder, MR_SECTION_MODULE_GONE);
    mr_encode_uvarint(encoder, 7);
    mr_encode_uvarint(encoder, 5);
    mr_encode_end(encoder);

    mr_encode_begin(encoder, MR_SECTION_THREAD);
    mr_encode_uvarint(encoder, UINT32_MAX);
    mr_encode_uvarint(encoder, 4321);
    mr_encode_uvarint(encoder, 0);
    mr_encode_text(encoder, "", 0);
    mr_encode_end(encoder);

    mr_encode_begin(encoder, MR_SECTION_THREAD_COUNTERS);
    mr_encode_uvarint(encoder, 1);
    mr_encode_uvarint(encoder, 2);
    mr_encode_uvarint(encoder, MR_THREAD_ENDED | MR_THREAD_INEXACT);
    mr_encode_uvarint(encoder, UINT64_MAX);
    mr_encode_uvarint(encoder, UINT64_MAX - 1);
    mr_encode_uvarint(encoder, 0);
    mr_encode_end(encoder);

    mr_encode_begin(encoder, MR_SECTION_METRIC);
    mr_encode_uvarint(encoder, 63);
    mr_encode_uvarint(encoder, MR_UNIT_NS);
    mr_encode_uvarint(encoder, MR_METRIC_COUNTER);
    mr_encode_text(encoder, "a.b_ns", 6);
    mr_encode_end(encoder);
}

static void write_truth(const struct truth *truth, int file, const uint8_t trace_id[16])
{
    static uint8_t memory[MR_ENCODER_BYTES];
    struct mr_encoder encoder;
    struct mr_writer writer;
    uint64_t clock = UINT64_C(1) << 40;

    memset(memory, 0, sizeof memory);
    mr_encode_init(&encoder, memory, !truth->full);
    CHECK(mr_write_open(&writer, dup(file), trace_id, 3));
    for (size_t block = 0; block < BLOCKS; block++) {
        CHECK(mr_encode_is_empty(&encoder));
        size_t room = mr_encode_room(&encoder);
        CHECK(room > 8u << 20);
        if (block == 0) {
            tell_dictionaries(&encoder);
            CHECK(!mr_encode_is_empty(&encoder));
            CHECK(mr_encode_room(&encoder) < room);
        }
        mr_encode_stacks(&encoder, (uint32_t)(MR_STACK_FIRST_ID + block * 500), 500,
                         truth->parents + block * 500, truth->pcs + block * 500);
        for (size_t i = 0; i < GAUGES / BLOCKS; i++) {
            const struct gauge *gauge = &truth->gauges[block * (GAUGES / BLOCKS) + i];

            mr_encode_gauge(&encoder, gauge->ticks, gauge->metric, gauge->value);
        }
        for (size_t i = 0; i < EVENTS_PER_BLOCK; i++) {
            mr_encode_event(&encoder, &truth->events[block * EVENTS_PER_BLOCK + i]);
        }
        if (block == BLOCKS - 1) {
            mr_encode_begin(&encoder, MR_SECTION_END);
            mr_encode_uvarint(&encoder, MR_END_STOP);
            mr_encode_uvarint(&encoder, UINT64_MAX);
            mr_encode_end(&encoder);
        }
        mr_encode_finish(&encoder);
        clock += 1000;
        struct mr_block_facts facts = {
            .first_ticks = encoder.first_event_ticks,
            .last_ticks = encoder.last_event_ticks,
            .clock_ticks = clock,
            .clock_ns = 10 * clock,
            .event_count = encoder.event_count,
            .flags = block == BLOCKS - 1 ? MR_BLOCK_LAST : 0,
        };
        CHECK_EQ(mr_write_block(&writer, encoder.payload, encoder.used, &facts), 0);
        mr_encode_reset(&encoder);
    }
    CHECK_EQ(writer.sequence, BLOCKS);
    CHECK_EQ(writer.events_before, EVENTS);
    CHECK_EQ(writer.errors, 0);
    mr_write_close(&writer);
}

static void round_trip(bool full, uint64_t seed)
{
    struct truth *truth = malloc(sizeof *truth);
    uint8_t trace_id[16] = {1, 2, [15] = 0xff};
    int file = memfd_create("trace", MFD_CLOEXEC);
    struct trace *trace;
    char path[64];

    random_state = seed;
    make_truth(truth, full);
    write_truth(truth, file, trace_id);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (CHECK_EQ(trace_open(path, &trace).code, STATUS_OK)) {
        struct record_sink sink = {
            .context = truth,
            .header = check_header,
            .module = check_module,
            .module_gone = check_gone,
            .thread = check_thread,
            .thread_counters = check_counters,
            .stacks = check_stacks,
            .events = check_events,
            .metric = check_metric,
            .gauges = check_gauges,
            .end = check_end,
            .gap = count_gap,
        };
        const struct trace_facts *facts = trace_get_facts(trace);

        CHECK_EQ(facts->block_count, BLOCKS);
        CHECK_EQ(facts->intact_block_count, BLOCKS);
        CHECK_EQ(facts->gap_count, 0);
        CHECK_EQ(facts->event_count, EVENTS);
        CHECK_EQ(facts->first_ticks, 0);
        CHECK_EQ(facts->last_ticks, UINT64_MAX);
        CHECK(facts->ended);
        CHECK_BYTES(facts->trace_id, trace_id, 16);
        CHECK_EQ(trace_read(trace, &sink, NULL, NULL).code, STATUS_OK);
        trace_close(trace);
    }
    CHECK_EQ(truth->events_seen, EVENTS);
    CHECK_EQ(truth->gauges_seen, GAUGES);
    CHECK_EQ(truth->stacks_seen, 2000);
    CHECK_EQ(truth->modules_seen, 1);
    CHECK_EQ(truth->gone_seen, 1);
    CHECK_EQ(truth->threads_seen, 1);
    CHECK_EQ(truth->counters_seen, 1);
    CHECK_EQ(truth->headers_seen, 1);
    CHECK_EQ(truth->metrics_seen, 1);
    CHECK_EQ(truth->ends_seen, 1);
    CHECK_EQ(truth->gaps_seen, 0);
    close(file);
    free(truth);
}

/* The largest block: as many events as one may hold, each as long as one can be. */
static void fullest_block_fits(bool full)
{
    uint8_t *memory = calloc(1, MR_ENCODER_BYTES + 64);
    struct mr_encoder encoder;

    memset(memory + MR_ENCODER_BYTES, 0x5a, 64);
    mr_encode_init(&encoder, memory, !full);
    for (uint32_t i = 0; i < MR_BLOCK_EVENTS_MAX; i++) {
        struct mr_event event = {
            .op = MR_OP_MALLOC,
            .interval = 255,
            .thread = UINT32_MAX,
            .stack = UINT32_MAX,
            .extra = UINT32_MAX,
            .ticks = i % 2 ? UINT64_C(1) << 63 : 0,
            .address = i % 2 ? UINT64_C(0x7fffffffffffffff) : 0,
            .size = UINT64_MAX,
            .key = i % 2 ? UINT64_C(1) << 63 : 0,
        };

        mr_encode_event(&encoder, &event);
    }
    for (uint32_t i = 0; i < 8192 + 10; i++) { /* what is too much is refused */
        mr_encode_gauge(&encoder, i % 2 ? UINT64_C(1) << 63 : 0, 63, i % 2 ? INT64_MIN : 0);
    }
    for (int c = 0; c + 1 < MR_COLUMN_COUNT; c++) {
        CHECK(encoder.column[c].bytes + encoder.column[c].used <= encoder.column[c + 1].bytes);
    }
    CHECK(encoder.gauge.bytes + encoder.gauge.used <= encoder.payload);
    CHECK_EQ(encoder.gauge_count, 8192);
    /* The recorder closes a block long before its room is used up; here it is not asked. */
    size_t waiting = encoder.gauge.used;
    for (int c = 0; c < MR_COLUMN_COUNT; c++) {
        waiting += encoder.column[c].used;
    }
    CHECK(mr_encode_room(&encoder) + waiting + encoder.used <= encoder.capacity);
    if (CHECK(waiting + 512 <= encoder.capacity)) {
        mr_encode_finish(&encoder);
        CHECK(encoder.used <= encoder.capacity);
        CHECK(encoder.used <= MR_PAYLOAD_BYTES_MAX);
    }
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(memory[MR_ENCODER_BYTES + i], 0x5a);
    }
    free(memory);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        round_trip(false, seed);
        round_trip(true, seed);
    }
    fullest_block_fits(false);
    fullest_block_fits(true);
    return check_summary();
}
