/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.h -- the files that are part of the program: the reports, their sets, the schema and the page.
 *
 * Made at build time by queries/embed.cmake and page/assemble.cmake; constant, sorted by name, so any thread may read. */
#ifndef MEMANALYZE_EMBEDDED_H
#define MEMANALYZE_EMBEDDED_H

#include <stddef.h>

struct embedded_sql {
    const char *name;  /* the file's name without its end: "leaks" */
    const char *text;  /* NUL-terminated */
    size_t text_bytes; /* without the NUL */
};

/* All end with a row whose name is NULL. */
extern const struct embedded_sql embedded_queries[]; /* queries/<name>.sql */
extern const struct embedded_sql embedded_charts[];  /* queries/page/<name>.sql */
extern const struct embedded_sql embedded_schemas[]; /* schema/<name>.sql */
extern const struct embedded_sql embedded_sets[];    /* queries/sets/<name>.set */
extern const size_t embedded_queries_count;
extern const size_t embedded_charts_count;
extern const size_t embedded_schemas_count;
extern const size_t embedded_sets_count;

/* page/page.html with its style and scripts; a comment stands where the data go. */
extern const char embedded_page[];

#endif
