/* SPDX-License-Identifier: Apache-2.0 */
/* thread_test.c -- slots and rings of threads, without a session: taken, told, given back and taken again, also by
 * more threads than there are slots. */
#include "check.h"
#include "os.h"
#include "pages.h"
#include "thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct mr_session mr_session;

/* Nothing here is forked. */
bool mr_session_start(unsigned reason) { return reason == UINT32_MAX; }
void mr_session_forked(void) {}
static uint32_t always_alive = 1;
volatile const uint32_t *mr_alive = &always_alive;

enum { RINGS = 8, RING_BYTES = 4096 };

static void open_session(bool full)
{
    size_t bytes = MR_SHARED_RINGS_OFFSET + RINGS * (MR_RING_BYTES + RING_BYTES);
    uint8_t *memory = mr_pages_map(bytes);

    memset(&mr_session, 0, sizeof mr_session);
    mr_session.shared = (struct mr_shared *)memory;
    mr_session.threads = (struct mr_thread_slot *)(memory + MR_SHARED_THREADS_OFFSET);
    mr_session.rings = (struct mr_ring *)(memory + MR_SHARED_RINGS_OFFSET);
    mr_session.ring_data = memory + MR_SHARED_RINGS_OFFSET + RINGS * MR_RING_BYTES;
    mr_session.ring_mask = RING_BYTES / 8 - 1;
    mr_session.shared->ring_count = RINGS;
    mr_session.shared->ring_bytes = RING_BYTES;
    mr_session.shared->file_bytes = bytes;
    mr_session.options.interval_bytes = full ? 1 : 65536;
    mr_session.full = full;
    mr_session.pid = mr_pid();
    atomic_store(&mr_session.interval_code, 1);
    mr_self = &mr_nobody;
}

static void close_session(void)
{
    mr_pages_unmap(mr_session.shared, mr_session.shared->file_bytes);
    mr_self = &mr_nobody;
}

/* ---- reaping ----------------------------------------------------------------------------------- */

static uint64_t ended_count, ended_calls, ended_bytes, last_ended_id;

static void count_ended(void *context, struct mr_thread_slot *slot)
{
    uint64_t bytes = 0;

    CHECK(context == &ended_count);
    CHECK(mr_thread_bytes(slot, &bytes));
    ended_count++;
    ended_calls += atomic_load(&slot->alloc_calls);
    ended_bytes += bytes;
    last_ended_id = slot->id;
}

static uint32_t reap(void) { return mr_threads_reap(count_ended, &ended_count); }

/* Ended, seen from the kernel: pthread_join may return a moment before. */
static void wait_until_gone(uint32_t tid)
{
    for (int i = 0; i < 10000 && !mr_thread_is_gone(mr_session.pid, (int)tid); i++) {
        mr_wait(&mr_session.pid, (uint32_t)mr_session.pid, 100000);
    }
    CHECK(mr_thread_is_gone(mr_session.pid, (int)tid));
}

/* ---- what one thread does ---------------------------------------------------------------------- */

struct visit {
    uint32_t id, tid, ring;
    char name[16];
    bool take_ring, registered, had_ring;
};

static void allocate(uint64_t size)
{
    uint64_t left = atomic_load(&mr_self->countdown);
    uint64_t total = atomic_load(&mr_self->bytes_base) - left;

    atomic_fetch_add(&mr_self->alloc_calls, 1);
    if (left > size) {
        atomic_store(&mr_self->countdown, left - size);
    } else {
        mr_thread_draw(mr_self, total + size);
    }
}

static void *visit(void *argument)
{
    struct visit *visit = argument;

    if (visit->name[0]) {
        prctl(PR_SET_NAME, visit->name);
    }
    struct mr_thread_slot *self = mr_thread_register();
    visit->registered = self != NULL;
    if (!self) {
        CHECK_EQ(mr_self->id, 0); /* nobody's slot */
        return NULL;
    }
    CHECK(mr_self == self);
    visit->id = self->id;
    visit->tid = self->tid;
    allocate(100);
    allocate(1000);
    if (visit->take_ring) {
        uint64_t *data;
        struct mr_ring *ring = NULL;

        for (int i = 0; i < RINGS && !ring;
             i++) { /* each call looks at one ring that may be inherited */
            ring = mr_thread_ring(self, &data);
        }
        visit->had_ring = ring != NULL;
        if (ring) {
            CHECK(mr_thread_ring(self, &data) == ring); /* and keeps it */
            CHECK_EQ(atomic_load(&ring->owner), self->id);
            CHECK_EQ(ring->owner_tid, self->tid);
            CHECK((uint8_t *)data == mr_session.ring_data + (ring - mr_session.rings) * RING_BYTES);
            visit->ring = self->ring;
        }
    }
    return NULL;
}

