/* SPDX-License-Identifier: Apache-2.0 */
/* import_run.c -- one trace is read, and its run's rows are written. See import_state.h. */
#include "import_state.h"

#include "diag.h"
#include "leak_rows.h"
#include "progress.h"
#include "schema/trace_format.h"
#include "stack_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INTERVAL_WHEN_UNKNOWN = 65536,
    TEMPORARY_NS_MAX = 1000000,
    TEMPORARY_SHARE = 100, /* and at most one such part of the run */
};

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

static const char *name_of(uint64_t value, const char *const *names, size_t count)
{
    return value < count ? names[value] : NULL;
}

static bool is_complete(const struct run *run)
{
    bool ended = run->has_end && trace_get_facts(run->trace)->ended;

    return run->gaps == 0 && (ended || trace_rings_found(run->trace));
}

/* The arguments, which are separated by NULs, joined by spaces. */
static status bind_command_line(struct statement *insert, int at, struct text arguments)
{
    char *joined = malloc(arguments.length + 1);

    if (!joined) {
        return no_memory();
    }
    for (size_t i = 0; i < arguments.length; i++) {
        joined[i] = arguments.bytes[i] ? arguments.bytes[i] : ' ';
    }
    size_t length = arguments.length;
    while (length && joined[length - 1] == ' ') {
        length--;
    }
    db_bind_text(insert, at, (struct text){arguments.bytes ? joined : NULL, length});
    free(joined);
    return OK;
}

