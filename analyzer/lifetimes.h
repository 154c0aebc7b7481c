/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes.h -- which free ends which allocation, across address reuse.
 *
 * The open blocks of one run by key (an id, or an address in full mode). Strange orders are answers,
 * not errors: the caller counts them. At most 48 bytes per open block, 16 more for one that was
 * reallocated, and 4 when contexts other than 0 occur:
 *
 *   slots    {index, hash} in 64 shards, linear probing in the order of the hash, 68 to 85 % full
 *            (the first 4 MiB of them 25 to 50 %: those are fast)
 *   places   36 bytes each, in pieces that never move; a freed place is used again
 *
 * Deleting shifts the followers back, so there are no tombstones and a probe ends at the first hole.
 * The half of the mixed key that is not in the slot is in the place, so a match is exact.         */
#ifndef MEMANALYZE_LIFETIMES_H
#define MEMANALYZE_LIFETIMES_H

#include "records.h"

struct lifetimes;

struct block {
    int64_t birth_ns; /* from -2^55 to 2^55 - 1; negative: before the run */
    uint64_t address;
    uint64_t size_bytes;  /* below 2^47 */
    uint32_t extra_bytes; /* usable - requested, at most 65535 */
    uint32_t stack;       /* the caller's, below 2^31 */
    uint32_t thread;      /* the caller's */
    uint8_t kind;         /* 0 to 7 */
    uint8_t interval;     /* code, 0 to 63 */
    uint32_t context;     /* the caller's */
    int64_t previous_id;  /* 0: none */
};

enum lifetimes_answer {
    LIFETIMES_DONE,
    LIFETIMES_REUSED,  /* open: the key was open already; that block is ended and handed out */
    LIFETIMES_UNKNOWN, /* close: no open block has the key */
    LIFETIMES_LATE, /* close: the open block is younger than this free, which was its predecessor's */
    LIFETIMES_NO_MEMORY,
};

struct lifetimes *lifetimes_new(void); /* NULL: out of memory */
void lifetimes_delete(struct lifetimes *lifetimes);

/* Opens a block. On LIFETIMES_REUSED *ended is the block that had the key until now. */
enum lifetimes_answer lifetimes_open(struct lifetimes *lifetimes, uint64_t key,
                                     const struct block *block, struct block *ended);

/* Ends the open block with this key: *ended on LIFETIMES_DONE. */
enum lifetimes_answer lifetimes_close(struct lifetimes *lifetimes, uint64_t key, uint64_t time_ns,
                                      struct block *ended);

/* Gives the open block with `key` another key and address. LIFETIMES_REUSED: another block had the
 * new key; it is ended and handed out. LIFETIMES_UNKNOWN: no open block has `key`. */
enum lifetimes_answer lifetimes_move(struct lifetimes *lifetimes, uint64_t key, uint64_t new_key,
                                     uint64_t new_address, struct block *ended);

/* Hints that lifetimes_open or _close will soon come with this key: first for its slot, later,
 * when that has arrived, for its block. Two cache misses per event become none. */
void lifetimes_prefetch_slot(const struct lifetimes *lifetimes, uint64_t key);
void lifetimes_prefetch_place(const struct lifetimes *lifetimes, uint64_t key);

uint64_t lifetimes_open_count(const struct lifetimes *lifetimes);

/* Hands out every open block, oldest place first, until `visit` fails. Nothing is changed. */
STATUS_MUST_USE status lifetimes_each(const struct lifetimes *lifetimes,
                                      status (*visit)(void *context, const struct block *block),
                                      void *context);

/* Hands out the key of every open block, in no order, until `visit` fails. Nothing may be changed meanwhile. */
STATUS_MUST_USE status lifetimes_each_key(const struct lifetimes *lifetimes,
                                          status (*visit)(void *context, uint64_t key),
                                          void *context);

bool lifetimes_is_open(const struct lifetimes *lifetimes, uint64_t key);

/* Forgets every open block and gives the memory back: ready for the next run. */
void lifetimes_clear(struct lifetimes *lifetimes);

/* Bytes held for open blocks: slots and blocks. */
uint64_t lifetimes_bytes(const struct lifetimes *lifetimes);

#endif
