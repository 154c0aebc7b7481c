/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c -- see decode.h. Each function reads like the table of TRACE_FORMAT.md, section 3, that it
 * decodes.
 *
 * Columns are the hot path. A column is read a row at a time without asking whether the row ends in
 * time: the loop asks before each row whether the column has a byte left, a row takes at most ten,
 * and DECODE_PADDING bytes follow. Whether rows and bytes ended together is checked once.         */
#include "decode.h"

#include "schema/varint.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A failure in here is a phrase; NULL is success. */
typedef const char *problem;

#define CHECKED(expr)                                                                              \
    do {                                                                                           \
        problem problem_ = (expr);                                                                 \
        if (problem_)                                                                              \
            return problem_;                                                                       \
    } while (0)

static const char cut_short[] = "a section is shorter than its contents";
static const char no_memory[] = "not enough memory for a section";
static const char sink_failed[] = "the receiver failed";

struct cursor {
    const uint8_t *at, *end;
};

struct array { /* grows, never shrinks */
    void *rows;
    size_t capacity_bytes;
};

struct decoder {
    struct array parents, pcs, ranges;
    struct array ticks, threads, addresses, sizes, extras, stacks, intervals, ids, frees;
    struct array heaps, classes;
    struct array marks, mark_arguments;
    bool has_ids; /* as the latest batch had them; marks that stand alone repeat it */
    struct array gauge_ticks, gauge_metrics, gauge_values;
    struct array metric_values; /* last value by metric id, zero between sections */
};

struct pass { /* one decode_payload */
    struct decoder *decoder;
    const struct mr_block_header *block;
    const struct record_sink *sink;
    struct decode_result *result;
    status sink_status;
    size_t mark_count;     /* decoder->marks holds so many, waiting for their EVENTS */
    problem marks_problem; /* does not end the payload */
};

struct decoder *decoder_new(void)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);

    if (decoder) {
        decoder->has_ids = true;
    }
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder) {
        return;
    }
    struct array *const arrays[] = {
        &decoder->parents,        &decoder->pcs,           &decoder->ranges,
        &decoder->ticks,          &decoder->threads,       &decoder->addresses,
        &decoder->sizes,          &decoder->extras,        &decoder->stacks,
        &decoder->intervals,      &decoder->ids,           &decoder->frees,
        &decoder->heaps,          &decoder->classes,       &decoder->marks,
        &decoder->mark_arguments, &decoder->gauge_ticks,   &decoder->gauge_metrics,
        &decoder->gauge_values,   &decoder->metric_values,
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]->rows);
    }
    free(decoder);
}

/* Room for `count` rows; contents are lost unless `keep`, when new bytes are zero. NULL: no memory. */
static void *array_room(struct array *array, size_t count, size_t row_bytes, bool keep)
{
    size_t need = count * row_bytes;

    if (need > array->capacity_bytes || !array->rows) {
        size_t capacity = need + need / 4 + 64;
        void *rows = keep ? realloc(array->rows, capacity) : malloc(capacity);

        if (!rows) {
            return NULL;
        }
        if (keep) {
            memset((char *)rows + array->capacity_bytes, 0, capacity - array->capacity_bytes);
        } else {
            free(array->rows);
        }
        array->rows = rows;
        array->capacity_bytes = capacity;
    }
    return array->rows;
}

/* ---- primitives ------------------------------------------------------------------------------ */

static size_t left(const struct cursor *in) { return (size_t)(in->end - in->at); }

static problem get_uvarint(struct cursor *in, uint64_t *value)
{
    in->at = mr_get_uvarint(in->at, in->end, value);
    if (!in->at) {
        in->at = in->end;
        return cut_short;
    }
    return NULL;
}

static problem get_svarint(struct cursor *in, int64_t *value)
{
    uint64_t folded;

    CHECKED(get_uvarint(in, &folded));
    *value = mr_unzigzag(folded);
    return NULL;
}

static problem get_id(struct cursor *in, uint64_t *id)
{
    CHECKED(get_uvarint(in, id));
    return *id > UINT32_MAX ? "an id needs more than 32 bits" : NULL;
}

static problem get_text(struct cursor *in, struct text *text)
{
    uint64_t length;

    CHECKED(get_uvarint(in, &length));
    if (length > left(in)) {
        return cut_short;
    }
    *text = (struct text){(const char *)in->at, length};
    in->at += length;
    return NULL;
}

/* Calls a function of the sink, if it has it. */
#define HAND(pass, function, record)                                                               \
    do {                                                                                           \
        if ((pass)->sink->function) {                                                              \
            (pass)->sink_status = (pass)->sink->function((pass)->sink->context, record);           \
            if ((pass)->sink_status.code != STATUS_OK)                                             \
                return sink_failed;                                                                \
        }                                                                                          \
    } while (0)

/* ---- sections of rows ------------------------------------------------------------------------ */

