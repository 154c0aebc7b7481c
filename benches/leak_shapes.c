/* SPDX-License-Identifier: Apache-2.0 */
/* leak_shapes.c -- see leak_shapes.h. Times are shares of the run while lives are drawn. */
#include "leak_shapes.h"

#include "bench.h"
#include "mktrace.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define FOREVER 1e9
enum { COLLECTIONS = 60 };

static uint64_t state;

static double uniform(void) /* in (0, 1) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double between(double low, double high) { return low + (high - low) * uniform(); }
static double exponential(double mean) { return -mean * log(uniform()); }

struct life {
    double birth, length;
};

/* What a site draws once: how long its blocks live, when it is busy. */
struct habit {
    double mean, period, bound, from;
};

/* A birth by an intensity of up to 1. */
static double busy(double (*intensity)(const struct habit *, double), const struct habit *habit)
{
    double at;

    do {
        at = uniform();
    } while (uniform() > intensity(habit, at));
    return at;
}

static double by_day(const struct habit *habit, double at)
{
    return 0.55 + 0.45 * sin(2 * M_PI * (at / habit->period + habit->from));
}
static double rising(const struct habit *habit, double at)
{
    return habit->from + (1 - habit->from) * at;
}
static double falling(const struct habit *habit, double at) { return 1 - 0.9 * at * habit->from; }

static struct life steady(const struct habit *habit)
{
    return (struct life){uniform(), exponential(habit->mean)};
}
static struct life diurnal(const struct habit *habit)
{
    return (struct life){busy(by_day, habit), exponential(habit->mean)};
}
static struct life ramp(const struct habit *habit)
{
    return (struct life){busy(rising, habit), exponential(habit->mean)};
}
static struct life shrinking(const struct habit *habit)
{
    return (struct life){busy(falling, habit), exponential(habit->mean)};
}
static struct life heavy_tail(const struct habit *habit)
{
    return (struct life){uniform(), habit->mean / 20 * pow(uniform(), -1 / 1.2)};
}
static struct life lru_cache(const struct habit *habit) /* the hit ones stay for longer */
{
    double length = habit->bound * between(0.9, 1.1);

    while (uniform() < 0.3 && length < 0.6) {
        length += habit->bound * uniform();
    }
    return (struct life){uniform(), length};
}
static struct life random_cache(const struct habit *habit)
{
    return (struct life){uniform(), exponential(habit->bound)};
}
static struct life start_up(const struct habit *habit)
{
    return (struct life){0.1 * uniform() * (0.2 + habit->from), FOREVER};
}
static struct life warm_up(const struct habit *habit) /* a table that fills, then ordinary work */
{
    return uniform() < 0.3 ? (struct life){-0.1 * log(1 - 0.95 * uniform()), FOREVER}
                           : steady(habit);
}
static struct life backlog(const struct habit *habit) /* the queue grows while the program runs */
{
    double birth = uniform();

    return (struct life){birth, habit->mean + 0.3 * birth};
}
static struct life batch(const struct habit *habit)
{
    double birth = uniform();
    double period = habit->bound;

    return (struct life){birth, (floor(birth / period) + 1) * period - birth + 1e-4};
}
static struct life slow_tenth(const struct habit *habit)
{
    return (struct life){uniform(), exponential(uniform() < 0.1 ? 2 * habit->bound : habit->mean)};
}
static struct life
config_reload(const struct habit *habit) /* all at once, freed by the next reload */
{
    double period = 0.05 + habit->bound / 2;
    double birth = floor(uniform() / period) * period;

    return (struct life){birth + 1e-4 * uniform(), period};
}

static const struct shape {
    const char *name;
    struct life (*draw)(const struct habit *habit);
    bool managed;
} shapes[] = {
    {"steady", steady, false},
    {"diurnal", diurnal, false},
    {"ramp", ramp, false},
    {"shrinking", shrinking, false},
    {"heavy_tail", heavy_tail, false},
    {"lru_cache", lru_cache, false},
    {"random_cache", random_cache, false},
    {"warm_up", warm_up, false},
    {"backlog", backlog, false},
    {"batch", batch, false},
    {"slow_tenth", slow_tenth, false},
    {"gc_steady", steady, true},
    {"gc_heavy_tail", heavy_tail, true},
    {"gc_cache", random_cache, true},
    {"start_up", start_up, false},
    {"config_reload", config_reload, false},
};
enum { ALL_SHAPES = sizeof shapes / sizeof shapes[0], LEAKING_SHAPES = ALL_SHAPES - 2 };

/* The next collection after a death, and a random part of a major one: every fourth takes the old. */
static double collected_at(double birth, double death)
{
    double next = (floor(death * COLLECTIONS) + 1) / COLLECTIONS;
    double age = floor(death * COLLECTIONS) - floor(birth * COLLECTIONS);

    if (age >= 2) {
        next = (floor(death * COLLECTIONS / 4) + 1) * 4 / COLLECTIONS;
    }
    return next;
}

