/* SPDX-License-Identifier: Apache-2.0 */
/* record_dump.c -- see record_dump.h. Numbers that are addresses are hexadecimal; unknown is `?`. */
#include "record_dump.h"

#include "mark_names.h"

#include <inttypes.h>

#include "schema/trace_format.h"

static void print_text(FILE *out, const char *name, struct text text)
{
    if (!text.bytes) {
        return;
    }
    fprintf(out, " %s=\"", name);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        if (byte < 0x20 || byte > 0x7e || byte == '"') {
            fprintf(out, "\\x%02x", byte);
        } else {
            fputc(byte, out);
        }
    }
    fputc('"', out);
}

static void print_number(FILE *out, const char *name, uint64_t value)
{
    if (value != UNKNOWN) {
        fprintf(out, " %s=%" PRIu64, name, value);
    }
}

static status dump_header(void *context, const struct header_record *header)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (!out) {
        return OK;
    }
    fprintf(out, "header");
    print_text(out, "recorder", header->recorder_version);
    print_number(out, "pid", header->pid);
    print_number(out, "parent_pid", header->parent_pid);
    print_text(out, "executable", header->executable);
    print_text(out, "command_line", header->command_line);
    print_text(out, "host", header->host);
    print_text(out, "boot_id", header->boot_id);
    print_number(out, "start_ticks", header->start_ticks);
    print_number(out, "start_monotonic_ns", header->start_monotonic_ns);
    print_number(out, "start_realtime_ns", header->start_realtime_ns);
    print_number(out, "page", header->page_bytes);
    print_number(out, "interval", header->interval_bytes);
    print_number(out, "mode", header->mode);
    print_text(out, "rings", header->ring_path);
    print_text(out, "architecture", header->architecture);
    print_text(out, "os", header->operating_system);
    print_text(out, "allocator", header->allocator);
    print_text(out, "unwinder", header->unwinder);
    print_number(out, "depth", header->stack_depth_max);
    print_text(out, "capabilities", header->capabilities);
    print_number(out, "reason", header->start_reason);
    print_number(out, "segment", header->segment);
    print_number(out, "only_last", header->only_last);
    if (header->has_parent_trace_id) {
        fprintf(out, " parent_trace=");
        for (size_t i = 0; i < sizeof header->parent_trace_id; i++) {
            fprintf(out, "%02x", header->parent_trace_id[i]);
        }
    }
    fputc('\n', out);
    return OK;
}

static status dump_module(void *context, const struct module_record *module)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (!out) {
        return OK;
    }
    fprintf(out, "module %" PRIu64 " ticks=%" PRIu64 " bias=%" PRIx64, module->id, module->ticks,
            module->bias);
    for (size_t i = 0; i < module->range_count; i++) {
        fprintf(out, " %" PRIx64 "+%" PRIx64, module->ranges[i].start,
                module->ranges[i].size_bytes);
    }
    print_text(out, "build_id", module->build_id);
    print_text(out, "path", module->path);
    fputc('\n', out);
    return OK;
}

static status dump_module_gone(void *context, const struct module_gone_record *gone)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out, "module_gone %" PRIu64 " ticks=%" PRIu64 "\n", gone->id, gone->ticks);
    }
    return OK;
}

static status dump_thread(void *context, const struct thread_record *thread)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out, "thread %" PRIu64 " tid=%" PRIu64 " ticks=%" PRIu64, thread->id, thread->tid,
                thread->ticks);
        print_text(out, "name", thread->name);
        fputc('\n', out);
    }
    return OK;
}

static status dump_thread_counters(void *context, const struct thread_counters_record *counters)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out,
                "counters %" PRIu64 " ticks=%" PRIu64 " flags=%" PRIu64 " allocs=%" PRIu64
                " bytes=%" PRIu64 " frees=%" PRIu64 "\n",
                counters->thread, counters->ticks, counters->flags, counters->alloc_calls,
                counters->alloc_bytes, counters->free_calls);
    }
    return OK;
}