static problem decode_header_entry(struct header_record *header, uint64_t key, struct cursor value)
{
    struct text text = {(const char *)value.at, left(&value)};

    switch (key) {
#define TEXT(name, member)                                                                         \
    case MR_KEY_##name:                                                                            \
        header->member = text;                                                                     \
        return NULL;
#define INTEGER(name, member)                                                                      \
    case MR_KEY_##name:                                                                            \
        return get_uvarint(&value, &header->member);
        TEXT(RECORDER_VERSION, recorder_version)
        INTEGER(PID, pid)
        INTEGER(PARENT_PID, parent_pid)
        TEXT(EXECUTABLE, executable)
        TEXT(COMMAND_LINE, command_line)
        TEXT(HOST, host)
        TEXT(BOOT_ID, boot_id)
        INTEGER(START_TICKS, start_ticks)
        INTEGER(START_MONOTONIC_NS, start_monotonic_ns)
        INTEGER(START_REALTIME_NS, start_realtime_ns)
        INTEGER(PAGE_BYTES, page_bytes)
        INTEGER(INTERVAL_BYTES, interval_bytes)
        INTEGER(MODE, mode)
        TEXT(RING_PATH, ring_path)
        TEXT(ARCHITECTURE, architecture)
        TEXT(OPERATING_SYSTEM, operating_system)
        TEXT(ALLOCATOR, allocator)
        TEXT(UNWINDER, unwinder)
        INTEGER(STACK_DEPTH_MAX, stack_depth_max)
        TEXT(CAPABILITIES, capabilities)
        INTEGER(START_REASON, start_reason)
        INTEGER(SEGMENT, segment)
        INTEGER(ONLY_LAST, only_last)
#undef TEXT
#undef INTEGER
    case MR_KEY_PARENT_TRACE_ID:
        if (text.length != sizeof header->parent_trace_id) {
            return "a trace id has not 16 bytes";
        }
        memcpy(header->parent_trace_id, text.bytes, text.length);
        header->has_parent_trace_id = true;
        return NULL;
    default:
        return NULL;
    }
}

static problem decode_header(struct pass *pass, struct cursor *in)
{
    struct header_record header = {
        .pid = UNKNOWN,
        .parent_pid = UNKNOWN,
        .start_ticks = UNKNOWN,
        .start_monotonic_ns = UNKNOWN,
        .start_realtime_ns = UNKNOWN,
        .page_bytes = UNKNOWN,
        .interval_bytes = UNKNOWN,
        .mode = UNKNOWN,
        .stack_depth_max = UNKNOWN,
        .start_reason = UNKNOWN,
        .segment = UNKNOWN,
        .only_last = UNKNOWN,
    };

    while (left(in)) {
        uint64_t key;
        struct text value;

        CHECKED(get_uvarint(in, &key));
        CHECKED(get_text(in, &value));
        const uint8_t *bytes = (const uint8_t *)value.bytes;
        CHECKED(decode_header_entry(&header, key, (struct cursor){bytes, bytes + value.length}));
    }
    HAND(pass, header, &header);
    return NULL;
}

static problem decode_modules(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct module_record module;
        uint64_t range_count;

        CHECKED(get_id(in, &module.id));
        CHECKED(get_uvarint(in, &module.ticks));
        CHECKED(get_uvarint(in, &module.bias));
        CHECKED(get_uvarint(in, &range_count));
        if (range_count > left(in) / 2) {
            return cut_short;
        }
        struct address_range *ranges =
            array_room(&pass->decoder->ranges, range_count, sizeof *ranges, false);
        if (!ranges) {
            return no_memory;
        }
        for (uint64_t i = 0; i < range_count; i++) {
            CHECKED(get_uvarint(in, &ranges[i].start));
            CHECKED(get_uvarint(in, &ranges[i].size_bytes));
            if (ranges[i].size_bytes > UINT64_MAX - ranges[i].start) {
                return "a module ends past the last address";
            }
        }
        module.ranges = ranges;
        module.range_count = range_count;
        CHECKED(get_text(in, &module.build_id));
        CHECKED(get_text(in, &module.path));
        HAND(pass, module, &module);
    }
    return NULL;
}

static problem decode_modules_gone(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct module_gone_record gone;

        CHECKED(get_id(in, &gone.id));
        CHECKED(get_uvarint(in, &gone.ticks));
        HAND(pass, module_gone, &gone);
    }
    return NULL;
}

static problem decode_threads(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct thread_record thread;

        CHECKED(get_id(in, &thread.id));
        CHECKED(get_uvarint(in, &thread.tid));
        CHECKED(get_uvarint(in, &thread.ticks));
        CHECKED(get_text(in, &thread.name));
        HAND(pass, thread, &thread);
    }
    return NULL;
}

