/* SPDX-License-Identifier: Apache-2.0 */
/* capacity.h -- how much memory a run's program needs: tables capacity, capacity_risk, pool_occupancy and
 * span_load, for every run of the database.
 *
 * The series are what the reports show anyway: the resident set, live bytes, what each managed heap and each pool
 * uses. capacity_estimate.h says how high they will rise; what a size means for a pool, and a load for a process, is
 * left to queries, which have parameters.                                                          */
#ifndef MEMANALYZE_CAPACITY_H
#define MEMANALYZE_CAPACITY_H

#include "db.h"

/* After all other rows are in. Takes 24 bytes for each reading of the longest series while it runs, at most 24 MiB:
 * of a longer one every second reading, and the second again, is left out, but no peak. */
STATUS_MUST_USE status capacity_write(struct db *db);

#endif
