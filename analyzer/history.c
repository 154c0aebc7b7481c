/* SPDX-License-Identifier: Apache-2.0 */
/* history.c -- see history.h. Each list is a circle of steps: a step that comes takes the place of the oldest. The last
 * list keeps all; when it is full, two steps become one. */
#include "history.h"

#include "diag.h"
#include "rollup.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

enum { LISTS = 4, ALL = LISTS - 1 };

struct moment { /* estimates at one time, or of a stretch */
    double bytes, bytes_sq, bytes_var, blocks;
};

struct step {
    uint64_t samples;
    struct moment allocated, freed, live;
    int64_t rss_bytes; /* -1: not read yet */
    uint64_t gc_ns, gc_count, frames, frames_over;
};

struct list {
    uint64_t step_ns, first; /* the first step worth keeping, as far as was known at the start */
    uint64_t present;        /* the step that time is in */
    size_t capacity;
    struct step *steps; /* step n at n % capacity */
};

struct history {
    uint64_t now_ns;
    struct list lists[LISTS];
};

static const struct {
    uint64_t step_ns;
    size_t steps;
} kinds[LISTS] = {
    {SECOND_NS / 10, 600}, {SECOND_NS, 3600}, {10 * SECOND_NS, 3600}, {60 * SECOND_NS, 20160}};

struct history *history_new(void)
{
    struct history *history = calloc(1, sizeof *history);

    for (int i = 0; history && i < LISTS; i++) {
        history->lists[i].steps = calloc(kinds[i].steps, sizeof(struct step));
        if (!history->lists[i].steps) {
            history_delete(history);
            return NULL;
        }
    }
    return history;
}

void history_delete(struct history *history)
{
    for (int i = 0; history && i < LISTS; i++) {
        free(history->lists[i].steps);
    }
    free(history);
}

static struct step *step_of(const struct list *list, uint64_t number)
{
    return &list->steps[number % list->capacity];
}

static void clear(struct step *step) { *step = (struct step){.rss_bytes = -1}; }

void history_start(struct history *history, uint64_t duration_ns)
{
    history->now_ns = 0;
    for (int i = 0; i < LISTS; i++) {
        struct list *list = &history->lists[i];
        uint64_t range_ns = kinds[i].steps * kinds[i].step_ns;

        list->step_ns = kinds[i].step_ns;
        list->capacity = kinds[i].steps;
        list->first =
            i != ALL && duration_ns > range_ns ? (duration_ns - range_ns) / list->step_ns + 1 : 0;
        list->present = list->first;
        clear(step_of(list, list->present));
    }
}

void history_stretch(const struct history *history, uint64_t time_ns, uint64_t *begin_ns,
                     uint64_t *end_ns)
{
    uint64_t until_ns = UINT64_MAX;

    for (int i = 0; i < LISTS; i++) {
        const struct list *list = &history->lists[i];
        uint64_t first_ns = list->first * list->step_ns;

        if (time_ns >= first_ns) { /* steps of the lists behind are multiples of this one's */
            *begin_ns = time_ns / list->step_ns * list->step_ns;
            *end_ns = *begin_ns + list->step_ns;
            *end_ns = *end_ns < until_ns ? *end_ns : until_ns;
            return;
        }
        until_ns = first_ns < until_ns ? first_ns : until_ns;
    }
}

static void add(struct moment *moment, const struct moment *more)
{
    moment->bytes += more->bytes;
    moment->bytes_sq += more->bytes_sq;
    moment->bytes_var += more->bytes_var;
    moment->blocks += more->blocks;
}

static struct moment moment_of(const struct sums *sums)
{
    return (struct moment){sums->bytes, sums->bytes_sq, sums->bytes_var, sums->blocks};
}

/* Two steps become one. */
static void widen(struct list *list)
{
    for (uint64_t i = 0; i <= list->present; i += 2) {
        struct step merged = list->steps[i];

        if (i + 1 <= list->present) {
            const struct step *second = &list->steps[i + 1];

            merged.samples += second->samples;
            add(&merged.allocated, &second->allocated);
            add(&merged.freed, &second->freed);
            merged.live = second->live;
        }
        list->steps[i / 2] = merged;
    }
    list->present /= 2;
    list->step_ns *= 2;
}

