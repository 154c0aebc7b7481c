/* SPDX-License-Identifier: Apache-2.0 */
/* leak_rows.h -- everything of a run that may leak, judged, ranked and written to table leak.
 *
 * leak_test.h judges one site. Here stacks with too few samples are put together, towards the leaf, until
 * there are enough; classes of objects, and what spans and evaluations leave behind, are judged as sites are and
 * listed where no site says it; the verdicts of a run are corrected for their number, and sorted. */
#ifndef MEMANALYZE_LEAK_ROWS_H
#define MEMANALYZE_LEAK_ROWS_H

#include "leak_classes.h"
#include "stack_table.h"

struct leak_input { /* a finished run; functions have names (stack_table_name), voice has written */
    const struct rollup *rollup;
    const struct rollup *twins; /* objects whose memory is blocks of `rollup`, too */
    const struct leak_classes *classes;
    const struct stack_table *stacks;
    const struct voice *voice;
    struct db *db;
    int64_t run_id;
    uint64_t end_ns;
};

STATUS_MUST_USE status leak_rows_write(const struct leak_input *input);

#endif
