/* SPDX-License-Identifier: Apache-2.0 */
/* ring_test.c -- one thread plays producer and consumer: every offset, every fill, the counters' wrap.
 * Real concurrency is in torture/ring.c. */
#include "check.h"
#include "ring.h"

enum { WORDS = 64, MASK = WORDS - 1, GUARD = 4 };
#define GUARD_WORD UINT64_C(0x6775617264206D65)

struct fixture {
    struct mr_ring ring;
    uint64_t memory[GUARD + WORDS + GUARD];
    uint64_t pushed; /* values so far: the stream is 1, 2, 3 ... */
    uint64_t read;
};

static uint64_t *data_of(struct fixture *fixture) { return fixture->memory + GUARD; }

/* An empty ring whose counters stand at `start`. */
static void open_at(struct fixture *fixture, uint64_t start)
{
    memset(fixture, 0, sizeof *fixture);
    atomic_store(&fixture->ring.head, start);
    atomic_store(&fixture->ring.tail, start);
    for (int i = 0; i < GUARD; i++) {
        fixture->memory[i] = fixture->memory[GUARD + WORDS + i] = GUARD_WORD;
    }
}

static bool push(struct fixture *fixture, unsigned count, uint64_t reserve)
{
    uint64_t words[WORDS + 1];

    for (unsigned i = 0; i < count; i++) {
        words[i] = fixture->pushed + 1 + i;
    }
    if (!mr_ring_push(&fixture->ring, data_of(fixture), MASK, words, count, reserve)) {
        return false;
    }
    fixture->pushed += count;
    return true;
}

/* Reads what is published and gives `release` words back. */
static void read_and_release(struct fixture *fixture, uint64_t release)
{
    uint64_t tail = atomic_load(&fixture->ring.tail);
    uint64_t head = mr_ring_published(&fixture->ring);

    CHECK_EQ(head - tail, fixture->pushed - fixture->read);
    for (uint64_t at = tail; at != head; at++) {
        CHECK_EQ(data_of(fixture)[at & MASK], fixture->read + (at - tail) + 1);
    }
    mr_ring_release(&fixture->ring, tail + release);
    fixture->read += release;
}

static void check_guards(const struct fixture *fixture)
{
    for (int i = 0; i < GUARD; i++) {
        CHECK_EQ(fixture->memory[i], GUARD_WORD);
        CHECK_EQ(fixture->memory[GUARD + WORDS + i], GUARD_WORD);
    }
}

/* From every offset, every length, wrapped or not. */
static void every_offset_and_length(uint64_t base)
{
    struct fixture fixture;

    for (uint64_t offset = 0; offset < WORDS; offset++) {
        for (unsigned count = 1; count <= WORDS; count++) {
            open_at(&fixture, base + offset);
            CHECK(push(&fixture, count, 0));
            CHECK(!push(&fixture, WORDS - count + 1, 0));
            read_and_release(&fixture, count);
            CHECK_EQ(atomic_load(&fixture.ring.high_water), count);
            check_guards(&fixture);
        }
    }
}

static void full_ring_refuses_and_nothing_is_torn(void)
{
    struct fixture fixture;
    uint64_t before[GUARD + WORDS + GUARD];

    for (uint64_t start = 0; start < WORDS; start++) {
        open_at(&fixture, start);
        while (push(&fixture, 7, 0)) {
        }
        CHECK_EQ(fixture.pushed, WORDS / 7 * 7);
        memcpy(before, fixture.memory, sizeof before);
        CHECK(!push(&fixture, WORDS % 7 + 1, 0)); /* the part that fits is not written either */
        CHECK_BYTES(fixture.memory, before, sizeof before);
        CHECK_EQ(mr_ring_published(&fixture.ring), start + fixture.pushed);
        CHECK(push(&fixture, WORDS % 7, 0));
        CHECK(!push(&fixture, 1, 0));
        read_and_release(&fixture, 1);
        CHECK(!push(&fixture, 2, 0));
        CHECK(push(&fixture, 1, 0));
        read_and_release(&fixture, WORDS);
        CHECK_EQ(fixture.read, fixture.pushed);
        check_guards(&fixture);
    }
}

static void reserve_is_honoured(void)
{
    struct fixture fixture;

    open_at(&fixture, 0);
    CHECK(push(&fixture, WORDS - 10, 10));
    CHECK(!push(&fixture, 1, 10)); /* an allocation */
    CHECK(push(&fixture, 3, 0));   /* frees */
    CHECK(push(&fixture, 3, 0));
    CHECK(push(&fixture, 3, 0));
    CHECK(!push(&fixture, 3, 0));
    CHECK(push(&fixture, 1, 0));
    read_and_release(&fixture, 10);
    CHECK(!push(&fixture, 1, 10));
    read_and_release(&fixture, 1);
    CHECK(push(&fixture, 1, 10));
    CHECK(!push(&fixture, 1, WORDS));
    open_at(&fixture, 0);
    CHECK(!push(&fixture, 1, WORDS)); /* even when it is empty */
    CHECK(push(&fixture, 1, WORDS - 1));
}

static void counters_wrap(void)
{
    struct fixture fixture;
    uint64_t random = 1;

    every_offset_and_length(UINT64_MAX - WORDS + 1);
    every_offset_and_length(UINT64_MAX - WORDS / 2);
    open_at(&fixture, UINT64_MAX - 20000);
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        uint64_t waiting = fixture.pushed - fixture.read;
        unsigned count = 1 + (random >> 33) % 13;

        CHECK_EQ(push(&fixture, count, 0), waiting + count <= WORDS);
        if (random >> 63) {
            read_and_release(&fixture, (random >> 40) % (fixture.pushed - fixture.read + 1));
        }
    }
    CHECK(mr_ring_published(&fixture.ring) < UINT64_MAX / 2); /* it did wrap */
    check_guards(&fixture);
}

static void high_water_is_the_most_that_waited(void)
{
    struct fixture fixture;

    open_at(&fixture, 5);
    push(&fixture, 20, 0);
    read_and_release(&fixture, 20);
    push(&fixture, 30, 0);
    read_and_release(&fixture, 10);
    push(&fixture, 5, 0);
    CHECK_EQ(atomic_load(&fixture.ring.high_water), 30);
    push(&fixture, 6, 0);
    CHECK_EQ(atomic_load(&fixture.ring.high_water), 31);
}

int main(void)
{
    every_offset_and_length(0);
    full_ring_refuses_and_nothing_is_torn();
    reserve_is_honoured();
    counters_wrap();
    high_water_is_the_most_that_waited();
    return check_summary();
}