static problem decode_thread_counters(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct thread_counters_record counters;

        CHECKED(get_uvarint(in, &counters.ticks));
        CHECKED(get_id(in, &counters.thread));
        CHECKED(get_uvarint(in, &counters.flags));
        CHECKED(get_uvarint(in, &counters.alloc_calls));
        CHECKED(get_uvarint(in, &counters.alloc_bytes));
        CHECKED(get_uvarint(in, &counters.free_calls));
        HAND(pass, thread_counters, &counters);
    }
    return NULL;
}

static problem decode_heap_counters(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct heap_counters_record counters;

        CHECKED(get_uvarint(in, &counters.ticks));
        CHECKED(get_id(in, &counters.thread));
        CHECKED(get_id(in, &counters.heap));
        CHECKED(get_uvarint(in, &counters.alloc_calls));
        CHECKED(get_uvarint(in, &counters.alloc_bytes));
        CHECKED(get_uvarint(in, &counters.free_calls));
        CHECKED(get_uvarint(in, &counters.freed_bytes));
        HAND(pass, heap_counters, &counters);
    }
    return NULL;
}

static problem decode_definitions(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        uint64_t arguments[MR_DEFINE_ARGS_MAX], argument_count, ignored;
        struct definition_record definition = {.arguments = arguments};

        CHECKED(get_uvarint(in, &definition.kind));
        CHECKED(get_id(in, &definition.id));
        CHECKED(get_uvarint(in, &argument_count));
        if (argument_count > left(in)) {
            return cut_short;
        }
        for (uint64_t i = 0; i < argument_count; i++) {
            CHECKED(get_uvarint(in, i < MR_DEFINE_ARGS_MAX ? &arguments[i] : &ignored));
        }
        for (uint64_t i = argument_count; i < MR_DEFINE_ARGS_MAX; i++) {
            arguments[i] = UNKNOWN;
        }
        CHECKED(get_text(in, &definition.text));
        if (definition.id == 0) {
            return "a definition has no id";
        }
        if (definition.kind < MR_DEFINE_KINDS) {
            HAND(pass, definition, &definition);
        }
    }
    return NULL;
}

static problem decode_stacks(struct pass *pass, struct cursor *in)
{
    struct stack_record stacks;
    uint64_t count, pc = 0;

    CHECKED(get_id(in, &stacks.first_id));
    CHECKED(get_uvarint(in, &count));
    if (stacks.first_id < MR_STACK_FIRST_ID) {
        return "a stack node has the id of a root";
    }
    if (count > left(in) / 2) {
        return cut_short;
    }
    if (count > UINT32_MAX - stacks.first_id) {
        return "an id needs more than 32 bits";
    }
    uint64_t *parents = array_room(&pass->decoder->parents, count, sizeof *parents, false);
    uint64_t *pcs = array_room(&pass->decoder->pcs, count, sizeof *pcs, false);
    if (!parents || !pcs) {
        return no_memory;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t distance;
        int64_t pc_delta;

        CHECKED(get_uvarint(in, &distance));
        CHECKED(get_svarint(in, &pc_delta));
        if (distance == 0 || distance > stacks.first_id + i) {
            return "a stack node is its own ancestor";
        }
        parents[i] = stacks.first_id + i - distance;
        pcs[i] = pc += (uint64_t)pc_delta;
    }
    stacks.count = count;
    stacks.parents = parents;
    stacks.pcs = pcs;
    HAND(pass, stacks, &stacks);
    return NULL;
}

static problem decode_metrics(struct pass *pass, struct cursor *in)
{
    while (left(in)) {
        struct metric_record metric;

        CHECKED(get_id(in, &metric.id));
        CHECKED(get_uvarint(in, &metric.unit));
        CHECKED(get_uvarint(in, &metric.kind));
        CHECKED(get_text(in, &metric.name));
        if (metric.id >= DECODE_METRIC_IDS_MAX) {
            return "a metric id is too large";
        }
        HAND(pass, metric, &metric);
    }
    return NULL;
}

static problem decode_gauge_rows(struct cursor *in, const struct gauge_batch *batch,
                                 uint64_t *ticks, uint32_t *metrics, int64_t *values,
                                 struct array *metric_values, uint64_t now, size_t *done)
{
    for (size_t i = 0; i < batch->count; i++, *done = i) {
        int64_t time_delta, value_delta;
        uint64_t metric;

        CHECKED(get_svarint(in, &time_delta));
        CHECKED(get_uvarint(in, &metric));
        CHECKED(get_svarint(in, &value_delta));
        if (metric >= DECODE_METRIC_IDS_MAX) {
            return "a metric id is too large";
        }
        uint64_t *last = array_room(metric_values, metric + 1, sizeof *last, true);
        if (!last) {
            return no_memory;
        }
        ticks[i] = now += (uint64_t)time_delta;
        metrics[i] = (uint32_t)metric;
        values[i] = (int64_t)(last[metric] += (uint64_t)value_delta);
    }
    return NULL;
}

