/* SPDX-License-Identifier: Apache-2.0 */
/* mark_names.h -- the kinds of marks and their arguments by name, as the table of TRACE_FORMAT.md, section 12,
 * has them: for traces written as text, and for records printed.                                  */
#ifndef MEMREC_TESTS_MARK_NAMES_H
#define MEMREC_TESTS_MARK_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct mark_names {
    const char *name;      /* "frame-begin" */
    const char *arguments; /* separated by spaces, in order */
    bool has_counters;     /* C follows them */
};

const struct mark_names *mark_names(unsigned kind); /* NULL: there is no such kind */
unsigned mark_kind_named(const char *name);         /* 0: there is none */

size_t mark_argument_names(const struct mark_names *names); /* how many are named */

/* The name of an argument, not terminated, *length bytes long; NULL past the last. */
const char *mark_argument_name(const struct mark_names *names, size_t index, size_t *length);

/* The place of the argument of that name; the number of named ones when there is none. */
size_t mark_argument_named(const struct mark_names *names, const char *name);

#endif
