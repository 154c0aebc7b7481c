/* SPDX-License-Identifier: Apache-2.0 */
/* report_values.h -- the words after --limit and its like become parameters of a report. */
#ifndef MEMANALYZE_REPORT_VALUES_H
#define MEMANALYZE_REPORT_VALUES_H

#include "catalog.h"
#include "query.h"

enum { REPORT_VALUES_MAX = 16 };

struct report_value {
    const char *name, *value; /* without dashes; both live as long as what is made of them */
};

/* Fills out[0 ... *out_count - 1] with a parameter for each value. A number may be `all`, one of bytes
 * may end in K, M, G or T. The first that the report does not have, or take, is told to diag: STATUS_USAGE. */
STATUS_MUST_USE status report_values_bind(const struct catalog_report *report,
                                          const struct report_value *values, size_t count,
                                          struct query_parameter out[REPORT_VALUES_MAX],
                                          size_t *out_count);

#endif
