/* SPDX-License-Identifier: Apache-2.0 */
/* export_massif.c -- massif's output: the live bytes of each time step, and who held them at the peak and at the
 * end, as trees from the allocation outwards. ms_print and massif-visualizer read it.
 *
 * A tree is made of nested calls, so its nodes are made while descending: stacks in memory are sorted by
 * their frames, innermost first, and a node is a stretch of them that agrees so far.               */
#include "diag.h"
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { THRESHOLD_PER_MILLE = 10, DEPTH_MAX = 200 };

struct leaf { /* a stack with a value */
    const uint32_t *frames;
    size_t frame_count;
    int64_t bytes;
};

struct tree {
    struct leaf *leaves;
    size_t leaf_count;
    int64_t bytes;
};

struct massif {
    struct export_job *job;
    struct export_stacks stacks;
    int64_t number; /* of the next snapshot */
};

static status no_memory(void)
{
    diag_error("could not export: out of memory");
    return FAIL;
}

static int compare_leaves(const void *left, const void *right)
{
    const struct leaf *l = left;
    const struct leaf *r = right;

    for (size_t i = 0; i < l->frame_count && i < r->frame_count; i++) {
        if (l->frames[i] != r->frames[i]) {
            return l->frames[i] < r->frames[i] ? -1 : 1;
        }
    }
    return (l->frame_count > r->frame_count) - (l->frame_count < r->frame_count);
}

static void free_tree(struct tree *tree)
{
    for (size_t i = 0; i < tree->leaf_count; i++) {
        free((void *)(uintptr_t)tree->leaves[i].frames);
    }
    free(tree->leaves);
    *tree = (struct tree){0};
}

static status load_tree(struct massif *massif, enum export_measure measure, struct tree *tree)
{
    struct export_stack stack;
    status result;
    size_t room = 0;

    *tree = (struct tree){0};
    while ((result = export_stacks_next(&massif->stacks, &stack)).code == STATUS_OK) {
        int64_t bytes = export_rounded(stack.bytes[measure]);
        struct leaf *grown = tree->leaves;

        if (bytes == 0) {
            continue;
        }
        if (tree->leaf_count == room) {
            room = 2 * room + 64;
            grown = realloc(tree->leaves, room * sizeof *grown);
        }
        uint32_t *frames = malloc(stack.frame_count * sizeof *frames);
        tree->leaves = grown ? grown : tree->leaves;
        if (!frames || !grown) {
            free(frames);
            return no_memory();
        }
        memcpy(frames, stack.frames, stack.frame_count * sizeof *frames);
        tree->leaves[tree->leaf_count++] = (struct leaf){frames, stack.frame_count, bytes};
        tree->bytes += bytes;
    }
    if (tree->leaf_count > 0) {
        qsort(tree->leaves, tree->leaf_count, sizeof *tree->leaves, compare_leaves);
    }
    return result.code == STATUS_END ? OK : result;
}

static void put_frame(struct massif *massif, uint32_t at)
{
    const struct export_frame *frame = &massif->stacks.frames[at];
    const struct export_function *function = &massif->stacks.functions[frame->function];
    FILE *out = massif->job->out;

    fprintf(out, "0x%" PRIX64 ": ", frame->address);
    export_line_text(out, function->name, 0);
    if (function->file) {
        const char *slash = strrchr(function->file, '/');

        fputs(" (", out);
        export_line_text(out, slash ? slash + 1 : function->file, 0);
        fprintf(out, frame->line > 0 ? ":%" PRId64 ")\n" : ")\n", frame->line);
    } else if (frame->module) {
        fputs(" (in ", out);
        export_line_text(out, massif->stacks.modules[frame->module - 1].path, 0);
        fputs(")\n", out);
    } else {
        putc('\n', out);
    }
}

struct child {
    size_t first, end; /* leaves */
    int64_t bytes;
};

static int compare_children(const void *left, const void *right)
{
    const struct child *l = left;
    const struct child *r = right;

    if (l->bytes != r->bytes) {
        return l->bytes > r->bytes ? -1 : 1;
    }
    return (l->first > r->first) - (l->first < r->first);
}

/* The children of a node, largest first; *small counts those below the threshold, which come last. */
static status find_children(const struct tree *tree, size_t first, size_t end, size_t depth,
                            struct child **out, size_t *count, size_t *small)
{
    struct child *children = malloc((end - first + 1) * sizeof *children);

    *out = children;
    *count = *small = 0;
    if (!children) {
        return no_memory();
    }
    while (first < end && tree->leaves[first].frame_count <= depth) {
        first++; /* it ends here: the node's own */
    }
    for (size_t next; first < end; first = next) {
        struct child child = {.first = first};

        for (next = first;
             next < end && tree->leaves[next].frames[depth] == tree->leaves[first].frames[depth];
             next++) {
            child.bytes += tree->leaves[next].bytes;
        }
        child.end = next;
        *small += child.bytes * 1000 < tree->bytes * THRESHOLD_PER_MILLE;
        children[(*count)++] = child;
    }
    if (*count > 0) {
        qsort(children, *count, sizeof *children, compare_children);
    }
    return OK;
}

