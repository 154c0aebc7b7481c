/* SPDX-License-Identifier: Apache-2.0 */
/* leak_rows.c -- see leak_rows.h. */
#include "leak_list.h"

#include "diag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double false_leaks = 0.01; /* expected share of the accepted leaks */

/* ---- the list ---- */

status leak_no_memory(void)
{
    diag_error("could not import: out of memory for the verdicts");
    return FAIL;
}

status leak_list_add(struct leak_list *list, struct leak_row **out)
{
    if (list->count == list->room) {
        size_t room = list->room + list->room / 2 + 64;
        struct leak_row *rows = realloc(list->rows, room * sizeof *rows);

        if (!rows) {
            return leak_no_memory();
        }
        list->rows = rows;
        list->room = room;
    }
    *out = &list->rows[list->count++];
    return OK;
}

status leak_list_text(struct leak_list *list, const char *text, const char **out)
{
    struct text kept = text_pool_keep(&list->texts, (struct text){text, strlen(text)}, NULL);

    *out = kept.bytes;
    return kept.bytes ? OK : leak_no_memory();
}

struct leak_row *leak_row_of(const struct leak_list *list, uint64_t stack_id)
{
    uint32_t at = stack_id < list->stack_count ? list->row_of_stack[stack_id] : 0;

    return at ? &list->rows[at - 1] : NULL;
}

struct sums leak_sums(struct statement *select, int column)
{
    return (struct sums){.samples = (uint64_t)db_int(select, column),
                         .bytes = db_real(select, column + 1),
                         .bytes_sq = db_real(select, column + 2),
                         .bytes_var = db_real(select, column + 3),
                         .blocks = db_real(select, column + 4),
                         .blocks_sq = db_real(select, column + 5),
                         .blocks_var = db_real(select, column + 6)};
}

void leak_sums_add(struct sums *sums, const struct sums *more)
{
    sums->samples += more->samples;
    sums->bytes += more->bytes;
    sums->bytes_sq += more->bytes_sq;
    sums->bytes_var += more->bytes_var;
    sums->blocks += more->blocks;
    sums->blocks_sq += more->blocks_sq;
    sums->blocks_var += more->blocks_var;
}

void leak_row_subtract(struct leak_row *row, const struct sums *taken)
{
    struct sums *live = &row->live;

    if (taken->samples >= live->samples) { /* exact zeros */
        *live = (struct sums){0};
        row->dropped = true;
        return;
    }
    live->samples -= taken->samples;
    live->bytes -= taken->bytes;
    live->bytes_sq -= taken->bytes_sq;
    live->bytes_var = fmax(live->bytes_var - taken->bytes_var, 0);
    live->blocks -= taken->blocks;
    live->blocks_sq -= taken->blocks_sq;
    live->blocks_var = fmax(live->blocks_var - taken->blocks_var, 0);
}

const struct rollup *leak_rollup_of(const struct leak_list *list, uint32_t stack_id)
{
    const struct leak_input *input = list->input;

    return rollup_site(input->rollup, stack_id)  ? input->rollup
           : rollup_site(input->twins, stack_id) ? input->twins
                                                 : NULL;
}

static bool frees(const struct leak_list *list, int64_t heap_id)
{
    for (uint32_t i = 0; i < list->stack_count; i++) {
        const struct rollup *rollup = leak_rollup_of(list, i);

        if (rollup && rollup_site(rollup, i)->freed &&
            leak_classes_heap(list->input->classes, i) == heap_id) {
            return true;
        }
    }
    return false;
}

/* What is known of each heap's collections. One that told only its end began after the one before. Without any, objects that are freed all the same are counted by
 * references: then there is no garbage that waits. */
