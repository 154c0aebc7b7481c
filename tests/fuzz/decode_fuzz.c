/* SPDX-License-Identifier: Apache-2.0 */
/* decode_fuzz.c -- any bytes at all, as the payload of an intact block and as a whole file: both stop at a
 * status or a gap, never at a crash, and what is handed out keeps the promises of records.h. */
#include "decode.h"
#include "diag.h"
#include "read.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t touched; /* so that no read is optimized away */

static void promise(bool kept, const char *what)
{
    if (!kept) {
        fprintf(stderr, "promise broken: %s\n", what);
        abort();
    }
}

static void touch_text(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        touched += (unsigned char)text.bytes[i];
    }
}

static status take_header(void *context, const struct header_record *header)
{
    (void)context;
    touch_text(header->executable);
    touch_text(header->command_line);
    touch_text(header->ring_path);
    return OK;
}

static status take_module(void *context, const struct module_record *module)
{
    (void)context;
    for (size_t i = 0; i < module->range_count; i++) {
        promise(module->ranges[i].start + module->ranges[i].size_bytes >= module->ranges[i].start,
                "a range does not wrap");
    }
    touch_text(module->path);
    touch_text(module->build_id);
    return OK;
}

static status take_thread(void *context, const struct thread_record *thread)
{
    (void)context;
    promise(thread->id <= UINT32_MAX, "thread ids have 32 bits");
    touch_text(thread->name);
    return OK;
}

static status take_stacks(void *context, const struct stack_record *stacks)
{
    (void)context;
    for (size_t i = 0; i < stacks->count; i++) {
        promise(stacks->parents[i] < stacks->first_id + i, "parents come first");
        touched += stacks->pcs[i];
    }
    promise(stacks->first_id + stacks->count <= UINT32_MAX, "node ids have 32 bits");
    return OK;
}

static status take_definition(void *context, const struct definition_record *definition)
{
    (void)context;
    promise(definition->id > 0 && definition->id <= UINT32_MAX, "ids have 32 bits");
    promise(definition->kind < MR_DEFINE_KINDS, "definitions are of known kinds");
    for (size_t i = 0; i < MR_DEFINE_ARGS_MAX; i++) {
        touched += definition->arguments[i];
    }
    touch_text(definition->text);
    return OK;
}

static status take_heap_counters(void *context, const struct heap_counters_record *counters)
{
    (void)context;
    promise(counters->thread <= UINT32_MAX && counters->heap <= UINT32_MAX, "ids have 32 bits");
    return OK;
}

static void take_marks(const struct mr_block_header *block, const struct event_batch *batch)
{
    uint32_t position = 0;

    for (size_t i = 0; i < batch->mark_count; i++) {
        const struct mark *mark = &batch->marks[i];

        promise(mark->kind > 0 && mark->kind < MR_MARK_KINDS, "marks are of known kinds");
        promise(mark->position >= position && mark->position <= batch->count,
                "marks lie among their events");
        promise(mark->argument_count <= MR_MARK_ARGS_MAX, "marks have few arguments");
        promise(!block || (mark->ticks >= block->first_ticks && mark->ticks <= block->last_ticks),
                "marks lie in their block's time");
        position = mark->position;
        for (uint32_t j = 0; j < mark->argument_count; j++) {
            touched += mark->arguments[j];
        }
    }
}

static status take_events(void *context, const struct event_batch *batch)
{
    const struct mr_block_header *block = context;
    size_t allocs = 0;

    for (size_t i = 0; i < batch->count; i++) {
        promise(!block ||
                    (batch->ticks[i] >= block->first_ticks && batch->ticks[i] <= block->last_ticks),
                "events lie in their block's time");
        allocs += batch->ops[i] >> 7;
        touched += batch->threads[i];
    }
    promise(allocs == batch->alloc_count && allocs <= batch->count, "operations are counted");
    for (size_t i = 0; i < allocs; i++) {
        promise(batch->intervals[i] < 64, "interval codes are shifts");
        promise(batch->sizes[i] <= INT64_MAX, "sizes are signed");
        promise(batch->extras[i] <= MR_EXTRA_BYTES_MAX, "extra bytes are capped");
        touched += batch->addresses[i] + batch->stacks[i] + batch->alloc_keys[i];
    }
    for (size_t i = 0; i < batch->count - allocs; i++) {
        touched += batch->free_keys[i];
    }
    for (size_t i = 0; batch->heaps && i < allocs; i++) {
        touched += batch->heaps[i] + batch->classes[i];
    }
    take_marks(block, batch);
    return OK;
}

static status take_metric(void *context, const struct metric_record *metric)
{
    (void)context;
    touch_text(metric->name);
    return OK;
}

static status take_gauges(void *context, const struct gauge_batch *batch)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        promise(batch->metrics[i] < DECODE_METRIC_IDS_MAX, "metric ids are small");
        touched += batch->ticks[i] + (uint64_t)batch->values[i];
    }
    return OK;
}

static status take_gap(void *context, const struct gap_record *gap)
{
    (void)context;
    promise(gap->last_ticks == UNKNOWN || gap->first_ticks <= gap->last_ticks, "gaps go forward");
    promise(gap->first_byte <= gap->last_byte, "gaps go forward in the file");
    return OK;
}

static const struct record_sink takes = {
    .header = take_header,
    .module = take_module,
    .thread = take_thread,
    .stacks = take_stacks,
    .definition = take_definition,
    .heap_counters = take_heap_counters,
    .events = take_events,
    .metric = take_metric,
    .gauges = take_gauges,
    .gap = take_gap,
};

static void decode_as_payload(const uint8_t *data, size_t size)
{
    static struct decoder *decoder;
    struct mr_block_header block = {
        .first_ticks = 0, .last_ticks = UINT64_MAX, .payload_bytes = (uint32_t)size};
    struct record_sink sink = takes;
    struct decode_result result;
    uint8_t *payload = malloc(size + DECODE_PADDING);

    decoder = decoder ? decoder : decoder_new();
    if (payload && decoder) {
        memcpy(payload, data, size);
        memset(payload + size, 0xff, DECODE_PADDING);
        sink.context = &block;
        promise(decode_payload(decoder, &block, payload, &sink, &result).code == STATUS_OK,
                "only a sink can fail");
    }
    free(payload);
}

static void read_as_file(const uint8_t *data, size_t size)
{
    char path[64];
    struct trace *trace;
    int file = memfd_create("fuzz", MFD_CLOEXEC);

    if (write(file, data, size) == (ssize_t)size) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        if (trace_open(path, &trace).code == STATUS_OK) {
            promise(trace_read(trace, &takes, NULL, NULL).code == STATUS_OK,
                    "only a sink can fail");
            trace_close(trace);
        }
    }
    close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool quiet;

    if (!quiet) { /* complaints are expected; a broken promise aborts, and says so before */
        quiet = true;
        diag_silence();
    }
    decode_as_payload(data, size);
    read_as_file(data, size);
    return 0;
}
