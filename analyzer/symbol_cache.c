/* SPDX-License-Identifier: Apache-2.0 */
/* symbol_cache.c -- the file, in the byte order of the machine (it never leaves it):
 *
 *   header | entries (offset, number of frames) | frames (3 texts and a line) | text
 *
 * A text is its place and length in the last part. Length UINT32_MAX: absent.                     */
#include "symbol_cache.h"

#include "text_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define CACHE_MAGIC     "MASYMS1\n"
#define CACHE_VERSION   2u /* of the answers too: raise it when lookups get better */
#define CACHE_BYTES_MAX (UINT64_C(256) << 20)
#define CACHE_ID_MAX    64u
#define CACHE_TEXT_NONE UINT32_MAX

struct cache_header {
    char magic[8];
    uint32_t version;
    uint32_t source;
    uint64_t fingerprint;
    uint64_t entry_count, frame_count, text_bytes;
    uint64_t checksum; /* XXH3-64 of the file with this field 0 */
};

struct cache_entry {
    uint64_t offset;
    uint32_t frame_count;
    uint32_t reserved;
};

struct cache_text {
    uint32_t at, length;
};

struct cache_frame {
    struct cache_text function, raw_name, file;
    uint32_t line;
    uint32_t reserved;
};

char *symbol_cache_folder(void)
{
    const char *ours = getenv("MEMANALYZE_CACHE");
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char *folder = NULL;
    int length = -1;

    if (ours) {
        length = ours[0] ? asprintf(&folder, "%s/symbols", ours) : -1;
    } else if (xdg && xdg[0] == '/') {
        length = asprintf(&folder, "%s/memanalyze/symbols", xdg);
    } else if (home && home[0] == '/') {
        length = asprintf(&folder, "%s/.cache/memanalyze/symbols", home);
    }
    return length < 0 ? NULL : folder;
}

/* <folder>/<hex>; false: no such file name. */
static bool cache_path(const char *folder, const uint8_t *build_id, size_t bytes, char *path,
                       size_t size)
{
    char hex[2 * CACHE_ID_MAX + 1] = "";

    if (bytes == 0 || bytes > CACHE_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        snprintf(hex + 2 * i, 3, "%02x", build_id[i]);
    }
    return snprintf(path, size, "%s/%s", folder, hex) < (int)size;
}

static uint64_t cache_checksum(const void *file, size_t bytes)
{
    struct cache_header header;
    XXH3_state_t state;

    memcpy(&header, file, sizeof header);
    header.checksum = 0;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, &header, sizeof header);
    XXH3_64bits_update(&state, (const char *)file + sizeof header, bytes - sizeof header);
    return XXH3_64bits_digest(&state);
}

/* ---- load ----------------------------------------------------------------------------------- */

/* The whole file; NULL: cannot. */
static char *cache_read(const char *path, size_t *bytes)
{
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *content = NULL;
    size_t done = 0;

    if (file < 0) {
        return NULL;
    }
    if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) &&
        (uint64_t)facts.st_size >= sizeof(struct cache_header) &&
        (uint64_t)facts.st_size <= CACHE_BYTES_MAX) {
        *bytes = (size_t)facts.st_size;
        content = malloc(*bytes);
    }
    while (content && done < *bytes) {
        ssize_t got = read(file, content + done, *bytes - done);

        if (got <= 0) {
            free(content);
            content = NULL;
        } else {
            done += (size_t)got;
        }
    }
    close(file);
    return content;
}

static bool cache_text_from(const struct cache_text *in, const char *text, uint64_t text_bytes,
                            struct text *out)
{
    if (in->length == CACHE_TEXT_NONE) {
        *out = (struct text){0};
        return true;
    }
    *out = (struct text){text + in->at, in->length};
    return in->at <= text_bytes && in->length <= text_bytes - in->at;
}

/* The parts of a file that is whole; false: it is not. */
static bool cache_check(const char *content, size_t bytes, struct cache_header *header)
{
    uint64_t left = bytes - sizeof *header;

    memcpy(header, content, sizeof *header);
    if (memcmp(header->magic, CACHE_MAGIC, sizeof header->magic) != 0 ||
        header->version != CACHE_VERSION ||
        header->entry_count > left / sizeof(struct cache_entry)) {
        return false;
    }
    left -= header->entry_count * sizeof(struct cache_entry);
    if (header->frame_count > left / sizeof(struct cache_frame)) {
        return false;
    }
    left -= header->frame_count * sizeof(struct cache_frame);
    return left == header->text_bytes && cache_checksum(content, bytes) == header->checksum;
}

bool symbol_cache_load(const char *folder, const uint8_t *build_id, size_t build_id_bytes,
                       struct symbol_cache_file *out, void **memory)
{
    char path[4096];
    size_t bytes = 0;
    struct cache_header header;
    char *content = cache_path(folder, build_id, build_id_bytes, path, sizeof path)
                        ? cache_read(path, &bytes)
                        : NULL;

    *memory = NULL;
    if (!content || !cache_check(content, bytes, &header)) {
        free(content);
        return false;
    }
    /* One allocation: entries, frames, the text behind them. */
    size_t entries_bytes = header.entry_count * sizeof(struct symbol_cache_entry);
    size_t frames_bytes = header.frame_count * sizeof(struct symbol_frame);
    char *room = malloc(entries_bytes + frames_bytes + header.text_bytes + 1);
    bool whole = room != NULL;

