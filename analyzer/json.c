/* SPDX-License-Identifier: Apache-2.0 */
/* json.c -- see json.h. */
#include "json.h"

#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With as many digits as it takes to read the same number back. */
static void put_shortest(FILE *out, double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, out);
}

void json_put_number(FILE *out, const struct cell *cell)
{
    if (cell->kind == CELL_INTEGER) {
        fprintf(out, "%lld", (long long)cell->integer);
    } else {
        put_shortest(out, cell->real);
    }
}

void json_put_real(FILE *out, double value)
{
    if (isfinite(value)) {
        put_shortest(out, value);
    } else {
        fputs("null", out);
    }
}

/* "</" and "<!" would mean something to the parser of a page. */
static void put_valid(FILE *out, const char *text, size_t bytes)
{
    putc('"', out);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\') {
            putc('\\', out);
            putc(byte, out);
        } else if (byte == '\n') {
            fputs("\\n", out);
        } else if (byte < 0x20 || byte == 0x7f ||
                   (byte == '<' && i + 1 < bytes && (text[i + 1] == '/' || text[i + 1] == '!'))) {
            fprintf(out, "\\u%04x", byte);
        } else {
            putc(byte, out);
        }
    }
    putc('"', out);
}

void json_put_text(FILE *out, const char *text, size_t bytes)
{
    char *valid = units_valid(text, bytes);

    put_valid(out, valid ? valid : "", valid ? strlen(valid) : 0);
    free(valid);
}

void json_put_cell(FILE *out, const struct cell *cell)
{
    if (cell->kind == CELL_NULL) {
        fputs("null", out);
    } else if (cell->kind == CELL_TEXT) {
        json_put_text(out, cell->text, cell->text_bytes);
    } else if (cell->kind == CELL_REAL) {
        json_put_real(out, cell->real);
    } else {
        json_put_number(out, cell);
    }
}
