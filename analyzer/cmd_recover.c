/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_recover.c -- `memanalyze recover`: the trace of a killed process and what its rings still hold become
 * one whole trace. The rings are removed last, when the result is safely on disk. */
#include "command.h"
#include "diag.h"
#include "progress.h"
#include "read.h"
#include "ring_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/encode.h"
#include "runtime/write.h"

enum { OPTION_OUTPUT, OPTION_FORCE, OPTION_KEEP };
static const struct command_option options[] = {
    [OPTION_OUTPUT] = {"output", 'o', "TRACE", "file to write; NAME.whole.zst unless told"},
    [OPTION_FORCE] = {"force", 'f', NULL, "replace it when it exists"},
    [OPTION_KEEP] = {"keep", 'k', NULL, "leave the shared memory as it is"},
    {0},
};

enum { ZSTD_LEVEL = 3, ROOM_BYTES = 1 << 20 };

struct recovery {
    const char *input;
    char output[PATH_MAX], temporary[PATH_MAX + 32];
    bool force, keep;
    struct trace *trace;
    struct ring_reader *rings;
    struct ring_result found;
    uint64_t gap_count;
    int file;
    struct mr_encoder encoder;
    void *encoder_memory;
    struct mr_writer writer;
    bool writing;
    uint64_t last_ticks;
};

static status could_not_write(const struct recovery *recovery, int error)
{
    diag_error("could not write \"%s\": %s", recovery->output, strerror(error));
    diag_hint("Nothing is lost: the trace and its shared memory are as they were.");
    return FAIL;
}

/* ---- the trace's own blocks, as they are ------------------------------------------------------ */

