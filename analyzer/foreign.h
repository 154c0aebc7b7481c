/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.h -- captures of other tools become runs: what their data allow, and NULL or no row for the rest.
 *
 * A format is known by its content, plain or compressed. Each is one file, foreign_<name>.c. Files are untrusted:
 * whatever is wrong in one is a sentence, and the import fails.                                   */
#ifndef MEMANALYZE_FOREIGN_H
#define MEMANALYZE_FOREIGN_H

#include "import_state.h"

struct foreign_format {
    const char *name;                                          /* "jemalloc heap profile" */
    bool (*knows)(const uint8_t *start, size_t size);          /* by the first bytes, unpacked */
    status (*import)(struct import *import, const char *path); /* writes all rows of one run */
    bool whole_database; /* it cannot be imported with others */
};

/* The format of a file; NULL: a trace, or nothing that is known: the reader of traces says more. */
const struct foreign_format *foreign_recognise(const char *path);

/* "could not read "old.heap": line 12 is no line of a ...": returns FAIL. */
STATUS_MUST_USE status foreign_damaged(const char *path, uint64_t line, const char *what);

bool foreign_jemalloc_knows(const uint8_t *start, size_t size);
bool foreign_gperftools_knows(const uint8_t *start, size_t size);
bool foreign_pprof_knows(const uint8_t *start, size_t size);
bool foreign_massif_knows(const uint8_t *start, size_t size);
bool foreign_heaptrack_knows(const uint8_t *start, size_t size);
bool foreign_snapshot_knows(const uint8_t *start, size_t size);
status foreign_jemalloc(struct import *import, const char *path);
status foreign_gperftools(struct import *import, const char *path);
status foreign_pprof(struct import *import, const char *path);
status foreign_massif(struct import *import, const char *path);
status foreign_heaptrack(struct import *import, const char *path);
status foreign_snapshot(struct import *import, const char *path);

#endif
