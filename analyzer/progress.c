/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c -- see progress.h. */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MS = 500, REDRAW_MS = 100, BAR_COLUMNS_MAX = 40 };

static struct {
    bool active, drawn;
    char what[256];
    int64_t started_ms, drawn_ms;
} bar;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_start(const char *what)
{
    progress_clear();
    bar.active = isatty(STDERR_FILENO) == 1;
    bar.started_ms = bar.drawn_ms = now_ms();
    snprintf(bar.what, sizeof bar.what, "%s", what);
    for (char *at = bar.what; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
}

static int terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw(double share, int64_t elapsed_ms)
{
    char cells[BAR_COLUMNS_MAX + 1];
    char line[512];
    int columns = terminal_columns();
    int width = columns / 3 < BAR_COLUMNS_MAX ? columns / 3 : BAR_COLUMNS_MAX;
    int64_t left_s = share > 0.01 ? (int64_t)((double)elapsed_ms * (1 / share - 1) / 1000 + 1) : -1;

    memset(cells, ' ', sizeof cells);
    memset(cells, '#', (size_t)(share * width));
    cells[width] = '\0';
    int length =
        snprintf(line, sizeof line, "\r\033[K%s [%s] %3.0f%%", bar.what, cells, share * 100);
    if (left_s >= 0 && length > 0 && (size_t)length < sizeof line) {
        length += snprintf(line + length, sizeof line - (size_t)length, " %lld s left",
                           (long long)left_s);
    }
    if (length > 0 && (size_t)length < sizeof line && length - 4 < columns) {
        bar.drawn = write(STDERR_FILENO, line, (size_t)length) > 0;
    }
}

void progress_update(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    if (!bar.active || total == 0) {
        return;
    }
    int64_t now = now_ms();
    if (now - bar.started_ms < QUIET_MS || (bar.drawn && now - bar.drawn_ms < REDRAW_MS)) {
        return;
    }
    bar.drawn_ms = now;
    draw(done < total ? (double)done / (double)total : 1, now - bar.started_ms);
}

void progress_end(void)
{
    progress_clear();
    bar.active = false;
}

void progress_clear(void)
{
    if (bar.drawn) {
        static const char erase[] = "\r\033[K";

        bar.drawn = write(STDERR_FILENO, erase, sizeof erase - 1) < 0;
    }
}
