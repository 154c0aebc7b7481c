/* SPDX-License-Identifier: Apache-2.0 */
/* report_line.h -- a row of a report as one line of words. */
#ifndef MEMANALYZE_REPORT_LINE_H
#define MEMANALYZE_REPORT_LINE_H

#include "catalog.h"
#include "query.h"

/* One row as the line of a report set (report_set.h) has it: {column} becomes its value, with unit and
 * interval; [...] is left out when something in it has no value. The caller frees. NULL: something outside
 * of [...] has none. */
char *report_line(const struct catalog_report *report, const struct query *query,
                  const struct cell *cells, const char *line, bool ascii);

#endif
