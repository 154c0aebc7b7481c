/* SPDX-License-Identifier: Apache-2.0 */
#include "pools.h"

#include "atomics.h"
#include "definitions.h"
#include "os.h"
#include "voice.h"

#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <string.h>

#define API __attribute__((visibility("default")))

#define POOLS_MAX   1024u
#define STREAMS_MAX 64u
#define SLOT_WORDS  60u /* of a slot map, per mark */

enum field {
    USED,
    RESERVED,
    HIGH_WATER,
    OVERFLOWS,
    OVERFLOW_BYTES,
    WAITS,
    WAIT_NS,
    EXHAUSTED,
    RESETS,
    FIELDS,
};

/* Since the last look of the drain thread. */
enum { LATELY_USED, LATELY_WANTED, LATELY };

static struct pool {
    alignas(64) _Atomic uint64_t field[FIELDS];
    _Atomic uint64_t highest[LATELY]; /* since the last look: used, and with what went elsewhere */
    _Atomic uint64_t elsewhere;       /* overflow bytes since the last reset */
    _Atomic uint32_t seen_state;      /* used and reserved were told */
    _Atomic uint64_t resets_at_frame;
    uint32_t next_of_stream;  /* the next arena of the same stream; 0: none */
    uint32_t next_overflowed; /* the next pool that ever overflowed; 0: none */
} pools[POOLS_MAX + 1];

static _Atomic uint32_t first_of_stream[STREAMS_MAX + 1];
static _Atomic uint32_t first_overflowed;
static _Atomic uint64_t snapshots;

/* What the drain thread told last. */
static uint64_t told[POOLS_MAX + 1][FIELDS];

static bool is_pool(memrec_pool_id pool)
{
    return mr_is_defined(MR_DEFINE_POOL, pool) || mr_voice_refuse();
}

void mr_pools_follow(uint32_t pool, uint32_t stream)
{
    if (!stream || stream > STREAMS_MAX || !pool)
        return;
    for (uint32_t at = mr_load_acquire(&first_of_stream[stream]); at; at = pools[at].next_of_stream)
        if (at == pool) /* registered again */
            return;
    uint32_t first = mr_load_relaxed(&first_of_stream[stream]);
    do
        pools[pool].next_of_stream = first;
    while (!atomic_compare_exchange_weak(&first_of_stream[stream], &first, pool));
}

void mr_pools_overflows(uint64_t out[2])
{
    out[0] = out[1] = mr_defined_count(MR_DEFINE_POOL) ? 0 : MR_UNKNOWN;
    for (uint32_t at = mr_load_acquire(&first_overflowed); at; at = pools[at].next_overflowed) {
        out[0] += mr_load_relaxed(&pools[at].field[OVERFLOWS]);
        out[1] += mr_load_relaxed(&pools[at].field[OVERFLOW_BYTES]);
    }
}

void mr_pools_check_resets(uint32_t stream)
{
    for (uint32_t at = mr_load_acquire(&first_of_stream[stream]); at;
         at = pools[at].next_of_stream) {
        struct pool *pool = &pools[at];
        uint64_t resets = mr_load_relaxed(&pool->field[RESETS]);
        uint64_t used = mr_load_relaxed(&pool->field[USED]);
        if (resets == mr_load_relaxed(&pool->resets_at_frame) && used)
            MR_SAY(MR_MARK_POOL_STALE, at, stream, used);
        mr_store_relaxed(&pool->resets_at_frame, resets);
    }
}

/* Told by the owner */

API void memrec_pool_state(memrec_pool_id id, uint64_t used_bytes, uint64_t reserved_bytes)
{
    if (!is_pool(id))
        return;
    struct pool *pool = &pools[id];
    mr_store_relaxed(&pool->field[USED], used_bytes);
    mr_store_relaxed(&pool->field[RESERVED], reserved_bytes);
    if (!mr_load_relaxed(&pool->seen_state))
        mr_store_relaxed(&pool->seen_state, 1);
    /* high water is no lower than what was used lately */
    if (used_bytes != MR_UNKNOWN && used_bytes > mr_load_relaxed(&pool->highest[LATELY_USED])) {
        mr_store_relaxed(&pool->highest[LATELY_USED], used_bytes);
        if (used_bytes > mr_load_relaxed(&pool->field[HIGH_WATER]))
            mr_store_relaxed(&pool->field[HIGH_WATER], used_bytes);
    }
}

/* What would have been used, had there been room for what went elsewhere since the last reset. */
static uint64_t wanted(struct pool *pool)
{
    uint64_t used = mr_load_relaxed(&pool->field[USED]);
    return (used == MR_UNKNOWN ? 0 : used) + mr_load_relaxed(&pool->elsewhere);
}

static void note_wanted(struct pool *pool)
{
    uint64_t now = wanted(pool), highest = mr_load_relaxed(&pool->highest[LATELY_WANTED]);
    while (now > highest &&
           !atomic_compare_exchange_weak(&pool->highest[LATELY_WANTED], &highest, now))
        ;
}