static problem decode_gauges(struct pass *pass, struct cursor *in)
{
    struct decoder *decoder = pass->decoder;
    uint64_t count, base_ticks;

    CHECKED(get_uvarint(in, &count));
    CHECKED(get_uvarint(in, &base_ticks));
    if (count > left(in) / 3) {
        return cut_short;
    }
    uint64_t *ticks = array_room(&decoder->gauge_ticks, count, sizeof *ticks, false);
    uint32_t *metrics = array_room(&decoder->gauge_metrics, count, sizeof *metrics, false);
    int64_t *values = array_room(&decoder->gauge_values, count, sizeof *values, false);
    if (!ticks || !metrics || !values) {
        return no_memory;
    }
    struct gauge_batch batch = {count, ticks, metrics, values};
    size_t done = 0;
    problem wrong = decode_gauge_rows(in, &batch, ticks, metrics, values, &decoder->metric_values,
                                      base_ticks, &done);
    while (done > 0) {
        ((uint64_t *)decoder->metric_values.rows)[metrics[--done]] = 0;
    }
    CHECKED(wrong);
    HAND(pass, gauges, &batch);
    return NULL;
}

static problem decode_end(struct pass *pass, struct cursor *in)
{
    struct end_record end;

    CHECKED(get_uvarint(in, &end.reason));
    CHECKED(get_uvarint(in, &end.ticks));
    HAND(pass, end, &end);
    return NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Reads one row that begins before the column's end; may read up to ten bytes. An eleventh, or a
 * value of more than 64 bits, sets *bad. */
static inline const uint8_t *get_row(const uint8_t *in, uint64_t *value, unsigned *bad)
{
    uint64_t result = in[0];

    if (__builtin_expect(result < 0x80, 1)) {
        *value = result;
        return in + 1;
    }
    result = (result & 0x7f) | (uint64_t)(in[1] & 0x7f) << 7;
    if (in[1] < 0x80) {
        *value = result;
        return in + 2;
    }
    result |= (uint64_t)(in[2] & 0x7f) << 14;
    if (in[2] < 0x80) {
        *value = result;
        return in + 3;
    }
    in += 3;
    for (unsigned shift = 21; shift < 64; shift += 7) {
        uint64_t byte = *in++;

        *bad |= shift == 63 && byte > 1;
        result |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    *value = result;
    return in;
}

static const char bad_column[] = "a column does not hold its rows";

/* A column of one byte per row needs no loop over varints: is it one? */
static bool is_bytes(const struct cursor *column, size_t rows)
{
    uint8_t seen = 0;

    if (left(column) != rows) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        seen |= column->at[i];
    }
    return seen < 0x80;
}

/* Unsigned columns differ in the type of a row and in the largest value allowed, which is one less
 * than a power of two, so that one OR over all rows tells whether any was larger. */
#define DEFINE_UNSIGNED_COLUMN(name, type)                                                         \
    static problem name(struct cursor column, type *out, size_t rows, uint64_t max)                \
    {                                                                                              \
        const uint8_t *in = column.at;                                                             \
        uint64_t seen = 0, value;                                                                  \
        unsigned bad = 0;                                                                          \
        size_t i = 0;                                                                              \
                                                                                                   \
        if (max >= 0x7f && is_bytes(&column, rows)) {                                              \
            for (; i < rows; i++)                                                                  \
                out[i] = in[i];                                                                    \
            return NULL;                                                                           \
        }                                                                                          \
        for (; i < rows && in < column.end; i++) {                                                 \
            in = get_row(in, &value, &bad);                                                        \
            seen |= value;                                                                         \
            out[i] = (type)value;                                                                  \
        }                                                                                          \
        if (bad || i != rows || in != column.end)                                                  \
            return bad_column;                                                                     \
        return seen > max ? "a column holds a value that is too large" : NULL;                     \
    }

DEFINE_UNSIGNED_COLUMN(decode_column_u8, uint8_t)
DEFINE_UNSIGNED_COLUMN(decode_column_u32, uint32_t)
DEFINE_UNSIGNED_COLUMN(decode_column_u64, uint64_t)

/* Each row is the difference to the row before, in svarint. */
static problem decode_column_deltas(struct cursor column, uint64_t *out, size_t rows, uint64_t base)
{
    const uint8_t *in = column.at;
    uint64_t folded;
    unsigned bad = 0;
    size_t i = 0;

    for (; i < rows && in < column.end; i++) {
        in = get_row(in, &folded, &bad);
        out[i] = base += (uint64_t)mr_unzigzag(folded);
    }
    return bad || i != rows || in != column.end ? bad_column : NULL;
}

/* One address: see column 3. May read eleven bytes. */
static inline const uint8_t *get_address(const uint8_t *in, uint64_t *predicted, unsigned *bad)
{
    uint64_t folded, low = 0;

    in = get_row(in, &folded, bad);
    if (folded & 1) {
        low = *in++;
        *bad |= low > 15;
    }
    *predicted += (uint64_t)mr_unzigzag(folded >> 1) << 4 | low;
    return in;
}

static problem decode_column_addresses(struct cursor column, uint64_t *out, size_t rows,
                                       uint64_t base)
{
    const uint8_t *in = column.at;
    unsigned bad = 0;
    size_t i = 0;

    for (; i < rows && in < column.end; i++) {
        in = get_address(in, &base, &bad);
        out[i] = base;
    }
    return bad || i != rows || in != column.end ? bad_column : NULL;
}

/* Full mode: the addresses of allocations and of frees predict each other. */
static problem decode_address_columns(struct cursor allocs, struct cursor frees,
                                      const struct event_batch *batch, uint64_t *alloc_out,
                                      uint64_t *free_out, uint64_t base)
{
    unsigned bad = 0;
    size_t i = 0;

    for (; i < batch->count; i++) {
        bool is_alloc = batch->ops[i] & MR_OP_ALLOC;
        struct cursor *column = is_alloc ? &allocs : &frees;

        if (column->at >= column->end) {
            break;
        }
        column->at = get_address(column->at, &base, &bad);
        if (is_alloc) {
            *alloc_out++ = base;
        } else {
            *free_out++ = base;
        }
    }
    return bad || i != batch->count || allocs.at != allocs.end || frees.at != frees.end ? bad_column
                                                                                        : NULL;
}

/* Sampled mode: a freed id is told by its distance from the latest allocation's. */
static problem decode_column_freed_ids(struct cursor column, const struct event_batch *batch,
                                       const uint64_t *ids, uint64_t *out, uint64_t base)
{
    const uint8_t *in = column.at;
    size_t allocs = 0, frees = 0, free_count = batch->count - batch->alloc_count;
    uint64_t folded;
    unsigned bad = 0;

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i] & MR_OP_ALLOC) {
            base = ids[allocs++];
            continue;
        }
        if (in >= column.end) {
            break;
        }
        in = get_row(in, &folded, &bad);
        out[frees++] = base - (uint64_t)mr_unzigzag(folded);
    }
    return bad || frees != free_count || in != column.end ? bad_column : NULL;
}

