/* SPDX-License-Identifier: Apache-2.0 */
/* export_firefox.c -- the Firefox Profiler's processed format, version 56: readers upgrade older versions and refuse
 * newer ones, so it is pinned.
 *
 * One thread: its native allocations are births and deaths of samples, with addresses, so that the viewer
 * shows what is retained; its markers are what the program told; counters are the memory over time. The
 * format keeps tables by column, so each column grows in a file of its own and is copied when whole. */
#include "diag.h"
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 6 };

struct columns { /* of a table */
    FILE *file[COLUMNS_MAX];
    const char *const *names; /* ends with NULL */
    uint64_t length;
};

struct firefox {
    struct export_job *job;
    struct export_stacks stacks;
    struct pair_index nodes; /* parent, frame: numbered from 1, 0 is the root */
    struct pair_index known; /* stack.id, 0: index of stack_nodes */
    uint32_t *stack_nodes;
    size_t stack_node_room;
    struct columns allocations, markers, marker_texts;
    size_t first_marker_name; /* in the table of strings */
};

/* ---- columns -------------------------------------------------------------------------------- */

static status open_columns(struct columns *columns, const char *const *names)
{
    *columns = (struct columns){.names = names};
    for (size_t i = 0; names[i]; i++) {
        columns->file[i] = tmpfile();
        if (!columns->file[i]) {
            diag_error("could not export: no temporary file: %m");
            return FAIL;
        }
    }
    return OK;
}

static void close_columns(struct columns *columns)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        if (columns->file[i]) {
            fclose(columns->file[i]);
        }
    }
}

/* The next row: its columns are then written one by one. */
static void next_row(struct columns *columns)
{
    for (size_t i = 0; columns->names[i] && columns->length > 0; i++) {
        putc(',', columns->file[i]);
    }
    columns->length++;
}

static void copy_file(FILE *from, FILE *to)
{
    char buffer[65536];

    rewind(from);
    for (size_t bytes; (bytes = fread(buffer, 1, sizeof buffer, from)) > 0;) {
        fwrite(buffer, 1, bytes, to);
    }
}

static status put_columns(struct columns *columns, FILE *out)
{
    for (size_t i = 0; columns->names[i]; i++) {
        fprintf(out, "\"%s\":[", columns->names[i]);
        if (fflush(columns->file[i]) != 0 || ferror(columns->file[i])) {
            diag_error("could not export: a temporary file could not be written: %m");
            return FAIL;
        }
        copy_file(columns->file[i], out);
        fputs("],\n", out);
    }
    fprintf(out, "\"length\":%" PRIu64, columns->length);
    return OK;
}

/* ---- allocations ---------------------------------------------------------------------------- */

/* The number of a stack in the table of stacks. */
static status node_of(struct firefox *firefox, int64_t stack_id, uint32_t *out)
{
    struct export_stack stack;
    uint32_t node = 0;
    uint32_t at;
    bool is_new;

    TRY(pair_index_of(&firefox->known, (uint64_t)stack_id, 0, &at, &is_new));
    if (!is_new) {
        *out = firefox->stack_nodes[at];
        return OK;
    }
    if (firefox->stack_node_room < firefox->known.room) {
        uint32_t *grown = realloc(firefox->stack_nodes, firefox->known.room * sizeof *grown);

        if (!grown) {
            diag_error("could not export: out of memory");
            return FAIL;
        }
        firefox->stack_nodes = grown;
        firefox->stack_node_room = firefox->known.room;
    }
    TRY(export_stacks_find(&firefox->stacks, stack_id, &stack));
    for (size_t i = stack.frame_count; i-- > 0;) {
        TRY(pair_index_of(&firefox->nodes, node, stack.frames[i], &node, NULL));
        node++;
    }
    firefox->stack_nodes[at] = *out = node - 1; /* a stack has a frame at least */
    return OK;
}

static status take_allocations(struct firefox *firefox)
{
    static const char *const names[] = {"time",          "weight",   "stack",
                                        "memoryAddress", "threadId", NULL};
    struct columns *columns = &firefox->allocations;
    struct export_events *events;
    struct export_event event;
    status result;

    TRY(open_columns(columns, names));
    TRY(export_events_open(firefox->job, &events));
    while ((result = export_events_next(events, &event)).code == STATUS_OK) {
        int64_t bytes = export_rounded((double)event.size_bytes * event.weight);
        uint32_t node;

        result = node_of(firefox, event.stack_id, &node);
        if (result.code != STATUS_OK) {
            break;
        }
        next_row(columns);
        export_ms(columns->file[0], event.time_ns);
        fprintf(columns->file[1], "%s%" PRId64, event.is_death ? "-" : "", bytes);
        fprintf(columns->file[2], "%" PRIu32, node);
        fprintf(columns->file[3], "%" PRId64,
                event.sample_id); /* an address that is never reused */
        fprintf(columns->file[4], "%" PRId64, event.thread_id);
    }
    export_events_close(events);
    return result.code == STATUS_END ? OK : result;
}

