/* SPDX-License-Identifier: Apache-2.0 */
#include "encode.h"

#include "schema/varint.h"

#include <string.h>

/* Most bytes a row of each column can take; they divide the encoder's memory. */
static const uint8_t row_bytes_max[MR_COLUMN_COUNT] = {
    [MR_COLUMN_OP] = 1,       [MR_COLUMN_TIME] = 10,    [MR_COLUMN_THREAD] = 5,
    [MR_COLUMN_ADDRESS] = 11, [MR_COLUMN_SIZE] = 10,    [MR_COLUMN_EXTRA] = 5,
    [MR_COLUMN_STACK] = 5,    [MR_COLUMN_INTERVAL] = 2, [MR_COLUMN_ID] = 10,
    [MR_COLUMN_FREED] = 11,   [MR_COLUMN_OBJECT] = 10,
};

/* Bytes for each column of marks: in all, not by row. */
static const uint32_t mark_column_bytes[MR_MARKS_COLUMNS] = {
    [MR_MARKS_KIND] = MR_BLOCK_MARKS_MAX,           [MR_MARKS_TIME] = 10 * MR_BLOCK_MARKS_MAX,
    [MR_MARKS_THREAD] = 5 * MR_BLOCK_MARKS_MAX,     [MR_MARKS_POSITION] = 3 * MR_BLOCK_MARKS_MAX,
    [MR_MARKS_ARGUMENT_COUNT] = MR_BLOCK_MARKS_MAX, [MR_MARKS_ARGUMENTS] = 4u << 20,
};
static_assert(MR_MARK_KINDS <= 128, "a kind is one byte");

#define GAUGE_ROWS_MAX  8192u
#define GAUGE_ROW_BYTES 25u

void mr_encode_init(struct mr_encoder *encoder, void *memory, bool have_ids)
{
    uint8_t *next = memory;
    memset(encoder, 0, sizeof *encoder);
    for (int c = 0; c < MR_COLUMN_COUNT; c++) {
        encoder->column[c].bytes = next;
        next += (size_t)row_bytes_max[c] * MR_BLOCK_EVENTS_MAX;
    }
    for (int c = 0; c < MR_MARKS_COLUMNS; c++) {
        encoder->marks[c].bytes = next;
        next += mark_column_bytes[c];
    }
    encoder->gauge.bytes = next;
    next += GAUGE_ROWS_MAX * GAUGE_ROW_BYTES;
    encoder->payload = next;
    encoder->capacity = MR_ENCODER_BYTES - (size_t)(next - (uint8_t *)memory);
    encoder->have_ids = have_ids;
    mr_encode_reset(encoder);
}

void mr_encode_reset(struct mr_encoder *encoder)
{
    encoder->used = 0;
    encoder->event_count = encoder->alloc_count = encoder->gauge_count = 0;
    encoder->gauge.used = 0;
    for (int c = 0; c < MR_COLUMN_COUNT; c++)
        encoder->column[c].used = 0;
    if (encoder->mark_count)
        memset(encoder->mark_last, 0, sizeof encoder->mark_last);
    encoder->mark_count = 0;
    for (int c = 0; c < MR_MARKS_COLUMNS; c++)
        encoder->marks[c].used = 0;
    memset(encoder->gauge_last, 0, sizeof encoder->gauge_last);
}

bool mr_encode_is_empty(const struct mr_encoder *encoder)
{
    return encoder->used == 0 && !mr_encode_has_events(encoder) && encoder->gauge_count == 0;
}

bool mr_encode_has_events(const struct mr_encoder *encoder)
{
    return encoder->event_count || encoder->mark_count;
}

size_t mr_encode_room(const struct mr_encoder *encoder)
{
    size_t waiting = encoder->used + encoder->gauge.used + 256;
    for (int c = 0; c < MR_COLUMN_COUNT; c++)
        waiting += encoder->column[c].used;
    for (int c = 0; c < MR_MARKS_COLUMNS; c++)
        waiting += encoder->marks[c].used;
    return waiting < encoder->capacity ? encoder->capacity - waiting : 0;
}

/* Sections */

void mr_encode_begin(struct mr_encoder *encoder, enum mr_section kind)
{
    mr_encode_uvarint(encoder, kind);
    encoder->used += MR_VARINT_BYTES_MAX; /* the length, once it is known */
    encoder->section_start = encoder->used;
}

void mr_encode_end(struct mr_encoder *encoder)
{
    size_t length = encoder->used - encoder->section_start;
    uint8_t *place = encoder->payload + encoder->section_start - MR_VARINT_BYTES_MAX;
    uint8_t *content = mr_put_uvarint(place, length);
    memmove(content, encoder->payload + encoder->section_start, length);
    encoder->used = (size_t)(content - encoder->payload) + length;
}

void mr_encode_uvarint(struct mr_encoder *encoder, uint64_t value)
{
    uint8_t *at = encoder->payload + encoder->used;
    encoder->used += (size_t)(mr_put_uvarint(at, value) - at);
}

