/* SPDX-License-Identifier: Apache-2.0 */
/* ring_layout.h -- the shared-memory file in which events wait between malloc and the trace.
 *
 *   offset 0                        struct mr_shared                one page
 *   MR_SHARED_THREADS_OFFSET        struct mr_thread_slot [MR_THREAD_SLOTS]
 *   MR_SHARED_RINGS_OFFSET          struct mr_ring [ring_count]     heads, tails, losses
 *   heap_slots_offset               struct mr_heap_slot [MR_THREAD_SLOTS][MR_HEAPS_MAX]
 *   definitions_offset              definitions_bytes: the definition log
 *   data_offset                     ring_bytes each: the words
 *
 * It outlives the process: after a kill, an analyzer on the same machine reads from it what the
 * trace lacks (TRACE_FORMAT.md, section 4). It is sparse: a page exists once it was used.
 *
 * A ring is a circle of 64-bit words. `head` and `tail` count words and only grow; word n lies at
 * n % (ring_bytes / 8). An event is 2 words or more:
 *
 *   word   free                     allocation                          mark
 *    0     meta                     meta                                meta
 *    1     ticks                    ticks                               ticks
 *    2     key: id, or address      address                             its arguments
 *    3                              requested size | extra << 48
 *    4                              id (sampled mode) or 0
 *    5                              hash of the stack
 *    6 ..                           its frames, innermost first, when meta.frame_count > 0
 *    then                           of a managed object: heap | class << 32
 *
 *   meta:  bits 0-7    op            enum mr_op, or MR_OP_MARK
 *          bits 8-15   frame_count   0: a stack announced before; 1-128; the frames follow
 *                      of a mark     its arguments, at most 64
 *          bits 16-23  interval      code of column 7 of EVENTS
 *          bits 24-31  flags         bit 0: the stack was cut off
 *          bits 16-31  of a mark     enum mr_mark
 *          bits 32-63  thread        our thread id
 *
 * The definition log holds rows of DEFINE, 8-byte aligned, each behind a struct mr_definition_head. A row
 * whose head is 0 ends it. Rows are only added; a row counts from the moment its head is not 0.
 *
 * Commit protocol. Before the drain thread writes block n it stores every ring's pending_tail, then
 * pending_sequence = n; after the write it stores every tail, then committed_sequence = n. So each
 * event is in block n or in a ring, and a reader can tell which.                                 */
#ifndef MEMREC_SCHEMA_RING_LAYOUT_H
#define MEMREC_SCHEMA_RING_LAYOUT_H

#include "trace_format.h"

#include <stdalign.h>
#include <stdatomic.h>

#define MR_SHARED_MAGIC   "MRRING1\n"
#define MR_SHARED_VERSION 2u
#define MR_CACHE_LINE     64

#define MR_SHARED_THREADS_OFFSET 4096u
#define MR_THREAD_SLOTS          4096u
#define MR_THREAD_SLOT_BYTES     192u
#define MR_SHARED_RINGS_OFFSET   (MR_SHARED_THREADS_OFFSET + MR_THREAD_SLOTS * MR_THREAD_SLOT_BYTES)
#define MR_RINGS_MAX             512u
#define MR_RING_BYTES            256u /* of struct mr_ring, not of its data */
#define MR_OWED_FREES            128u
#define MR_HEAPS_MAX             8u
#define MR_DEFINITIONS_BYTES     (8u << 20) /* usually; the head says it */

#define MR_FREE_WORDS      3u
#define MR_ALLOC_WORDS     6u
#define MR_MARK_WORDS      2u
#define MR_EVENT_WORDS_MAX (MR_ALLOC_WORDS + MR_STACK_DEPTH_MAX + 1)

enum { MR_META_TRUNCATED = 1u << 0 };
enum { MR_OP_MARK = 0x40 }; /* in rings only */

static inline uint64_t mr_meta(unsigned op, unsigned frame_count, unsigned interval, unsigned flags,
                               uint32_t thread)
{
    return (uint64_t)op | (uint64_t)frame_count << 8 | (uint64_t)interval << 16 |
           (uint64_t)flags << 24 | (uint64_t)thread << 32;
}

static inline uint64_t mr_mark_meta(unsigned mark, unsigned argument_count, uint32_t thread)
{
    return (uint64_t)MR_OP_MARK | (uint64_t)argument_count << 8 | (uint64_t)mark << 16 |
           (uint64_t)thread << 32;
}

static inline unsigned mr_meta_op(uint64_t meta) { return meta & 0xff; }
static inline unsigned mr_meta_frame_count(uint64_t meta) { return (meta >> 8) & 0xff; }
static inline unsigned mr_meta_interval(uint64_t meta) { return (meta >> 16) & 0xff; }
static inline unsigned mr_meta_flags(uint64_t meta) { return (meta >> 24) & 0xff; }
static inline unsigned mr_meta_mark(uint64_t meta) { return (meta >> 16) & 0xffff; }
static inline uint32_t mr_meta_thread(uint64_t meta) { return (uint32_t)(meta >> 32); }

#define MR_SIZE_BITS 48
static inline uint64_t mr_size_word(uint64_t size_bytes, uint64_t extra_bytes)
{
    uint64_t cap = (UINT64_C(1) << MR_SIZE_BITS) - 1;
    return (size_bytes < cap ? size_bytes : cap) |
           (extra_bytes < MR_EXTRA_BYTES_MAX ? extra_bytes : MR_EXTRA_BYTES_MAX) << MR_SIZE_BITS;
}
static inline uint64_t mr_size_word_size(uint64_t word)
{
    return word & ((UINT64_C(1) << MR_SIZE_BITS) - 1);
}
static inline uint64_t mr_size_word_extra(uint64_t word) { return word >> MR_SIZE_BITS; }

