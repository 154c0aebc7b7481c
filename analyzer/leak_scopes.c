/* SPDX-License-Identifier: Apache-2.0 */
/* leak_scopes.c -- what spans and evaluations leave behind, by kind and label. Left behind is what ten more of the
 * name followed. It is a witness beside a site that leaks, nothing new where the site's verdict explains it, and
 * a finding of its own where the sites cannot tell. See leak_list.h. */
#include "leak_list.h"

#include <stdlib.h>
#include <string.h>

enum {
    FOLLOWED_BY = 10, /* VOICE_LATE of voice_state.h; as in scope_stat.freed_late */
    BEGUN_MIN = 20,   /* a name with fewer tells nothing */
};

struct left { /* by one name, of one stack, in one bucket of begins */
    uint32_t stack_id, bucket;
    uint64_t scopes, first_ns;
    struct sums sums;
};

struct scope {
    enum leak_kind kind;
    const char *name;
    uint64_t freed_late;
    uint64_t left_scopes; /* that left something, of those that FOLLOWED_BY more followed */
    uint64_t old_scopes;  /* such */
    struct site_cell cells[ROLLUP_BUCKETS_MAX];
    uint64_t outlived_ns;
    struct left *left;
    size_t left_count, left_room;
};

static const char *const scope_words[] = {[LEAK_SPAN] = "span", [LEAK_EVAL] = "eval"};

/* How tables of scopes are asked, by name: ?1 run, ?2 bucket_ns, ?3 FOLLOWED_BY. */
struct questions {
    enum leak_kind kind;
    const char *births, *left;
};
static const struct questions questions[] = {
    {LEAK_SPAN,
     "SELECT kind, begin_ns / ?2, COUNT(*), SUM(samples), SUM(bytes), SUM(left_samples > 0)"
     " FROM span WHERE run_id = ?1 AND duration_ns IS NOT NULL GROUP BY 1, 2 ORDER BY 1",
     "SELECT s.kind, l.stack_id, s.begin_ns / ?2, COUNT(*), MIN(s.begin_ns), SUM(l.samples),"
     " SUM(l.bytes), SUM(l.bytes_sq), SUM(l.bytes_var), SUM(l.blocks), SUM(l.blocks_sq),"
     " SUM(l.blocks_var) FROM span_leftover l JOIN span s ON s.id = l.span_id"
     " WHERE l.run_id = ?1 AND l.spans_after >= ?3 GROUP BY 1, 2, 3 ORDER BY 1, 2"},
    {LEAK_EVAL,
     "SELECT COALESCE(label, ''), begin_ns / ?2, COUNT(*), SUM(samples), 0, SUM(left_samples > 0)"
     " FROM eval WHERE run_id = ?1 AND duration_ns IS NOT NULL GROUP BY 1, 2 ORDER BY 1",
     "SELECT COALESCE(s.label, ''), l.stack_id, s.begin_ns / ?2, COUNT(*), MIN(s.begin_ns),"
     " SUM(l.samples), SUM(l.bytes), SUM(l.bytes_sq), SUM(l.bytes_var), SUM(l.blocks),"
     " SUM(l.blocks_sq), SUM(l.blocks_var) FROM eval_leftover l JOIN eval s ON s.id = l.eval_id"
     " WHERE l.run_id = ?1 AND l.evals_after >= ?3 GROUP BY 1, 2, 3 ORDER BY 1, 2"},
};

struct cursor { /* rows in the order of their first column, a name */
    struct statement *select;
    bool has_row;
};

static status open_cursor(const struct leak_list *list, const char *sql, bool left,
                          struct cursor *out)
{
    TRY(db_prepare(list->input->db, sql, &out->select));
    db_bind_int(out->select, 1, list->input->run_id);
    db_bind_int(out->select, 2, (int64_t)rollup_bucket_ns(list->input->rollup));
    if (left) {
        db_bind_int(out->select, 3, FOLLOWED_BY);
    }
    return db_step(out->select, &out->has_row);
}

/* Passes over the rows of names before; *out: it stands at one of this name. */
static status stands_at(struct cursor *cursor, const char *name, bool *out)
{
    while (cursor->has_row && strcmp(db_string(cursor->select, 0), name) < 0) {
        TRY(db_step(cursor->select, &cursor->has_row));
    }
    *out = cursor->has_row && strcmp(db_string(cursor->select, 0), name) == 0;
    return OK;
}

