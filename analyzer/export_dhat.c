/* SPDX-License-Identifier: Apache-2.0 */
/* export_dhat.c -- DHAT's profile, file version 2, as dh_view.html of valgrind reads it: a program point per stack.
 *
 * Of each: total, at its own maximum, at the peak of all, at the end; and how long its blocks lived together.
 * The maximum and the lifetimes need single blocks; a run that has only sums goes without them.    */
#include "diag.h"
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>
#include <stdlib.h>

struct point { /* by stack */
    double bytes, blocks, most_bytes, most_blocks, lived_ns;
};

struct dhat {
    struct export_job *job;
    struct export_stacks stacks;
    struct pair_index known; /* stack.id, 0: index of points */
    struct point *points;
    size_t point_room;
    bool has_lifetimes;
};

static status point_of(struct dhat *dhat, int64_t stack_id, struct point **out)
{
    uint32_t at;
    bool is_new;

    TRY(pair_index_of(&dhat->known, (uint64_t)stack_id, 0, &at, &is_new));
    if (dhat->point_room < dhat->known.room) {
        struct point *grown = realloc(dhat->points, dhat->known.room * sizeof *grown);

        if (!grown) {
            diag_error("could not export: out of memory");
            return FAIL;
        }
        dhat->points = grown;
        dhat->point_room = dhat->known.room;
    }
    *out = &dhat->points[at];
    if (is_new) {
        **out = (struct point){0};
    }
    return OK;
}

static status take_events(struct dhat *dhat)
{
    struct export_events *events;
    struct export_event event;
    status result;

    TRY(export_events_open(dhat->job, &events));
    while ((result = export_events_next(events, &event)).code == STATUS_OK) {
        struct point *point;
        double bytes = (double)event.size_bytes * event.weight;

        result = point_of(dhat, event.stack_id, &point);
        if (result.code != STATUS_OK) {
            break;
        }
        dhat->has_lifetimes = true;
        if (event.is_death) {
            point->bytes -= bytes;
            point->blocks -= event.weight;
            point->lived_ns += (double)(event.time_ns - event.birth_ns) * event.weight;
            continue;
        }
        point->bytes += bytes;
        point->blocks += event.weight;
        if (point->bytes > point->most_bytes) {
            point->most_bytes = point->bytes;
            point->most_blocks = point->blocks;
        }
    }
    export_events_close(events);
    return result.code == STATUS_END ? OK : result;
}

/* Those alive at the end lived until then. */
static status take_survivors(struct dhat *dhat)
{
    struct statement *row;
    bool has_row;

    TRY(db_prepare(dhat->job->db,
                   "SELECT COALESCE(stack_id, 0), SUM((?2 - birth_ns) * weight) FROM sample"
                   " WHERE run_id = ?1 AND death_ns IS NULL GROUP BY 1",
                   &row));
    db_bind_int(row, 1, dhat->job->run.id);
    db_bind_int(row, 2, dhat->job->run.duration_ns);
    TRY(db_step(row, &has_row));
    while (has_row) {
        struct point *point;

        TRY(point_of(dhat, db_int(row, 0), &point));
        point->lived_ns += db_real(row, 1);
        TRY(db_step(row, &has_row));
    }
    return OK;
}

static void put(struct dhat *dhat, const char *name, double value)
{
    fprintf(dhat->job->out, "\"%s\":%" PRId64 ",", name, export_rounded(value));
}

