/* SPDX-License-Identifier: Apache-2.0 */
/* user_files.c -- see user_files.h. */
#include "user_files.h"

#include "diag.h"

#include <dirent.h>
#include <errno.h>
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

void user_files_each(const char *folder, const char *end,
                     status (*take)(void *context, const char *name, const char *path,
                                    const char *text),
                     void *context)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[3072], name[256];

    if (config && config[0] == '/') {
        snprintf(path, sizeof path, "%s/memanalyze/%s", config, folder);
    } else if (home) {
        snprintf(path, sizeof path, "%s/.config/memanalyze/%s", home, folder);
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
        size_t length = strlen(entry->d_name), end_length = strlen(end);
        char whole[4096];

        if (entry->d_name[0] == '.' || length <= end_length || length >= sizeof name ||
            strcmp(entry->d_name + length - end_length, end) != 0) {
            continue;
        }
        snprintf(whole, sizeof whole, "%s/%s", path, entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)(length - end_length), entry->d_name);
        char *text = read_file(whole);
        if (text && take(context, name, whole, text).code != STATUS_OK) {
            free(text); /* it said why */
            continue;
        }
        free(text);
    }
    closedir(entries);
}
