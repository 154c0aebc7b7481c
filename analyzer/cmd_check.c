/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c -- `memanalyze check`: whether a recording keeps its budgets, and grew beyond a baseline.
 *
 * What figures there are, who is behind one and what changed, reports say; here they are compared
 * with limits, and told in the words of outcome.h.                                                 */
#include "budget.h"
#include "command.h"
#include "compare.h"
#include "db.h"
#include "diag.h"
#include "outcome.h"
#include "report_head.h"
#include "report_rows.h"
#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUDGETS_MAX = 16, CONTRIBUTORS = 3, VIOLATIONS = 10, FIGURES_MAX = 4096 };

enum {
    OPTION_BUDGET,
    OPTION_BASELINE,
    OPTION_TOLERANCE,
    OPTION_PER,
    OPTION_FORMAT,
    OPTION_RUN,
    OPTION_BASE_RUN,
};

static const struct command_option options[] = {
    [OPTION_BUDGET] = {"budget", 'b', "FILE",
                       "limits, FILE.ini, or statements, FILE.sql; may be repeated"},
    [OPTION_BASELINE] = {"baseline", 0, "RECORDING", "fail where it grew beyond this recording"},
    [OPTION_TOLERANCE] = {"tolerance", 't', "PERCENT",
                          "what may grow beyond the baseline (default: 5)"},
    [OPTION_PER] =
        {"per", 0, "UNIT",
         "frame, span, eval, gc, second or run: what counts as equal work (default: what "
         "both tell)"},
    [OPTION_FORMAT] = {"format", 'f', "FORMAT", "text, json, junit or github (default: text)"},
    [OPTION_RUN] = {"run", 'r', "ID", "the run to check (default: the first)"},
    [OPTION_BASE_RUN] = {"base-run", 0, "ID", "the run of the baseline (default: the first)"},
    {0},
};

struct request {
    const struct command *command;
    const char *path;
    const char *budget_paths[BUDGETS_MAX];
    size_t budget_count;
    enum outcome_format format;
    const char *values[sizeof options / sizeof options[0]]; /* by option; NULL: not told */
};

struct checking {
    const struct request *request;
    const struct catalog *catalog;
    struct compare *compare;
    int64_t run;
    struct outcomes outcomes;
};

/* ---- arguments ----------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits < 10 && (!text[digits] || strcmp(text + digits, "%") == 0);
}

static bool take_argument(struct request *request, int argument, const char *value)
{
    switch (argument) {
    case ARGUMENT_BAD:
        return false;
    case ARGUMENT_OPERAND:
        if (request->path) {
            command_usage_error(request->command, "check takes one recording, not \"%s\" too",
                                value);
            return false;
        }
        request->path = value;
        return true;
    case OPTION_BUDGET:
        if (request->budget_count == BUDGETS_MAX) {
            command_usage_error(request->command, "check takes %d budgets at most", BUDGETS_MAX);
            return false;
        }
        request->budget_paths[request->budget_count++] = value;
        return true;
    case OPTION_FORMAT:
        if (!outcome_format_of_name(value, &request->format)) {
            command_usage_error(request->command,
                                "there is no format \"%s\"; there are text, json, junit, github",
                                value);
            return false;
        }
        return true;
    case OPTION_TOLERANCE:
    case OPTION_RUN:
    case OPTION_BASE_RUN:
        if (!is_number(value)) {
            command_usage_error(request->command, "--%s takes a number, not \"%s\"",
                                options[argument].name, value);
            return false;
        }
        request->values[argument] = value;
        return true;
    default:
        request->values[argument] = value;
        return true;
    }
}

/* ---- asking -------------------------------------------------------------------------------- */

static struct cell number_cell(const char *text)
{
    return text ? (struct cell){.kind = CELL_INTEGER, .integer = strtoll(text, NULL, 10)}
                : (struct cell){.kind = CELL_NULL};
}

static struct cell text_cell(const char *text)
{
    return text ? (struct cell){.kind = CELL_TEXT, .text = text, .text_bytes = strlen(text)}
                : (struct cell){.kind = CELL_NULL};
}

static double real_of(const struct cell *cell)
{
    return cell->kind == CELL_INTEGER ? (double)cell->integer
           : cell->kind == CELL_REAL  ? cell->real
                                      : NAN;
}