static status read_heaps(struct leak_list *list)
{
    struct statement *select;
    bool has_row;
    size_t room = 0;

    TRY(db_prepare(list->input->db,
                   "SELECT heap.id, COUNT(gc.id), COUNT(gc.id) FILTER (WHERE full),"
                   " MIN(gc.since_ns) FILTER (WHERE full), MAX(gc.since_ns) FILTER (WHERE full)"
                   " FROM heap LEFT JOIN (SELECT id, heap_id,"
                   "  kind <> 'minor' AND end_ns IS NOT NULL AS full,"
                   "  COALESCE(begin_ns, LAG(end_ns) OVER (PARTITION BY heap_id ORDER BY id), 0)"
                   "   AS since_ns FROM gc WHERE run_id = ?1) AS gc ON gc.heap_id = heap.id"
                   " WHERE heap.run_id = ?1 GROUP BY heap.id",
                   &select));
    db_bind_int(select, 1, list->input->run_id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        int64_t looks = db_int(select, 2);
        int64_t first_ns = db_int(select, 3);
        int64_t last_ns = db_int(select, 4);
        bool counted = db_int(select, 1) == 0 && frees(list, db_int(select, 0));

        if (list->heap_count == room) {
            room = room + room / 2 + 8;
            struct leak_heap *heaps = realloc(list->heaps, room * sizeof *heaps);
            if (!heaps) {
                return leak_no_memory();
            }
            list->heaps = heaps;
        }
        list->heaps[list->heap_count++] = (struct leak_heap){
            .id = db_int(select, 0),
            .garbage_ns = counted ? UNKNOWN
                          : looks ? (uint64_t)last_ns
                                  : 0,
            .collection_ns = looks > 1 ? (uint64_t)(last_ns - first_ns) / (uint64_t)(looks - 1) : 0,
            .collections = (uint64_t)db_int(select, 1)};
        TRY(db_step(select, &has_row));
    }
    return OK;
}

static status correct(struct leak_list *list)
{
    struct leak_finding **pointers = malloc((2 * list->count + 1) * sizeof *pointers);

    if (!pointers) {
        return leak_no_memory();
    }
    for (size_t i = 0; i < list->count; i++) {
        pointers[i] = &list->rows[i].finding;
    }
    leak_correct(pointers, list->count, false_leaks, list->input->end_ns, pointers + list->count);
    free(pointers);
    return OK;
}

/* ---- rows ---- */

/* Most urgent first: by verdict, then by what it costs; the stack breaks ties. */
static int compare_rows(const void *left, const void *right)
{
    const struct leak_row *l = left;
    const struct leak_row *r = right;

    if (l->finding.verdict != r->finding.verdict) {
        return l->finding.verdict < r->finding.verdict ? -1 : 1;
    }
    if (l->finding.verdict == LEAK_LEAK &&
        l->finding.rate_bytes_per_hour != r->finding.rate_bytes_per_hour) {
        return l->finding.rate_bytes_per_hour > r->finding.rate_bytes_per_hour ? -1 : 1;
    }
    if (l->live.bytes != r->live.bytes) {
        return l->live.bytes > r->live.bytes ? -1 : 1;
    }
    if (l->kind != r->kind) {
        return l->kind < r->kind ? -1 : 1;
    }
    return (l->stack_id > r->stack_id) - (l->stack_id < r->stack_id);
}

/* The 95 % interval of an estimate: the formula of views.sql. */
static void interval(double sum, double squares, double variance, double *low, double *high)
{
    double relative_low;
    double relative_high;

    *low = *high = sum;
    if (squares > 0 && variance > 0) {
        double spread = sqrt(variance / squares);

        leak_garwood(sum * sum / squares, &relative_low, &relative_high);
        *low = sum * (1 - (1 - relative_low) * spread);
        *high = sum * (1 + (relative_high - 1) * spread);
    }
}

static void bind_interval(struct statement *insert, int at, double sum, double squares,
                          double variance)
{
    double low;
    double high;

    interval(sum, squares, variance, &low, &high);
    db_bind_real(insert, at, sum);
    db_bind_real(insert, at + 1, low);
    db_bind_real(insert, at + 2, high);
}

static void bind_if(struct statement *insert, int at, bool known, double value)
{
    if (known) {
        db_bind_real(insert, at, value);
    }
}

static void bind_id(struct statement *insert, int at, uint32_t id)
{
    db_bind_known(insert, at, id ? id : UNKNOWN);
}

static void bind_what(const struct leak_list *list, struct statement *insert,
                      const struct leak_row *row)
{
    static const char *const kinds[] = {"site", "object", "class", "span", "eval"};
    const char *function =
        row->stack_id ? stack_table_function(list->input->stacks, row->stack_id) : "?";

    db_bind_string(insert, 3, kinds[row->kind]);
    db_bind_string(insert, 4, leak_verdict_names[row->finding.verdict]);
    db_bind_string(insert, 5, row->subject ? row->subject : function);
    db_bind_int(insert, 6, row->stack_id);
    db_bind_int(insert, 7, row->stacks);
    db_bind_string(insert, 8, function);
    bind_id(insert, 9, row->heap_id);
    bind_id(insert, 10, row->class_id);
    if (row->scope) {
        db_bind_string(insert, 11, row->scope);
        db_bind_string(insert, 12, row->scope_name);
        db_bind_int(insert, 13, (int64_t)row->scope_left);
        db_bind_int(insert, 14, (int64_t)row->scope_begun);
    }
}

