/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes_test.c -- every answer once by hand, then a million random steps against a plain array,
 * and the promised size. */
#include "check.h"
#include "lifetimes.h"

#include <stdlib.h>

static struct block block_of(uint64_t birth_ns, uint32_t stack)
{
    return (struct block){.birth_ns = birth_ns,
                          .address = birth_ns * 16,
                          .size_bytes = 100 + stack,
                          .extra_bytes = 65535,
                          .stack = stack,
                          .thread = 3,
                          .kind = 5,
                          .interval = 38};
}

static void test_answers(void)
{
    struct lifetimes *lifetimes = lifetimes_new();
    struct block first = block_of(10, 1);
    struct block second = block_of(30, 2);
    struct block ended = {0};
    second.context = 9;

    CHECK_EQ(lifetimes_close(lifetimes, 0x1000, 5, &ended), LIFETIMES_UNKNOWN);
    CHECK_EQ(lifetimes_open(lifetimes, 0x1000, &first, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_close(lifetimes, 0x1010, 20, &ended), LIFETIMES_UNKNOWN);

    /* The address is handed out again: the first block must have ended, its free comes later. */
    CHECK_EQ(lifetimes_open(lifetimes, 0x1000, &second, &ended), LIFETIMES_REUSED);
    CHECK_EQ(ended.birth_ns, 10);
    CHECK_EQ(ended.stack, 1);
    CHECK_EQ(lifetimes_close(lifetimes, 0x1000, 29, &ended), LIFETIMES_LATE);
    CHECK_EQ(lifetimes_open_count(lifetimes), 1);

    CHECK_EQ(lifetimes_close(lifetimes, 0x1000, 30, &ended), LIFETIMES_DONE);
    CHECK_EQ(ended.birth_ns, 30);
    CHECK_EQ(ended.address, 480);
    CHECK_EQ(ended.size_bytes, 102);
    CHECK_EQ(ended.extra_bytes, 65535);
    CHECK_EQ(ended.stack, 2);
    CHECK_EQ(ended.thread, 3);
    CHECK_EQ(ended.kind, 5);
    CHECK_EQ(ended.interval, 38);
    CHECK_EQ(ended.context, 9);
    CHECK_EQ(ended.previous_id, 0);
    CHECK_EQ(lifetimes_close(lifetimes, 0x1000, 31, &ended), LIFETIMES_UNKNOWN);
    CHECK_EQ(lifetimes_open_count(lifetimes), 0);
    lifetimes_delete(lifetimes);
}

static void test_extremes(void)
{
    struct lifetimes *lifetimes = lifetimes_new();
    struct block ended;
    struct block widest = {.birth_ns = (INT64_C(1) << 55) - 1,
                           .address = UINT64_MAX,
                           .size_bytes = (UINT64_C(1) << 47) - 1,
                           .extra_bytes = 65535,
                           .stack = (UINT32_C(1) << 31) - 1,
                           .thread = UINT32_MAX - 1,
                           .kind = 7,
                           .interval = 63,
                           .context = UINT32_MAX,
                           .previous_id = INT64_MAX};

    CHECK_EQ(lifetimes_open(lifetimes, UINT64_MAX, &widest, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_close(lifetimes, UINT64_MAX, UINT64_MAX, &ended), LIFETIMES_DONE);
    CHECK_EQ(ended.birth_ns, widest.birth_ns);
    CHECK_EQ(ended.address, widest.address);
    CHECK_EQ(ended.size_bytes, widest.size_bytes);
    CHECK_EQ(ended.stack, widest.stack);
    CHECK_EQ(ended.thread, widest.thread);
    CHECK_EQ(ended.previous_id, widest.previous_id);
    CHECK_EQ(ended.interval, widest.interval);
    CHECK_EQ(ended.context, widest.context);
    lifetimes_delete(lifetimes);
}

/* An object is moved: its history goes with it, and what was at the new place has ended. */
static void test_moves(void)
{
    struct lifetimes *lifetimes = lifetimes_new();
    struct block first = block_of(10, 1);
    struct block second = block_of(20, 2);
    struct block ended = {0};

    CHECK_EQ(lifetimes_move(lifetimes, 0x1000, 0x2000, 0x2000, &ended), LIFETIMES_UNKNOWN);
    CHECK_EQ(lifetimes_open(lifetimes, 0x1000, &first, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_open(lifetimes, 0x2000, &second, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_move(lifetimes, 0x1000, 0x3000, 0x3000, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_close(lifetimes, 0x1000, 30, &ended), LIFETIMES_UNKNOWN);
    CHECK_EQ(lifetimes_move(lifetimes, 0x3000, 0x2000, 0x2000, &ended), LIFETIMES_REUSED);
    CHECK_EQ(ended.birth_ns, 20);
    CHECK_EQ(lifetimes_open_count(lifetimes), 1);
    CHECK_EQ(lifetimes_move(lifetimes, 0x2000, 0x2000, 0x5000, &ended), LIFETIMES_DONE);
    CHECK_EQ(lifetimes_close(lifetimes, 0x2000, 30, &ended), LIFETIMES_DONE);
    CHECK_EQ(ended.birth_ns, 10);
    CHECK_EQ(ended.address, 0x5000);
    lifetimes_delete(lifetimes);
}

/* Born before the run: as far back as there is room for, and freed at its first moment. */
static void test_born_before(void)
{
    static const int64_t births[] = {-1, -5000000000, -(INT64_C(1) << 55), (INT64_C(1) << 55) - 1};
    struct lifetimes *lifetimes = lifetimes_new();

    for (size_t i = 0; i < 4; i++) {
        struct block block = block_of(0, 1), ended = {0};

        block.birth_ns = births[i];
        CHECK_EQ(lifetimes_open(lifetimes, 0x1000, &block, &ended), LIFETIMES_DONE);
        CHECK_EQ(lifetimes_close(lifetimes, 0x1000, i < 3 ? 0 : UINT64_MAX, &ended),
                 LIFETIMES_DONE);
        CHECK_EQ(ended.birth_ns, births[i]);
    }
    lifetimes_delete(lifetimes);
}

enum { KEYS = 20000, STEPS = 1000000 };

static struct oracle {
    bool open;
    int64_t birth_ns;
    int64_t previous_id;
    uint32_t context;
} oracle[KEYS];

static status count_open(void *context, const struct block *block)
{
    uint64_t *sum = context;

    sum[0]++;
    sum[1] += (uint64_t)block->birth_ns;
    return OK;
}

static status count_keys(void *context, uint64_t key)
{
    uint64_t *sum = context;

    sum[0]++;
    sum[1] += key;
    return OK;
}

static void test_random(void)
{
    struct lifetimes *lifetimes = lifetimes_new();
    uint64_t state = 1;
    uint64_t wrong = 0;

    for (uint64_t step = 1; step <= STEPS; step++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t key = (uint32_t)(state >> 33) % KEYS;
        struct oracle *expected = &oracle[key];
        struct block ended = {0};
        enum lifetimes_answer answer;

        if (state >> 32 & 1) {
            struct block block = block_of(step, key);

            block.previous_id = step % 7 == 0 ? (int64_t)step : 0;
            block.context = step > STEPS / 2 && step % 3 == 0 ? (uint32_t)step : 0;
            answer = lifetimes_open(lifetimes, key * 16u, &block, &ended);
            wrong += answer != (expected->open ? LIFETIMES_REUSED : LIFETIMES_DONE);
            wrong += expected->open && (ended.birth_ns != expected->birth_ns ||
                                        ended.previous_id != expected->previous_id ||
                                        ended.context != expected->context);
            *expected = (struct oracle){true, (int64_t)step, block.previous_id, block.context};
        } else {
            answer = lifetimes_close(lifetimes, key * 16u, step, &ended);
            wrong += answer != (expected->open ? LIFETIMES_DONE : LIFETIMES_UNKNOWN);
            wrong +=
                expected->open && (ended.birth_ns != expected->birth_ns || ended.stack != key ||
                                   ended.previous_id != expected->previous_id);
            expected->open = false;
        }
    }
    CHECK_EQ(wrong, 0);

    uint64_t sum[2] = {0, 0}, keys[2] = {0, 0};
    uint64_t expected[3] = {0, 0, 0};
    for (size_t i = 0; i < KEYS; i++) {
        expected[0] += oracle[i].open;
        expected[1] += oracle[i].open ? (uint64_t)oracle[i].birth_ns : 0;
        expected[2] += oracle[i].open ? i * 16 : 0;
        CHECK(lifetimes_is_open(lifetimes, i * 16) == oracle[i].open);
    }
    CHECK(lifetimes_each_key(lifetimes, count_keys, keys).code == STATUS_OK);
    CHECK_EQ(keys[0], expected[0]);
    CHECK_EQ(keys[1], expected[2]);
    CHECK(lifetimes_each(lifetimes, count_open, sum).code == STATUS_OK);
    CHECK_EQ(sum[0], expected[0]);
    CHECK_EQ(sum[1], expected[1]);
    CHECK_EQ(lifetimes_open_count(lifetimes), expected[0]);
    lifetimes_clear(lifetimes);
    CHECK_EQ(lifetimes_open_count(lifetimes), 0);
    CHECK_EQ(lifetimes_bytes(lifetimes), 0);
    lifetimes_delete(lifetimes);
}

static void test_size(void)
{
    struct lifetimes *lifetimes = lifetimes_new();
    uint64_t worst = 0;

    for (uint64_t count = 1; count <= 1000000; count++) {
        struct block block = block_of(count, 1);
        struct block ended;

        (void)lifetimes_open(lifetimes, count * 48, &block, &ended);
        if (count >= 500000 && count % 1000 == 0) {
            uint64_t each = (lifetimes_bytes(lifetimes) + count - 1) / count;

            worst = each > worst ? each : worst;
        }
    }
    CHECK(worst <= 48);
    printf("at most %" PRIu64 " bytes per open block\n", worst);
    lifetimes_delete(lifetimes);
}

int main(void)
{
    test_answers();
    test_extremes();
    test_born_before();
    test_moves();
    test_random();
    test_size();
    return check_summary();
}
