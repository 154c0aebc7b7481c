/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include "atomics.h"
#include "os.h"
#include "pages.h"
#include "sampler.h"

#include <string.h>

struct mr_thread_slot mr_nobody;
struct mr_thread_slot mr_forked;
struct mr_thread_slot mr_untracked;
static struct mr_heap_slot nobodys_heaps[MR_HEAPS_MAX];
MR_THREAD_LOCAL struct mr_thread_slot *mr_self = &mr_nobody;
MR_THREAD_LOCAL struct mr_heap_slot *mr_heaps = nobodys_heaps;

static struct mr_thread_slot *take_slot(void)
{
    struct mr_session *session = &mr_session;
    uint32_t fresh = mr_load_relaxed(&session->thread_slots);
    if (fresh >= MR_THREAD_SLOTS / 2) { /* many were used: look for one that was given back */
        for (uint32_t i = 0; i < fresh && i < MR_THREAD_SLOTS; i++) {
            uint32_t unused = MR_THREAD_UNUSED;
            if (mr_load_relaxed(&session->threads[i].state) == MR_THREAD_UNUSED &&
                atomic_compare_exchange_strong(&session->threads[i].state, &unused, MR_THREAD_LIVE))
                return &session->threads[i];
        }
    }
    for (;;) {
        fresh = mr_fetch_add_relaxed(&session->thread_slots, 1);
        if (fresh >= MR_THREAD_SLOTS) {
            mr_store_relaxed(&session->thread_slots, MR_THREAD_SLOTS);
            return NULL;
        }
        struct mr_thread_slot *slot = &session->threads[fresh];
        if (session->ring_path[0] && !mr_pages_populate(slot, sizeof *slot))
            return NULL;
        uint32_t unused = MR_THREAD_UNUSED; /* else the search above, of another thread, took it */
        if (atomic_compare_exchange_strong(&slot->state, &unused, MR_THREAD_LIVE))
            return slot;
    }
}

void mr_thread_forget(void)
{
    mr_self = &mr_forked;
    mr_heaps = nobodys_heaps;
}

/* What the thread that lived through the fork did since then, and the countdown it must obey. */
static void take_over_forked(struct mr_thread_slot *slot)
{
    mr_store_relaxed(&slot->alloc_calls, mr_load_relaxed(&mr_forked.alloc_calls));
    mr_store_relaxed(&slot->free_calls, mr_load_relaxed(&mr_forked.free_calls));
    mr_store_relaxed(&slot->bytes_base, mr_load_relaxed(&mr_forked.bytes_base));
    mr_store_relaxed(&slot->countdown, mr_load_relaxed(&mr_forked.countdown));
    slot->interval_code = mr_forked.interval_code;
}

struct mr_thread_slot *mr_thread_register(void)
{
    struct mr_session *session = &mr_session;
    struct mr_thread_slot *slot = take_slot(), *before = mr_self;
    mr_heaps = nobodys_heaps;
    if (!slot) {
        mr_fetch_add_relaxed(&session->untracked, 1);
        mr_self = &mr_untracked;
        return NULL;
    }
    uint32_t id = mr_fetch_add_relaxed(&session->thread_count, 1) + 1;
    slot->tid = (uint32_t)mr_tid();
    slot->start_ticks = mr_ticks();
    slot->ring = UINT32_MAX;
    /* Of a session before this one: between the two its fast path counted into that slot. */
    bool stale = before != &mr_nobody && before != &mr_forked && before != &mr_untracked;
    slot->flags = stale ? MR_THREAD_INEXACT : 0;
    slot->busy = 0;
    slot->spans = 0;
    mr_thread_name(slot->name);
    mr_random_seed(slot->random, slot->start_ticks ^ (uint64_t)slot->tid << 32 ^ id ^
                                     (uint64_t)session->trace_id[0] << 56);
    mr_store_relaxed(&slot->alloc_calls, 0);
    mr_store_relaxed(&slot->free_calls, 0);
    mr_thread_draw(slot, 0);
    if (mr_self == &mr_forked)
        take_over_forked(slot);
    /* A slot that was given back is live already, under the id 0: with the id the drain thread takes
     * it as the thread of that tid, and gives it back again when there is no such thread. */
    atomic_thread_fence(memory_order_release);
    slot->id = id;
    mr_store_release(&slot->state, MR_THREAD_LIVE); /* the drain thread may read it from here on */
    mr_self = slot;
    return slot;
}

