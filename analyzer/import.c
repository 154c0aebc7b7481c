/* SPDX-License-Identifier: Apache-2.0 */
/* import.c -- see import.h. Three levels: the database (begin, finish), a run (start, finish), and the
 * records of a run as the functions of a sink. */
#include "import.h"

#include "db.h"
#include "diag.h"
#include "embedded.h"
#include "import_losses.h"
#include "import_ticks.h"
#include "leak_rows.h"
#include "lifetimes.h"
#include "progress.h"
#include "read.h"
#include "rollup.h"
#include "schema/trace_format.h"
#include "sparse_array.h"
#include "stack_id.h"
#include "stack_table.h"
#include "symbols.h"
#include "table_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INTERVAL_WHEN_UNKNOWN = 65536,
    TEMPORARY_NS_MAX = 1000000,
    TEMPORARY_SHARE = 100, /* and at most one such part of the run */
    INTERVAL_CODES = 32,
    AHEAD_SLOTS = 16,
    AHEAD_PLACES = 8,
    THREAD_NUMBER_MAX = 1 << 24, /* a damaged trace may name any thread */
};

#define TIME_MAX_NS ((INT64_C(1) << 56) - 1) /* two years: beyond it a clock is damaged */

static const char *const kinds[8] = {"other", "malloc", "calloc", "realloc",
                                     "aligned", "new", "other", "other"};

struct thread_state {
    uint32_t dense; /* plus 1; 0: not seen */
};

struct thread_row {
    uint64_t number, tid;
    int64_t id, first_ns, ended_ns; /* ended -1: not */
    char name[64];
    bool has_tid, has_name, has_counters, inexact;
    uint64_t alloc_calls, alloc_bytes, free_calls;
    int64_t realloc_sample; /* its last event was a free by realloc that ended this sample; 0: not */
};

struct run {
    int64_t id;
    struct trace *trace;
    const char *path;
    bool has_header, has_end;
    uint64_t end_reason;
    int64_t start_ns;  /* of trace_ns */
    uint64_t last_ns;  /* of the latest record so far */
    uint64_t interval; /* base, bytes */
    bool saw_events, has_ids;
    struct sparse_array threads; /* thread_state by the trace's number */
    struct thread_row *thread_rows;
    uint32_t thread_count, thread_room;
    uint64_t events, gaps, gap_events;
    bool gap_unknown;
    struct import_losses losses;
};

struct import {
    const struct import_options *options;
    const char *target;
    char *building; /* path of the file until it is whole */
    struct db *db;  /* everything but samples */
    struct table_file *file; /* of the new database; NULL with slow_samples */
    struct table_writer sample, stack_time, stack_frame;
    struct statement *insert_sample, *insert_gap;
    struct import_ticks *ticks;
    struct stack_table *stacks;
    struct rollup *rollup;
    struct lifetimes *lifetimes;
    struct symbolizer *symbolizer;
    int64_t run_count, sample_id, thread_id;
    struct run run;
    struct import_totals totals;
};

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

/* ---- records --------------------------------------------------------------------------------- */

static inline uint64_t time_ns(struct run *run, uint64_t ticks)
{
    int64_t ns = trace_ns(run->trace, ticks) - run->start_ns;
    uint64_t time = ns <= 0 ? 0 : ns < TIME_MAX_NS ? (uint64_t)ns : TIME_MAX_NS;

    run->last_ns = time > run->last_ns ? time : run->last_ns;
    return time;
}

static status on_header(void *context, const struct header_record *record)
{
    struct run *run = &((struct import *)context)->run;

    if (!run->has_header) { /* else: repeated */
        run->has_header = true;
        if (record->interval_bytes != UNKNOWN && record->interval_bytes > 0) {
            run->interval = record->interval_bytes;
        }
        if (record->start_ticks != UNKNOWN) {
            run->start_ns = trace_ns(run->trace, record->start_ticks);
        }
    }
    return OK;
}

static status on_module(void *context, const struct module_record *record)
{
    struct import *import = context;

    return stack_table_module(import->stacks, record,
                              (int64_t)time_ns(&import->run, record->ticks));
}

static status on_module_gone(void *context, const struct module_gone_record *record)
{
    struct import *import = context;

    stack_table_module_gone(import->stacks, record->id,
                            (int64_t)time_ns(&import->run, record->ticks));
    return OK;
}