/* A value in its unit: "71.2 MiB (65.1-77.0)". */
static void format_value(char *out, size_t out_bytes, const char *unit, double value, double low,
                         double high)
{
    struct units_mixed mixed = units_mixed(unit, strlen(unit));
    char text[UNITS_BYTES], interval[UNITS_BYTES] = "";

    units_value(text, mixed.type, value * mixed.factor, true);
    if (!isnan(low) && !isnan(high)) {
        units_interval(interval, mixed.type, value * mixed.factor, low * mixed.factor,
                       high * mixed.factor, true);
    }
    snprintf(out, out_bytes, "%s%s%s%s", text, mixed.suffix, *interval ? " " : "", interval);
}

/* ---- who is behind it ----------------------------------------------------------------------- */

/* One line per row of a query: what `print` makes of it. */
static char *collect(struct checking *checking, const char *name,
                     const struct query_parameter *parameters, size_t parameter_count,
                     void (*print)(FILE *out, const struct query *query, const struct cell *cells))
{
    const struct catalog_report *report = catalog_find(checking->catalog, name);
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    char *lines = NULL;
    size_t bytes = 0;

    if (!report ||
        query_open(checking->compare->db, name, report->text, parameters, parameter_count, &query)
                .code != STATUS_OK) {
        return NULL; /* said; the verdict stands without it */
    }
    FILE *out = open_memstream(&lines, &bytes);
    while (out && query_column_count(query) <= CATALOG_COLUMNS_MAX &&
           query_step(query, cells).code == STATUS_OK) {
        print(out, query, cells);
    }
    if (out) {
        fclose(out);
    }
    query_close(query);
    return lines;
}

static const struct cell *cell_of(const struct query *query, const struct cell *cells,
                                  const char *name)
{
    static const struct cell none = {.kind = CELL_NULL};
    int column = report_rows_column(query, name);

    return column >= 0 ? &cells[column] : &none;
}

static void print_text_cell(FILE *out, const struct cell *cell)
{
    if (cell->kind == CELL_TEXT) {
        fwrite(cell->text, 1, cell->text_bytes, out);
    }
}

static void print_contributor(FILE *out, const struct query *query, const struct cell *cells)
{
    char bytes[3 * UNITS_BYTES], share[UNITS_BYTES];

    format_value(bytes, sizeof bytes, "bytes", real_of(cell_of(query, cells, "bytes")),
                 real_of(cell_of(query, cells, "bytes_low")),
                 real_of(cell_of(query, cells, "bytes_high")));
    units_value(share, TYPE_RATIO, real_of(cell_of(query, cells, "share")), true);
    fprintf(out, "%s, %s: ", bytes, share);
    const struct cell *stack = cell_of(query, cells, "stack");
    print_text_cell(out, stack->kind == CELL_TEXT ? stack : cell_of(query, cells, "function"));
    putc('\n', out);
}

static char *contributors(struct checking *checking, const char *figure)
{
    const struct query_parameter parameters[] = {
        {"$1", {.kind = CELL_INTEGER, .integer = checking->run}},
        {"$2", text_cell(figure)},
        {"$3", {.kind = CELL_INTEGER, .integer = CONTRIBUTORS}}};

    return collect(checking, "contributors", parameters, 3, print_contributor);
}

static void print_change(FILE *out, const struct query *query, const struct cell *cells)
{
    char delta[3 * UNITS_BYTES];

    if (real_of(cell_of(query, cells, "delta_bytes")) <= 0) {
        return;
    }
    format_value(delta, sizeof delta, "bytes", real_of(cell_of(query, cells, "delta_bytes")),
                 real_of(cell_of(query, cells, "delta_bytes_low")),
                 real_of(cell_of(query, cells, "delta_bytes_high")));
    print_text_cell(out, cell_of(query, cells, "change"));
    fprintf(out, " by %s: ", delta);
    print_text_cell(out, cell_of(query, cells, "stack"));
    putc('\n', out);
}

