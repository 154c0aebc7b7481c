/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_watch.c -- `memanalyze watch`: a recording while it happens, in the terminal or in a browser. */
#include "command.h"
#include "db.h"
#include "diag.h"
#include "follow.h"
#include "page.h"
#include "render.h"
#include "report_head.h"
#include "report_page.h"
#include "units.h"
#include "watch_gauges.h"
#include "watch_screen.h"
#include "watch_web.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPTION_PROFILE, OPTION_WEB, OPTION_PORT };

static const struct command_option options[] = {
    [OPTION_PROFILE] = {"profile", 'p', "SET",
                        "the report set to show (default: the one that suits)"},
    [OPTION_WEB] = {"web", 'w', NULL, "serve the page of `html` to browsers on this machine"},
    [OPTION_PORT] = {"port", 0, "PORT", "... at this port (default: any that is free)"},
    {0},
};

enum { LOOK_MS = 200 };

struct watch {
    struct follow follow;
    struct catalog catalog;
    struct report_sets sets;
    const char *profile;
    char range; /* a key of `ranges` */
    char *text; /* of the screen */
};

/* ---- in the terminal ----------------------------------------------------------------------- */

static const struct {
    char key;
    const char *name;
} ranges[] = {{'1', "1m"}, {'5', "5m"}, {'h', "1h"}, {'t', "10h"}, {'a', "all"}};

static const char *range_name(char key)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (ranges[i].key == key) {
            return ranges[i].name;
        }
    }
    return NULL;
}

/* The head, the gauges and the screen of the report set, as wide as the terminal. */
static status compose(struct watch *watch, const struct screen *screen)
{
    struct render_options out = render_options_for(stdout, RENDER_TABLE);
    struct report_page page = {
        .db = watch->follow.db, .catalog = &watch->catalog, .sets = &watch->sets};
    char *text = NULL, *reason = NULL;
    size_t bytes;
    FILE *memory = open_memstream(&text, &bytes);

    if (!memory) {
        diag_error("could not show the report: out of memory");
        return FAIL;
    }
    out.out = memory;
    out.width = screen->columns;
    page.set = watch->profile ? report_sets_find(&watch->sets, watch->profile) : NULL;
    status result = report_head_run(watch->follow.db, &out, watch->follow.trace, 0);
    if (result.code == STATUS_OK) {
        result =
            watch_gauges_print(watch->follow.db, &watch->catalog, range_name(watch->range), &out);
        putc('\n', memory);
    }
    if (result.code == STATUS_OK && !page.set) {
        result = report_sets_choose(&watch->sets, watch->follow.db, 0, &page.set, &reason);
        page.reason = reason;
    }
    if (result.code == STATUS_OK) {
        result = report_page_print(&page, &out);
    }
    fclose(memory);
    free(reason);
    free(watch->text);
    watch->text = text;
    return result;
}

static void say_state(const struct watch *watch, char *out, size_t bytes)
{
    char took[UNITS_BYTES];

    if (!watch->follow.db) {
        snprintf(out, bytes, "waiting for %s   q quits", watch->follow.trace);
        return;
    }
    units_value(took, TYPE_NS, (double)watch->follow.cost_ns, false);
    snprintf(out, bytes, "%s   %s   q quits, j k scroll, 1 5 h t a: 1 min to all   looked at in %s",
             watch->follow.ended ? "the recording has ended" : "recording",
             range_name(watch->range), took);
}

static status watch_terminal(struct watch *watch)
{
    struct screen screen;
    status result = OK;
    char bottom[256], key;

    TRY(screen_open(&screen));
    for (enum screen_key heard = KEY_RESIZED; heard != KEY_QUIT;
         heard = screen_wait(&screen, LOOK_MS, &key)) {
        bool changed;

        result = follow_look(&watch->follow, &changed);
        if (heard == KEY_OTHER && range_name(key)) {
            watch->range = key;
            changed = true;
        }
        if (result.code == STATUS_OK && watch->follow.db && (changed || heard == KEY_RESIZED)) {
            result = compose(watch, &screen);
        }
        if (result.code != STATUS_OK) {
            break;
        }
        if (changed || heard != KEY_NONE) {
            say_state(watch, bottom, sizeof bottom);
            screen_show(&screen, watch->text ? watch->text : "", bottom);
        }
    }
    screen_close();
    return result;
}

