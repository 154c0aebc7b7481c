/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_report.c -- `memanalyze report`: a shipped or own question, asked of a database. */
#include "catalog.h"
#include "command.h"
#include "db.h"
#include "diag.h"
#include "report_head.h"
#include "report_page.h"
#include "report_rows.h"
#include "source.h"
#include "suppressions.h"

#include <stdlib.h>
#include <string.h>

enum { REPORTS_MAX = 256 };

enum {
    OPTION_FORMAT,
    OPTION_LIST,
    OPTION_EXPLAIN,
    OPTION_SQL,
    OPTION_PROFILE,
    OPTION_SUPPRESSIONS,
    OPTION_PARAMETERS
};

static const struct command_option options[] = {
    [OPTION_FORMAT] =
        {"format", 'f', "FORMAT",
         "table, csv, tsv, json, markdown or plain (default: table); capacity_config: ini, json or env"},
    [OPTION_LIST] = {"list", 'l', NULL, "list the reports there are"},
    [OPTION_EXPLAIN] = {"explain", 'e', NULL, "say what each column of the report means"},
    [OPTION_SQL] = {"sql", 0, NULL, "print the report's statement"},
    [OPTION_PROFILE] =
        {"profile", 'p', "SET",
         "take this set of reports: server, game, desktop, repl, lsp, embedded, plain"},
    [OPTION_SUPPRESSIONS] = {"suppressions", 0, "FILE",
                             "suppress findings that FILE names, as LeakSanitizer's files do"},
    [OPTION_PARAMETERS] = {"run", 'r', "ID", "the run to report on (default: the first)"},
    {"limit", 'n', "COUNT", "rows to show, or all (default: 20); capacity: memory, such as 64M"},
    {"by", 0, "WHAT", "function or stack, class or site: what makes a row"},
    {"order", 0, "WHAT", "bytes, calls or growth: what comes first"},
    {"verdict", 0, "VERDICT", "only this verdict"},
    {"measure", 0, "WHAT", "live, allocated, peak, temporary or waste"},
    {"moment", 0, "WHICH", "peak, late or end; rss: also seconds since the start"},
    {"kinds", 0, "WHICH", "occurred or all"},
    {"steps", 0, "COUNT", "rows to make of the time; survival: buckets or all"},
    {"range", 0, "RANGE", "history: 1m, 5m, 1h, 10h or all of its end"},
    {"stream", 0, "NAME", "only frames of this stream"},
    {"why", 0, "CAUSE", "only frames over budget for this cause"},
    {"kind", 0, "KIND", "only spans, or findings, of this kind"},
    {"spans-after", 0, "COUNT", "left behind is what so many spans followed (default: 10)"},
    {"gcs-after", 0, "COUNT", "... and so many collections"},
    {"survived", 0, "COUNT", "only what survived so many collections (default: 21)"},
    {"value", 0, "WHAT", "bytes or blocks"},
    {"percent", 0, "COUNT", "gc_what_if: of the limit; idle: of the mean, below which it is idle"},
    {"share", 0, "COUNT",
     "only what survives a first collection for so many percent (default: 80)"},
    {"minutes", 0, "COUNT", "length of a step (default: 60)"},
    {"name", 0, "NAME", "only figures whose name begins so"},
    {"figure", 0, "NAME", "whose contributors"},
    {"one-in", 0, "COUNT", "capacity: may be exceeded in one of so many periods (default: 100)"},
    {"load", 0, "COUNT", "capacity: planned spans in flight"},
    {"rate", 0, "COUNT", "capacity: planned spans per second"},
    {"pool", 0, "NAME", "only this pool"},
    {"set", 's', "NAME=VALUE", "any parameter of a report, also of your own"},
    {0},
};

struct request {
    const struct command *command;
    const char *names[2]; /* operands: report and file, in either order when there is one */
    size_t name_count;
    const char *format_name; /* NULL: not given */
    enum render_format format;
    bool format_given, list, explain, sql;
    const char *suppressions; /* path; NULL: none */
    const char *profile;      /* NULL: not given */
    struct report_value values[REPORT_VALUES_MAX];
    size_t value_count;
    char set_names[REPORT_VALUES_MAX][32];
};

/* ---- arguments ----------------------------------------------------------------------------- */