/* Heaps and classes, of allocations with op 6 only. */
static problem decode_column_objects(struct cursor column, const struct event_batch *batch,
                                     uint32_t *heaps, uint32_t *classes)
{
    const uint8_t *in = column.at;
    uint64_t heap, class_id, seen = 0;
    unsigned bad = 0;
    size_t allocs = 0;

    for (size_t i = 0; i < batch->count; i++) {
        if (!(batch->ops[i] & MR_OP_ALLOC)) {
            continue;
        }
        heap = class_id = 0;
        if (batch->ops[i] == MR_OP_HEAP_ALLOC) {
            if (in >= column.end) {
                return bad_column;
            }
            in = get_row(in, &heap, &bad);
            if (in >= column.end) {
                return bad_column;
            }
            in = get_row(in, &class_id, &bad);
            seen |= heap | class_id;
        }
        heaps[allocs] = (uint32_t)heap;
        classes[allocs++] = (uint32_t)class_id;
    }
    if (bad || in != column.end) {
        return bad_column;
    }
    return seen > UINT32_MAX ? "an id needs more than 32 bits" : NULL;
}

struct events_head {
    uint64_t flags, count, alloc_count, base_ticks, base_id, base_address;
    struct cursor columns[MR_COLUMN_COUNT];
};

static problem get_column(struct cursor *in, struct cursor *column)
{
    struct text bytes;

    CHECKED(get_text(in, &bytes));
    column->at = (const uint8_t *)bytes.bytes;
    column->end = column->at + bytes.length;
    return NULL;
}

static problem decode_events_head(struct cursor *in, struct events_head *head)
{
    CHECKED(get_uvarint(in, &head->flags));
    CHECKED(get_uvarint(in, &head->count));
    CHECKED(get_uvarint(in, &head->alloc_count));
    CHECKED(get_uvarint(in, &head->base_ticks));
    CHECKED(get_uvarint(in, &head->base_id));
    CHECKED(get_uvarint(in, &head->base_address));
    if (head->alloc_count > head->count) {
        return "more allocations than events";
    }
    for (size_t i = 0; i < MR_COLUMN_OBJECT; i++) {
        CHECKED(get_column(in, &head->columns[i]));
    }
    head->columns[MR_COLUMN_OBJECT] = (struct cursor){in->at, in->at};
    if (left(in)) {
        CHECKED(get_column(in, &head->columns[MR_COLUMN_OBJECT]));
    }
    /* Every row takes a byte at least, so a count that passes here can be trusted with memory. */
    for (size_t i = 0; i < MR_COLUMN_OBJECT; i++) {
        uint64_t rows = i < MR_COLUMN_ADDRESS ? head->count
                        : i < MR_COLUMN_FREED ? head->alloc_count
                                              : head->count - head->alloc_count;

        if (i == MR_COLUMN_ID && !(head->flags & MR_EVENTS_HAVE_IDS)) {
            continue;
        }
        if (left(&head->columns[i]) < rows) {
            return bad_column;
        }
    }
    return left(&head->columns[MR_COLUMN_OP]) == head->count ? NULL : bad_column;
}