/* Words of the event that starts with this meta word. */
static inline unsigned mr_event_words(uint64_t meta)
{
    unsigned op = mr_meta_op(meta);
    if (op & MR_OP_ALLOC)
        return MR_ALLOC_WORDS + mr_meta_frame_count(meta) + (op == MR_OP_HEAP_ALLOC);
    return op == MR_OP_MARK ? MR_MARK_WORDS + mr_meta_frame_count(meta) : MR_FREE_WORDS;
}

/* Bit of an address that says: of a managed object. */
#define MR_OBJECT_KEY (UINT64_C(1) << 63)

/* owed_frees: frees that found no room in a ring: the id they name, in full mode the address, of a managed object
 * with MR_OBJECT_KEY. 0: the place is empty. */
struct mr_shared {
    char magic[8];
    uint32_t version;
    uint32_t ring_count;
    uint64_t ring_bytes; /* data bytes of each ring, a power of two */
    uint64_t data_offset;
    uint64_t file_bytes;
    uint8_t trace_id[16];
    uint64_t pid;
    uint64_t start_ticks;
    uint64_t mode;                       /* enum mr_mode */
    _Atomic uint64_t pending_sequence;   /* block being written; UINT64_MAX: none yet */
    _Atomic uint64_t committed_sequence; /* last block surely written; UINT64_MAX: none yet */
    _Atomic uint64_t dropped_samples;    /* allocations that found no room in a ring */
    _Atomic uint64_t dropped_bytes;      /* what they stood for, estimated bytes */
    _Atomic uint64_t dropped_frees;      /* frees that found no room anywhere */
    _Atomic uint64_t owed_frees[MR_OWED_FREES];
    uint64_t heap_slots_offset;
    uint64_t definitions_offset;
    uint64_t definitions_bytes;        /* room for the log */
    _Atomic uint64_t definitions_used; /* bytes given out: rows end at the first head that is 0 */
    _Atomic uint64_t dropped_marks;    /* found no room in a ring, or interrupted the recorder */
};
static_assert(sizeof(struct mr_shared) <= MR_SHARED_THREADS_OFFSET, "fits its page");

/* Before each row of the definition log; arguments and text follow, padded to 8 bytes. */
struct mr_definition_head {
    _Atomic uint32_t size_and_kind; /* bytes of the row with this head << 8 | enum mr_definition */
    uint32_t id;
    uint32_t argument_count;
    uint32_t text_bytes;
};

enum mr_thread_state { MR_THREAD_UNUSED = 0, MR_THREAD_LIVE = 1 };

/* One thread: its countdown to the next sample and its exact counters. Written by its owner only,
 * read by the drain thread and, after a death, by the analyzer.
 *     bytes allocated so far = bytes_base - countdown                                             */
struct mr_thread_slot {
    alignas(MR_CACHE_LINE) _Atomic uint64_t countdown; /* bytes until the next sample */
    _Atomic uint64_t alloc_calls;
    _Atomic uint64_t free_calls;
    _Atomic uint64_t bytes_base;
    _Atomic uint32_t version; /* odd while countdown and bytes_base disagree */
    _Atomic uint32_t state;   /* enum mr_thread_state */
    uint32_t id;              /* our thread id, from 1; never reused in a trace */
    uint32_t tid;             /* the system's */
    uint64_t start_ticks;
    /* The rest is the owner's private business. */
    alignas(MR_CACHE_LINE) uint64_t random[2];
    uint32_t ring; /* index, or UINT32_MAX */
    uint32_t interval_code;
    uint32_t flags;
    uint32_t busy;
    char name[16];
    uint32_t spans; /* begun so far */
    uint8_t reserved[MR_THREAD_SLOT_BYTES - MR_CACHE_LINE - 52];
};
static_assert(sizeof(struct mr_thread_slot) == MR_THREAD_SLOT_BYTES, "three cache lines");

/* One thread in one managed heap (ids from 1 are rows from 0): its countdown and its exact counters, as above. */
struct mr_heap_slot {
    alignas(MR_CACHE_LINE) _Atomic uint64_t countdown;
    _Atomic uint64_t alloc_calls;
    _Atomic uint64_t free_calls;
    _Atomic uint64_t freed_bytes;
    _Atomic uint64_t bytes_base;
    _Atomic uint32_t version;
    uint32_t interval_code;
};
static_assert(sizeof(struct mr_heap_slot) == MR_CACHE_LINE, "one cache line");

struct mr_ring {
    alignas(MR_CACHE_LINE) _Atomic uint64_t head; /* the producer's line */
    _Atomic uint64_t high_water;                  /* most words ever waiting */
    alignas(MR_CACHE_LINE) _Atomic uint64_t tail; /* the drain thread's line */
    _Atomic uint64_t pending_tail;
    alignas(MR_CACHE_LINE) _Atomic uint32_t owner; /* our thread id; 0: free to take */
    uint32_t owner_tid;
    alignas(MR_CACHE_LINE) _Atomic uint64_t stack_epoch; /* see runtime/stacks.h */
};
static_assert(sizeof(struct mr_ring) == MR_RING_BYTES, "four cache lines");

#endif