/* Moves a list's present on; what was live at the end of each step on the way is `live`. */
static void pass(struct list *list, uint64_t now_ns, bool keeps_all, const struct moment *live)
{
    while (keeps_all && now_ns / list->step_ns >= list->capacity) {
        widen(list);
    }
    uint64_t number = now_ns / list->step_ns;
    if (number < list->first) {
        return;
    }
    if (number - list->present >
        list->capacity) { /* the steps between would be overwritten at once */
        list->present = number - list->capacity;
        list->first = list->present > list->first ? list->present : list->first;
    }
    while (list->present < number) {
        step_of(list, list->present)->live = *live;
        clear(step_of(list, ++list->present));
    }
}

void history_pass(struct history *history, uint64_t now_ns, const struct sums *live)
{
    const struct moment moment = moment_of(live);

    if (now_ns < history->now_ns) {
        return;
    }
    history->now_ns = now_ns;
    for (int i = 0; i < LISTS; i++) {
        pass(&history->lists[i], now_ns, i == ALL, &moment);
    }
}

/* The step of a time; NULL: the list has none for it. */
static struct step *find(const struct list *list, uint64_t time_ns)
{
    uint64_t number = time_ns / list->step_ns;

    return number < list->first || number > list->present ||
                   list->present - number >= list->capacity
               ? NULL
               : step_of(list, number);
}

void history_add(struct history *history, uint64_t begin_ns, const struct sums *allocated,
                 const struct sums *freed)
{
    const struct moment more = moment_of(allocated), less = moment_of(freed);

    for (int i = 0; i < LISTS; i++) {
        struct step *step = find(&history->lists[i], begin_ns);

        if (step) {
            step->samples += allocated->samples;
            add(&step->allocated, &more);
            add(&step->freed, &less);
        }
    }
}

/* ---- what the other tables have -------------------------------------------------------------- */

/* The highest that was read in a step, and else what was read last before it. */
static status take_rss(struct history *history, struct db *db, int64_t run_id)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db,
                   "SELECT time_ns, rss_bytes FROM process_tick WHERE run_id = ?"
                   " AND rss_bytes IS NOT NULL ORDER BY time_ns",
                   &select));
    db_bind_int(select, 1, run_id);
    TRY(db_step(select, &has_row));
    int64_t last[LISTS] = {-1, -1, -1, -1};
    uint64_t done[LISTS]; /* steps before it have their figure */
    for (int i = 0; i < LISTS; i++) {
        const struct list *list = &history->lists[i];
        uint64_t oldest = list->present >= list->capacity ? list->present - list->capacity + 1 : 0;

        done[i] = oldest > list->first ? oldest : list->first;
    }
    while (has_row || last[ALL] >= 0) {
        uint64_t time_ns = has_row ? (uint64_t)db_int(select, 0) : UINT64_MAX;
        int64_t rss = has_row ? db_int(select, 1) : -1;

        for (int i = 0; i < LISTS; i++) {
            const struct list *list = &history->lists[i];

            for (; done[i] <= list->present && done[i] < time_ns / list->step_ns; done[i]++) {
                struct step *step = step_of(list, done[i]);

                step->rss_bytes = step->rss_bytes > last[i] ? step->rss_bytes : last[i];
            }
            struct step *step = has_row ? find(list, time_ns) : NULL;
            if (step && rss > step->rss_bytes) {
                step->rss_bytes = rss;
            }
            last[i] = rss;
        }
        if (!has_row) {
            break;
        }
        TRY(db_step(select, &has_row));
    }
    db_reset(select);
    return OK;
}