static problem check_ops(const struct event_batch *batch)
{
    size_t allocs = 0;

    for (size_t i = 0; i < batch->count; i++) {
        allocs += batch->ops[i] >> 7;
    }
    return allocs == batch->alloc_count ? NULL : "operations and counts disagree";
}

static problem check_ticks(const struct event_batch *batch, const struct mr_block_header *block)
{
    uint64_t low = UINT64_MAX, high = 0;

    for (size_t i = 0; i < batch->count; i++) {
        low = batch->ticks[i] < low ? batch->ticks[i] : low;
        high = batch->ticks[i] > high ? batch->ticks[i] : high;
    }
    return batch->count && (low < block->first_ticks || high > block->last_ticks)
               ? "an event lies outside its block's time"
               : NULL;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static const char bad_marks[] = "a column of marks does not hold its rows";

struct marks_reader { /* a row of it at a time */
    struct cursor columns[MR_MARKS_COLUMNS];
    uint64_t ticks, position;
    uint64_t last[MR_MARK_KINDS][MR_MARK_ARGS_MAX]; /* arguments, of the latest row of the kind */
};

/* The next row of a column into *value; ends the section when there is none. */
#define NEXT_ROW(column, value)                                                                    \
    do {                                                                                           \
        struct cursor *column_ = &(column);                                                        \
        unsigned bad_ = 0;                                                                         \
        if (column_->at >= column_->end)                                                           \
            return bad_marks;                                                                      \
        column_->at = get_row(column_->at, &(value), &bad_);                                       \
        if (bad_)                                                                                  \
            return bad_marks;                                                                      \
    } while (0)

/* One row; `arguments` has room for MR_MARK_ARGS_MAX. */
static problem decode_mark(struct marks_reader *reader, struct mark *mark, uint64_t *arguments)
{
    struct cursor *columns = reader->columns;
    uint64_t kind, time, thread, position, folded;

    NEXT_ROW(columns[MR_MARKS_KIND], kind);
    NEXT_ROW(columns[MR_MARKS_TIME], time);
    NEXT_ROW(columns[MR_MARKS_THREAD], thread);
    NEXT_ROW(columns[MR_MARKS_POSITION], position);
    if (thread > UINT32_MAX) {
        return bad_marks;
    }
    if (position > UINT32_MAX - reader->position) {
        return "a mark comes after more events than there are";
    }
    reader->ticks += (uint64_t)mr_unzigzag(time);
    reader->position += position;
    *mark = (struct mark){
        .kind = kind < MR_MARK_KINDS ? (uint32_t)kind : 0,
        .thread = (uint32_t)thread,
        .ticks = reader->ticks,
        .position = (uint32_t)reader->position,
        .argument_count = *columns[MR_MARKS_ARGUMENT_COUNT].at++,
        .arguments = arguments,
    };
    if (mark->argument_count > MR_MARK_ARGS_MAX) {
        return "a mark has too many arguments";
    }
    for (uint32_t i = 0; i < mark->argument_count; i++) {
        NEXT_ROW(columns[MR_MARKS_ARGUMENTS], folded);
        arguments[i] = reader->last[mark->kind][i] += (uint64_t)mr_unzigzag(folded);
    }
    return NULL;
}

/* Into decoder->marks; those of unknown kinds are left out. */
static problem decode_mark_rows(struct pass *pass, struct cursor *in)
{
    struct decoder *decoder = pass->decoder;
    const struct mr_block_header *block = pass->block;
    struct marks_reader reader;
    uint64_t count;

    memset(&reader, 0, sizeof reader);
    CHECKED(get_uvarint(in, &count));
    CHECKED(get_uvarint(in, &reader.ticks));
    for (size_t i = 0; i < MR_MARKS_COLUMNS; i++) {
        CHECKED(get_column(in, &reader.columns[i]));
        /* As in decode_events_head: a count that passes here can be trusted with memory. */
        if (i < MR_MARKS_ARGUMENTS && left(&reader.columns[i]) < count) {
            return bad_marks;
        }
    }
    size_t argument_bytes = left(&reader.columns[MR_MARKS_ARGUMENTS]);
    struct mark *marks = array_room(&decoder->marks, count, sizeof *marks, false);
    uint64_t *arguments = array_room(&decoder->mark_arguments, argument_bytes + MR_MARK_ARGS_MAX,
                                     sizeof *arguments, false);
    if (!marks || !arguments) {
        return no_memory;
    }
    size_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        CHECKED(decode_mark(&reader, &marks[kept], arguments));
        if (marks[kept].ticks < block->first_ticks || marks[kept].ticks > block->last_ticks) {
            return "a mark lies outside its block's time";
        }
        if (marks[kept].kind) {
            arguments += marks[kept++].argument_count;
        }
    }
    for (size_t i = 0; i < MR_MARKS_COLUMNS; i++) {
        if (left(&reader.columns[i])) {
            return bad_marks;
        }
    }
    pass->mark_count = kept;
    return NULL;
}

