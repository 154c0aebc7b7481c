/* SPDX-License-Identifier: Apache-2.0 */
/* export_write.c -- see export_write.h. */
#include "export_write.h"

#include "diag.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT UINT32_C(0xfffd)

/* The character at `at` and its bytes; one byte that starts none is REPLACEMENT. */
static uint32_t take_character(const unsigned char *at, size_t left, size_t *bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;
    uint32_t code = length == 1 ? at[0] : length ? at[0] & (0x7f >> length) : REPLACEMENT;

    *bytes = 1;
    if (length == 0 || length > left) {
        return REPLACEMENT;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return REPLACEMENT;
        }
        code = code << 6 | (at[i] & 0x3f);
    }
    if (length > 1 &&
        (code < least[length] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)) {
        return REPLACEMENT;
    }
    *bytes = length;
    return code;
}

static bool turns_direction(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void export_json_text_bytes(FILE *out, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;

    putc('"', out);
    for (size_t left = bytes, length; left > 0; at += length, left -= length) {
        uint32_t code = take_character(at, left, &length);

        if (code == '"' || code == '\\') {
            putc('\\', out);
            putc((int)code, out);
        } else if (code == '\n') {
            fputs("\\n", out);
        } else if (code == '\t') {
            fputs("\\t", out);
        } else if (code < 0x20 || code == '<' || (code >= 0x7f && code < 0xa0) ||
                   turns_direction(code) || (code == REPLACEMENT && length == 1)) {
            fprintf(out, "\\u%04" PRIx32, code);
        } else {
            fwrite(at, 1, length, out);
        }
    }
    putc('"', out);
}

void export_json_text(FILE *out, const char *text)
{
    if (text) {
        export_json_text_bytes(out, text, strlen(text));
    } else {
        fputs("null", out);
    }
}

size_t export_line_text(FILE *out, const char *text, char separator)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    size_t written = 0;

    for (size_t left = strlen((const char *)at), length; left > 0; at += length, left -= length) {
        uint32_t code = take_character(at, left, &length);

        if (code == REPLACEMENT && length == 1) {
            putc('?', out);
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || turns_direction(code)) {
            putc(' ', out);
            written += 1;
            continue;
        } else if (separator && code == (uint32_t)separator) {
            putc(':', out);
        } else {
            fwrite(at, 1, length, out);
        }
        written += length;
    }
    return written;
}

static void put_scaled(FILE *out, int64_t ns, int64_t unit, int digits)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

    fprintf(out, "%s%" PRIu64 ".%0*" PRIu64, ns < 0 ? "-" : "", size / (uint64_t)unit, digits,
            size % (uint64_t)unit);
}

void export_us(FILE *out, int64_t ns) { put_scaled(out, ns, 1000, 3); }
void export_ms(FILE *out, int64_t ns) { put_scaled(out, ns, 1000000, 6); }

/* ---- protobuf ------------------------------------------------------------------------------- */

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void append(struct proto *proto, const void *bytes, size_t size)
{
    if (size > proto->room - proto->used) {
        size_t room = 2 * proto->room + size + 64;
        uint8_t *grown = proto->failed ? NULL : realloc(proto->bytes, room);

        if (!grown) {
            proto->failed = true;
            return;
        }
        proto->bytes = grown;
        proto->room = room;
    }
    if (size > 0) {
        memcpy(proto->bytes + proto->used, bytes, size);
        proto->used += size;
    }
}

void proto_element(struct proto *proto, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;

    do {
        bytes[size++] = (uint8_t)(value & 0x7f) | (uint8_t)(value > 0x7f ? 0x80 : 0);
        value >>= 7;
    } while (value > 0);
    append(proto, bytes, size);
}

void proto_uint(struct proto *proto, unsigned field, uint64_t value)
{
    if (value != 0) {
        proto_element(proto, field << 3 | WIRE_VARINT);
        proto_element(proto, value);
    }
}

void proto_bytes(struct proto *proto, unsigned field, const void *bytes, size_t size)
{
    proto_element(proto, field << 3 | WIRE_BYTES);
    proto_element(proto, size);
    append(proto, bytes, size);
}

void proto_message(struct proto *proto, unsigned field, const struct proto *message)
{
    proto->failed = proto->failed || message->failed;
    proto_bytes(proto, field, message->bytes, message->used);
}

void proto_free(struct proto *proto)
{
    free(proto->bytes);
    *proto = (struct proto){0};
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static size_t pair_slot(const struct pair_index *index, uint64_t first, uint64_t second)
{
    uint64_t hash = (first * UINT64_C(0x9e3779b97f4a7c15) ^ second) * UINT64_C(0xc2b2ae3d27d4eb4f);
    size_t slot = (hash ^ hash >> 29) & (index->slot_count - 1);

    while (index->slots[slot] && (index->items[index->slots[slot] - 1].first != first ||
                                  index->items[index->slots[slot] - 1].second != second)) {
        slot = (slot + 1) & (index->slot_count - 1);
    }
    return slot;
}

static bool pair_grow(struct pair_index *index)
{
    size_t room = index->room ? 2 * index->room : 512;
    struct pair_item *items = realloc(index->items, room * sizeof *items);

    if (!items) {
        return false;
    }
    index->items = items;
    uint32_t *slots = room < UINT32_MAX / 2 ? calloc(2 * room, sizeof *slots) : NULL;
    if (!slots) {
        return false;
    }
    free(index->slots);
    index->slots = slots;
    index->slot_count = 2 * room;
    index->room = room;
    for (size_t i = 0; i < index->count; i++) {
        index->slots[pair_slot(index, items[i].first, items[i].second)] = (uint32_t)i + 1;
    }
    return true;
}

status pair_index_of(struct pair_index *index, uint64_t first, uint64_t second, uint32_t *out,
                     bool *is_new)
{
    if (index->count == index->room && !pair_grow(index)) {
        diag_error("could not export: out of memory");
        return FAIL;
    }
    size_t slot = pair_slot(index, first, second);
    bool added = index->slots[slot] == 0;
    if (added) {
        index->items[index->count++] = (struct pair_item){first, second};
        index->slots[slot] = (uint32_t)index->count;
    }
    *out = index->slots[slot] - 1;
    if (is_new) {
        *is_new = added;
    }
    return OK;
}

void pair_index_free(struct pair_index *index)
{
    free(index->items);
    free(index->slots);
    *index = (struct pair_index){0};
}
