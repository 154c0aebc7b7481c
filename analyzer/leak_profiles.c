/* SPDX-License-Identifier: Apache-2.0 */
/* leak_profiles.c -- classes of which no object is sampled, from the profiles that a runtime told: which ones grew all
 * along. A profile knows no ages, so `growing` is as far as it goes. See leak_list.h. */
#include "leak_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROFILES_MIN = 9 }; /* three in each third of the time */

struct reading {
    double time_ns, bytes, objects;
};

struct series { /* of one class in one heap, in the order of time */
    uint32_t heap_id, class_id;
    struct reading *readings;
    size_t count, room;
};

static status add(struct series *series, struct reading reading)
{
    if (series->count == series->room) {
        size_t room = series->room + series->room / 2 + 64;
        struct reading *grown = realloc(series->readings, room * sizeof *grown);

        if (!grown) {
            return leak_no_memory();
        }
        series->readings = grown;
        series->room = room;
    }
    series->readings[series->count++] = reading;
    return OK;
}

/* Whether every reading of a later third is above every one of the third before. */
static bool rises(const struct series *series)
{
    double highest = -1;

    for (size_t third = 0; third < 3; third++) {
        double next = highest;

        for (size_t i = third * series->count / 3; i < (third + 1) * series->count / 3; i++) {
            if (series->readings[i].bytes <= highest) {
                return false;
            }
            next = fmax(next, series->readings[i].bytes);
        }
        highest = next;
    }
    return true;
}

/* The slope of a straight line, by least squares, with its standard error. Readings of a heap follow one another
 * closely, so only one in three counts as a witness of its own. */
static void measure(const struct series *series, struct leak_finding *out)
{
    double n = (double)series->count;
    double t = 0, b = 0, tt = 0, tb = 0, residuals = 0;

    for (size_t i = 0; i < series->count; i++) {
        t += series->readings[i].time_ns / n;
        b += series->readings[i].bytes / n;
    }
    for (size_t i = 0; i < series->count; i++) {
        double dt = series->readings[i].time_ns - t;

        tt += dt * dt;
        tb += dt * (series->readings[i].bytes - b);
    }
    double slope = tb / tt;
    for (size_t i = 0; i < series->count; i++) {
        double miss = series->readings[i].bytes - b - slope * (series->readings[i].time_ns - t);

        residuals += miss * miss;
    }
    double error = sqrt(3 * residuals / (n - 2) / tt);
    out->rate_bytes_per_hour = slope * 3600e9;
    out->rate_low = fmax(0, slope - 1.96 * error) * 3600e9;
    out->rate_high = (slope + 1.96 * error) * 3600e9;
}

static status judge(struct leak_list *list, const struct series *series)
{
    struct leak_row *row;

    if (series->count < PROFILES_MIN || !rises(series)) {
        return OK;
    }
    const struct reading *first = &series->readings[0];
    const struct reading *last = &series->readings[series->count - 1];
    TRY(leak_list_add(list, &row));
    *row = (struct leak_row){.kind = LEAK_CLASS,
                             .heap_id = series->heap_id,
                             .class_id = series->class_id,
                             .live = {.bytes = last->bytes, .blocks = last->objects},
                             .oldest_birth_ns = UNKNOWN,
                             .gcs = UNKNOWN,
                             .frames = UNKNOWN,
                             .spans = UNKNOWN,
                             .finding = {.verdict = LEAK_GROWING,
                                         .onset_ns = (uint64_t)first->time_ns,
                                         .lifetime_p99_ns = UNKNOWN,
                                         .more_ns = UNKNOWN,
                                         .p_value = -1,
                                         .share = -1}};
    measure(series, &row->finding);
    snprintf(
        row->finding.reason, sizeof row->finding.reason,
        "In %.0f profiles its objects took more in each third of the time than ever in the one before, "
        "from %.0f bytes to %.0f; none was sampled, so it cannot be told whether old ones are kept or "
        "only more are in use: a cache that fills, or growing load, looks the same.",
        (double)series->count, first->bytes, last->bytes);
    return leak_class_name(list, row);
}

static status judge_all(struct leak_list *list, struct series *series)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(
        list->input->db,
        "SELECT heap_id, class_id, time_ns, COALESCE(new_bytes, 0) + COALESCE(old_bytes, 0),"
        " COALESCE(new_objects, 0) + COALESCE(old_objects, 0) FROM class_profile"
        " WHERE run_id = ? ORDER BY heap_id, class_id, time_ns",
        &select));
    db_bind_int(select, 1, list->input->run_id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        uint32_t heap_id = (uint32_t)db_int(select, 0);
        uint32_t class_id = (uint32_t)db_int(select, 1);

        if (series->heap_id != heap_id || series->class_id != class_id) {
            TRY(judge(list, series));
            series->heap_id = heap_id;
            series->class_id = class_id;
            series->count = 0;
        }
        if (!leak_classes_sampled(list->input->classes, class_id)) {
            TRY(add(series, (struct reading){.time_ns = (double)db_int(select, 2),
                                             .bytes = db_real(select, 3),
                                             .objects = db_real(select, 4)}));
        }
        TRY(db_step(select, &has_row));
    }
    return judge(list, series);
}

status leak_profiles_judge(struct leak_list *list)
{
    struct series series = {.count = 0};
    status result = judge_all(list, &series);

    free(series.readings);
    return result;
}
