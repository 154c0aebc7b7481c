/* SPDX-License-Identifier: Apache-2.0 */
/* export_jsonl.c -- structured log lines: one JSON object for each span that finished, collection, and frame over its
 * budget, in the order in which they ended. Keys are those of the tables; what is NULL is left out. */
#include "export_stacks.h"
#include "export_write.h"
#include "json.h"

#include "query.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { KINDS = 3, COLUMNS_MAX = 32 };

/* The first column is when it ended; the others become keys. */
static const char *const statements[KINDS] = {
    "SELECT s.begin_ns + s.duration_ns AS time_ns, 'span' AS event, s.kind, s.label, s.number AS id,"
    " p.number AS parent_id, t.name AS thread, t.tid, s.begin_ns, s.duration_ns, s.ended,"
    " s.first_result_ns, s.items, s.progress, s.progress_total, s.gc_ns, s.alloc_bytes,"
    " s.alloc_calls, s.free_calls, s.heap_alloc_bytes, s.heap_alloc_calls FROM span s"
    " LEFT JOIN span p ON p.id = s.parent_id LEFT JOIN thread t ON t.id = s.thread_id"
    " WHERE s.run_id = $1 AND s.duration_ns IS NOT NULL ORDER BY 1, s.id",
    "SELECT COALESCE(g.end_ns, g.begin_ns) AS time_ns, 'gc' AS event, h.name AS heap, g.kind,"
    " g.reason, g.number, g.begin_ns, g.duration_ns, g.pause_ns, g.pause_max_ns, g.pause_count,"
    " g.used_before_bytes, g.used_after_bytes, g.reclaimed_bytes, g.promoted_bytes,"
    " g.allocated_bytes FROM gc g JOIN heap h ON h.id = g.heap_id WHERE g.run_id = $1"
    " AND COALESCE(g.end_ns, g.begin_ns) IS NOT NULL ORDER BY 1, g.id",
    "SELECT f.begin_ns + f.duration_ns AS time_ns, 'frame_over_budget' AS event, s.name AS stream,"
    " f.number, t.name AS thread, t.tid, f.begin_ns, f.duration_ns, s.budget_ns, f.over_ns, f.why,"
    " f.gc_ns, f.gc_count, f.alloc_bytes, f.alloc_calls, f.free_calls, f.overflow_count,"
    " f.minor_faults, f.major_faults FROM frame_mark f JOIN frame_stream s ON s.id = f.stream_id"
    " LEFT JOIN thread t ON t.id = f.thread_id WHERE f.run_id = $1 AND f.over_ns IS NOT NULL"
    " AND f.duration_ns IS NOT NULL ORDER BY 1, f.id",
};

struct source { /* the events of one kind, and the next of them */
    struct query *query;
    struct cell cells[COLUMNS_MAX];
    bool has_row;
};

static status advance(struct source *source)
{
    status result = query_step(source->query, source->cells);

    source->has_row = result.code == STATUS_OK;
    return result.code == STATUS_END ? OK : result;
}

static void put_time(FILE *out, int64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    char text[40];
    struct tm utc;

    if (gmtime_r(&seconds, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) > 0) {
        fprintf(out, "\"time\":\"%s.%09" PRId64 "Z\",", text, unix_ns % 1000000000);
    }
}

static void put_line(struct export_job *job, const struct source *source)
{
    FILE *out = job->out;

    export_line_text(out, job->prefix ? job->prefix : "", 0);
    putc('{', out);
    if (job->run.started_unix_ns > 0) {
        put_time(out, job->run.started_unix_ns + source->cells[0].integer);
    }
    if (job->run.pid >= 0) {
        fprintf(out, "\"pid\":%" PRId64 ",", job->run.pid);
    }
    fprintf(out, "\"time_ns\":%" PRId64, source->cells[0].integer);
    for (size_t i = 1; i < query_column_count(source->query); i++) {
        const struct cell *cell = &source->cells[i];

        if (cell->kind == CELL_NULL || (cell->kind == CELL_TEXT && cell->text_bytes == 0)) {
            continue;
        }
        fprintf(out, ",\"%s\":", query_column_name(source->query, i));
        if (cell->kind == CELL_TEXT) {
            export_json_text_bytes(out, cell->text, cell->text_bytes);
        } else if (cell->kind == CELL_INTEGER) {
            fprintf(out, "%" PRId64, cell->integer);
        } else {
            json_put_real(out, cell->real);
        }
    }
    fputs("}\n", out);
}

static struct source *earliest(struct source *sources)
{
    struct source *best = NULL;

    for (size_t i = 0; i < KINDS; i++) {
        if (sources[i].has_row && (!best || sources[i].cells[0].integer < best->cells[0].integer)) {
            best = &sources[i];
        }
    }
    return best;
}

status export_jsonl(struct export_job *job)
{
    const struct query_parameter run = {.name = "$1",
                                        .value = {.kind = CELL_INTEGER, .integer = job->run.id}};
    struct source sources[KINDS] = {0};
    struct source *next = NULL;
    status result = OK;

    for (size_t i = 0; i < KINDS && result.code == STATUS_OK; i++) {
        result = query_open(job->db, "the export", statements[i], &run, 1, &sources[i].query);
        if (result.code == STATUS_OK) {
            result = advance(&sources[i]);
        }
    }
    while (result.code == STATUS_OK && (next = earliest(sources))) {
        put_line(job, next);
        result = advance(next);
    }
    for (size_t i = 0; i < KINDS; i++) {
        query_close(sources[i].query);
    }
    return result;
}
