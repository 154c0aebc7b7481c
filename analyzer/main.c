/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- the table of subcommands; nothing else. */
#include "command.h"
#include "diag.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct command *const commands[] = {
    &command_record,
    &command_import,
    &command_report,
    &command_diff,
    &command_check,
    &command_query,
    &command_export,
    &command_html,
    &command_watch,
    &command_info,
    &command_recover,
    &command_completion,
    NULL,
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static void print_help(void)
{
    printf("memanalyze: records a program's memory, and answers questions about the recording\n\n"
           "Usage: memanalyze COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; commands[i]; i++) {
        printf("  %-10s %s\n", commands[i]->name, commands[i]->sentence);
    }
    printf("\nmemanalyze COMMAND --help says more about one of them.\n\n"
           "Exit codes: 0 done; 1 could not; 2 asked wrongly; 3 done, but the trace is incomplete; "
           "4 over budget.\n");
}

static int unknown_command(const char *name)
{
    const char *names[sizeof commands / sizeof commands[0]];
    char list[256] = "";
    size_t count = 0;

    for (; commands[count]; count++) {
        names[count] = commands[count]->name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", count ? ", " : "",
                 names[count]);
    }
    diag_error("there is no command \"%s\"", name);
    diag_detail("The commands are %s.", list);
    const char *nearest = command_nearest(name, names, count);
    if (nearest) {
        diag_hint("Did you mean \"%s\"?", nearest);
    } else {
        diag_hint("memanalyze --help says what they do.");
    }
    return EXIT_USAGE;
}

/* A full disk behind stdout shows only when it is flushed. */
static int finish(int exit_code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code != EXIT_FAILED) {
        diag_error("could not write the output: %m");
        return EXIT_FAILED;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        const struct command *about = argc > 2 ? find_command(argv[2]) : NULL;

        if (argc > 2 && !about) {
            return unknown_command(argv[2]);
        }
        if (about) {
            command_help(about);
        } else {
            print_help();
        }
        return finish(argc > 1 ? EXIT_DONE : EXIT_USAGE);
    }
    if (strcmp(name, "--version") == 0) {
        printf("memanalyze %s\n", MEMREC_VERSION);
        return finish(EXIT_DONE);
    }
    const struct command *command = find_command(name);
    if (!command) {
        return unknown_command(name);
    }
    if (command_asks_for_help(command, argc - 1, argv + 1)) {
        command_help(command);
        return finish(EXIT_DONE);
    }
    return finish(command->run(command, argc - 1, argv + 1));
}
