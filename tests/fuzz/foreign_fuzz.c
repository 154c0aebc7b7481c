/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_fuzz.c -- any bytes at all as the capture of another tool: they become a database that SQLite finds whole, or
 * a sentence and no file; never a crash. */
#include "diag.h"
#include "foreign.h"
#include "import.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept, const char *what)
{
    if (!kept) {
        fprintf(stderr, "promise broken: %s\n", what);
        abort();
    }
}

static int take_answer(void *context, int count, char **values, char **names)
{
    (void)names;
    *(bool *)context = count == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

static void look_at(const char *path)
{
    sqlite3 *db = NULL;
    bool ok = false;

    promise(sqlite3_open(path, &db) == SQLITE_OK, "the database opens");
    promise(sqlite3_exec(db, "PRAGMA integrity_check", take_answer, &ok, NULL) == SQLITE_OK && ok,
            "the database is whole");
    promise(sqlite3_exec(db, "SELECT COUNT(*) FROM figure", NULL, NULL, NULL) == SQLITE_OK,
            "its views answer");
    sqlite3_close(db);
}

/* Writes the input, and where it says SCHEMA the number of ours: a snapshot of another would be refused at once. */
static bool write_input(int file, const uint8_t *data, size_t size)
{
    const uint8_t *word = size ? memmem(data, size, "SCHEMA", 6) : NULL;
    char number[8];

    snprintf(number, sizeof number, "%6d", IMPORT_SCHEMA_VERSION);
    return write(file, data, size) == (ssize_t)size &&
           (!word || pwrite(file, number, 6, word - data) == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct import_options options = {.replace = true, .quiet = true};
    char target[64];
    char path[64];
    const char *paths[] = {path};
    int file = memfd_create("fuzz", MFD_CLOEXEC);

    diag_silence(); /* complaints are expected */
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    snprintf(target, sizeof target, "foreign_fuzz.%d.db", (int)getpid());
    if (write_input(file, data, size) && foreign_recognise(path)) {
        status result = import_traces(paths, 1, target, &options, NULL);
        bool made = access(target, F_OK) == 0;

        promise(made == (result.code == STATUS_OK || result.code == STATUS_INCOMPLETE),
                "a database is there when and only when it was made");
        if (made) {
            look_at(target);
            unlink(target);
        }
    }
    close(file);
    return 0;
}
