/* SPDX-License-Identifier: Apache-2.0 */
/* trace_format.h -- TRACE_FORMAT.md as constants and static assertions.
 *
 * The document is normative; a name here is the name there. Fixed-width fields are little-endian,
 * which every machine we build for is (asserted below), so a header is read and written by memcpy. */
#ifndef MEMREC_SCHEMA_TRACE_FORMAT_H
#define MEMREC_SCHEMA_TRACE_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the trace is little-endian");

#define MR_TRACE_MAJOR 1
#define MR_TRACE_MINOR 2

#define MR_SKIPPABLE_MAGIC   0x184D2A5Du
#define MR_BLOCK_MAGIC       "\x89MREC\r\n\x1a"
#define MR_BLOCK_MAGIC_BYTES 8

#define MR_PAYLOAD_BYTES_MAX (16u << 20)
#define MR_FRAME_BYTES_MAX   (17u << 20)

enum { MR_BLOCK_LAST = 1u << 0 };

struct mr_block_header {
    uint32_t skippable_magic;
    uint32_t skippable_bytes;
    uint8_t magic[MR_BLOCK_MAGIC_BYTES];
    uint16_t major;
    uint16_t minor;
    uint32_t flags;
    uint8_t trace_id[16];
    uint64_t sequence;
    uint64_t first_ticks;
    uint64_t last_ticks;
    uint64_t events_before;
    uint32_t event_count;
    uint32_t payload_bytes;
    uint32_t frame_bytes;
    uint32_t reserved;
    uint64_t clock_ticks;
    uint64_t clock_ns;
    uint64_t frame_xxh3;
    uint64_t header_xxh3;
};

#define MR_BLOCK_HEADER_BYTES 120
#define MR_SKIPPABLE_BYTES    (MR_BLOCK_HEADER_BYTES - 8)

static_assert(sizeof(struct mr_block_header) == MR_BLOCK_HEADER_BYTES, "no padding");
static_assert(offsetof(struct mr_block_header, trace_id) == 24, "TRACE_FORMAT.md, section 2");
static_assert(offsetof(struct mr_block_header, events_before) == 64, "TRACE_FORMAT.md, section 2");
static_assert(offsetof(struct mr_block_header, clock_ticks) == 88, "TRACE_FORMAT.md, section 2");
static_assert(offsetof(struct mr_block_header, header_xxh3) == 112, "TRACE_FORMAT.md, section 2");

enum mr_section {
    MR_SECTION_HEADER = 1,
    MR_SECTION_MODULE = 2,
    MR_SECTION_MODULE_GONE = 3,
    MR_SECTION_THREAD = 4,
    MR_SECTION_THREAD_COUNTERS = 5,
    MR_SECTION_STACK = 6,
    MR_SECTION_EVENTS = 7,
    MR_SECTION_METRIC = 8,
    MR_SECTION_GAUGE = 9,
    MR_SECTION_END = 10,
    MR_SECTION_DEFINE = 11,
    MR_SECTION_MARKS = 12,
    MR_SECTION_HEAP_COUNTERS = 13,
    MR_SECTION_ALIVE = 14,
};

enum mr_header_key {
    MR_KEY_RECORDER_VERSION = 1,
    MR_KEY_PID = 2,
    MR_KEY_PARENT_PID = 3,
    MR_KEY_EXECUTABLE = 4,
    MR_KEY_COMMAND_LINE = 5,
    MR_KEY_HOST = 6,
    MR_KEY_BOOT_ID = 7,
    MR_KEY_START_TICKS = 8,
    MR_KEY_START_MONOTONIC_NS = 9,
    MR_KEY_START_REALTIME_NS = 10,
    MR_KEY_PAGE_BYTES = 11,
    MR_KEY_INTERVAL_BYTES = 12,
    MR_KEY_MODE = 13,
    MR_KEY_RING_PATH = 14,
    MR_KEY_PARENT_TRACE_ID = 15,
    MR_KEY_ARCHITECTURE = 16,
    MR_KEY_OPERATING_SYSTEM = 17,
    MR_KEY_ALLOCATOR = 18,
    MR_KEY_UNWINDER = 19,
    MR_KEY_STACK_DEPTH_MAX = 20,
    MR_KEY_CAPABILITIES = 21,
    MR_KEY_START_REASON = 22,
    MR_KEY_SEGMENT = 23,
    MR_KEY_ONLY_LAST = 24,
};

enum mr_mode { MR_MODE_SAMPLED = 0, MR_MODE_FULL = 1 };
enum mr_start_reason { MR_START_PROCESS = 0, MR_START_FORK = 1, MR_START_API = 2 };
enum mr_end_reason { MR_END_EXIT = 0, MR_END_EXEC = 1, MR_END_STOP = 2, MR_END_KILLED = 3 };

enum { MR_THREAD_ENDED = 1u << 0, MR_THREAD_INEXACT = 1u << 1 };

/* Stacks: nodes 0 and 1 exist in every trace. */
enum { MR_STACK_ROOT = 0, MR_STACK_TRUNCATED_ROOT = 1, MR_STACK_FIRST_ID = 2 };
#define MR_STACK_DEPTH_MAX 128

