/* SPDX-License-Identifier: Apache-2.0 */
/* watch_screen.c -- see watch_screen.h. */
#include "watch_screen.h"

#include "diag.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const char enter[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static struct termios before;
static volatile sig_atomic_t resized, is_open;

static void restore(void)
{
    if (is_open) {
        is_open = 0;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        ssize_t written = write(STDOUT_FILENO, leave, sizeof leave - 1);
        (void)written; /* there is nobody left to tell */
    }
}

static void on_end(int number)
{
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

static void measure(struct screen *screen)
{
    struct winsize size;

    screen->rows = 24;
    screen->columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col > 1) {
        screen->rows = size.ws_row;
        screen->columns = size.ws_col;
    }
}

status screen_open(struct screen *out)
{
    struct sigaction action = {.sa_handler = on_resize};
    struct termios raw;

    *out = (struct screen){0};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
        diag_error("watch needs a terminal to show itself");
        diag_hint("--web shows it in a browser; memanalyze report prints it once.");
        return FAIL;
    }
    raw = before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    is_open = 1;
    sigaction(SIGWINCH, &action, NULL);
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        signal(ending_signals[i], on_end);
    }
    fputs(enter, stdout);
    measure(out);
    return OK;
}

void screen_close(void)
{
    fflush(stdout);
    restore();
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++) {
        lines++;
    }
    return lines;
}

void screen_show(struct screen *screen, const char *text, const char *bottom)
{
    size_t lines = count_lines(text), room = screen->rows - 1;

    if (screen->first + room > lines) {
        screen->first = lines > room ? lines - room : 0;
    }
    fputs("\033[H", stdout);
    for (size_t line = 0; line < screen->first + room; line++) {
        const char *end = strchrnul(text, '\n');

        if (line >= screen->first) {
            printf("%.*s\033[0m\033[K\n", (int)(end - text), text);
        }
        text = *end ? end + 1 : end;
    }
    printf("\033[7m %-*.*s\033[0m\033[K", (int)screen->columns - 1, (int)screen->columns - 1,
           bottom);
    fflush(stdout);
}

/* What a key means, as a number of lines; 0: nothing of the kind. */
static long lines_of(const char *keys, const struct screen *screen)
{
    long page = (long)screen->rows - 2;

    if (strcmp(keys, "\033[A") == 0 || strcmp(keys, "k") == 0) {
        return -1;
    }
    if (strcmp(keys, "\033[B") == 0 || strcmp(keys, "j") == 0) {
        return 1;
    }
    if (strcmp(keys, "\033[5~") == 0 || strcmp(keys, "b") == 0) {
        return -page;
    }
    return strcmp(keys, "\033[6~") == 0 || strcmp(keys, " ") == 0 ? page : 0;
}

enum screen_key screen_wait(struct screen *screen, int milliseconds, char *other)
{
    struct pollfd stdin_poll = {STDIN_FILENO, POLLIN, 0};
    char keys[16] = "";
    int ready = resized ? 0 : poll(&stdin_poll, 1, milliseconds);

    if (resized) {
        resized = 0;
        measure(screen);
        return KEY_RESIZED;
    }
    if (ready <= 0) {
        return KEY_NONE;
    }
    ssize_t got = read(STDIN_FILENO, keys, 1);
    if (got == 1 && keys[0] == '\033' &&
        poll(&stdin_poll, 1, 20) > 0) { /* a key of several bytes */
        got = read(STDIN_FILENO, keys + 1, 3);
    }
    if (got == 0 || (got < 0 && errno != EINTR)) {
        return KEY_QUIT; /* the terminal is gone */
    }
    long lines = lines_of(keys, screen);
    if (lines != 0) {
        screen->first =
            lines < 0 && (size_t)-lines > screen->first ? 0 : screen->first + (size_t)lines;
        return KEY_MOVED;
    }
    *other = keys[0];
    return keys[0] == 'q' || keys[0] == 'Q' ? KEY_QUIT : KEY_OTHER;
}
