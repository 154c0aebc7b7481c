/* SPDX-License-Identifier: Apache-2.0 */
/* export.h -- a run in the formats that other tools read: what a format is, and the table of them.
 *
 * A format is one file, export_<name>.c, with one function that streams a run to `out`: memory grows with the
 * program's code (frames, stacks), never with its events. Nobody checks each write: a full disk shows when
 * the caller closes the file. Text from the run may be anything and is escaped as the format wants it.   */
#ifndef MEMANALYZE_EXPORT_H
#define MEMANALYZE_EXPORT_H

#include "db.h"

#include <stdio.h>

/* What stacks can be asked for, as stack_stat.measure; leaked: live, of sites whose verdict is `leak`. */
enum export_measure {
    EXPORT_ALLOCATED,
    EXPORT_LIVE,
    EXPORT_LEAKED,
    EXPORT_PEAK,
    EXPORT_TEMPORARY,
    EXPORT_MEASURES,
};
extern const char *const export_measure_names[EXPORT_MEASURES];

struct export_run { /* table run; text is NULL and numbers are -1 where it is NULL */
    int64_t id, pid, started_unix_ns, duration_ns, interval_bytes, page_bytes, peak_ns;
    int64_t bucket_ns, temporary_ns;
    bool complete;
    char *executable, *command_line,
        *title; /* title: the command line, else the executable, else the file */
};

struct export_job {
    struct db *db;
    struct export_run run;
    FILE *out;
    enum export_measure measure; /* folded: what to add up ... */
    bool blocks;                 /* ... blocks instead of bytes */
    const char *prefix;          /* jsonl: before each line */
};

struct export_format {
    const char *name, *sentence;
    bool binary; /* not for a terminal */
    status (*write)(struct export_job *job);
};

extern const struct export_format export_formats[]; /* ends with a row without name */

/* The run with this id; 0: the first. Says so when there is none. */
STATUS_MUST_USE status export_run_load(struct db *db, int64_t id, struct export_run *out);
void export_run_free(struct export_run *run);

/* Whether rows of `sample` are there; a capture of another tool may have sums only. Says that `format` needs
 * them when not. */
STATUS_MUST_USE status export_needs_samples(const struct export_job *job, const char *format);

/* The formats, one function each. */
status export_pprof(struct export_job *job);
status export_folded(struct export_job *job);
status export_speedscope(struct export_job *job);
status export_heaptrack(struct export_job *job);
status export_chrome(struct export_job *job);
status export_firefox(struct export_job *job);
status export_dhat(struct export_job *job);
status export_massif(struct export_job *job);
status export_openmetrics(struct export_job *job);
status export_jsonl(struct export_job *job);
status export_snapshot(struct export_job *job);

#endif
