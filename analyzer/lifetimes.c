/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes.c -- see lifetimes.h. */
#include "lifetimes.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 64,
    SHARD_SLOTS_MIN = 16,
    SHARD_SLOTS_SMALL = 8192,
    PIECE_BITS = 13,
    PIECE_PLACES = 1 << PIECE_BITS,
};

#define NO_PLACE    UINT32_MAX
#define FREE_THREAD UINT32_MAX
#define CONTINUED   (UINT32_C(1) << 31) /* in place.stack: an index of `continued` instead */
#define TIME_MASK   ((UINT64_C(1) << 56) - 1)
#define SIZE_MASK   ((UINT64_C(1) << 47) - 1)

struct slot {
    uint32_t place; /* NO_PLACE: empty */
    uint32_t hash;  /* upper half of the mixed key */
};

/* 36 bytes: 64-bit values are kept in two halves, so that no padding comes between. */
struct place {
    uint32_t key; /* lower half of the mixed key; of a free place: the next free one */
    uint32_t stack;
    uint32_t thread;   /* FREE_THREAD: a free place */
    uint32_t birth[2]; /* 56 bits; above them five of interval, then kind */
    uint32_t size[2];  /* 47 bits; above them the sixth of interval, then extra */
    uint32_t address[2];
};

struct continued { /* what only reallocated blocks have */
    int64_t previous_id;
    uint32_t stack; /* when free: the next free one */
};

struct shard {
    struct slot *slots;
    uint32_t capacity, used;
};

struct lifetimes {
    struct shard shards[SHARDS];
    struct place **pieces;
    bool has_contexts;   /* other than 0 */
    uint32_t **contexts; /* of the places of each piece; NULL: all 0 */
    size_t piece_count, piece_room;
    uint32_t free_place; /* NO_PLACE: none */
    uint64_t open;
    struct continued *continued;
    uint32_t continued_count, continued_room, free_continued;
};

/* A bijection, so that two halves of its result stand for the whole key. */
static uint64_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C(0xd6e8feb86659fd93);
    key ^= key >> 32;
    key *= UINT64_C(0xd6e8feb86659fd93);
    key ^= key >> 32;
    return key;
}

static uint64_t unmix(uint64_t mixed)
{
    mixed ^= mixed >> 32;
    mixed *= UINT64_C(0xcfee444d8b59a89b);
    mixed ^= mixed >> 32;
    mixed *= UINT64_C(0xcfee444d8b59a89b);
    mixed ^= mixed >> 32;
    return mixed;
}

static void put64(uint32_t half[2], uint64_t value) { memcpy(half, &value, sizeof value); }

static uint64_t get64(const uint32_t half[2])
{
    uint64_t value;

    memcpy(&value, half, sizeof value);
    return value;
}

static struct place *place_at(const struct lifetimes *lifetimes, uint32_t index)
{
    return &lifetimes->pieces[index >> PIECE_BITS][index & (PIECE_PLACES - 1)];
}

static uint32_t home_of(const struct shard *shard, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * shard->capacity >> 32);
}

static uint32_t next_slot(const struct shard *shard, uint32_t at)
{
    return at + 1 == shard->capacity ? 0 : at + 1;
}

struct lifetimes *lifetimes_new(void)
{
    struct lifetimes *lifetimes = calloc(1, sizeof *lifetimes);

    if (lifetimes) {
        lifetimes->free_place = NO_PLACE;
        lifetimes->free_continued = NO_PLACE;
    }
    return lifetimes;
}

void lifetimes_clear(struct lifetimes *lifetimes)
{
    for (size_t i = 0; i < SHARDS; i++) {
        free(lifetimes->shards[i].slots);
    }
    for (size_t i = 0; i < lifetimes->piece_count; i++) {
        free(lifetimes->pieces[i]);
        free(lifetimes->contexts[i]);
    }
    free(lifetimes->pieces);
    free(lifetimes->contexts);
    free(lifetimes->continued);
    memset(lifetimes, 0, sizeof *lifetimes);
    lifetimes->free_place = NO_PLACE;
    lifetimes->free_continued = NO_PLACE;
}

void lifetimes_delete(struct lifetimes *lifetimes)
{
    if (lifetimes) {
        lifetimes_clear(lifetimes);
        free(lifetimes);
    }
}

/* The slot that holds the key, or the hole where it belongs. */
static uint32_t find(const struct lifetimes *lifetimes, const struct shard *shard, uint64_t mixed)
{
    uint32_t hash = (uint32_t)(mixed >> 32);
    uint32_t at = home_of(shard, hash);

    while (shard->slots[at].place != NO_PLACE) {
        if (shard->slots[at].hash == hash &&
            place_at(lifetimes, shard->slots[at].place)->key == (uint32_t)mixed) {
            break;
        }
        at = next_slot(shard, at);
    }
    return at;
}

