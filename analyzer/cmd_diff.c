/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_diff.c -- `memanalyze diff`: what changed from one recording to the next.
 *
 * The answers are reports, queries/diff*.sql; here they are asked in turn, and what they compare is
 * said before them.                                                                              */
#include "command.h"
#include "compare.h"
#include "db.h"
#include "diag.h"
#include "report_head.h"
#include "report_rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_FORMAT,
    OPTION_SHOW,
    OPTION_PER,
    OPTION_BY,
    OPTION_MEASURE,
    OPTION_TOLERANCE,
    OPTION_LIMIT,
    OPTION_ALL,
    OPTION_RUN,
    OPTION_BASE_RUN,
    OPTION_FROM,
    OPTION_TO,
    OPTION_AFTER,
};

static const struct command_option options[] = {
    [OPTION_FORMAT] = {"format", 'f', "FORMAT",
                       "table, csv, tsv, json, markdown or plain (default: table)"},
    [OPTION_SHOW] = {"show", 0, "WHAT",
                     "figures, sites, classes, matching or all (default: all; csv and markdown: "
                     "sites)"},
    [OPTION_PER] =
        {"per", 0, "UNIT",
         "frame, span, eval, gc, second or run: what counts as equal work (default: what "
         "both tell)"},
    [OPTION_BY] = {"by", 0, "WHAT", "stack, caller or function: what makes a site"},
    [OPTION_MEASURE] = {"measure", 0, "WHAT",
                        "allocated, live or peak (default: allocated and live)"},
    [OPTION_TOLERANCE] = {"tolerance", 't', "PERCENT",
                          "what may change and be called the same (default: 5)"},
    [OPTION_LIMIT] = {"limit", 'n', "COUNT", "sites to show, or all (default: 20)"},
    [OPTION_ALL] = {"all", 'a', NULL, "also what did not change"},
    [OPTION_RUN] = {"run", 'r', "ID", "the run of the later recording (default: the first)"},
    [OPTION_BASE_RUN] = {"base-run", 0, "ID", "the run of the earlier one (default: the first)"},
    [OPTION_FROM] = {"from", 0, "WHEN", "one recording: from this mark or time on, as in 1.5s"},
    [OPTION_TO] = {"to", 0, "WHEN",
                   "... until this one: what appeared in between (default: the end)"},
    [OPTION_AFTER] = {"after", 0, "WHEN", "... and was still there then (default: the end)"},
    {0},
};

enum { SHOW_FIGURES = 1, SHOW_SITES = 2, SHOW_CLASSES = 4, SHOW_MATCHING = 8, SHOW_ALL = 15 };

struct request {
    const struct command *command;
    const char *paths[COMPARE_MAX];
    size_t path_count;
    enum render_format format;
    unsigned show;                                          /* 0: not told */
    const char *values[sizeof options / sizeof options[0]]; /* by option; NULL: not told */
};

/* ---- arguments ----------------------------------------------------------------------------- */

static bool take_show(struct request *request, const char *value)
{
    static const struct {
        const char *name;
        unsigned show;
    } names[] = {{"figures", SHOW_FIGURES},
                 {"sites", SHOW_SITES},
                 {"classes", SHOW_CLASSES},
                 {"matching", SHOW_MATCHING},
                 {"all", SHOW_ALL}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, value) == 0) {
            request->show = names[i].show;
            return true;
        }
    }
    command_usage_error(request->command,
                        "--show takes figures, sites, classes, matching or all, not \"%s\"", value);
    return false;
}

static bool take_argument(struct request *request, int argument, const char *value)
{
    switch (argument) {
    case ARGUMENT_BAD:
        return false;
    case ARGUMENT_OPERAND:
        if (request->path_count == COMPARE_MAX) {
            command_usage_error(request->command,
                                "diff takes two or three recordings, not \"%s\" "
                                "too",
                                value);
            return false;
        }
        request->paths[request->path_count++] = value;
        return true;
    case OPTION_FORMAT:
        if (!render_format_of_name(value, &request->format)) {
            command_usage_error(
                request->command,
                "there is no format \"%s\"; there are table, csv, tsv, json, markdown, plain",
                value);
            return false;
        }
        return true;
    case OPTION_SHOW:
        return take_show(request, value);
    case OPTION_ALL:
        request->values[OPTION_ALL] = "all";
        return true;
    default:
        request->values[argument] = value;
        return true;
    }
}