static status add_thread(struct import *import, uint32_t number, uint64_t first_ns,
                         struct thread_state *state)
{
    struct run *run = &import->run;

    if (run->thread_count == run->thread_room) {
        uint32_t room = run->thread_room + run->thread_room / 2 + 16;
        struct thread_row *rows = realloc(run->thread_rows, room * sizeof *rows);

        if (!rows) {
            return no_memory();
        }
        run->thread_rows = rows;
        run->thread_room = room;
    }
    run->thread_rows[run->thread_count] = (struct thread_row){
        .number = number, .id = ++import->thread_id, .first_ns = (int64_t)first_ns, .ended_ns = -1};
    state->dense = ++run->thread_count;
    return OK;
}

/* The thread of this number: *index into thread_rows. */
static inline status find_thread(struct import *import, uint64_t number, uint64_t now_ns,
                                 uint32_t *index)
{
    struct run *run = &import->run;
    uint32_t known = number < THREAD_NUMBER_MAX ? (uint32_t)number : THREAD_NUMBER_MAX;
    struct thread_state *state = sparse_find(&run->threads, known);

    if (!state && !(state = sparse_make(&run->threads, known))) {
        return no_memory();
    }
    if (!state->dense) {
        TRY(add_thread(import, known, now_ns, state));
    }
    *index = state->dense - 1;
    return OK;
}

static status on_thread(void *context, const struct thread_record *record)
{
    struct import *import = context;
    uint64_t now_ns = time_ns(&import->run, record->ticks);
    uint32_t index;

    TRY(find_thread(import, record->id, now_ns, &index));
    struct thread_row *row = &import->run.thread_rows[index];
    row->tid = record->tid;
    row->has_tid = true;
    row->first_ns = (int64_t)now_ns < row->first_ns ? (int64_t)now_ns : row->first_ns;
    if (record->name.length) {
        db_clean_text(row->name, sizeof row->name, record->name);
        row->has_name = true;
    }
    return OK;
}

static status on_thread_counters(void *context, const struct thread_counters_record *record)
{
    struct import *import = context;
    uint64_t now_ns = time_ns(&import->run, record->ticks);
    uint32_t index;

    TRY(find_thread(import, record->thread, now_ns, &index));
    struct thread_row *row = &import->run.thread_rows[index];
    row->has_counters = true;
    row->inexact |= record->flags & MR_THREAD_INEXACT;
    if (record->flags & MR_THREAD_ENDED && row->ended_ns < 0) {
        row->ended_ns = (int64_t)now_ns;
    }
    row->alloc_calls = record->alloc_calls;
    row->alloc_bytes = record->alloc_bytes;
    row->free_calls = record->free_calls;
    return OK;
}

static status on_stacks(void *context, const struct stack_record *record)
{
    return stack_table_nodes(((struct import *)context)->stacks, record);
}

/* Writes the row of a sample. `death_ns` and `death_thread` are UNKNOWN and 0 for a survivor. */
static inline status write_sample(struct import *import, const struct block *block, double weight,
                                  uint64_t death_ns, int64_t death_thread)
{
    const char *kind = kinds[block->kind & 7];
    int64_t interval =
        block->interval ? (int64_t)(import->run.interval << (block->interval - 1)) : 0;
    int64_t thread = import->run.thread_rows[block->thread].id;
    int64_t id = ++import->sample_id;

    if (import->options->slow_samples) {
        struct statement *insert = import->insert_sample;

        db_bind_int(insert, 1, id);
        db_bind_int(insert, 2, import->run.id);
        db_bind_known(insert, 3, block->stack ? block->stack : UNKNOWN);
        db_bind_int(insert, 4, thread);
        db_bind_int(insert, 5, (int64_t)block->birth_ns);
        db_bind_known(insert, 6, death_ns);
        db_bind_known(insert, 7, death_thread ? (uint64_t)death_thread : UNKNOWN);
        db_bind_int(insert, 8, (int64_t)block->address);
        db_bind_int(insert, 9, (int64_t)block->size_bytes);
        db_bind_int(insert, 10, (int64_t)(block->size_bytes + block->extra_bytes));
        db_bind_known(insert, 11, interval ? (uint64_t)interval : UNKNOWN);
        db_bind_real(insert, 12, weight);
        db_bind_string(insert, 13, kind);
        db_bind_known(insert, 14, block->previous_id ? (uint64_t)block->previous_id : UNKNOWN);
        return db_insert(insert);
    }
    struct table_writer *writer = &import->sample;
    table_writer_null(writer);
    table_writer_int(writer, import->run.id);
    table_writer_known(writer, block->stack ? block->stack : UNKNOWN);
    table_writer_int(writer, thread);
    table_writer_int(writer, (int64_t)block->birth_ns);
    table_writer_known(writer, death_ns);
    table_writer_known(writer, death_thread ? (uint64_t)death_thread : UNKNOWN);
    table_writer_int(writer, (int64_t)block->address);
    table_writer_int(writer, (int64_t)block->size_bytes);
    table_writer_int(writer, (int64_t)(block->size_bytes + block->extra_bytes));
    table_writer_known(writer, interval ? (uint64_t)interval : UNKNOWN);
    table_writer_real(writer, weight);
    table_writer_text(writer, kind, strlen(kind));
    table_writer_known(writer, block->previous_id ? (uint64_t)block->previous_id : UNKNOWN);
    return table_writer_end_row(writer, id);
}

