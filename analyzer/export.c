/* SPDX-License-Identifier: Apache-2.0 */
/* export.c -- see export.h: the table of formats, and the run. */
#include "export.h"

#include "diag.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const export_measure_names[EXPORT_MEASURES] = {
    [EXPORT_ALLOCATED] = "allocated", [EXPORT_LIVE] = "live",           [EXPORT_LEAKED] = "leaked",
    [EXPORT_PEAK] = "peak",           [EXPORT_TEMPORARY] = "temporary",
};

const struct export_format export_formats[] = {
    {"pprof", "profile.proto, gzipped: go tool pprof, Pyroscope, Parca, Perfetto", true,
     export_pprof},
    {"folded", "one line per stack: flamegraph.pl, inferno, speedscope", false, export_folded},
    {"speedscope", "several profiles in one file: speedscope.app", false, export_speedscope},
    {"heaptrack", "interpreted trace, version 3: heaptrack_gui, heaptrack_print", false,
     export_heaptrack},
    {"chrome", "spans, frames, collections and gauges: Perfetto, chrome://tracing", false,
     export_chrome},
    {"firefox", "processed profile: profiler.firefox.com", false, export_firefox},
    {"dhat", "version 2: dh_view.html of valgrind", false, export_dhat},
    {"massif", "ms_print, massif-visualizer", false, export_massif},
    {"openmetrics", "figures and gauges with their times: Prometheus, promtool", false,
     export_openmetrics},
    {"jsonl", "a line per finished span, collection and frame over budget: log tools", false,
     export_jsonl},
    {"snapshot", "JSON of all but single samples: memanalyze import reads it", false,
     export_snapshot},
    {0},
};

static char *copy(const char *text) { return text ? strdup(text) : NULL; }

static int64_t known(struct statement *statement, int column)
{
    return db_is_null(statement, column) ? -1 : db_int(statement, column);
}

status export_run_load(struct db *db, int64_t id, struct export_run *out)
{
    struct statement *select;
    bool has_row;

    *out = (struct export_run){0};
    TRY(db_prepare(db,
                   "SELECT id, pid, started_unix_ns, duration_ns, interval_bytes, page_bytes,"
                   " peak_ns, bucket_ns, temporary_ns, complete, executable, command_line,"
                   " COALESCE(command_line, executable, trace_path) FROM run"
                   " WHERE id = COALESCE(?1, (SELECT MIN(id) FROM run))",
                   &select));
    if (id) {
        db_bind_int(select, 1, id);
    }
    TRY(db_step(select, &has_row));
    if (!has_row) {
        diag_error("could not export: the database has no run %" PRId64, id);
        diag_hint("memanalyze query DATABASE 'SELECT id, command_line FROM run' lists them.");
        return FAIL;
    }
    *out = (struct export_run){
        .id = db_int(select, 0),
        .pid = known(select, 1),
        .started_unix_ns = known(select, 2),
        .duration_ns = db_int(select, 3),
        .interval_bytes = known(select, 4),
        .page_bytes = known(select, 5),
        .peak_ns = known(select, 6),
        .bucket_ns = db_int(select, 7) > 0 ? db_int(select, 7) : 1,
        .temporary_ns = db_int(select, 8),
        .complete = db_int(select, 9) != 0,
        .executable = copy(db_string(select, 10)),
        .command_line = copy(db_string(select, 11)),
        .title = copy(db_string(select, 12)),
    };
    db_reset(select);
    return OK;
}

void export_run_free(struct export_run *run)
{
    free(run->executable);
    free(run->command_line);
    free(run->title);
    *run = (struct export_run){0};
}

status export_needs_samples(const struct export_job *job, const char *format)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(job->db,
                   "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM sample WHERE run_id = ?1 LIMIT 1)),"
                   " (SELECT COUNT(*) FROM (SELECT 1 FROM stack_stat WHERE run_id = ?1 LIMIT 1))",
                   &select));
    db_bind_int(select, 1, job->run.id);
    TRY(db_step(select, &has_row));
    bool missing = has_row && db_int(select, 0) == 0 && db_int(select, 1) > 0;
    db_reset(select);
    if (missing) {
        diag_error("could not export: %s needs single blocks, and this run has only sums", format);
        diag_hint("It was imported from a profile or a snapshot; pprof, folded and speedscope need "
                  "no more than sums.");
        return FAIL;
    }
    return OK;
}