/* The node of the leaves first...end, which agree on their first `depth` frames, and what is below it. */
static status put_node(struct massif *massif, const struct tree *tree, size_t first, size_t end,
                       size_t depth, int64_t bytes)
{
    struct child *children;
    size_t count;
    size_t small;
    FILE *out = massif->job->out;
    status result = find_children(tree, first, end, depth, &children, &count, &small);

    if (result.code != STATUS_OK || depth >= DEPTH_MAX) {
        count = small = 0;
    }
    size_t large = count - small;
    fprintf(out, "%*sn%zu: %" PRId64 " ", (int)depth, "", large + (small > 0), bytes);
    if (depth == 0) {
        fputs("(heap allocation functions) malloc/new/new[], --alloc-fns, etc.\n", out);
    } else {
        put_frame(massif, tree->leaves[first].frames[depth - 1]);
    }
    int64_t rest = 0;
    for (size_t i = 0; i < count && result.code == STATUS_OK; i++) {
        if (i < large) {
            result = put_node(massif, tree, children[i].first, children[i].end, depth + 1,
                              children[i].bytes);
        } else {
            rest += children[i].bytes;
        }
    }
    if (small > 0) {
        fprintf(out, "%*sn0: %" PRId64 " in %zu place%s, %sbelow massif's threshold (%d.%02d%%)\n",
                (int)depth + 1, "", rest, small, small == 1 ? "" : "s", small == 1 ? "" : "all ",
                THRESHOLD_PER_MILLE / 10, THRESHOLD_PER_MILLE % 10 * 10);
    }
    free(children);
    return result;
}

static void put_head(struct massif *massif, int64_t time_ns, int64_t bytes, int64_t extra,
                     const char *tree)
{
    fprintf(massif->job->out,
            "#-----------\nsnapshot=%" PRId64 "\n#-----------\ntime=%" PRId64
            "\nmem_heap_B=%" PRId64 "\nmem_heap_extra_B=%" PRId64
            "\nmem_stacks_B=0\nheap_tree=%s\n",
            massif->number++, time_ns / 1000000, bytes, extra, tree);
}

static status put_tree(struct massif *massif, enum export_measure measure, int64_t time_ns,
                       int64_t extra, const char *kind)
{
    struct tree tree;
    status result = load_tree(massif, measure, &tree);

    if (result.code == STATUS_OK) {
        put_head(massif, time_ns, tree.bytes, extra, kind);
        result = put_node(massif, &tree, 0, tree.leaf_count, 0, tree.bytes);
    }
    free_tree(&tree);
    return result;
}

static status put_snapshots(struct massif *massif)
{
    const struct export_run *run = &massif->job->run;
    struct statement *row;
    int64_t extra = 0;
    bool peak_done = run->peak_ns < 0;
    bool has_row;

    TRY(db_prepare(massif->job->db,
                   "SELECT start_ns, live_bytes, live_usable_bytes FROM timeline WHERE run_id = ?1"
                   " ORDER BY bucket",
                   &row));
    db_bind_int(row, 1, run->id);
    put_head(massif, 0, 0, 0, "empty");
    TRY(db_step(row, &has_row));
    while (has_row) {
        int64_t end_ns = db_int(row, 0) + run->bucket_ns;
        int64_t bytes = export_rounded(db_real(row, 1));

        end_ns = end_ns < run->duration_ns ? end_ns : run->duration_ns;
        extra = export_rounded(db_real(row, 2) - db_real(row, 1));
        if (!peak_done && run->peak_ns <= end_ns) {
            peak_done = true;
            TRY(put_tree(massif, EXPORT_PEAK, run->peak_ns, 0, "peak"));
        }
        if (end_ns < run->duration_ns) {
            put_head(massif, end_ns, bytes, extra, "empty");
        }
        TRY(db_step(row, &has_row));
    }
    if (!peak_done) {
        TRY(put_tree(massif, EXPORT_PEAK, run->peak_ns, 0, "peak"));
    }
    return put_tree(massif, EXPORT_LIVE, run->duration_ns, extra, "detailed");
}

status export_massif(struct export_job *job)
{
    struct massif massif = {.job = job};

    TRY(export_stacks_open(job, &massif.stacks));
    fputs("desc: memanalyze " MEMREC_VERSION "\ncmd: ", job->out);
    export_line_text(job->out, job->run.title ? job->run.title : "?", 0);
    fputs("\ntime_unit: ms\n", job->out);
    status result = put_snapshots(&massif);
    export_stacks_close(&massif.stacks);
    return result;
}