/* ---- the text ---- */

struct text {
    char *at;
    size_t used, room;
};

static void say(struct text *text, const char *format, ...)
{
    va_list arguments;

    if (text->room - text->used < 256) {
        text->room = 2 * text->room + 65536;
        text->at = realloc(text->at, text->room);
        bench_require(text->at);
    }
    va_start(arguments, format);
    text->used += (size_t)vsnprintf(text->at + text->used, 256, format, arguments);
    va_end(arguments);
}

static unsigned long long us(double share, double run_s)
{
    return (unsigned long long)(share * run_s * 1e6) + 1;
}

static void write_site(struct text *text, unsigned number, const struct shape *shape,
                       struct shapes_site *site, double run_s, bool leaks, bool slow)
{
    static const double shares[] = {0.03, 0.05, 0.10, 0.20, 0.50, 1.00};
    bool brief = leaks && !slow;
    /* A cache that keeps its blocks for most of the run hides what it lost: there nobody can tell yet. */
    struct habit habit = {.mean = 0.002 * pow(brief ? 10 : 25, uniform()),
                          .period = between(0.15, 0.6),
                          .bound = brief ? between(0.01, 0.05) : between(0.05, 0.22),
                          .from = between(0.1, 0.9)};
    double share = leaks ? shares[(int)(6 * uniform())] : 0;
    double onset = leaks && uniform() < 0.3 ? between(0.1, 0.4) : 0;
    unsigned size = 16 + (unsigned)(2000 * pow(uniform(), 3));
    unsigned leaked = 0;
    unsigned long long address = (unsigned long long)(number + 1) << 32;

    for (unsigned i = 0; i < site->samples; i++, address += 4096) {
        struct life life = shape->draw(&habit);

        if (life.birth >= 0.999) {
            life.birth = 0.999 * uniform();
        }
        /* of a leak that began later the same share of all: it leaks more */
        if (leaks && life.birth >= onset && uniform() < fmin(1, share / (1 - onset))) {
            life.length = FOREVER;
            leaked++;
        }
        double death = life.birth + life.length;
        if (shape->managed) {
            death = death < 1 ? collected_at(life.birth, death) : death;
            say(text, "at %lluus object 0x%llx %u heap 1 via site_%u@s.x:1\n",
                us(life.birth, run_s), address, size, number);
        } else {
            say(text, "at %lluus alloc 0x%llx %u via S%u\n", us(life.birth, run_s), address, size,
                number);
        }
        if (death < 0.9995) {
            say(text, "at %lluus %s 0x%llx\n", us(death, run_s),
                shape->managed ? "object-free" : "free", address);
        }
    }
    site->shape = shape->name;
    site->leaked_share = (double)leaked / site->samples;
    if (shape->managed) {
        snprintf(site->function, sizeof site->function, "site_%u", number);
    } else {
        snprintf(site->function, sizeof site->function, "x+0x%x", (number + 1) * 16 - 1);
    }
}

void shapes_write(uint64_t seed, unsigned samples, unsigned leaks, bool slow, const char *path,
                  struct shapes_run *out)
{
    struct text text = {NULL, 0, 0};

    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 88172645463325252u;
    for (int i = 0; i < 20; i++) {
        uniform();
    }
    *out = (struct shapes_run){.leaks = leaks};
    double run_s = 600 * pow(400, uniform()); /* ten minutes to nearly three days */
    say(&text, "run full exe /bin/x\nthread 1 main\nmodule x 0x400000 0x10000\n"
               "define heap 1 \"script\"\n");
    for (unsigned i = 0; i < SHAPES_SITES; i++) {
        say(&text, "stack S%u = 0x%x 0x400fff\n", i, 0x400000 + (i + 1) * 16);
    }
    for (unsigned i = 1; i < COLLECTIONS; i++) {
        say(&text, "at %lluus gc-begin heap 1 kind %s\nat %lluus gc-end heap 1\n",
            us((double)i / COLLECTIONS, run_s) - 1, i % 4 ? "minor" : "full",
            us((double)i / COLLECTIONS, run_s) + 1);
    }
    for (unsigned i = 0; i < SHAPES_SITES; i++) {
        bool leaking = i < leaks;
        const struct shape *shape =
            &shapes[(size_t)((leaking ? LEAKING_SHAPES : ALL_SHAPES) * uniform())];

        out->sites[i].samples = samples ? samples : 100 + (unsigned)(900 * uniform());
        if (leaking && out->sites[i].samples < 300) {
            out->sites[i].samples = samples ? samples : 300;
        }
        write_site(&text, i, shape, &out->sites[i], run_s, leaking, slow);
    }
    say(&text, "at %lluus end exit\n", us(1, run_s));
    text.at[text.used] = '\0';
    bench_require(mktrace_file("shapes", text.at, path));
    free(text.at);
}
