/* SPDX-License-Identifier: Apache-2.0 */
/* segments.c -- see segments.h. */
#include "segments.h"

#include "diag.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const char suffix[] = ".zst";

static status no_memory(void)
{
    diag_error("could not read the trace: not enough memory");
    return FAIL;
}

bool segments_head(const char *path, struct mr_block_header *out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool intact =
        file >= 0 && read(file, out, sizeof *out) == sizeof *out &&
        out->skippable_magic == MR_SKIPPABLE_MAGIC &&
        memcmp(out->magic, MR_BLOCK_MAGIC, MR_BLOCK_MAGIC_BYTES) == 0 &&
        out->major == MR_TRACE_MAJOR &&
        XXH3_64bits(out, offsetof(struct mr_block_header, header_xxh3)) == out->header_xxh3;

    if (file >= 0) {
        close(file);
    }
    return intact;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Without .zst, and without up to `numbers` numbers before it: where the names of all segments begin. */
static size_t stem_length(const char *name, unsigned numbers)
{
    size_t length = strlen(name);

    if (length > 4 && strcmp(name + length - 4, suffix) == 0) {
        length -= 4;
    }
    for (unsigned i = 0; i < numbers; i++) {
        size_t digits = 0;

        while (digits < length && name[length - 1 - digits] >= '0' &&
               name[length - 1 - digits] <= '9') {
            digits++;
        }
        if (!digits || digits >= length || name[length - 1 - digits] != '.') {
            break;
        }
        length -= digits + 1;
    }
    return length;
}

/* Whether the name is the stem, then nothing but numbers, then .zst (or nothing, as for `like`). */
static bool is_of_stem(const char *name, const char *like, size_t stem)
{
    size_t like_length = strlen(like), length = strlen(name);
    bool has_suffix = like_length > 4 && strcmp(like + like_length - 4, suffix) == 0;

    if (length < stem || strncmp(name, like, stem) != 0 ||
        (has_suffix && (length < stem + 4 || strcmp(name + length - 4, suffix) != 0))) {
        return false;
    }
    const char *at = name + stem;
    const char *end = name + length - (has_suffix ? 4 : 0);
    while (at < end) {
        size_t digits = *at == '.' ? strspn(at + 1, "0123456789") : 0;

        if (!digits) {
            return false;
        }
        at += digits + 1;
    }
    return at == end;
}

/* Calls `visit` for every file that may be a segment beside `path`, with its path, valid meanwhile. */
static status each_candidate(const char *path, unsigned numbers, void *context,
                             status (*visit)(void *context, const char *path))
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int folder_length = slash ? (int)(slash + 1 - path) : 0;
    size_t stem = stem_length(name, numbers);
    char *folder = NULL;
    status result = OK;

    if (asprintf(&folder, "%.*s", folder_length ? folder_length : 1, folder_length ? path : ".") <
        0) {
        return no_memory();
    }
    DIR *directory = opendir(folder);
    free(folder);
    for (struct dirent *entry;
         result.code == STATUS_OK && directory && (entry = readdir(directory));) {
        char *found;

        if (!is_of_stem(entry->d_name, name, stem)) {
            continue;
        }
        if (asprintf(&found, "%.*s%s", folder_length, path, entry->d_name) < 0) {
            result = no_memory();
            break;
        }
        result = visit(context, found);
        free(found);
    }
    if (directory) {
        closedir(directory);
    }
    return result;
}

/* ---- the list -------------------------------------------------------------------------------- */

status segments_add(struct segments *segments, const char *path, uint64_t sequence)
{
    size_t at = segments->count;

    while (at > 0 && segments->files[at - 1].sequence >= sequence) {
        if (segments->files[--at].sequence == sequence) {
            return OK;
        }
    }
    struct segment_file *grown =
        reallocarray(segments->files, segments->count + 1, sizeof *segments->files);
    char *copy = strdup(path);
    segments->files = grown ? grown : segments->files;
    if (!grown || !copy) {
        free(copy);
        return no_memory();
    }
    memmove(grown + at + 1, grown + at, (segments->count - at) * sizeof *grown);
    grown[at] = (struct segment_file){copy, sequence};
    segments->count++;
    return OK;
}

struct search {
    struct segments *segments;
    const uint8_t *trace_id;
};

static status add_candidate(void *context, const char *path)
{
    struct search *search = context;
    struct mr_block_header head;

    return segments_head(path, &head) &&
                   memcmp(head.trace_id, search->trace_id, sizeof head.trace_id) == 0
               ? segments_add(search->segments, path, head.sequence)
               : OK;
}

status segments_beside(const char *path, const struct mr_block_header *head, struct segments *out)
{
    struct search search = {out, head->trace_id};

    TRY(segments_add(out, path, head->sequence));
    return each_candidate(path, 3, &search, add_candidate);
}

struct latest {
    char *path;
    struct timespec changed;
};

static status note_latest(void *context, const char *path)
{
    struct latest *latest = context;
    struct mr_block_header head;
    struct stat facts;

    if (stat(path, &facts) != 0 || !segments_head(path, &head) || head.sequence == 0) {
        return OK;
    }
    bool later = !latest->path || facts.st_mtim.tv_sec > latest->changed.tv_sec ||
                 (facts.st_mtim.tv_sec == latest->changed.tv_sec &&
                  facts.st_mtim.tv_nsec > latest->changed.tv_nsec);
    if (later) {
        free(latest->path);
        latest->path = strdup(path);
        latest->changed = facts.st_mtim;
    }
    return OK;
}

char *segments_of_missing(const char *path)
{
    struct latest latest = {0};

    if (each_candidate(path, 0, &latest, note_latest).code != STATUS_OK) {
        free(latest.path);
        return NULL;
    }
    return latest.path;
}

void segments_free(struct segments *segments)
{
    for (size_t i = 0; i < segments->count; i++) {
        free(segments->files[i].path);
    }
    free(segments->files);
    *segments = (struct segments){0};
}
