/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_report.c -- `memanalyze report`: a shipped or own question, asked of a database. */
#include "catalog.h"
#include "command.h"
#include "db.h"
#include "diag.h"
#include "report_head.h"
#include "report_rows.h"
#include "source.h"
#include "suppressions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 16, REPORTS_MAX = 256 };

enum {
    OPTION_FORMAT,
    OPTION_LIST,
    OPTION_EXPLAIN,
    OPTION_SQL,
    OPTION_SUPPRESSIONS,
    OPTION_PARAMETERS
};

static const struct command_option options[] = {
    [OPTION_FORMAT] = {"format", 'f', "FORMAT",
                       "table, csv, json, markdown or plain (default: table)"},
    [OPTION_LIST] = {"list", 'l', NULL, "list the reports there are"},
    [OPTION_EXPLAIN] = {"explain", 'e', NULL, "say what each column of the report means"},
    [OPTION_SQL] = {"sql", 0, NULL, "print the report's statement"},
    [OPTION_SUPPRESSIONS] = {"suppressions", 0, "FILE",
                             "suppress findings that FILE names, as LeakSanitizer's files do"},
    [OPTION_PARAMETERS] = {"run", 'r', "ID", "the run to report on (default: the first)"},
    {"limit", 'n', "COUNT", "rows to show, or all (default: 20)"},
    {"by", 0, "WHAT", "function or stack, class or site: what makes a row"},
    {"order", 0, "WHAT", "bytes, calls or growth: what comes first"},
    {"verdict", 0, "VERDICT", "only this verdict"},
    {"measure", 0, "WHAT", "live, allocated, peak, temporary or waste"},
    {"moment", 0, "WHICH", "peak, late or end"},
    {"kinds", 0, "WHICH", "occurred or all"},
    {"steps", 0, "COUNT", "rows to make of the time; survival: buckets or all"},
    {"stream", 0, "NAME", "only frames of this stream"},
    {"why", 0, "CAUSE", "only frames over budget for this cause"},
    {"kind", 0, "KIND", "only spans, or findings, of this kind"},
    {"spans-after", 0, "COUNT", "left behind is what so many spans followed (default: 10)"},
    {"gcs-after", 0, "COUNT", "... and so many collections"},
    {"survived", 0, "COUNT", "only what survived so many collections (default: 21)"},
    {"value", 0, "WHAT", "bytes or blocks"},
    {"name", 0, "NAME", "only figures whose name begins so"},
    {"set", 's', "NAME=VALUE", "any parameter of a report, also of your own"},
    {0},
};

struct request {
    const struct command *command;
    const char *names[2]; /* operands: report and file, in either order when there is one */
    size_t name_count;
    enum render_format format;
    bool format_given, list, explain, sql;
    const char *suppressions; /* path; NULL: none */
    struct {
        const char *name, *value;
    } values[VALUES_MAX];
    size_t value_count;
    char set_names[VALUES_MAX][32];
};

/* ---- arguments ----------------------------------------------------------------------------- */

static bool take_value(struct request *request, const char *name, const char *value)
{
    if (request->value_count == VALUES_MAX) {
        command_usage_error(request->command, "too many parameters");
        return false;
    }
    request->values[request->value_count].name = name;
    request->values[request->value_count++].value = value;
    return true;
}

