/* SPDX-License-Identifier: Apache-2.0 */
#include "write.h"

#include "os.h"
#include "pages.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

bool mr_write_open(struct mr_writer *writer, int file, const uint8_t trace_id[16], int level)
{
    memset(writer, 0, sizeof *writer);
    size_t context_bytes = (ZSTD_estimateCCtxSize(level) + 4095) & ~(size_t)4095;
    writer->frame_capacity = MR_BLOCK_HEADER_BYTES + ZSTD_COMPRESSBOUND(MR_PAYLOAD_BYTES_MAX);
    writer->memory_bytes = context_bytes + writer->frame_capacity;
    writer->memory = mr_pages_map(writer->memory_bytes);
    if (!writer->memory)
        return false;
    writer->context = ZSTD_initStaticCCtx(writer->memory, context_bytes);
    writer->frame = (uint8_t *)writer->memory + context_bytes;
    writer->file = file;
    writer->level = level;
    memcpy(writer->trace_id, trace_id, sizeof writer->trace_id);
    return writer->context != NULL;
}

void mr_write_close(struct mr_writer *writer)
{
    mr_close(writer->file);
    mr_pages_unmap(writer->memory, writer->memory_bytes);
}

void mr_write_continue(struct mr_writer *writer, int file)
{
    mr_close(writer->file);
    writer->file = file;
    writer->bytes_written = 0;
}

/* All of it, or nothing: after an error the file is cut back to its last whole block. */
static int write_frame(const struct mr_writer *writer, size_t bytes)
{
    int result;
    do {
        result = mr_write_all(writer->file, writer->frame, bytes);
        if (result == 0)
            break;
        mr_truncate(writer->file, writer->bytes_written);
        mr_seek(writer->file, writer->bytes_written);
    } while (result == -ENOSPC && writer->make_room &&
             writer->make_room(writer->make_room_context));
    return result;
}

int mr_write_block(struct mr_writer *writer, const void *payload, size_t size,
                   const struct mr_block_facts *facts)
{
    struct mr_block_header header = {
        .skippable_magic = MR_SKIPPABLE_MAGIC,
        .skippable_bytes = MR_SKIPPABLE_BYTES,
        .major = MR_TRACE_MAJOR,
        .minor = MR_TRACE_MINOR,
        .flags = facts->flags,
        .sequence = writer->sequence++,
        .first_ticks = facts->first_ticks,
        .last_ticks = facts->last_ticks,
        .events_before = writer->events_before,
        .event_count = facts->event_count,
        .payload_bytes = (uint32_t)size,
        .clock_ticks = facts->clock_ticks,
        .clock_ns = facts->clock_ns,
    };
    writer->events_before += facts->event_count;

    size_t frame_bytes =
        ZSTD_compressCCtx(writer->context, writer->frame + sizeof header,
                          writer->frame_capacity - sizeof header, payload, size, writer->level);
    int result = -EIO;
    if (!ZSTD_isError(frame_bytes)) {
        memcpy(header.magic, MR_BLOCK_MAGIC, sizeof header.magic);
        memcpy(header.trace_id, writer->trace_id, sizeof header.trace_id);
        header.frame_bytes = (uint32_t)frame_bytes;
        header.frame_xxh3 = XXH3_64bits(writer->frame + sizeof header, frame_bytes);
        header.header_xxh3 = XXH3_64bits(&header, offsetof(struct mr_block_header, header_xxh3));
        memcpy(writer->frame, &header, sizeof header);
        result = write_frame(writer, sizeof header + frame_bytes);
    }
    if (result == 0) {
        writer->bytes_written += sizeof header + frame_bytes;
    } else {
        writer->errors++;
        writer->last_error = result;
    }
    return result;
}
