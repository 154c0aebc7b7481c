/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.c -- see unpack.h. */
#include "unpack.h"

#include "diag.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT_BYTES = 65536, OUTPUT_BYTES = 65536 };

struct unpack {
    FILE *file;
    const char *path;
    enum { PLAIN, GZIP, ZSTD } kind;
    z_stream inflater;
    ZSTD_DStream *zstd;
    bool quiet;  /* only a look: nothing is said */
    bool inside; /* a member or frame has begun and not ended */
    bool ended;  /* the file has */
    uint8_t input[INPUT_BYTES];
    size_t input_at, input_size;
    uint8_t output[OUTPUT_BYTES];
    size_t output_at, output_size;
    char *line;
    size_t line_room;
    uint64_t line_number;
};

static status no_memory(const char *path)
{
    diag_error("could not read \"%s\": out of memory", path);
    return FAIL;
}

static status damaged(const struct unpack *unpack, const char *what)
{
    if (unpack->quiet) {
        return FAIL;
    }
    diag_error("could not read \"%s\": its compressed content is %s", unpack->path, what);
    diag_hint("Copy the file again; the program that wrote it may have been killed.");
    return FAIL;
}

static status fill_input(struct unpack *unpack)
{
    if (unpack->input_at < unpack->input_size || unpack->ended) {
        return OK;
    }
    unpack->input_at = 0;
    unpack->input_size = fread(unpack->input, 1, INPUT_BYTES, unpack->file);
    unpack->ended = unpack->input_size == 0;
    if (ferror(unpack->file)) {
        diag_error("could not read \"%s\": %m", unpack->path);
        return FAIL;
    }
    return OK;
}

status unpack_open(const char *path, struct unpack **out)
{
    struct unpack *unpack = calloc(1, sizeof *unpack);

    *out = NULL;
    if (!unpack) {
        return no_memory(path);
    }
    unpack->path = path;
    unpack->file = fopen(path, "re");
    if (!unpack->file) {
        diag_error("could not read \"%s\": %m", path);
        unpack_close(unpack);
        return FAIL;
    }
    status result = fill_input(unpack);
    const uint8_t *start = unpack->input;
    if (result.code == STATUS_OK && unpack->input_size >= 4) {
        uint32_t magic = (uint32_t)start[0] | (uint32_t)start[1] << 8 | (uint32_t)start[2] << 16 |
                         (uint32_t)start[3] << 24;

        unpack->kind = start[0] == 0x1f && start[1] == 0x8b ? GZIP
                       : magic == ZSTD_MAGICNUMBER          ? ZSTD
                                                            : PLAIN;
    }
    if (unpack->kind == GZIP && inflateInit2(&unpack->inflater, 15 + 16) != Z_OK) {
        result = no_memory(path);
    }
    if (unpack->kind == ZSTD && !(unpack->zstd = ZSTD_createDStream())) {
        result = no_memory(path);
    }
    if (result.code != STATUS_OK) {
        unpack_close(unpack);
        return result;
    }
    *out = unpack;
    return OK;
}

void unpack_close(struct unpack *unpack)
{
    if (!unpack) {
        return;
    }
    if (unpack->kind == GZIP) {
        inflateEnd(&unpack->inflater);
    }
    ZSTD_freeDStream(unpack->zstd);
    if (unpack->file) {
        fclose(unpack->file);
    }
    free(unpack->line);
    free(unpack);
}

static status inflate_some(struct unpack *unpack)
{
    z_stream *stream = &unpack->inflater;

    stream->next_in = unpack->input + unpack->input_at;
    stream->avail_in = (uInt)(unpack->input_size - unpack->input_at);
    stream->next_out = unpack->output;
    stream->avail_out = OUTPUT_BYTES;
    int result = inflate(stream, Z_NO_FLUSH);
    unpack->input_at = unpack->input_size - stream->avail_in;
    unpack->output_size = OUTPUT_BYTES - stream->avail_out;
    unpack->inside = result != Z_STREAM_END;
    if (result == Z_STREAM_END) {
        inflateReset(stream);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return damaged(unpack, "damaged");
    }
    return OK;
}

static status decompress_some(struct unpack *unpack)
{
    ZSTD_inBuffer in = {unpack->input, unpack->input_size, unpack->input_at};
    ZSTD_outBuffer out = {unpack->output, OUTPUT_BYTES, 0};
    size_t result = ZSTD_decompressStream(unpack->zstd, &out, &in);

    if (ZSTD_isError(result)) {
        return damaged(unpack, "damaged");
    }
    unpack->input_at = in.pos;
    unpack->output_size = out.pos;
    unpack->inside = result != 0;
    return OK;
}

