/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.h -- a file that appears under its name when it is whole: written beside it under another name, then
 * renamed; nothing is left behind by a failure or an interrupt. One at a time.                   */
#ifndef MEMANALYZE_NEW_FILE_H
#define MEMANALYZE_NEW_FILE_H

#include "status.h"

#include <stdbool.h>
#include <stdio.h>

struct new_file {
    FILE *out;
    char *target, *building; /* building NULL: `out` is stdout */
    bool replace;
};

/* "-" is stdout. On failure there is nothing to close, and diag knows. */
STATUS_MUST_USE status new_file_open(const char *target, bool replace, struct new_file *out);

/* The file is whole: gives it its name. On failure it is removed. */
STATUS_MUST_USE status new_file_keep(struct new_file *file);

/* Removes what was not kept. */
void new_file_close(struct new_file *file);

/* A signal that ends the program removes `path` first; NULL: no more. Signals that the program was told to ignore or
 * handles stay as they are. For files that are not written through a stream. */
void new_file_guard(char *path);

#endif
