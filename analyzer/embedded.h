/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.h -- the .sql files that are part of the program: the reports and the schema.
 *
 * Made at build time by queries/embed.cmake; constant, sorted by name, so any thread may read. */
#ifndef MEMANALYZE_EMBEDDED_H
#define MEMANALYZE_EMBEDDED_H

#include <stddef.h>

struct embedded_sql {
    const char *name;  /* the file's name without .sql: "leaks" */
    const char *text;  /* NUL-terminated */
    size_t text_bytes; /* without the NUL */
};

/* Both end with a row whose name is NULL. */
extern const struct embedded_sql embedded_queries[]; /* queries/<name>.sql */
extern const struct embedded_sql embedded_schemas[]; /* schema/<name>.sql */
extern const size_t embedded_queries_count;
extern const size_t embedded_schemas_count;

#endif