static status copy_block(void *context, const struct mr_block_header *header, const uint8_t *bytes,
                         size_t size_bytes)
{
    struct recovery *recovery = context;

    for (size_t done = 0; done < size_bytes;) {
        ssize_t wrote = write(recovery->file, bytes + done, size_bytes - done);

        if (wrote < 0 && errno != EINTR) {
            return could_not_write(recovery, errno);
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    recovery->writer.sequence = header->sequence + 1;
    recovery->writer.events_before = header->events_before + header->event_count;
    return OK;
}

/* ---- the rings, as more blocks --------------------------------------------------------------- */

static status write_block(struct recovery *recovery, uint32_t flags)
{
    struct mr_encoder *encoder = &recovery->encoder;
    const struct trace_facts *facts = trace_get_facts(recovery->trace);

    if (recovery->writer.sequence < recovery->found.missing_to_sequence) {
        /* A gap, for readers to see. */
        recovery->writer.sequence = recovery->found.missing_to_sequence;
    }
    mr_encode_finish(encoder);
    bool has_events = mr_encode_has_events(encoder);
    if (has_events && encoder->last_event_ticks > recovery->last_ticks) {
        recovery->last_ticks = encoder->last_event_ticks;
    }
    uint64_t now = recovery->last_ticks;
    struct mr_block_facts block = {
        .first_ticks = has_events ? encoder->first_event_ticks : now,
        .last_ticks = has_events ? encoder->last_event_ticks : now,
        .clock_ticks = now,
        .clock_ns = (facts->clock_count ? facts->clocks[0].ns : 0) +
                    (uint64_t)trace_ns(recovery->trace, now),
        .event_count = encoder->event_count,
        .flags = flags,
    };
    int result = mr_write_block(&recovery->writer, encoder->payload, encoder->used, &block);

    mr_encode_reset(encoder);
    return result == 0 ? OK : could_not_write(recovery, -result);
}

static status make_room(struct recovery *recovery, size_t bytes)
{
    return mr_encode_room(&recovery->encoder) < bytes + ROOM_BYTES ? write_block(recovery, 0) : OK;
}

static status put_thread(void *context, const struct thread_record *thread)
{
    struct recovery *recovery = context;
    struct mr_encoder *encoder = &recovery->encoder;

    TRY(make_room(recovery, thread->name.length));
    mr_encode_begin(encoder, MR_SECTION_THREAD);
    mr_encode_uvarint(encoder, thread->id);
    mr_encode_uvarint(encoder, thread->tid);
    mr_encode_uvarint(encoder, thread->ticks);
    mr_encode_text(encoder, thread->name.bytes, thread->name.length);
    mr_encode_end(encoder);
    return OK;
}

static status put_counters(void *context, const struct thread_counters_record *counters)
{
    struct recovery *recovery = context;
    struct mr_encoder *encoder = &recovery->encoder;

    TRY(make_room(recovery, 0));
    mr_encode_begin(encoder, MR_SECTION_THREAD_COUNTERS);
    mr_encode_uvarint(encoder, counters->ticks);
    mr_encode_uvarint(encoder, counters->thread);
    mr_encode_uvarint(encoder, counters->flags);
    mr_encode_uvarint(encoder, counters->alloc_calls);
    mr_encode_uvarint(encoder, counters->alloc_bytes);
    mr_encode_uvarint(encoder, counters->free_calls);
    mr_encode_end(encoder);
    return OK;
}

static status put_stacks(void *context, const struct stack_record *stacks)
{
    struct recovery *recovery = context;
    uint32_t parents[1024];

    for (size_t from = 0, count; from < stacks->count; from += count) {
        count = stacks->count - from < 1024 ? stacks->count - from : 1024;
        for (size_t i = 0; i < count; i++) {
            parents[i] = (uint32_t)stacks->parents[from + i];
        }
        TRY(make_room(recovery, count * 16));
        mr_encode_stacks(&recovery->encoder, (uint32_t)(stacks->first_id + from), (uint32_t)count,
                         parents, stacks->pcs + from);
    }
    return OK;
}

static status put_definition(void *context, const struct definition_record *definition)
{
    struct recovery *recovery = context;
    struct mr_encoder *encoder = &recovery->encoder;
    size_t count = MR_DEFINE_ARGS_MAX;

    while (count > 0 && definition->arguments[count - 1] == UNKNOWN) { /* as good as not told */
        count--;
    }
    TRY(make_room(recovery, definition->text.length + 128));
    mr_encode_begin(encoder, MR_SECTION_DEFINE);
    mr_encode_uvarint(encoder, definition->kind);
    mr_encode_uvarint(encoder, definition->id);
    mr_encode_uvarint(encoder, count);
    for (size_t i = 0; i < count; i++) {
        mr_encode_uvarint(encoder, definition->arguments[i]);
    }
    mr_encode_text(encoder, definition->text.bytes, definition->text.length);
    mr_encode_end(encoder);
    return OK;
}

static status put_heap_counters(void *context, const struct heap_counters_record *counters)
{
    struct recovery *recovery = context;
    struct mr_encoder *encoder = &recovery->encoder;

    TRY(make_room(recovery, 0));
    mr_encode_begin(encoder, MR_SECTION_HEAP_COUNTERS);
    mr_encode_uvarint(encoder, counters->ticks);
    mr_encode_uvarint(encoder, counters->thread);
    mr_encode_uvarint(encoder, counters->heap);
    mr_encode_uvarint(encoder, counters->alloc_calls);
    mr_encode_uvarint(encoder, counters->alloc_bytes);
    mr_encode_uvarint(encoder, counters->free_calls);
    mr_encode_uvarint(encoder, counters->freed_bytes);
    mr_encode_end(encoder);
    return OK;
}

static status put_mark(struct recovery *recovery, const struct mark *mark)
{
    TRY(make_room(recovery, 0));
    while (!mr_encode_mark(&recovery->encoder, mark->kind, mark->thread, mark->ticks,
                           mark->arguments, mark->argument_count)) {
        TRY(write_block(recovery, 0)); /* full of marks */
    }
    return OK;
}

static status put_events(void *context, const struct event_batch *batch)
{
    struct recovery *recovery = context;
    size_t allocs = 0, frees = 0, marks = 0;

    for (size_t i = 0; i <= batch->count; i++) {
        for (; marks < batch->mark_count && batch->marks[marks].position <= i; marks++) {
            TRY(put_mark(recovery, &batch->marks[marks]));
        }
        if (i == batch->count) {
            break;
        }
        struct mr_event event = {
            .op = batch->ops[i],
            .thread = batch->threads[i],
            .ticks = batch->ticks[i],
        };

        if (event.op & MR_OP_ALLOC) {
            event.interval = batch->intervals[allocs];
            event.stack = batch->stacks[allocs];
            event.extra = batch->extras[allocs];
            event.address = batch->addresses[allocs];
            event.size = batch->sizes[allocs];
            event.heap = batch->heaps ? batch->heaps[allocs] : 0;
            event.klass = batch->classes ? batch->classes[allocs] : 0;
            event.key = batch->alloc_keys[allocs++];
        } else {
            event.key = batch->free_keys[frees++];
        }
        if (recovery->encoder.event_count == MR_BLOCK_EVENTS_MAX) {
            TRY(write_block(recovery, 0));
        }
        TRY(make_room(recovery, 0));
        mr_encode_event(&recovery->encoder, &event);
    }
    return OK;
}

static status put_gauges(void *context, const struct gauge_batch *batch)
{
    struct recovery *recovery = context;

    TRY(make_room(recovery, 0));
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->metrics[i] < 64) { /* the encoder's limit; the recorder has fewer */
            mr_encode_gauge(&recovery->encoder, batch->ticks[i], batch->metrics[i],
                            batch->values[i]);
        }
    }
    return OK;
}