/* The sites that grew most, of what the figure measures. */
static char *growers(struct checking *checking, const char *figure)
{
    const char *const *values = checking->request->values;
    const char *measure = strncmp(figure, "peak.", 5) == 0 ? "peak"
                          : strncmp(figure, "end.", 4) == 0 || strncmp(figure, "leak.", 5) == 0
                              ? "live"
                              : "allocated";
    const struct query_parameter parameters[] = {
        {"$1", {.kind = CELL_INTEGER, .integer = checking->run}},
        {"$2", number_cell(values[OPTION_BASE_RUN])},
        {"$3", {.kind = CELL_INTEGER, .integer = CONTRIBUTORS}},
        {"$5", text_cell(values[OPTION_PER])},
        {"$6", number_cell(values[OPTION_TOLERANCE])},
        {"$8", text_cell(measure)}};

    return collect(checking, "diff", parameters, 6, print_change);
}

/* ---- limits -------------------------------------------------------------------------------- */

struct figure {
    char *name, *unit;
    double value, low, high;
};

struct figures {
    struct figure *rows;
    size_t count;
};

static void release_figures(struct figures *figures)
{
    for (size_t i = 0; i < figures->count; i++) {
        free(figures->rows[i].name);
        free(figures->rows[i].unit);
    }
    free(figures->rows);
}

static status read_figures(struct checking *checking, struct figures *out)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(checking->compare->db,
                   "SELECT name, unit, value, COALESCE(low, 'x'), COALESCE(high, 'x')"
                   " FROM main.figure WHERE run_id = ? ORDER BY name",
                   &select));
    db_bind_int(select, 1, checking->run);
    TRY(db_step(select, &has_row));
    while (has_row) {
        struct figure *rows = realloc(out->rows, (out->count + 1) * sizeof *rows);
        const char *low = db_string(select, 3), *high;

        if (!rows) {
            break;
        }
        out->rows = rows;
        struct figure *row = &rows[out->count++];
        *row = (struct figure){.value = db_real(select, 2)};
        row->low = low && *low != 'x' ? db_real(select, 3) : NAN;
        high = db_string(select, 4);
        row->high = high && *high != 'x' ? db_real(select, 4) : NAN;
        row->name = strdup(db_string(select, 0) ? db_string(select, 0) : "");
        row->unit = strdup(db_string(select, 1) ? db_string(select, 1) : "");
        if (!row->name || !row->unit) {
            diag_error("could not check: out of memory");
            return FAIL;
        }
        TRY(db_step(select, &has_row));
    }
    return OK;
}

static const struct figure *find_figure(const struct figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++) {
        if (strcmp(figures->rows[i].name, name) == 0) {
            return &figures->rows[i];
        }
    }
    return NULL;
}

static const char *nearest_figure(const struct figures *figures, const char *name)
{
    const char *names[FIGURES_MAX];
    size_t count = 0;

    for (; count < figures->count && count < FIGURES_MAX; count++) {
        names[count] = figures->rows[count].name;
    }
    return command_nearest(name, names, count);
}

static status check_limit(struct checking *checking, const struct budget *budget,
                          const struct budget_rule *rule, const struct figures *figures)
{
    const struct figure *figure = find_figure(figures, rule->figure);
    char value[3 * UNITS_BYTES];

    if (figure && rule->unit && strcmp(rule->unit, figure->unit) != 0) {
        diag_error("could not read budget \"%s\": line %u: %s is no limit for a figure in %s",
                   budget->path, rule->line, rule->text, figure->unit);
        return (status){STATUS_USAGE};
    }
    struct outcome *outcome = outcomes_add(&checking->outcomes);
    if (!outcome) {
        return FAIL;
    }
    outcome->suite = rule->section;
    outcome->name = rule->text;
    outcome->path = budget->path;
    outcome->line = rule->line;
    outcome->figure = rule->figure;
    if (!figure) {
        const char *nearest = nearest_figure(figures, rule->figure);

        outcome->verdict = rule->optional ? OUTCOME_SKIPPED : OUTCOME_UNKNOWN;
        if (asprintf(&outcome->message, "this recording does not tell %s%s%s%s", rule->figure,
                     nearest ? "; did you mean " : "", nearest ? nearest : "",
                     nearest ? "?" : "") < 0) {
            outcome->message = NULL;
        }
        return OK;
    }
    outcome->unit = strdup(figure->unit);
    outcome->value = figure->value;
    outcome->low = figure->low;
    outcome->high = figure->high;
    outcome->verdict =
        outcome_judge(rule->operator, rule->limit, figure->value, figure->low, figure->high);
    format_value(value, sizeof value, figure->unit, figure->value, figure->low, figure->high);
    if (asprintf(&outcome->message, "it is %s%s", value,
                 outcome->verdict == OUTCOME_UNSURE ? ": beyond it, but not by more than chance"
                                                    : "") < 0) {
        outcome->message = NULL;
    }
    /* who allocates explains bytes, and how long collections take; not how long work does */
    if (outcome->verdict == OUTCOME_FAILED &&
        (strcmp(figure->unit, "ns") != 0 || strncmp(rule->figure, "gc.", 3) == 0)) {
        outcome->details = contributors(checking, rule->figure);
    }
    return OK;
}