/* Gives the marks that wait to the events that follow them; positions beyond these are refused. */
static void take_marks(struct pass *pass, struct event_batch *batch)
{
    const struct mark *marks = pass->decoder->marks.rows;
    size_t count = pass->mark_count;

    pass->mark_count = 0;
    if (count && marks[count - 1].position > batch->count) {
        pass->marks_problem = "a mark comes after more events than there are";
        return;
    }
    batch->marks = marks;
    batch->mark_count = count;
}

/* Hands out marks whose events there are none of, or that could not be read. */
static problem hand_marks(struct pass *pass, bool events_are_lost)
{
    struct event_batch batch = {.has_ids = pass->decoder->has_ids};
    struct mark *marks = pass->decoder->marks.rows;

    for (size_t i = 0; events_are_lost && i < pass->mark_count; i++) {
        marks[i].position = 0;
    }
    take_marks(pass, &batch);
    if (batch.mark_count) {
        HAND(pass, events, &batch);
    }
    return NULL;
}

/* What is wrong with them costs no events. */
static problem decode_marks(struct pass *pass, struct cursor *in)
{
    if (!pass->sink->events) {
        return NULL;
    }
    CHECKED(hand_marks(pass, false));
    problem wrong = decode_mark_rows(pass, in);
    if (wrong) {
        pass->marks_problem = wrong == cut_short ? bad_marks : wrong;
    }
    return NULL;
}

/* ---- events and marks ------------------------------------------------------------------------ */

/* The columns behind `head`, in the decoder's memory. */
static problem decode_columns(struct decoder *decoder, const struct events_head *head,
                              struct event_batch *out)
{
    const struct cursor *columns = head->columns;
    size_t count = head->count, allocs = head->alloc_count, frees = count - allocs;
    uint64_t *ticks = array_room(&decoder->ticks, count, sizeof *ticks, false);
    uint32_t *threads = array_room(&decoder->threads, count, sizeof *threads, false);
    uint64_t *addresses = array_room(&decoder->addresses, allocs, sizeof *addresses, false);
    uint64_t *sizes = array_room(&decoder->sizes, allocs, sizeof *sizes, false);
    uint32_t *extras = array_room(&decoder->extras, allocs, sizeof *extras, false);
    uint32_t *stacks = array_room(&decoder->stacks, allocs, sizeof *stacks, false);
    uint8_t *intervals = array_room(&decoder->intervals, allocs, sizeof *intervals, false);
    uint64_t *freed = array_room(&decoder->frees, frees, sizeof *freed, false);
    if (!ticks || !threads || !addresses || !sizes || !extras || !stacks || !intervals || !freed) {
        return no_memory;
    }
    struct event_batch batch = {
        .has_ids = head->flags & MR_EVENTS_HAVE_IDS,
        .count = count,
        .alloc_count = allocs,
        .ops = columns[MR_COLUMN_OP].at,
        .ticks = ticks,
        .threads = threads,
        .addresses = addresses,
        .sizes = sizes,
        .extras = extras,
        .stacks = stacks,
        .intervals = intervals,
        .alloc_keys = addresses,
        .free_keys = freed,
    };
    CHECKED(check_ops(&batch));
    CHECKED(decode_column_deltas(columns[MR_COLUMN_TIME], ticks, count, head->base_ticks));
    CHECKED(decode_column_u32(columns[MR_COLUMN_THREAD], threads, count, UINT32_MAX));
    CHECKED(decode_column_u64(columns[MR_COLUMN_SIZE], sizes, allocs, INT64_MAX));
    CHECKED(decode_column_u32(columns[MR_COLUMN_EXTRA], extras, allocs, MR_EXTRA_BYTES_MAX));
    CHECKED(decode_column_u32(columns[MR_COLUMN_STACK], stacks, allocs, UINT32_MAX));
    CHECKED(decode_column_u8(columns[MR_COLUMN_INTERVAL], intervals, allocs, 63));
    if (batch.has_ids) {
        uint64_t *ids = array_room(&decoder->ids, allocs, sizeof *ids, false);

        if (!ids) {
            return no_memory;
        }
        CHECKED(decode_column_addresses(columns[MR_COLUMN_ADDRESS], addresses, allocs,
                                        head->base_address));
        CHECKED(decode_column_deltas(columns[MR_COLUMN_ID], ids, allocs, head->base_id));
        CHECKED(
            decode_column_freed_ids(columns[MR_COLUMN_FREED], &batch, ids, freed, head->base_id));
        batch.alloc_keys = ids;
    } else {
        CHECKED(decode_address_columns(columns[MR_COLUMN_ADDRESS], columns[MR_COLUMN_FREED], &batch,
                                       addresses, freed, head->base_address));
    }
    if (memchr(batch.ops, MR_OP_HEAP_ALLOC, count)) {
        uint32_t *heaps = array_room(&decoder->heaps, allocs, sizeof *heaps, false);
        uint32_t *classes = array_room(&decoder->classes, allocs, sizeof *classes, false);

        if (!heaps || !classes) {
            return no_memory;
        }
        CHECKED(decode_column_objects(columns[MR_COLUMN_OBJECT], &batch, heaps, classes));
        batch.heaps = heaps;
        batch.classes = classes;
    }
    *out = batch;
    return NULL;
}