/* EVENTS */
enum { MR_EVENTS_HAVE_IDS = 1u << 0 };

/* ALIVE: besides the above */
enum { MR_ALIVE_LAST = 1u << 1, MR_ALIVE_WHOLE = 1u << 2 };

enum mr_op {
    MR_OP_ALLOC = 0x80, /* bit 7: an allocation */
    MR_OP_FREE = 0x00,
    MR_OP_FREE_BY_REALLOC = 0x03,
    MR_OP_HEAP_FREE = 0x06,
    MR_OP_MALLOC = 0x81,
    MR_OP_CALLOC = 0x82,
    MR_OP_REALLOC = 0x83,
    MR_OP_ALIGNED = 0x84,
    MR_OP_NEW = 0x85,
    MR_OP_HEAP_ALLOC = 0x86,
};

enum mr_events_column {
    MR_COLUMN_OP,
    MR_COLUMN_TIME,
    MR_COLUMN_THREAD,
    MR_COLUMN_ADDRESS,
    MR_COLUMN_SIZE,
    MR_COLUMN_EXTRA,
    MR_COLUMN_STACK,
    MR_COLUMN_INTERVAL,
    MR_COLUMN_ID,
    MR_COLUMN_FREED,
    MR_COLUMN_OBJECT,
    MR_COLUMN_COUNT,
};

/* Interval codes: 1 is the base interval, each step to 32 doubles it, 33 to 38 halve it. */
#define MR_INTERVAL_COARSEST 32u
#define MR_INTERVAL_FINER    32u
#define MR_INTERVAL_FINEST   38u

static inline uint64_t mr_interval_bytes(uint64_t base_bytes, unsigned code)
{
    return code <= MR_INTERVAL_COARSEST ? base_bytes << (code - 1)
                                        : base_bytes >> (code - MR_INTERVAL_FINER);
}

#define MR_EXTRA_BYTES_MAX 65535u

/* DEFINE */
enum mr_definition {
    MR_DEFINE_NAME = 1,
    MR_DEFINE_STREAM = 2,
    MR_DEFINE_HEAP = 3,
    MR_DEFINE_POOL = 4,
    MR_DEFINE_CLASS = 5,
    MR_DEFINE_PLACE = 6,
    MR_DEFINE_KINDS = 7,
};
#define MR_DEFINE_ARGS_MAX 8u
#define MR_NAME_BYTES_MAX  256u

/* A pc from here on is the PLACE of the id that remains. */
#define MR_PLACE_PC   UINT64_C(0xFFFE000000000000)
#define MR_PLACES_MAX (UINT64_C(1) << 32)
static inline int mr_pc_is_place(uint64_t pc)
{
    return pc >= MR_PLACE_PC && pc < MR_PLACE_PC + MR_PLACES_MAX;
}

/* MARKS */
#define MR_MARK_ARGS_MAX 64u
#define MR_UNKNOWN       UINT64_MAX

enum mr_marks_column {
    MR_MARKS_KIND,
    MR_MARKS_TIME,
    MR_MARKS_THREAD,
    MR_MARKS_POSITION,
    MR_MARKS_ARGUMENT_COUNT,
    MR_MARKS_ARGUMENTS,
    MR_MARKS_COLUMNS,
};

enum mr_mark {
    MR_MARK_FRAME_BEGIN = 1,
    MR_MARK_FRAME_END = 2,
    MR_MARK_PHASE_BEGIN = 3,
    MR_MARK_PHASE_END = 4,
    MR_MARK_EVAL_BEGIN = 5,
    MR_MARK_EVAL_END = 6,
    MR_MARK_SPAN_BEGIN = 7,
    MR_MARK_SPAN_END = 8,
    MR_MARK_SPAN_ENTER = 9,
    MR_MARK_SPAN_LEAVE = 10,
    MR_MARK_SPAN_FIRST_RESULT = 11,
    MR_MARK_SPAN_ITEMS = 12,
    MR_MARK_SPAN_PROGRESS = 13,
    MR_MARK_GC_BEGIN = 14,
    MR_MARK_GC_END = 15,
    MR_MARK_GC_PAUSE_BEGIN = 16,
    MR_MARK_GC_PAUSE_END = 17,
    MR_MARK_GC_CYCLE = 18,
    MR_MARK_GC_SURVIVORS = 19,
    MR_MARK_HEAP_USAGE = 20,
    MR_MARK_CLASS_PROFILE = 21,
    MR_MARK_RETAINED = 22,
    MR_MARK_POOL_STATE = 23,
    MR_MARK_POOL_STALE = 24,
    MR_MARK_POOL_SLOTS = 25,
    MR_MARK_MARK = 26,
    MR_MARK_HEAP_MOVE = 27,
    MR_MARK_PAUSE = 28,
    MR_MARK_RESUME = 29,
    MR_MARK_INTERVAL = 30,
    MR_MARK_PULL = 31,
    MR_MARK_KINDS = 32,
};

enum mr_unit { MR_UNIT_COUNT = 0, MR_UNIT_BYTES = 1, MR_UNIT_NS = 2 };
enum mr_metric_kind { MR_METRIC_GAUGE = 0, MR_METRIC_COUNTER = 1 };

#endif