static status dump_stacks(void *context, const struct stack_record *stacks)
{
    FILE *out = ((struct record_dump *)context)->out;

    for (size_t i = 0; out && i < stacks->count; i++) {
        fprintf(out, "stack %" PRIu64 " parent=%" PRIu64 " pc=%" PRIx64 "\n", stacks->first_id + i,
                stacks->parents[i], stacks->pcs[i]);
    }
    return OK;
}

static status dump_definition(void *context, const struct definition_record *definition)
{
    static const char *const kinds[] = {"?", "name", "stream", "heap", "pool", "class", "place"};
    FILE *out = ((struct record_dump *)context)->out;
    size_t count = MR_DEFINE_ARGS_MAX;

    if (!out) {
        return OK;
    }
    fprintf(out, "define %s %" PRIu64, kinds[definition->kind < 7 ? definition->kind : 0],
            definition->id);
    while (count > 0 && definition->arguments[count - 1] == UNKNOWN) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(out, definition->arguments[i] == UNKNOWN ? " ?" : " %" PRIu64,
                definition->arguments[i]);
    }
    if (definition->text.length) {
        print_text(out, "text", definition->text);
    }
    fputc('\n', out);
    return OK;
}

static status dump_heap_counters(void *context, const struct heap_counters_record *counters)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out,
                "heap_counters %" PRIu64 " thread=%" PRIu64 " ticks=%" PRIu64 " allocs=%" PRIu64
                " bytes=%" PRIu64 " frees=%" PRIu64 " freed=%" PRIu64 "\n",
                counters->heap, counters->thread, counters->ticks, counters->alloc_calls,
                counters->alloc_bytes, counters->free_calls, counters->freed_bytes);
    }
    return OK;
}

static void print_mark(FILE *out, const struct mark *mark)
{
    const struct mark_names *names = mark_names(mark->kind);
    size_t named = names ? mark_argument_names(names) : 0;

    fprintf(out, "%s %" PRIu64 " thread=%" PRIu32, names ? names->name : "mark?", mark->ticks,
            mark->thread);
    for (uint32_t i = 0; i < mark->argument_count; i++) {
        size_t length;

        if (i < named) {
            const char *name = mark_argument_name(names, i, &length);

            fprintf(out, " %.*s=", (int)length, name);
        } else {
            fputs(i > named ? "," : names && names->has_counters ? " c=" : " ", out);
        }
        fprintf(out, mark->arguments[i] == UNKNOWN ? "?" : "%" PRIu64, mark->arguments[i]);
    }
    fputc('\n', out);
}

static status dump_events(void *context, const struct event_batch *batch)
{
    struct record_dump *dump = context;
    FILE *out = dump->out;
    size_t a = 0, f = 0, m = 0;

    dump->events += batch->count;
    dump->marks += batch->mark_count;
    for (size_t i = 0; out && i <= batch->count; i++) {
        for (; m < batch->mark_count && batch->marks[m].position <= i; m++) {
            print_mark(out, &batch->marks[m]);
        }
        if (i == batch->count) {
            break;
        }
        const char *key = batch->has_ids ? "id" : "address";

        if (batch->ops[i] & MR_OP_ALLOC) {
            fprintf(out,
                    "alloc %" PRIu64 " thread=%" PRIu32 " op=%02x address=%" PRIx64 " size=%" PRIu64
                    " extra=%" PRIu32 " stack=%" PRIu32 " interval=%u",
                    batch->ticks[i], batch->threads[i], batch->ops[i], batch->addresses[a],
                    batch->sizes[a], batch->extras[a], batch->stacks[a], batch->intervals[a]);
            if (batch->has_ids) {
                fprintf(out, " id=%" PRIu64, batch->alloc_keys[a]);
            }
            if (batch->ops[i] == MR_OP_HEAP_ALLOC && batch->heaps) {
                fprintf(out, " heap=%" PRIu32 " class=%" PRIu32, batch->heaps[a],
                        batch->classes[a]);
            }
            fputc('\n', out);
            a++;
        } else {
            fprintf(out,
                    batch->has_ids ? "free %" PRIu64 " thread=%" PRIu32 " op=%02x %s=%" PRIu64 "\n"
                                   : "free %" PRIu64 " thread=%" PRIu32 " op=%02x %s=%" PRIx64 "\n",
                    batch->ticks[i], batch->threads[i], batch->ops[i], key, batch->free_keys[f]);
            f++;
        }
    }
    return OK;
}