/* Pauses are divided at the ends of steps. */
static status take_pauses(struct history *history, struct db *db, int64_t run_id, bool *told)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db, "SELECT begin_ns, duration_ns FROM gc_pause WHERE run_id = ?", &select));
    db_bind_int(select, 1, run_id);
    TRY(db_step(select, &has_row));
    *told = has_row;
    while (has_row) {
        uint64_t begin_ns = (uint64_t)db_int(select, 0);
        uint64_t end_ns = begin_ns + (uint64_t)db_int(select, 1);

        for (int i = 0; i < LISTS; i++) {
            const struct list *list = &history->lists[i];
            uint64_t last_ns = (list->present + 1) * list->step_ns;
            struct step *first = find(list, begin_ns);

            if (first) {
                first->gc_count++;
            }
            for (uint64_t at = begin_ns; at < end_ns && at < last_ns;) {
                uint64_t next = (at / list->step_ns + 1) * list->step_ns;
                struct step *step = find(list, at);

                next = next < end_ns ? next : end_ns;
                if (step) {
                    step->gc_ns += next - at;
                }
                at = next;
            }
        }
        TRY(db_step(select, &has_row));
    }
    db_reset(select);
    return OK;
}

/* A frame belongs to the step in which it ended. */
static status take_frames(struct history *history, struct db *db, int64_t run_id, bool *told)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(db,
                   "SELECT begin_ns + duration_ns, over_ns IS NOT NULL FROM frame_mark"
                   " WHERE run_id = ? AND duration_ns IS NOT NULL",
                   &select));
    db_bind_int(select, 1, run_id);
    TRY(db_step(select, &has_row));
    *told = has_row;
    while (has_row) {
        for (int i = 0; i < LISTS; i++) {
            struct step *step = find(&history->lists[i], (uint64_t)db_int(select, 0));

            if (step) {
                step->frames++;
                step->frames_over += (uint64_t)db_int(select, 1);
            }
        }
        TRY(db_step(select, &has_row));
    }
    db_reset(select);
    return OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void bind_moment(struct statement *insert, int at, const struct moment *moment)
{
    db_bind_real(insert, at, moment->bytes);
    db_bind_real(insert, at + 1, moment->bytes_sq);
    db_bind_real(insert, at + 2, moment->bytes_var > 0 ? moment->bytes_var : 0);
    db_bind_real(insert, at + 3, moment->blocks);
}

static status write_list(const struct list *list, struct statement *insert, int64_t run_id,
                         uint64_t end_ns, bool pauses, bool frames)
{
    uint64_t oldest = list->present >= list->capacity ? list->present - list->capacity + 1 : 0;

    for (uint64_t n = oldest > list->first ? oldest : list->first;
         n <= list->present && n * list->step_ns <= end_ns; n++) {
        const struct step *step = step_of(list, n);

        db_bind_int(insert, 1, run_id);
        db_bind_int(insert, 2, (int64_t)list->step_ns);
        db_bind_int(insert, 3, (int64_t)(n * list->step_ns));
        db_bind_int(insert, 4, (int64_t)step->samples);
        bind_moment(insert, 5, &step->allocated);
        db_bind_real(insert, 9, step->freed.bytes);
        db_bind_real(insert, 10, step->freed.blocks);
        bind_moment(insert, 11, &step->live);
        db_bind_known(insert, 15, step->rss_bytes < 0 ? UNKNOWN : (uint64_t)step->rss_bytes);
        db_bind_known(insert, 16, pauses ? step->gc_ns : UNKNOWN);
        db_bind_known(insert, 17, pauses ? step->gc_count : UNKNOWN);
        db_bind_known(insert, 18, frames ? step->frames : UNKNOWN);
        db_bind_known(insert, 19, frames ? step->frames_over : UNKNOWN);
        TRY(db_insert(insert));
    }
    return OK;
}

status history_write(struct history *history, struct db *db, int64_t run_id, uint64_t end_ns,
                     const struct sums *live)
{
    const struct moment moment = moment_of(live);
    struct statement *insert;
    bool pauses, frames;

    history_pass(history, end_ns, live);
    for (int i = 0; i < LISTS; i++) {
        step_of(&history->lists[i], history->lists[i].present)->live = moment;
    }
    TRY(take_rss(history, db, run_id));
    TRY(take_pauses(history, db, run_id, &pauses));
    TRY(take_frames(history, db, run_id, &frames));
    TRY(db_prepare(db,
                   "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?, ?)",
                   &insert));
    for (int i = 0; i < LISTS; i++) {
        TRY(write_list(&history->lists[i], insert, run_id, end_ns, pauses, frames));
    }
    return OK;
}