static bool take_value(struct request *request, const char *name, const char *value)
{
    if (request->value_count == REPORT_VALUES_MAX) {
        command_usage_error(request->command, "too many parameters");
        return false;
    }
    request->values[request->value_count++] = (struct report_value){name, value};
    return true;
}

static bool take_set(struct request *request, const char *pair)
{
    size_t length = strcspn(pair, "=");
    char *name = request->set_names[request->value_count % REPORT_VALUES_MAX];

    if (!pair[length] || length == 0 || length >= sizeof request->set_names[0]) {
        command_usage_error(request->command, "--set takes NAME=VALUE, not \"%s\"", pair);
        return false;
    }
    memcpy(name, pair, length);
    name[length] = '\0';
    return take_value(request, name, pair + length + 1);
}

static bool take_argument(struct request *request, int argument, const char *value)
{
    switch (argument) {
    case ARGUMENT_BAD:
        return false;
    case ARGUMENT_OPERAND:
        if (request->name_count == 2) {
            command_usage_error(request->command,
                                "report takes one report and one file, not \"%s\" too", value);
            return false;
        }
        request->names[request->name_count++] = value;
        return true;
    case OPTION_FORMAT:
        request->format_name = value;
        request->format_given = render_format_of_name(value, &request->format);
        return true;
    case OPTION_LIST:
        return request->list = true;
    case OPTION_EXPLAIN:
        return request->explain = true;
    case OPTION_SQL:
        return request->sql = true;
    case OPTION_PROFILE:
        request->profile = value;
        return true;
    case OPTION_SUPPRESSIONS:
        request->suppressions = value;
        return true;
    default:
        if (strcmp(options[argument].name, "set") == 0) {
            return take_set(request, value);
        }
        return take_value(request, options[argument].name, value);
    }
}

/* ---- what needs no database ---------------------------------------------------------------- */

static void print_list_line(const struct render_options *out, int width, const char *name,
                            const char *sentence, const char *origin)
{
    render_style(out, STYLE_BOLD);
    printf("%-*s", width, name);
    render_style(out, STYLE_NONE);
    printf(" %s%s\n", sentence, origin ? " (yours)" : "");
}

static void print_list(const struct catalog *catalog, const struct report_sets *sets)
{
    struct render_options out = render_options_for(stdout, RENDER_TABLE);
    int width = 0;

    for (size_t i = 0; i < catalog->count; i++) {
        int length = (int)strlen(catalog->reports[i].name);
        width = length > width && !catalog->reports[i].with ? length : width;
    }
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_report *report = &catalog->reports[i];

        if (!report->with) { /* memanalyze diff asks it */
            print_list_line(&out, width, report->name, report->sentence, report->origin);
        }
    }
    puts("\nSets of them, one of which is the first screen; --profile chooses:");
    for (size_t i = 0; i < sets->count; i++) {
        const struct report_set *set = &sets->sets[i];

        print_list_line(&out, width, set->name, set->sentence, set->origin);
    }
}

/* Its reports with their arguments, as --profile SET --explain shows them. */
static void print_set(const struct report_set *set, const struct catalog *catalog)
{
    struct render_options out = render_options_for(stdout, RENDER_TABLE);

    render_style(&out, STYLE_BOLD);
    printf("%s", set->name);
    render_style(&out, STYLE_NONE);
    printf(": %s\n\n", set->sentence);
    for (size_t i = 0; i < set->show_count; i++) {
        const struct report_show *show = &set->shows[i];
        const struct catalog_report *report = catalog_find(catalog, show->report);
        char words[256];
        size_t used = (size_t)snprintf(words, sizeof words, "%s", show->report);

        for (size_t k = 0; k < show->value_count && used < sizeof words; k++) {
            used += (size_t)snprintf(words + used, sizeof words - used, " --%s %s",
                                     show->values[k].name, show->values[k].value);
        }
        printf("  %-32s %s\n", words, report ? report->sentence : "(is not there)");
    }
}