static status dump_alive(void *context, const struct alive_batch *batch)
{
    FILE *out = ((struct record_dump *)context)->out;
    const struct event_batch *blocks = batch->blocks;

    for (size_t i = 0; out && i < blocks->count; i++) {
        fprintf(out,
                "alive %" PRIu64 " thread=%" PRIu32 " op=%02x address=%" PRIx64 " size=%" PRIu64
                " extra=%" PRIu32 " stack=%" PRIu32 " interval=%u",
                blocks->ticks[i], blocks->threads[i], blocks->ops[i], blocks->addresses[i],
                blocks->sizes[i], blocks->extras[i], blocks->stacks[i], blocks->intervals[i]);
        if (blocks->has_ids) {
            fprintf(out, " id=%" PRIu64, blocks->alloc_keys[i]);
        }
        if (blocks->ops[i] == MR_OP_HEAP_ALLOC && blocks->heaps) {
            fprintf(out, " heap=%" PRIu32 " class=%" PRIu32, blocks->heaps[i], blocks->classes[i]);
        }
        fputc('\n', out);
    }
    if (out && batch->last) {
        fprintf(out, "alive %s\n", batch->whole ? "whole" : "in part");
    }
    return OK;
}

static status dump_metric(void *context, const struct metric_record *metric)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out, "metric %" PRIu64 " unit=%" PRIu64 " kind=%" PRIu64, metric->id, metric->unit,
                metric->kind);
        print_text(out, "name", metric->name);
        fputc('\n', out);
    }
    return OK;
}

static status dump_gauges(void *context, const struct gauge_batch *batch)
{
    FILE *out = ((struct record_dump *)context)->out;

    for (size_t i = 0; out && i < batch->count; i++) {
        fprintf(out, "gauge %" PRIu64 " metric=%" PRIu32 " value=%" PRId64 "\n", batch->ticks[i],
                batch->metrics[i], batch->values[i]);
    }
    return OK;
}

static status dump_end(void *context, const struct end_record *end)
{
    FILE *out = ((struct record_dump *)context)->out;

    if (out) {
        fprintf(out, "end reason=%" PRIu64 " ticks=%" PRIu64 "\n", end->reason, end->ticks);
    }
    return OK;
}

static status dump_gap(void *context, const struct gap_record *gap)
{
    struct record_dump *dump = context;

    dump->gaps++;
    dump->lost_events = dump->lost_events == UNKNOWN || gap->lost_events == UNKNOWN
                            ? UNKNOWN
                            : dump->lost_events + gap->lost_events;
    if (!dump->out) {
        return OK;
    }
    fprintf(dump->out, "gap \"%s\" ticks=%" PRIu64 "-", gap->reason, gap->first_ticks);
    if (gap->last_ticks == UNKNOWN) {
        fputc('?', dump->out);
    } else {
        fprintf(dump->out, "%" PRIu64, gap->last_ticks);
    }
    fprintf(dump->out, " lost=");
    if (gap->lost_events == UNKNOWN) {
        fputc('?', dump->out);
    } else {
        fprintf(dump->out, "%" PRIu64, gap->lost_events);
    }
    fprintf(dump->out, " bytes=%" PRIu64 "-%" PRIu64 "\n", gap->first_byte, gap->last_byte);
    return OK;
}

struct record_sink record_dump_sink(struct record_dump *dump)
{
    return (struct record_sink){
        .context = dump,
        .header = dump_header,
        .module = dump_module,
        .module_gone = dump_module_gone,
        .thread = dump_thread,
        .thread_counters = dump_thread_counters,
        .stacks = dump_stacks,
        .definition = dump_definition,
        .heap_counters = dump_heap_counters,
        .events = dump_events,
        .alive = dump_alive,
        .metric = dump_metric,
        .gauges = dump_gauges,
        .end = dump_end,
        .gap = dump_gap,
    };
}
