/* SPDX-License-Identifier: Apache-2.0 */
/* report_page.h -- the first screen of a run: what a report set says, a few lines from each report. */
#ifndef MEMANALYZE_REPORT_PAGE_H
#define MEMANALYZE_REPORT_PAGE_H

#include "catalog.h"
#include "render.h"
#include "report_set.h"

struct report_page {
    struct db *db;
    const struct catalog *catalog;
    const struct report_sets *sets;
    const struct report_set *set;
    const char *reason; /* why this set was taken; NULL: it was asked for */
    int64_t run;        /* 0: the first */
};

/* As a table: a screen of text. In the other formats: rows of two columns, report and text, one for each
 * line, so that no report's table is among them. */
STATUS_MUST_USE status report_page_print(const struct report_page *page,
                                         const struct render_options *out);

#endif