static void print_explanation(const struct catalog_report *report)
{
    struct render_options out = render_options_for(stdout, RENDER_TABLE);
    int name_width = 0, parameter_width = 0;
    bool has_intervals = false;

    render_style(&out, STYLE_BOLD);
    printf("%s", report->name);
    render_style(&out, STYLE_NONE);
    printf(": %s\n", report->sentence);
    for (size_t i = 0; i < report->parameter_count; i++) {
        int width = (int)strlen(report->parameters[i].name);
        parameter_width = width > parameter_width ? width : parameter_width;
    }
    for (size_t i = 0; i < report->column_count; i++) {
        int width = (int)strlen(report->columns[i].name);
        name_width = *report->columns[i].meaning && width > name_width ? width : name_width;
    }
    for (size_t i = 0; i < report->parameter_count; i++) {
        const struct catalog_parameter *at = &report->parameters[i];
        printf("%s  --%-*s  %s\n", i == 0 ? "\nParameters\n" : "", parameter_width, at->name,
               at->meaning);
    }
    for (size_t i = 0; i < report->column_count; i++) {
        const struct catalog_column *at = &report->columns[i];

        has_intervals = has_intervals || !*at->meaning;
        if (*at->meaning) { /* _low and _high explain themselves */
            printf("%s  %-*s  %-5s  %s\n", i == 0 ? "\nColumns\n" : "", name_width, at->name,
                   catalog_type_name(at->type), at->meaning);
        }
    }
    if (has_intervals) {
        printf(
            "\nx_low and x_high are the 95 %% interval of x, which is an estimate from samples.\n");
    }
    if (report->caveat) {
        printf("\nCaveat: %s\n", report->caveat);
    }
}

static const char *nearest_report(const struct catalog *catalog, const char *name)
{
    const char *names[REPORTS_MAX];
    size_t count = 0;

    for (; count < catalog->count && count < REPORTS_MAX; count++) {
        names[count] = catalog->reports[count].name;
    }
    return command_nearest(name, names, count);
}

static int unknown_report(const struct catalog *catalog, const char *name)
{
    char list[1024] = "";

    for (size_t i = 0; i < catalog->count; i++) {
        size_t used = strlen(list);

        if (!catalog->reports[i].with) {
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                     catalog->reports[i].name);
        }
    }
    diag_error("there is no report \"%s\"", name);
    diag_detail("The reports are %s.", list);
    const char *nearest = nearest_report(catalog, name);
    if (nearest) {
        diag_hint("Did you mean \"%s\"?", nearest);
    } else {
        diag_hint("memanalyze report --list says what they answer; a file of your own goes to "
                  "~/.config/memanalyze/queries/%s.sql.",
                  name);
    }
    return EXIT_USAGE;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int64_t run_wanted(const struct query_parameter *values, size_t value_count)
{
    for (size_t i = 0; i < value_count; i++) {
        if (strcmp(values[i].name, "$1") == 0 && values[i].value.kind == CELL_INTEGER) {
            return values[i].value.integer;
        }
    }
    return 0;
}

static status suppress(const struct request *request, struct db *db)
{
    struct suppressions *suppressions = NULL;

    if (!request->suppressions) {
        return OK;
    }
    TRY(suppressions_read(request->suppressions, &suppressions));
    status result = suppressions_show(suppressions, db);
    suppressions_free(suppressions);
    return result;
}

static status print_report(const struct request *request, const struct catalog *catalog,
                           const struct catalog_report *report, const char *path)
{
    enum render_format format = request->format_given ? request->format
                                : report->plain       ? RENDER_PLAIN
                                                      : RENDER_TABLE;
    struct render_options out = render_options_for(stdout, format);
    struct query_parameter values[REPORT_VALUES_MAX];
    size_t value_count;
    struct source source;

    if (report->with) {
        diag_error("report \"%s\" compares recordings, and was given one", report->name);
        diag_hint("memanalyze diff BEFORE AFTER asks it.");
        return (status){STATUS_USAGE};
    }
    TRY(report_values_bind(report, request->values, request->value_count, values, &value_count));
    TRY(source_open(path, &source));
    int64_t run = run_wanted(values, value_count);
    status result = suppress(request, source.db);
    if (result.code == STATUS_OK && format == RENDER_TABLE) {
        result = report_head_run(source.db, &out, path, run);
    }
    if (result.code == STATUS_OK) {
        result = report_rows_print(source.db, report, values, value_count, &out);
    }
    if (result.code == STATUS_OK && format == RENDER_TABLE &&
        strcmp(report->name, "summary") == 0) {
        result = report_head_sparklines(source.db, catalog, &out, run);
    }
    source_close(&source);
    return result.code == STATUS_OK && source.incomplete ? (status){STATUS_INCOMPLETE} : result;
}

