/* SPDX-License-Identifier: Apache-2.0 */
/* suppressions.h -- findings that a team has decided to live with, in the files that LeakSanitizer reads:
 *
 *   # a comment
 *   leak:pattern      `*` stands for any text, ^ and $ for the ends; without them a part is enough
 *
 * A pattern names a finding by the function, source file or module of any frame of its stack, or by its class, kind
 * of spans or label. What is suppressed stays in table leak, with the pattern beside it. */
#ifndef MEMANALYZE_SUPPRESSIONS_H
#define MEMANALYZE_SUPPRESSIONS_H

#include "db.h"

struct suppressions;

/* *out is NULL when it fails, which diag.h knows. */
STATUS_MUST_USE status suppressions_read(const char *path, struct suppressions **out);
void suppressions_free(struct suppressions *suppressions); /* NULL: nothing */

bool suppressions_match(const char *pattern, const char *text); /* text NULL: no */

/* Writes leak.suppressed_by, of all runs. */
STATUS_MUST_USE status suppressions_store(const struct suppressions *suppressions, struct db *db);

/* The same for this connection only, which may be to a file that cannot be written: what it reads as table leak, and
 * as views of it, is a copy. */
STATUS_MUST_USE status suppressions_show(const struct suppressions *suppressions, struct db *db);

#endif
