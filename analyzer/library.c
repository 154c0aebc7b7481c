/* SPDX-License-Identifier: Apache-2.0 */
/* library.c -- see library.h. */
#include "library.h"

#include "diag.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/* The caller frees; NULL: it could not be read, as diag knows. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(FILE_BYTES_MAX + 1) : NULL;
    size_t length = text ? fread(text, 1, FILE_BYTES_MAX, file) : 0;

    if (!text || ferror(file)) {
        diag_error("could not read \"%s\": %m", path);
        free(text);
        text = NULL;
    } else {
        text[length] = '\0';
    }
    if (file) {
        fclose(file);
    }
    return text;
}

/* ---- items --------------------------------------------------------------------------------- */

static void *item_at(const struct library_kind *kind, const struct library *library, size_t at)
{
    return (char *)library->items + at * kind->bytes;
}

static const char *name_of(const void *item) { return *(const char *const *)item; }

static int compare_names(const void *left, const void *right)
{
    return strcmp(name_of(left), name_of(right));
}

const void *library_find(const struct library_kind *kind, const struct library *library,
                         const char *name)
{
    for (size_t i = 0; i < library->count; i++) {
        if (strcmp(name_of(item_at(kind, library, i)), name) == 0) {
            return item_at(kind, library, i);
        }
    }
    return NULL;
}

/* Parses one more behind the others; it takes the place of one that has its name. */
static status add(const struct library_kind *kind, struct library *library, const char *name,
                  const char *origin, const char *text)
{
    void *items = realloc(library->items, (library->count + 1) * kind->bytes);

    if (!items) {
        diag_error("could not read %s \"%s\": out of memory", kind->what, name);
        return FAIL;
    }
    library->items = items;
    void *parsed = item_at(kind, library, library->count);
    status result = kind->parse(name, origin, text, parsed);
    if (result.code != STATUS_OK) {
        kind->release(parsed);
        return result;
    }
    void *same = (void *)(uintptr_t)library_find(kind, library, name);
    if (same) {
        kind->release(same);
        memcpy(same, parsed, kind->bytes);
    } else {
        library->count++;
    }
    return OK;
}

/* ---- the user's ---------------------------------------------------------------------------- */

static void add_own(const struct library_kind *kind, struct library *library)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[3072], name[256];

    if (config && config[0] == '/') {
        snprintf(path, sizeof path, "%s/memanalyze/%s", config, kind->folder);
    } else if (home) {
        snprintf(path, sizeof path, "%s/.config/memanalyze/%s", home, kind->folder);
    } else {
        return;
    }
    DIR *entries = opendir(path);
    if (!entries) {
        if (errno != ENOENT && errno != ENOTDIR) {
            diag_error("could not read your folder \"%s\": %m", path);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name), end_length = strlen(kind->end);
        char whole[4096];

        if (entry->d_name[0] == '.' || length <= end_length || length >= sizeof name ||
            strcmp(entry->d_name + length - end_length, kind->end) != 0) {
            continue;
        }
        snprintf(whole, sizeof whole, "%s/%s", path, entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)(length - end_length), entry->d_name);
        char *text = read_file(whole);
        if (text && add(kind, library, name, whole, text).code != STATUS_OK) {
            free(text); /* it said why */
            continue;
        }
        free(text);
    }
    closedir(entries);
}

/* ---- all of them --------------------------------------------------------------------------- */

status library_open(const struct library_kind *kind, struct library *out)
{
    *out = (struct library){0};
    for (const struct embedded_sql *at = kind->shipped; at->name; at++) {
        status added = add(kind, out, at->name, NULL, at->text);

        if (added.code != STATUS_OK) {
            library_close(kind, out);
            return added;
        }
    }
    add_own(kind, out);
    qsort(out->items, out->count, kind->bytes, compare_names);
    return OK;
}

void library_close(const struct library_kind *kind, struct library *library)
{
    for (size_t i = 0; i < library->count; i++) {
        kind->release(item_at(kind, library, i));
    }
    free(library->items);
    *library = (struct library){0};
}