/* ---- markers -------------------------------------------------------------------------------- */

/* name, begin, end (NULL: a moment), text; by begin. */
static const char markers[] =
    "SELECT CASE WHEN kind = '' THEN 'span' ELSE 'span ' || kind END, begin_ns,"
    " begin_ns + COALESCE(duration_ns, ?2 - begin_ns), COALESCE(label, ''), 0 FROM span"
    " WHERE run_id = ?1"
    " UNION ALL SELECT 'frame ' || s.name, f.begin_ns,"
    " f.begin_ns + COALESCE(f.duration_ns, ?2 - f.begin_ns), COALESCE(f.why, ''), 1"
    " FROM frame_mark f JOIN frame_stream s ON s.id = f.stream_id WHERE f.run_id = ?1"
    " UNION ALL SELECT 'gc ' || h.name, g.begin_ns, COALESCE(g.end_ns, g.begin_ns),"
    " g.kind || COALESCE(', ' || g.reason, ''), 2 FROM gc g JOIN heap h ON h.id = g.heap_id"
    " WHERE g.run_id = ?1 AND g.begin_ns IS NOT NULL"
    " UNION ALL SELECT 'eval', begin_ns, begin_ns + COALESCE(duration_ns, ?2 - begin_ns),"
    " COALESCE(label, ''), 3 FROM eval WHERE run_id = ?1"
    " UNION ALL SELECT 'mark', time_ns, NULL, name, 4 FROM mark WHERE run_id = ?1"
    " ORDER BY 2, 5";

static status take_markers(struct firefox *firefox)
{
    static const char *const names[] = {"data",  "name",     "startTime", "endTime",
                                        "phase", "category", NULL};
    static const char *const text_names[] = {"text", NULL};
    struct columns *columns = &firefox->markers;
    struct statement *row;
    bool has_row;

    TRY(open_columns(columns, names));
    TRY(open_columns(&firefox->marker_texts, text_names));
    TRY(db_prepare(firefox->job->db, markers, &row));
    db_bind_int(row, 1, firefox->job->run.id);
    db_bind_int(row, 2, firefox->job->run.duration_ns);
    TRY(db_step(row, &has_row));
    while (has_row) {
        bool is_moment = db_is_null(row, 2);

        next_row(&firefox->marker_texts);
        export_json_text(firefox->marker_texts.file[0], db_string(row, 0));
        next_row(columns);
        /* each has a name of its own in the table of strings */
        fprintf(columns->file[1], "%zu", firefox->first_marker_name + columns->length - 1);
        fputs("{\"type\":\"Text\",\"name\":", columns->file[0]);
        export_json_text(columns->file[0], db_string(row, 3));
        putc('}', columns->file[0]);
        export_ms(columns->file[2], db_int(row, 1));
        if (is_moment) {
            fputs("null", columns->file[3]);
        } else {
            export_ms(columns->file[3], db_int(row, 2));
        }
        fputs(is_moment ? "0" : "1", columns->file[4]);
        putc('0', columns->file[5]);
        TRY(db_step(row, &has_row));
    }
    return OK;
}

/* ---- tables --------------------------------------------------------------------------------- */

/* A column of the same value in every row. */
static void put_same(FILE *out, const char *name, const char *value, size_t length)
{
    fprintf(out, "\"%s\":[", name);
    for (size_t i = 0; i < length; i++) {
        fprintf(out, i ? ",%s" : "%s", value);
    }
    fputs("],\n", out);
}

/* Strings: modules, then two for each function, then markers. */
static void put_strings(struct firefox *firefox)
{
    const struct export_stacks *stacks = &firefox->stacks;
    FILE *out = firefox->job->out;

    fputs("\"stringArray\":[\"\"", out);
    for (size_t i = 0; i < stacks->module_count; i++) {
        const char *slash = strrchr(stacks->modules[i].path, '/');

        putc(',', out);
        export_json_text(out, slash ? slash + 1 : stacks->modules[i].path);
    }
    for (size_t i = 0; i < stacks->function_count; i++) {
        fputs(",\n", out);
        export_json_text(out, stacks->functions[i].name);
        putc(',', out);
        export_json_text(out, stacks->functions[i].file ? stacks->functions[i].file : "");
    }
    if (firefox->markers.length > 0) {
        putc(',', out);
        copy_file(firefox->marker_texts.file[0], out);
    }
    putc(']', out);
}