/* ---- statements ---------------------------------------------------------------------------- */

static void print_row(FILE *out, const struct query *query, const struct cell *cells)
{
    for (size_t i = 0; i < query_column_count(query); i++) {
        char text[UNITS_BYTES];

        fprintf(out, "%s%s ", i ? ", " : "", query_column_name(query, i));
        if (cells[i].kind == CELL_TEXT) {
            print_text_cell(out, &cells[i]);
        } else if (cells[i].kind == CELL_NULL) {
            fputs("NULL", out);
        } else {
            units_value(text, catalog_type_of_name(query_column_name(query, i)), real_of(&cells[i]),
                        true);
            fputs(text, out);
        }
    }
    putc('\n', out);
}

static status check_statement(struct checking *checking, const struct budget *budget,
                              const struct budget_rule *rule)
{
    const struct query_parameter parameter = {"$1",
                                              {.kind = CELL_INTEGER, .integer = checking->run}};
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    char title[256], *lines = NULL;
    size_t bytes = 0, rows = 0;

    snprintf(title, sizeof title, "the statement in line %u of \"%.150s\"", rule->line,
             budget->path);
    TRY(query_open(checking->compare->db, title, rule->sql, &parameter, 1, &query));
    FILE *out = open_memstream(&lines, &bytes);
    status result = OK;
    if (!out || query_column_count(query) > CATALOG_COLUMNS_MAX) {
        diag_error("could not run %s: %s", title,
                   out ? "it has too many columns" : "out of memory");
        result = FAIL;
    }
    while (result.code == STATUS_OK && (result = query_step(query, cells)).code == STATUS_OK) {
        if (rows++ < VIOLATIONS) {
            print_row(out, query, cells);
        }
    }
    if (out) {
        if (rows > VIOLATIONS) {
            fprintf(out, "and %zu more\n", rows - VIOLATIONS);
        }
        fclose(out);
    }
    query_close(query);
    struct outcome *outcome = result.code == STATUS_END ? outcomes_add(&checking->outcomes) : NULL;
    if (!outcome) {
        free(lines);
        return FAIL;
    }
    outcome->suite = rule->section;
    outcome->name = rule->text;
    outcome->path = budget->path;
    outcome->line = rule->line;
    outcome->verdict = rows > 0 ? OUTCOME_FAILED : OUTCOME_PASSED;
    outcome->details = lines;
    if (asprintf(&outcome->message, "%zu row%s violate%s it", rows, rows == 1 ? "" : "s",
                 rows == 1 ? "s" : "") < 0) {
        outcome->message = NULL;
    }
    return OK;
}

static status check_budget(struct checking *checking, const struct budget *budget,
                           const struct figures *figures)
{
    for (size_t i = 0; i < budget->count; i++) {
        const struct budget_rule *rule = &budget->rules[i];

        TRY(rule->sql ? check_statement(checking, budget, rule)
                      : check_limit(checking, budget, rule, figures));
    }
    return OK;
}

/* ---- the baseline -------------------------------------------------------------------------- */

static bool cell_is(const struct cell *cell, const char *word)
{
    return cell->kind == CELL_TEXT && cell->text_bytes == strlen(word) &&
           memcmp(cell->text, word, cell->text_bytes) == 0;
}

static bool is_time(const struct cell *unit)
{
    return cell_is(unit, "ns") || cell_is(unit, "ratio");
}

