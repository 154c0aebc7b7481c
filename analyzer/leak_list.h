/* SPDX-License-Identifier: Apache-2.0 */
/* leak_list.h -- what leak_sites.c, leak_classes.c, leak_profiles.c, leak_scopes.c, leak_ages.c and leak_rows.c share: the findings
 * of a run while they are put together; for nobody else.
 *
 * A block that lives counts in one row only: who takes a survivor over subtracts it where it was. */
#ifndef MEMANALYZE_LEAK_LIST_H
#define MEMANALYZE_LEAK_LIST_H

#include "leak_rows.h"
#include "leak_test.h"
#include "stack_table.h"
#include "text_pool.h"
#include "voice.h"

enum leak_kind { LEAK_SITE, LEAK_OBJECT, LEAK_CLASS, LEAK_SPAN, LEAK_EVAL };

struct leak_row {
    enum leak_kind kind;
    struct leak_finding finding;
    const char *subject; /* NULL: the function of the stack */
    uint32_t stack_id, stacks;
    uint32_t heap_id, class_id; /* 0: none */
    uint64_t samples, live_samples, oldest_birth_ns;
    uint64_t oldest_earlier_ns; /* so long before the run */
    struct sums live;
    const char *scope, *scope_name; /* NULL: no witness */
    uint64_t scope_left, scope_begun;
    uint64_t gcs, frames, spans; /* of the oldest survivor; UNKNOWN: not told */
    uint32_t
        told_by; /* of objects: the row that says it for them, plus 1, and takes their class; 0: none */
    bool dropped; /* other rows say it */
};

struct leak_heap { /* as in leak_site */
    int64_t id;
    uint64_t garbage_ns, collection_ns, collections;
};

struct leak_merged; /* several sites, summed */

struct leak_list {
    const struct leak_input *input;
    struct leak_row *rows;
    size_t count, room;
    uint32_t stack_count;
    uint32_t *row_of_stack; /* by stack.id, plus 1; 0: none */
    struct leak_heap *heaps;
    size_t heap_count;
    struct text_pool texts;
    struct leak_merged *merged;
};

STATUS_MUST_USE status leak_no_memory(void);

/* A new row; *out is valid until the next one. */
STATUS_MUST_USE status leak_list_add(struct leak_list *list, struct leak_row **out);
STATUS_MUST_USE status leak_list_text(struct leak_list *list, const char *text, const char **out);

/* The sums that a stack is in: of blocks, or else of objects that are blocks of another stack, too; NULL: none. */
const struct rollup *leak_rollup_of(const struct leak_list *list, uint32_t stack_id);

/* The row that a stack's blocks are in; NULL: none. */
struct leak_row *leak_row_of(const struct leak_list *list, uint64_t stack_id);
static inline bool leak_is_found(const struct leak_row *row)
{
    return row->finding.verdict <= LEAK_GROWING;
}

/* The sums of a query's row, from `column` on: samples, bytes, bytes_sq, bytes_var, and the same of blocks. */
struct sums leak_sums(struct statement *select, int column);
void leak_sums_add(struct sums *sums, const struct sums *more);
/* Survivors of a row go elsewhere. A row that nothing is left of is dropped. */
void leak_row_subtract(struct leak_row *row, const struct sums *taken);

/* leak_sites.c. Each judges, and adds a row. */
STATUS_MUST_USE status leak_sites_judge(struct leak_list *list);
/* One site from one `struct site`, which is not of the run's rollup; `row` gets everything but its names. */
void leak_sites_judge_one(struct leak_list *list, const struct site *site, uint64_t bucket_ns,
                          uint32_t heap_id, struct leak_row *row);

/* Objects that are blocks of malloc, from one place: of the two views of it the one that says less is dropped. */
STATUS_MUST_USE status leak_sites_pair(struct leak_list *list);

/* leak_classes.c, after the verdicts of sites are corrected: what sites say is dropped. */
STATUS_MUST_USE status leak_classes_judge(struct leak_list *list);
STATUS_MUST_USE status leak_classes_settle(struct leak_list *list);

status leak_class_name(struct leak_list *list, struct leak_row *row); /* by its class_id */

/* leak_profiles.c */
STATUS_MUST_USE status leak_profiles_judge(struct leak_list *list);

/* leak_scopes.c: witnesses, and what is left behind from sites that do not tell. */
STATUS_MUST_USE status leak_scopes_judge(struct leak_list *list);

/* leak_ages.c */
STATUS_MUST_USE status leak_ages_find(struct leak_list *list);

#endif