static bool take_set(struct request *request, const char *pair)
{
    size_t length = strcspn(pair, "=");
    char *name = request->set_names[request->value_count % VALUES_MAX];

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
        request->format_given = true;
        if (!render_format_of_name(value, &request->format)) {
            command_usage_error(
                request->command,
                "there is no format \"%s\"; there are table, csv, json, markdown, plain", value);
            return false;
        }
        return true;
    case OPTION_LIST:
        return request->list = true;
    case OPTION_EXPLAIN:
        return request->explain = true;
    case OPTION_SQL:
        return request->sql = true;
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

static void print_list(const struct catalog *catalog)
{
    struct render_options out = render_options_for(stdout, RENDER_TABLE);
    int width = 0;

    for (size_t i = 0; i < catalog->count; i++) {
        int length = (int)strlen(catalog->reports[i].name);
        width = length > width && !catalog->reports[i].with ? length : width;
    }
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_report *report = &catalog->reports[i];

        if (report->with) { /* memanalyze diff asks it */
            continue;
        }
        render_style(&out, STYLE_BOLD);
        printf("%-*s", width, report->name);
        render_style(&out, STYLE_NONE);
        printf(" %s%s\n", report->sentence, report->origin ? " (yours)" : "");
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

/* ---- parameters ---------------------------------------------------------------------------- */

static bool parse_number(const char *text, int64_t *out)
{
    char *end;

    if (strcmp(text, "all") == 0) {
        *out = INT64_MAX;
        return true;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0 && *out >= 0;
}

/* The parameters of the report that were given; $n as SQLite and PostgreSQL name them. */
static bool bind_values(const struct request *request, const struct catalog_report *report,
                        struct query_parameter *out, size_t *out_count)
{
    static const char *const numbers[] = {"$0", "$1", "$2", "$3", "$4",
                                          "$5", "$6", "$7", "$8", "$9"};

    *out_count = 0;
    for (size_t i = 0; i < request->value_count; i++) {
        const char *name = request->values[i].name, *value = request->values[i].value;
        const struct catalog_parameter *found = NULL;
        char list[256] = "";

        for (size_t j = 0; j < report->parameter_count; j++) {
            const struct catalog_parameter *at = &report->parameters[j];
            size_t used = strlen(list);

            found = strcmp(at->name, name) == 0 ? at : found;
            snprintf(list + used, sizeof list - used, "%s--%s", j ? ", " : "", at->name);
        }
        if (!found) {
            diag_error("report \"%s\" has no parameter --%s", report->name, name);
            diag_hint("It has %s.", *list ? list : "none");
            return false;
        }
        struct query_parameter *parameter = &out[(*out_count)++];
        parameter->name = numbers[found->number];
        parameter->value =
            (struct cell){.kind = CELL_TEXT, .text = value, .text_bytes = strlen(value)};
        if (found->type != TYPE_TEXT) {
            parameter->value.kind = CELL_INTEGER;
            if (!parse_number(value, &parameter->value.integer)) {
                diag_error("--%s takes a number, not \"%s\"", name, value);
                diag_hint("--%s: %s", name, found->meaning);
                return false;
            }
        }
        if (found->type == TYPE_TEXT && !catalog_takes(found, value)) {
            diag_error("--%s does not take \"%s\"", name, value);
            diag_hint("--%s: %s", name, found->meaning);
            return false;
        }
    }
    return true;
}

static int64_t run_wanted(const struct query_parameter *values, size_t value_count)
{
    for (size_t i = 0; i < value_count; i++) {
        if (strcmp(values[i].name, "$1") == 0 && values[i].value.kind == CELL_INTEGER) {
            return values[i].value.integer;
        }
    }
    return 0;
}

/* ---- rows ---------------------------------------------------------------------------------- */

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
    struct query_parameter values[VALUES_MAX];
    size_t value_count;
    struct source source;

    if (report->with) {
        diag_error("report \"%s\" compares recordings, and was given one", report->name);
        diag_hint("memanalyze diff BEFORE AFTER asks it.");
        return (status){STATUS_USAGE};
    }
    if (!bind_values(request, report, values, &value_count)) {
        return (status){STATUS_USAGE};
    }
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

/* ---- the command --------------------------------------------------------------------------- */

static int run_request(const struct request *request, const struct catalog *catalog)
{
    const struct catalog_report *report = NULL;
    const char *path = NULL;

    if (request->list) {
        print_list(catalog);
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
    report = report ? report : catalog_find(catalog, "summary");
    return report ? command_exit(print_report(request, catalog, report, path)) : EXIT_FAILED;
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
    int code = run_request(&request, &catalog);
    catalog_close(&catalog);
    return code;
}

const struct command command_report = {
    .name = "report",
    .sentence = "answer a question about a recording",
    .usage = "report [NAME] DATABASE|TRACE [OPTION...]",
    .options = options,
    .notes = "Without NAME, report prints the summary. A trace is imported first, into a database "
             "beside it.\n"
             "Files in ~/.config/memanalyze/queries/NAME.sql are reports too, and replace shipped "
             "ones.\n"
             "\n"
             "  memanalyze report run.db                       the first screen\n"
             "  memanalyze report leaks run.db --limit 5       the worst five\n"
             "  memanalyze report rss --explain                what its columns mean\n"
             "  memanalyze report flame run.db | flamegraph.pl --countname=bytes > flame.svg",
    .run = run_report,
};
