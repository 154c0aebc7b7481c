/* SPDX-License-Identifier: Apache-2.0 */
/* watch_screen.h -- a terminal that shows text anew and hears single keys. One at a time, from one thread.
 *
 * The screen of before comes back when it is closed, and when a signal ends the program.            */
#ifndef MEMANALYZE_WATCH_SCREEN_H
#define MEMANALYZE_WATCH_SCREEN_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct screen {
    size_t rows, columns;
    size_t first; /* line of the text at the top */
};

/* Fails when stdin or stdout is no terminal. */
STATUS_MUST_USE status screen_open(struct screen *out);
void screen_close(void);

/* Shows as many lines of `text` as there is room for, from `first` on, and `bottom` below. Lines may hold colours;
 * what is wider than the screen is cut. */
void screen_show(struct screen *screen, const char *text, const char *bottom);

enum screen_key { KEY_NONE, KEY_QUIT, KEY_MOVED, KEY_RESIZED, KEY_OTHER };

/* Waits at most so long for a key. KEY_MOVED: `first` is another. KEY_OTHER: *other is it. */
enum screen_key screen_wait(struct screen *screen, int milliseconds, char *other);

#endif
