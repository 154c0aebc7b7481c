/* SPDX-License-Identifier: Apache-2.0 */
/* export_chrome.c -- Chrome's trace events as JSON: what the program told on tracks of its own, gauges as counters.
 *
 * Slices of one track must nest, so streams of frames, heaps and threads with evaluations have a track each;
 * spans overlap freely and are asynchronous. What did not end lasts until the run ends, and says so. */
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>
#include <string.h>

struct chrome {
    struct export_job *job;
    int64_t pid;
    bool begun;
};

/* Tracks: numbers that no thread of the system has. */
enum { TRACK_FRAMES = 1 << 28, TRACK_HEAP = 2 << 28, TRACK_EVALS = 3 << 28 };

static void begin_event(struct chrome *chrome)
{
    fputs(chrome->begun ? ",\n" : "\n", chrome->job->out);
    chrome->begun = true;
}

static void put_name(struct chrome *chrome, const char *what, int64_t track, const char *prefix,
                     const char *name)
{
    begin_event(chrome);
    fprintf(chrome->job->out,
            "{\"ph\":\"M\",\"pid\":%" PRId64 ",\"tid\":%" PRId64
            ",\"name\":\"%s\",\"args\":{\"name\":",
            chrome->pid, track, what);
    char text[256];
    snprintf(text, sizeof text, "%s%.200s", prefix, name ? name : "?");
    export_json_text(chrome->job->out, text);
    fputs("}}", chrome->job->out);
}

/* The columns from the fourth on become args by their names; NULL ones are left out. */
static void put_args(struct chrome *chrome, struct statement *row, const char *const *names,
                     int column, bool unfinished)
{
    FILE *out = chrome->job->out;
    bool first = true;

    fputs(",\"args\":{", out);
    for (int i = 0; names[i]; i++) {
        if (db_is_null(row, column + i)) {
            continue;
        }
        fprintf(out, "%s\"%s\":", first ? "" : ",", names[i]);
        first = false;
        if (db_is_text(row, column + i)) {
            export_json_text(out, db_string(row, column + i));
        } else {
            fprintf(out, "%" PRId64, db_int(row, column + i));
        }
    }
    fprintf(out, "%s}", !unfinished ? "" : first ? "\"unfinished\":true" : ",\"unfinished\":true");
}

struct slices {
    const char *category, *sql; /* track, name, begin_ns, duration_ns, args... */
    int64_t track;
    const char *args[10];
};

/* Rows by begin, the longer first: so they nest. */
static const struct slices slices[] = {
    {"frame",
     "SELECT stream_id, 'frame ' || number, begin_ns, duration_ns, number, alloc_bytes, alloc_calls,"
     " gc_ns, over_ns, why FROM frame_mark WHERE run_id = ?1 ORDER BY begin_ns, duration_ns DESC, id",
     TRACK_FRAMES,
     {"number", "alloc_bytes", "alloc_calls", "gc_ns", "over_ns", "why"}},
    {"phase",
     "SELECT stream_id, name, begin_ns, duration_ns, alloc_bytes, alloc_calls, gc_ns FROM phase"
     " WHERE run_id = ?1 AND frame_id IS NOT NULL ORDER BY begin_ns, depth, id",
     TRACK_FRAMES,
     {"alloc_bytes", "alloc_calls", "gc_ns"}},
    {"gc",
     "SELECT heap_id, kind || ' collection', begin_ns, duration_ns, number, reason, pause_ns,"
     " used_before_bytes, used_after_bytes, reclaimed_bytes, promoted_bytes FROM gc"
     " WHERE run_id = ?1 AND begin_ns IS NOT NULL ORDER BY begin_ns, duration_ns DESC, id",
     TRACK_HEAP,
     {"number", "reason", "pause_ns", "used_before_bytes", "used_after_bytes", "reclaimed_bytes",
      "promoted_bytes"}},
    {"pause",
     "SELECT heap_id, 'pause', begin_ns, duration_ns FROM gc_pause WHERE run_id = ?1"
     " ORDER BY begin_ns, duration_ns DESC, id",
     TRACK_HEAP,
     {NULL}},
    {"eval",
     "SELECT COALESCE(thread_id, 0), COALESCE(label, 'eval'), begin_ns, duration_ns, net_bytes,"
     " alloc_bytes, alloc_calls, gc_ns FROM eval WHERE run_id = ?1"
     " ORDER BY begin_ns, duration_ns DESC, id",
     TRACK_EVALS,
     {"net_bytes", "alloc_bytes", "alloc_calls", "gc_ns"}},
};

