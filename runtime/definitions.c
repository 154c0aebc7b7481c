/* SPDX-License-Identifier: Apache-2.0 */
#include "definitions.h"

#include "atomics.h"
#include "pages.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define LOG_BYTES    MR_DEFINITIONS_BYTES
#define INDEX_SLOTS  (1u << 19) /* more than there can be rows */
#define MEMORY_BYTES (sizeof(struct memory))

static const struct kind {
    uint32_t limit;    /* ids 1 to limit */
    uint8_t key_count; /* arguments that tell one from another, besides the text */
} kinds[MR_DEFINE_KINDS] = {
    [MR_DEFINE_NAME] = {1u << 17, 0},     [MR_DEFINE_STREAM] = {64, 1},
    [MR_DEFINE_HEAP] = {MR_HEAPS_MAX, 1}, [MR_DEFINE_POOL] = {1024, 1},
    [MR_DEFINE_CLASS] = {1u << 16, 2},    [MR_DEFINE_PLACE] = {1u << 17, 3},
};

/* Everything, in private pages that exist once they were used. Offsets into the log count 8 bytes, and
 * start at 1. */
static struct memory {
    _Atomic uint64_t log_used;           /* bytes */
    _Atomic uint64_t index[INDEX_SLOTS]; /* upper half of the hash | offset of the row; 0: empty */
    _Atomic uint32_t rows[MR_DEFINE_KINDS][(1u << 17) + 1];
    uint8_t log[LOG_BYTES] __attribute__((aligned(8)));
} * _Atomic memory;

_Atomic uint32_t mr_definitions_given[MR_DEFINE_KINDS];
static _Atomic uint64_t refused;
static struct mr_shared *_Atomic mirror;
static bool mirror_in_file;

/* The memory, made by the first who asks. */
static struct memory *get_memory(void)
{
    struct memory *there = mr_load_acquire(&memory); /* pairs with the exchange below */
    if (there)
        return there;
    struct memory *made = mr_pages_map(MEMORY_BYTES);
    if (!made)
        return NULL;
    if (atomic_compare_exchange_strong(&memory, &there, made))
        return made;
    mr_pages_unmap(made, MEMORY_BYTES);
    return there;
}

/* A row to be */
struct row {
    enum mr_definition kind;
    unsigned argument_count;
    uint32_t text_bytes;
    const uint64_t *arguments;
    const void *text;
};

static uint32_t row_bytes(const struct row *row)
{
    size_t bytes = sizeof(struct mr_definition_head) + row->argument_count * sizeof(uint64_t) +
                   row->text_bytes;
    return (uint32_t)((bytes + 7) & ~(size_t)7);
}

static void fill(uint8_t *at, const struct row *row, uint32_t id)
{
    struct mr_definition_head *head = (struct mr_definition_head *)at;
    head->id = id;
    head->argument_count = row->argument_count;
    head->text_bytes = row->text_bytes;
    at += sizeof *head;
    if (row->argument_count)
        memcpy(at, row->arguments, row->argument_count * sizeof(uint64_t));
    if (row->text_bytes)
        memcpy(at + row->argument_count * sizeof(uint64_t), row->text, row->text_bytes);
    mr_store_release(&head->size_and_kind, row_bytes(row) << 8 | row->kind); /* D1 */
}

/* What a row in the log says. */
static struct row row_at(const uint8_t *at)
{
    const struct mr_definition_head *head = (const struct mr_definition_head *)at;
    const uint64_t *arguments = (const uint64_t *)(at + sizeof *head);
    return (struct row){
        .kind = mr_load_relaxed(&head->size_and_kind) & 0xff,
        .argument_count = head->argument_count,
        .text_bytes = head->text_bytes,
        .arguments = arguments,
        .text = arguments + head->argument_count,
    };
}

/* Room for a row in a log: its offset in bytes, UINT64_MAX when there is none. */
static uint64_t take_room(_Atomic uint64_t *used, uint64_t capacity, uint32_t bytes)
{
    uint64_t at = mr_load_relaxed(used);
    do {
        if (at + bytes > capacity)
            return UINT64_MAX;
    } while (!atomic_compare_exchange_weak(used, &at, at + bytes));
    return at;
}

static void copy_to_mirror(struct mr_shared *shared, const struct row *row, uint32_t id)
{
    uint32_t bytes = row_bytes(row);
    uint64_t at = take_room(&shared->definitions_used, shared->definitions_bytes, bytes);
    uint8_t *place = (uint8_t *)shared + shared->definitions_offset + at;
    if (at == UINT64_MAX || (mirror_in_file && !mr_pages_populate(place, bytes))) {
        mr_fetch_add_relaxed(&refused, 1);
        return;
    }
    fill(place, row, id);
}