static problem decode_events(struct pass *pass, struct cursor *in)
{
    struct decoder *decoder = pass->decoder;
    struct events_head head;
    struct event_batch batch;

    CHECKED(decode_events_head(in, &head));
    if (!pass->sink->events) {
        pass->result->events += head.count;
        return NULL;
    }
    CHECKED(decode_columns(decoder, &head, &batch));
    CHECKED(check_ticks(&batch, pass->block));
    decoder->has_ids = batch.has_ids;
    take_marks(pass, &batch);
    if (batch.count || batch.mark_count) {
        HAND(pass, events, &batch);
        pass->result->events += batch.count;
    }
    if (batch.count) {
        pass->result->last_ticks = batch.ticks[batch.count - 1];
    }
    return NULL;
}

static problem decode_alive(struct pass *pass, struct cursor *in)
{
    struct events_head head;
    struct event_batch blocks;

    CHECKED(decode_events_head(in, &head));
    if (head.alloc_count != head.count) {
        return "a free among what is alive";
    }
    CHECKED(decode_columns(pass->decoder, &head, &blocks));
    for (size_t i = 0; i < blocks.count; i++) {
        if (blocks.ticks[i] > pass->block->last_ticks) {
            return "something alive is not born yet";
        }
    }
    struct alive_batch batch = {
        .blocks = &blocks,
        .last = head.flags & MR_ALIVE_LAST,
        .whole = head.flags & MR_ALIVE_WHOLE,
    };
    HAND(pass, alive, &batch);
    return NULL;
}

/* ---- the payload ----------------------------------------------------------------------------- */

static problem decode_section(struct pass *pass, uint64_t kind, struct cursor *in)
{
    switch (kind) {
    case MR_SECTION_HEADER:
        return decode_header(pass, in);
    case MR_SECTION_MODULE:
        return decode_modules(pass, in);
    case MR_SECTION_MODULE_GONE:
        return decode_modules_gone(pass, in);
    case MR_SECTION_THREAD:
        return decode_threads(pass, in);
    case MR_SECTION_THREAD_COUNTERS:
        return decode_thread_counters(pass, in);
    case MR_SECTION_STACK:
        return decode_stacks(pass, in);
    case MR_SECTION_EVENTS:
        return decode_events(pass, in);
    case MR_SECTION_METRIC:
        return decode_metrics(pass, in);
    case MR_SECTION_GAUGE:
        return decode_gauges(pass, in);
    case MR_SECTION_END:
        return decode_end(pass, in);
    case MR_SECTION_DEFINE:
        return decode_definitions(pass, in);
    case MR_SECTION_MARKS:
        return decode_marks(pass, in);
    case MR_SECTION_HEAP_COUNTERS:
        return decode_heap_counters(pass, in);
    case MR_SECTION_ALIVE:
        return decode_alive(pass, in);
    default:
        return NULL; /* of a newer writer */
    }
}

static problem decode_sections(struct pass *pass, const uint8_t *payload)
{
    struct cursor in = {payload, payload + pass->block->payload_bytes};

    while (left(&in)) {
        uint64_t kind;
        struct text content;

        CHECKED(get_uvarint(&in, &kind));
        CHECKED(get_text(&in, &content));
        const uint8_t *bytes = (const uint8_t *)content.bytes;
        CHECKED(decode_section(pass, kind, &(struct cursor){bytes, bytes + content.length}));
    }
    CHECKED(hand_marks(pass, false));
    return pass->result->events == pass->block->event_count
               ? NULL
               : "the number of events is not the announced one";
}

status decode_payload(struct decoder *decoder, const struct mr_block_header *block,
                      const uint8_t *payload, const struct record_sink *sink,
                      struct decode_result *result)
{
    struct pass pass = {
        .decoder = decoder,
        .block = block,
        .sink = sink,
        .result = result,
        .sink_status = OK,
    };

    *result = (struct decode_result){.last_ticks = block->first_ticks};
    problem wrong = decode_sections(&pass, payload);
    if (wrong && wrong != sink_failed && hand_marks(&pass, true)) {
        wrong = sink_failed;
    }
    if (!wrong && pass.marks_problem) {
        wrong = pass.marks_problem;
        result->last_ticks = block->first_ticks;
    }
    result->problem = wrong == sink_failed ? NULL : wrong;
    return pass.sink_status;
}
