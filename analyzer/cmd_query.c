/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_query.c -- `memanalyze query`: the user's own SELECT, asked of a database. */
#include "command.h"
#include "db.h"
#include "diag.h"
#include "query.h"
#include "render.h"
#include "report_rows.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES_MAX = 1 << 20 };

enum { OPTION_FORMAT };

static const struct command_option options[] = {
    [OPTION_FORMAT] = {"format", 'f', "FORMAT",
                       "table, csv, tsv, json, markdown or plain (default: table)"},
    {0},
};

/* All of stdin; the caller frees it. */
static char *read_stdin(void)
{
    char *text = malloc(SQL_BYTES_MAX + 1);
    size_t length = text ? fread(text, 1, SQL_BYTES_MAX, stdin) : 0;

    if (!text || ferror(stdin)) {
        diag_error("could not read the query from stdin: %m");
        free(text);
        return NULL;
    }
    if (!feof(stdin) && getc(stdin) != EOF) {
        diag_error("could not read the query from stdin: it is longer than 1 MiB");
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

static status ask(const char *path, const char *sql, enum render_format format)
{
    const struct render_options out = render_options_for(stdout, format);
    struct source source;
    struct query *query = NULL;

    TRY(source_open(path, &source));
    status result = query_open(source.db, "the query", sql, NULL, 0, &query);
    if (result.code == STATUS_OK) {
        result = report_rows_put(NULL, query, &out);
    }
    query_close(query);
    source_close(&source);
    return result.code == STATUS_OK && source.incomplete ? (status){STATUS_INCOMPLETE} : result;
}

static int run_query(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    enum render_format format = RENDER_TABLE;
    const char *operands[2] = {NULL, NULL};
    size_t operand_count = 0;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        switch (argument) {
        case OPTION_FORMAT:
            if (!render_format_of_name(arguments.value, &format)) {
                return command_usage_error(
                    command,
                    "there is no format \"%s\"; there are table, csv, tsv, json, markdown, plain",
                    arguments.value);
            }
            break;
        case ARGUMENT_OPERAND:
            if (operand_count == 2) {
                return command_usage_error(command, "query takes one file and one statement; "
                                                    "put the statement in quotes");
            }
            operands[operand_count++] = arguments.value;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (operand_count < 2) {
        return command_usage_error(command, operand_count
                                                ? "query needs a statement, or - for stdin"
                                                : "query needs a file and a statement");
    }
    char *from_stdin = strcmp(operands[1], "-") == 0 ? read_stdin() : NULL;
    const char *sql = strcmp(operands[1], "-") == 0 ? from_stdin : operands[1];
    int code = sql ? command_exit(ask(operands[0], sql, format)) : EXIT_FAILED;
    free(from_stdin);
    return code;
}

const struct command command_query = {
    .name = "query",
    .sentence = "ask a recording in SQL",
    .usage = "query DATABASE|TRACE 'SELECT ...'|- [OPTION...]",
    .options = options,
    .notes = "The statement can only read. - reads it from stdin. Columns are shown with the unit "
             "that ends\n"
             "their name (_bytes, _ns, _share); --format csv shows raw numbers.\n"
             "\n"
             "  memanalyze query run.db 'SELECT function, live_bytes FROM leak ORDER BY live_bytes "
             "DESC'\n"
             "  memanalyze query run.db 'SELECT name, sql FROM sqlite_schema' -f csv\n"
             "  memanalyze report leaks --sql | memanalyze query run.db -",
    .run = run_query,
};
