/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_html.c -- `memanalyze html`: a run as one page to look at and to send to others. */
#include "command.h"
#include "db.h"
#include "diag.h"
#include "new_file.h"
#include "page.h"
#include "source.h"

#include <stdlib.h>

enum { OPTION_OUTPUT, OPTION_RUN, OPTION_BASELINE };

static const struct command_option options[] = {
    [OPTION_OUTPUT] = {"output", 'o', "FILE", "write the page to FILE, or - for standard output"},
    [OPTION_RUN] = {"run", 'r', "ID", "the run to show (default: the first)"},
    [OPTION_BASELINE] = {"baseline", 'b', "FILE",
                         "an earlier database or trace: boxes of the flame graph say what changed"},
    {0},
};

static status write_to(struct page *page, FILE *out)
{
    struct catalog catalog;

    TRY(catalog_open(&catalog));
    page->catalog = &catalog;
    status result = page_write(page, out);
    catalog_close(&catalog);
    return result;
}

static status write_file(struct page *page, const char *output)
{
    struct new_file file;

    TRY(new_file_open(output, true, &file));
    status result = write_to(page, file.out);
    if (result.code == STATUS_OK) {
        result = new_file_keep(&file);
    }
    new_file_close(&file);
    return result;
}

/* `baseline` NULL: none. */
static status write_page(const char *input, const char *baseline, const char *output, int64_t run)
{
    struct source source, other = {0};

    TRY(source_open(input, &source));
    status result = baseline ? source_open(baseline, &other) : OK;
    if (result.code == STATUS_OK) {
        struct page page = {.db = source.db, .run = run, .baseline = other.db};

        result = write_file(&page, output);
    }
    source_close(&other);
    source_close(&source);
    return result.code == STATUS_OK && source.incomplete ? (status){STATUS_INCOMPLETE} : result;
}

static int run_html(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    const char *input = NULL, *output = NULL, *baseline = NULL;
    char *beside = NULL, *end;
    int64_t run = 0;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        switch (argument) {
        case OPTION_OUTPUT:
            output = arguments.value;
            break;
        case OPTION_RUN:
            run = strtoll(arguments.value, &end, 10);
            if (run < 1 || *end) {
                return command_usage_error(command, "--run takes the id of a run, not \"%s\"",
                                           arguments.value);
            }
            break;
        case OPTION_BASELINE:
            baseline = arguments.value;
            break;
        case ARGUMENT_OPERAND:
            if (input) {
                return command_usage_error(command, "html takes one file, not \"%s\" too",
                                           arguments.value);
            }
            input = arguments.value;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (!input) {
        return command_usage_error(command, "which database or trace?");
    }
    if (!output) {
        if (asprintf(&beside, "%s.html", input) < 0) {
            diag_error("could not write the page: out of memory");
            return EXIT_FAILED;
        }
        output = beside;
    }
    status result = write_page(input, baseline, output, run);
    if (beside && (result.code == STATUS_OK || result.code == STATUS_INCOMPLETE)) {
        printf("%s\n", beside);
    }
    free(beside);
    return command_exit(result);
}

const struct command command_html = {
    .name = "html",
    .sentence = "makes one page of a run, with charts, to look at and to share",
    .usage = "html FILE [-o PAGE] [--baseline FILE]",
    .options = options,
    .notes =
        "FILE is a database or a trace. The page needs no network and no server; a browser opens it from\n"
        "disk. Without -o it goes to FILE.html, whose name is printed.\n",
    .run = run_html,
};