static status read_births(const struct leak_list *list, struct cursor *births, struct scope *scope)
{
    uint64_t bucket_ns = rollup_bucket_ns(list->input->rollup);
    uint64_t begun[ROLLUP_BUCKETS_MAX] = {0};
    uint64_t left[ROLLUP_BUCKETS_MAX] = {0};
    uint64_t followers = 0;
    bool here;

    TRY(stands_at(births, scope->name, &here));
    while (here) {
        uint64_t bucket = (uint64_t)db_int(births->select, 1);

        if (bucket < ROLLUP_BUCKETS_MAX) {
            begun[bucket] = (uint64_t)db_int(births->select, 2);
            scope->cells[bucket].samples = (uint32_t)db_int(births->select, 3);
            scope->cells[bucket].alloc_bytes = db_real(births->select, 4);
            left[bucket] = (uint64_t)db_int(births->select, 5);
        }
        TRY(db_step(births->select, &births->has_row));
        TRY(stands_at(births, scope->name, &here));
    }
    for (uint32_t i = ROLLUP_BUCKETS_MAX; i-- > 0;) {
        scope->cells[i].bucket = i;
        if (followers >= FOLLOWED_BY) {
            scope->outlived_ns = scope->outlived_ns ? scope->outlived_ns : (i + 1) * bucket_ns;
            scope->old_scopes += begun[i];
            scope->left_scopes += left[i];
        }
        followers += begun[i];
    }
    return OK;
}

static status read_left(struct cursor *left, struct scope *scope)
{
    bool here;

    TRY(stands_at(left, scope->name, &here));
    while (here) {
        if (scope->left_count == scope->left_room) {
            size_t room = scope->left_room + scope->left_room / 2 + 64;
            struct left *grown = realloc(scope->left, room * sizeof *grown);

            if (!grown) {
                return leak_no_memory();
            }
            scope->left = grown;
            scope->left_room = room;
        }
        scope->left[scope->left_count++] =
            (struct left){.stack_id = (uint32_t)db_int(left->select, 1),
                          .bucket = (uint32_t)db_int(left->select, 2),
                          .scopes = (uint64_t)db_int(left->select, 3),
                          .first_ns = (uint64_t)db_int(left->select, 4),
                          .sums = leak_sums(left->select, 5)};
        TRY(db_step(left->select, &left->has_row));
        TRY(stands_at(left, scope->name, &here));
    }
    return OK;
}

/* ---- beside sites ---- */

/* All of one stack stand together. */
static size_t stack_sums(const struct scope *scope, size_t first, struct sums *sums,
                         uint64_t *scopes)
{
    size_t next = first;

    *sums = (struct sums){0};
    *scopes = 0;
    while (next < scope->left_count && scope->left[next].stack_id == scope->left[first].stack_id) {
        leak_sums_add(sums, &scope->left[next].sums);
        *scopes += scope->left[next].scopes;
        next++;
    }
    return next;
}

/* Where most of what a leaking site keeps is left behind by scopes of this name, the site says so. */
static void be_witness(const struct leak_list *list, const struct scope *scope)
{
    for (size_t first = 0, next; first < scope->left_count; first = next) {
        struct leak_row *row = leak_row_of(list, scope->left[first].stack_id);
        struct sums sums;
        uint64_t scopes;

        next = stack_sums(scope, first, &sums, &scopes);
        if (row && leak_is_found(row) && 2 * sums.bytes > row->live.bytes) {
            row->scope = scope_words[scope->kind];
            row->scope_name = scope->name;
            row->scope_left = scopes < scope->old_scopes ? scopes : scope->old_scopes;
            row->scope_begun = scope->old_scopes;
        }
    }
}

/* ---- where sites cannot tell ---- */

/* Whether the verdict on the site leaves open what these blocks are. */
static bool is_open(const struct leak_row *row)
{
    return !row || (!row->dropped && (row->finding.verdict == LEAK_UNDECIDED ||
                                      row->finding.verdict == LEAK_STEADY));
}

static void count_open(const struct leak_list *list, struct scope *scope, struct leak_site *site,
                       struct leak_row *row)
{
    uint32_t last = 0;
    double most = 0;

    for (size_t i = 0; i < scope->left_count; i++) {
        const struct left *left = &scope->left[i];

        if (!is_open(leak_row_of(list, left->stack_id)) || left->bucket >= ROLLUP_BUCKETS_MAX) {
            continue;
        }
        scope->cells[left->bucket].survivors += (uint32_t)left->sums.samples;
        scope->cells[left->bucket].survivor_bytes += left->sums.bytes;
        site->live_samples += left->sums.samples;
        site->oldest_birth_ns =
            left->first_ns < site->oldest_birth_ns ? left->first_ns : site->oldest_birth_ns;
        row->stacks += left->stack_id != last;
        last = left->stack_id;
        if (left->sums.bytes > most) {
            most = left->sums.bytes;
            row->stack_id = left->stack_id;
        }
    }
    for (uint32_t i = 0; i < ROLLUP_BUCKETS_MAX; i++) {
        site->samples += scope->cells[i].samples;
    }
}