/* ---- parameters ---------------------------------------------------------------------------- */

struct bound {
    struct query_parameter values[CATALOG_PARAMETERS_MAX];
    size_t count;
};

/* Gives `value` to the parameter of this name where the report has one; NULL: leaves its default.
 * False, after saying why: it does not take that. */
static bool bind(struct bound *bound, const struct catalog_report *report, const char *name,
                 const char *value)
{
    static const char *const numbers[] = {"$0", "$1", "$2", "$3", "$4",
                                          "$5", "$6", "$7", "$8", "$9"};
    const struct catalog_parameter *found = NULL;
    char *end;

    for (size_t i = 0; i < report->parameter_count; i++) {
        found = strcmp(report->parameters[i].name, name) == 0 ? &report->parameters[i] : found;
    }
    if (!found || !value) {
        return true;
    }
    struct query_parameter *out = &bound->values[bound->count++];
    *out = (struct query_parameter){
        numbers[found->number], {.kind = CELL_TEXT, .text = value, .text_bytes = strlen(value)}};
    if (found->type == TYPE_TEXT ? catalog_takes(found, value) : strcmp(value, "all") == 0) {
        out->value.integer = INT64_MAX;
        out->value.kind = found->type == TYPE_TEXT ? CELL_TEXT : CELL_INTEGER;
        return true;
    }
    out->value.kind = CELL_INTEGER;
    out->value.integer = strtoll(value, &end, 10);
    if (found->type == TYPE_TEXT || end == value || (*end && strcmp(end, "%") != 0) ||
        out->value.integer < 0) {
        diag_error("--%s does not take \"%s\"", name, value);
        diag_hint("--%s: %s", name, found->meaning);
        return false;
    }
    return true;
}

static bool bind_all(const struct request *request, const struct catalog_report *report,
                     struct bound *bound)
{
    bound->count = 0;
    for (int i = OPTION_PER; i <= OPTION_BASE_RUN; i++) {
        if (i != OPTION_ALL && !bind(bound, report, options[i].name, request->values[i])) {
            return false;
        }
    }
    return bind(bound, report, "changes", request->values[OPTION_ALL]);
}

/* ---- what is compared ---------------------------------------------------------------------- */

static int64_t run_of(const char *value) { return value ? strtoll(value, NULL, 10) : 0; }

static status print_runs(const struct request *request, const struct compare *compare,
                         const struct render_options *out)
{
    for (size_t i = 0; i < compare->count; i++) {
        const char *run = request->values[i + 1 == compare->count ? OPTION_RUN : OPTION_BASE_RUN];

        TRY(report_head_run(compare->sources[i].db, out, request->paths[i],
                            i + 1 == compare->count || i == 0 ? run_of(run) : 0));
    }
    return OK;
}

/* The unit that was found or asked for; refuses one that is not told. */
static status print_work(const struct request *request, struct compare *compare,
                         const struct catalog_report *report, const struct render_options *out)
{
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    struct bound bound;
    char text[512] = "";

    if (!bind_all(request, report, &bound)) {
        return (status){STATUS_USAGE};
    }
    TRY(query_open(compare->db, "what counts as work", report->text, bound.values, bound.count,
                   &query));
    status step = query_step(query, cells);
    if (step.code == STATUS_OK) {
        const char *per = request->values[OPTION_PER];
        int unit = report_rows_column(query, "unit"), was = report_rows_column(query, "was_units");
        int now = report_rows_column(query, "now_units");
        int doubtful = report_rows_column(query, "doubtful");
        int length = (int)cells[unit].text_bytes;

        if (per && strcmp(per, "auto") != 0 &&
            (strlen(per) != (size_t)length || memcmp(per, cells[unit].text, (size_t)length) != 0)) {
            diag_error("could not compare per %s: not both recordings tell one that ended", per);
            diag_hint("Without --per, what both tell is found out.");
            step = (status){STATUS_USAGE};
        } else if (cells[doubtful].integer) {
            snprintf(text, sizeof text,
                     "Compared by second and by run (%.3g s before, %.3g s after): neither frames, "
                     "spans nor evaluations were told by both, so a change counts only where it "
                     "shows both ways. --per says which.",
                     cells[was].real, cells[now].real);
        } else if (length == 3 && memcmp(cells[unit].text, "run", 3) == 0) {
            snprintf(text, sizeof text, "Compared as they are, whole runs.");
        } else if (cells[was].real == cells[now].real) {
            snprintf(text, sizeof text, "Compared per %.*s, of which each run did %.6g.", length,
                     cells[unit].text, cells[was].real);
        } else {
            snprintf(
                text, sizeof text,
                "Compared per %.*s (%.6g before, %.6g after): the longer run is cut where it had "
                "done as much as the other.",
                length, cells[unit].text, cells[was].real, cells[now].real);
        }
    } else if (step.code == STATUS_END) {
        diag_error("could not compare: one of the recordings has no such run");
        diag_hint("memanalyze query FILE 'SELECT id, command_line FROM run' lists them.");
        step = FAIL;
    }
    query_close(query);
    if (step.code == STATUS_OK && out->format == RENDER_TABLE) {
        render_paragraph(out, 0, text);
    }
    return step;
}

