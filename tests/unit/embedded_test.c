/* SPDX-License-Identifier: Apache-2.0 */
/* embedded_test.c -- the bytes in the program are those of the files, and none is missing. */
#include "analyzer/embedded.h"
#include "check.h"

#include <dirent.h>
#include <stdlib.h>

static size_t count_files(const char *folder, const char *end)
{
    DIR *entries = opendir(folder);
    size_t count = 0;

    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name);

        count += length > 4 && strcmp(entry->d_name + length - 4, end) == 0;
    }
    if (entries)
        closedir(entries);
    return count;
}

static void check_file(const char *folder, const char *end, const struct embedded_sql *sql)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", folder, sql->name, end);
    FILE *file = fopen(path, "rb");
    if (!CHECK(file != NULL))
        return;

    char *text = malloc(sql->text_bytes + 2);
    size_t length = text ? fread(text, 1, sql->text_bytes + 1, file) : 0;

    if (CHECK_EQ(length, sql->text_bytes))
        CHECK_BYTES(sql->text, text, length);
    CHECK_EQ(sql->text[sql->text_bytes], 0);
    free(text);
    fclose(file);
}

static void check_folder(const char *folder, const char *end, const struct embedded_sql *rows,
                         size_t count)
{
    CHECK_EQ(count, count_files(folder, end));
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || strcmp(rows[i - 1].name, rows[i].name) < 0);
        check_file(folder, end, &rows[i]);
    }
    CHECK(rows[count].name == NULL);
}

int main(void)
{
    check_folder(SOURCE_DIR "/queries", ".sql", embedded_queries, embedded_queries_count);
    check_folder(SOURCE_DIR "/queries/sets", ".set", embedded_sets, embedded_sets_count);
    check_folder(SOURCE_DIR "/schema", ".sql", embedded_schemas, embedded_schemas_count);
    return check_summary();
}
