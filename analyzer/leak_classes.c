/* SPDX-License-Identifier: Apache-2.0 */
/* leak_classes.c -- see leak_classes.h; and the findings about classes, see leak_list.h. */
#include "leak_list.h"

#include <stdlib.h>
#include <string.h>

struct leak_classes {
    struct rollup *sums; /* by class.id */
    uint32_t *heaps;     /* heap.id by stack.id */
    uint32_t heap_room;
    uint32_t *class_heaps; /* heap.id by class.id; its last */
    uint32_t class_room;
};

/* ---- while objects stream by ---- */

status leak_classes_open(struct leak_classes **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return leak_no_memory();
    }
    return rollup_open(&(*out)->sums);
}

void leak_classes_close(struct leak_classes *classes)
{
    if (classes) {
        rollup_close(classes->sums);
        free(classes->heaps);
        free(classes->class_heaps);
        free(classes);
    }
}

void leak_classes_start(struct leak_classes *classes, uint64_t duration_ns)
{
    rollup_start(classes->sums, duration_ns, 0);
    free(classes->heaps);
    free(classes->class_heaps);
    classes->heaps = classes->class_heaps = NULL;
    classes->heap_room = classes->class_room = 0;
}

static status note_heap(uint32_t **heaps, uint32_t *room, uint32_t at, uint32_t heap)
{
    if (at >= *room) {
        uint32_t more = at + at / 2 + 64;
        uint32_t *grown = realloc(*heaps, more * sizeof *grown);

        if (!grown) {
            return leak_no_memory();
        }
        memset(grown + *room, 0, (more - *room) * sizeof *grown);
        *heaps = grown;
        *room = more;
    }
    (*heaps)[at] = heap;
    return OK;
}

/* The block as the sums by class see it. */
static struct rollup_block as_class(const struct rollup_block *block, uint32_t class_id)
{
    struct rollup_block object = *block;

    object.stack_id = class_id;
    object.thread = 0;
    return object;
}

status leak_classes_born(struct leak_classes *classes, uint32_t heap_id, uint32_t class_id,
                         const struct rollup_block *block)
{
    struct rollup_block object = as_class(block, class_id);

    TRY(note_heap(&classes->heaps, &classes->heap_room, block->stack_id, heap_id));
    if (!class_id) {
        return OK;
    }
    TRY(note_heap(&classes->class_heaps, &classes->class_room, class_id, heap_id));
    return rollup_alloc(classes->sums, &object);
}

status leak_classes_died(struct leak_classes *classes, uint32_t class_id,
                         const struct rollup_block *block, uint64_t death_ns)
{
    struct rollup_block object = as_class(block, class_id);

    return class_id ? rollup_free(classes->sums, &object, death_ns) : OK;
}

status leak_classes_finish(struct leak_classes *classes, uint64_t end_ns)
{
    return rollup_finish(classes->sums, end_ns);
}

status leak_classes_survivor(struct leak_classes *classes, uint32_t class_id,
                             const struct rollup_block *block)
{
    struct rollup_block object = as_class(block, class_id);

    return class_id ? rollup_survivor(classes->sums, &object) : OK;
}

bool leak_classes_sampled(const struct leak_classes *classes, uint32_t class_id)
{
    return rollup_site(classes->sums, class_id) != NULL;
}

uint32_t leak_classes_heap(const struct leak_classes *classes, uint32_t stack_id)
{
    return stack_id < classes->heap_room ? classes->heaps[stack_id] : 0;
}

/* ---- findings ---- */

status leak_class_name(struct leak_list *list, struct leak_row *row)
{
    struct statement *select;
    bool has_row;

    TRY(db_prepare(list->input->db, "SELECT name FROM class WHERE id = ?", &select));
    db_bind_int(select, 1, row->class_id);
    TRY(db_step(select, &has_row));
    status result = leak_list_text(list, has_row ? db_string(select, 0) : "?", &row->subject);
    db_reset(select);
    return result;
}

status leak_classes_judge(struct leak_list *list)
{
    const struct leak_classes *classes = list->input->classes;

    for (uint32_t i = 1; i < rollup_stack_count(classes->sums); i++) {
        const struct site *site = rollup_site(classes->sums, i);
        struct leak_row *row;

        if (site) {
            TRY(leak_list_add(list, &row));
            leak_sites_judge_one(list, site, rollup_bucket_ns(classes->sums),
                                 classes->class_heaps[i], row);
            row->kind = LEAK_CLASS;
            row->class_id = i;
            row->stacks = 0;
            TRY(leak_class_name(list, row));
        }
    }
    return OK;
}

