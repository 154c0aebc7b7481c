/* SPDX-License-Identifier: Apache-2.0 */
/* command.h -- what a subcommand is, and how its arguments are read.
 *
 * A command is a constant: its words for --help and a function. It lists its options once; help and
 * parsing both come from that list:
 *
 *   enum { OPTION_OUTPUT, OPTION_FORCE };
 *   static const struct command_option options[] = {
 *       [OPTION_OUTPUT] = {"output", 'o', "FILE", "write the database to FILE"},
 *       [OPTION_FORCE] = {"force", 'f', NULL, "replace FILE when it exists"},
 *       {0},
 *   };
 *   struct arguments arguments = arguments_of(command, argc, argv);
 *   for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;)
 *       switch (argument) {
 *       case OPTION_OUTPUT: output = arguments.value; break;
 *       case OPTION_FORCE: force = true; break;
 *       case ARGUMENT_OPERAND: ... arguments.value ...; break;
 *       default: return EXIT_USAGE;            // ARGUMENT_BAD: already said why
 *       }
 *
 * `--output=FILE`, `--output FILE`, `-o FILE` and `-oFILE` are the same; `--` ends the options.
 * `--help` and `-h` never reach a command.                                                        */
#ifndef MEMANALYZE_COMMAND_H
#define MEMANALYZE_COMMAND_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

/* See README.md. */
enum command_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3,
    EXIT_OVER_BUDGET = 4,
};

struct command_option {
    const char *name;     /* without dashes */
    char letter;          /* or 0: none */
    const char *value;    /* what help calls its value; NULL: it takes none */
    const char *sentence; /* lowercase, no period */
};

struct command {
    const char *name;
    const char *sentence; /* lowercase, no period: for the list of commands */
    const char *usage;    /* without the program's name: "import TRACE... -o DATABASE" */
    const struct command_option *options; /* ends with a row without name; NULL: none */
    const char *notes;   /* paragraphs and examples after the options; NULL: none */
    bool host_arguments; /* the first operand ends the options: the rest is a program's */
    int (*run)(const struct command *command, int argc, char **argv); /* argv[0] is the command */
};

extern const struct command command_completion, command_watch, command_record, command_import,
    command_report, command_query;
extern const struct command command_html, command_info, command_recover, command_diff;
extern const struct command command_check;
extern const struct command command_export;

/* All of them, in the order in which help lists them; ends with NULL. */
extern const struct command *const commands[];

enum { ARGUMENT_END = -1, ARGUMENT_OPERAND = -2, ARGUMENT_BAD = -3 };

struct arguments {
    const char *value; /* of the option, or the operand, that arguments_next returned */
    int at;            /* index in argv of what comes next */
    const struct command *command;
    int argc;
    char **argv;
    const char *letters; /* rest of a group such as -ab */
    bool operands_only;
};

struct arguments arguments_of(const struct command *command, int argc, char **argv);

/* Returns the index of an option in command->options, or one of ARGUMENT_*. ARGUMENT_BAD comes
 * after diag has said what is wrong. */
int arguments_next(struct arguments *arguments);

/* Says that `what` is wrong and how the command is used; returns EXIT_USAGE. Formatted like printf. */
int command_usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit code of a status. */
int command_exit(status result);

/* The one of `names` that `word` probably meant; NULL when none is near. */
const char *command_nearest(const char *word, const char *const *names, size_t count);

/* Whether --help or -h stands among the command's own arguments. */
bool command_asks_for_help(const struct command *command, int argc, char **argv);

/* Prints the help of a command on stdout. */
void command_help(const struct command *command);

#endif