static status put_slices(struct chrome *chrome, const struct slices *kind)
{
    FILE *out = chrome->job->out;
    struct statement *row;
    bool has_row;

    TRY(db_prepare(chrome->job->db, kind->sql, &row));
    db_bind_int(row, 1, chrome->job->run.id);
    TRY(db_step(row, &has_row));
    while (has_row) {
        bool unfinished = db_is_null(row, 3);
        int64_t begin_ns = db_int(row, 2);

        begin_event(chrome);
        fprintf(out,
                "{\"ph\":\"X\",\"cat\":\"%s\",\"pid\":%" PRId64 ",\"tid\":%" PRId64 ",\"name\":",
                kind->category, chrome->pid, kind->track + db_int(row, 0));
        export_json_text(out, db_string(row, 1));
        fputs(",\"ts\":", out);
        export_us(out, begin_ns);
        fputs(",\"dur\":", out);
        export_us(out, unfinished ? chrome->job->run.duration_ns - begin_ns : db_int(row, 3));
        put_args(chrome, row, kind->args, 4, unfinished);
        putc('}', out);
        TRY(db_step(row, &has_row));
    }
    return OK;
}

static void put_span_edge(struct chrome *chrome, struct statement *row, char edge, int64_t time_ns)
{
    FILE *out = chrome->job->out;
    const char *label = db_string(row, 2);

    begin_event(chrome);
    fprintf(out,
            "{\"ph\":\"%c\",\"cat\":\"span\",\"id\":%" PRId64 ",\"pid\":%" PRId64
            ",\"tid\":%" PRId64 ",\"name\":",
            edge, db_int(row, 0), chrome->pid, chrome->pid);
    export_json_text(out, label && *label ? label : db_string(row, 1));
    fputs(",\"ts\":", out);
    export_us(out, time_ns);
}

static status put_spans(struct chrome *chrome)
{
    static const char *const args[] = {"kind",  "ended",       "first_result_ns", "items",
                                       "gc_ns", "alloc_bytes", "alloc_calls",     NULL};
    struct statement *row;
    bool has_row;

    TRY(db_prepare(chrome->job->db,
                   "SELECT id, CASE kind WHEN '' THEN 'span' ELSE kind END, label, begin_ns,"
                   " duration_ns, kind, ended, first_result_ns, items, gc_ns, alloc_bytes,"
                   " alloc_calls FROM span WHERE run_id = ?1 ORDER BY begin_ns, id",
                   &row));
    db_bind_int(row, 1, chrome->job->run.id);
    TRY(db_step(row, &has_row));
    while (has_row) {
        bool unfinished = db_is_null(row, 4);
        int64_t end_ns =
            unfinished ? chrome->job->run.duration_ns : db_int(row, 3) + db_int(row, 4);

        put_span_edge(chrome, row, 'b', db_int(row, 3));
        put_args(chrome, row, args, 5, unfinished);
        putc('}', chrome->job->out);
        put_span_edge(chrome, row, 'e', end_ns);
        putc('}', chrome->job->out);
        TRY(db_step(row, &has_row));
    }
    return OK;
}

static status put_marks(struct chrome *chrome)
{
    struct statement *row;
    bool has_row;

    TRY(db_prepare(chrome->job->db,
                   "SELECT time_ns, name FROM mark WHERE run_id = ?1 ORDER BY time_ns, id", &row));
    db_bind_int(row, 1, chrome->job->run.id);
    TRY(db_step(row, &has_row));
    while (has_row) {
        begin_event(chrome);
        fprintf(chrome->job->out,
                "{\"ph\":\"i\",\"s\":\"p\",\"pid\":%" PRId64 ",\"tid\":%" PRId64 ",\"name\":",
                chrome->pid, chrome->pid);
        export_json_text(chrome->job->out, db_string(row, 1));
        fputs(",\"ts\":", chrome->job->out);
        export_us(chrome->job->out, db_int(row, 0));
        putc('}', chrome->job->out);
        TRY(db_step(row, &has_row));
    }
    return OK;
}

