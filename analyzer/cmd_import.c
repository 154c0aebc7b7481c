/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_import.c -- memanalyze import: traces become a database. */
#include "command.h"
#include "diag.h"
#include "import.h"

#include <stdlib.h>

#include "runtime/options.h"

enum { OPTION_OUTPUT, OPTION_FORCE, OPTION_MAX_SIZE, OPTION_SUPPRESSIONS };

static const struct command_option options[] = {
    [OPTION_OUTPUT] = {"output", 'o', "DATABASE", "write the database to DATABASE"},
    [OPTION_FORCE] = {"force", 'f', NULL, "replace DATABASE when it exists"},
    [OPTION_MAX_SIZE] =
        {"max-size", 0, "SIZE",
         "keep fewer rows of samples where DATABASE would be larger; 1G unless told"},
    [OPTION_SUPPRESSIONS] = {"suppressions", 0, "FILE",
                             "mark findings that FILE names, as LeakSanitizer's files do"},
    {0},
};

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct import_options import_options = {0};
    const char **traces = calloc((size_t)argc + 1, sizeof *traces);
    const char *target = NULL;
    const char *max_size = NULL;
    const char *suppressions_path = NULL;
    struct suppressions *suppressions = NULL;
    size_t count = 0;
    int exit_code = EXIT_FAILED;

    if (!traces) {
        diag_error("could not import: out of memory");
        return EXIT_FAILED;
    }
    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        switch (argument) {
        case OPTION_OUTPUT:
            target = arguments.value;
            break;
        case OPTION_FORCE:
            import_options.replace = true;
            break;
        case OPTION_MAX_SIZE:
            max_size = arguments.value;
            break;
        case OPTION_SUPPRESSIONS:
            suppressions_path = arguments.value;
            break;
        case ARGUMENT_OPERAND:
            traces[count++] = arguments.value;
            break;
        default:
            free(traces);
            return EXIT_USAGE;
        }
    }
    if (count == 0) {
        exit_code = command_usage_error(command, "no trace was named");
    } else if (!target || !target[0]) {
        exit_code = command_usage_error(command, "no database was named: -o DATABASE is missing");
    } else if (max_size && (!mr_parse_size(max_size, &import_options.max_bytes) ||
                            import_options.max_bytes == 0)) {
        exit_code = command_usage_error(command, "\"%s\" is no size, as in 200M or 4G", max_size);
    } else {
        status result =
            suppressions_path ? suppressions_read(suppressions_path, &suppressions) : OK;

        if (result.code == STATUS_OK) {
            import_options.suppressions = suppressions;
            result = import_traces(traces, count, target, &import_options, NULL);
        }
        exit_code = command_exit(result);
    }
    suppressions_free(suppressions);
    free(traces);
    return exit_code;
}

const struct command command_import = {
    .name = "import",
    .sentence = "turn traces into a database",
    .usage = "import TRACE... -o DATABASE [OPTION...]",
    .options = options,
    .notes =
        "Each trace becomes a row of table run; sites and stacks that several runs share have the same\n"
        "id in all of them. The database is written under another name and renamed when it is whole.\n"
        "\n"
        "Findings that a suppression file names keep their place in table leak, with the pattern beside it;\n"
        "report has the same option, for a database that is there.\n"
        "\n"
        "A trace of several files (record --rotate) is one run: name any of them, those beside it are read too.\n"
        "What is missing between them is a gap.\n"
        "\n"
        "Of a very long trace not every sample has a row of its own: survivors and the long-lived do, of the\n"
        "others a random part whose weight is raised. All other tables have all of them.\n"
        "\n"
        "What is intact of a damaged trace is imported; the exit code is then 3.\n"
        "\n"
        "Captures of heaptrack, massif, jemalloc, gperftools and pprof, and snapshots of memanalyze export, are\n"
        "known by their content and imported as far as they go; see memanalyze-export(1).\n"
        "\n"
        "  memanalyze import trace.zst -o trace.db\n"
        "  memanalyze import before.zst after.zst -o both.db\n"
        "  memanalyze import jeprof.4242.0.f.heap -o heap.db\n",
    .run = run,
};