static void put_stack_table(struct firefox *firefox)
{
    FILE *out = firefox->job->out;

    fputs("\"stackTable\":{\"frame\":[", out);
    for (size_t i = 0; i < firefox->nodes.count; i++) {
        fprintf(out, i ? ",%" PRIu64 : "%" PRIu64, firefox->nodes.items[i].second);
    }
    fputs("],\n\"prefix\":[", out);
    for (size_t i = 0; i < firefox->nodes.count; i++) {
        fputs(i ? "," : "", out);
        if (firefox->nodes.items[i].first == 0) {
            fputs("null", out);
        } else {
            fprintf(out, "%" PRIu64, firefox->nodes.items[i].first - 1);
        }
    }
    fprintf(out, "],\n\"length\":%zu},\n", firefox->nodes.count);
}

static void put_frame_table(struct firefox *firefox)
{
    const struct export_stacks *stacks = &firefox->stacks;
    size_t count = stacks->frame_count;
    FILE *out = firefox->job->out;

    fputs("\"frameTable\":{", out);
    put_same(out, "address", "-1", count);
    put_same(out, "inlineDepth", "0", count);
    put_same(out, "category", "0", count);
    put_same(out, "subcategory", "0", count);
    put_same(out, "nativeSymbol", "null", count);
    put_same(out, "innerWindowID", "0", count);
    put_same(out, "implementation", "null", count);
    put_same(out, "column", "null", count);
    fputs("\"func\":[", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, i ? ",%" PRIu32 : "%" PRIu32, stacks->frames[i].function);
    }
    fputs("],\n\"line\":[", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, i ? ",%" PRId64 : "%" PRId64, stacks->frames[i].line);
    }
    fprintf(out, "],\n\"length\":%zu},\n", count);
}

static void put_func_table(struct firefox *firefox)
{
    const struct export_stacks *stacks = &firefox->stacks;
    size_t count = stacks->function_count;
    size_t first = 1 + stacks->module_count;
    FILE *out = firefox->job->out;

    fputs("\"funcTable\":{", out);
    put_same(out, "isJS", "false", count);
    put_same(out, "relevantForJS", "false", count);
    put_same(out, "resource", "-1", count);
    put_same(out, "lineNumber", "null", count);
    put_same(out, "columnNumber", "null", count);
    fputs("\"name\":[", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, i ? ",%zu" : "%zu", first + 2 * i);
    }
    fputs("],\n\"fileName\":[", out);
    for (size_t i = 0; i < count; i++) {
        if (stacks->functions[i].file) {
            fprintf(out, i ? ",%zu" : "%zu", first + 2 * i + 1);
        } else {
            fputs(i ? ",null" : "null", out);
        }
    }
    fprintf(out, "],\n\"length\":%zu},\n", count);
}

/* ---- counters ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *description, *sql; /* time_ns, bytes */
} counters[] = {
    {"live bytes", "Requested from malloc and not freed, estimated",
     "SELECT start_ns + (SELECT bucket_ns FROM run WHERE id = ?1), CAST(ROUND(live_bytes) AS INTEGER)"
     " FROM timeline WHERE run_id = ?1 ORDER BY bucket"},
    {"resident bytes", "Resident set of the process",
     "SELECT time_ns, rss_bytes FROM process_tick WHERE run_id = ?1 AND rss_bytes IS NOT NULL"
     " ORDER BY time_ns"},
};

/* The format counts differences; the first is from nothing. */
static status put_counter(struct firefox *firefox, size_t which, bool *first)
{
    static const char *const names[] = {"time", "count", NULL};
    FILE *out = firefox->job->out;
    struct columns columns;
    struct statement *row;
    int64_t last = 0;
    bool has_row;
    status result = open_columns(&columns, names);

    if (result.code == STATUS_OK) {
        result = db_prepare(firefox->job->db, counters[which].sql, &row);
    }
    if (result.code == STATUS_OK) {
        db_bind_int(row, 1, firefox->job->run.id);
        result = db_step(row, &has_row);
    }
    while (result.code == STATUS_OK && has_row) {
        next_row(&columns);
        export_ms(columns.file[0], db_int(row, 0));
        fprintf(columns.file[1], "%" PRId64, db_int(row, 1) - last);
        last = db_int(row, 1);
        result = db_step(row, &has_row);
    }
    if (result.code == STATUS_OK && columns.length > 0) {
        fprintf(out, "%s{\"name\":\"%s\",\"category\":\"Memory\",\"description\":\"%s\",",
                *first ? "" : ",", counters[which].name, counters[which].description);
        *first = false;
        fprintf(out, "\"pid\":\"%" PRId64 "\",\"mainThreadIndex\":0,\"samples\":{",
                firefox->job->run.pid > 0 ? firefox->job->run.pid : 1);
        result = put_columns(&columns, out);
        fputs("}}", out);
    }
    close_columns(&columns);
    return result;
}

