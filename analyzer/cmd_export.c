/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_export.c -- `memanalyze export`: a run in a format that other tools read. */
#include "command.h"
#include "diag.h"
#include "export.h"
#include "new_file.h"
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_FORMAT,
    OPTION_OUTPUT,
    OPTION_FORCE,
    OPTION_RUN,
    OPTION_MEASURE,
    OPTION_VALUE,
    OPTION_PREFIX,
};

static const struct command_option options[] = {
    [OPTION_FORMAT] = {"format", 'F', "FORMAT", "one of those below"},
    [OPTION_OUTPUT] = {"output", 'o', "FILE", "write to FILE; - is stdout (default: -)"},
    [OPTION_FORCE] = {"force", 'f', NULL, "replace FILE when it exists"},
    [OPTION_RUN] = {"run", 'r', "ID", "the run to export (default: the first)"},
    [OPTION_MEASURE] = {"measure", 0, "WHAT",
                        "folded: live, allocated, leaked, peak or temporary (default: live)"},
    [OPTION_VALUE] = {"value", 0, "WHAT", "folded: bytes or blocks (default: bytes)"},
    [OPTION_PREFIX] = {"prefix", 0, "TEXT", "jsonl: begin each line with TEXT"},
    {0},
};

struct request {
    const struct command *command;
    const struct export_format *format;
    const char *source, *output, *prefix;
    enum export_measure measure;
    int64_t run_id;
    bool force, blocks, has_measure, has_value;
};

static bool take_format(struct request *request, const char *name)
{
    const char *names[32];
    char list[512] = "";
    size_t count = 0;

    for (const struct export_format *at = export_formats; at->name; at++) {
        if (strcmp(at->name, name) == 0) {
            request->format = at;
            return true;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", at->name);
        names[count++] = at->name;
    }
    diag_error("there is no format \"%s\"", name);
    diag_detail("The formats are %s.", list);
    const char *nearest = command_nearest(name, names, count);
    if (nearest) {
        diag_hint("Did you mean \"%s\"?", nearest);
    } else {
        diag_hint("memanalyze report and query print tables as csv, tsv and json.");
    }
    return false;
}

static bool take_measure(struct request *request, const char *name)
{
    for (int i = 0; i < EXPORT_MEASURES; i++) {
        if (strcmp(export_measure_names[i], name) == 0) {
            request->measure = (enum export_measure)i;
            return request->has_measure = true;
        }
    }
    command_usage_error(request->command,
                        "--measure takes live, allocated, leaked, peak or temporary, not \"%s\"",
                        name);
    return false;
}

static bool take_value(struct request *request, const char *name)
{
    request->blocks = strcmp(name, "blocks") == 0;
    request->has_value = true;
    if (!request->blocks && strcmp(name, "bytes") != 0) {
        command_usage_error(request->command, "--value takes bytes or blocks, not \"%s\"", name);
        return false;
    }
    return true;
}

static bool take_run(struct request *request, const char *text)
{
    char *end;

    errno = 0;
    request->run_id = strtoll(text, &end, 10);
    if (end == text || *end || errno || request->run_id <= 0) {
        command_usage_error(request->command, "--run takes a number, not \"%s\"", text);
        return false;
    }
    return true;
}

static bool take_argument(struct request *request, int argument, const char *value)
{
    switch (argument) {
    case OPTION_FORMAT:
        return take_format(request, value);
    case OPTION_OUTPUT:
        request->output = value;
        return true;
    case OPTION_FORCE:
        return request->force = true;
    case OPTION_RUN:
        return take_run(request, value);
    case OPTION_MEASURE:
        return take_measure(request, value);
    case OPTION_VALUE:
        return take_value(request, value);
    case OPTION_PREFIX:
        request->prefix = value;
        return true;
    case ARGUMENT_OPERAND:
        if (request->source) {
            command_usage_error(request->command, "export takes one file, not \"%s\" too", value);
            return false;
        }
        request->source = value;
        return true;
    default:
        return false;
    }
}

/* An option that the format would not look at was meant for another one. */
static bool options_fit(const struct request *request)
{
    const char *name = request->format->name;

    if ((request->has_measure || request->has_value) && strcmp(name, "folded") != 0) {
        command_usage_error(request->command,
                            "--measure and --value are for folded; %s has all of them", name);
        return false;
    }
    if (request->prefix && strcmp(name, "jsonl") != 0) {
        command_usage_error(request->command, "--prefix is for jsonl");
        return false;
    }
    if (request->run_id && strcmp(name, "snapshot") == 0) {
        command_usage_error(request->command, "a snapshot has all runs of a database");
        return false;
    }
    if (request->format->binary && strcmp(request->output, "-") == 0 && isatty(STDOUT_FILENO)) {
        command_usage_error(request->command, "%s is not for a terminal; -o names a file", name);
        return false;
    }
    return true;
}

static status write_file(const struct request *request, struct source *source)
{
    struct export_job job = {.db = source->db,
                             .measure = request->measure,
                             .blocks = request->blocks,
                             .prefix = request->prefix};
    struct new_file file;

    TRY(export_run_load(source->db, request->run_id, &job.run));
    status result = new_file_open(request->output, request->force, &file);
    if (result.code == STATUS_OK) {
        job.out = file.out;
        result = request->format->write(&job);
        if (result.code == STATUS_OK) {
            result = new_file_keep(&file);
        }
        new_file_close(&file);
    }
    export_run_free(&job.run);
    return result;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct request request = {.command = command, .output = "-", .measure = EXPORT_LIVE};
    struct source source;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (!take_argument(&request, argument, arguments.value)) {
            return EXIT_USAGE;
        }
    }
    if (!request.source) {
        return command_usage_error(command, "export needs a file");
    }
    if (!request.format) {
        return command_usage_error(command, "no format was named: --format is missing");
    }
    if (!options_fit(&request)) {
        return EXIT_USAGE;
    }
    status result = source_open(request.source, &source);
    if (result.code != STATUS_OK) {
        return command_exit(result);
    }
    result = write_file(&request, &source);
    bool incomplete = source.incomplete;
    source_close(&source);
    return command_exit(result.code == STATUS_OK && incomplete ? (status){STATUS_INCOMPLETE}
                                                               : result);
}

const struct command command_export = {
    .name = "export",
    .sentence = "write a recording in the format of another tool",
    .usage = "export DATABASE|TRACE --format FORMAT [-o FILE] [OPTION...]",
    .options = options,
    .notes = "Formats\n"
             "  pprof        profile.proto, gzipped: go tool pprof, Pyroscope, Parca, Perfetto\n"
             "  folded       a line per stack: flamegraph.pl, inferno, speedscope\n"
             "  speedscope   several profiles in one file: speedscope.app\n"
             "  heaptrack    interpreted trace, version 3: heaptrack_gui, heaptrack_print\n"
             "  chrome       spans, frames, collections, gauges: Perfetto, chrome://tracing\n"
             "  firefox      processed profile: profiler.firefox.com\n"
             "  dhat         version 2: dh_view.html of valgrind\n"
             "  massif       ms_print, massif-visualizer\n"
             "  openmetrics  figures and gauges with their times: Prometheus, promtool\n"
             "  jsonl        a line per finished span, collection and frame over budget\n"
             "  snapshot     JSON of everything but single samples; memanalyze import reads it\n"
             "Tables are printed as csv, tsv, json and markdown by memanalyze query and report.\n"
             "\n"
             "  memanalyze export run.zst -F pprof -o run.pb.gz\n"
             "  memanalyze export run.zst -F folded --measure leaked | flamegraph.pl > leaks.svg",
    .run = run,
};
