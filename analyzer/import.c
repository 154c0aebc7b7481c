/* SPDX-License-Identifier: Apache-2.0 */
/* import.c -- see import.h. The database: begun, filled run by run, finished and renamed. */
#include "import_state.h"

#include "capacity.h"
#include "diag.h"
#include "distribution.h"
#include "embedded.h"
#include "foreign.h"
#include "late.h"
#include "new_file.h"
#include "segments.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

static const char *embedded_schema(const char *name)
{
    for (size_t i = 0; embedded_schemas[i].name; i++) {
        if (strcmp(embedded_schemas[i].name, name) == 0) {
            return embedded_schemas[i].text;
        }
    }
    return "";
}

static status refuse_existing(const struct import *import)
{
    if (!import->options->replace && access(import->target, F_OK) == 0) {
        diag_error("could not write \"%s\": it exists", import->target);
        diag_hint("--force replaces it.");
        return FAIL;
    }
    return OK;
}

/* A trace must not be replaced by its own database. */
static status refuse_trace_as_target(const char *const *traces, size_t count, const char *target)
{
    struct stat at_target;
    struct stat at_trace;

    for (size_t i = 0; i < count && stat(target, &at_target) == 0; i++) {
        if (stat(traces[i], &at_trace) == 0 && at_trace.st_ino == at_target.st_ino &&
            at_trace.st_dev == at_target.st_dev) {
            diag_error("could not write \"%s\": it is the trace itself", target);
            diag_hint("Name another file with -o.");
            return FAIL;
        }
    }
    return OK;
}