void mr_encode_svarint(struct mr_encoder *encoder, int64_t value)
{
    mr_encode_uvarint(encoder, mr_zigzag(value));
}

void mr_encode_bytes(struct mr_encoder *encoder, const void *bytes, size_t size)
{
    memcpy(encoder->payload + encoder->used, bytes, size);
    encoder->used += size;
}

void mr_encode_text(struct mr_encoder *encoder, const void *bytes, size_t size)
{
    mr_encode_uvarint(encoder, size);
    mr_encode_bytes(encoder, bytes, size);
}

void mr_encode_header_integer(struct mr_encoder *encoder, enum mr_header_key key, uint64_t value)
{
    uint8_t bytes[MR_VARINT_BYTES_MAX];
    mr_encode_header_bytes(encoder, key, bytes, (size_t)(mr_put_uvarint(bytes, value) - bytes));
}

void mr_encode_header_text(struct mr_encoder *encoder, enum mr_header_key key, const char *text)
{
    mr_encode_header_bytes(encoder, key, text, strlen(text));
}

void mr_encode_header_bytes(struct mr_encoder *encoder, enum mr_header_key key, const void *bytes,
                            size_t size)
{
    mr_encode_uvarint(encoder, key);
    mr_encode_text(encoder, bytes, size);
}

void mr_encode_stacks(struct mr_encoder *encoder, uint32_t first_id, uint32_t count,
                      const uint32_t *parents, const uint64_t *pcs)
{
    uint64_t last_pc = 0;
    mr_encode_begin(encoder, MR_SECTION_STACK);
    mr_encode_uvarint(encoder, first_id);
    mr_encode_uvarint(encoder, count);
    for (uint32_t i = 0; i < count; i++) {
        mr_encode_uvarint(encoder, first_id + i - parents[i]);
        mr_encode_svarint(encoder, (int64_t)(pcs[i] - last_pc));
        last_pc = pcs[i];
    }
    mr_encode_end(encoder);
}

/* Events */

static void put_u(struct mr_column *column, uint64_t value)
{
    uint8_t *at = column->bytes + column->used;
    column->used += (size_t)(mr_put_uvarint(at, value) - at);
}

static void put_s(struct mr_column *column, int64_t value) { put_u(column, mr_zigzag(value)); }

/* Addresses are mostly multiples of 16: the low four bits cost a byte only where they differ. */
static void put_address(struct mr_column *column, uint64_t address, uint64_t predicted)
{
    int64_t delta = (int64_t)(address - predicted);
    uint8_t low = (uint8_t)(delta & 15);
    put_u(column, mr_zigzag(delta >> 4) << 1 | (low != 0));
    if (low)
        column->bytes[column->used++] = low;
}

static void note_ticks(struct mr_encoder *encoder, uint64_t ticks)
{
    bool first = !mr_encode_has_events(encoder);
    if (first || ticks < encoder->first_event_ticks)
        encoder->first_event_ticks = ticks;
    if (first || ticks > encoder->last_event_ticks)
        encoder->last_event_ticks = ticks;
}

void mr_encode_event(struct mr_encoder *encoder, const struct mr_event *event)
{
    struct mr_column *column = encoder->column;
    bool is_alloc = event->op & MR_OP_ALLOC;
    if (encoder->event_count == 0) {
        encoder->base_ticks = encoder->last_ticks = event->ticks;
        encoder->base_id = encoder->last_id = encoder->have_ids ? event->key : 0;
        encoder->base_address = encoder->last_address = is_alloc            ? event->address
                                                        : encoder->have_ids ? 0
                                                                            : event->key;
    }
    note_ticks(encoder, event->ticks);
    encoder->event_count++;

    column[MR_COLUMN_OP].bytes[column[MR_COLUMN_OP].used++] = event->op;
    put_s(&column[MR_COLUMN_TIME], (int64_t)(event->ticks - encoder->last_ticks));
    encoder->last_ticks = event->ticks;
    put_u(&column[MR_COLUMN_THREAD], event->thread);
    if (is_alloc) {
        encoder->alloc_count++;
        put_address(&column[MR_COLUMN_ADDRESS], event->address, encoder->last_address);
        encoder->last_address = event->address;
        put_u(&column[MR_COLUMN_SIZE], event->size);
        put_u(&column[MR_COLUMN_EXTRA], event->extra);
        put_u(&column[MR_COLUMN_STACK], event->stack);
        put_u(&column[MR_COLUMN_INTERVAL], event->interval);
        if (event->op == MR_OP_HEAP_ALLOC) {
            put_u(&column[MR_COLUMN_OBJECT], event->heap);
            put_u(&column[MR_COLUMN_OBJECT], event->klass);
        }
        if (encoder->have_ids) {
            put_s(&column[MR_COLUMN_ID], (int64_t)(event->key - encoder->last_id));
            encoder->last_id = event->key;
        }
    } else if (encoder->have_ids) {
        put_s(&column[MR_COLUMN_FREED], (int64_t)(encoder->last_id - event->key));
    } else {
        put_address(&column[MR_COLUMN_FREED], event->key, encoder->last_address);
        encoder->last_address = event->key;
    }
}