/* --format names a way to render rows; or a value of the report's own parameter of that name, as of one whose
 * rows are the lines of a file. `report` NULL: a page. */
static bool check_format(struct request *request, const struct catalog_report *report)
{
    const struct catalog_parameter *own = NULL;

    for (size_t i = 0; report && i < report->parameter_count; i++) {
        own = strcmp(report->parameters[i].name, "format") == 0 ? &report->parameters[i] : own;
    }
    if (own && request->format_name && catalog_takes(own, request->format_name)) {
        request->format_given = false;
        return take_value(request, "format", request->format_name);
    }
    if (request->format_name && !request->format_given) {
        command_usage_error(
            request->command,
            "there is no format \"%s\"; there are table, csv, tsv, json, markdown, plain",
            request->format_name);
        return false;
    }
    return true;
}

/* ---- sets of reports ----------------------------------------------------------------------- */

static status unknown_set(const struct report_sets *sets, const char *name)
{
    const char *names[REPORTS_MAX];
    char list[512] = "";
    size_t count = 0;

    for (; count < sets->count && count < REPORTS_MAX; count++) {
        size_t used = strlen(list);

        names[count] = sets->sets[count].name;
        snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", names[count]);
    }
    diag_error("there is no report set \"%s\"", name);
    diag_detail("The sets are %s.", list);
    const char *nearest = command_nearest(name, names, count);
    if (nearest) {
        diag_hint("Did you mean \"%s\"?", nearest);
    } else {
        diag_hint("A file of your own goes to ~/.config/memanalyze/sets/%s.set.", name);
    }
    return (status){STATUS_USAGE};
}

/* The arguments that a set has for the report come first: what the command line says replaces them. */
static status take_profile(struct request *request, const struct report_sets *sets,
                           const struct catalog_report *report)
{
    const struct report_set *set = report_sets_find(sets, request->profile);
    const struct report_show *show = set ? report_set_shows(set, report->name) : NULL;
    struct report_value values[REPORT_VALUES_MAX];
    size_t count = 0;

    if (!set) {
        return unknown_set(sets, request->profile);
    }
    for (size_t i = 0; i < report->parameter_count; i++) {
        const char *name = report->parameters[i].name;

        if (strcmp(name, "profile") == 0) {
            values[count++] = (struct report_value){"profile", request->profile};
        }
    }
    for (size_t i = 0; show && i < show->value_count; i++) {
        values[count++] = show->values[i];
    }
    for (size_t i = 0; i < request->value_count && count < REPORT_VALUES_MAX; i++) {
        values[count++] = request->values[i];
    }
    memcpy(request->values, values, count * sizeof *values);
    request->value_count = count;
    return OK;
}

static status print_page(const struct request *request, const struct catalog *catalog,
                         const struct report_sets *sets, const char *path)
{
    struct render_options out =
        render_options_for(stdout, request->format_given ? request->format : RENDER_TABLE);
    struct report_page page = {.catalog = catalog, .sets = sets};
    struct query_parameter values[REPORT_VALUES_MAX];
    const struct catalog_report *summary = catalog_find(catalog, "summary");
    size_t value_count = 0;
    struct source source;
    char *reason = NULL;

    if (request->profile) {
        page.set = report_sets_find(sets, request->profile);
        if (!page.set) {
            return unknown_set(sets, request->profile);
        }
    }
    if (request->value_count > 0 &&
        (request->value_count > 1 || !summary || strcmp(request->values[0].name, "run") != 0)) {
        diag_error("--%s is for one report", request->values[request->value_count - 1].name);
        diag_hint("Name it, as in: memanalyze report leaks %s --limit 5", path);
        return (status){STATUS_USAGE};
    }
    if (request->value_count > 0) {
        TRY(report_values_bind(summary, request->values, 1, values, &value_count));
        page.run = run_wanted(values, value_count);
    }
    TRY(source_open(path, &source));
    page.db = source.db;
    status result = suppress(request, source.db);
    if (result.code == STATUS_OK && out.format == RENDER_TABLE) {
        result = report_head_run(source.db, &out, path, page.run);
    }
    if (result.code == STATUS_OK && !page.set) {
        result = report_sets_choose(sets, source.db, page.run, &page.set, &reason);
        page.reason = reason;
    }
    if (result.code == STATUS_OK) {
        result = report_page_print(&page, &out);
    }
    if (result.code == STATUS_OK && out.format == RENDER_TABLE) {
        char hint[512];

        snprintf(
            hint, sizeof hint,
            "memanalyze report NAME %.400s has all of one; --list names them, NAME --explain says "
            "what its figures mean.",
            path);
        putchar('\n');
        render_paragraph(&out, 0, hint);
    }
    free(reason);
    source_close(&source);
    return result.code == STATUS_OK && source.incomplete ? (status){STATUS_INCOMPLETE} : result;
}

