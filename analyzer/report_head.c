/* SPDX-License-Identifier: Apache-2.0 */
/* report_head.c -- see report_head.h. */
#include "report_head.h"

#include "diag.h"
#include "query.h"
#include "units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SPARK_STEPS_MAX = 48 };

/* ---- which run ----------------------------------------------------------------------------- */

enum {
    RUN_COMMAND,
    RUN_PID,
    RUN_DURATION,
    RUN_INTERVAL,
    RUN_COMPLETE,
    RUN_END_REASON,
    RUN_LOST,
    RUN_ID,
    RUN_COUNT,
    RUN_COLUMNS
};

static const char run_sql[] =
    "SELECT COALESCE(command_line, executable, '?'), pid, duration_ns, interval_bytes, complete,"
    "       end_reason,"
    "       (SELECT COALESCE(MAX(dropped_samples), 0) + COALESCE(MAX(dropped_frees), 0)"
    "          FROM recorder_tick t"
    "         WHERE t.run_id = r.id),"
    "       id, (SELECT COUNT(*) FROM run)"
    "  FROM run r"
    " WHERE id = COALESCE(NULLIF($1, 0), (SELECT MIN(id) FROM run))";

/* "pid 4242, 10.0 s, sampled every 64.0 KiB, run 1 of 2" */
static void print_facts(FILE *out, const struct cell *cells, bool ascii)
{
    char text[UNITS_BYTES];

    if (cells[RUN_PID].kind == CELL_INTEGER) {
        fprintf(out, "pid %" PRId64 ", ", cells[RUN_PID].integer);
    }
    units_value(text, TYPE_NS, (double)cells[RUN_DURATION].integer, ascii);
    fputs(text, out);
    if (cells[RUN_INTERVAL].kind == CELL_INTEGER) {
        units_value(text, TYPE_BYTES, (double)cells[RUN_INTERVAL].integer, ascii);
        fprintf(out, ", sampled every %s", text);
    } else {
        fputs(", every allocation", out);
    }
    if (cells[RUN_COUNT].integer > 1) {
        fprintf(out, ", run %" PRId64 " of %" PRId64, cells[RUN_ID].integer,
                cells[RUN_COUNT].integer);
    }
}

static void print_missing(const struct render_options *out, const struct cell *cells)
{
    int64_t lost = cells[RUN_LOST].integer;
    char text[UNITS_BYTES];

    units_value(text, TYPE_COUNT, (double)lost, out->ascii);
    fputs(", ", out->out);
    render_style(out, lost > 0 ? STYLE_YELLOW : STYLE_NONE);
    fprintf(out->out, "%s events lost", text);
    render_style(out, STYLE_NONE);
    if (cells[RUN_COMPLETE].integer == 0) {
        bool ended = cells[RUN_END_REASON].kind != CELL_NULL;

        fputs(", ", out->out);
        render_style(out, STYLE_YELLOW);
        fputs(ended ? "incomplete" : "no orderly end", out->out);
        render_style(out, STYLE_NONE);
    }
}

/* A command line may be of any length: the facts go to a second line then. */
static void print_run(const struct render_options *out, const char *path, const struct cell *cells)
{
    enum { MISSING_WIDTH = 40 }; /* room for what print_missing says */
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    char *name = units_escape(file, strlen(file), out->ascii);
    char *command =
        units_escape(cells[RUN_COMMAND].text, cells[RUN_COMMAND].text_bytes, out->ascii);
    char *facts = NULL;
    size_t facts_bytes = 0;
    FILE *stream = open_memstream(&facts, &facts_bytes);

    if (stream) {
        print_facts(stream, cells, out->ascii);
        fclose(stream);
    }
    if (name && command && facts) {
        size_t name_width = units_width(name, strlen(name)) + 2;
        size_t room = out->width > name_width + 10 ? out->width - name_width - 1 : 10;
        size_t take = units_prefix(command, room);
        bool one_line = name_width + units_width(command, strlen(command)) + 2 +
                            units_width(facts, facts_bytes) + MISSING_WIDTH <=
                        out->width;

        render_style(out, STYLE_BOLD);
        fputs(name, out->out);
        render_style(out, STYLE_NONE);
        fprintf(out->out, ": %.*s", (int)take, command);
        fputs(command[take] ? (out->ascii ? "..." : "…") : "", out->out);
        fprintf(out->out, "%s%s", one_line ? ", " : "\n", facts);
        print_missing(out, cells);
        fputs("\n\n", out->out);
    }
    free(name);
    free(command);
    free(facts);
}

status report_head_run(struct db *db, const struct render_options *out, const char *path,
                       int64_t run)
{
    const struct query_parameter parameter = {"$1", {.kind = CELL_INTEGER, .integer = run}};
    struct cell cells[RUN_COLUMNS];
    struct query *query = NULL;

    TRY(query_open(db, "the facts of the run", run_sql, &parameter, 1, &query));
    status step = query_step(query, cells);
    if (step.code == STATUS_OK) {
        print_run(out, path, cells);
    } else if (step.code == STATUS_END) {
        diag_error("there is no run %" PRId64 " in \"%s\"", run, path);
        diag_hint("memanalyze query \"%s\" 'SELECT id, command_line FROM run' lists them.", path);
        step = FAIL;
    }
    query_close(query);
    return step;
}

/* ---- how it went --------------------------------------------------------------------------- */

status report_head_sparklines(struct db *db, const struct catalog *catalog,
                              const struct render_options *out, int64_t run)
{
    const struct catalog_report *timeline = catalog_find(catalog, "timeline");
    size_t steps =
        (out->width - 20) / 2 < SPARK_STEPS_MAX ? (out->width - 20) / 2 : SPARK_STEPS_MAX;
    const struct query_parameter parameters[] = {
        {"$1", {.kind = run ? CELL_INTEGER : CELL_NULL, .integer = run}},
        {"$2", {.kind = CELL_INTEGER, .integer = (int64_t)steps}}};
    double live[SPARK_STEPS_MAX], resident[SPARK_STEPS_MAX];
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    size_t count = 0;
    bool any_resident = false;

    if (!timeline || timeline->origin) {
        return OK;
    }
    TRY(query_open(db, "report \"timeline\"", timeline->text, parameters, 2, &query));
    while (count < steps && query_column_count(query) <= CATALOG_COLUMNS_MAX &&
           query_step(query, cells).code == STATUS_OK) {
        live[count] = resident[count] = 0;
        for (size_t i = 0; i < query_column_count(query); i++) {
            const char *name = query_column_name(query, i);

            if (strcmp(name, "live_bytes") == 0) {
                live[count] = (double)cells[i].integer;
            } else if (strcmp(name, "rss_bytes") == 0 && cells[i].kind == CELL_INTEGER) {
                resident[count] = (double)cells[i].integer;
                any_resident = true;
            }
        }
        count++;
    }
    query_close(query);
    if (count > 4) {
        char *live_line = render_sparkline(live, count, out->ascii);
        char *resident_line = render_sparkline(resident, count, out->ascii);

        fprintf(out->out, "\nlive  %s", live_line ? live_line : "");
        if (any_resident) {
            fprintf(out->out, "   resident  %s", resident_line ? resident_line : "");
        }
        putc('\n', out->out);
        free(live_line);
        free(resident_line);
    }
    return OK;
}