static status write_rings(struct recovery *recovery)
{
    struct record_sink sink = {
        .context = recovery,
        .thread = put_thread,
        .thread_counters = put_counters,
        .stacks = put_stacks,
        .definition = put_definition,
        .heap_counters = put_heap_counters,
        .events = put_events,
        .gauges = put_gauges,
    };

    TRY(ring_read_records(recovery->rings, &sink, &recovery->found));
    if (recovery->found.last_ticks > recovery->last_ticks) {
        recovery->last_ticks = recovery->found.last_ticks;
    }
    TRY(make_room(recovery, 0));
    mr_encode_begin(&recovery->encoder, MR_SECTION_END);
    mr_encode_uvarint(&recovery->encoder, MR_END_KILLED);
    mr_encode_uvarint(&recovery->encoder, recovery->last_ticks);
    mr_encode_end(&recovery->encoder);
    return write_block(recovery, MR_BLOCK_LAST);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static status learn_stacks(void *context, const struct stack_record *stacks)
{
    struct recovery *recovery = context;

    return recovery->rings ? ring_read_add_stacks(recovery->rings, stacks) : OK;
}

static status learn_metric(void *context, const struct metric_record *metric)
{
    struct recovery *recovery = context;

    if (recovery->rings) {
        ring_read_add_metric(recovery->rings, metric);
    }
    return OK;
}

static status count_gap(void *context, const struct gap_record *gap)
{
    struct recovery *recovery = context;

    recovery->gap_count += gap->last_ticks != UNKNOWN; /* the end is what we are here for */
    return OK;
}

static status complain_no_rings(const struct recovery *recovery, const char *why)
{
    const struct trace_facts *facts = trace_get_facts(recovery->trace);

    if (facts->ended) {
        diag_error("could not recover \"%s\": nothing is missing at its end", recovery->input);
        diag_hint("memanalyze import %s", recovery->input);
        return FAIL;
    }
    diag_error("could not recover \"%s\": %s", recovery->input, why);
    if (why == ring_read_still_running) {
        diag_hint("Its trace is whole when the process has ended.");
    } else {
        diag_detail("Its %" PRIu64 " intact blocks can be read without.",
                    facts->intact_block_count);
        diag_hint("memanalyze import %s", recovery->input);
    }
    return FAIL;
}

static status open_rings(struct recovery *recovery)
{
    struct record_sink nothing = {.context = NULL};
    const char *why;

    if (!trace_header(recovery->trace)) { /* a later block may repeat it */
        TRY(trace_read_blocks(recovery->trace, &nothing, NULL, NULL));
    }
    recovery->rings = trace_open_rings(recovery->trace, &why);
    if (!recovery->rings) {
        return complain_no_rings(recovery, why);
    }
    struct record_sink learn = {
        .context = recovery,
        .stacks = learn_stacks,
        .metric = learn_metric,
        .gap = count_gap,
    };
    return trace_read_blocks(recovery->trace, &learn, progress_update, NULL);
}

static status open_output(struct recovery *recovery)
{
    if (!recovery->force && access(recovery->output, F_OK) == 0) {
        diag_error("could not write \"%s\": it exists", recovery->output);
        diag_hint("--force replaces it, -o names another.");
        return FAIL;
    }
    snprintf(recovery->temporary, sizeof recovery->temporary, "%s.%d.tmp", recovery->output,
             (int)getpid());
    recovery->file = open(recovery->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (recovery->file < 0) {
        recovery->temporary[0] = '\0';
        return could_not_write(recovery, errno);
    }
    return OK;
}

static status start_writing(struct recovery *recovery)
{
    const struct trace_facts *facts = trace_get_facts(recovery->trace);
    struct mr_writer *writer = &recovery->writer;
    uint64_t sequence = writer->sequence, events_before = writer->events_before;
    int file = fcntl(recovery->file, F_DUPFD_CLOEXEC, 0); /* the writer closes what it is given */

    recovery->encoder_memory = calloc(1, MR_ENCODER_BYTES);
    if (file < 0 || !recovery->encoder_memory ||
        !mr_write_open(writer, file, facts->trace_id, ZSTD_LEVEL)) {
        diag_error("could not recover \"%s\": not enough memory", recovery->input);
        return FAIL;
    }
    recovery->writing = true;
    writer->sequence = sequence;
    writer->events_before = events_before;
    writer->bytes_written = (uint64_t)lseek(recovery->file, 0, SEEK_CUR);
    mr_encode_init(&recovery->encoder, recovery->encoder_memory,
                   trace_header(recovery->trace)->mode != MR_MODE_FULL);
    recovery->last_ticks = facts->last_ticks;
    return OK;
}

/* The name appears when its contents are on disk. */
static status keep_output(struct recovery *recovery)
{
    char directory[PATH_MAX];

    if (fsync(recovery->file) != 0 || rename(recovery->temporary, recovery->output) != 0) {
        return could_not_write(recovery, errno);
    }
    recovery->temporary[0] = '\0';
    snprintf(directory, sizeof directory, "%s", recovery->output);
    char *slash = strrchr(directory, '/');
    if (slash) {
        slash[slash == directory] = '\0';
    } else {
        snprintf(directory, sizeof directory, ".");
    }
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        if (fsync(folder) != 0) {
            diag_remark("memanalyze: \"%s\" may not be on disk yet: %m", recovery->output);
        }
        close(folder);
    }
    return OK;
}

static void say_what_was_recovered(const struct recovery *recovery)
{
    const struct ring_result *found = &recovery->found;

    diag_remark("memanalyze: %" PRIu64 " events recovered, %" PRIu64 " in all: %s", found->events,
                recovery->writer.events_before, recovery->output);
    if (found->marks) {
        diag_detail("And %" PRIu64 " marks of the program's own.", found->marks);
    }
    if (found->owed_frees) {
        diag_detail("Of %" PRIu64 " frees only the order is known; they stand at the end.",
                    found->owed_frees);
    }
    if (found->lost_stacks) {
        diag_detail("%" PRIu64 " allocations have lost their stack.", found->lost_stacks);
    }
    if (found->damaged_rings) {
        diag_detail("The rest of %" PRIu64 " rings could not be understood.", found->damaged_rings);
    }
    if (found->damaged_definitions) {
        diag_detail("The rest of the definitions of names could not be understood.");
    }
    if (found->missing_from_sequence != found->missing_to_sequence) {
        diag_detail("%" PRIu64 " blocks at the end of the trace are lost.",
                    found->missing_to_sequence - found->missing_from_sequence);
    }
    if (recovery->gap_count) {
        diag_detail("The trace still has %" PRIu64 " gap%s; memanalyze info shows where.",
                    recovery->gap_count, recovery->gap_count == 1 ? "" : "s");
    }
}

static status recover(struct recovery *recovery)
{
    TRY(trace_open(recovery->input, &recovery->trace));
    TRY(open_rings(recovery));
    TRY(open_output(recovery));
    TRY(trace_each_block(recovery->trace, recovery, copy_block));
    TRY(start_writing(recovery));
    TRY(write_rings(recovery));
    TRY(keep_output(recovery));
    say_what_was_recovered(recovery);
    if (!recovery->keep) {
        TRY(ring_read_remove(recovery->rings));
    }
    const struct ring_result *found = &recovery->found;
    bool whole = !recovery->gap_count && !found->damaged_rings && !found->lost_stacks &&
                 !found->damaged_definitions &&
                 found->missing_from_sequence == found->missing_to_sequence;
    return whole ? OK : (status){STATUS_INCOMPLETE};
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct recovery *recovery = calloc(1, sizeof *recovery);
    const char *output = NULL;
    int exit_code = EXIT_FAILED;

    if (!recovery) {
        diag_error("could not recover anything: not enough memory");
        return EXIT_FAILED;
    }
    recovery->file = -1;
    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (argument == ARGUMENT_BAD || (argument == ARGUMENT_OPERAND && recovery->input)) {
            exit_code = argument == ARGUMENT_BAD
                            ? EXIT_USAGE
                            : command_usage_error(command, "recover takes one trace");
            goto done;
        }
        if (argument == ARGUMENT_OPERAND) {
            recovery->input = arguments.value;
        }
        output = argument == OPTION_OUTPUT ? arguments.value : output;
        recovery->force |= argument == OPTION_FORCE;
        recovery->keep |= argument == OPTION_KEEP;
    }
    if (!recovery->input) {
        exit_code = command_usage_error(command, "recover needs a trace");
        goto done;
    }
    size_t stem = strlen(recovery->input);
    stem -= stem > 4 && strcmp(recovery->input + stem - 4, ".zst") == 0 ? 4 : 0;
    if (output) {
        snprintf(recovery->output, sizeof recovery->output, "%s", output);
    } else {
        snprintf(recovery->output, sizeof recovery->output, "%.*s.whole.zst", (int)stem,
                 recovery->input);
    }
    progress_start("recovering");
    status result = recover(recovery);
    progress_end();
    exit_code = command_exit(result);
done:
    if (recovery->temporary[0]) {
        unlink(recovery->temporary);
    }
    if (recovery->writing) {
        mr_write_close(&recovery->writer);
    }
    if (recovery->file >= 0) {
        close(recovery->file);
    }
    free(recovery->encoder_memory);
    ring_read_close(recovery->rings);
    trace_close(recovery->trace);
    free(recovery);
    return exit_code;
}

const struct command command_recover = {
    .name = "recover",
    .sentence = "make the trace of a killed process whole",
    .usage = "recover [OPTION...] TRACE",
    .options = options,
    .notes =
        "A killed process leaves its last events in shared memory, until the machine restarts. import\n"
        "reads them from there too; recover writes them into a trace that can be taken elsewhere,\n"
        "and then frees the memory. Exit code 3: something is missing for good.",
    .run = run,
};
