/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_completion.c -- `memanalyze completion`: scripts for shells, made from the commands' own tables. */
#include "catalog.h"
#include "command.h"
#include "diag.h"

#include <stdio.h>
#include <string.h>

static const struct command_option options[] = {{0}};

/* What a shell needs in its script: the commands with their options, and the names of reports. */
struct words {
    const struct command *const *commands;
    struct catalog reports;
};

static bool is_report(const struct command *command)
{
    return strcmp(command->name, "report") == 0;
}

/* A sentence between single quotes; zsh ends descriptions of options at a bracket. */
static void put_sentence(const char *sentence)
{
    for (; *sentence; sentence++) {
        if (*sentence == '\'') {
            fputs("'\\''", stdout);
        } else {
            putchar(*sentence == '['   ? '('
                    : *sentence == ']' ? ')'
                    : *sentence == ':' ? ','
                                       : *sentence);
        }
    }
}

static void print_bash(const struct words *words)
{
    printf("# bash completion of memanalyze, made by: memanalyze completion bash\n"
           "_memanalyze() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} list='' names=''\n"
           "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; words->commands[i]; i++) {
        const struct command *command = words->commands[i];

        printf("    %s) list='", command->name);
        for (const struct command_option *at = command->options; at && at->name; at++) {
            printf("--%s ", at->name);
        }
        printf("--help'");
        if (is_report(command)) {
            printf(" names='");
            for (size_t j = 0; j < words->reports.count; j++) {
                printf("%s%s", j ? " " : "", words->reports.reports[j].name);
            }
            putchar('\'');
        }
        printf(" ;;\n");
    }
    printf("    esac\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; words->commands[i]; i++) {
        printf("%s ", words->commands[i]->name);
    }
    printf(
        "--help --version' -- \"$current\")\n"
        "    elif [ \"${current#-}\" != \"$current\" ]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$current\")\n"
        "    else\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$current\"; compgen -f -- \"$current\")\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _memanalyze memanalyze\n");
}

static void print_zsh(const struct words *words)
{
    printf("#compdef memanalyze\n"
           "# zsh completion of memanalyze, made by: memanalyze completion zsh\n"
           "local -a commands reports\ncommands=(\n");
    for (size_t i = 0; words->commands[i]; i++) {
        printf("    '%s:", words->commands[i]->name);
        put_sentence(words->commands[i]->sentence);
        printf("'\n");
    }
    printf(")\nreports=(\n");
    for (size_t i = 0; i < words->reports.count; i++) {
        printf("    '%s:", words->reports.reports[i].name);
        put_sentence(words->reports.reports[i].sentence);
        printf("'\n");
    }
    printf(")\nif (( CURRENT == 2 )); then\n    _describe command commands\n    return\nfi\n"
           "case $words[2] in\n");
    for (size_t i = 0; words->commands[i]; i++) {
        const struct command *command = words->commands[i];

        printf("%s) shift words; (( CURRENT-- )); _arguments", command->name);
        for (const struct command_option *at = command->options; at && at->name; at++) {
            printf(" \\\n        '--%s%s[", at->name, at->value ? "=" : "");
            put_sentence(at->sentence);
            printf("]%s'", at->value ? ":value:_files" : "");
        }
        printf(" \\\n        '*:file:%s' ;;\n",
               is_report(command) ? "{ _describe report reports; _files }" : "_files");
    }
    printf("esac\n");
}

static void print_fish(const struct words *words)
{
    printf("# fish completion of memanalyze, made by: memanalyze completion fish\n");
    for (size_t i = 0; words->commands[i]; i++) {
        const struct command *command = words->commands[i];

        printf("complete -c memanalyze -n __fish_use_subcommand -a %s -d '", command->name);
        put_sentence(command->sentence);
        printf("'\n");
        for (const struct command_option *at = command->options; at && at->name; at++) {
            printf("complete -c memanalyze -n '__fish_seen_subcommand_from %s' -l %s%s -d '",
                   command->name, at->name, at->value ? " -r" : "");
            put_sentence(at->sentence);
            printf("'\n");
        }
    }
    for (size_t i = 0; i < words->reports.count; i++) {
        printf("complete -c memanalyze -n '__fish_seen_subcommand_from report' -a %s -d '",
               words->reports.reports[i].name);
        put_sentence(words->reports.reports[i].sentence);
        printf("'\n");
    }
}

static int run_completion(const struct command *command, int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(const struct words *words);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    struct arguments arguments = arguments_of(command, argc, argv);
    struct words words = {.commands = commands};
    const char *shell = NULL;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (argument != ARGUMENT_OPERAND || shell) {
            return argument == ARGUMENT_BAD
                       ? EXIT_USAGE
                       : command_usage_error(command, "completion takes one shell");
        }
        shell = arguments.value;
    }
    for (size_t i = 0; shell && i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shell, shells[i].name) == 0) {
            status result = catalog_open(&words.reports);

            if (result.code == STATUS_OK) {
                shells[i].print(&words);
            }
            catalog_close(&words.reports);
            return command_exit(result);
        }
    }
    return command_usage_error(command,
                               shell ? "there is no completion for \"%s\"" : "which shell%s?",
                               shell ? shell : "");
}

const struct command command_completion = {
    .name = "completion",
    .sentence = "prints what a shell needs to complete commands, options and reports",
    .usage = "completion bash|zsh|fish",
    .options = options,
    .notes = "  eval \"$(memanalyze completion bash)\"     in ~/.bashrc\n"
             "Installed packages have it in place.\n",
    .run = run_completion,
};
