/* SPDX-License-Identifier: Apache-2.0 */
/* report_head.h -- what stands around a table on screen: which run this is, and how it went. */
#ifndef MEMANALYZE_REPORT_HEAD_H
#define MEMANALYZE_REPORT_HEAD_H

#include "catalog.h"
#include "render.h"

struct db;

/* "server.db: ./server --port 80, pid 4242, 10.0 s, sampled every 64.0 KiB, 3 events lost", on one
 * line or two. `path` is the file as it was named; run 0 is the first. Fails when there is no such run. */
STATUS_MUST_USE status report_head_run(struct db *db, const struct render_options *out,
                                       const char *path, int64_t run);

/* Live and resident bytes over time as two lines of eight heights; nothing where the user replaced
 * the report they are read from. */
STATUS_MUST_USE status report_head_sparklines(struct db *db, const struct catalog *catalog,
                                              const struct render_options *out, int64_t run);

#endif