/* ---- in a browser -------------------------------------------------------------------------- */

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

/* The data are made once; the page is the same around them. */
static status publish(struct watch *watch, struct web *web)
{
    const struct page page = {.db = watch->follow.db, .catalog = &watch->catalog};
    char *whole = NULL, *data = NULL;
    size_t whole_bytes, data_bytes;
    FILE *data_out = open_memstream(&data, &data_bytes);
    FILE *whole_out = open_memstream(&whole, &whole_bytes);
    status result = FAIL;

    if (data_out && whole_out) {
        result = page_write_data(&page, data_out);
        fflush(data_out);
        page_wrap_live(data, data_bytes, whole_out);
    } else {
        diag_error("could not make the page: out of memory");
    }
    if (data_out) {
        fclose(data_out);
    }
    if (whole_out) {
        fclose(whole_out);
    }
    if (result.code == STATUS_OK) {
        web_set(web, whole, whole_bytes, data, data_bytes);
    } else {
        free(whole);
        free(data);
    }
    return result;
}

static status watch_web(struct watch *watch, uint16_t port)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    struct web *web;
    status result = OK;

    TRY(web_open(port, &web));
    printf("%s\n", web_address(web));
    fflush(stdout);
    signal(SIGINT, on_end);
    signal(SIGTERM, on_end);
    while (!ended && result.code == STATUS_OK) {
        bool changed;

        result = follow_look(&watch->follow, &changed);
        if (result.code == STATUS_OK && changed) {
            result = publish(watch, web);
        }
        nanosleep(&pause, NULL);
    }
    web_close(web);
    return result;
}

/* ---- the command --------------------------------------------------------------------------- */

static bool take_port(const struct command *command, const char *text, uint16_t *out)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (end == text || *end || port > UINT16_MAX) {
        command_usage_error(command, "--port takes a number up to 65535, not \"%s\"", text);
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

static status run_watch_of(const char *what, const char *profile, bool web, uint16_t port)
{
    struct watch watch = {.profile = profile, .range = 'a'};

    TRY(follow_open(what, &watch.follow));
    status result = catalog_open(&watch.catalog);
    if (result.code == STATUS_OK) {
        result = report_sets_open(&watch.sets);
    }
    if (result.code == STATUS_OK && profile && !report_sets_find(&watch.sets, profile)) {
        diag_error("there is no report set \"%s\"", profile);
        diag_hint("memanalyze report --list has them at its end.");
        result = (status){STATUS_USAGE};
    }
    if (result.code == STATUS_OK) {
        result = web ? watch_web(&watch, port) : watch_terminal(&watch);
    }
    free(watch.text);
    report_sets_close(&watch.sets);
    catalog_close(&watch.catalog);
    follow_close(&watch.follow);
    return result;
}

static int run_watch(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    const char *what = NULL, *profile = NULL;
    uint16_t port = 0;
    bool web = false;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        switch (argument) {
        case OPTION_PROFILE:
            profile = arguments.value;
            break;
        case OPTION_WEB:
            web = true;
            break;
        case OPTION_PORT:
            if (!take_port(command, arguments.value, &port)) {
                return EXIT_USAGE;
            }
            web = true;
            break;
        case ARGUMENT_OPERAND:
            if (what) {
                return command_usage_error(
                    command, "watch takes one trace or process, not \"%s\" too", arguments.value);
            }
            what = arguments.value;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (!what) {
        return command_usage_error(command, "which trace, or the id of which process?");
    }
    return command_exit(run_watch_of(what, profile, web, port));
}

const struct command command_watch = {
    .name = "watch",
    .sentence = "shows a recording while it happens",
    .usage = "watch TRACE|PID [--web]",
    .options = options,
    .notes =
        "In the terminal: gauges, and the screen of `memanalyze report`, anew whenever the trace has grown. q\n"
        "quits; j, k, space and b scroll; 1, 5, h, t and a show the last minute, five minutes, hour, ten hours,\n"
        "or all. With --web it prints an address for browsers on this machine; Ctrl-C ends it. The trace may\n"
        "still be missing. Each look imports all of it, and takes a fifth of a processor at most.\n",
    .run = run_watch,
};