/* A name next to the target that no one has; the file is made, empty. */
static status make_file(struct import *import)
{
    size_t length = strlen(import->target) + sizeof ".XXXXXX";

    import->building = malloc(length);
    if (!import->building) {
        return no_memory();
    }
    snprintf(import->building, length, "%s.XXXXXX", import->target);
    int file = mkostemp(import->building, O_CLOEXEC);
    if (file < 0) {
        diag_error("could not write \"%s\": %m", import->target);
        diag_hint("The folder must exist and be writable; -o names another place.");
        free(import->building);
        import->building = NULL;
        return FAIL;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(file, 0666 & ~mask);
    close(file);
    return OK;
}

/* Makes the schema in the new file. */
static status make_schema(struct import *import)
{
    struct db *db;

    TRY(db_open(import->building, DB_BUILD, &db));
    status result = db_run(db, embedded_schema("schema"));
    db_close(db);
    return result;
}

static status open_writer(struct import *import, const char *table, enum table_kind kind,
                          struct table_writer *writer)
{
    struct statement *select;
    struct db *db;
    bool has_row = false;
    uint32_t root_page = 0;

    TRY(db_open(import->building, DB_READ, &db));
    status result = db_prepare(db, "SELECT rootpage FROM sqlite_schema WHERE name = ?", &select);
    if (result.code == STATUS_OK) {
        db_bind_string(select, 1, table);
        result = db_step(select, &has_row);
        root_page = has_row ? (uint32_t)db_int(select, 0) : 0;
    }
    db_close(db);
    TRY(result);
    return table_writer_open(writer, import->file, root_page, kind);
}

/* The bulk tables, which are written straight into the file from now on. */
static status open_writers(struct import *import)
{
    TRY(table_file_open(import->building, &import->file));
    TRY(open_writer(import, "sample", TABLE_ROWID, &import->sample));
    TRY(open_writer(import, "stack_time", TABLE_KEYED, &import->stack_time));
    return open_writer(import, "stack_frame", TABLE_KEYED, &import->stack_frame);
}

static status finish_writers(struct import *import)
{
    TRY(table_writer_finish(&import->sample));
    TRY(table_writer_finish(&import->stack_time));
    TRY(table_writer_finish(&import->stack_frame));
    return table_file_finish(import->file);
}

static status begin(struct import *import)
{
    TRY(refuse_existing(import));
    TRY(make_file(import));
    new_file_guard(import->building);
    TRY(make_schema(import));
    TRY(db_open("", DB_BUILD, &import->db));
    TRY(db_run(import->db, embedded_schema("schema")));
    TRY(db_run(import->db, "BEGIN"));
    TRY(db_prepare(import->db,
                   "INSERT INTO gap (run_id, first_ns, last_ns, lost_events, first_byte,"
                   " last_byte, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   &import->insert_gap));
    if (import->options->slow_samples) {
        TRY(db_prepare(import->db,
                       "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                       " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       &import->insert_sample));
    } else {
        TRY(open_writers(import));
    }
    TRY(import_ticks_open(import->db, &import->ticks));
    TRY(stack_table_open(&import->stacks));
    TRY(voice_open(import->db, import->stacks, &import->voice));
    TRY(rollup_open(&import->rollup));
    TRY(rollup_open(&import->twins));
    TRY(symbolizer_open(&import->symbolizer));
    TRY(leak_classes_open(&import->classes));
    import->lifetimes = lifetimes_new();
    return import->lifetimes ? OK : no_memory();
}

/* Copies every table of the temporary database; the bulk tables, which are in the file, are
 * empty there. */
static status copy_tables(struct import *import)
{
    struct statement *select;
    bool has_row;
    status result = OK;

    TRY(db_run(import->db, "COMMIT"));
    TRY(db_run_formatted(import->db,
                         "ATTACH %Q AS target; PRAGMA target.journal_mode = OFF;"
                         "PRAGMA target.synchronous = OFF; BEGIN",
                         import->building));
    TRY(db_prepare(import->db,
                   "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
                   " ORDER BY name",
                   &select));
    TRY(db_step(select, &has_row));
    while (has_row && result.code == STATUS_OK) {
        const char *name = db_string(select, 0);

        result = db_run_formatted(import->db, "INSERT INTO target.\"%w\" SELECT * FROM main.\"%w\"",
                                  name, name);
        if (result.code == STATUS_OK) {
            result = db_step(select, &has_row);
        }
    }
    TRY(result);
    return db_run(import->db, "COMMIT");
}

static status sync_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || fsync(file) != 0) {
        diag_error("could not write \"%s\": %m", path);
        if (file >= 0) {
            close(file);
        }
        return FAIL;
    }
    close(file);
    return OK;
}

/* Only rows of samples are left out: what else there is may be more than was asked for. */
static status say_size(const struct import *import)
{
    uint64_t asked = import->options->max_bytes;
    struct stat facts;

    if (asked && !import->options->quiet && stat(import->building, &facts) == 0 &&
        (uint64_t)facts.st_size > asked) {
        diag_remark("\"%s\" has %.0f MiB, more than was asked for", import->target,
                    (double)facts.st_size / (1 << 20));
        diag_detail("Only rows of samples are left out; what the program told is all there.");
    }
    return OK;
}

/* What takes the rows of all runs. */
static status compute_rows(struct import *import, struct db *file)
{
    TRY(import_losses_write_symbols(file, symbolizer_get_counts(import->symbolizer)));
    TRY(distribution_write(file));
    TRY(capacity_write(file));
    return late_write(file);
}

/* Closes the file as a whole database, with its views. */
static status end_file(struct import *import)
{
    struct db *file;

    TRY(db_open(import->building, DB_BUILD, &file));
    status result = import->restored ? OK : compute_rows(import, file);
    if (result.code == STATUS_OK) {
        result = db_run(file, embedded_schema("views"));
    }
    if (result.code == STATUS_OK) {
        result = db_run_formatted(file, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                                  IMPORT_APPLICATION_ID, IMPORT_SCHEMA_VERSION);
    }
    if (result.code == STATUS_OK && import->options->suppressions) {
        result = suppressions_store(import->options->suppressions, file);
    }
    db_close(file);
    TRY(result);
    TRY(say_size(import));
    TRY(sync_file(import->building));
    TRY(refuse_existing(import));
    if (rename(import->building, import->target) != 0) {
        diag_error("could not rename \"%s\" to \"%s\": %m", import->building, import->target);
        return FAIL;
    }
    new_file_guard(NULL);
    free(import->building);
    import->building = NULL;
    return OK;
}

static status finish(struct import *import)
{
    TRY(stack_table_write(import->stacks, import->symbolizer, import->db,
                          import->file ? &import->stack_frame : NULL));
    if (import->file) {
        TRY(finish_writers(import));
    }
    TRY(copy_tables(import));
    db_close(import->db);
    import->db = NULL;
    return end_file(import);
}

static void release(struct import *import)
{
    table_writer_close(&import->stack_frame);
    table_writer_close(&import->stack_time);
    table_writer_close(&import->sample);
    table_file_close(import->file);
    import_ticks_close(import->ticks);
    voice_close(import->voice);
    db_close(import->db);
    symbolizer_close(import->symbolizer);
    lifetimes_delete(import->lifetimes);
    pins_clear(&import->pins);
    rollup_close(import->rollup);
    rollup_close(import->twins);
    leak_classes_close(import->classes);
    stack_table_close(import->stacks);
    if (import->building) {
        new_file_guard(NULL);
        unlink(import->building);
        free(import->building);
    }
}

/* The files from traces[first] on that are segments of one trace with it: those with its id, unless two begin with the same
 * block, which makes them copies. Marks them as taken. */
static size_t gather_segments(const char *const *traces, size_t first, size_t count, bool *taken,
                              const char **files)
{
    struct mr_block_header head;
    struct segments kept = {0};
    size_t group = 1;

    files[0] = traces[first];
    if (!segments_head(traces[first], &head) ||
        segments_add(&kept, traces[first], head.sequence).code != STATUS_OK) {
        return group;
    }
    for (size_t i = first + 1; i < count; i++) {
        struct mr_block_header other;
        size_t before = kept.count;

        if (!taken[i] && segments_head(traces[i], &other) &&
            memcmp(other.trace_id, head.trace_id, sizeof head.trace_id) == 0 &&
            segments_add(&kept, traces[i], other.sequence).code == STATUS_OK &&
            kept.count > before) {
            taken[i] = true;
            files[group++] = traces[i];
        }
    }
    segments_free(&kept);
    return group;
}

static size_t count_runs(const char *const *traces, size_t count)
{
    bool *taken = calloc(count + 1, sizeof *taken);
    const char **files = calloc(count + 1, sizeof *files);
    size_t runs = 0;

    for (size_t i = 0; i < count && taken && files; i++) {
        if (!taken[i]) {
            gather_segments(traces, i, count, taken, files);
            runs++;
        }
    }
    free(taken);
    free(files);
    return runs ? runs : 1;
}

status import_traces(const char *const *traces, size_t count, const char *target,
                     const struct import_options *options, struct import_totals *totals)
{
    struct import *import = calloc(1, sizeof *import);
    bool incomplete = false;

    if (!import) {
        return no_memory();
    }
    import->options = options;
    import->target = target;
    uint64_t max_bytes = options->max_bytes ? options->max_bytes : IMPORT_MAX_BYTES;
    import->sample_bytes =
        max_bytes / 4 * 3 / count_runs(traces, count); /* the rest for all else */
    status result = refuse_trace_as_target(traces, count, target);
    if (result.code == STATUS_OK) {
        result = begin(import);
    }
    bool *taken = calloc(count + 1, sizeof *taken);
    const char **files = calloc(count + 1, sizeof *files);
    if (result.code == STATUS_OK && (!taken || !files)) {
        result = no_memory();
    }
    for (size_t i = 0; i < count && result.code == STATUS_OK; i++) {
        if (taken[i]) {
            continue;
        }
        const struct foreign_format *foreign = foreign_recognise(traces[i]);
        if (foreign && foreign->whole_database && count > 1) {
            diag_error("could not import \"%s\" with others: a snapshot is a whole database",
                       traces[i]);
            diag_hint("Import it alone, with -o and a name of its own.");
            result = FAIL;
        } else if (foreign) {
            import->restored = foreign->whole_database;
            result = foreign->import(import, traces[i]);
        } else {
            size_t group = gather_segments(traces, i, count, taken, files);
            result = import_run(import, files, group);
        }
        if (result.code == STATUS_INCOMPLETE) {
            incomplete = true;
            result = OK;
        }
    }
    free(taken);
    free(files);
    if (result.code == STATUS_OK) {
        result = finish(import);
    }
    if (totals) {
        import->totals.samples = (uint64_t)import->sample_id;
        *totals = import->totals;
    }
    release(import);
    free(import);
    return result.code == STATUS_OK && incomplete ? (status){STATUS_INCOMPLETE} : result;
}