static struct visit visit_once(const char *name, bool take_ring)
{
    struct visit visited = {.take_ring = take_ring};
    pthread_t thread;

    strncpy(visited.name, name, sizeof visited.name - 1);
    CHECK_EQ(pthread_create(&thread, NULL, visit, &visited), 0);
    pthread_join(thread, NULL);
    if (visited.registered) {
        wait_until_gone(visited.tid);
    }
    return visited;
}

/* ---- the tests --------------------------------------------------------------------------------- */

static void registers_and_counts(void)
{
    open_session(false);
    CHECK_EQ(atomic_load(&mr_nobody.countdown),
             0); /* so the first allocation takes the slow path */
    prctl(PR_SET_NAME, "the tester");
    struct mr_thread_slot *self = mr_thread_register();

    CHECK(self == &mr_session.threads[0] && mr_self == self);
    CHECK_EQ(self->id, 1);
    CHECK_EQ(self->tid, mr_tid());
    CHECK_EQ(atomic_load(&self->state), MR_THREAD_LIVE);
    CHECK_EQ(self->ring, UINT32_MAX);
    CHECK_STR(self->name, "the tester");
    CHECK(atomic_load(&self->countdown) >= 1);

    uint64_t bytes = 1, total = 0, draws = 0;
    CHECK(mr_thread_bytes(self, &bytes));
    CHECK_EQ(bytes, 0);
    for (uint64_t i = 1; i <= 5000; i++) { /* through many draws the sum stays exact */
        uint32_t version = atomic_load(&self->version);

        allocate(i % 1000);
        total += i % 1000;
        draws += atomic_load(&self->version) != version;
        CHECK(mr_thread_bytes(self, &bytes));
        CHECK_EQ(bytes, total);
    }
    CHECK(draws > 10 && draws < 100); /* 38 expected */

    uint32_t version = atomic_load(&self->version);
    atomic_store(&self->version, version + 1); /* in the middle of a draw, for ever */
    CHECK(!mr_thread_bytes(self, &bytes));
    atomic_store(&self->version, version + 2);
    CHECK(mr_thread_bytes(self, &bytes));
    close_session();
}

static void draws_obey_the_interval_in_force(void)
{
    double sum = 0;

    open_session(false);
    struct mr_thread_slot *self = mr_thread_register();
    atomic_store(&mr_session.interval_code, 4); /* 8 x 64 KiB */
    for (int i = 0; i < 20000; i++) {
        mr_thread_draw(self, 7);
        sum += (double)atomic_load(&self->countdown);
        CHECK_EQ(self->interval_code & ~MR_INTERVAL_CUT, 4);
    }
    CHECK(sum / 20000 > 524288 * 0.97 && sum / 20000 < 524288 * 1.03); /* 4 sigma: 2.8 % */
    close_session();

    /* 512 x 64 KiB: cut short, but the bytes between two samples are as many as asked for. */
    open_session(false);
    self = mr_thread_register();
    atomic_store(&mr_session.interval_code, 10);
    mr_thread_draw(self, 0);
    uint64_t total = 0, cuts = 0, samples = 0;
    for (unsigned i = 0; i < 400000; i++) {
        uint64_t size = 1 + i % 9 * 250000, left, bytes = 0;

        CHECK(atomic_load(&self->countdown) <= UINT64_C(64) * 65536);
        cuts += (self->interval_code & MR_INTERVAL_CUT) != 0;
        left = mr_thread_left(self, total, size);
        if (left > size) {
            atomic_store(&self->countdown, left - size);
        } else {
            mr_thread_draw(self, total + size);
            samples += size == 2000001; /* kept with p = 1 - exp(-size / interval) = 0.0579 */
        }
        total += size;
        CHECK(mr_thread_bytes(self, &bytes) && bytes == total);
    }
    CHECK(cuts > 100000);
    CHECK(samples > 2573 - 200 && samples < 2573 + 200); /* of 44,444; 4 sigma: 197 */
    close_session();

    open_session(true);
    self = mr_thread_register();
    CHECK_EQ(atomic_load(&self->countdown), 0); /* everything is recorded */
    close_session();
}