static uint64_t hash_of(const struct row *row)
{
    uint64_t hash = XXH3_64bits_withSeed(row->text, row->text_bytes, row->kind);
    for (unsigned i = 0; i < kinds[row->kind].key_count; i++)
        hash = (hash ^ row->arguments[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ hash >> 29;
    return hash ^ hash >> 32 ^ (hash == 0);
}

static bool is_same(const struct row *a, const struct row *b)
{
    return a->kind == b->kind && a->text_bytes == b->text_bytes &&
           memcmp(a->arguments, b->arguments, kinds[a->kind].key_count * sizeof(uint64_t)) == 0 &&
           memcmp(a->text, b->text, a->text_bytes) == 0;
}

/* The id in an occupied slot when it holds this row, else 0. */
static uint32_t id_in_slot(const struct memory *there, uint64_t slot, uint64_t hash,
                           const struct row *row)
{
    if ((slot ^ hash) >> 32)
        return 0;
    const uint8_t *at = there->log + ((slot & UINT32_MAX) - 1) * 8;
    struct row known = row_at(at);
    return is_same(&known, row) ? ((const struct mr_definition_head *)at)->id : 0;
}

/* A new row in the log, not yet in the index: its offset in units of 8 bytes from 1; 0: no place. */
static uint32_t add_row(struct memory *there, const struct row *row, uint32_t *id)
{
    uint64_t at = take_room(&there->log_used, LOG_BYTES, row_bytes(row));
    if (at == UINT64_MAX)
        return 0;
    uint32_t last = mr_load_relaxed(&mr_definitions_given[row->kind]);
    do {
        if (last >= kinds[row->kind].limit)
            return 0;
    } while (!atomic_compare_exchange_weak(&mr_definitions_given[row->kind], &last, last + 1));
    *id = last + 1;
    fill(there->log + at, row, *id);
    atomic_store(&there->rows[row->kind][*id], (uint32_t)(at / 8) + 1); /* D3 */
    return (uint32_t)(at / 8) + 1;
}

static uint32_t find_or_add(struct memory *there, const struct row *row)
{
    uint64_t hash = hash_of(row);
    uint32_t offset = 0, id = 0;
    for (uint32_t i = (uint32_t)hash; true; i++) {
        _Atomic uint64_t *place = &there->index[i % INDEX_SLOTS];
        uint64_t slot = mr_load_acquire(place); /* pairs with D2 */
        if (!slot) {
            if (!offset && !(offset = add_row(there, row, &id)))
                return 0;
            if (atomic_compare_exchange_strong(place, &slot, /* D2 */
                                               (hash >> 32) << 32 | offset)) {
                /* Sequentially consistent, as D3 and its partner: this sees the mirror, or it the row. */
                struct mr_shared *shared = atomic_load(&mirror);
                if (shared)
                    copy_to_mirror(shared, row, id);
                return id;
            }
        }
        uint32_t known = id_in_slot(there, slot, hash, row);
        if (known) /* if a row was added for nothing, its id stays unused */
            return known;
    }
}

uint32_t mr_define(enum mr_definition kind, const uint64_t *arguments, unsigned argument_count,
                   const void *text, size_t text_bytes)
{
    struct row row = {kind, argument_count,
                      (uint32_t)(text_bytes < MR_NAME_BYTES_MAX ? text_bytes : MR_NAME_BYTES_MAX),
                      arguments, text};
    int kept_errno = errno;
    struct memory *there = get_memory();
    uint32_t id = there ? find_or_add(there, &row) : 0;
    if (!id)
        mr_fetch_add_relaxed(&refused, 1);
    errno = kept_errno;
    return id;
}

uint32_t mr_define_name(const char *text, size_t bytes)
{
    static const uint64_t none;
    return text && bytes ? mr_define(MR_DEFINE_NAME, &none, 0, text, bytes) : 0;
}

uint32_t mr_define_text(const char *text)
{
    return text ? mr_define_name(text, strnlen(text, MR_NAME_BYTES_MAX)) : 0;
}

uint64_t mr_definition_argument(enum mr_definition kind, uint32_t id, unsigned index)
{
    struct memory *there = mr_load_acquire(&memory);
    uint32_t offset = mr_load_acquire(&there->rows[kind][id]);
    if (!offset) /* its maker is at it */
        return MR_UNKNOWN;
    struct row row = row_at(there->log + (offset - 1) * (size_t)8);
    return index < row.argument_count ? row.arguments[index] : MR_UNKNOWN;
}

uint64_t mr_definitions_refused(void) { return mr_load_relaxed(&refused); }

void mr_definitions_mirror(struct mr_shared *shared, bool in_file)
{
    mirror_in_file = in_file;
    atomic_store(&mirror, shared);
    struct memory *there = mr_load_acquire(&memory);
    if (!shared || !there)
        return;
    for (unsigned kind = 1; kind < MR_DEFINE_KINDS; kind++) {
        uint32_t count = atomic_load(&mr_definitions_given[kind]);
        for (uint32_t id = 1; id <= count; id++) {
            uint32_t offset = atomic_load(&there->rows[kind][id]); /* pairs with D3 */
            if (!offset)
                continue;
            struct row row = row_at(there->log + (offset - 1) * (size_t)8);
            copy_to_mirror(shared, &row, id);
        }
    }
}