/* A figure that the comparison judged: grown beyond chance and the tolerance, or not. */
static status add_comparison(struct checking *checking, const struct query *query,
                             const struct cell *cells, char *name)
{
    const struct cell *change = cell_of(query, cells, "change"),
                      *unit = cell_of(query, cells, "unit");
    char was[3 * UNITS_BYTES], now[3 * UNITS_BYTES], ratio[UNITS_BYTES] = "";
    struct outcome *outcome = outcomes_add(&checking->outcomes);
    char *unit_name = strndup(unit->text, unit->text_bytes);

    if (!outcome || !unit_name) {
        free(unit_name);
        return FAIL;
    }
    outcome->suite = "baseline";
    outcome->name = outcome->figure = name;
    outcome->unit = unit_name;
    outcome->value = real_of(cell_of(query, cells, "now"));
    outcome->low = real_of(cell_of(query, cells, "now_low"));
    outcome->high = real_of(cell_of(query, cells, "now_high"));
    outcome->verdict = cell_is(change, "more") ? OUTCOME_FAILED : OUTCOME_PASSED;
    format_value(was, sizeof was, unit_name, real_of(cell_of(query, cells, "was")),
                 real_of(cell_of(query, cells, "was_low")),
                 real_of(cell_of(query, cells, "was_high")));
    format_value(now, sizeof now, unit_name, outcome->value, outcome->low, outcome->high);
    double change_ratio = real_of(cell_of(query, cells, "ratio_change"));
    if (!isnan(change_ratio) && change_ratio != 0) {
        units_value(ratio, TYPE_RATIO, fabs(change_ratio), true);
    }
    if (asprintf(&outcome->message, "it was %s and is %s%s%s%s%s", was, now, *ratio ? ", " : "",
                 ratio,
                 !*ratio            ? ""
                 : change_ratio > 0 ? " more"
                                    : " less",
                 cell_is(change, "noise") ? ", which chance explains" : "") < 0) {
        outcome->message = NULL;
    }
    if (outcome->verdict == OUTCOME_FAILED) {
        outcome->details = growers(checking, name);
    }
    return OK;
}

static status check_baseline(struct checking *checking, struct figures *names)
{
    const struct catalog_report *report = catalog_find(checking->catalog, "diff_figures");
    const char *const *values = checking->request->values;
    const struct query_parameter parameters[] = {
        {"$1", {.kind = CELL_INTEGER, .integer = checking->run}},
        {"$2", number_cell(values[OPTION_BASE_RUN])},
        {"$3", text_cell(values[OPTION_PER])},
        {"$4", number_cell(values[OPTION_TOLERANCE])},
        {"$5", text_cell("all")}};
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;

    if (!report) {
        return FAIL;
    }
    TRY(query_open(checking->compare->db, "the comparison with the baseline", report->text,
                   parameters, 5, &query));
    status result;
    while ((result = query_step(query, cells)).code == STATUS_OK) {
        const struct cell *change = cell_of(query, cells, "change");
        const struct cell *name = cell_of(query, cells, "name");

        if (change->kind != CELL_TEXT || is_time(cell_of(query, cells, "unit")) ||
            (!cell_is(change, "more") && !cell_is(change, "less") && !cell_is(change, "same") &&
             !cell_is(change, "noise"))) {
            continue; /* what only one of the two tells, and what another machine would change */
        }
        struct figure *rows = realloc(names->rows, (names->count + 1) * sizeof *rows);
        char *kept = strndup(name->text, name->text_bytes);
        if (!rows || !kept) {
            free(kept);
            result = FAIL;
            break;
        }
        names->rows = rows;
        rows[names->count++] = (struct figure){.name = kept};
        result = add_comparison(checking, query, cells, kept);
        if (result.code != STATUS_OK) {
            break;
        }
    }
    query_close(query);
    return result.code == STATUS_END ? OK : result;
}

/* ---- the command --------------------------------------------------------------------------- */