static void slots_and_rings_come_back(void)
{
    open_session(false);
    ended_count = ended_calls = ended_bytes = 0;
    CHECK(mr_thread_register() != NULL); /* this one lives on */

    struct visit first = visit_once("first", true);
    CHECK_EQ(first.id, 2);
    CHECK_EQ(first.ring, 0);
    atomic_store(&mr_session.rings[0].head, 10); /* ten words that nobody has read */
    CHECK_EQ(reap(), 1);
    CHECK_EQ(ended_count, 0);
    CHECK_EQ(atomic_load(&mr_session.rings[0].owner), 2);
    struct visit second = visit_once("second", true);
    CHECK_EQ(second.ring, 1); /* so it takes another */
    atomic_store(&mr_session.rings[0].tail, 10);
    CHECK_EQ(reap(), 0);
    CHECK_EQ(ended_count, 2);
    CHECK_EQ(ended_calls, 4);
    CHECK_EQ(ended_bytes, 2200);
    CHECK_EQ(atomic_load(&mr_session.rings[0].owner), 0);
    struct visit third = visit_once("third", true);
    CHECK_EQ(third.ring, 0); /* given back and taken again: head and tail go on */
    CHECK_EQ(atomic_load(&mr_session.rings[0].head), 10);
    CHECK_EQ(third.id, 4); /* an id is never given twice */
    CHECK_EQ(reap(), 0);
    CHECK_EQ(last_ended_id, 4);
    CHECK_EQ(reap(), 0);
    CHECK_EQ(ended_count, 3);
    CHECK_EQ(atomic_load(&mr_self->state), MR_THREAD_LIVE);
    CHECK_EQ(atomic_load(&mr_session.rings_used), 2);
    close_session();
}

static void rings_run_out(void)
{
    open_session(false);
    for (int i = 0; i < RINGS; i++) {
        CHECK(visit_once("owner", true).had_ring);
    }
    for (int i = 0; i < RINGS; i++) {
        CHECK(atomic_load(&mr_session.rings[i].owner) != 0);
        mr_session.rings[i].owner_tid = (uint32_t)mr_tid(); /* as if they lived */
    }
    struct visit late = visit_once("late", true);
    CHECK(late.registered && !late.had_ring);
    CHECK_EQ(atomic_load(&mr_session.rings_used), RINGS);

    /* One of them ends, with words that nobody has read: its ring goes on under a new owner. */
    mr_session.rings[5].owner_tid = late.tid;
    atomic_store(&mr_session.rings[5].head, 10);
    struct visit heir = visit_once("heir", true);
    CHECK(heir.had_ring);
    CHECK_EQ(heir.ring, 5);
    CHECK_EQ(atomic_load(&mr_session.rings[5].head), 10);
    CHECK_EQ(reap(), 1); /* the heir's alone: those before it give their slots back, not its ring */
    CHECK_EQ(atomic_load(&mr_session.rings[5].owner), heir.id);
    atomic_store(&mr_session.rings[5].tail, 10);
    CHECK_EQ(reap(), 0);
    CHECK_EQ(atomic_load(&mr_session.rings[5].owner), 0);
    close_session();
}