/* ---- the comparison ------------------------------------------------------------------------ */

static status print_part(const struct request *request, struct compare *compare,
                         const struct catalog_report *report, const char *title,
                         const struct render_options *out)
{
    struct bound bound;

    if (!bind_all(request, report, &bound)) {
        return (status){STATUS_USAGE};
    }
    if (out->format == RENDER_TABLE) {
        putc('\n', out->out);
        render_style(out, STYLE_BOLD);
        fputs(title, out->out);
        render_style(out, STYLE_NONE);
        fputs("\n", out->out);
    }
    return report_rows_print(compare->db, report, bound.values, bound.count, out);
}

static const struct part {
    unsigned show;
    const char *report, *title, *key;
} parts[] = {
    {SHOW_FIGURES, "diff_figures", "Figures", "figures"},
    {SHOW_SITES, "diff", "Sites", "sites"},
    {SHOW_CLASSES, "diff_classes", "Classes", "classes"},
    {SHOW_MATCHING, "diff_matching", "How stacks were matched", "matching"},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static status print_parts(const struct request *request, struct compare *compare,
                          const struct catalog *catalog, const struct render_options *out,
                          unsigned show)
{
    bool object = out->format == RENDER_JSON && (show & (show - 1)) != 0, first = true;

    for (size_t i = 0; i < PARTS; i++) {
        const struct catalog_report *report = catalog_find(catalog, parts[i].report);

        if (!(show & parts[i].show) || !report) {
            continue;
        }
        if (object) {
            fprintf(out->out, "%s\"%s\": ", first ? "{" : ", ", parts[i].key);
        }
        TRY(print_part(request, compare, report, parts[i].title, out));
        first = false;
    }
    if (object) {
        fputs("}\n", out->out);
    }
    return OK;
}

/* ---- one recording ------------------------------------------------------------------------- */

/* A mark of this name, the first not before `earliest`, or a time: 1.5s, 200ms, 3min. */
static status find_moment(struct db *db, int64_t run, const char *text, int64_t earliest,
                          int64_t *out)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}};
    struct statement *select;
    bool has_row;
    char *end;

    TRY(db_prepare(db,
                   "SELECT MIN(time_ns) FROM mark WHERE name = ?1 AND time_ns >= ?2"
                   " AND run_id = COALESCE(?3, (SELECT MIN(id) FROM run)) HAVING COUNT(*) > 0",
                   &select));
    db_bind_string(select, 1, text);
    db_bind_int(select, 2, earliest);
    if (run) {
        db_bind_int(select, 3, run);
    }
    TRY(db_step(select, &has_row));
    if (has_row) {
        *out = db_int(select, 0);
        db_reset(select);
        return OK;
    }
    double number = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, end) == 0 && number >= 0 && number * units[i].factor < 9e18) {
            *out = (int64_t)(number * units[i].factor);
            return OK;
        }
    }
    diag_error("there is no mark \"%s\"%s, and it is no time such as 1.5s", text,
               earliest > 0 ? " after the moment before" : "");
    diag_hint("memanalyze query FILE 'SELECT time_ns, name FROM mark' lists the marks.");
    return (status){STATUS_USAGE};
}

