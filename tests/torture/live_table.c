/* SPDX-License-Identifier: Apache-2.0 */
/* live_table.c -- four threads insert, look up and remove at once: addresses of their own, addresses that
 * share granules and buckets with the others', and blocks handed over from one thread to the next. Every id
 * comes back once, to whoever removes it, and the filter never denies a block that is in the table.
 * Meant for the thread sanitizer. */
#include "live_table.h"
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 120000, MINE = 64, HANDED_SLOTS = 256 };

/* Blocks on their way to the next thread: an allocator and a queue would do the same, publishing the
 * block after it was inserted. */
struct handed {
    _Atomic(uintptr_t) slot[HANDED_SLOTS];
};

static struct handed handed[THREADS];
static _Atomic uint64_t wrong, refused, handed_over, next_block = 1;
static _Atomic unsigned running = THREADS;

static uint64_t id_of(uintptr_t address) { return address * 3 + 1; }

/* In a table that is nowhere near full only the crowded granule may refuse. */
static bool insert(uintptr_t address, bool crowded)
{
    bool done = mr_live_insert((const void *)address, id_of(address));

    if (done) {
        wrong += !mr_filter_asks((const void *)address);
    } else {
        refused++;
        wrong += !crowded;
    }
    return done;
}

static void remove_known(uintptr_t address)
{
    wrong += !mr_filter_asks((const void *)address);
    wrong += mr_live_remove((const void *)address) != id_of(address);
}

static void take_handed(unsigned self)
{
    for (unsigned i = 0; i < HANDED_SLOTS; i++) {
        uintptr_t address =
            atomic_exchange_explicit(&handed[self].slot[i], 0, memory_order_acquire);

        if (address) {
            remove_known(address);
        }
    }
}

static void *work(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uintptr_t own[MINE] = {0};
    uint64_t random = self + 1;

    for (uint64_t round = 0; round < ROUNDS; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t choice = random >> 40;

        /* A block of its own, in a granule and in buckets that all threads use. */
        unsigned slot = choice % MINE;
        bool crowded = slot < 4; /* 16 addresses of one granule: as many as its two buckets hold */
        if (own[slot]) {
            remove_known(own[slot]);
            wrong += mr_live_remove((const void *)own[slot]) != 0;
            own[slot] = 0;
        } else {
            uintptr_t address =
                crowded ? UINT64_C(0x7f1111111110) + self * 4 + slot
                        : UINT64_C(0x7f2200000000) + slot * UINT64_C(0x400) + self * UINT64_C(4);

            if (insert(address, crowded)) {
                own[slot] = address;
            }
        }

        /* A block for the next thread. */
        _Atomic(uintptr_t) *place =
            &handed[(self + 1) % THREADS].slot[(choice >> 8) % HANDED_SLOTS];
        uintptr_t empty = 0,
                  fresh = UINT64_C(0x7e0000000000) + 16 * atomic_fetch_add(&next_block, 1);
        if (insert(fresh, false)) {
            if (atomic_compare_exchange_strong_explicit(place, &empty, fresh, memory_order_release,
                                                        memory_order_relaxed)) {
                handed_over++;
            } else {
                remove_known(fresh);
            }
        }
        if (round % 64 == 0) {
            take_handed(self);
        }
        if (round % 1024 == 0) {
            sched_yield();
        }
    }
    for (unsigned slot = 0; slot < MINE; slot++) {
        if (own[slot]) {
            remove_known(own[slot]);
        }
    }
    running--;
    while (running > 0) {
        take_handed(self);
        sched_yield();
    }
    take_handed(self);
    return NULL;
}

/* Two removals of one block at once: the id goes to one of them. */
static _Atomic uint64_t race_ids[THREADS];
static pthread_barrier_t race_start, race_end;
enum { RACES = 3000 };

static void *race(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    for (uint64_t i = 1; i <= RACES; i++) {
        uintptr_t block = UINT64_C(0x7d0000000000) + i % 7 * 16;

        if (self == 0) {
            wrong += !mr_live_insert((const void *)block, i);
        }
        pthread_barrier_wait(&race_start);
        race_ids[self] = mr_live_remove((const void *)block);
        pthread_barrier_wait(&race_end);
        if (self == 0) {
            unsigned winners = 0;

            for (unsigned t = 0; t < THREADS; t++) {
                winners += race_ids[t] == i;
                wrong += race_ids[t] != i && race_ids[t] != 0;
            }
            wrong += winners != 1;
        }
    }
    return NULL;
}

static void run(void *(*function)(void *))
{
    pthread_t thread[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&thread[i], NULL, function, (void *)(uintptr_t)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
}

int main(void)
{
    unsigned left = 0;

    if (!CHECK(mr_live_start())) {
        return check_summary();
    }
    run(work);
    CHECK_EQ(wrong, 0);
    CHECK(handed_over > THREADS * HANDED_SLOTS * 2);
    pthread_barrier_init(&race_start, NULL, THREADS);
    pthread_barrier_init(&race_end, NULL, THREADS);
    run(race);
    CHECK_EQ(wrong, 0);

    /* Nothing is left, and the filter knows it, but for NULL's byte and those that reached 255. */
    for (uintptr_t i = 1; i < MR_FILTER_BYTES; i++) {
        uint8_t count = atomic_load(mr_filter.bytes + i);

        left += count != 0 && count != 255;
    }
    CHECK_EQ(left, 0);
    printf("%" PRIu64 " blocks handed over, %" PRIu64 " refused\n", (uint64_t)handed_over,
           (uint64_t)refused);
    return check_summary();
}
