/* SPDX-License-Identifier: Apache-2.0 */
/* compare.c -- see compare.h. */
#include "compare.h"

#include "db.h"
#include "diag.h"

#include <stdio.h>
#include <string.h>

static const char *const names[COMPARE_MAX][COMPARE_MAX] = {
    {NULL}, {"base", NULL}, {"base", "action", NULL}};

status compare_open(const char *const *paths, size_t count, struct compare *out)
{
    status result = OK;

    *out = (struct compare){0};
    for (; out->count < count && result.code == STATUS_OK; out->count++) {
        result = source_open(paths[out->count], &out->sources[out->count]);
        out->incomplete = out->incomplete || out->sources[out->count].incomplete;
    }
    if (result.code != STATUS_OK) {
        out->count--; /* it closed itself */
    } else {
        out->db = out->sources[count - 1].db;
    }
    for (size_t i = 0; i + 1 < count && result.code == STATUS_OK; i++) {
        result = db_run_formatted(out->db, "ATTACH %Q AS %s", out->sources[i].cache.path,
                                  names[count - 1][i]);
    }
    if (result.code != STATUS_OK) {
        compare_close(out);
    }
    return result;
}

void compare_close(struct compare *compare)
{
    while (compare->count > 0) {
        source_close(&compare->sources[--compare->count]);
    }
}
