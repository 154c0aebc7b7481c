/* SPDX-License-Identifier: Apache-2.0 */
/* export_folded.c -- `outermost;...;innermost N`, a line per stack, as Brendan Gregg's stackcollapse tools write it.
 * The text of a stack is that of the reports; equal texts become one line. */
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>

status export_folded(struct export_job *job)
{
    struct statement *select;
    bool has_row;
    const char *sums =
        job->measure == EXPORT_LEAKED
            ? "SELECT stack_id, live_bytes AS bytes, live_blocks AS blocks FROM leak"
              " WHERE run_id = ?1 AND verdict = 'leak' AND ?2 IS NOT NULL"
            : "SELECT stack_id, bytes, blocks FROM stack_stat WHERE run_id = ?1 AND measure = ?2";
    char sql[512];

    snprintf(sql, sizeof sql,
             "SELECT COALESCE(k.folded, '(stack lost)') AS folded, SUM(s.%s)"
             " FROM (%s) s LEFT JOIN stack k ON k.id = s.stack_id GROUP BY 1 ORDER BY 1",
             job->blocks ? "blocks" : "bytes", sums);
    TRY(db_prepare(job->db, sql, &select));
    db_bind_int(select, 1, job->run.id);
    db_bind_string(select, 2, export_measure_names[job->measure]);
    TRY(db_step(select, &has_row));
    while (has_row) {
        int64_t value = export_rounded(db_real(select, 1));

        if (value > 0) {
            export_line_text(job->out, db_string(select, 0), 0);
            fprintf(job->out, " %" PRId64 "\n", value);
        }
        TRY(db_step(select, &has_row));
    }
    return OK;
}
