/* SPDX-License-Identifier: Apache-2.0 */
/* leak_rows.h -- the sites of each run, judged, ranked and written to table leak.
 *
 * leak_test.h judges one site. Here stacks with too few samples are put together, towards the leaf, until
 * there are enough; the verdicts of a run are corrected for their number, and sorted.            */
#ifndef MEMANALYZE_LEAK_ROWS_H
#define MEMANALYZE_LEAK_ROWS_H

#include "db.h"
#include "rollup.h"
#include "stack_table.h"

/* Judges the sites of a finished run and writes their rows. Functions must have names
 * (stack_table_name). `collected_ns` as in leak_test.h. */
STATUS_MUST_USE status leak_rows_write(const struct rollup *rollup,
                                       const struct stack_table *stacks, struct db *db,
                                       int64_t run_id, uint64_t end_ns, uint64_t collected_ns);

#endif
