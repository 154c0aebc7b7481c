/* SPDX-License-Identifier: Apache-2.0 */
/* follow.c -- see follow.h. */
#include "follow.h"

#include "db.h"
#include "diag.h"
#include "import.h"
#include "segments.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SHARE = 5, LEAST_NS = 1000000000, PATH_BYTES = 4096 };

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- which trace --------------------------------------------------------------------------- */

/* The trace among what a thread holds open: the drain thread has a table of descriptors of its own. */
static char *trace_of_thread(const char *folder)
{
    DIR *open = opendir(folder);
    char *found = NULL;

    for (struct dirent *entry; open && !found && (entry = readdir(open));) {
        char target[PATH_BYTES];
        struct mr_block_header head;
        ssize_t length = readlinkat(dirfd(open), entry->d_name, target, sizeof target - 1);

        if (length > 4 && target[0] == '/') {
            target[length] = '\0';
            struct stat facts;
            bool regular = stat(target, &facts) == 0 && S_ISREG(facts.st_mode);
            found = regular && segments_head(target, &head) ? strdup(target) : NULL;
        }
    }
    if (open) {
        closedir(open);
    }
    return found;
}

static status find_trace_of(const char *pid, char **out)
{
    char folder[64];
    char *found = NULL;

    snprintf(folder, sizeof folder, "/proc/%.20s/task", pid);
    DIR *tasks = opendir(folder);
    if (!tasks) {
        diag_error("there is no process %s", pid);
        diag_hint("watch takes a trace, or the id of a process that is being recorded.");
        return FAIL;
    }
    for (struct dirent *task; !found && (task = readdir(tasks));) {
        char open[sizeof folder + sizeof task->d_name + 8];

        snprintf(open, sizeof open, "%s/%s/fd", folder, task->d_name);
        if (task->d_name[0] != '.') {
            found = trace_of_thread(open);
        }
    }
    closedir(tasks);
    if (!found) {
        diag_error("could not find what process %s records", pid);
        diag_detail("None of its threads has a trace open that this user may see.");
        diag_hint("Name the trace; a program is recorded when MEMREC_TRACE was set at its start.");
        return FAIL;
    }
    *out = found;
    return OK;
}

static bool is_pid(const char *what)
{
    size_t length = strspn(what, "0123456789");

    return length > 0 && !what[length] && access(what, F_OK) != 0;
}

status follow_open(const char *what, struct follow *out)
{
    const char *place = getenv("TMPDIR");

    *out = (struct follow){0};
    if (is_pid(what)) {
        TRY(find_trace_of(what, &out->trace));
    } else {
        out->trace = strdup(what);
    }
    if (!out->trace || asprintf(&out->folder, "%s/memanalyze.XXXXXX", place ? place : "/tmp") < 0) {
        out->folder = NULL;
        diag_error("could not watch \"%s\": out of memory", what);
        follow_close(out);
        return FAIL;
    }
    if (!mkdtemp(out->folder) || asprintf(&out->database, "%s/live.db", out->folder) < 0) {
        out->database = NULL;
        diag_error("could not make a folder for the database: %m");
        diag_hint("TMPDIR names a folder for temporary files.");
        follow_close(out);
        return FAIL;
    }
    return OK;
}

void follow_close(struct follow *follow)
{
    db_close(follow->db);
    if (follow->database) {
        unlink(follow->database);
    }
    if (follow->folder) {
        rmdir(follow->folder);
    }
    free(follow->database);
    free(follow->folder);
    free(follow->trace);
    *follow = (struct follow){0};
}

/* ---- looking ------------------------------------------------------------------------------- */

static status measure(const struct follow *follow, uint64_t *out)
{
    struct mr_block_header head;
    struct segments segments = {0};

    *out = 0;
    char *later = segments_head(follow->trace, &head) ? NULL : segments_of_missing(follow->trace);
    if (later ? !segments_head(later, &head) : !segments_head(follow->trace, &head)) {
        free(later);
        return OK; /* not there, or its first block is not: it is waited for */
    }
    status result = segments_beside(later ? later : follow->trace, &head, &segments);
    free(later);
    TRY(result);
    for (size_t i = 0; i < segments.count; i++) {
        struct stat facts;

        if (stat(segments.files[i].path, &facts) == 0) {
            *out += (uint64_t)facts.st_size;
        }
    }
    segments_free(&segments);
    return OK;
}

static status has_ended(struct follow *follow)
{
    struct statement *statement;
    bool has_row;

    TRY(db_prepare(follow->db, "SELECT max(end_reason IS NOT NULL) FROM run", &statement));
    TRY(db_step(statement, &has_row));
    follow->ended = has_row && db_int(statement, 0) != 0;
    db_reset(statement);
    return OK;
}

status follow_look(struct follow *follow, bool *changed)
{
    const struct import_options options = {.replace = true, .quiet = true};
    const char *trace = follow->trace;
    uint64_t bytes, begun_ns = now_ns();

    *changed = false;
    if (begun_ns < follow->next_ns || follow->ended) {
        return OK;
    }
    TRY(measure(follow, &bytes));
    follow->next_ns = begun_ns + LEAST_NS;
    if (bytes == follow->grown_to) {
        return OK;
    }
    status result = import_traces(&trace, 1, follow->database, &options, NULL);
    if (result.code != STATUS_OK && result.code != STATUS_INCOMPLETE) {
        return result;
    }
    db_close(follow->db);
    follow->db = NULL;
    TRY(db_open(follow->database, DB_READ, &follow->db));
    follow->grown_to = bytes;
    follow->looked_ns = now_ns();
    follow->cost_ns = follow->looked_ns - begun_ns;
    uint64_t rest = (SHARE - 1) * follow->cost_ns;
    follow->next_ns = follow->looked_ns + (rest > LEAST_NS ? rest : LEAST_NS);
    *changed = true;
    return has_ended(follow);
}
