/* SPDX-License-Identifier: Apache-2.0 */
/* carried_test.c -- the list of what is alive against a plain array that is searched from end to end. */
#include "carried.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { MODEL = 1200, STEPS = 200000 };

static struct mr_event model[MODEL]; /* op 0: nobody */

static bool same(const struct mr_event *a, const struct mr_event *b)
{
    return a->op == b->op && a->interval == b->interval && a->thread == b->thread &&
           a->stack == b->stack && a->extra == b->extra && a->ticks == b->ticks &&
           a->address == b->address && a->size == b->size && a->heap == b->heap &&
           a->klass == b->klass;
}

/* Every row alive is in the model and the other way round. */
static void compare(const struct mr_carried *carried, unsigned alive)
{
    unsigned found = 0, matched = 0;

    for (uint32_t i = 0; i < carried->count; i++) {
        struct mr_event event;

        if (!mr_carried_get(carried, i, &event)) {
            continue;
        }
        found++;
        for (unsigned k = 0; k < MODEL; k++) {
            matched += model[k].op && same(&model[k], &event);
        }
    }
    CHECK_EQ(found, alive);
    CHECK_EQ(matched, alive);
    CHECK_EQ(carried->alive, alive);
}

static void follow(bool have_ids)
{
    struct mr_carried carried;
    uint64_t random = 12345, id = 0;
    unsigned alive = 0;

    memset(model, 0, sizeof model);
    CHECK(mr_carried_open(&carried, have_ids));
    for (unsigned step = 1; step <= STEPS; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned at = (unsigned)(random >> 33) % MODEL;
        struct mr_event *place = &model[at];
        bool object = at % 3 == 0;

        if (place->op) {
            struct mr_event end = {
                .op = object ? MR_OP_HEAP_FREE : MR_OP_FREE,
                .key = have_ids ? place->key : place->address,
            };

            if (object && (random >> 20) % 4 == 0) {
                uint64_t moved = place->address + 0x100000000;

                mr_carried_move(&carried, end.key, moved);
                place->address = moved;
                continue;
            }
            mr_carried_event(&carried, &end);
            mr_carried_event(&carried, &end); /* a second free of it ends nothing */
            place->op = 0;
            alive--;
        } else {
            *place = (struct mr_event){
                .op = object ? MR_OP_HEAP_ALLOC : MR_OP_MALLOC,
                .interval = (uint8_t)(step % 7),
                .thread = step % 5,
                .stack = step,
                .extra = step % 100,
                .ticks = step,
                /* by address, an object and a block of malloc may share one */
                .address = 0x1000 + (uint64_t)(at / 3) * 16 + (object ? 0 : (at % 3) * 0x10000000),
                .size = step * 3,
                .key = have_ids ? ++id : 0,
                .heap = object ? 2 : 0,
                .klass = object ? step % 9 : 0,
            };
            mr_carried_event(&carried, place);
            alive++;
        }
        if (step % (STEPS / 8) == 0) {
            compare(&carried, alive);
        }
    }
    CHECK(carried.capacity < 4 * MODEL); /* the dead make room */
    CHECK(!carried.left_out);
    mr_carried_close(&carried);
}

/* An address that is given out again though its free is missing: the later block has it. */
static void reuse(void)
{
    struct mr_carried carried;
    struct mr_event event = {.op = MR_OP_MALLOC, .address = 0x1000, .ticks = 1}, found;

    CHECK(mr_carried_open(&carried, false));
    mr_carried_event(&carried, &event);
    event.ticks = 2;
    mr_carried_event(&carried, &event);
    CHECK_EQ(carried.alive, 1);
    CHECK(mr_carried_get(&carried, 1, &found) && found.ticks == 2);
    CHECK(!mr_carried_get(&carried, 0, &found));
    mr_carried_close(&carried);
}

/* More than there is room for: the rest is left out, and said to be. */
static void too_many(void)
{
    struct mr_carried carried;

    CHECK(mr_carried_open(&carried, true));
    for (uint64_t i = 1; i <= MR_CARRIED_MAX + 10; i++) {
        mr_carried_event(&carried, &(struct mr_event){.op = MR_OP_MALLOC, .key = i, .ticks = i});
    }
    CHECK_EQ(carried.alive, MR_CARRIED_MAX);
    CHECK(carried.left_out);
    for (uint64_t i = 1; i <= MR_CARRIED_MAX + 10; i++) {
        mr_carried_event(&carried, &(struct mr_event){.op = MR_OP_FREE, .key = i});
    }
    CHECK_EQ(carried.alive, 0);
    mr_carried_event(&carried, &(struct mr_event){.op = MR_OP_MALLOC, .key = 5000000});
    CHECK_EQ(carried.alive, 1); /* there is room again */
    mr_carried_close(&carried);
}

int main(void)
{
    follow(true);
    follow(false);
    reuse();
    too_many();
    return check_summary();
}
