/* SPDX-License-Identifier: Apache-2.0 */
/* distribution.h -- what reports need to know about all the frames, spans, evaluations and pauses of a run at once.
 *
 * Fills the tables `quantile` and `gc_utilisation` from the rows of the others, for every run of the database.
 * SQLite would sort 100 000 values for each percentile of each report; here they are sorted once. */
#ifndef MEMANALYZE_DISTRIBUTION_H
#define MEMANALYZE_DISTRIBUTION_H

#include "db.h"

/* After all other rows are in. Takes 16 bytes for each value of the largest column while it runs. */
STATUS_MUST_USE status distribution_write(struct db *db);

#endif
