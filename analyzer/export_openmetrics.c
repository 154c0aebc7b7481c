/* SPDX-License-Identifier: Apache-2.0 */
/* export_openmetrics.c -- OpenMetrics 1.0 text: the figures of a run at its end, and what was read while it ran,
 * with their times.
 *
 * Names follow the convention: base units (bytes, seconds, ratio) at the end, counters in _total, all points
 * of a family together and, of one label, in order of time. A run that does not know when it began is
 * put at the epoch.                                                                              */
#include "export_stacks.h"
#include "export_write.h"
#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

struct metrics {
    struct export_job *job;
    char *labels; /* of the run, without braces */
    int64_t start_ns;
    char family[NAME_BYTES]; /* that was opened last */
};

/* ---- lines ---------------------------------------------------------------------------------- */

/* A label's value: one line; quotes and backslashes are escaped. */
static void put_label(FILE *out, const char *value)
{
    char *line = NULL;
    size_t bytes;
    FILE *memory = open_memstream(&line, &bytes);

    if (memory) {
        export_line_text(memory, value, 0);
        fclose(memory);
    }
    putc('"', out);
    for (const char *at = line ? line : ""; *at; at++) {
        if (*at == '"' || *at == '\\') {
            putc('\\', out);
        }
        putc(*at, out);
    }
    putc('"', out);
    free(line);
}

static void put_family(struct metrics *metrics, const char *name, const char *type,
                       const char *unit, const char *help)
{
    if (strcmp(metrics->family, name) == 0) {
        return;
    }
    snprintf(metrics->family, sizeof metrics->family, "%s", name);
    fprintf(metrics->job->out, "# TYPE %s %s\n", name, type);
    if (*unit) {
        fprintf(metrics->job->out, "# UNIT %s %s\n", name, unit);
    }
    fprintf(metrics->job->out, "# HELP %s %s\n", name, help);
}

static void put_time(struct metrics *metrics, int64_t time_ns)
{
    int64_t at_ns = metrics->start_ns + time_ns;

    fprintf(metrics->job->out, " %" PRId64 ".%09" PRId64 "\n", at_ns / 1000000000,
            at_ns % 1000000000);
}

/* ---- what was read while it ran ------------------------------------------------------------- */

struct series {
    const char *name, *type, *unit, *help;
    const char *label; /* NULL: none */
    double scale;
    const char *sql; /* time_ns, value, label's value; by label, then time */
};

#define TICK(column, table)                                                                        \
    "SELECT time_ns, " column " FROM " table " WHERE run_id = ?1 AND " column                      \
    " IS NOT NULL ORDER BY time_ns"
#define HEAP(column)                                                                               \
    "SELECT u.time_ns, u." column ", h.name FROM heap_usage u JOIN heap h ON h.id = u.heap_id"     \
    " WHERE u.run_id = ?1 AND u." column " IS NOT NULL ORDER BY h.name, h.id, u.time_ns"
#define POOL(column)                                                                               \
    "SELECT t.time_ns, t." column ", p.name FROM pool_tick t JOIN pool p ON p.id = t.pool_id"      \
    " WHERE t.run_id = ?1 AND t." column " IS NOT NULL ORDER BY p.name, p.id, t.time_ns"

