/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.c -- see new_file.h. */
#include "new_file.h"

#include "diag.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGINT, SIGTERM, SIGHUP};
static char *volatile half_made; /* the file to remove; the handler reads it */

static void remove_half_made(int number)
{
    const char *path = half_made;

    if (path) {
        unlink(path);
    }
    signal(number, SIG_DFL);
    raise(number);
}

void new_file_guard(char *path)
{
    half_made = path;
    for (size_t i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++) {
        void (*wanted)(int) = path ? SIG_DFL : remove_half_made;
        struct sigaction now;

        if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == wanted) {
            signal(fatal_signals[i], path ? remove_half_made : SIG_DFL);
        }
    }
}

static status refuse_existing(const struct new_file *file)
{
    if (!file->replace && access(file->target, F_OK) == 0) {
        diag_error("could not write \"%s\": it exists", file->target);
        diag_hint("--force replaces it.");
        return FAIL;
    }
    return OK;
}

status new_file_open(const char *target, bool replace, struct new_file *out)
{
    *out = (struct new_file){.replace = replace};
    if (strcmp(target, "-") == 0) {
        out->out = stdout;
        return OK;
    }
    if (asprintf(&out->building, "%s.XXXXXX", target) < 0) {
        out->building = NULL;
    }
    out->target = strdup(target);
    if (!out->building || !out->target) {
        diag_error("could not write \"%s\": out of memory", target);
        goto failed;
    }
    if (refuse_existing(out).code != STATUS_OK) {
        goto failed;
    }
    int file = mkostemp(out->building, O_CLOEXEC);
    if (file < 0 || !(out->out = fdopen(file, "w"))) {
        diag_error("could not write \"%s\": %m", target);
        diag_hint("The folder must exist and be writable; -o names another place.");
        goto failed;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(file, 0666 & ~mask);
    new_file_guard(out->building);
    return OK;
failed:
    free(out->building);
    free(out->target);
    *out = (struct new_file){0};
    return FAIL;
}

status new_file_keep(struct new_file *file)
{
    bool failed = fflush(file->out) != 0 || ferror(file->out);

    if (!file->building) { /* main looks at stdout again, too */
        return OK;
    }
    failed = failed || fsync(fileno(file->out)) != 0;
    if (failed) {
        diag_error("could not write \"%s\": %m", file->target);
        return FAIL;
    }
    TRY(refuse_existing(file));
    if (rename(file->building, file->target) != 0) {
        diag_error("could not rename \"%s\" to \"%s\": %m", file->building, file->target);
        return FAIL;
    }
    new_file_guard(NULL);
    free(file->building);
    file->building = NULL;
    return OK;
}

void new_file_close(struct new_file *file)
{
    if (file->building) {
        new_file_guard(NULL);
        unlink(file->building);
        free(file->building);
    }
    if (file->out && file->out != stdout) {
        fclose(file->out);
    }
    free(file->target);
    *file = (struct new_file){0};
}