/* Starts the session of a forked child. */
static struct mr_thread_slot *leave_forked(void)
{
    if (mr_session_start(MR_START_FORK) || mr_state() == MR_STATE_ON)
        return mr_thread_register();
    if (mr_state() == MR_STATE_FORKED) /* it is being started, and this call cannot wait for it */
        mr_fetch_add_relaxed(&mr_session.untracked, 1);
    return NULL;
}

struct mr_thread_slot *mr_thread_current(size_t size)
{
    int state = mr_state();
    if (state == MR_STATE_OFF || state == MR_STATE_UNSTARTED)
        return NULL;
    if (!*mr_alive) { /* forked behind the C library's back */
        mr_session_forked();
        state = mr_state();
    }
    struct mr_thread_slot *self = mr_self;
    if (state == MR_STATE_FORKED) {
        bool due = self != &mr_forked || mr_load_relaxed(&self->countdown) <= size;
        return due && size ? leave_forked() : self == &mr_forked ? self : NULL;
    }
    if (self == &mr_untracked)
        return NULL;
    return mr_thread_is_current(self) ? self : mr_thread_register();
}

/* A ring whose owner and owner_tid do not belong together yet. */
#define CHANGES_HANDS UINT32_MAX

static struct mr_ring *own_ring(struct mr_thread_slot *self, uint32_t index)
{
    struct mr_ring *ring = &mr_session.rings[index];
    ring->owner_tid = self->tid;
    mr_store_release(&ring->owner, self->id); /* pairs with inherit_ring: tid before id */
    self->ring = index;
    return ring;
}

/* The ring of a thread that is gone: its events stay, ours come behind them. Looks at one ring a call,
 * so that threads beyond the number of rings do not ask the kernel for each of them each time. */
static struct mr_ring *inherit_ring(struct mr_thread_slot *self)
{
    static _Atomic uint32_t next;
    struct mr_session *session = &mr_session;
    uint32_t index = mr_fetch_add_relaxed(&next, 1) % session->shared->ring_count;
    struct mr_ring *ring = &session->rings[index];
    uint32_t owner = mr_load_acquire(&ring->owner);
    if (owner == 0 || owner == CHANGES_HANDS ||
        !mr_thread_is_gone(session->pid, (int)ring->owner_tid) ||
        !atomic_compare_exchange_strong(&ring->owner, &owner, CHANGES_HANDS))
        return NULL;
    return own_ring(self, index);
}

struct mr_ring *mr_thread_take_ring(struct mr_thread_slot *self)
{
    struct mr_session *session = &mr_session;
    bool shared = session->ring_path[0] != '\0';
    uint64_t bytes = session->shared->ring_bytes;
    uint32_t used = mr_load_relaxed(&session->rings_used);
    for (uint32_t index = 0; index < session->shared->ring_count; index++) {
        struct mr_ring *ring = &session->rings[index];
        uint32_t nobody = 0;
        /* The descriptors lie side by side: the first use of a page takes its memory. */
        if (shared && index >= used && !mr_pages_populate(ring, sizeof *ring))
            return NULL;
        if (mr_load_relaxed(&ring->owner) != 0 ||
            !atomic_compare_exchange_strong(&ring->owner, &nobody, CHANGES_HANDS))
            continue;
        if (shared && !mr_pages_populate(session->ring_data + index * bytes, bytes)) {
            mr_store_release(&ring->owner, 0);
            return NULL;
        }
        while (used <= index &&
               !atomic_compare_exchange_weak(&session->rings_used, &used, index + 1)) {
        }
        return own_ring(self, index);
    }
    return inherit_ring(self);
}

#define COUNTDOWN_INTERVALS_MAX 64u /* of the base interval */

/* What thread and heap slots have in common: bytes so far = base - countdown. */
struct countdown {
    _Atomic uint64_t *countdown, *base;
    _Atomic uint32_t *version;
};

/* Returns what to keep as interval_code. */
static uint32_t draw(uint64_t random[2], struct countdown of, uint64_t total_bytes)
{
    struct mr_session *session = &mr_session;
    uint32_t code = mr_load_relaxed(&session->interval_code);
    uint64_t base_interval = session->options.interval_bytes;
    uint64_t countdown = mr_sampler_draw(random, mr_interval_bytes(base_interval, code));
    if (countdown > COUNTDOWN_INTERVALS_MAX * base_interval) {
        countdown = COUNTDOWN_INTERVALS_MAX * base_interval;
        code |= MR_INTERVAL_CUT;
    }
    uint32_t version = mr_load_relaxed(of.version);
    mr_store_relaxed(of.version, version + 1);
    atomic_thread_fence(memory_order_release); /* T1: the odd version is seen before the change */
    mr_store_relaxed(of.base, total_bytes + countdown);
    mr_store_relaxed(of.countdown, countdown);
    mr_store_release(of.version, version + 2); /* T2: the change is seen before the even one */
    return code;
}