/* ---- the command --------------------------------------------------------------------------- */

static int run_request(struct request *request, const struct catalog *catalog,
                       const struct report_sets *sets)
{
    const struct catalog_report *report = NULL;
    const char *path = NULL;

    if (request->list) {
        print_list(catalog, sets);
        return EXIT_DONE;
    }
    /* a name is a report when there is one of that name, else a file */
    for (size_t i = 0; i < request->name_count; i++) {
        const struct catalog_report *found =
            report ? NULL : catalog_find(catalog, request->names[i]);

        if (found) {
            report = found;
        } else if (request->name_count == 2 && i == 0 && !source_exists(request->names[0])) {
            return unknown_report(catalog, request->names[0]);
        } else if (!path) {
            path = request->names[i];
        } else {
            return unknown_report(catalog, request->names[1]);
        }
    }
    if (request->sql || request->explain) {
        if (!report && path) {
            return unknown_report(catalog, path);
        }
        if (!report && request->profile && request->explain) {
            const struct report_set *set = report_sets_find(sets, request->profile);

            if (!set) {
                return command_exit(unknown_set(sets, request->profile));
            }
            print_set(set, catalog);
            return EXIT_DONE;
        }
        if (!report) {
            return command_usage_error(request->command, "which report?");
        }
        if (request->sql) {
            fputs(report->text, stdout);
        } else {
            print_explanation(report);
        }
        return EXIT_DONE;
    }
    bool misspelt = path && !report && !source_exists(path) && nearest_report(catalog, path);
    if (misspelt && request->name_count == 1) {
        return unknown_report(catalog, path);
    }
    if (!path) {
        return command_usage_error(request->command, "report needs a database or a trace");
    }
    if (!check_format(request, report)) {
        return EXIT_USAGE;
    }
    if (!report) {
        return command_exit(print_page(request, catalog, sets, path));
    }
    if (request->profile) {
        status taken = take_profile(request, sets, report);

        if (taken.code != STATUS_OK) {
            return command_exit(taken);
        }
    }
    return command_exit(print_report(request, catalog, report, path));
}

static int run_report(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct request request = {.command = command};
    struct catalog catalog;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (!take_argument(&request, argument, arguments.value)) {
            return EXIT_USAGE;
        }
    }
    status opened = catalog_open(&catalog);
    if (opened.code != STATUS_OK) {
        return command_exit(opened);
    }
    struct report_sets sets;
    opened = report_sets_open(&sets);
    int code =
        opened.code == STATUS_OK ? run_request(&request, &catalog, &sets) : command_exit(opened);
    report_sets_close(&sets);
    catalog_close(&catalog);
    return code;
}

const struct command command_report = {
    .name = "report",
    .sentence = "answer a question about a recording",
    .usage = "report [NAME] DATABASE|TRACE [OPTION...]",
    .options = options,
    .notes =
        "Without NAME, report prints a screen: the summary and the most important lines of a set "
        "of reports,\n"
        "which --profile chooses, or what the recording has. A trace is imported first, into a "
        "database beside it.\n"
        "Files in ~/.config/memanalyze/queries/NAME.sql are reports too, those in .../sets/NAME.set "
        "are sets; they\n"
        "replace shipped ones.\n"
        "\n"
        "  memanalyze report run.db                       the first screen\n"
        "  memanalyze report leaks run.db --limit 5       the worst five\n"
        "  memanalyze report rss --explain                what its columns mean\n"
        "  memanalyze report flame run.db | flamegraph.pl --countname=bytes > flame.svg",
    .run = run_report,
};
