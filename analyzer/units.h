/* SPDX-License-Identifier: Apache-2.0 */
/* units.h -- numbers and names as people read them: 26.1 MiB, 3.4 ms, 5 270, 85.3 %.
 *
 * Pure functions; every result fits UNITS_BYTES and is terminated. `ascii` avoids characters beyond
 * ASCII.                                                                                         */
#ifndef MEMANALYZE_UNITS_H
#define MEMANALYZE_UNITS_H

#include "catalog.h"

#include <stdint.h>

enum { UNITS_BYTES = 64 };

/* A value of this type, with its unit. */
void units_value(char *out, enum catalog_type type, double value, bool ascii);

/* The unit column of a row (TYPE_MIXED): its type and how its numbers scale to it. */
struct units_mixed {
    enum catalog_type type;
    double factor;
    const char *suffix; /* after the unit */
};
struct units_mixed units_mixed(const char *unit, size_t unit_bytes);

/* The 95 % interval of a value in the value's own unit, "(24.0-28.3)", or "" where it would show
 * nothing that the value does not. */
void units_interval(char *out, enum catalog_type type, double value, double low, double high,
                    bool ascii);

/* Makes text of any bytes harmless for a terminal and a line: controls, marks that turn the writing
 * direction, and bytes that are no UTF-8 become \n, \t, \xNN or \u{NNNN}. The caller frees the
 * result; NULL: out of memory. */
char *units_escape(const char *text, size_t bytes, bool ascii);

/* A copy in which bytes that are no UTF-8 are spelled \xNN, for JSON; else as units_escape. */
char *units_valid(const char *text, size_t bytes);

/* Columns that escaped text takes on a terminal. */
size_t units_width(const char *text, size_t bytes);

/* Bytes of the longest start of escaped text that takes at most `width` columns. */
size_t units_prefix(const char *text, size_t width);

#endif
