/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.c -- see foreign.h: the table of formats. */
#include "foreign.h"

#include "diag.h"
#include "unpack.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct foreign_format formats[] = {
    {"jemalloc heap profile", foreign_jemalloc_knows, foreign_jemalloc, false},
    {"gperftools heap profile", foreign_gperftools_knows, foreign_gperftools, false},
    {"massif output", foreign_massif_knows, foreign_massif, false},
    {"heaptrack trace", foreign_heaptrack_knows, foreign_heaptrack, false},
    {"snapshot", foreign_snapshot_knows, foreign_snapshot, true},
    {"pprof profile", foreign_pprof_knows, foreign_pprof, false},
};

enum { START_BYTES = 4096, MAGIC_BYTES = 4 };

/* A trace begins with a skippable frame of zstd, which no other format does. */
static bool may_be_foreign(const char *path)
{
    unsigned char magic[MAGIC_BYTES];
    struct stat about;
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "re") : NULL;
    bool may =
        file && fread(magic, 1, sizeof magic, file) == sizeof magic &&
        !((magic[0] & 0xf0) == 0x50 && magic[1] == 0x2a && magic[2] == 0x4d && magic[3] == 0x18);

    if (file) {
        fclose(file);
    }
    return may;
}

const struct foreign_format *foreign_recognise(const char *path)
{
    uint8_t start[START_BYTES];
    struct unpack *unpack;
    size_t size = 0;

    if (!may_be_foreign(path) || unpack_open(path, &unpack).code != STATUS_OK) {
        return NULL;
    }
    status result = unpack_peek(unpack, start, sizeof start, &size);
    unpack_close(unpack);
    for (size_t i = 0; result.code == STATUS_OK && i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].knows(start, size)) {
            return &formats[i];
        }
    }
    return NULL;
}

status foreign_damaged(const char *path, uint64_t line, const char *what)
{
    diag_error("could not read \"%s\": line %llu: %s", path, (unsigned long long)line, what);
    diag_hint("The file may have been cut off while it was written, or be of another version.");
    return FAIL;
}