static void slots_run_out(void)
{
    open_session(false);
    uint32_t tid = visit_once("one", false).tid;

    reap();
    atomic_store(&mr_session.thread_slots, 0);
    atomic_store(&mr_session.thread_count, 0);

    /* As many as there are, as if they lived. */
    for (uint32_t i = 0; i < MR_THREAD_SLOTS; i++) {
        mr_self = &mr_nobody;
        if (!CHECK(mr_thread_register())) {
            break;
        }
    }
    CHECK_EQ(atomic_load(&mr_session.thread_count), MR_THREAD_SLOTS);
    mr_self = &mr_nobody;
    CHECK(mr_thread_register() == NULL);
    CHECK_EQ(mr_self->id, 0);
    CHECK_EQ(atomic_load(&mr_session.untracked), 1); /* a loss that is counted */
    CHECK(!visit_once("none", false).registered);
    CHECK_EQ(atomic_load(&mr_session.untracked), 2);

    /* One of them ends: its slot, wherever it is, is found. */
    for (uint32_t slot = 0; slot < MR_THREAD_SLOTS; slot += 1023) {
        mr_session.threads[slot].tid = tid;
        ended_count = 0;
        reap();
        CHECK_EQ(ended_count, 1);
        struct visit again = visit_once("again", false);
        CHECK(again.registered);
        CHECK_EQ(mr_session.threads[slot].id, again.id);
        CHECK(again.id > MR_THREAD_SLOTS);
        CHECK(!visit_once("none", false).registered);
        reap();
        mr_self = &mr_nobody;
        CHECK(mr_thread_register() != NULL); /* full again */
    }
    close_session();
}

/* The thread that lived through a fork brings what it counted in private memory. */
static void forked_thread_brings_its_counts(void)
{
    open_session(false);
    memset(&mr_forked, 0, sizeof mr_forked);
    mr_self = &mr_forked;
    mr_thread_draw(&mr_forked, 0);
    for (int i = 0; i < 100; i++) {
        allocate(10);
    }
    atomic_store(&mr_forked.free_calls, 30);
    uint64_t countdown = atomic_load(&mr_forked.countdown), bytes = 0;
    struct mr_thread_slot *self = mr_thread_register();
    CHECK(self != &mr_forked && mr_self == self);
    CHECK_EQ(atomic_load(&self->alloc_calls), 100);
    CHECK_EQ(atomic_load(&self->free_calls), 30);
    CHECK_EQ(atomic_load(&self->countdown), countdown);
    CHECK(mr_thread_bytes(self, &bytes));
    CHECK_EQ(bytes, 1000);
    CHECK_EQ(self->ring, UINT32_MAX);
    close_session();
}

/* Threads that come and go while others are given back: no slot has two owners, and no count is lost. */
enum { CROWD = 8, ROUNDS = 300 };

static void *crowd(void *argument)
{
    _Atomic uint64_t *registered = argument;

    if (mr_thread_register()) {
        uint32_t id = mr_self->id;

        for (int i = 0; i < 50; i++) {
            allocate(10);
        }
        CHECK_EQ(mr_self->id, id);
        CHECK_EQ(atomic_load(&mr_self->alloc_calls), 50);
        atomic_fetch_add(registered, 1);
    }
    return NULL;
}

static void crowds_come_and_go(void)
{
    _Atomic uint64_t registered = 0;

    open_session(false);
    atomic_store(&mr_session.thread_slots,
                 MR_THREAD_SLOTS - 40); /* where slots must be searched for */
    ended_count = ended_calls = ended_bytes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread[CROWD];

        for (int i = 0; i < CROWD; i++) {
            CHECK_EQ(pthread_create(&thread[i], NULL, crowd, &registered), 0);
        }
        reap();
        for (int i = 0; i < CROWD; i++) {
            pthread_join(thread[i], NULL);
        }
    }
    for (int i = 0; i < 1000 && ended_count < registered; i++) {
        mr_wait(&mr_session.pid, (uint32_t)mr_session.pid, 1000000);
        reap();
    }
    CHECK_EQ(registered, CROWD * ROUNDS);
    CHECK_EQ(ended_count, CROWD * ROUNDS);
    CHECK_EQ(ended_calls, CROWD * ROUNDS * 50);
    CHECK_EQ(ended_bytes, CROWD * ROUNDS * 500);
    CHECK_EQ(atomic_load(&mr_session.untracked), 0);
    close_session();
}

int main(void)
{
    registers_and_counts();
    draws_obey_the_interval_in_force();
    slots_and_rings_come_back();
    rings_run_out();
    slots_run_out();
    forked_thread_brings_its_counts();
    crowds_come_and_go();
    return check_summary();
}