static inline struct rollup_block rollup_block_of(struct import *import, const struct block *block)
{
    return (struct rollup_block){
        .birth_ns = block->birth_ns,
        .size_bytes = block->size_bytes,
        .extra_bytes = block->extra_bytes,
        .stack_id = block->stack,
        .thread = block->thread,
        .weight = rollup_weight(import->rollup, block->size_bytes, block->interval,
                                import->run.interval),
    };
}

/* A block ends: its row and its sums. */
static status end_block(struct import *import, const struct block *block, uint64_t death_ns,
                        int64_t death_thread)
{
    struct rollup_block rolled = rollup_block_of(import, block);

    TRY(rollup_free(import->rollup, &rolled, death_ns));
    return write_sample(import, block, rolled.weight, death_ns, death_thread);
}

static status on_alloc(struct import *import, struct block *block, uint64_t key, uint32_t node)
{
    struct run *run = &import->run;
    struct block ended;

    TRY(stack_table_use(import->stacks, node, &block->stack));
    enum lifetimes_answer answer = lifetimes_open(import->lifetimes, key, block, &ended);
    if (answer == LIFETIMES_NO_MEMORY) {
        return no_memory();
    }
    if (answer == LIFETIMES_REUSED) {
        run->losses.reused_addresses++;
        TRY(end_block(import, &ended,
                      block->birth_ns > ended.birth_ns ? block->birth_ns : ended.birth_ns, 0));
    }
    struct rollup_block rolled = rollup_block_of(import, block);
    if (!block->stack) {
        run->losses.unknown_stacks++;
        run->losses.unknown_stack_bytes += rolled.weight * (double)block->size_bytes;
    }
    return rollup_alloc(import->rollup, &rolled);
}

static status on_free(struct import *import, uint64_t key, uint64_t now_ns, uint32_t thread,
                      bool by_realloc)
{
    struct run *run = &import->run;
    struct block ended;

    switch (lifetimes_close(import->lifetimes, key, now_ns, &ended)) {
    case LIFETIMES_DONE:
        TRY(end_block(import, &ended, now_ns, run->thread_rows[thread].id));
        run->thread_rows[thread].realloc_sample = by_realloc ? import->sample_id : 0;
        break;
    case LIFETIMES_LATE:
        run->losses.late_frees++;
        break;
    default:
        run->losses.unmatched_frees++;
    }
    return OK;
}

/* A second reader that runs ahead of the events, to have their blocks on the way to the cache. */
struct ahead {
    size_t event, alloc;
};

static inline uint64_t key_ahead(struct ahead *ahead, const struct event_batch *batch)
{
    size_t event = ahead->event++;

    return batch->ops[event] & MR_OP_ALLOC ? batch->alloc_keys[ahead->alloc++]
                                           : batch->free_keys[event - ahead->alloc];
}

