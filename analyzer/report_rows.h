/* SPDX-License-Identifier: Apache-2.0 */
/* report_rows.h -- a report's statement is run and its rows are printed, as it says they should be. */
#ifndef MEMANALYZE_REPORT_ROWS_H
#define MEMANALYZE_REPORT_ROWS_H

#include "catalog.h"
#include "query.h"
#include "render.h"

struct db;

/* What `with` names must be attached to db. On failure diag knows. */
STATUS_MUST_USE status report_rows_print(struct db *db, const struct catalog_report *report,
                                         const struct query_parameter *parameters,
                                         size_t parameter_count, const struct render_options *out);

/* Prints the rows of a query; `report` NULL: of one that nothing documents, whose columns are what their names say. */
STATUS_MUST_USE status report_rows_put(const struct catalog_report *report, struct query *query,
                                       const struct render_options *out);

/* The index of a column of the query; -1: it has none of this name. */
int report_rows_column(const struct query *query, const char *name);

#endif
