/* SPDX-License-Identifier: Apache-2.0 */
/* import.h -- stage 6: the records of one or more traces become the rows of one new database.
 *
 * The database is built under another name and renamed when it is whole; on any failure nothing is
 * left behind. Bulk tables go straight into its pages (table_writer.h) while a trace streams by; all
 * other rows wait in a private temporary database and are copied at the end. Memory: 256 MiB at
 * most, 48 bytes per block that is live at once, and what a program told needs (voice.h).         */
#ifndef MEMANALYZE_IMPORT_H
#define MEMANALYZE_IMPORT_H

#include "status.h"
#include "suppressions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMPORT_SCHEMA_VERSION = 3, IMPORT_APPLICATION_ID = 0x6d726563 /* "mrec" */ };

/* Of the rows of `sample` so many are kept that the database is not much larger, unless told otherwise. */
#define IMPORT_MAX_BYTES (UINT64_C(1) << 30)

struct import_options {
    bool replace;      /* an existing target */
    bool quiet;        /* no remark about incomplete traces, no progress bar */
    bool slow_samples; /* bulk rows through plain SQL: the oracle of the fast path */
    const struct suppressions *suppressions; /* NULL: none */
    uint64_t max_bytes;                      /* about, of the database; 0: IMPORT_MAX_BYTES */
};

struct import_totals {
    uint64_t events, samples, survivors, trace_bytes;
};

/* Returns OK; or, with the database made all the same, STATUS_INCOMPLETE after saying what is
 * missing; or a failure. `totals` may be NULL. */
STATUS_MUST_USE status import_traces(const char *const *traces, size_t count, const char *target,
                                     const struct import_options *options,
                                     struct import_totals *totals);

#endif
