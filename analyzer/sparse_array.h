/* SPDX-License-Identifier: Apache-2.0 */
/* sparse_array.h -- an array of fixed-size elements by 32-bit index that exists in pieces, where used.
 *
 * For ids out of a trace: mostly dense, but a damaged file may name any number. Elements begin as
 * zeros and never move. */
#ifndef MEMANALYZE_SPARSE_ARRAY_H
#define MEMANALYZE_SPARSE_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SPARSE_PIECE_BITS = 10, SPARSE_PIECE = 1 << SPARSE_PIECE_BITS };

struct sparse_array {
    size_t element_bytes;
    char **pieces;
    uint32_t piece_count;
};

/* The element, or NULL when it was never made. */
static inline void *sparse_find(const struct sparse_array *array, uint32_t index)
{
    uint32_t piece = index >> SPARSE_PIECE_BITS;

    return piece < array->piece_count && array->pieces[piece]
               ? array->pieces[piece] + (index & (SPARSE_PIECE - 1)) * array->element_bytes
               : NULL;
}

/* The element, made when needed; NULL: out of memory. */
static inline void *sparse_make(struct sparse_array *array, uint32_t index)
{
    uint32_t piece = index >> SPARSE_PIECE_BITS;

    if (piece >= array->piece_count) {
        uint32_t count = piece + piece / 2 + 16;
        char **pieces = realloc(array->pieces, count * sizeof *pieces);

        if (!pieces) {
            return NULL;
        }
        memset(pieces + array->piece_count, 0, (count - array->piece_count) * sizeof *pieces);
        array->pieces = pieces;
        array->piece_count = count;
    }
    if (!array->pieces[piece] &&
        !(array->pieces[piece] = calloc(SPARSE_PIECE, array->element_bytes))) {
        return NULL;
    }
    return sparse_find(array, index);
}

/* Gives everything back: empty again. */
static inline void sparse_clear(struct sparse_array *array)
{
    for (uint32_t i = 0; i < array->piece_count; i++) {
        free(array->pieces[i]);
    }
    free(array->pieces);
    array->pieces = NULL;
    array->piece_count = 0;
}

#endif