static status write_run(struct import *import, uint64_t temporary_ns)
{
    static const char *const start_reasons[] = {"process", "fork", "api"};
    static const char *const end_reasons[] = {"exit", "exec", "stop"};
    const struct run *run = &import->run;
    const struct header_record *header = trace_header(run->trace);
    const struct trace_facts *facts = trace_get_facts(run->trace);
    bool full = header && header->mode != UNKNOWN ? header->mode == MR_MODE_FULL
                                                  : run->saw_events && !run->has_ids;
    char id[33];
    char parent[33];
    uint64_t calls[3] = {0, 0, 0};
    bool told = false;
    struct statement *insert;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct thread_row *row = &run->thread_rows[i];

        told |= row->has_counters;
        calls[0] += row->alloc_calls;
        calls[1] += row->alloc_bytes;
        calls[2] += row->free_calls;
    }
    TRY(db_prepare(import->db,
                   "INSERT INTO run (id, trace_id, parent_trace_id, trace_path, trace_bytes,"
                   " executable, command_line, pid, parent_pid, host, boot_id, operating_system,"
                   " architecture, allocator, unwinder, recorder_version, start_reason,"
                   " started_unix_ns, duration_ns, mode, interval_bytes, page_bytes, complete,"
                   " end_reason, block_count, event_count, recovered_events, bucket_ns,"
                   " temporary_ns, alloc_calls, alloc_bytes, free_calls, peak_ns)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    stack_id_hex(id, facts->trace_id, 16);
    db_bind_int(insert, 1, run->id);
    db_bind_string(insert, 2, id);
    if (header && header->has_parent_trace_id) {
        stack_id_hex(parent, header->parent_trace_id, 16);
        db_bind_string(insert, 3, parent);
    }
    db_bind_string(insert, 4, run->path);
    db_bind_int(insert, 5, (int64_t)facts->file_bytes);
    if (header) {
        db_bind_text(insert, 6, header->executable);
        TRY(bind_command_line(insert, 7, header->command_line));
        db_bind_known(insert, 8, header->pid);
        db_bind_known(insert, 9, header->parent_pid);
        db_bind_text(insert, 10, header->host);
        db_bind_text(insert, 11, header->boot_id);
        db_bind_text(insert, 12, header->operating_system);
        db_bind_text(insert, 13, header->architecture);
        db_bind_text(insert, 14, header->allocator);
        db_bind_text(insert, 15, header->unwinder);
        db_bind_text(insert, 16, header->recorder_version);
        db_bind_string(insert, 17, name_of(header->start_reason, start_reasons, 3));
        db_bind_known(insert, 18,
                      header->start_realtime_ns == UNKNOWN
                          ? UNKNOWN
                          : header->start_realtime_ns + run->late_ns);
        db_bind_known(insert, 22, header->page_bytes);
    }
    db_bind_int(insert, 19, (int64_t)run->last_ns);
    db_bind_string(insert, 20, full ? "full" : "sampled");
    if (!full) {
        db_bind_int(insert, 21, (int64_t)run->interval);
    }
    db_bind_int(insert, 23, is_complete(run));
    db_bind_string(insert, 24, run->has_end ? name_of(run->end_reason, end_reasons, 3) : NULL);
    db_bind_int(insert, 25, (int64_t)facts->intact_block_count);
    db_bind_int(insert, 26, (int64_t)run->events);
    db_bind_int(insert, 27, (int64_t)trace_recovered_events(run->trace));
    db_bind_int(insert, 28, (int64_t)rollup_bucket_ns(import->rollup));
    db_bind_int(insert, 29, (int64_t)temporary_ns);
    for (int i = 0; told && i < 3; i++) {
        db_bind_int(insert, 30 + i, (int64_t)calls[i]);
    }
    db_bind_known(insert, 33, rollup_peak_ns(import->rollup));
    return db_insert(insert);
}

static status write_threads(struct import *import)
{
    const struct run *run = &import->run;
    struct statement *insert;

    TRY(db_prepare(
        import->db,
        "INSERT INTO thread (id, run_id, number, tid, name, first_ns, ended_ns, exact,"
        " alloc_calls, alloc_bytes, free_calls) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &insert));
    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct thread_row *row = &run->thread_rows[i];

        db_bind_int(insert, 1, row->id);
        db_bind_int(insert, 2, run->id);
        db_bind_int(insert, 3, (int64_t)row->number);
        db_bind_known(insert, 4, row->has_tid ? row->tid : UNKNOWN);
        db_bind_string(insert, 5, row->has_name ? row->name : NULL);
        db_bind_int(insert, 6, row->first_ns);
        db_bind_known(insert, 7, row->ended_ns >= 0 ? (uint64_t)row->ended_ns : UNKNOWN);
        db_bind_int(insert, 8, row->has_counters && !row->inexact);
        if (row->has_counters) {
            db_bind_int(insert, 9, (int64_t)row->alloc_calls);
            db_bind_int(insert, 10, (int64_t)row->alloc_bytes);
            db_bind_int(insert, 11, (int64_t)row->free_calls);
        }
        TRY(db_insert(insert));
    }
    return OK;
}

static status write_capabilities(struct import *import)
{
    const struct header_record *header = trace_header(import->run.trace);
    struct text rest = header ? header->capabilities : (struct text){NULL, 0};
    struct statement *insert;

    TRY(db_prepare(import->db, "INSERT OR IGNORE INTO capability (run_id, name) VALUES (?, ?)",
                   &insert));
    while (rest.length) {
        const char *space = memchr(rest.bytes, ' ', rest.length);
        size_t length = space ? (size_t)(space - rest.bytes) : rest.length;

        if (length) {
            db_bind_int(insert, 1, import->run.id);
            db_bind_text(insert, 2, (struct text){rest.bytes, length});
            TRY(db_insert(insert));
        }
        rest.bytes += length + (space != NULL);
        rest.length -= length + (space != NULL);
    }
    return OK;
}

static status write_segments(struct import *import)
{
    const struct run *run = &import->run;
    const struct trace_facts *facts = trace_get_facts(run->trace);
    struct statement *insert;

    TRY(db_prepare(import->db, "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert));
    for (size_t i = 0; i < facts->segment_count; i++) {
        const struct trace_segment *segment = &facts->segments[i];
        bool known = segment->block_count > 0;
        int64_t first_ns = trace_ns(run->trace, segment->first_ticks) - run->start_ns;
        int64_t last_ns = trace_ns(run->trace, segment->last_ticks) - run->start_ns;

        db_bind_int(insert, 1, run->id);
        db_bind_int(insert, 2, (int64_t)i);
        db_bind_string(insert, 3, segment->path);
        db_bind_int(insert, 4, (int64_t)segment->file_bytes);
        db_bind_int(insert, 5, (int64_t)segment->block_count);
        db_bind_int(insert, 6, (int64_t)segment->event_count);
        if (known) {
            db_bind_int(insert, 7, first_ns > 0 ? first_ns : 0);
            db_bind_int(insert, 8, last_ns > 0 ? last_ns : 0);
            db_bind_int(insert, 9, (first_ns > 0 ? first_ns : 0) + (int64_t)run->late_ns);
        }
        TRY(db_insert(insert));
    }
    return OK;
}

/* What the recorder itself counted, out of the last row of its ticks. */
static status read_recorder_losses(struct import *import)
{
    struct import_losses *losses = &import->run.losses;
    struct statement *select;
    bool has_row;

    TRY(db_prepare(import->db,
                   "SELECT MAX(dropped_samples), MAX(dropped_bytes), MAX(dropped_frees),"
                   " MAX(truncated_stacks), MAX(write_errors), COUNT(dropped_samples),"
                   " (SELECT MAX(value) FROM gauge WHERE run_id = ?1"
                   "  AND name = 'recorder.untracked_threads'),"
                   " (SELECT COALESCE(MAX(value), -1) FROM gauge WHERE run_id = ?1"
                   "  AND name = 'recorder.dropped_marks'),"
                   " (SELECT COALESCE(MAX(value), -1) FROM gauge WHERE run_id = ?1"
                   "  AND name = 'recorder.refused_calls'),"
                   " (SELECT COALESCE(MAX(value), -1) FROM gauge WHERE run_id = ?1"
                   "  AND name = 'recorder.full_tables')"
                   " FROM recorder_tick WHERE run_id = ?1",
                   &select));
    db_bind_int(select, 1, import->run.id);
    TRY(db_step(select, &has_row));
    if (has_row) {
        losses->recorder_watched = db_int(select, 5) > 0;
        losses->dropped_samples = (uint64_t)db_int(select, 0);
        losses->dropped_bytes = (uint64_t)db_int(select, 1);
        losses->dropped_frees = (uint64_t)db_int(select, 2);
        losses->truncated_stacks = (uint64_t)db_int(select, 3);
        losses->write_errors = (uint64_t)db_int(select, 4);
        losses->untracked_threads = (uint64_t)db_int(select, 6);
        losses->dropped_marks = (uint64_t)db_int(select, 7); /* -1 is UNKNOWN */
        losses->refused_calls = (uint64_t)db_int(select, 8);
        losses->full_tables = (uint64_t)db_int(select, 9);
    }
    db_reset(select);
    return OK;
}

static status write_losses(struct import *import)
{
    struct run *run = &import->run;
    struct import_losses *losses = &run->losses;
    const struct stack_table_counts *counts = stack_table_get_counts(import->stacks);

    TRY(read_recorder_losses(import));
    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct thread_row *row = &run->thread_rows[i];

        /* 0 is no thread: it owns the frees that found no room in their own thread's ring. */
        losses->inexact_threads += row->number != 0 && (row->inexact || !row->has_counters);
    }
    if (counts->truncated > losses->truncated_stacks) {
        losses->truncated_stacks = counts->truncated;
    }
    losses->broken_stacks = counts->broken;
    losses->voice = *voice_get_losses(import->voice);
    losses->gaps = run->gaps;
    losses->gap_events = run->gap_events;
    losses->gap_unknown = run->gap_unknown;
    losses->missing_end = !run->has_end && !trace_rings_found(run->trace);
    losses->assumed_interval = !run->has_header && run->has_ids;
    return import_losses_write(losses, import->db, run->id);
}

static uint32_t threads_at(const void *context, uint64_t time_ns)
{
    const struct run *run = context;
    uint32_t count = 0;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct thread_row *row = &run->thread_rows[i];

        count += row->first_ns <= (int64_t)time_ns &&
                 (row->ended_ns < 0 || row->ended_ns >= (int64_t)time_ns);
    }
    return count;
}

static status finish_run(struct import *import, uint64_t temporary_ns)
{
    struct run *run = &import->run;
    int64_t *thread_ids = calloc(run->thread_count + 1, sizeof *thread_ids);
    status result;

    if (!thread_ids) {
        return no_memory();
    }
    for (uint32_t i = 0; i < run->thread_count; i++) {
        thread_ids[i] = run->thread_rows[i].id;
    }
    waterfall_rows_pass(&import->waterfall, UINT64_MAX, import->rollup);
    result = rollup_finish(import->rollup, run->last_ns);
    if (result.code == STATUS_OK) {
        result = rollup_finish(import->twins, run->last_ns);
    }
    if (result.code == STATUS_OK) {
        result = leak_classes_finish(import->classes, run->last_ns);
    }
    if (result.code == STATUS_OK) {
        result = voice_end(import->voice, run->last_ns);
    }
    if (result.code == STATUS_OK) {
        result = import_records_survivors(import);
    }
    if (result.code == STATUS_OK) {
        result = rollup_write(import->rollup, import->db, import->file ? &import->stack_time : NULL,
                              run->id, thread_ids);
    }
    free(thread_ids);
    TRY(result);
    TRY(voice_write(import->voice));
    TRY(stack_table_name(import->stacks, import->symbolizer));
    const struct leak_input leaks = {.rollup = import->rollup,
                                     .twins = import->twins,
                                     .classes = import->classes,
                                     .stacks = import->stacks,
                                     .voice = import->voice,
                                     .db = import->db,
                                     .run_id = run->id,
                                     .end_ns = run->last_ns};
    TRY(leak_rows_write(&leaks));
    TRY(pins_write(&import->pins, import->stacks, import->db, run->id));
    TRY(import_ticks_flush(import->ticks));
    TRY(waterfall_rows_write(&import->waterfall, import->db, run->id, import->rollup, threads_at,
                             run));
    TRY(rollup_write_history(import->rollup, import->db, run->id, run->last_ns));
    TRY(write_threads(import));
    TRY(write_capabilities(import));
    TRY(write_segments(import));
    TRY(write_losses(import));
    return write_run(import, temporary_ns);
}

static void say_incomplete(const struct import *import)
{
    const struct run *run = &import->run;

    if (import->options->quiet) {
        return;
    }
    diag_remark("\"%s\" is incomplete; everything intact in it was imported.", run->path);
    if (run->gaps_inside) {
        diag_detail("%llu %s could not be read; %s%llu events are missing.",
                    (unsigned long long)run->gaps_inside,
                    run->gaps_inside == 1 ? "stretch" : "stretches",
                    run->gap_unknown ? "at least " : "", (unsigned long long)run->gap_events);
    }
    if (!run->has_end && !trace_rings_found(run->trace)) {
        diag_detail(
            "It has no end: the process was killed, is still running, or the file was cut.");
    }
    if (trace_recovered_events(run->trace)) {
        diag_detail("%llu events were recovered from the process's shared memory.",
                    (unsigned long long)trace_recovered_events(run->trace));
    }
    diag_hint("Table gap, or the report losses, says which times are affected.");
}

/* More files were read than were named. */
static void say_segments(const struct import *import, size_t named)
{
    const struct trace_facts *facts = trace_get_facts(import->run.trace);
    const struct trace_segment *segments = facts->segments;

    if (!import->options->quiet && facts->segment_count > named) {
        diag_remark("\"%s\" is a trace of %zu files, \"%s\" to \"%s\"; all of them were read.",
                    import->run.path, facts->segment_count, segments[0].path,
                    segments[facts->segment_count - 1].path);
    }
}

static status refuse_duplicate(struct import *import, const struct trace_facts *facts)
{
    struct statement *select;
    char id[33];
    bool has_row;

    stack_id_hex(id, facts->trace_id, 16);
    TRY(db_prepare(import->db, "SELECT trace_path FROM run WHERE trace_id = ?", &select));
    db_bind_string(select, 1, id);
    TRY(db_step(select, &has_row));
    if (has_row) {
        diag_error("could not import \"%s\": it is the same trace as \"%s\"", import->run.path,
                   db_string(select, 0));
        diag_hint("Name each trace once.");
        db_reset(select);
        return FAIL;
    }
    return OK;
}

static void start_pins(struct import *import, uint64_t duration_ns)
{
    const struct header_record *header = trace_header(import->run.trace);
    uint64_t interval = header && header->interval_bytes && header->interval_bytes != UNKNOWN
                            ? header->interval_bytes
                            : INTERVAL_WHEN_UNKNOWN;

    pins_start(&import->pins, duration_ns, header && header->mode == MR_MODE_FULL ? 0 : interval,
               header ? header->allocator : (struct text){NULL, 0});
}

static status read_run(struct import *import)
{
    struct run *run = &import->run;
    const struct trace_facts *facts = trace_get_facts(run->trace);
    char what[256];

    TRY(refuse_duplicate(import, facts));
    run->start_ns = trace_ns(run->trace, facts->first_ticks);
    run->late = trace_begins_late(run->trace);
    if (run->late) {
        const struct header_record *header = trace_header(run->trace);
        int64_t began_ns =
            header->start_ticks != UNKNOWN ? trace_ns(run->trace, header->start_ticks) : 0;

        run->late_ns = run->start_ns > began_ns ? (uint64_t)(run->start_ns - began_ns) : 0;
        run->losses.begins_late = true;
    }
    run->interval = INTERVAL_WHEN_UNKNOWN;
    run->threads.element_bytes = sizeof(struct thread_state);

    /* The run's length, as far as it is known before reading: the last event, or clock reading. */
    uint64_t last_ticks = facts->last_ticks;
    if (facts->clock_count && facts->clocks[facts->clock_count - 1].ticks > last_ticks) {
        last_ticks = facts->clocks[facts->clock_count - 1].ticks;
    }
    int64_t length_ns = trace_ns(run->trace, last_ticks);
    length_ns -= run->late ? run->start_ns : 0;
    uint64_t duration_ns = length_ns > 0 ? (uint64_t)length_ns : 0;
    uint64_t temporary_ns = duration_ns / TEMPORARY_SHARE < TEMPORARY_NS_MAX
                                ? duration_ns / TEMPORARY_SHARE
                                : TEMPORARY_NS_MAX;
    rollup_start(import->rollup, duration_ns, temporary_ns);
    rollup_start(import->twins, duration_ns, temporary_ns);
    keep_rows_start(&run->keep, import->sample_bytes, facts->event_count);
    leak_classes_start(import->classes, duration_ns);
    start_pins(import, duration_ns);
    stack_table_begin_run(import->stacks, run->id);
    voice_begin_run(import->voice, run->id);
    import_ticks_begin_run(import->ticks, run->id);
    waterfall_rows_begin(&import->waterfall);

    snprintf(what, sizeof what, "importing %.200s", run->path);
    if (!import->options->quiet) {
        progress_start(what);
    }
    const struct record_sink sink = import_records_sink(import);
    status result =
        trace_read(run->trace, &sink, import->options->quiet ? NULL : progress_update, NULL);
    if (!import->options->quiet) {
        progress_end();
    }
    TRY(result);
    TRY(finish_run(import, temporary_ns));
    import->totals.events += run->events;
    import->totals.trace_bytes += facts->file_bytes;
    if (!is_complete(run)) {
        say_incomplete(import);
        return (status){STATUS_INCOMPLETE};
    }
    if (trace_rings_found(run->trace) && !import->options->quiet) {
        diag_remark("\"%s\" was killed; %llu of its events are only in shared memory.", run->path,
                    (unsigned long long)trace_recovered_events(run->trace));
        diag_hint("memanalyze recover %s makes one whole trace, and frees that memory.", run->path);
    }
    return OK;
}

status import_run(struct import *import, const char *const *paths, size_t count)
{
    import->run = (struct run){.id = ++import->run_count, .path = paths[0]};
    TRY(trace_open_files(paths, count, &import->run.trace));
    say_segments(import, count);
    status result = read_run(import);
    trace_close(import->run.trace);
    sparse_clear(&import->run.threads);
    for (uint32_t i = 0; i < import->run.thread_count; i++) {
        free(import->run.thread_rows[i].heap_bases);
    }
    free(import->run.thread_rows);
    free(import->run.alive);
    return result;
}