static status put_point(struct dhat *dhat, const struct export_stack *stack)
{
    FILE *out = dhat->job->out;
    struct point *point;

    put(dhat, "tb", stack->bytes[EXPORT_ALLOCATED]);
    put(dhat, "tbk", stack->blocks[EXPORT_ALLOCATED]);
    if (dhat->has_lifetimes) {
        TRY(point_of(dhat, stack->id, &point));
        put(dhat, "tl", point->lived_ns / 1000);
        put(dhat, "mb", point->most_bytes);
        put(dhat, "mbk", point->most_blocks);
        put(dhat, "gb", stack->bytes[EXPORT_PEAK]);
        put(dhat, "gbk", stack->blocks[EXPORT_PEAK]);
        put(dhat, "eb", stack->bytes[EXPORT_LIVE]);
        put(dhat, "ebk", stack->blocks[EXPORT_LIVE]);
    }
    fputs("\"fs\":[", out);
    for (size_t i = 0; i < stack->frame_count; i++) {
        fprintf(out, "%s%" PRIu32, i ? "," : "", stack->frames[i] + 1);
    }
    fputs("]}", out);
    return OK;
}

/* A place as DHAT writes it: 0x4005B7: main (leak.c:12). */
static status put_frame(struct dhat *dhat, const struct export_frame *frame)
{
    const struct export_function *function = &dhat->stacks.functions[frame->function];
    char *text = NULL;
    size_t bytes;
    FILE *memory = open_memstream(&text, &bytes);

    if (memory) {
        fprintf(memory, "0x%" PRIX64 ": %s", frame->address, function->name);
        if (function->file) {
            fprintf(memory, frame->line > 0 ? " (%s:%" PRId64 ")" : " (%s)", function->file,
                    frame->line);
        } else if (frame->module) {
            fprintf(memory, " (in %s)", dhat->stacks.modules[frame->module - 1].path);
        }
        fclose(memory);
    }
    if (!text) {
        diag_error("could not export: out of memory");
        return FAIL;
    }
    fputs(",\n", dhat->job->out);
    export_json_text_bytes(dhat->job->out, text, bytes);
    free(text);
    return OK;
}

static status put_file(struct dhat *dhat)
{
    const struct export_run *run = &dhat->job->run;
    FILE *out = dhat->job->out;
    struct export_stack stack;
    status result;
    bool first = true;

    fputs("{\"dhatFileVersion\":2,\"mode\":\"memanalyze\",\"verb\":\"Allocated\",\n", out);
    fprintf(out, "\"bklt\":%s,\"bkacc\":false,", dhat->has_lifetimes ? "true" : "false");
    fputs("\"bu\":\"byte\",\"bsu\":\"bytes\",\"bksu\":\"blocks\",\"tu\":\"µs\",\"Mtu\":\"s\",",
          out);
    if (dhat->has_lifetimes) {
        fprintf(out, "\"tuth\":%" PRId64 ",\"tg\":%" PRId64 ",", run->temporary_ns / 1000,
                (run->peak_ns > 0 ? run->peak_ns : 0) / 1000);
    }
    fprintf(out, "\"te\":%" PRId64 ",\"pid\":%" PRId64 ",\"cmd\":", run->duration_ns / 1000,
            run->pid > 0 ? run->pid : 0);
    export_json_text(out, run->title ? run->title : "?");
    fputs(",\n\"pps\":[", out);
    while ((result = export_stacks_next(&dhat->stacks, &stack)).code == STATUS_OK) {
        fputs(first ? "\n{" : ",\n{", out);
        first = false;
        TRY(put_point(dhat, &stack));
    }
    if (result.code != STATUS_END) {
        return result;
    }
    fputs("],\n\"ftbl\":[\"[root]\"", out);
    for (size_t i = 0; i < dhat->stacks.frame_count; i++) {
        TRY(put_frame(dhat, &dhat->stacks.frames[i]));
    }
    fputs("]}\n", out);
    return OK;
}

status export_dhat(struct export_job *job)
{
    struct dhat dhat = {.job = job};

    TRY(export_stacks_open(job, &dhat.stacks));
    status result = take_events(&dhat);
    if (result.code == STATUS_OK) {
        result = take_survivors(&dhat);
    }
    if (result.code == STATUS_OK) {
        result = put_file(&dhat);
    }
    export_stacks_close(&dhat.stacks);
    pair_index_free(&dhat.known);
    free(dhat.points);
    return result;
}