/* A site most of whose survivors they are is one with the finding; others keep the rest. */
static void take_over(const struct leak_list *list, const struct scope *scope, struct leak_row *row)
{
    for (size_t first = 0, next; first < scope->left_count; first = next) {
        struct leak_row *site = leak_row_of(list, scope->left[first].stack_id);
        struct sums sums;
        uint64_t scopes;

        next = stack_sums(scope, first, &sums, &scopes);
        if (!is_open(site)) {
            continue;
        }
        if (site && 2 * sums.bytes >= site->live.bytes) {
            sums = site->live;
        }
        leak_sums_add(&row->live, &sums);
        if (site) {
            leak_row_subtract(site, &sums);
        }
    }
}

static status judge_scope(struct leak_list *list, struct scope *scope)
{
    struct leak_row row = {.kind = scope->kind,
                           .subject = scope->name,
                           .scope = scope_words[scope->kind],
                           .scope_name = scope->name,
                           .scope_left = scope->left_scopes,
                           .scope_begun = scope->old_scopes,
                           .gcs = UNKNOWN,
                           .frames = UNKNOWN,
                           .spans = UNKNOWN};
    struct leak_site site = {.cells = scope->cells,
                             .cell_count = ROLLUP_BUCKETS_MAX,
                             .bucket_ns = rollup_bucket_ns(list->input->rollup),
                             .end_ns = list->input->end_ns ? list->input->end_ns : 1,
                             .freed_old = scope->freed_late,
                             .outlived_ns = scope->outlived_ns,
                             .oldest_birth_ns = UNKNOWN,
                             .last_birth_ns = list->input->end_ns,
                             .garbage_ns = UNKNOWN,
                             .others_tidy_share = -1,
                             .scope = true};
    struct leak_row *added;

    be_witness(list, scope);
    count_open(list, scope, &site, &row);
    if (site.live_samples == 0) {
        return OK;
    }
    site.freed = site.samples > site.live_samples ? site.samples - site.live_samples : 0;
    leak_judge(&site, &row.finding);
    if (!leak_is_found(&row)) {
        return OK;
    }
    take_over(list, scope, &row);
    row.samples = site.samples;
    row.live_samples = site.live_samples;
    row.oldest_birth_ns = site.oldest_birth_ns;
    TRY(leak_list_add(list, &added));
    *added = row;
    return OK;
}

/* ---- all names ---- */

static status judge_kind(struct leak_list *list, const struct questions *ask, struct scope *scope)
{
    struct statement *names;
    struct cursor births;
    struct cursor left;
    bool has_row;

    TRY(db_prepare(list->input->db,
                   "SELECT name, freed_late FROM scope_stat"
                   " WHERE run_id = ?1 AND scope = ?2 AND begun >= ?3 ORDER BY name",
                   &names));
    db_bind_int(names, 1, list->input->run_id);
    db_bind_string(names, 2, scope_words[ask->kind]);
    db_bind_int(names, 3, BEGUN_MIN);
    TRY(db_step(names, &has_row));
    if (!has_row) {
        return OK;
    }
    TRY(open_cursor(list, ask->births, false, &births));
    TRY(open_cursor(list, ask->left, true, &left));
    while (has_row) {
        *scope = (struct scope){.kind = ask->kind,
                                .freed_late = (uint64_t)db_int(names, 1),
                                .left = scope->left,
                                .left_room = scope->left_room};
        TRY(leak_list_text(list, db_string(names, 0), &scope->name));
        TRY(read_births(list, &births, scope));
        TRY(read_left(&left, scope));
        TRY(judge_scope(list, scope));
        TRY(db_step(names, &has_row));
    }
    db_reset(births.select);
    db_reset(left.select);
    return OK;
}

status leak_scopes_judge(struct leak_list *list)
{
    struct scope *scope = calloc(1, sizeof *scope);
    status result = scope ? OK : leak_no_memory();

    for (size_t i = 0; i < 2 && result.code == STATUS_OK; i++) {
        result = judge_kind(list, &questions[i], scope);
    }
    free(scope ? scope->left : NULL);
    free(scope);
    return result;
}