static status on_events(void *context, const struct event_batch *batch)
{
    struct import *import = context;
    struct run *run = &import->run;
    size_t alloc = 0;
    size_t free_row = 0;

    run->events += batch->count;
    run->saw_events = true;
    run->has_ids = batch->has_ids;
    struct ahead slots = {0};
    struct ahead places = {0};
    for (size_t i = 0; i < AHEAD_SLOTS && i < batch->count; i++) {
        lifetimes_prefetch_slot(import->lifetimes, key_ahead(&slots, batch));
    }
    for (size_t i = 0; i < AHEAD_PLACES && i < batch->count; i++) {
        (void)key_ahead(&places, batch);
    }
    for (size_t i = 0; i < batch->count; i++) {
        uint8_t op = batch->ops[i];
        uint64_t now_ns = time_ns(run, batch->ticks[i]);
        uint32_t thread;

        if (i + AHEAD_SLOTS < batch->count) {
            lifetimes_prefetch_slot(import->lifetimes, key_ahead(&slots, batch));
        }
        if (i + AHEAD_PLACES < batch->count) {
            lifetimes_prefetch_place(import->lifetimes, key_ahead(&places, batch));
        }
        TRY(find_thread(import, batch->threads[i], now_ns, &thread));
        int64_t previous = run->thread_rows[thread].realloc_sample;
        run->thread_rows[thread].realloc_sample = 0;
        if (!(op & MR_OP_ALLOC)) {
            TRY(on_free(import, batch->free_keys[free_row++], now_ns, thread,
                        op == MR_OP_FREE_BY_REALLOC));
            continue;
        }
        unsigned interval = batch->intervals[alloc];
        struct block block = {
            .birth_ns = now_ns,
            .address = batch->addresses[alloc],
            .size_bytes = batch->sizes[alloc] >> 48 ? (UINT64_C(1) << 48) - 1 : batch->sizes[alloc],
            .extra_bytes = batch->extras[alloc] < 65535 ? batch->extras[alloc] : 65535,
            .thread = thread,
            .kind = (op & 0x7f) < 8 ? op & 7 : 0,
            .interval = (uint8_t)(interval < INTERVAL_CODES ? interval : INTERVAL_CODES - 1),
            .previous_id = op == MR_OP_REALLOC ? previous : 0,
        };
        TRY(on_alloc(import, &block, batch->alloc_keys[alloc], batch->stacks[alloc]));
        alloc++;
    }
    return OK;
}

static status on_metric(void *context, const struct metric_record *record)
{
    return import_ticks_metric(((struct import *)context)->ticks, record);
}

static status on_gauges(void *context, const struct gauge_batch *batch)
{
    struct import *import = context;

    for (size_t i = 0; i < batch->count; i++) {
        TRY(import_ticks_value(import->ticks, batch->metrics[i],
                               time_ns(&import->run, batch->ticks[i]), batch->values[i]));
    }
    return OK;
}

static status on_end(void *context, const struct end_record *record)
{
    struct run *run = &((struct import *)context)->run;

    (void)time_ns(run, record->ticks);
    run->has_end = true;
    run->end_reason = record->reason;
    return OK;
}

static status on_gap(void *context, const struct gap_record *record)
{
    struct import *import = context;
    struct run *run = &import->run;
    struct statement *insert = import->insert_gap;

    run->gaps++;
    run->gap_unknown |= record->lost_events == UNKNOWN;
    run->gap_events += record->lost_events == UNKNOWN ? 0 : record->lost_events;
    db_bind_int(insert, 1, run->id);
    db_bind_int(insert, 2, (int64_t)time_ns(run, record->first_ticks));
    db_bind_known(insert, 3, record->last_ticks == UNKNOWN ? UNKNOWN
                                                           : time_ns(run, record->last_ticks));
    db_bind_known(insert, 4, record->lost_events);
    db_bind_int(insert, 5, (int64_t)record->first_byte);
    db_bind_int(insert, 6, (int64_t)record->last_byte);
    db_bind_string(insert, 7, record->reason);
    return db_insert(insert);
}

