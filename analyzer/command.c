/* SPDX-License-Identifier: Apache-2.0 */
/* command.c -- see command.h. */
#include "command.h"

#include "diag.h"

#include <stdio.h>
#include <string.h>

enum { WORD_BYTES_MAX = 32, HELP_COLUMN = 28, OPTIONS_MAX = 64 };

int command_exit(status result)
{
    switch (result.code) {
    case STATUS_OK:
    case STATUS_END:
        return EXIT_DONE;
    case STATUS_USAGE:
        return EXIT_USAGE;
    case STATUS_INCOMPLETE:
        return EXIT_INCOMPLETE;
    case STATUS_FAILED:
        break;
    }
    return EXIT_FAILED;
}

struct arguments arguments_of(const struct command *command, int argc, char **argv)
{
    return (struct arguments){.at = 1, .command = command, .argc = argc, .argv = argv};
}

/* Edits (insert, delete, replace, swap neighbours) that make b of a; both shorter than the limit. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t a_bytes = strlen(a), b_bytes = strlen(b);

    for (size_t j = 0; j <= b_bytes; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = before[j - 2] + 1 < best ? before[j - 2] + 1 : best;
            }
            now[j] = best;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_bytes];
}

const char *command_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t word_bytes = strlen(word), limit = word_bytes < 5 ? 1 : word_bytes / 3 + 1;

    for (size_t i = 0; i < count && word_bytes > 1 && word_bytes < WORD_BYTES_MAX; i++) {
        size_t name_bytes = strlen(names[i]);

        if (name_bytes >= WORD_BYTES_MAX) {
            continue;
        }
        size_t distance =
            strncmp(names[i], word, word_bytes) == 0 ? 1 : edit_distance(word, names[i]);
        if (distance <= limit) {
            nearest = names[i];
            limit = distance - (distance > 0);
        }
    }
    return nearest;
}

int command_usage_error(const struct command *command, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diag_error("%s", message);
    diag_hint("Usage: memanalyze %s", command->usage);
    return EXIT_USAGE;
}

static int unknown_option(const struct command *command, const char *option)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;

    diag_error("%s has no option %s", command->name, option);
    for (const struct command_option *at = command->options; at && at->name; at++) {
        if (count < OPTIONS_MAX) {
            names[count++] = at->name;
        }
    }
    const char *nearest = command_nearest(option + strspn(option, "-"), names, count);
    if (nearest) {
        diag_hint("Did you mean --%s?", nearest);
    } else {
        diag_hint("memanalyze %s --help lists its options.", command->name);
    }
    return ARGUMENT_BAD;
}

static int take_value(struct arguments *arguments, int option, const char *inline_value)
{
    const struct command_option *row = &arguments->command->options[option];

    if (!row->value) {
        if (inline_value) {
            diag_error("--%s takes no value", row->name);
            return ARGUMENT_BAD;
        }
        return option;
    }
    if (!inline_value && arguments->at < arguments->argc) {
        inline_value = arguments->argv[arguments->at++];
    }
    if (!inline_value) {
        diag_error("--%s needs a value: %s", row->name, row->value);
        return ARGUMENT_BAD;
    }
    arguments->value = inline_value;
    return option;
}

static int take_letter(struct arguments *arguments)
{
    const struct command_option *options = arguments->command->options;
    char letter = *arguments->letters++;

    for (int i = 0; options && options[i].name; i++) {
        if (options[i].letter != letter) {
            continue;
        }
        const char *rest = *arguments->letters ? arguments->letters : NULL;
        if (!options[i].value) {
            return i;
        }
        arguments->letters = NULL;
        return take_value(arguments, i, rest);
    }
    char shown[] = {'-', letter, '\0'};
    return unknown_option(arguments->command, shown);
}

static int take_name(struct arguments *arguments, const char *argument)
{
    const struct command_option *options = arguments->command->options;
    const char *name = argument + 2;
    size_t name_bytes = strcspn(name, "=");

    for (int i = 0; options && options[i].name; i++) {
        if (strlen(options[i].name) == name_bytes &&
            memcmp(options[i].name, name, name_bytes) == 0) {
            return take_value(arguments, i, name[name_bytes] ? name + name_bytes + 1 : NULL);
        }
    }
    return unknown_option(arguments->command, argument);
}

int arguments_next(struct arguments *arguments)
{
    arguments->value = NULL;
    if (arguments->letters && *arguments->letters) {
        return take_letter(arguments);
    }
    if (arguments->at == arguments->argc) {
        return ARGUMENT_END;
    }
    char *argument = arguments->argv[arguments->at++];
    /* "-- " begins a comment in SQL, and no option has a blank there */
    bool comment = strncmp(argument, "-- ", 3) == 0;
    if (!arguments->operands_only && !comment && argument[0] == '-' && argument[1] != '\0') {
        if (strcmp(argument, "--") == 0) {
            arguments->operands_only = true;
            return arguments_next(arguments);
        }
        if (argument[1] == '-') {
            return take_name(arguments, argument);
        }
        arguments->letters = argument + 1;
        return take_letter(arguments);
    }
    arguments->operands_only |= arguments->command->host_arguments;
    arguments->value = argument;
    return ARGUMENT_OPERAND;
}

/* Whether the option at `argument` is followed by its value. */
static bool value_follows(const struct command *command, const char *argument)
{
    for (const struct command_option *at = command->options; at && at->name; at++) {
        if (at->value && (strcmp(argument + 2, at->name) == 0 ||
                          (argument[1] == at->letter && argument[2] == '\0'))) {
            return true;
        }
    }
    return false;
}

bool command_asks_for_help(const struct command *command, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            i += value_follows(command, argv[i]);
        } else if (command->host_arguments) {
            return false;
        }
    }
    return false;
}

static void print_option(const char *name, char letter, const char *value, const char *sentence)
{
    char left[128];

    snprintf(left, sizeof left, "  %c%c%s --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
             letter ? "," : " ", name, value ? " " : "", value ? value : "");
    if (strlen(left) > HELP_COLUMN - 2) {
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", sentence);
    } else {
        printf("%-*s%s\n", HELP_COLUMN, left, sentence);
    }
}

void command_help(const struct command *command)
{
    printf("memanalyze %s: %s\n\nUsage: memanalyze %s\n\n", command->name, command->sentence,
           command->usage);
    for (const struct command_option *at = command->options; at && at->name; at++) {
        print_option(at->name, at->letter, at->value, at->sentence);
    }
    print_option("help", 'h', NULL, "show this");
    if (command->notes) {
        printf("\n%s\n", command->notes);
    }
}
