/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_massif.c -- what valgrind's massif wrote: live bytes over time, and at some moments a tree of who held them.
 *
 * The tree of the peak becomes the measure peak, that of the last snapshot live; without one its bytes are those of
 * lost stacks. A tree from the middle says nothing that a report asks for. Blocks are not counted. Times count only when they are milliseconds: instructions
 * and allocated bytes are no times.                                                              */
#include "foreign.h"
#include "foreign_sums.h"
#include "unpack.h"

#include "diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 1000, SNAPSHOTS_MAX = 1 << 20, BUCKETS = 240 };

struct snapshot {
    int64_t time_ns, bytes, extra_bytes;
};

struct node { /* on the way from the root to the line that was read last */
    uint64_t pc;
    int64_t own_bytes; /* of all, not yet told by a child */
};

struct massif {
    struct foreign_sums sums;
    struct unpack *in;
    const char *path;
    char *command;
    bool is_time; /* times are times */
    struct snapshot *snapshots;
    size_t count, room;
    const char *measure; /* of the tree that is read; NULL: none */
    bool ends_with_peak;
    struct node nodes[DEPTH_MAX];
    size_t depth; /* nodes, the root included */
};

bool foreign_massif_knows(const uint8_t *start, size_t size)
{
    return size > 5 && memcmp(start, "desc:", 5) == 0;
}

static status bad_line(const struct massif *massif, const char *what)
{
    return foreign_damaged(massif->path, unpack_line_number(massif->in), what);
}

static bool number_of(const char *text, int64_t *out, char **end)
{
    errno = 0;
    *out = strtoll(text, end, 10);
    return *end != text && errno == 0 && *out >= 0;
}

/* ---- trees ---------------------------------------------------------------------------------- */

/* The deepest node is done: what its children did not tell is its own. */
static status pop(struct massif *massif)
{
    const struct node *node = &massif->nodes[--massif->depth];
    struct foreign_sums_value value = {
        .blocks = -1, .bytes = (double)node->own_bytes, .scaled = true};
    uint64_t pcs[DEPTH_MAX];
    uint32_t stack_id;

    if (!massif->measure || node->own_bytes <= 0) {
        return OK;
    }
    for (size_t i = 0; i < massif->depth;
         i++) { /* the root has no place; the first below it is innermost */
        pcs[i] = massif->nodes[i + 1].pc;
    }
    TRY(foreign_sums_stack(&massif->sums, pcs, massif->depth, &stack_id));
    return foreign_sums_add(&massif->sums, massif->measure, stack_id, &value);
}

static status pop_to(struct massif *massif, size_t depth)
{
    while (massif->depth > depth) {
        TRY(pop(massif));
    }
    return OK;
}

/* 0x109151: leak (a.c:12)   or   0x4A: ??? (in /lib/x.so): what stands before the last bracket, and in it. */
static status place_of(struct massif *massif, const char *text, uint64_t *pc)
{
    const char *colon = strstr(text, ": ");
    const char *name = colon ? colon + 2 : text;
    const char *bracket = strrchr(name, '(');
    struct text function = {name, strlen(name)};
    struct text file = {NULL, 0};
    int64_t line = 0;

    if (bracket && bracket > name && bracket[-1] == ' ') {
        const char *last = strrchr(bracket, ')');
        const char *number = strrchr(bracket, ':');
        char *end;

        function.length = (size_t)(bracket - 1 - name);
        if (last && number && number < last && number_of(number + 1, &line, &end) && end == last) {
            file = (struct text){bracket + 1, (size_t)(number - bracket - 1)};
        } else if (last && strncmp(bracket, "(in ", 4) == 0) {
            file = (struct text){bracket + 4, (size_t)(last - bracket - 4)};
            line = 0;
        }
    }
    if (function.length == 3 && memcmp(function.bytes, "???", 3) == 0) {
        function = (struct text){text, colon ? (size_t)(colon - text) : strlen(text)};
    }
    return foreign_sums_place(&massif->sums, function, file, (uint64_t)line, pc);
}