/* ---- a run ----------------------------------------------------------------------------------- */

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
                   " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert));
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
        db_bind_known(insert, 18, header->start_realtime_ns);
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

    TRY(db_prepare(import->db,
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

static status on_survivor(void *context, const struct block *block)
{
    struct import *import = context;
    struct rollup_block rolled = rollup_block_of(import, block);

    import->totals.survivors++;
    TRY(rollup_survivor(import->rollup, &rolled));
    return write_sample(import, block, rolled.weight, UNKNOWN, 0);
}

/* What the recorder itself counted, out of the last row of its ticks. */
static status read_recorder_losses(struct import *import)
{
    struct import_losses *losses = &import->run.losses;
    struct statement *select;
    bool has_row;

    TRY(db_prepare(import->db,
                   "SELECT MAX(dropped_samples), MAX(dropped_bytes), MAX(dropped_frees),"
                   " MAX(truncated_stacks), MAX(write_errors), COUNT(dropped_samples)"
                   " FROM recorder_tick WHERE run_id = ?", &select));
    db_bind_int(select, 1, import->run.id);
    TRY(db_step(select, &has_row));
    if (has_row) {
        losses->recorder_watched = db_int(select, 5) > 0;
        losses->dropped_samples = (uint64_t)db_int(select, 0);
        losses->dropped_bytes = (uint64_t)db_int(select, 1);
        losses->dropped_frees = (uint64_t)db_int(select, 2);
        losses->truncated_stacks = (uint64_t)db_int(select, 3);
        losses->write_errors = (uint64_t)db_int(select, 4);
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
        losses->inexact_threads += run->thread_rows[i].inexact || !run->thread_rows[i].has_counters;
    }
    if (counts->truncated > losses->truncated_stacks) {
        losses->truncated_stacks = counts->truncated;
    }
    losses->broken_stacks = counts->broken;
    losses->gaps = run->gaps;
    losses->gap_events = run->gap_events;
    losses->gap_unknown = run->gap_unknown;
    losses->missing_end = !run->has_end && !trace_rings_found(run->trace);
    losses->assumed_interval = !run->has_header && run->has_ids;
    return import_losses_write(losses, import->db, run->id);
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
    result = rollup_finish(import->rollup, run->last_ns);
    if (result.code == STATUS_OK) {
        result = lifetimes_each(import->lifetimes, on_survivor, import);
    }
    lifetimes_clear(import->lifetimes);
    if (result.code == STATUS_OK) {
        result = rollup_write(import->rollup, import->db, import->file ? &import->stack_time : NULL,
                              run->id, thread_ids);
    }
    free(thread_ids);
    TRY(result);
    TRY(stack_table_name(import->stacks, import->symbolizer));
    TRY(leak_rows_write(import->rollup, import->stacks, import->db, run->id, run->last_ns));
    TRY(import_ticks_flush(import->ticks));
    TRY(write_threads(import));
    TRY(write_capabilities(import));
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
    if (run->gaps && run->gap_unknown) {
        diag_detail("%llu stretches could not be read; at least %llu events are missing.",
                    (unsigned long long)run->gaps, (unsigned long long)run->gap_events);
    } else if (run->gaps) {
        diag_detail("%llu stretches could not be read; %llu events are missing.",
                    (unsigned long long)run->gaps, (unsigned long long)run->gap_events);
    }
    if (!run->has_end && !trace_rings_found(run->trace)) {
        diag_detail("It has no end: the process was killed, is still running, or the file was cut.");
    }
    if (trace_recovered_events(run->trace)) {
        diag_detail("%llu events were recovered from the process's shared memory.",
                    (unsigned long long)trace_recovered_events(run->trace));
    }
    diag_hint("Table gap, or the report losses, says which times are affected.");
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

static status read_run(struct import *import)
{
    const struct record_sink sink = {
        .context = import,
        .header = on_header,
        .module = on_module,
        .module_gone = on_module_gone,
        .thread = on_thread,
        .thread_counters = on_thread_counters,
        .stacks = on_stacks,
        .events = on_events,
        .metric = on_metric,
        .gauges = on_gauges,
        .end = on_end,
        .gap = on_gap,
    };
    struct run *run = &import->run;
    const struct trace_facts *facts = trace_get_facts(run->trace);
    char what[256];

    TRY(refuse_duplicate(import, facts));
    run->start_ns = trace_ns(run->trace, facts->first_ticks);
    run->interval = INTERVAL_WHEN_UNKNOWN;
    run->threads.element_bytes = sizeof(struct thread_state);

    /* The run's length, as far as it is known before reading: the last event, or clock reading. */
    uint64_t last_ticks = facts->last_ticks;
    if (facts->clock_count && facts->clocks[facts->clock_count - 1].ticks > last_ticks) {
        last_ticks = facts->clocks[facts->clock_count - 1].ticks;
    }
    int64_t length_ns = trace_ns(run->trace, last_ticks);
    uint64_t duration_ns = length_ns > 0 ? (uint64_t)length_ns : 0;
    uint64_t temporary_ns = duration_ns / TEMPORARY_SHARE < TEMPORARY_NS_MAX
                                ? duration_ns / TEMPORARY_SHARE
                                : TEMPORARY_NS_MAX;
    rollup_start(import->rollup, duration_ns, temporary_ns);
    stack_table_begin_run(import->stacks, run->id);
    import_ticks_begin_run(import->ticks, run->id);

    snprintf(what, sizeof what, "importing %.200s", run->path);
    if (!import->options->quiet) {
        progress_start(what);
    }
    status result = trace_read(run->trace, &sink, import->options->quiet ? NULL : progress_update,
                               NULL);
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
    return OK;
}

static status import_trace(struct import *import, const char *path)
{
    import->run = (struct run){.id = ++import->run_count, .path = path};
    TRY(trace_open(path, &import->run.trace));
    status result = read_run(import);
    trace_close(import->run.trace);
    sparse_clear(&import->run.threads);
    free(import->run.thread_rows);
    return result;
}

/* ---- the database ---------------------------------------------------------------------------- */

static const char *embedded_schema(const char *name)
{
    for (size_t i = 0; embedded_schemas[i].name; i++) {
        if (strcmp(embedded_schemas[i].name, name) == 0) {
            return embedded_schemas[i].text;
        }
    }
    return "";
}

static status refuse_existing(const struct import *import)
{
    if (!import->options->replace && access(import->target, F_OK) == 0) {
        diag_error("could not write \"%s\": it exists", import->target);
        diag_hint("--force replaces it.");
        return FAIL;
    }
    return OK;
}

/* A name next to the target that no one has; the file is made, empty. */
static status make_file(struct import *import)
{
    size_t length = strlen(import->target) + sizeof ".XXXXXX";

    import->building = malloc(length);
    if (!import->building) {
        return no_memory();
    }
    snprintf(import->building, length, "%s.XXXXXX", import->target);
    int file = mkostemp(import->building, O_CLOEXEC);
    if (file < 0) {
        diag_error("could not write \"%s\": %m", import->target);
        diag_hint("The folder must exist and be writable; -o names another place.");
        free(import->building);
        import->building = NULL;
        return FAIL;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(file, 0666 & ~mask);
    close(file);
    return OK;
}

/* Makes the schema in the new file. */
static status make_schema(struct import *import)
{
    struct db *db;

    TRY(db_open(import->building, DB_BUILD, &db));
    status result = db_run(db, embedded_schema("schema"));
    db_close(db);
    return result;
}

static status open_writer(struct import *import, const char *table, enum table_kind kind,
                          struct table_writer *writer)
{
    struct statement *select;
    struct db *db;
    bool has_row = false;
    uint32_t root_page = 0;

    TRY(db_open(import->building, DB_READ, &db));
    status result = db_prepare(db, "SELECT rootpage FROM sqlite_schema WHERE name = ?", &select);
    if (result.code == STATUS_OK) {
        db_bind_string(select, 1, table);
        result = db_step(select, &has_row);
        root_page = has_row ? (uint32_t)db_int(select, 0) : 0;
    }
    db_close(db);
    TRY(result);
    return table_writer_open(writer, import->file, root_page, kind);
}

/* The bulk tables, which are written straight into the file from now on. */
static status open_writers(struct import *import)
{
    TRY(table_file_open(import->building, &import->file));
    TRY(open_writer(import, "sample", TABLE_ROWID, &import->sample));
    TRY(open_writer(import, "stack_time", TABLE_KEYED, &import->stack_time));
    return open_writer(import, "stack_frame", TABLE_KEYED, &import->stack_frame);
}

static status finish_writers(struct import *import)
{
    TRY(table_writer_finish(&import->sample));
    TRY(table_writer_finish(&import->stack_time));
    TRY(table_writer_finish(&import->stack_frame));
    return table_file_finish(import->file);
}

static status begin(struct import *import)
{
    TRY(refuse_existing(import));
    TRY(make_file(import));
    TRY(make_schema(import));
    TRY(db_open("", DB_BUILD, &import->db));
    TRY(db_run(import->db, embedded_schema("schema")));
    TRY(db_run(import->db, "BEGIN"));
    TRY(db_prepare(import->db, "INSERT INTO gap (run_id, first_ns, last_ns, lost_events, first_byte,"
                               " last_byte, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   &import->insert_gap));
    if (import->options->slow_samples) {
        TRY(db_prepare(import->db, "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                                   " ?, ?)", &import->insert_sample));
    } else {
        TRY(open_writers(import));
    }
    TRY(import_ticks_open(import->db, &import->ticks));
    TRY(stack_table_open(&import->stacks));
    TRY(rollup_open(&import->rollup));
    TRY(symbolizer_open(&import->symbolizer));
    import->lifetimes = lifetimes_new();
    return import->lifetimes ? OK : no_memory();
}

/* Copies every table of the temporary database; the bulk tables, which are in the file, are empty there. */
static status copy_tables(struct import *import)
{
    struct statement *select;
    bool has_row;
    status result = OK;

    TRY(db_run(import->db, "COMMIT"));
    TRY(db_run_formatted(import->db,
                         "ATTACH %Q AS target; PRAGMA target.journal_mode = OFF;"
                         "PRAGMA target.synchronous = OFF; BEGIN", import->building));
    TRY(db_prepare(import->db, "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
                               " ORDER BY name", &select));
    TRY(db_step(select, &has_row));
    while (has_row && result.code == STATUS_OK) {
        const char *name = db_string(select, 0);

        result = db_run_formatted(import->db, "INSERT INTO target.\"%w\" SELECT * FROM main.\"%w\"",
                                  name, name);
        if (result.code == STATUS_OK) {
            result = db_step(select, &has_row);
        }
    }
    TRY(result);
    return db_run(import->db, "COMMIT");
}

static status sync_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || fsync(file) != 0) {
        diag_error("could not write \"%s\": %m", path);
        if (file >= 0) {
            close(file);
        }
        return FAIL;
    }
    close(file);
    return OK;
}

/* Closes the file as a whole database, with its views. */
static status end_file(struct import *import)
{
    struct db *file;

    TRY(db_open(import->building, DB_BUILD, &file));
    status result = import_losses_write_symbols(file, symbolizer_get_counts(import->symbolizer));
    if (result.code == STATUS_OK) {
        result = db_run(file, embedded_schema("views"));
    }
    if (result.code == STATUS_OK) {
        result = db_run_formatted(file, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                                  IMPORT_APPLICATION_ID, IMPORT_SCHEMA_VERSION);
    }
    db_close(file);
    TRY(result);
    TRY(sync_file(import->building));
    TRY(refuse_existing(import));
    if (rename(import->building, import->target) != 0) {
        diag_error("could not rename \"%s\" to \"%s\": %m", import->building, import->target);
        return FAIL;
    }
    free(import->building);
    import->building = NULL;
    return OK;
}

static status finish(struct import *import)
{
    TRY(stack_table_write(import->stacks, import->symbolizer, import->db,
                          import->file ? &import->stack_frame : NULL));
    if (import->file) {
        TRY(finish_writers(import));
    }
    TRY(copy_tables(import));
    db_close(import->db);
    import->db = NULL;
    return end_file(import);
}

static void release(struct import *import)
{
    table_writer_close(&import->stack_frame);
    table_writer_close(&import->stack_time);
    table_writer_close(&import->sample);
    table_file_close(import->file);
    import_ticks_close(import->ticks);
    db_close(import->db);
    symbolizer_close(import->symbolizer);
    lifetimes_delete(import->lifetimes);
    rollup_close(import->rollup);
    stack_table_close(import->stacks);
    if (import->building) {
        unlink(import->building);
        free(import->building);
    }
}

status import_traces(const char *const *traces, size_t count, const char *target,
                     const struct import_options *options, struct import_totals *totals)
{
    struct import *import = calloc(1, sizeof *import);
    bool incomplete = false;

    if (!import) {
        return no_memory();
    }
    import->options = options;
    import->target = target;
    status result = begin(import);
    for (size_t i = 0; i < count && result.code == STATUS_OK; i++) {
        result = import_trace(import, traces[i]);
        if (result.code == STATUS_INCOMPLETE) {
            incomplete = true;
            result = OK;
        }
    }
    if (result.code == STATUS_OK) {
        result = finish(import);
    }
    if (totals) {
        import->totals.samples = (uint64_t)import->sample_id;
        *totals = import->totals;
    }
    release(import);
    free(import);
    return result.code == STATUS_OK && incomplete ? (status){STATUS_INCOMPLETE} : result;
}
