/* SPDX-License-Identifier: Apache-2.0 */
/* report_rows.c -- see report_rows.h. */
#include "report_rows.h"

#include "diag.h"

#include <stdlib.h>
#include <string.h>

status report_rows_put(const struct catalog_report *report, struct query *query,
                       const struct render_options *out)
{
    static const struct catalog_report undocumented;
    size_t count = query_column_count(query);
    struct render_column *columns = calloc(count, sizeof *columns);
    struct cell *cells = calloc(count, sizeof *cells);
    const struct catalog_report *said = report ? report : &undocumented;
    struct render_layout layout = {said->table, said->bar, said->footer, said->empty};
    struct render *render = NULL;
    status result = FAIL;

    if (!columns || !cells) {
        if (report) {
            diag_error("could not print report \"%s\": out of memory", report->name);
        } else {
            diag_error("could not print the rows: out of memory");
        }
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        const struct catalog_column *documented;

        columns[i].name = query_column_name(query, i);
        documented = catalog_column(said, columns[i].name);
        columns[i].type = documented ? documented->type : catalog_type_of_name(columns[i].name);
    }
    result = render_open(out, &layout, columns, count, &render);
    while (result.code == STATUS_OK) {
        result = query_step(query, cells);
        if (result.code == STATUS_OK) {
            result = render_row(render, cells);
        }
    }
    if (result.code == STATUS_END) {
        result = render_finish(render);
    }
done:
    render_close(render);
    free(columns);
    free(cells);
    return result;
}

status report_rows_print(struct db *db, const struct catalog_report *report,
                         const struct query_parameter *parameters, size_t parameter_count,
                         const struct render_options *out)
{
    char title[128];
    struct query *query = NULL;

    snprintf(title, sizeof title, "report \"%s\"", report->name);
    TRY(query_open(db, title, report->text, parameters, parameter_count, &query));
    status result = report_rows_put(report, query, out);
    query_close(query);
    return result;
}

int report_rows_column(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query_column_count(query); i++) {
        if (strcmp(query_column_name(query, i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
