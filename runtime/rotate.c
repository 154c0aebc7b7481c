/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate.h"

#include "os.h"
#include "pages.h"

#include <errno.h>
#include <string.h>

#define NAMES_TRIED 100u
#define RETRY_NS    UINT64_C(1000000000)

static char *put_number(char *at, uint64_t value)
{
    char digits[24], *digit = digits + sizeof digits;
    do {
        *--digit = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    size_t length = (size_t)(digits + sizeof digits - digit);
    memcpy(at, digit, length);
    return at + length;
}

/* The `choice`th possible name of a segment: trace.2.zst, trace.2.<pid>.zst, trace.2.<pid>.1.zst ... */
static void segment_name(const struct mr_rotation *rotation, uint32_t number, uint32_t choice,
                         char out[NAME_MAX + 64])
{
    const char *plain = rotation->name;
    size_t length = strlen(plain);
    size_t stem = length > 4 && strcmp(plain + length - 4, ".zst") == 0 ? length - 4 : length;
    char *at = out + stem;
    memcpy(out, plain, stem);
    const uint64_t parts[] = {number, (uint64_t)rotation->pid, choice - 1};
    for (uint32_t i = 0; number && i <= choice && i < 3; i++) {
        if (i == 2 && choice == 1)
            break;
        *at++ = '.';
        at = put_number(at, parts[i]);
    }
    memcpy(at, plain + stem, length - stem + 1);
}

void mr_rotation_open(struct mr_rotation *rotation, const struct mr_options *options,
                      const char *path, int pid, uint64_t now_ns)
{
    char folder[MR_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    *rotation = (struct mr_rotation){
        .folder = -1,
        .pid = pid,
        .rotate = options->rotate,
        .keep = options->keep,
        .began_ns = now_ns,
    };
    if (!mr_options_rotate(options) || !slash || strlen(slash + 1) > NAME_MAX - 48)
        return;
    memcpy(rotation->name, slash + 1, strlen(slash + 1) + 1);
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, path, length);
    folder[length] = '\0';
    if (mr_options_keep_last(options)) {
        rotation->closed = mr_pages_map(MR_SEGMENTS_MAX * sizeof *rotation->closed);
        if (!rotation->closed)
            return;
    }
    int file = mr_open_folder(folder);
    rotation->folder = file < 0 ? -1 : mr_move_file_high(file);
}

void mr_rotation_close(struct mr_rotation *rotation)
{
    mr_pages_unmap(rotation->closed, MR_SEGMENTS_MAX * sizeof *rotation->closed);
    rotation->closed = NULL;
}

bool mr_rotation_is_due(const struct mr_rotation *rotation, uint64_t bytes, uint64_t now_ns)
{
    if (rotation->folder < 0 || bytes == 0 || now_ns < rotation->not_before_ns)
        return false;
    return (rotation->rotate.bytes && bytes >= rotation->rotate.bytes) ||
           (rotation->rotate.ns && now_ns - rotation->began_ns >= rotation->rotate.ns);
}

int mr_rotation_next(struct mr_rotation *rotation, uint64_t bytes, uint64_t now_ns)
{
    char name[NAME_MAX + 64];
    int file = -EEXIST;
    uint32_t choice = 0;
    for (; choice < NAMES_TRIED; choice++) {
        segment_name(rotation, rotation->number + 1, choice, name);
        file = mr_open_new_in(rotation->folder, name);
        if (file != -EEXIST)
            break;
    }
    if (file < 0) {
        rotation->not_before_ns = now_ns + RETRY_NS;
        return file;
    }
    if (rotation->closed) {
        if (rotation->count == MR_SEGMENTS_MAX)
            mr_rotation_make_room(rotation);
        uint32_t at = (rotation->first + rotation->count++) % MR_SEGMENTS_MAX;
        rotation->closed[at] = (struct mr_closed_segment){
            .bytes = bytes,
            .ended_ns = now_ns,
            .number = rotation->number,
            .name = rotation->current_name,
        };
        rotation->closed_bytes += bytes;
    }
    rotation->number++;
    rotation->current_name = choice;
    rotation->began_ns = now_ns;
    return mr_move_file_high(file);
}

bool mr_rotation_make_room(struct mr_rotation *rotation)
{
    char name[NAME_MAX + 64];
    if (rotation->count == 0)
        return false;
    const struct mr_closed_segment *oldest = &rotation->closed[rotation->first];
    segment_name(rotation, oldest->number, oldest->name, name);
    mr_unlink_in(rotation->folder, name);
    rotation->closed_bytes -= oldest->bytes;
    rotation->first = (rotation->first + 1) % MR_SEGMENTS_MAX;
    rotation->count--;
    return true;
}

/* The bytes that are kept leave room for the segment being written. */
static bool is_too_much(const struct mr_rotation *rotation, uint64_t now_ns)
{
    const struct mr_amount *keep = &rotation->keep;
    uint64_t ended_ns = rotation->closed[rotation->first].ended_ns;
    return (keep->files && rotation->count + 1 > keep->files) ||
           (keep->bytes && rotation->closed_bytes + rotation->rotate.bytes > keep->bytes) ||
           (keep->ns && now_ns - ended_ns > keep->ns);
}

void mr_rotation_prune(struct mr_rotation *rotation, uint64_t now_ns)
{
    while (rotation->count && is_too_much(rotation, now_ns))
        mr_rotation_make_room(rotation);
}
