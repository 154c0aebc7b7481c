/* SPDX-License-Identifier: Apache-2.0 */
/* watch_gauges.h -- what a recording did lately, one line of eight heights each: resident and live bytes, allocation,
 * collections, frames over budget; of the report history. */
#ifndef MEMANALYZE_WATCH_GAUGES_H
#define MEMANALYZE_WATCH_GAUGES_H

#include "catalog.h"
#include "render.h"

struct db;

/* `range` is one that history takes: 1m, 5m, 1h, 10h, all. A gauge that was never told has no line; nothing is printed where
 * the user replaced the report. */
STATUS_MUST_USE status watch_gauges_print(struct db *db, const struct catalog *catalog,
                                          const char *range, const struct render_options *out);

#endif
