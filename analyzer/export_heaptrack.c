/* SPDX-License-Identifier: Apache-2.0 */
/* export_heaptrack.c -- heaptrack's interpreted trace, file format version 3: lines of a letter and numbers in
 * hexadecimal without 0x.
 *
 * Each sampled block is one allocation of the bytes that it stands for: so bytes are those of the reports, and
 * calls are, too, where every allocation was recorded. The format has no way to say more.         */
#include "diag.h"
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct heaptrack {
    struct export_job *job;
    struct export_stacks stacks;
    struct export_events *events;
    struct pair_index traces; /* parent, frame: numbered from 1, 0 is the root */
    struct pair_index infos;  /* size, trace */
    struct pair_index known;  /* stack.id, 0: index of stack_traces */
    uint32_t *stack_traces;
    size_t stack_trace_room;
    int64_t last_ms;
};

/* A text in the string table, which counts from 1. */
static void put_string(FILE *out, const char *text)
{
    char *line = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&line, &bytes); /* its length comes first */

    if (memory) {
        export_line_text(memory, text ? text : "", 0);
        fclose(memory);
    }
    fprintf(out, "s %zx %s\n", bytes, line ? line : "");
    free(line);
}

/* Strings: modules, then two for each function. An `i` line for each frame, inlined ones too. */
static void put_places(struct heaptrack *heaptrack)
{
    const struct export_stacks *stacks = &heaptrack->stacks;
    FILE *out = heaptrack->job->out;
    size_t first_function = stacks->module_count + 1;

    for (size_t i = 0; i < stacks->module_count; i++) {
        put_string(out, stacks->modules[i].path);
    }
    for (size_t i = 0; i < stacks->function_count; i++) {
        put_string(out, stacks->functions[i].name);
        put_string(out, stacks->functions[i].file);
    }
    for (size_t i = 0; i < stacks->frame_count; i++) {
        const struct export_frame *frame = &stacks->frames[i];
        size_t function = first_function + 2 * (size_t)frame->function;

        fprintf(out, "i %" PRIx64 " %" PRIx32 " %zx", frame->address ? frame->address : i + 1,
                frame->module, function);
        fprintf(out, " %zx %" PRIx64 "\n",
                stacks->functions[frame->function].file ? function + 1 : 0, (uint64_t)frame->line);
    }
}

static status trace_of(struct heaptrack *heaptrack, int64_t stack_id, uint32_t *out)
{
    struct export_stack stack;
    uint32_t at;
    bool is_new;

    TRY(pair_index_of(&heaptrack->known, (uint64_t)stack_id, 0, &at, &is_new));
    if (!is_new) {
        *out = heaptrack->stack_traces[at];
        return OK;
    }
    if (heaptrack->stack_trace_room < heaptrack->known.room) {
        uint32_t *grown = realloc(heaptrack->stack_traces, heaptrack->known.room * sizeof *grown);

        if (!grown) {
            diag_error("could not export: out of memory");
            return FAIL;
        }
        heaptrack->stack_traces = grown;
        heaptrack->stack_trace_room = heaptrack->known.room;
    }
    TRY(export_stacks_find(&heaptrack->stacks, stack_id, &stack));
    *out = 0;
    for (size_t i = stack.frame_count; i-- > 0;) {
        uint32_t parent = *out;

        TRY(pair_index_of(&heaptrack->traces, parent, stack.frames[i], out, &is_new));
        ++*out;
        if (is_new) {
            fprintf(heaptrack->job->out, "t %" PRIx32 " %" PRIx32 "\n", stack.frames[i] + 1,
                    parent);
        }
    }
    heaptrack->stack_traces[at] = *out;
    return OK;
}

static status put_event(struct heaptrack *heaptrack, const struct export_event *event)
{
    FILE *out = heaptrack->job->out;
    uint64_t bytes = (uint64_t)export_rounded((double)event->size_bytes * event->weight);
    uint32_t trace;
    uint32_t info;
    bool is_new;

    TRY(trace_of(heaptrack, event->stack_id, &trace));
    TRY(pair_index_of(&heaptrack->infos, bytes, trace, &info, &is_new));
    if (is_new) {
        fprintf(out, "a %" PRIx64 " %" PRIx32 "\n", bytes, trace);
    }
    if (event->time_ns / 1000000 > heaptrack->last_ms) {
        heaptrack->last_ms = event->time_ns / 1000000;
        fprintf(out, "c %" PRIx64 "\n", (uint64_t)heaptrack->last_ms);
    }
    fprintf(out, "%c %" PRIx32 "\n", event->is_death ? '-' : '+', info);
    return OK;
}

/* The moments at which the resident set was read, in pages; between events of about that time. */
static status put_resident(struct heaptrack *heaptrack, struct statement *ticks, bool *has_tick,
                           int64_t until_ns)
{
    int64_t page_bytes = heaptrack->job->run.page_bytes > 0 ? heaptrack->job->run.page_bytes : 4096;

    while (*has_tick && db_int(ticks, 0) <= until_ns) {
        fprintf(heaptrack->job->out, "R %" PRIx64 "\n", (uint64_t)(db_int(ticks, 1) / page_bytes));
        TRY(db_step(ticks, has_tick));
    }
    return OK;
}

static status put_trace(struct heaptrack *heaptrack)
{
    const struct export_run *run = &heaptrack->job->run;
    struct export_event event;
    struct statement *ticks;
    status result;
    bool has_tick;
    FILE *out = heaptrack->job->out;

    fprintf(out, "v 10400 3\nX ");
    export_line_text(out, run->title ? run->title : "?", 0);
    fprintf(out, "\nI %" PRIx64 " 0\n", (uint64_t)(run->page_bytes > 0 ? run->page_bytes : 4096));
    if (run->interval_bytes > 0) {
        fprintf(out,
                "# sampled every %" PRId64
                " bytes on average: bytes are estimates, and an allocation is one "
                "sample\n",
                run->interval_bytes);
    }
    put_places(heaptrack);
    TRY(db_prepare(heaptrack->job->db,
                   "SELECT time_ns, rss_bytes FROM process_tick WHERE run_id = ? AND rss_bytes > 0"
                   " ORDER BY time_ns",
                   &ticks));
    db_bind_int(ticks, 1, run->id);
    TRY(db_step(ticks, &has_tick));
    while ((result = export_events_next(heaptrack->events, &event)).code == STATUS_OK) {
        TRY(put_resident(heaptrack, ticks, &has_tick, event.time_ns));
        TRY(put_event(heaptrack, &event));
    }
    if (result.code != STATUS_END) {
        return result;
    }
    TRY(put_resident(heaptrack, ticks, &has_tick, INT64_MAX));
    fprintf(out, "c %" PRIx64 "\n", (uint64_t)(run->duration_ns / 1000000));
    return OK;
}

status export_heaptrack(struct export_job *job)
{
    struct heaptrack heaptrack = {.job = job};

    TRY(export_needs_samples(job, "heaptrack"));
    TRY(export_stacks_open(job, &heaptrack.stacks));
    status result = export_events_open(job, &heaptrack.events);
    if (result.code == STATUS_OK) {
        result = put_trace(&heaptrack);
    }
    export_events_close(heaptrack.events);
    export_stacks_close(&heaptrack.stacks);
    pair_index_free(&heaptrack.traces);
    pair_index_free(&heaptrack.infos);
    pair_index_free(&heaptrack.known);
    free(heaptrack.stack_traces);
    return result;
}