/* Its first overflow: from here on frames look at it. One thread sees the count leave 0. */
static void list_overflowed(uint32_t id)
{
    uint32_t first = mr_load_relaxed(&first_overflowed);
    do
        pools[id].next_overflowed = first;
    while (!atomic_compare_exchange_weak(&first_overflowed, &first, id));
}

API void memrec_pool_overflow(memrec_pool_id id, uint64_t bytes)
{
    if (!is_pool(id))
        return;
    mr_fetch_add_relaxed(&pools[id].field[OVERFLOW_BYTES], bytes);
    mr_fetch_add_relaxed(&pools[id].elsewhere, bytes);
    note_wanted(&pools[id]);
    if (mr_fetch_add_relaxed(&pools[id].field[OVERFLOWS], 1) == 0)
        list_overflowed(id);
}

API void memrec_pool_wait(memrec_pool_id id, uint64_t wait_ns)
{
    if (!is_pool(id))
        return;
    mr_fetch_add_relaxed(&pools[id].field[WAITS], 1);
    mr_fetch_add_relaxed(&pools[id].field[WAIT_NS], wait_ns);
}

API void memrec_pool_exhausted(memrec_pool_id id)
{
    if (is_pool(id))
        mr_fetch_add_relaxed(&pools[id].field[EXHAUSTED], 1);
}

API void memrec_pool_reset(memrec_pool_id id)
{
    if (!is_pool(id))
        return;
    if (mr_load_relaxed(&pools[id].elsewhere)) {
        note_wanted(&pools[id]);
        mr_store_relaxed(&pools[id].elsewhere, 0);
    }
    mr_store_relaxed(&pools[id].field[USED], 0);
    mr_fetch_add_relaxed(&pools[id].field[RESETS], 1);
}

API void memrec_pool_slots(memrec_pool_id id, const uint64_t *bits, uint64_t slots)
{
    uint64_t arguments[4 + SLOT_WORDS];
    if (!is_pool(id) || !bits)
        return;
    uint64_t snapshot = mr_fetch_add_relaxed(&snapshots, 1) + 1, words = (slots + 63) / 64;
    for (uint64_t first = 0; first < words; first += SLOT_WORDS) {
        unsigned count = (unsigned)(words - first < SLOT_WORDS ? words - first : SLOT_WORDS);
        arguments[0] = snapshot;
        arguments[1] = id;
        arguments[2] = slots;
        arguments[3] = first * 64;
        memcpy(arguments + 4, bits + first, count * sizeof *bits);
        mr_voice_push(MR_MARK_POOL_SLOTS, arguments, 4 + count);
    }
}

/* The drain thread */

void mr_pools_start(void) { memset(told, 0, sizeof told); }

/* Fills in what was highest since the last look, which begins anew with what is used now. The owner stores used
 * before it compares, so a value that this misses is still in used, or counts for the next look.
 * MR_UNKNOWN: nothing was wanted that can be told, as what went elsewhere is only known to be gone by a reset. */
static void look_back(struct pool *pool, const uint64_t before[FIELDS], uint64_t out[LATELY])
{
    uint64_t used = mr_load_relaxed(&pool->field[USED]);
    out[LATELY_USED] = mr_exchange_relaxed(&pool->highest[LATELY_USED], 0);
    if (out[LATELY_USED] < before[USED])
        out[LATELY_USED] = before[USED];
    if (used != MR_UNKNOWN && out[LATELY_USED] < used)
        out[LATELY_USED] = used;
    note_wanted(pool);
    out[LATELY_WANTED] = mr_exchange_relaxed(&pool->highest[LATELY_WANTED], 0);
    if (out[LATELY_WANTED] < out[LATELY_USED])
        out[LATELY_WANTED] = out[LATELY_USED];
    if (mr_load_relaxed(&pool->field[OVERFLOWS]) && !mr_load_relaxed(&pool->field[RESETS]))
        out[LATELY_WANTED] = MR_UNKNOWN;
}

void mr_pools_tell(struct mr_encoder *encoder)
{
    uint32_t count = mr_defined_count(MR_DEFINE_POOL);
    for (uint32_t id = 1; id <= count && id <= POOLS_MAX; id++) {
        uint64_t arguments[1 + FIELDS + LATELY] = {id}, *lately = arguments + 1 + FIELDS;
        for (int f = 0; f < FIELDS; f++)
            arguments[1 + f] = mr_load_relaxed(&pools[id].field[f]);
        look_back(&pools[id], told[id], lately);
        if (memcmp(told[id], arguments + 1, sizeof told[id]) == 0 &&
            lately[LATELY_USED] == told[id][USED])
            continue;
        memcpy(told[id], arguments + 1, sizeof told[id]);
        if (!mr_load_relaxed(&pools[id].seen_state))
            arguments[1 + USED] = arguments[1 + RESERVED] = arguments[1 + HIGH_WATER] =
                lately[LATELY_USED] = lately[LATELY_WANTED] = MR_UNKNOWN;
        mr_encode_mark(encoder, MR_MARK_POOL_STATE, 0, mr_ticks(), arguments, 1 + FIELDS + LATELY);
    }
}