/* Whether another slot would make probes long: half full while small, 85 % from then on. */
static bool is_full(const struct shard *shard)
{
    return shard->capacity < SHARD_SLOTS_SMALL
               ? shard->used + 1 > shard->capacity / 2
               : (uint64_t)(shard->used + 1) * 20 > (uint64_t)shard->capacity * 17;
}

/* Doubles while small; then by a quarter, so that little room is idle. Homes keep their order,
 * so this is one sweep. */
static bool grow(struct shard *shard)
{
    uint32_t capacity = shard->capacity < SHARD_SLOTS_SMALL ? 2 * shard->capacity
                                                            : shard->capacity + shard->capacity / 4;
    struct shard grown = {NULL, capacity < SHARD_SLOTS_MIN ? SHARD_SLOTS_MIN : capacity,
                          shard->used};

    grown.slots = malloc(grown.capacity * sizeof *grown.slots);
    if (!grown.slots) {
        return false;
    }
    memset(grown.slots, 0xff, grown.capacity * sizeof *grown.slots);
    for (uint32_t i = 0; i < shard->capacity; i++) {
        if (shard->slots[i].place != NO_PLACE) {
            uint32_t at = home_of(&grown, shard->slots[i].hash);

            while (grown.slots[at].place != NO_PLACE) {
                at = next_slot(&grown, at);
            }
            grown.slots[at] = shard->slots[i];
        }
    }
    free(shard->slots);
    *shard = grown;
    return true;
}

static void remove_slot(struct shard *shard, uint32_t hole)
{
    for (uint32_t at = next_slot(shard, hole); shard->slots[at].place != NO_PLACE;
         at = next_slot(shard, at)) {
        uint32_t home = home_of(shard, shard->slots[at].hash);
        /* Distances on the circle: one that would still be found from its home may move back. */
        uint32_t from_home = at >= home ? at - home : at + shard->capacity - home;
        uint32_t from_hole = at >= hole ? at - hole : at + shard->capacity - hole;

        if (from_home >= from_hole) {
            shard->slots[hole] = shard->slots[at];
            hole = at;
        }
    }
    shard->slots[hole].place = NO_PLACE;
    shard->used--;
}

static bool add_piece(struct lifetimes *lifetimes)
{
    if (lifetimes->piece_count == lifetimes->piece_room) {
        size_t room = lifetimes->piece_room ? 2 * lifetimes->piece_room : 64;
        struct place **pieces = realloc(lifetimes->pieces, room * sizeof *pieces);

        if (!pieces) {
            return false;
        }
        lifetimes->pieces = pieces;
        uint32_t **contexts = realloc(lifetimes->contexts, room * sizeof *contexts);
        if (!contexts) {
            return false;
        }
        lifetimes->contexts = contexts;
        lifetimes->piece_room = room;
    }
    struct place *piece = malloc(PIECE_PLACES * sizeof *piece);
    if (!piece) {
        return false;
    }
    uint32_t first = (uint32_t)(lifetimes->piece_count << PIECE_BITS);
    for (uint32_t i = 0; i < PIECE_PLACES; i++) {
        piece[i].thread = FREE_THREAD;
        piece[i].key = i + 1 < PIECE_PLACES ? first + i + 1 : lifetimes->free_place;
    }
    lifetimes->contexts[lifetimes->piece_count] = NULL;
    lifetimes->pieces[lifetimes->piece_count++] = piece;
    lifetimes->free_place = first;
    return true;
}

/* Keeps the stack and the predecessor of a reallocated block; NO_PLACE: out of memory. */
static uint32_t add_continued(struct lifetimes *lifetimes, const struct block *block)
{
    if (lifetimes->free_continued == NO_PLACE) {
        if (lifetimes->continued_count == lifetimes->continued_room) {
            uint32_t room = lifetimes->continued_room + lifetimes->continued_room / 2 + 64;
            struct continued *more = realloc(lifetimes->continued, room * sizeof *more);

            if (!more) {
                return NO_PLACE;
            }
            lifetimes->continued = more;
            lifetimes->continued_room = room;
        }
        lifetimes->continued[lifetimes->continued_count].stack = NO_PLACE;
        lifetimes->free_continued = lifetimes->continued_count++;
    }
    uint32_t index = lifetimes->free_continued;
    struct continued *continued = &lifetimes->continued[index];
    lifetimes->free_continued = continued->stack;
    *continued = (struct continued){block->previous_id, block->stack};
    return index;
}

static __attribute__((noinline)) bool put_context(struct lifetimes *lifetimes, uint32_t place,
                                                  uint32_t context)
{
    uint32_t **piece = &lifetimes->contexts[place >> PIECE_BITS];

    lifetimes->has_contexts = true;
    if (!*piece && (context == 0 || !(*piece = calloc(PIECE_PLACES, sizeof **piece)))) {
        return context == 0;
    }
    (*piece)[place & (PIECE_PLACES - 1)] = context;
    return true;
}