static const struct series all_series[] = {
    {"memrec_live_bytes", "gauge", "bytes", "Live bytes that malloc was asked for, estimated.",
     NULL, 1,
     "SELECT start_ns + (SELECT bucket_ns FROM run WHERE id = ?1), live_bytes FROM timeline"
     " WHERE run_id = ?1 ORDER BY bucket"},
    {"memrec_resident_bytes", "gauge", "bytes", "Resident set.", NULL, 1,
     TICK("rss_bytes", "process_tick")},
    {"memrec_proportional_bytes", "gauge", "bytes", "Resident set, shared pages divided by users.",
     NULL, 1, TICK("pss_bytes", "process_tick")},
    {"memrec_virtual_bytes", "gauge", "bytes", "Mapped memory.", NULL, 1,
     TICK("vm_bytes", "process_tick")},
    {"memrec_swap_bytes", "gauge", "bytes", "Swapped out.", NULL, 1,
     TICK("swap_bytes", "process_tick")},
    {"memrec_cgroup_bytes", "gauge", "bytes", "Memory of the control group.", NULL, 1,
     TICK("cgroup_bytes", "process_tick")},
    {"memrec_cgroup_limit_bytes", "gauge", "bytes", "Limit of the control group.", NULL, 1,
     TICK("cgroup_limit_bytes", "process_tick")},
    {"memrec_minor_faults", "counter", "", "Page faults served from memory.", NULL, 1,
     TICK("minor_faults", "process_tick")},
    {"memrec_major_faults", "counter", "", "Page faults served from disk.", NULL, 1,
     TICK("major_faults", "process_tick")},
    {"memrec_allocator_used_bytes", "gauge", "bytes", "Handed out by the allocator.", NULL, 1,
     TICK("used_bytes", "allocator_tick")},
    {"memrec_allocator_free_bytes", "gauge", "bytes", "Free inside the allocator's heaps.", NULL, 1,
     TICK("free_bytes", "allocator_tick")},
    {"memrec_heap_used_bytes", "gauge", "bytes", "In use in a managed heap.", "heap", 1,
     HEAP("used_bytes")},
    {"memrec_heap_size_bytes", "gauge", "bytes", "Size of a managed heap.", "heap", 1,
     HEAP("total_bytes")},
    {"memrec_pool_used_bytes", "gauge", "bytes", "In use in a pool.", "pool", 1,
     POOL("used_bytes")},
    {"memrec_pool_reserved_bytes", "gauge", "bytes", "Reserved by a pool.", "pool", 1,
     POOL("reserved_bytes")},
    {"memrec_pool_overflows", "counter", "", "Requests that did not fit into a pool.", "pool", 1,
     POOL("overflow_count")},
    {"memrec_pool_wait_seconds", "counter", "seconds", "Time spent waiting for a pool.", "pool",
     1e-9, POOL("wait_ns")},
    {"memrec_recorder_cpu_seconds", "counter", "seconds", "CPU time of the recorder's thread.",
     NULL, 1e-9, TICK("cpu_ns", "recorder_tick")},
    {"memrec_recorder_dropped_samples", "counter", "", "Allocations that found no room.", NULL, 1,
     TICK("dropped_samples", "recorder_tick")},
};

/* Pools and heaps may share a name; a time is then told once. */
static status put_series(struct metrics *metrics, const struct series *series)
{
    struct statement *row;
    FILE *out = metrics->job->out;
    char last_label[NAME_BYTES] = "";
    int64_t last_ns = INT64_MIN;
    bool has_row;

    TRY(db_prepare(metrics->job->db, series->sql, &row));
    db_bind_int(row, 1, metrics->job->run.id);
    TRY(db_step(row, &has_row));
    while (has_row) {
        const char *label = series->label ? db_string(row, 2) : NULL;
        bool same = strncmp(last_label, label ? label : "", sizeof last_label - 1) == 0;

        if (!same || db_int(row, 0) > last_ns) {
            put_family(metrics, series->name, series->type, series->unit, series->help);
            fprintf(out, "%s%s{%s", series->name,
                    strcmp(series->type, "counter") == 0 ? "_total" : "", metrics->labels);
            if (series->label) {
                fprintf(out, ",%s=", series->label);
                put_label(out, label ? label : "");
            }
            fputs("} ", out);
            json_put_real(out, db_real(row, 1) * series->scale);
            put_time(metrics, db_int(row, 0));
            last_ns = db_int(row, 0);
            snprintf(last_label, sizeof last_label, "%s", label ? label : "");
        }
        TRY(db_step(row, &has_row));
    }
    return OK;
}

/* ---- figures -------------------------------------------------------------------------------- */

struct unit {
    const char *of_figure, *suffix,
        *in_name; /* the unit as the view, the convention and names spell it */
    double scale;
};
static const struct unit units[] = {
    {"bytes", "bytes", "_bytes", 1},
    {"ns", "seconds", "_ns", 1e-9},
    {"ratio", "ratio", "_share", 1},
    {"bytes_per_second", "bytes_per_second", "bytes_per_second", 1},
    {"bytes_per_hour", "bytes_per_hour", "bytes_per_hour", 1},
    {"count", "", "", 1},
};

static const struct unit *unit_of(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (name && strcmp(units[i].of_figure, name) == 0) {
            return &units[i];
        }
    }
    return &units[sizeof units / sizeof units[0] - 1];
}

struct figure {
    char family[NAME_BYTES];
    const char *quantile; /* NULL: none */
    const char *subject;  /* stream, kind, heap, pool; NULL: none. Points into the name */
};

/* frame.duration_ns.p99.main: the first two words name the family, then comes a quantile, the rest is the program's
 * word. `bound` is "", "_low" or "_high". */
static void parse_figure(const char *name, const struct unit *unit, const char *bound,
                         struct figure *out)
{
    static const struct {
        const char *word, *quantile;
    } quantiles[] = {
        {"p50", "0.5"}, {"p90", "0.9"}, {"p95", "0.95"}, {"p99", "0.99"}, {"max", "1"}};
    size_t first = strcspn(name, ".");
    size_t second = name[first] ? first + 1 + strcspn(name + first + 1, ".") : first;
    size_t stem = second;
    size_t used = 0;

