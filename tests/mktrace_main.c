/* SPDX-License-Identifier: Apache-2.0 */
/* mktrace_main.c -- mktrace TEXT TRACE: see mktrace.h for the language. TEXT may be - for stdin. */
#include "mktrace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(FILE *in)
{
    size_t length = 0, capacity = 1 << 16;
    char *text = malloc(capacity);

    while (text) {
        length += fread(text + length, 1, capacity - 1 - length, in);
        if (length < capacity - 1) {
            text[length] = '\0';
            return ferror(in) ? NULL : text;
        }
        text = realloc(text, capacity *= 2);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: mktrace TEXT TRACE\n");
        return 2;
    }
    FILE *in = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    char *text = in ? read_all(in) : NULL;

    if (!text) {
        perror(argv[1]);
        return 1;
    }
    bool made = mktrace_file(argv[1], text, argv[2]);
    free(text);
    if (in != stdin) {
        fclose(in);
    }
    return made ? 0 : 1;
}