/* What appeared between two moments of one run, and what of it stayed. */
static status compare_moments(const struct request *request, const struct catalog *catalog)
{
    static const struct {
        int option;
        const char *number;
    } moments[] = {{OPTION_FROM, "$2"}, {OPTION_TO, "$3"}, {OPTION_AFTER, "$4"}};
    struct render_options out = render_options_for(stdout, request->format);
    const struct catalog_report *report = catalog_find(catalog, "diff_within");
    int64_t run = run_of(request->values[OPTION_RUN]), moment = 0;
    struct compare compare;
    struct bound bound;

    if (!report || !bind_all(request, report, &bound)) {
        return (status){STATUS_USAGE};
    }
    TRY(compare_open(request->paths, 1, &compare));
    status result = OK;
    for (size_t i = 0; i < 3 && result.code == STATUS_OK; i++) {
        const char *value = request->values[moments[i].option];

        if (value) {
            result = find_moment(compare.db, run, value, moment, &moment);
            bound.values[bound.count++] = (struct query_parameter){
                moments[i].number, {.kind = CELL_INTEGER, .integer = moment}};
        }
    }
    if (result.code == STATUS_OK && out.format == RENDER_TABLE) {
        result = report_head_run(compare.db, &out, request->paths[0], run);
    }
    if (result.code == STATUS_OK) {
        result = report_rows_print(compare.db, report, bound.values, bound.count, &out);
    }
    bool incomplete = compare.incomplete;
    compare_close(&compare);
    return result.code == STATUS_OK && incomplete ? (status){STATUS_INCOMPLETE} : result;
}

/* ---- two or three --------------------------------------------------------------------------- */

static status compare_runs(const struct request *request, const struct catalog *catalog)
{
    struct render_options out = render_options_for(stdout, request->format);
    bool alone = request->format != RENDER_TABLE && request->format != RENDER_JSON;
    unsigned show = request->show ? request->show : alone ? SHOW_SITES : SHOW_ALL;
    const struct catalog_report *work = catalog_find(catalog, "diff_work");
    const struct catalog_report *kept = catalog_find(catalog, "diff_kept");
    struct compare compare;
    status result = OK;

    if (alone && (show & (show - 1)) != 0) {
        command_usage_error(request->command, "csv, markdown and plain show one part: --show WHAT");
        return (status){STATUS_USAGE};
    }
    TRY(compare_open(request->paths, request->path_count, &compare));
    if (request->format == RENDER_TABLE) {
        result = print_runs(request, &compare, &out);
    }
    if (result.code == STATUS_OK && compare.count == 3) {
        result = kept ? print_part(request, &compare, kept, "What the action left", &out) : FAIL;
    } else if (result.code == STATUS_OK && work) {
        result = print_work(request, &compare, work, &out);
    }
    if (result.code == STATUS_OK && compare.count == 2) {
        result = print_parts(request, &compare, catalog, &out, show);
    }
    bool incomplete = compare.incomplete;
    compare_close(&compare);
    return result.code == STATUS_OK && incomplete ? (status){STATUS_INCOMPLETE} : result;
}

static int run_diff(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct request request = {.command = command};
    struct catalog catalog;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (!take_argument(&request, argument, arguments.value)) {
            return EXIT_USAGE;
        }
    }
    bool moments = request.values[OPTION_FROM] || request.values[OPTION_TO];
    if (request.path_count < 2 && !(moments && request.path_count == 1)) {
        return command_usage_error(command, "diff needs two recordings, the earlier one first; or "
                                            "one, and --from and --to");
    }
    if ((moments || request.values[OPTION_AFTER]) && request.path_count > 1) {
        return command_usage_error(command, "--from, --to and --after are for one recording");
    }
    status result = catalog_open(&catalog);
    if (result.code == STATUS_OK) {
        result = moments ? compare_moments(&request, &catalog) : compare_runs(&request, &catalog);
        catalog_close(&catalog);
    }
    return command_exit(result);
}

const struct command command_diff = {
    .name = "diff",
    .sentence = "compare two recordings",
    .usage = "diff BEFORE [ACTION] AFTER [OPTION...]",
    .options = options,
    .notes =
        "Each is a database or a trace, which is imported first. Sites are matched by their code, in a\n"
        "renamed or rebuilt program by the names of their functions, and compared by equal work.\n"
        "What chance or the tolerance explains is not shown. Of three, diff shows what appeared in\n"
        "ACTION and stayed; of one, with --from, what appeared since that moment and stayed.\n"
        "\n"
        "  memanalyze diff old.zst new.zst\n"
        "  memanalyze diff old.db new.db --per frame --by function\n"
        "  memanalyze diff idle.zst opened.zst closed.zst\n"
        "  memanalyze diff run.zst --from \"level loaded\" --to 90s --after 2min",
    .run = run_diff,
};