static status describe_run(struct checking *checking, struct outcome_run *out, char **host)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(checking->compare->db,
                   "SELECT id, host, COALESCE(started_unix_ns, 0) / 1000000000 FROM main.run"
                   " WHERE id = COALESCE(?, (SELECT MIN(id) FROM main.run))",
                   &select));
    const char *run = checking->request->values[OPTION_RUN];
    if (run) {
        db_bind_int(select, 1, strtoll(run, NULL, 10));
    }
    TRY(db_step(select, &has_row));
    if (!has_row) {
        diag_error("there is no run %s in \"%s\"", run ? run : "at all", checking->request->path);
        return FAIL;
    }
    time_t started = (time_t)db_int(select, 2);
    struct tm utc;
    checking->run = db_int(select, 0);
    *host = db_string(select, 1) ? strdup(db_string(select, 1)) : NULL;
    out->recording = checking->request->path;
    out->host = *host;
    strftime(out->started, sizeof out->started, "%Y-%m-%dT%H:%M:%S",
             gmtime_r(&started, &utc) ? &utc : &(struct tm){.tm_year = 70, .tm_mday = 1});
    db_reset(select);
    return OK;
}

static status check_all(struct checking *checking)
{
    const struct request *request = checking->request;
    struct render_options out = render_options_for(stdout, RENDER_TABLE);
    struct budget budgets[BUDGETS_MAX];
    struct figures figures = {0}, names = {0};
    struct outcome_run run = {0};
    char *host = NULL;
    size_t count = 0;

    status result = describe_run(checking, &run, &host);
    if (result.code == STATUS_OK) {
        result = read_figures(checking, &figures);
    }
    for (; count < request->budget_count && result.code == STATUS_OK; count++) {
        result = budget_read(request->budget_paths[count], &budgets[count]);
        if (result.code == STATUS_OK) {
            result = check_budget(checking, &budgets[count], &figures);
        }
    }
    if (result.code == STATUS_OK && request->values[OPTION_BASELINE]) {
        result = check_baseline(checking, &names);
    }
    if (result.code == STATUS_OK && request->format == OUTCOME_TEXT) {
        result = report_head_run(checking->compare->db, &out, request->path, checking->run);
    }
    if (result.code == STATUS_OK) {
        outcome_print(&checking->outcomes, &run, request->format, &out);
    }
    for (size_t i = 0; i < count; i++) {
        budget_release(&budgets[i]);
    }
    release_figures(&figures);
    release_figures(&names);
    free(host);
    return result;
}

static int check_recording(const struct request *request, const struct catalog *catalog)
{
    const char *paths[2] = {request->values[OPTION_BASELINE], request->path};
    struct compare compare;
    struct checking checking = {.request = request, .catalog = catalog, .compare = &compare};

    status result = compare_open(paths[0] ? paths : paths + 1, paths[0] ? 2 : 1, &compare);
    if (result.code != STATUS_OK) {
        return command_exit(result);
    }
    result = check_all(&checking);
    bool failed = outcomes_failed(&checking.outcomes), incomplete = compare.incomplete;
    outcomes_release(&checking.outcomes);
    compare_close(&compare);
    return result.code != STATUS_OK ? command_exit(result)
           : failed                 ? EXIT_OVER_BUDGET
           : incomplete             ? EXIT_INCOMPLETE
                                    : EXIT_DONE;
}

static int run_check(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct request request = {.command = command};
    struct catalog catalog;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (!take_argument(&request, argument, arguments.value)) {
            return EXIT_USAGE;
        }
    }
    if (!request.path) {
        return command_usage_error(command, "check needs a recording");
    }
    if (request.budget_count == 0 && !request.values[OPTION_BASELINE]) {
        return command_usage_error(command, "check needs a --budget or a --baseline");
    }
    status opened = catalog_open(&catalog);
    if (opened.code != STATUS_OK) {
        return command_exit(opened);
    }
    int code = check_recording(&request, &catalog);
    catalog_close(&catalog);
    return code;
}

const struct command command_check = {
    .name = "check",
    .sentence = "fail when a recording breaks a budget or grew beyond a baseline",
    .usage = "check RECORDING --budget FILE | --baseline RECORDING [OPTION...]",
    .options = options,
    .notes =
        "A budget is a FILE.ini of limits, figure NAME <= VALUE, on what report figures lists, or a\n"
        "FILE.sql of statements that return what violates them. An estimate fails when its whole\n"
        "interval is beyond the limit; growth, when it is beyond chance and the tolerance by equal\n"
        "work. Exit code 4: something failed.\n"
        "\n"
        "  memanalyze check run.zst --budget memory.ini\n"
        "  memanalyze check run.zst --baseline main.db --tolerance 10%\n"
        "  memanalyze check run.zst -b memory.ini -b sites.sql --format junit > memory.xml",
    .run = run_check,
};
