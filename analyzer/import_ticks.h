/* SPDX-License-Identifier: Apache-2.0 */
/* import_ticks.h -- gauges become rows: pivoted where a table has a column for them, else by name.
 *
 * A metric `process.rss_bytes` belongs in column rss_bytes of process_tick; the columns are asked of the
 * database, so schema.sql is the only list. Values of one family at one time share a row.         */
#ifndef MEMANALYZE_IMPORT_TICKS_H
#define MEMANALYZE_IMPORT_TICKS_H

#include "db.h"

struct import_ticks;

STATUS_MUST_USE status import_ticks_open(struct db *db, struct import_ticks **out);
void import_ticks_close(struct import_ticks *ticks);

void import_ticks_begin_run(struct import_ticks *ticks, int64_t run_id); /* forgets all metrics */
STATUS_MUST_USE status import_ticks_metric(struct import_ticks *ticks,
                                           const struct metric_record *record);
STATUS_MUST_USE status import_ticks_value(struct import_ticks *ticks, uint32_t metric,
                                          uint64_t time_ns, int64_t value);
/* Whether this metric is told once in each look at all mappings, or in each answer of the allocator. */
enum import_ticks_kind { TICK_OTHER, TICK_LOOK, TICK_ANSWER };
enum import_ticks_kind import_ticks_kind(const struct import_ticks *ticks, uint32_t metric);

STATUS_MUST_USE status import_ticks_flush(struct import_ticks *ticks); /* writes what waits */

#endif