    if (whole) {
        struct symbol_cache_entry *entries = (struct symbol_cache_entry *)room;
        struct symbol_frame *frames = (struct symbol_frame *)(room + entries_bytes);
        char *text = room + entries_bytes + frames_bytes;
        const struct cache_entry *entry = (const void *)(content + sizeof header);
        const struct cache_frame *frame = (const void *)(entry + header.entry_count);
        uint64_t used = 0;

        memcpy(text, frame + header.frame_count, header.text_bytes);
        for (uint64_t i = 0; whole && i < header.frame_count; i++) {
            frames[i].line = frame[i].line;
            whole =
                cache_text_from(&frame[i].function, text, header.text_bytes, &frames[i].function) &&
                cache_text_from(&frame[i].raw_name, text, header.text_bytes, &frames[i].raw_name) &&
                cache_text_from(&frame[i].file, text, header.text_bytes, &frames[i].file);
        }
        for (uint64_t i = 0; whole && i < header.entry_count; i++) {
            entries[i] = (struct symbol_cache_entry){.offset = entry[i].offset,
                                                     .frames = frames + used,
                                                     .count = entry[i].frame_count,
                                                     .from_disk = true};
            whole = entry[i].frame_count <= header.frame_count - used;
            used += entry[i].frame_count;
        }
        *out = (struct symbol_cache_file){.fingerprint = header.fingerprint,
                                          .source = (uint8_t)header.source,
                                          .entries = entries,
                                          .entry_count = header.entry_count};
    }
    free(content);
    if (!whole) {
        free(room);
        return false;
    }
    *memory = room;
    return true;
}

/* ---- save ----------------------------------------------------------------------------------- */

struct cache_text_table { /* the text part, each text once */
    char *bytes;
    size_t used, size;
    struct text_pool pool; /* companion: length is 1 + the place */
    bool failed;
};

static struct cache_text cache_put_text(struct cache_text_table *table, struct text text)
{
    struct text *place;

    if (!text.bytes) {
        return (struct cache_text){0, CACHE_TEXT_NONE};
    }
    if (!text_pool_keep(&table->pool, text, &place).bytes) {
        table->failed = true;
        return (struct cache_text){0};
    }
    if (place->length == 0) {
        if (text.length > table->size - table->used) {
            size_t size = table->size * 2 + text.length + 4096;
            char *bytes = size <= CACHE_BYTES_MAX ? realloc(table->bytes, size) : NULL;

            if (!bytes) {
                table->failed = true;
                return (struct cache_text){0};
            }
            table->bytes = bytes;
            table->size = size;
        }
        memcpy(table->bytes + table->used, text.bytes, text.length);
        place->length = table->used + 1;
        table->used += text.length;
    }
    return (struct cache_text){(uint32_t)(place->length - 1), (uint32_t)text.length};
}

static bool cache_make_folder(const char *folder)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path) {
        return false;
    }
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Under another name first: a reader sees the old file or the new one, never half of one. */
static bool cache_write(const char *folder, const char *path, const void *content, size_t bytes)
{
    char temporary[4200];
    size_t done = 0;
    bool written;
    int file;

    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 && errno == ENOENT && cache_make_folder(folder)) {
        file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    if (file < 0) {
        return false;
    }
    while (done < bytes) {
        ssize_t put = write(file, (const char *)content + done, bytes - done);

        if (put <= 0) {
            break;
        }
        done += (size_t)put;
    }
    written = close(file) == 0 && done == bytes && rename(temporary, path) == 0;
    if (!written) {
        unlink(temporary);
    }
    return written;
}

bool symbol_cache_save(const char *folder, const uint8_t *build_id, size_t build_id_bytes,
                       const struct symbol_cache_file *file)
{
    char path[4096];
    struct cache_text_table table = {0};
    uint64_t frame_count = 0;
    char *content = NULL;
    bool saved = false;

    if (!cache_path(folder, build_id, build_id_bytes, path, sizeof path)) {
        return false;
    }
    for (size_t i = 0; i < file->entry_count; i++) {
        frame_count += file->entries[i].count;
    }
    size_t fixed_bytes = sizeof(struct cache_header) +
                         file->entry_count * sizeof(struct cache_entry) +
                         frame_count * sizeof(struct cache_frame);
    struct cache_header header = {.magic = CACHE_MAGIC,
                                  .version = CACHE_VERSION,
                                  .source = file->source,
                                  .fingerprint = file->fingerprint,
                                  .entry_count = file->entry_count,
                                  .frame_count = frame_count};

    if (fixed_bytes <= CACHE_BYTES_MAX) {
        content = malloc(fixed_bytes);
    }
    if (content) {
        struct cache_entry *entry = (void *)(content + sizeof header);
        struct cache_frame *frame = (void *)(entry + file->entry_count);

        for (size_t i = 0; i < file->entry_count; i++) {
            const struct symbol_cache_entry *from = &file->entries[i];

            *entry++ = (struct cache_entry){.offset = from->offset, .frame_count = from->count};
            for (uint32_t level = 0; level < from->count; level++) {
                *frame++ = (struct cache_frame){
                    .function = cache_put_text(&table, from->frames[level].function),
                    .raw_name = cache_put_text(&table, from->frames[level].raw_name),
                    .file = cache_put_text(&table, from->frames[level].file),
                    .line = from->frames[level].line};
            }
        }
        size_t bytes = fixed_bytes + table.used;
        char *whole = table.failed || bytes > CACHE_BYTES_MAX ? NULL : realloc(content, bytes + 1);

        if (whole) {
            content = whole;
            header.text_bytes = table.used;
            memcpy(content + fixed_bytes, table.bytes ? table.bytes : "", table.used);
            memcpy(content, &header, sizeof header);
            header.checksum = cache_checksum(content, bytes);
            memcpy(content, &header, sizeof header);
            saved = cache_write(folder, path, content, bytes);
        }
    }
    free(content);
    free(table.bytes);
    text_pool_free(&table.pool);
    return saved;
}