/* More output, or the end. */
static status fill_output(struct unpack *unpack)
{
    unpack->output_at = unpack->output_size = 0;
    while (unpack->output_size == 0) {
        TRY(fill_input(unpack));
        if (unpack->ended) {
            return unpack->kind != PLAIN && unpack->inside ? damaged(unpack, "cut off") : OK;
        }
        if (unpack->kind == GZIP) {
            TRY(inflate_some(unpack));
        } else if (unpack->kind == ZSTD) {
            TRY(decompress_some(unpack));
        } else {
            unpack->output_size = unpack->input_size - unpack->input_at;
            memcpy(unpack->output, unpack->input + unpack->input_at, unpack->output_size);
            unpack->input_at = unpack->input_size;
        }
    }
    return OK;
}

status unpack_read(struct unpack *unpack, void *bytes, size_t room, size_t *size)
{
    *size = 0;
    while (*size < room) {
        if (unpack->output_at == unpack->output_size) {
            TRY(fill_output(unpack));
            if (unpack->output_size == 0) {
                return OK;
            }
        }
        size_t some = unpack->output_size - unpack->output_at;
        some = some < room - *size ? some : room - *size;
        memcpy((char *)bytes + *size, unpack->output + unpack->output_at, some);
        unpack->output_at += some;
        *size += some;
    }
    return OK;
}

status unpack_peek(struct unpack *unpack, void *bytes, size_t room, size_t *size)
{
    unpack->quiet = true;
    status result = unpack_read(unpack, bytes, room, size);
    unpack->quiet = false;
    return *size > 0 ? OK : result;
}

static status line_room(struct unpack *unpack, size_t wanted)
{
    if (wanted > UNPACK_LINE_BYTES_MAX) {
        diag_error("could not read \"%s\": line %llu is longer than 1 MiB", unpack->path,
                   (unsigned long long)unpack->line_number + 1);
        return FAIL;
    }
    if (wanted > unpack->line_room) {
        size_t room = 2 * wanted + 256;
        char *grown = realloc(unpack->line, room);

        if (!grown) {
            return no_memory(unpack->path);
        }
        unpack->line = grown;
        unpack->line_room = room;
    }
    return OK;
}

status unpack_line(struct unpack *unpack, char **line)
{
    size_t used = 0;
    bool any = false;

    for (;;) {
        if (unpack->output_at == unpack->output_size) {
            TRY(fill_output(unpack));
            if (unpack->output_size == 0) {
                break;
            }
        }
        any = true;
        const uint8_t *from = unpack->output + unpack->output_at;
        size_t left = unpack->output_size - unpack->output_at;
        const uint8_t *end = memchr(from, '\n', left);
        size_t some = end ? (size_t)(end - from) : left;

        TRY(line_room(unpack, used + some + 1));
        memcpy(unpack->line + used, from, some);
        used += some;
        unpack->output_at += some + (end != NULL);
        if (end) {
            break;
        }
    }
    if (!any) {
        return (status){STATUS_END};
    }
    TRY(line_room(unpack, used + 1));
    unpack->line[used] = '\0';
    unpack->line_number++;
    *line = unpack->line;
    return OK;
}

uint64_t unpack_line_number(const struct unpack *unpack) { return unpack->line_number; }

status unpack_all(const char *path, size_t limit, uint8_t **bytes, size_t *size)
{
    struct unpack *unpack;
    size_t room = 0;

    *bytes = NULL;
    *size = 0;
    TRY(unpack_open(path, &unpack));
    status result = OK;
    for (size_t some = 1; some > 0 && result.code == STATUS_OK;) {
        if (*size == room) {
            room = room ? 2 * room : 1 << 16;
            uint8_t *grown = realloc(*bytes, room);

            if (!grown) {
                result = no_memory(path);
                break;
            }
            *bytes = grown;
        }
        result = unpack_read(unpack, *bytes + *size, room - *size, &some);
        *size += some;
        if (result.code == STATUS_OK && *size > limit) {
            diag_error("could not read \"%s\": unpacked it has more than %zu MiB", path,
                       limit >> 20);
            result = FAIL;
        }
    }
    unpack_close(unpack);
    if (result.code != STATUS_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return result;
}
