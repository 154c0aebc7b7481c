/* SPDX-License-Identifier: Apache-2.0 */
/* export_stacks.c -- see export_stacks.h. */
#include "export_stacks.h"

#include "diag.h"
#include "export_write.h"
#include "text_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 65536 }; /* of a database that import did not make */

struct export_stacks_state {
    struct text_pool texts;
    struct pair_index functions, modules;
    struct statement *select_stacks, *select_frames, *select_truncated;
    int64_t run_id;
    uint32_t lost, cut; /* the two frames that stand for what is not known */
    uint32_t *frames;   /* of the stack that was asked for last */
    size_t frame_room, frame_rows;
};

static status no_memory(void)
{
    diag_error("could not export: out of memory");
    return FAIL;
}

int64_t export_rounded(double value)
{
    return isfinite(value) && value > 0 && value < 9e18 ? llround(value) : 0;
}

/* ---- frames --------------------------------------------------------------------------------- */

static const char *keep(struct export_stacks_state *state, const char *text, bool *failed)
{
    if (!text) {
        return NULL;
    }
    struct text kept = text_pool_keep(&state->texts, (struct text){text, strlen(text)}, NULL);
    *failed = *failed || !kept.bytes;
    return kept.bytes;
}

static status add_function(struct export_stacks *stacks, struct export_function function,
                           uint32_t *out)
{
    bool is_new;

    TRY(pair_index_of(&stacks->state->functions, (uintptr_t)function.name, (uintptr_t)function.file,
                      out, &is_new));
    if (is_new) {
        struct export_function *grown =
            realloc(stacks->functions, stacks->state->functions.room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        stacks->functions = grown;
        stacks->functions[*out] = function;
        stacks->function_count++;
    }
    return OK;
}

static status add_module(struct export_stacks *stacks, struct export_module module, uint32_t *out)
{
    bool is_new;

    TRY(pair_index_of(&stacks->state->modules, (uintptr_t)module.path, (uintptr_t)module.build_id,
                      out, &is_new));
    if (is_new) {
        struct export_module *grown =
            realloc(stacks->modules, stacks->state->modules.room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        stacks->modules = grown;
        stacks->modules[*out] = module;
        stacks->module_count++;
    }
    return OK;
}

static status add_frame(struct export_stacks *stacks, const struct export_frame *frame)
{
    if ((stacks->frame_count & (stacks->frame_count - 1)) == 0) {
        size_t room = stacks->frame_count ? 2 * stacks->frame_count : 64;
        struct export_frame *grown = realloc(stacks->frames, room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        stacks->frames = grown;
    }
    stacks->frames[stacks->frame_count++] = *frame;
    return OK;
}

/* One row of `frame`. *first is where the frames begin that are inlined into the next one with code. */
static status take_frame(struct export_stacks *stacks, struct statement *row, size_t *first)
{
    struct export_stacks_state *state = stacks->state;
    bool failed = false;
    struct export_function function = {.name = keep(state, db_string(row, 1), &failed),
                                       .raw_name = keep(state, db_string(row, 2), &failed),
                                       .file = keep(state, db_string(row, 3), &failed)};
    struct export_module module = {.path = keep(state, db_string(row, 5), &failed),
                                   .build_id = keep(state, db_string(row, 6), &failed)};
    struct export_frame frame = {.id = db_int(row, 0),
                                 .line = db_int(row, 4),
                                 .address = (uint64_t)db_int(row, 7),
                                 .code = (uint32_t)stacks->frame_count};

    if (failed || stacks->frame_count > UINT32_MAX - 3) {
        return no_memory();
    }
    function.name = function.name ? function.name : "?";
    TRY(add_function(stacks, function, &frame.function));
    if (module.path) {
        TRY(add_module(stacks, module, &frame.module));
        frame.module++;
        frame.address += (uint64_t)frame.module << EXPORT_MODULE_BITS;
    }
    const char *kind = db_string(row, 9);
    frame.allocator = kind && strcmp(kind, "allocator") == 0;
    TRY(add_frame(stacks, &frame));
    if (db_int(row, 8) == 0) { /* it has code: what came since the last such is inlined into it */
        for (size_t i = *first; i < stacks->frame_count; i++) {
            stacks->frames[i].code = frame.code;
        }
        *first = stacks->frame_count;
    }
    return OK;
}

static status add_unknown(struct export_stacks *stacks, const char *name, uint32_t *out)
{
    bool failed = false;
    struct export_function function = {.name = keep(stacks->state, name, &failed)};
    struct export_frame frame = {.code = (uint32_t)stacks->frame_count};

    if (failed) {
        return no_memory();
    }
    TRY(add_function(stacks, function, &frame.function));
    *out = frame.code;
    return add_frame(stacks, &frame);
}

static status load_frames(const struct export_job *job, struct export_stacks *stacks)
{
    struct statement *select;
    size_t first = 0;
    bool has_row;

    TRY(db_prepare(
        job->db,
        "SELECT id, function, raw_name, file, line, module_path, build_id, module_offset,"
        " inline_level, kind FROM frame WHERE id IN (SELECT f.frame_id FROM stack_frame f"
        " WHERE f.stack_id IN (SELECT stack_id FROM stack_stat WHERE run_id = ?1))"
        " ORDER BY id",
        &select));
    db_bind_int(select, 1, job->run.id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        TRY(take_frame(stacks, select, &first));
        TRY(db_step(select, &has_row));
    }
    stacks->state->frame_rows = stacks->frame_count;
    TRY(add_unknown(stacks, "(stack lost)", &stacks->state->lost));
    return add_unknown(stacks, "...", &stacks->state->cut);
}

/* ---- stacks --------------------------------------------------------------------------------- */

static status open_stacks(const struct export_job *job, struct export_stacks *stacks)
{
    struct export_stacks_state *state = stacks->state;

    state->run_id = job->run.id;
    TRY(db_prepare(job->db,
                   "SELECT t.stack_id,"
                   " SUM(CASE t.measure WHEN 'allocated' THEN t.bytes END),"
                   " SUM(CASE t.measure WHEN 'live' THEN t.bytes END), COALESCE(l.bytes, 0),"
                   " SUM(CASE t.measure WHEN 'peak' THEN t.bytes END),"
                   " SUM(CASE t.measure WHEN 'temporary' THEN t.bytes END),"
                   " SUM(CASE t.measure WHEN 'allocated' THEN t.blocks END),"
                   " SUM(CASE t.measure WHEN 'live' THEN t.blocks END), COALESCE(l.blocks, 0),"
                   " SUM(CASE t.measure WHEN 'peak' THEN t.blocks END),"
                   " SUM(CASE t.measure WHEN 'temporary' THEN t.blocks END)"
                   " FROM stack_stat t LEFT JOIN (SELECT stack_id, SUM(live_bytes) AS bytes,"
                   " SUM(live_blocks) AS blocks FROM leak WHERE run_id = ?1 AND verdict = 'leak'"
                   " GROUP BY stack_id) l ON l.stack_id = t.stack_id"
                   " WHERE t.run_id = ?1 AND t.measure <> 'waste'"
                   " GROUP BY t.stack_id ORDER BY t.stack_id",
                   &state->select_stacks));
    TRY(db_prepare(job->db, "SELECT frame_id FROM stack_frame WHERE stack_id = ? ORDER BY position",
                   &state->select_frames));
    TRY(db_prepare(job->db, "SELECT truncated FROM stack WHERE id = ?", &state->select_truncated));
    db_bind_int(state->select_stacks, 1, state->run_id);
    return OK;
}

status export_stacks_open(const struct export_job *job, struct export_stacks *out)
{
    *out = (struct export_stacks){.state = calloc(1, sizeof *out->state)};
    status result = out->state ? load_frames(job, out) : no_memory();

    if (result.code == STATUS_OK) {
        result = open_stacks(job, out);
    }
    if (result.code != STATUS_OK) {
        export_stacks_close(out);
    }
    return result;
}

void export_stacks_close(struct export_stacks *stacks)
{
    if (stacks->state) {
        text_pool_free(&stacks->state->texts);
        pair_index_free(&stacks->state->functions);
        pair_index_free(&stacks->state->modules);
        free(stacks->state->frames);
        free(stacks->state);
    }
    free(stacks->functions);
    free(stacks->frames);
    free(stacks->modules);
    *stacks = (struct export_stacks){0};
}

static int compare_frame(const void *key, const void *element)
{
    const int64_t *id = key;
    const struct export_frame *frame = element;

    return *id < frame->id ? -1 : *id > frame->id;
}

static status push_frame(struct export_stacks_state *state, size_t count, uint32_t frame)
{
    if (count == state->frame_room) {
        size_t room = 2 * count + 64;
        uint32_t *grown = realloc(state->frames, room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        state->frames = grown;
        state->frame_room = room;
    }
    state->frames[count] = frame;
    return OK;
}

status export_stacks_find(struct export_stacks *stacks, int64_t id, struct export_stack *out)
{
    struct export_stacks_state *state = stacks->state;
    size_t count = 0;
    bool has_row;

    *out = (struct export_stack){.id = id};
    db_bind_int(state->select_frames, 1, id);
    TRY(db_step(state->select_frames, &has_row));
    while (has_row && count < DEPTH_MAX) {
        int64_t frame_id = db_int(state->select_frames, 0);
        const struct export_frame *frame =
            bsearch(&frame_id, stacks->frames, state->frame_rows, sizeof *frame, compare_frame);

        if (frame) {
            TRY(push_frame(state, count++, (uint32_t)(frame - stacks->frames)));
        }
        TRY(db_step(state->select_frames, &has_row));
    }
    db_reset(state->select_frames);
    size_t site = 0;
    while (site < count && stacks->frames[state->frames[site]].allocator) {
        site++;
    }
    site = site == count ? 0 : site;
    if (count == 0) {
        TRY(push_frame(state, count++, state->lost));
    } else {
        db_bind_int(state->select_truncated, 1, id);
        TRY(db_step(state->select_truncated, &has_row));
        if (has_row && db_int(state->select_truncated, 0)) {
            TRY(push_frame(state, count++, state->cut));
        }
        db_reset(state->select_truncated);
    }
    out->frames = state->frames + site;
    out->frame_count = count - site;
    return OK;
}

status export_stacks_next(struct export_stacks *stacks, struct export_stack *out)
{
    struct statement *select = stacks->state->select_stacks;
    bool has_row;

    TRY(db_step(select, &has_row));
    if (!has_row) {
        return (status){STATUS_END};
    }
    TRY(export_stacks_find(stacks, db_int(select, 0), out));
    for (int i = 0; i < EXPORT_MEASURES; i++) {
        out->bytes[i] = db_real(select, 1 + i);
        out->blocks[i] = db_real(select, 1 + EXPORT_MEASURES + i);
    }
    return OK;
}

/* ---- events --------------------------------------------------------------------------------- */

struct export_events {
    struct statement *select;
};

status export_events_open(const struct export_job *job, struct export_events **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return no_memory();
    }
    /* Samples are numbered by death, so at one moment the older block goes before the newer one comes. */
    status result = db_prepare(
        job->db,
        "SELECT birth_ns AS time_ns, 0 AS is_death, id, COALESCE(stack_id, 0), size_bytes, address,"
        " thread_id, birth_ns, weight FROM sample WHERE run_id = ?1"
        " UNION ALL SELECT death_ns, 1, id, COALESCE(stack_id, 0), size_bytes, address,"
        " COALESCE(death_thread_id, thread_id), birth_ns, weight FROM sample"
        " WHERE run_id = ?1 AND death_ns IS NOT NULL ORDER BY 1, 3, 2",
        &(*out)->select);
    if (result.code != STATUS_OK) {
        export_events_close(*out);
        *out = NULL;
        return result;
    }
    db_bind_int((*out)->select, 1, job->run.id);
    return OK;
}

status export_events_next(struct export_events *events, struct export_event *out)
{
    struct statement *row = events->select;
    bool has_row;

    TRY(db_step(row, &has_row));
    if (!has_row) {
        return (status){STATUS_END};
    }
    *out = (struct export_event){
        .time_ns = db_int(row, 0),
        .is_death = db_int(row, 1) != 0,
        .sample_id = db_int(row, 2),
        .stack_id = db_int(row, 3),
        .size_bytes = db_int(row, 4),
        .address = db_int(row, 5),
        .thread_id = db_int(row, 6),
        .birth_ns = db_int(row, 7),
        .weight = db_real(row, 8),
    };
    return OK;
}

void export_events_close(struct export_events *events) { free(events); }