static void bind_finding(struct statement *insert, const struct leak_finding *finding)
{
    bool leaks = finding->verdict <= LEAK_GROWING && finding->rate_bytes_per_hour >= 0;
    bool shares = leaks && finding->share >= 0;

    bind_if(insert, 23, leaks, finding->rate_bytes_per_hour);
    bind_if(insert, 24, leaks, finding->rate_low);
    bind_if(insert, 25, leaks, finding->rate_high);
    bind_if(insert, 26, shares, finding->share);
    bind_if(insert, 27, shares, finding->share_low);
    bind_if(insert, 28, shares, finding->share_high);
    db_bind_known(insert, 29, leaks ? finding->onset_ns : UNKNOWN);
    db_bind_known(insert, 34, finding->lifetime_p99_ns);
    bind_if(insert, 35, finding->p_value >= 0, finding->p_value);
    db_bind_known(insert, 36, finding->more_ns);
    db_bind_string(insert, 37, finding->reason);
}

static status write_row(const struct leak_list *list, struct statement *insert, int64_t rank,
                        const struct leak_row *row)
{
    const struct sums *live = &row->live;

    db_bind_int(insert, 1, list->input->run_id);
    db_bind_int(insert, 2, rank);
    bind_what(list, insert, row);
    db_bind_int(insert, 15, (int64_t)row->samples);
    db_bind_int(insert, 16, (int64_t)live->samples);
    bind_interval(insert, 17, live->bytes, live->bytes_sq, live->bytes_var);
    bind_interval(insert, 20, live->blocks, live->blocks_sq, live->blocks_var);
    db_bind_known(insert, 30,
                  row->oldest_birth_ns == UNKNOWN
                      ? UNKNOWN
                      : list->input->end_ns - row->oldest_birth_ns + row->oldest_earlier_ns);
    db_bind_known(insert, 31, row->gcs);
    db_bind_known(insert, 32, row->frames);
    db_bind_known(insert, 33, row->spans);
    bind_finding(insert, &row->finding);
    return db_insert(insert);
}

static status write_rows(struct leak_list *list)
{
    struct statement *insert;
    int64_t rank = 0;

    if (list->count > 0) {
        qsort(list->rows, list->count, sizeof *list->rows, compare_rows);
    }
    TRY(db_prepare(
        list->input->db,
        "INSERT INTO leak (run_id, rank, kind, verdict, subject, stack_id, merged_stacks, function,"
        " heap_id, class_id, scope, scope_name, scope_left, scope_begun, samples, live_samples,"
        " live_bytes, live_bytes_low, live_bytes_high, live_blocks, live_blocks_low,"
        " live_blocks_high, leak_rate_bytes_per_hour, leak_rate_bytes_per_hour_low,"
        " leak_rate_bytes_per_hour_high, leaked_share, leaked_share_low, leaked_share_high,"
        " onset_ns, oldest_ns, oldest_gcs, oldest_frames, oldest_spans, lifetime_p99_ns, p_value,"
        " more_ns, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &insert));
    for (size_t i = 0; i < list->count; i++) {
        if (!list->rows[i].dropped) {
            TRY(write_row(list, insert, ++rank, &list->rows[i]));
        }
    }
    return OK;
}

static status judge(struct leak_list *list)
{
    TRY(read_heaps(list));
    TRY(leak_sites_judge(list));
    TRY(leak_classes_judge(list));
    TRY(correct(list));
    TRY(leak_sites_pair(list));
    TRY(leak_classes_settle(list));
    TRY(leak_profiles_judge(list));
    TRY(leak_scopes_judge(list));
    TRY(leak_ages_find(list));
    return write_rows(list);
}

status leak_rows_write(const struct leak_input *input)
{
    struct leak_list list = {.input = input, .stack_count = rollup_stack_count(input->rollup)};

    if (rollup_stack_count(input->twins) > list.stack_count) {
        list.stack_count = rollup_stack_count(input->twins);
    }

    list.row_of_stack = calloc(list.stack_count + 1, sizeof *list.row_of_stack);
    status result = list.row_of_stack ? judge(&list) : leak_no_memory();
    free(list.rows);
    free(list.row_of_stack);
    free(list.heaps);
    free(list.merged);
    text_pool_free(&list.texts);
    return result;
}
