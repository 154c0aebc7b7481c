/* SPDX-License-Identifier: Apache-2.0 */
/* keep_rows.c -- see keep_rows.h. */
#include "keep_rows.h"

#include <string.h>

enum {
    PLAN_EVERY = 4096, /* deaths, or a part of the room */
    PLANS_MIN = 64,
    SHIFT_MAX = 40,
    SHARED_PART = 4, /* one part in so many of the room is for lifetimes that cannot all be kept */
};

void keep_rows_start(struct keep_rows *keep, uint64_t bytes, uint64_t events)
{
    *keep = (struct keep_rows){
        .room = bytes / KEEP_ROW_BYTES,
        .deaths_expected = events / 2, /* each has its birth */
        .random = UINT64_C(0x9e3779b97f4a7c15),
    };
    keep->step = keep->room / PLANS_MIN + 1;
    keep->step = keep->step < PLAN_EVERY ? keep->step : PLAN_EVERY;
}

static unsigned class_of(uint64_t lifetime_ns)
{
    return 63 - (unsigned)__builtin_clzll(lifetime_ns | 1);
}

/* One in 2^shift of `rows` fits into `room`. */
static uint8_t shift_for(double rows, double room)
{
    uint8_t shift = 0;

    while (shift < SHIFT_MAX && rows > room) {
        rows /= 2;
        shift++;
    }
    return shift;
}

/* Of those that survive so far as many rows as there may be at the end, half of the room at most. */
static void plan(struct keep_rows *keep, uint64_t alive)
{
    uint64_t reserved = alive < keep->room / 2 ? alive : keep->room / 2; /* as keep_rows_survivor */
    uint64_t used = reserved + keep->written;
    uint64_t to_come =
        keep->deaths_expected > keep->seen ? keep->deaths_expected - keep->seen : keep->step;
    double left = keep->room > used ? (double)(keep->room - used) : 0;
    double all = 0;

    for (unsigned i = 0; i < KEEP_CLASSES; i++) {
        all += keep->late[i];
    }
    double room = all * left / (double)to_come; /* of as many as were seen of late */
    double taken = 0;
    unsigned class = KEEP_CLASSES;
    bool fits = room >= all;

    memset(keep->shifts, 0, sizeof keep->shifts);
    while (!fits && class > 0 && taken + keep->late[class - 1] <= room - room / SHARED_PART) {
        taken += keep->late[--class];
    }
    if (!fits) {
        memset(keep->shifts, shift_for(all - taken, room - taken), class);
    }
    for (unsigned i = 0; i < KEEP_CLASSES; i++) {
        keep->late[i] *= 0.875f;
    }
}

/* splitmix64, by Steele, Lea and Flood */
static uint64_t next_random(struct keep_rows *keep)
{
    uint64_t z = keep->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static bool one_in(struct keep_rows *keep, unsigned shift, double *weight)
{
    if (shift && next_random(keep) >> (64 - shift) != 0) {
        return false;
    }
    *weight *= (double)(UINT64_C(1) << shift);
    return true;
}

bool keep_rows_dead(struct keep_rows *keep, uint64_t lifetime_ns, uint64_t alive, double *weight)
{
    unsigned class = class_of(lifetime_ns);

    if (keep->seen == keep->next_plan) {
        keep->next_plan += keep->step;
        if (keep->deaths_expected + alive >= keep->room) { /* else all will fit, whatever comes */
            plan(keep, alive);
        }
    }
    keep->seen++;
    keep->late[class]++;
    bool kept = one_in(keep, keep->shifts[class], weight);
    keep->written += kept;
    return kept;
}

bool keep_rows_survivor(struct keep_rows *keep, uint64_t alive, double *weight)
{
    return one_in(keep, shift_for((double)alive, (double)keep->room / 2), weight);
}
