/* SPDX-License-Identifier: Apache-2.0 */
/* page.h -- a run as one HTML page that needs nothing else: no network, no server, no other file.
 *
 * The page is page/page.html with its style and scripts, which draw; what they draw is JSON in it: every report
 * with its columns, its statement and its first rows, and the tables of queries/page, which are for charts only.
 * Nothing in the JSON can end the element it stands in, whatever a program calls its functions.    */
#ifndef MEMANALYZE_PAGE_H
#define MEMANALYZE_PAGE_H

#include "catalog.h"

#include <stdint.h>
#include <stdio.h>

struct db;

struct page {
    struct db *db;
    const struct catalog *catalog;
    int64_t run; /* 0: the first */
    struct db *
        baseline; /* an earlier recording, whose first run the stacks are compared with; NULL: none */
};

/* Writes the page. A full disk shows when the caller flushes. */
STATUS_MUST_USE status page_write(const struct page *page, FILE *out);

/* Writes its JSON alone. */
STATUS_MUST_USE status page_write_data(const struct page *page, FILE *out);

/* The page around such JSON, for a server that says when there are other data: the page asks it, and nobody else,
 * for them. */
void page_wrap_live(const char *data, size_t data_bytes, FILE *out);

#endif