struct share { /* of a class's survivors, those of a stack */
    uint32_t class_id, stack_id;
    struct sums sums;
};

/* A class that leaks keeps its row when sites that leak hold fewer than half of its samples that are alive: then the
 * rest, from sites that cannot tell, counts in its row. Not of its bytes: the verdict counted samples, and one large
 * block that is kept, the array that a leak grows, must not turn a leak that is told into one of its own. */
static void settle_class(struct leak_list *list, struct leak_row *row, const struct share *shares,
                         size_t count)
{
    struct sums all = {0};
    struct sums told = {0};
    double most = 0;

    for (size_t i = 0; i < count; i++) {
        const struct leak_row *site = leak_row_of(list, shares[i].stack_id);

        leak_sums_add(&all, &shares[i].sums);
        if (site && leak_is_found(site)) {
            leak_sums_add(&told, &shares[i].sums);
        }
    }
    if (!leak_is_found(row) || 2 * told.samples >= all.samples) {
        return;
    }
    row->dropped = false;
    row->live = (struct sums){0};
    for (size_t i = 0; i < count; i++) {
        struct leak_row *site = leak_row_of(list, shares[i].stack_id);

        if (site && !leak_is_found(site)) {
            leak_row_subtract(site, &shares[i].sums);
            leak_sums_add(&row->live, &shares[i].sums);
            row->stacks++;
            if (shares[i].sums.bytes > most) {
                most = shares[i].sums.bytes;
                row->stack_id = shares[i].stack_id;
            }
        }
    }
}

/* Both the rows of classes, which are the list's last, and the shares are in the order of class.id. */
static void settle_shares(struct leak_list *list, const struct share *shares, size_t count)
{
    size_t row = 0;

    while (row < list->count && list->rows[row].kind != LEAK_CLASS) {
        row++;
    }
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first; next < count && shares[next].class_id == shares[first].class_id;
             next++) {
            struct leak_row *site = leak_row_of(list, shares[next].stack_id);

            if (site && 2 * shares[next].sums.bytes > site->live.bytes && !site->class_id) {
                site->class_id = shares[next].class_id;
            }
        }
        while (row < list->count && list->rows[row].class_id < shares[first].class_id) {
            row++;
        }
        if (row < list->count && list->rows[row].class_id == shares[first].class_id) {
            settle_class(list, &list->rows[row], shares + first, next - first);
        }
    }
}

/* A site that says it for objects is of their class. */
static void lend_classes(struct leak_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct leak_row *objects = &list->rows[i];

        if (objects->told_by && objects->class_id) {
            list->rows[objects->told_by - 1].class_id = objects->class_id;
            list->rows[objects->told_by - 1].heap_id = objects->heap_id;
        }
    }
}

status leak_classes_settle(struct leak_list *list)
{
    struct share *shares = NULL;
    size_t count = 0;
    size_t room = 0;
    struct statement *select;
    bool has_row;

    for (size_t i = 0; i < list->count; i++) {
        list->rows[i].dropped |= list->rows[i].kind == LEAK_CLASS;
    }
    TRY(db_prepare(list->input->db,
                   "SELECT class_id, stack_id, SUM(samples), SUM(bytes), SUM(bytes_sq),"
                   " SUM(bytes_var), SUM(blocks), SUM(blocks_sq), SUM(blocks_var)"
                   " FROM survival_stat WHERE run_id = ? AND class_id > 0"
                   " GROUP BY class_id, stack_id",
                   &select));
    db_bind_int(select, 1, list->input->run_id);
    status result = db_step(select, &has_row);
    while (result.code == STATUS_OK && has_row) {
        if (count == room) {
            room = room + room / 2 + 64;
            struct share *grown = realloc(shares, room * sizeof *grown);
            if (!grown) {
                result = leak_no_memory();
                break;
            }
            shares = grown;
        }
        shares[count++] = (struct share){.class_id = (uint32_t)db_int(select, 0),
                                         .stack_id = (uint32_t)db_int(select, 1),
                                         .sums = leak_sums(select, 2)};
        result = db_step(select, &has_row);
    }
    if (result.code == STATUS_OK) {
        settle_shares(list, shares, count);
        lend_classes(list);
    }
    free(shares);
    return result;
}