/* "  n2: 1000 0x109151: leak (a.c:12)", indented by its depth. */
static status take_node(struct massif *massif, const char *line)
{
    size_t depth = strspn(line, " ");
    const char *at = line + depth;
    struct node node = {0};
    char *end;
    int64_t children;

    if (*at != 'n' || !number_of(at + 1, &children, &end) || *end != ':' ||
        !number_of(end + 1, &node.own_bytes, &end) || *end != ' ') {
        return bad_line(massif, "no node of a tree");
    }
    at = end + 1;
    if (depth > massif->depth || depth >= DEPTH_MAX || (depth == 0 && massif->depth > 0)) {
        return bad_line(massif, "a node without the one it belongs to");
    }
    TRY(pop_to(massif, depth));
    if (strncmp(at, "in ", 3) == 0 && strstr(at, " place")) {
        return OK; /* below the threshold: it stays with the node above */
    }
    if (depth > 0) {
        TRY(place_of(massif, at, &node.pc));
        massif->nodes[depth - 1].own_bytes -= node.own_bytes;
    }
    massif->nodes[massif->depth++] = node;
    return OK;
}

/* ---- snapshots ------------------------------------------------------------------------------ */

static status add_snapshot(struct massif *massif)
{
    if (massif->count == SNAPSHOTS_MAX) {
        return bad_line(massif, "more snapshots than massif makes");
    }
    if (massif->count == massif->room) {
        size_t room = 2 * massif->room + 64;
        struct snapshot *grown = realloc(massif->snapshots, room * sizeof *grown);

        if (!grown) {
            diag_error("could not import: out of memory");
            return FAIL;
        }
        massif->snapshots = grown;
        massif->room = room;
    }
    massif->snapshots[massif->count++] = (struct snapshot){0};
    return OK;
}

/* What was thought to be the end was not. */
static status forget_live(struct massif *massif)
{
    TRY(db_run_formatted(massif->sums.import->db,
                         "DELETE FROM stack_stat WHERE run_id = %lld AND measure = 'live'",
                         (long long)massif->sums.run_id));
    massif->measure = NULL;
    massif->ends_with_peak = false;
    massif->sums.has[FOREIGN_SUMS_LIVE] = false;
    return OK;
}

static const char *after(const char *line, const char *key)
{
    size_t length = strlen(key);

    return strncmp(line, key, length) == 0 ? line + length : NULL;
}

static status take_line(struct massif *massif, const char *line)
{
    struct snapshot *now = massif->count ? &massif->snapshots[massif->count - 1] : NULL;
    const char *value;
    int64_t *number = NULL;
    char *end;

    if (*line == 'n' || *line == ' ') {
        return now ? take_node(massif, line) : bad_line(massif, "a tree before any snapshot");
    }
    TRY(pop_to(massif, 0));
    if ((value = after(line, "snapshot="))) {
        TRY(forget_live(massif));
        return add_snapshot(massif);
    }
    if ((value = after(line, "cmd:"))) {
        free(massif->command);
        massif->command = strdup(value + strspn(value, " "));
    } else if ((value = after(line, "time_unit:"))) {
        massif->is_time = strcmp(value + strspn(value, " "), "ms") == 0;
    } else if ((value = after(line, "heap_tree="))) {
        bool peak = strcmp(value, "peak") == 0;

        massif->measure = peak ? "peak" : strcmp(value, "detailed") == 0 ? "live" : NULL;
        massif->ends_with_peak = peak;
        if (peak && now && massif->is_time) {
            massif->sums.peak_ns = now->time_ns;
        }
    } else if ((value = after(line, "time="))) {
        number = now ? &now->time_ns : NULL;
    } else if ((value = after(line, "mem_heap_B="))) {
        number = now ? &now->bytes : NULL;
    } else if ((value = after(line, "mem_heap_extra_B="))) {
        number = now ? &now->extra_bytes : NULL;
    } else if (!after(line, "desc:") && !after(line, "mem_stacks_B=") && *line && *line != '#') {
        return bad_line(massif, "nothing that massif writes");
    }
    if (number && (!number_of(value, number, &end) || *end)) {
        return bad_line(massif, "no number");
    }
    if (number == (now ? &now->time_ns : NULL) && number) {
        if (*number > INT64_MAX / 1000000) {
            return bad_line(massif, "a time beyond all programs");
        }
        *number *= 1000000;
    }
    return OK;
}

