/* SPDX-License-Identifier: Apache-2.0 */
/* capacity_spans.h -- table span_load: how many spans of each kind were in flight, and what one of them held. */
#ifndef MEMANALYZE_CAPACITY_SPANS_H
#define MEMANALYZE_CAPACITY_SPANS_H

#include "db.h"

/* After all spans are in. Takes 8 bytes for each span that is in flight at once. */
STATUS_MUST_USE status capacity_spans_write(struct db *db);

#endif
