/* SPDX-License-Identifier: Apache-2.0 */
/* ring.c -- one producer and one consumer, ten million words: every value arrives once, in order and
 * whole, and what was refused is what the producer says was refused. Meant for the thread sanitizer. */
#include "ring.h"
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { RING_WORDS = 1024, MASK = RING_WORDS - 1, EVENT_WORDS_MAX = 40 };
#define WORDS_TOTAL UINT64_C(10000000)

static struct mr_ring ring;
static uint64_t data[RING_WORDS];
static _Atomic bool finished;
static uint64_t events_pushed, events_refused;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Word i of event n. Word 0 also says how long the event is. */
static uint64_t word_of(uint64_t n, unsigned i, unsigned count)
{
    return i == 0 ? n << 8 | count : (n * 64 + i) * UINT64_C(0x9E3779B97F4A7C15);
}

static void *produce(void *unused)
{
    uint64_t words[EVENT_WORDS_MAX], random = 42, sent = 0;

    while (sent < WORDS_TOTAL) {
        unsigned count = 3 + next_random(&random) % (EVENT_WORDS_MAX - 2);

        for (unsigned i = 0; i < count; i++) {
            words[i] = word_of(events_pushed, i, count);
        }
        while (!mr_ring_push(&ring, data, MASK, words, count, 0)) {
            events_refused++;
            sched_yield();
        }
        events_pushed++;
        sent += count;
    }
    atomic_store_explicit(&finished, true, memory_order_release);
    return unused;
}

struct seen {
    uint64_t events, words, wrong;
};

static void consume(struct seen *seen)
{
    uint64_t tail = atomic_load_explicit(&ring.tail, memory_order_relaxed), random = 7;

    for (;;) {
        bool last = atomic_load_explicit(&finished, memory_order_acquire);
        uint64_t head = mr_ring_published(&ring);

        if (tail == head) {
            if (last) {
                return;
            }
            sched_yield();
            continue;
        }
        if (head - tail > RING_WORDS) {
            seen->wrong++;
        }
        while (tail != head) {
            unsigned count = data[tail & MASK] & 0xff;

            for (unsigned i = 0; i < count; i++) {
                seen->wrong += data[(tail + i) & MASK] != word_of(seen->events, i, count);
            }
            tail += count;
            seen->words += count;
            seen->events++;
            if (count == 0 || seen->wrong > 100) {
                return; /* lost: what follows means nothing */
            }
            if (next_random(&random) % 4 == 0) {
                mr_ring_release(&ring, tail);
            }
        }
        mr_ring_release(&ring, tail);
    }
}

int main(void)
{
    struct seen seen = {0};
    uint64_t start = UINT64_MAX - WORDS_TOTAL / 2; /* the counters wrap on the way */
    pthread_t producer;

    atomic_store(&ring.head, start);
    atomic_store(&ring.tail, start);
    if (!CHECK_EQ(pthread_create(&producer, NULL, produce, NULL), 0)) {
        return check_summary();
    }
    consume(&seen);
    if (seen.wrong > 100) {
        CHECK_EQ(seen.wrong, 0);
        exit(check_summary()); /* the producer may wait for ever */
    }
    pthread_join(producer, NULL);
    CHECK_EQ(seen.wrong, 0);
    CHECK_EQ(seen.events, events_pushed);
    CHECK(seen.words >= WORDS_TOTAL);
    CHECK(events_refused > 0); /* or the full ring was never tried */
    printf("%" PRIu64 " events, %" PRIu64 " words, refused %" PRIu64 " times\n", seen.events,
           seen.words, events_refused);
    return check_summary();
}