/* Counters: a row is time, name of the counter, its value; in order of time within a name. */
static const char counters[] =
    "SELECT time_ns, 'resident bytes', rss_bytes FROM process_tick"
    " WHERE run_id = ?1 AND rss_bytes IS NOT NULL"
    " UNION ALL SELECT start_ns + ?2, 'live bytes', CAST(ROUND(live_bytes) AS INTEGER)"
    " FROM timeline WHERE run_id = ?1"
    " UNION ALL SELECT u.time_ns, 'heap ' || h.name, u.used_bytes FROM heap_usage u"
    " JOIN heap h ON h.id = u.heap_id WHERE u.run_id = ?1 AND u.used_bytes IS NOT NULL"
    " UNION ALL SELECT t.time_ns, 'pool ' || p.name, t.used_bytes FROM pool_tick t"
    " JOIN pool p ON p.id = t.pool_id WHERE t.run_id = ?1 AND t.used_bytes IS NOT NULL"
    " UNION ALL SELECT time_ns, name, value FROM gauge WHERE run_id = ?1"
    " ORDER BY 1, 2";

static status put_counters(struct chrome *chrome)
{
    struct statement *row;
    bool has_row;

    TRY(db_prepare(chrome->job->db, counters, &row));
    db_bind_int(row, 1, chrome->job->run.id);
    db_bind_int(row, 2, chrome->job->run.bucket_ns);
    TRY(db_step(row, &has_row));
    while (has_row) {
        begin_event(chrome);
        fprintf(chrome->job->out, "{\"ph\":\"C\",\"pid\":%" PRId64 ",\"name\":", chrome->pid);
        export_json_text(chrome->job->out, db_string(row, 1));
        fputs(",\"ts\":", chrome->job->out);
        export_us(chrome->job->out, db_int(row, 0));
        fprintf(chrome->job->out, ",\"args\":{\"value\":%" PRId64 "}}", db_int(row, 2));
        TRY(db_step(row, &has_row));
    }
    return OK;
}

static status put_tracks(struct chrome *chrome)
{
    struct statement *row;
    bool has_row;

    put_name(chrome, "process_name", chrome->pid, "",
             chrome->job->run.title ? chrome->job->run.title : "?");
    TRY(db_prepare(chrome->job->db,
                   "SELECT ?2 + id, 'frames: ', name FROM frame_stream WHERE run_id = ?1"
                   " UNION ALL SELECT ?3 + id, 'collections: ', name FROM heap WHERE run_id = ?1"
                   " UNION ALL SELECT DISTINCT ?4 + COALESCE(e.thread_id, 0), 'evaluations: ',"
                   " COALESCE(t.name, 'thread ' || t.number, '?') FROM eval e"
                   " LEFT JOIN thread t ON t.id = e.thread_id WHERE e.run_id = ?1 ORDER BY 1",
                   &row));
    db_bind_int(row, 1, chrome->job->run.id);
    db_bind_int(row, 2, TRACK_FRAMES);
    db_bind_int(row, 3, TRACK_HEAP);
    db_bind_int(row, 4, TRACK_EVALS);
    TRY(db_step(row, &has_row));
    while (has_row) {
        put_name(chrome, "thread_name", db_int(row, 0), db_string(row, 1), db_string(row, 2));
        TRY(db_step(row, &has_row));
    }
    return OK;
}

status export_chrome(struct export_job *job)
{
    struct chrome chrome = {.job = job, .pid = job->run.pid > 0 ? job->run.pid : 1};

    fputs("{\"displayTimeUnit\":\"ms\",\"otherData\":{\"exporter\":\"memanalyze " MEMREC_VERSION
          "\",\"command\":",
          job->out);
    export_json_text(job->out, job->run.title ? job->run.title : "?");
    fputs("},\"traceEvents\":[", job->out);
    TRY(put_tracks(&chrome));
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        TRY(put_slices(&chrome, &slices[i]));
    }
    TRY(put_spans(&chrome));
    TRY(put_marks(&chrome));
    TRY(put_counters(&chrome));
    fputs("\n]}\n", job->out);
    return OK;
}