static uint32_t get_context(const struct lifetimes *lifetimes, uint32_t place)
{
    const uint32_t *piece = lifetimes->contexts[place >> PIECE_BITS];

    return piece ? piece[place & (PIECE_PLACES - 1)] : 0;
}

/* Out of the low 56 bits, with their sign. */
static inline int64_t birth_of(uint64_t birth) { return (int64_t)(birth << 8) >> 8; }

static inline void fill_block(const struct lifetimes *lifetimes, uint32_t index, struct block *out)
{
    const struct place *place = place_at(lifetimes, index);
    uint64_t birth = get64(place->birth);
    uint64_t size = get64(place->size);

    out->birth_ns = birth_of(birth);
    out->interval = (uint8_t)((birth >> 56 & 31) | (size >> 47 & 1) << 5);
    out->kind = (uint8_t)(birth >> 61);
    out->address = get64(place->address);
    out->size_bytes = size & SIZE_MASK;
    out->extra_bytes = (uint32_t)(size >> 48);
    out->stack = place->stack;
    out->thread = place->thread;
    out->context = lifetimes->has_contexts ? get_context(lifetimes, index) : 0;
    out->previous_id = 0;
    if (place->stack & CONTINUED) {
        const struct continued *continued = &lifetimes->continued[place->stack & ~CONTINUED];

        out->stack = continued->stack;
        out->previous_id = continued->previous_id;
    }
}

static bool fill_place(struct lifetimes *lifetimes, uint32_t index, const struct block *block)
{
    struct place *place = place_at(lifetimes, index);

    if ((block->context || lifetimes->has_contexts) &&
        !put_context(lifetimes, index, block->context)) {
        return false;
    }
    place->stack = block->stack;
    if (block->previous_id) {
        uint32_t continued = add_continued(lifetimes, block);

        if (continued == NO_PLACE) {
            return false;
        }
        place->stack = continued | CONTINUED;
    }
    place->thread = block->thread;
    put64(place->birth, ((uint64_t)block->birth_ns & TIME_MASK) |
                            (uint64_t)(block->interval & 31) << 56 |
                            (uint64_t)(block->kind & 7) << 61);
    put64(place->size, (block->size_bytes & SIZE_MASK) |
                           (uint64_t)(block->interval >> 5 & 1) << 47 |
                           (uint64_t)block->extra_bytes << 48);
    put64(place->address, block->address);
    return true;
}

static void free_place(struct lifetimes *lifetimes, uint32_t index)
{
    struct place *place = place_at(lifetimes, index);

    if (place->stack & CONTINUED) {
        uint32_t continued = place->stack & ~CONTINUED;

        lifetimes->continued[continued].stack = lifetimes->free_continued;
        lifetimes->free_continued = continued;
    }
    place->thread = FREE_THREAD;
    place->key = lifetimes->free_place;
    lifetimes->free_place = index;
}

static void end_block(struct lifetimes *lifetimes, struct shard *shard, uint32_t at,
                      struct block *ended)
{
    uint32_t index = shard->slots[at].place;

    fill_block(lifetimes, index, ended);
    free_place(lifetimes, index);
    remove_slot(shard, at);
    lifetimes->open--;
}

enum lifetimes_answer lifetimes_open(struct lifetimes *lifetimes, uint64_t key,
                                     const struct block *block, struct block *ended)
{
    uint64_t mixed = mix(key);
    struct shard *shard = &lifetimes->shards[mixed % SHARDS];
    enum lifetimes_answer answer = LIFETIMES_DONE;

    if (is_full(shard) && !grow(shard)) {
        return LIFETIMES_NO_MEMORY;
    }
    if (lifetimes->free_place == NO_PLACE && !add_piece(lifetimes)) {
        return LIFETIMES_NO_MEMORY;
    }
    uint32_t at = find(lifetimes, shard, mixed);
    if (shard->slots[at].place != NO_PLACE) {
        end_block(lifetimes, shard, at, ended);
        answer = LIFETIMES_REUSED;
        at = find(lifetimes, shard, mixed);
    }
    uint32_t index = lifetimes->free_place;
    struct place *place = place_at(lifetimes, index);
    uint32_t next_free = place->key;
    if (!fill_place(lifetimes, index, block)) {
        return LIFETIMES_NO_MEMORY;
    }
    place->key = (uint32_t)mixed;
    lifetimes->free_place = next_free;
    shard->slots[at] = (struct slot){index, (uint32_t)(mixed >> 32)};
    shard->used++;
    lifetimes->open++;
    return answer;
}

