/* SPDX-License-Identifier: Apache-2.0 */
/* export_write.h -- what the formats have in common when they write: JSON text and numbers, protobuf fields,
 * lines that must stay lines, and a number for each pair of numbers.                              */
#ifndef MEMANALYZE_EXPORT_WRITE_H
#define MEMANALYZE_EXPORT_WRITE_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string with its quotes; NULL: null. Bytes that are no UTF-8 become U+FFFD; < is spelled \u003c, and so
 * are controls and the marks that turn the writing direction, so that the file is harmless in HTML, a log
 * and a terminal. */
void export_json_text(FILE *out, const char *text);
void export_json_text_bytes(FILE *out, const char *text, size_t bytes);

/* Text on one line: controls become blanks, `separator` (0: none) becomes ':'. Bytes that are no UTF-8 become
 * '?'. Returns the bytes written. */
size_t export_line_text(FILE *out, const char *text, char separator);

/* ns as microseconds or milliseconds with all their digits. */
void export_us(FILE *out, int64_t ns);
void export_ms(FILE *out, int64_t ns);

/* Protobuf fields, appended to a buffer that grows; `failed` stays set when memory ran out. Starts as zeros. */
struct proto {
    uint8_t *bytes;
    size_t used, room;
    bool failed;
};
void proto_uint(struct proto *proto, unsigned field,
                uint64_t value);                         /* 0 is left out, as proto3 does */
void proto_element(struct proto *proto, uint64_t value); /* of a packed array */
void proto_bytes(struct proto *proto, unsigned field, const void *bytes, size_t size);
void proto_message(struct proto *proto, unsigned field, const struct proto *message);
void proto_free(struct proto *proto);

/* Pairs of numbers to dense numbers, from 0. Starts as zeros. */
struct pair_index {
    struct pair_item *items;
    uint32_t *slots;
    size_t count, room, slot_count;
};
struct pair_item {
    uint64_t first, second;
};
/* *is_new (may be NULL) tells whether it was not there yet. Fails only when out of memory. */
STATUS_MUST_USE status pair_index_of(struct pair_index *index, uint64_t first, uint64_t second,
                                     uint32_t *out, bool *is_new);
void pair_index_free(struct pair_index *index);

#endif