static void finish_events(struct mr_encoder *encoder, enum mr_section kind, unsigned flags)
{
    mr_encode_begin(encoder, kind);
    mr_encode_uvarint(encoder, flags | (encoder->have_ids ? MR_EVENTS_HAVE_IDS : 0));
    mr_encode_uvarint(encoder, encoder->event_count);
    mr_encode_uvarint(encoder, encoder->alloc_count);
    mr_encode_uvarint(encoder, encoder->base_ticks);
    mr_encode_uvarint(encoder, encoder->base_id);
    mr_encode_uvarint(encoder, encoder->base_address);
    for (int c = 0; c < MR_COLUMN_COUNT; c++)
        if (c != MR_COLUMN_OBJECT || encoder->column[c].used)
            mr_encode_text(encoder, encoder->column[c].bytes, encoder->column[c].used);
    mr_encode_end(encoder);
}

void mr_encode_alive(struct mr_encoder *encoder, unsigned flags)
{
    finish_events(encoder, MR_SECTION_ALIVE, flags);
    encoder->event_count = encoder->alloc_count = 0;
    for (int c = 0; c < MR_COLUMN_COUNT; c++)
        encoder->column[c].used = 0;
}

/* Marks */

bool mr_encode_mark(struct mr_encoder *encoder, enum mr_mark kind, uint32_t thread, uint64_t ticks,
                    const uint64_t *arguments, unsigned count)
{
    struct mr_column *column = encoder->marks;
    size_t needed = (size_t)count * MR_VARINT_BYTES_MAX;
    if (encoder->mark_count == MR_BLOCK_MARKS_MAX ||
        column[MR_MARKS_ARGUMENTS].used + needed > mark_column_bytes[MR_MARKS_ARGUMENTS])
        return false;
    if (encoder->mark_count == 0) {
        encoder->mark_base_ticks = encoder->mark_last_ticks = ticks;
        encoder->mark_last_position = 0;
    }
    note_ticks(encoder, ticks);
    encoder->mark_count++;
    put_u(&column[MR_MARKS_KIND], kind);
    put_s(&column[MR_MARKS_TIME], (int64_t)(ticks - encoder->mark_last_ticks));
    encoder->mark_last_ticks = ticks;
    put_u(&column[MR_MARKS_THREAD], thread);
    put_u(&column[MR_MARKS_POSITION], encoder->event_count - encoder->mark_last_position);
    encoder->mark_last_position = encoder->event_count;
    put_u(&column[MR_MARKS_ARGUMENT_COUNT], count);
    for (unsigned i = 0; i < count; i++) {
        put_s(&column[MR_MARKS_ARGUMENTS], (int64_t)(arguments[i] - encoder->mark_last[kind][i]));
        encoder->mark_last[kind][i] = arguments[i];
    }
    return true;
}

static void finish_marks(struct mr_encoder *encoder)
{
    mr_encode_begin(encoder, MR_SECTION_MARKS);
    mr_encode_uvarint(encoder, encoder->mark_count);
    mr_encode_uvarint(encoder, encoder->mark_base_ticks);
    for (int c = 0; c < MR_MARKS_COLUMNS; c++)
        mr_encode_text(encoder, encoder->marks[c].bytes, encoder->marks[c].used);
    mr_encode_end(encoder);
}

/* Gauges */

void mr_encode_gauge(struct mr_encoder *encoder, uint64_t ticks, uint32_t metric, int64_t value)
{
    if (encoder->gauge_count == GAUGE_ROWS_MAX)
        return;
    if (encoder->gauge_count++ == 0)
        encoder->gauge_base_ticks = encoder->gauge_last_ticks = ticks;
    put_s(&encoder->gauge, (int64_t)(ticks - encoder->gauge_last_ticks));
    encoder->gauge_last_ticks = ticks;
    put_u(&encoder->gauge, metric);
    put_s(&encoder->gauge, (int64_t)((uint64_t)value - (uint64_t)encoder->gauge_last[metric & 63]));
    encoder->gauge_last[metric & 63] = value;
}

static void finish_gauges(struct mr_encoder *encoder)
{
    mr_encode_begin(encoder, MR_SECTION_GAUGE);
    mr_encode_uvarint(encoder, encoder->gauge_count);
    mr_encode_uvarint(encoder, encoder->gauge_base_ticks);
    mr_encode_bytes(encoder, encoder->gauge.bytes, encoder->gauge.used);
    mr_encode_end(encoder);
}

void mr_encode_finish(struct mr_encoder *encoder)
{
    if (encoder->gauge_count)
        finish_gauges(encoder);
    if (encoder->mark_count)
        finish_marks(encoder);
    if (encoder->event_count)
        finish_events(encoder, MR_SECTION_EVENTS, 0);
}
