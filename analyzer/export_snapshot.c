/* SPDX-License-Identifier: Apache-2.0 */
/* export_snapshot.c -- all tables but `sample` as one JSON document, which memanalyze import turns into a database
 * that answers every report as this one does. Each row is one line.
 *
 *   {"memrec_snapshot":1,"schema":1,"tables":{
 *   "run":{"columns":["id",...],"rows":[
 *   [1,...],
 *   ...]},...}}                                                                                   */
#include "export.h"
#include "export_write.h"
#include "import.h"
#include "json.h"
#include "query.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void put_cell(FILE *out, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_NULL:
        fputs("null", out);
        break;
    case CELL_INTEGER:
        fprintf(out, "%" PRId64, cell->integer);
        break;
    case CELL_REAL:
        if (isfinite(cell->real)) {
            json_put_real(out, cell->real);
        } else {
            fputs(cell->real > 0 ? "1e999" : "-1e999", out);
        }
        break;
    case CELL_TEXT:
        export_json_text_bytes(out, cell->text, cell->text_bytes);
        break;
    }
}

static status put_rows(struct export_job *job, struct query *query)
{
    size_t count = query_column_count(query);
    struct cell *cells = calloc(count + 1, sizeof *cells);
    status result = cells ? OK : FAIL;
    bool first = true;

    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "\"columns\":[", job->out);
        export_json_text(job->out, query_column_name(query, i));
    }
    fputs("],\"rows\":[", job->out);
    while (result.code == STATUS_OK && (result = query_step(query, cells)).code == STATUS_OK) {
        fputs(first ? "\n[" : ",\n[", job->out);
        first = false;
        for (size_t i = 0; i < count; i++) {
            fputs(i ? "," : "", job->out);
            put_cell(job->out, &cells[i]);
        }
        putc(']', job->out);
    }
    putc(']', job->out);
    free(cells);
    return result.code == STATUS_END ? OK : result;
}

static status put_table(struct export_job *job, const char *name)
{
    struct query *query;
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT * FROM \"%.100s\"", name);
    TRY(query_open(job->db, "the export", sql, NULL, 0, &query));
    putc('\n', job->out);
    export_json_text(job->out, name);
    fputs(":{", job->out);
    status result = put_rows(job, query);
    putc('}', job->out);
    query_close(query);
    return result;
}

status export_snapshot(struct export_job *job)
{
    struct statement *row;
    bool has_row;
    bool first = true;

    fprintf(job->out,
            "{\"memrec_snapshot\":1,\"schema\":%d,\"exporter\":\"memanalyze %s\",\"tables\":{",
            IMPORT_SCHEMA_VERSION, MEMREC_VERSION);
    TRY(db_prepare(job->db,
                   "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sample'"
                   " AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%\"%' ORDER BY name",
                   &row));
    TRY(db_step(row, &has_row));
    while (has_row) {
        fputs(first ? "" : ",", job->out);
        first = false;
        TRY(put_table(job, db_string(row, 0)));
        TRY(db_step(row, &has_row));
    }
    fputs("\n}}\n", job->out);
    return OK;
}