/* ---- over time ------------------------------------------------------------------------------ */

static status write_timeline(struct massif *massif)
{
    struct foreign_sums *sums = &massif->sums;
    struct statement *insert;
    size_t at = 0;

    if (!massif->is_time || massif->count == 0) {
        return OK;
    }
    for (size_t i = 0; i < massif->count; i++) {
        int64_t time_ns = massif->snapshots[i].time_ns;

        sums->duration_ns = time_ns > sums->duration_ns ? time_ns : sums->duration_ns;
    }
    sums->bucket_ns = sums->duration_ns / BUCKETS + 1;
    TRY(db_prepare(
        sums->import->db,
        "INSERT INTO timeline (run_id, bucket, start_ns, samples, live_samples, live_bytes,"
        " live_bytes_sq, live_bytes_var, live_usable_bytes)"
        " VALUES (?, ?, ?, 0, 0, ?4, ?4 * ?4, 0, ?5)",
        &insert));
    for (int64_t bucket = 0; bucket * sums->bucket_ns < sums->duration_ns || bucket == 0;
         bucket++) {
        while (at + 1 < massif->count &&
               massif->snapshots[at + 1].time_ns <= (bucket + 1) * sums->bucket_ns) {
            at++;
        }
        db_bind_int(insert, 1, sums->run_id);
        db_bind_int(insert, 2, bucket);
        db_bind_int(insert, 3, bucket * sums->bucket_ns);
        db_bind_real(insert, 4, (double)massif->snapshots[at].bytes);
        db_bind_real(insert, 5,
                     (double)massif->snapshots[at].bytes +
                         (double)massif->snapshots[at].extra_bytes);
        TRY(db_insert(insert));
    }
    sums->has[FOREIGN_SUMS_TIMELINE] = true;
    return OK;
}

static status read_file(struct massif *massif)
{
    status result;
    char *line;

    while ((result = unpack_line(massif->in, &line)).code == STATUS_OK) {
        TRY(take_line(massif, line));
    }
    if (result.code != STATUS_END) {
        return result;
    }
    TRY(pop_to(massif, 0));
    if (massif->count == 0) {
        return bad_line(massif, "the file ends before a snapshot");
    }
    if (massif->ends_with_peak) {
        TRY(db_run_formatted(
            massif->sums.import->db,
            "INSERT INTO stack_stat SELECT run_id, 'live', stack_id, samples, bytes,"
            " bytes_sq, bytes_var, blocks, blocks_sq, blocks_var, first_ns, last_ns"
            " FROM stack_stat WHERE run_id = %lld AND measure = 'peak'",
            (long long)massif->sums.run_id));
        massif->sums.has[FOREIGN_SUMS_LIVE] = true;
    } else if (!massif->measure) { /* the last has no tree: alive, but nobody knows whose */
        struct foreign_sums_value value = {.blocks = -1,
                                           .bytes =
                                               (double)massif->snapshots[massif->count - 1].bytes,
                                           .scaled = true};

        TRY(foreign_sums_add(&massif->sums, "live", 0, &value));
    }
    return write_timeline(massif);
}

status foreign_massif(struct import *import, const char *path)
{
    struct massif *massif = calloc(1, sizeof *massif);

    if (!massif) {
        diag_error("could not import: out of memory");
        return FAIL;
    }
    massif->path = path;
    status result = foreign_sums_begin(import, path, "massif output", &massif->sums);
    if (result.code == STATUS_OK) {
        result = unpack_open(path, &massif->in);
    }
    if (result.code == STATUS_OK) {
        result = read_file(massif);
    }
    unpack_close(massif->in);
    massif->sums.command = massif->command;
    if (result.code == STATUS_OK) {
        result = foreign_sums_finish(&massif->sums);
    }
    foreign_sums_close(&massif->sums);
    free(massif->command);
    free(massif->snapshots);
    free(massif);
    return result;
}