    if (*unit->in_name && stem > strlen(unit->in_name) &&
        memcmp(name + stem - strlen(unit->in_name), unit->in_name, strlen(unit->in_name)) == 0) {
        stem -= strlen(unit->in_name); /* told again as a suffix */
    }
    used = (size_t)snprintf(out->family, sizeof out->family, "memrec_run_");
    for (size_t i = 0; i < stem && used + 64 < sizeof out->family; i++) {
        out->family[used++] = isalnum((unsigned char)name[i]) ? name[i] : '_';
    }
    while (used > 0 && out->family[used - 1] == '_') {
        used--;
    }
    snprintf(out->family + used, sizeof out->family - used, "%s%s%s", bound,
             *unit->suffix ? "_" : "", unit->suffix);
    out->quantile = NULL;
    out->subject = name[second] ? name + second + 1 : NULL;
    for (size_t i = 0; out->subject && i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t length = strlen(quantiles[i].word);

        if (strncmp(out->subject, quantiles[i].word, length) == 0 &&
            (out->subject[length] == '.' || !out->subject[length])) {
            out->quantile = quantiles[i].quantile;
            out->subject = out->subject[length] ? out->subject + length + 1 : NULL;
            break;
        }
    }
}

/* One of value, low, high of all figures; a family has one line for each quantile and subject. */
static status put_figures(struct metrics *metrics, int column, const char *bound, const char *help)
{
    struct statement *row;
    struct figure figure;
    FILE *out = metrics->job->out;
    bool has_row;

    /* by the first two words, so that families stay together */
    TRY(db_prepare(metrics->job->db,
                   "SELECT name, unit, value, low, high FROM figure WHERE run_id = ?1 ORDER BY"
                   " CASE INSTR(SUBSTR(name, INSTR(name, '.') + 1), '.') WHEN 0 THEN name ELSE"
                   " SUBSTR(name, 1, INSTR(name, '.')"
                   " + INSTR(SUBSTR(name, INSTR(name, '.') + 1), '.') - 1) END, unit, name",
                   &row));
    db_bind_int(row, 1, metrics->job->run.id);
    TRY(db_step(row, &has_row));
    while (has_row) {
        const char *name = db_string(row, 0);
        const struct unit *unit = unit_of(db_string(row, 1));

        if (name && !db_is_null(row, column)) {
            parse_figure(name, unit, bound, &figure);
            put_family(metrics, figure.family, "gauge", unit->suffix, help);
            fprintf(out, "%s{%s", figure.family, metrics->labels);
            if (figure.quantile) {
                fprintf(out, ",quantile=\"%s\"", figure.quantile);
            }
            if (figure.subject) {
                fputs(",name=", out);
                put_label(out, figure.subject);
            }
            fputs("} ", out);
            json_put_real(out, db_real(row, column) * unit->scale);
            put_time(metrics, metrics->job->run.duration_ns);
        }
        TRY(db_step(row, &has_row));
    }
    return OK;
}

/* ---- the run -------------------------------------------------------------------------------- */

static status make_labels(struct metrics *metrics)
{
    size_t bytes;
    FILE *memory = open_memstream(&metrics->labels, &bytes);
    const char *executable = metrics->job->run.executable;

    if (memory) {
        fprintf(memory, "pid=\"%" PRId64 "\",executable=", metrics->job->run.pid);
        put_label(memory, executable ? executable : "");
        fclose(memory);
    }
    return metrics->labels ? OK : FAIL;
}

static status put_all(struct metrics *metrics)
{
    FILE *out = metrics->job->out;

    put_family(metrics, "memrec_run", "info", "", "What was recorded.");
    fprintf(out, "memrec_run_info{%s,command=", metrics->labels);
    put_label(out, metrics->job->run.title);
    fputs(",version=\"" MEMREC_VERSION "\"} 1", out);
    put_time(metrics, metrics->job->run.duration_ns);
    for (size_t i = 0; i < sizeof all_series / sizeof all_series[0]; i++) {
        TRY(put_series(metrics, &all_series[i]));
    }
    TRY(put_figures(metrics, 2, "", "A figure of the run, as report figures explains it."));
    TRY(put_figures(metrics, 3, "_low", "Lower end of the figure's 95 % interval."));
    TRY(put_figures(metrics, 4, "_high", "Upper end of the figure's 95 % interval."));
    fputs("# EOF\n", out);
    return OK;
}

status export_openmetrics(struct export_job *job)
{
    struct metrics metrics = {
        .job = job, .start_ns = job->run.started_unix_ns > 0 ? job->run.started_unix_ns : 0};

    TRY(make_labels(&metrics));
    status result = put_all(&metrics);
    free(metrics.labels);
    return result;
}