static bool bytes_so_far(struct countdown of, uint64_t *out)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        uint32_t before = mr_load_acquire(of.version); /* pairs with T2 */
        uint64_t base = mr_load_relaxed(of.base);
        uint64_t countdown = mr_load_relaxed(of.countdown);
        atomic_thread_fence(memory_order_acquire); /* pairs with T1 */
        if (before % 2 == 0 && before == mr_load_relaxed(of.version)) {
            *out = base - countdown;
            return true;
        }
    }
    return false;
}

#define COUNTDOWN_OF(slot)                                                                         \
    (struct countdown) { &slot->countdown, &slot->bytes_base, &slot->version }

void mr_thread_draw(struct mr_thread_slot *self, uint64_t total_bytes)
{
    if (mr_session.full) /* the countdown stays 0: every allocation takes the slow path */
        mr_store_relaxed(&self->bytes_base, total_bytes);
    else
        self->interval_code = draw(self->random, COUNTDOWN_OF(self), total_bytes);
}

void mr_heap_draw(struct mr_thread_slot *self, struct mr_heap_slot *slot, uint64_t total_bytes)
{
    if (mr_session.full)
        mr_store_relaxed(&slot->bytes_base, total_bytes);
    else
        slot->interval_code = draw(self->random, COUNTDOWN_OF(slot), total_bytes);
}

void mr_thread_draw_again(struct mr_thread_slot *self)
{
    if (self->busy || mr_session.full)
        return;
    mr_thread_draw(self, mr_load_relaxed(&self->bytes_base) - mr_load_relaxed(&self->countdown));
    for (uint32_t i = 0; i < MR_HEAPS_MAX && self->flags & MR_THREAD_HAS_HEAPS; i++) {
        struct mr_heap_slot *slot = &mr_heaps[i];
        if (slot->interval_code)
            mr_heap_draw(self, slot,
                         mr_load_relaxed(&slot->bytes_base) - mr_load_relaxed(&slot->countdown));
    }
}

bool mr_thread_bytes(struct mr_thread_slot *slot, uint64_t *out)
{
    return bytes_so_far(COUNTDOWN_OF(slot), out);
}

bool mr_thread_heap_bytes(struct mr_heap_slot *slot, uint64_t *out)
{
    return bytes_so_far(COUNTDOWN_OF(slot), out);
}

struct mr_heap_slot *mr_thread_heaps(struct mr_thread_slot *self)
{
    struct mr_session *session = &mr_session;
    struct mr_heap_slot *row = session->heap_slots[self - session->threads];
    if (mr_heaps == row)
        return row;
    if (session->ring_path[0] && !mr_pages_populate(row, sizeof *session->heap_slots))
        return NULL;
    self->flags |= MR_THREAD_HAS_HEAPS;
    mr_heaps = row;
    return row;
}

uint32_t mr_threads_reap(void (*ended)(void *context, struct mr_thread_slot *slot), void *context)
{
    struct mr_session *session = &mr_session;
    uint32_t waiting = 0;
    uint32_t used = mr_load_relaxed(&session->thread_slots);
    for (uint32_t i = 0; i < used && i < MR_THREAD_SLOTS; i++) {
        struct mr_thread_slot *slot = &session->threads[i];
        if (mr_load_acquire(&slot->state) != MR_THREAD_LIVE || slot->id == 0 ||
            !mr_thread_is_gone(session->pid, (int)slot->tid))
            continue;
        if (slot->ring != UINT32_MAX) {
            struct mr_ring *ring = &session->rings[slot->ring];
            uint32_t owner = slot->id;
            if (mr_load_relaxed(&ring->owner) == owner &&
                mr_load_acquire(&ring->head) != mr_load_relaxed(&ring->tail)) {
                waiting++; /* its last events are read first; next time */
                continue;
            }
            atomic_compare_exchange_strong(&ring->owner, &owner, 0); /* unless it was inherited */
        }
        ended(context, slot);
        if (slot->flags & MR_THREAD_HAS_HEAPS)
            memset(session->heap_slots[i], 0, sizeof *session->heap_slots);
        slot->id = 0;
        mr_store_release(&slot->state, MR_THREAD_UNUSED);
    }
    return waiting;
}