enum lifetimes_answer lifetimes_close(struct lifetimes *lifetimes, uint64_t key, uint64_t time_ns,
                                      struct block *ended)
{
    uint64_t mixed = mix(key);
    struct shard *shard = &lifetimes->shards[mixed % SHARDS];

    if (shard->used == 0) {
        return LIFETIMES_UNKNOWN;
    }
    uint32_t at = find(lifetimes, shard, mixed);
    if (shard->slots[at].place == NO_PLACE) {
        return LIFETIMES_UNKNOWN;
    }
    int64_t birth_ns = birth_of(get64(place_at(lifetimes, shard->slots[at].place)->birth));
    if (birth_ns > 0 && (uint64_t)birth_ns > time_ns) {
        return LIFETIMES_LATE;
    }
    end_block(lifetimes, shard, at, ended);
    return LIFETIMES_DONE;
}

enum lifetimes_answer lifetimes_move(struct lifetimes *lifetimes, uint64_t key, uint64_t new_key,
                                     uint64_t new_address, struct block *ended)
{
    struct block moved;
    enum lifetimes_answer answer = lifetimes_close(lifetimes, key, UINT64_MAX, &moved);

    if (answer != LIFETIMES_DONE) {
        return answer;
    }
    moved.address = new_address;
    return lifetimes_open(lifetimes, new_key, &moved, ended);
}

void lifetimes_prefetch_slot(const struct lifetimes *lifetimes, uint64_t key)
{
    uint64_t mixed = mix(key);
    const struct shard *shard = &lifetimes->shards[mixed % SHARDS];

    if (shard->slots) {
        __builtin_prefetch(shard->slots + home_of(shard, (uint32_t)(mixed >> 32)));
    }
}

void lifetimes_prefetch_place(const struct lifetimes *lifetimes, uint64_t key)
{
    uint64_t mixed = mix(key);
    const struct shard *shard = &lifetimes->shards[mixed % SHARDS];
    uint32_t hash = (uint32_t)(mixed >> 32);

    if (shard->used == 0) {
        return;
    }
    uint32_t at = home_of(shard, hash);
    while (shard->slots[at].place != NO_PLACE && shard->slots[at].hash != hash) {
        at = next_slot(shard, at);
    }
    if (shard->slots[at].place != NO_PLACE) {
        const struct place *place = place_at(lifetimes, shard->slots[at].place);

        __builtin_prefetch(place);
        __builtin_prefetch((const char *)(place + 1) - 1);
    }
}

uint64_t lifetimes_open_count(const struct lifetimes *lifetimes) { return lifetimes->open; }

status lifetimes_each(const struct lifetimes *lifetimes,
                      status (*visit)(void *context, const struct block *block), void *context)
{
    for (size_t i = 0; i < lifetimes->piece_count; i++) {
        for (uint32_t k = 0; k < PIECE_PLACES; k++) {
            const struct place *place = &lifetimes->pieces[i][k];

            if (place->thread != FREE_THREAD) {
                struct block block;

                fill_block(lifetimes, (uint32_t)(i << PIECE_BITS | k), &block);
                TRY(visit(context, &block));
            }
        }
    }
    return OK;
}

status lifetimes_each_key(const struct lifetimes *lifetimes,
                          status (*visit)(void *context, uint64_t key), void *context)
{
    for (size_t i = 0; i < SHARDS; i++) {
        const struct shard *shard = &lifetimes->shards[i];

        for (uint32_t at = 0; at < shard->capacity; at++) {
            const struct slot *slot = &shard->slots[at];

            if (slot->place != NO_PLACE) {
                uint32_t low = place_at(lifetimes, slot->place)->key;

                TRY(visit(context, unmix((uint64_t)slot->hash << 32 | low)));
            }
        }
    }
    return OK;
}

bool lifetimes_is_open(const struct lifetimes *lifetimes, uint64_t key)
{
    uint64_t mixed = mix(key);
    const struct shard *shard = &lifetimes->shards[mixed % SHARDS];

    return shard->used && shard->slots[find(lifetimes, shard, mixed)].place != NO_PLACE;
}

uint64_t lifetimes_bytes(const struct lifetimes *lifetimes)
{
    uint64_t bytes = lifetimes->piece_count * PIECE_PLACES * sizeof(struct place) +
                     lifetimes->piece_room * (sizeof(struct place *) + sizeof(uint32_t *)) +
                     lifetimes->continued_room * sizeof(struct continued);

    for (size_t i = 0; i < SHARDS; i++) {
        bytes += lifetimes->shards[i].capacity * sizeof(struct slot);
    }
    for (size_t i = 0; i < lifetimes->piece_count; i++) {
        bytes += lifetimes->contexts[i] ? PIECE_PLACES * sizeof(uint32_t) : 0;
    }
    return bytes;
}
