/* SPDX-License-Identifier: Apache-2.0 */
/* json.h -- text and numbers as JSON, safe inside a page's <script> too. Any thread, on its own stream. */
#ifndef MEMANALYZE_JSON_H
#define MEMANALYZE_JSON_H

#include "query.h"

#include <stdio.h>

/* `text` is any bytes: those that are no UTF-8 are spelled \xNN. */
void json_put_text(FILE *out, const char *text, size_t bytes);

/* An INTEGER, or a REAL with as many digits as it takes to read the same number back. */
void json_put_number(FILE *out, const struct cell *cell);

/* The same of a number; null when it is not finite. */
void json_put_real(FILE *out, double value);

/* NULL and numbers that are not finite are null. */
void json_put_cell(FILE *out, const struct cell *cell);

#endif