/* ---- the file ------------------------------------------------------------------------------- */

static void put_meta(struct firefox *firefox)
{
    const struct export_run *run = &firefox->job->run;
    FILE *out = firefox->job->out;

    fputs(
        "{\"meta\":{\"version\":27,\"preprocessedProfileVersion\":56,\"interval\":1,\"processType\":0,"
        "\"stackwalk\":1,\"symbolicated\":true,\"markerSchema\":[],\"importedFrom\":\"memanalyze\","
        "\"categories\":[{\"name\":\"Other\",\"color\":\"grey\",\"subcategories\":[\"Other\"]}],"
        "\"startTime\":",
        out);
    export_ms(out, run->started_unix_ns > 0 ? run->started_unix_ns : 0);
    fputs(",\"profilingStartTime\":0,\"profilingEndTime\":", out);
    export_ms(out, run->duration_ns);
    fputs(",\"product\":", out);
    export_json_text(out, run->title ? run->title : "?");
    fputs("},\n\"libs\":[],\"pages\":[],\"shared\":{", out);
    put_strings(firefox);
    fputs("},\n", out);
}

static status put_thread(struct firefox *firefox)
{
    const struct export_run *run = &firefox->job->run;
    int64_t pid = run->pid > 0 ? run->pid : 1;
    FILE *out = firefox->job->out;

    fputs(
        "\"threads\":[{\"processType\":\"default\",\"processStartupTime\":0,"
        "\"processShutdownTime\":null,\"registerTime\":0,\"unregisterTime\":null,\"pausedRanges\":[],"
        "\"name\":\"all threads\",\"isMainThread\":true,\"processName\":",
        out);
    export_json_text(out, run->executable ? run->executable : "?");
    fprintf(out, ",\"pid\":\"%" PRId64 "\",\"tid\":%" PRId64 ",\n", pid, pid);
    fputs("\"samples\":{\"stack\":[null,null],\"time\":[0,", out); /* the time that was recorded */
    export_ms(out, run->duration_ns);
    fputs("],\"weight\":null,\"weightType\":\"samples\",\"length\":2},\n", out);
    if (firefox->allocations.length > 0) {
        fputs("\"nativeAllocations\":{\"weightType\":\"bytes\",", out);
        TRY(put_columns(&firefox->allocations, out));
        fputs("},\n", out);
    }
    fputs("\"markers\":{", out);
    TRY(put_columns(&firefox->markers, out));
    fputs("},\n", out);
    put_stack_table(firefox);
    put_frame_table(firefox);
    put_func_table(firefox);
    fputs("\"resourceTable\":{\"lib\":[],\"name\":[],\"host\":[],\"type\":[],\"length\":0},\n"
          "\"nativeSymbols\":{\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[],"
          "\"length\":0}}]}\n",
          out);
    return OK;
}

static status put_file(struct firefox *firefox)
{
    bool first = true;

    TRY(take_allocations(firefox));
    TRY(take_markers(firefox));
    put_meta(firefox);
    fputs("\"counters\":[", firefox->job->out);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        TRY(put_counter(firefox, i, &first));
    }
    fputs("],\n", firefox->job->out);
    return put_thread(firefox);
}

status export_firefox(struct export_job *job)
{
    struct firefox firefox = {.job = job};

    TRY(export_needs_samples(job, "firefox"));
    TRY(export_stacks_open(job, &firefox.stacks));
    firefox.first_marker_name = 1 + firefox.stacks.module_count + 2 * firefox.stacks.function_count;
    status result = put_file(&firefox);
    close_columns(&firefox.allocations);
    close_columns(&firefox.markers);
    close_columns(&firefox.marker_texts);
    export_stacks_close(&firefox.stacks);
    pair_index_free(&firefox.nodes);
    pair_index_free(&firefox.known);
    free(firefox.stack_nodes);
    return result;
}
