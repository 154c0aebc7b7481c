/* SPDX-License-Identifier: Apache-2.0 */
/* read.c -- see read.h. The file is gone through twice by the same scan: once by trace_open, for the
 * facts and the gaps, once by trace_read, for the records. What is kept in between does not grow with
 * the file: one window of bytes, one payload, a thinned list of clock readings.                   */
#include "read.h"

#include "decode.h"
#include "diag.h"
#include "ring_read.h"
#include "segments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    WINDOW_BYTES = 1 << 20,
    CLOCKS_MAX = 1 << 16,
    MAGIC_BYTES = 16,
    /* A frame that is damaged may have lost bytes, so the search for the next block begins inside it.
     * After so many, behind it: else a file made of nothing but headers would take forever. */
    DAMAGED_FRAMES_MAX = 1024,
};

struct window { /* bytes of the file from `start` */
    uint8_t *bytes;
    size_t capacity, length;
    uint64_t start;
};

struct clock { /* the pairs, and the segment that answered last */
    struct clock_pair *pairs;
    size_t count;
    unsigned stride; /* readings seen per pair kept */
    uint64_t seen;
    uint64_t segment_first, segment_last; /* ticks for which the line below holds */
    uint64_t line_ticks;
    double line_ns, line_slope;
};

struct trace {
    char *path;
    int *files;
    struct trace_segment *segments;
    size_t segment_count;
    struct trace_facts facts;
    struct window window;
    struct clock *clock;
    struct decoder *decoder;
    ZSTD_DCtx *zstd;
    uint8_t *payload;
    size_t payload_capacity;
    bool header_known;
    struct header_record header; /* texts point into header_text */
    char *header_text;
    uint16_t refused_major; /* a block of this version was met; 0: none */
    bool saw_header;        /* anything that begins like a block */
    uint64_t recovered_events;
    bool rings_found;
};

const char trace_rotated_away[] = "rotated away";
static const char missing_segment[] = "missing segment";
static const char not_a_block[] = "not a block";
static const char cut_off[] = "cut off";
static const char wrong_checksum[] = "wrong checksum";

static status no_memory(void)
{
    diag_error("could not read the trace: not enough memory");
    return FAIL;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The file that holds this byte. */
static size_t segment_at(const struct trace *trace, uint64_t offset)
{
    size_t low = 0, high = trace->segment_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (trace->segments[middle].first_byte <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static status read_at(struct trace *trace, uint64_t offset, uint8_t *out, size_t bytes)
{
    while (bytes > 0) {
        size_t at = segment_at(trace, offset);
        const struct trace_segment *segment = &trace->segments[at];
        uint64_t rest = segment->first_byte + segment->file_bytes - offset;
        ssize_t got = pread(trace->files[at], out, bytes < rest ? bytes : (size_t)rest,
                            (off_t)(offset - segment->first_byte));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            diag_error("could not read trace \"%s\": %s", segment->path,
                       got < 0 ? strerror(errno) : "it became shorter meanwhile");
            return FAIL;
        }
        out += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return OK;
}

/* Makes *out point at `bytes` bytes of the file from `offset`, until the next call. They must exist. */
static status window_at(struct trace *trace, uint64_t offset, size_t bytes, const uint8_t **out)
{
    struct window *window = &trace->window;
    uint64_t rest = trace->facts.file_bytes - offset;

    if (offset < window->start || offset + bytes > window->start + window->length) {
        size_t want = bytes > WINDOW_BYTES ? bytes : WINDOW_BYTES;
        size_t keep = 0;

        want = want < rest ? want : (size_t)rest;
        if (offset >= window->start && offset < window->start + window->length) {
            keep = (size_t)(window->start + window->length - offset);
            memmove(window->bytes, window->bytes + window->length - keep, keep);
        }
        window->start = offset;
        window->length = keep;
        if (want > window->capacity) {
            uint8_t *grown = realloc(window->bytes, want);

            if (!grown) {
                return no_memory();
            }
            window->bytes = grown;
            window->capacity = want;
        }
        TRY(read_at(trace, offset + keep, window->bytes + keep, want - keep));
        window->length = want;
    }
    *out = window->bytes + (offset - window->start);
    return OK;
}

static void block_magic(uint8_t out[MAGIC_BYTES])
{
    uint32_t words[2] = {MR_SKIPPABLE_MAGIC, MR_SKIPPABLE_BYTES};

    memcpy(out, words, sizeof words);
    memcpy(out + sizeof words, MR_BLOCK_MAGIC, MR_BLOCK_MAGIC_BYTES);
}

/* The first place at or after `offset` where a block may begin; the file's end when there is none. */
static status find_magic(struct trace *trace, uint64_t offset, uint64_t *found)
{
    uint8_t magic[MAGIC_BYTES];
    uint64_t end = trace->facts.file_bytes;

    block_magic(magic);
    *found = end;
    while (end - offset >= MAGIC_BYTES) {
        size_t bytes = end - offset < WINDOW_BYTES ? (size_t)(end - offset) : WINDOW_BYTES;
        const uint8_t *at;

        TRY(window_at(trace, offset, bytes, &at));
        const uint8_t *hit = memmem(at, bytes, magic, MAGIC_BYTES);
        if (hit) {
            *found = offset + (uint64_t)(hit - at);
            return OK;
        }
        offset += bytes - MAGIC_BYTES + 1;
    }
    return OK;
}

/* ---- the scan -------------------------------------------------------------------------------- */

enum scan_kind { SCAN_BLOCK, SCAN_GAP, SCAN_END };

struct scan {
    uint64_t offset;
    bool has_previous;
    struct mr_block_header previous; /* the last intact block */
    const char *trouble; /* why bytes before `offset` are being skipped; NULL: they are not */
    uint64_t trouble_offset;
    uint64_t damaged_frames;
    bool gap_told;     /* of the block at `offset` */
    bool has_bodiless; /* in the trouble, the header of a block without its frame ... */
    struct mr_block_header bodiless; /* ... the latest */
};

struct scan_item { /* what scan_next found */
    enum scan_kind kind;
    uint64_t offset; /* of the block */
    struct mr_block_header header;
    struct gap_record gap;
    bool gap_at_end;
};

/* What lies at scan->offset? *wrong is NULL for an intact block of this trace; else *skip bytes are to be
 * skipped before looking again. */
static status examine(struct trace *trace, struct scan *scan, struct mr_block_header *header,
                      const char **wrong, uint64_t *skip)
{
    const struct trace_segment *segment = &trace->segments[segment_at(trace, scan->offset)];
    uint64_t rest = segment->first_byte + segment->file_bytes - scan->offset;
    uint8_t magic[MAGIC_BYTES];
    const uint8_t *bytes;

    *skip = 1;
    block_magic(magic);
    if (rest < MR_BLOCK_HEADER_BYTES) {
        TRY(window_at(trace, scan->offset, (size_t)rest, &bytes));
        bool begins = memcmp(bytes, magic, rest < MAGIC_BYTES ? (size_t)rest : MAGIC_BYTES) == 0;
        trace->saw_header |= begins && rest >= MAGIC_BYTES;
        *wrong = begins ? cut_off : not_a_block;
        return OK;
    }
    TRY(window_at(trace, scan->offset, MR_BLOCK_HEADER_BYTES, &bytes));
    memcpy(header, bytes, sizeof *header);
    *wrong = not_a_block;
    if (memcmp(bytes, magic, MAGIC_BYTES) != 0) {
        return OK;
    }
    trace->saw_header = true;
    *wrong = wrong_checksum;
    if (XXH3_64bits(bytes, offsetof(struct mr_block_header, header_xxh3)) != header->header_xxh3) {
        if (header->major != MR_TRACE_MAJOR && scan->offset == 0) {
            trace->refused_major = header->major; /* its header may be another one altogether */
        }
        return OK;
    }
    if (header->major != MR_TRACE_MAJOR) {
        trace->refused_major = header->major;
        *wrong = "of another version";
        return OK;
    }
    *wrong = "impossible sizes";
    if (header->frame_bytes > MR_FRAME_BYTES_MAX || header->payload_bytes > MR_PAYLOAD_BYTES_MAX ||
        header->first_ticks > header->last_ticks) {
        return OK;
    }
    scan->has_bodiless = true; /* unless the frame is there: then nobody asks */
    scan->bodiless = *header;
    *wrong = cut_off;
    if (rest - MR_BLOCK_HEADER_BYTES < header->frame_bytes) {
        return OK;
    }
    *wrong = wrong_checksum;
    TRY(window_at(trace, scan->offset, MR_BLOCK_HEADER_BYTES + header->frame_bytes, &bytes));
    if (XXH3_64bits(bytes + MR_BLOCK_HEADER_BYTES, header->frame_bytes) != header->frame_xxh3) {
        if (++scan->damaged_frames > DAMAGED_FRAMES_MAX) {
            *skip = MR_BLOCK_HEADER_BYTES + header->frame_bytes;
        }
        return OK;
    }
    *skip = MR_BLOCK_HEADER_BYTES + header->frame_bytes;
    *wrong = NULL;
    if (scan->has_previous) {
        if (memcmp(header->trace_id, scan->previous.trace_id, sizeof header->trace_id) != 0) {
            *wrong = "of another trace";
        } else if (header->sequence <= scan->previous.sequence) {
            *wrong = "repeated block";
        }
    }
    return OK;
}

/* Whether a block can come later in the same trace. */
static bool follows(const struct mr_block_header *previous, const struct mr_block_header *header)
{
    return memcmp(header->trace_id, previous->trace_id, sizeof header->trace_id) == 0 &&
           header->sequence > previous->sequence;
}

static bool is_segmented(const struct trace *trace)
{
    return trace->header_known && trace->header.segment != UNKNOWN;
}

/* The gap before an intact block, or (next == NULL) before the end of the file. */
static struct gap_record gap_before(const struct trace *trace, const struct scan *scan,
                                    const struct mr_block_header *next, uint64_t offset)
{
    const struct mr_block_header *previous = &scan->previous;
    uint64_t known = scan->has_previous ? previous->events_before + previous->event_count : 0;
    struct gap_record gap = {
        .first_ticks = scan->has_previous ? previous->last_ticks : 0,
        .last_ticks = UNKNOWN,
        .lost_events = UNKNOWN,
        .first_byte = scan->trouble ? scan->trouble_offset : offset,
        .last_byte = offset,
        .reason = scan->trouble ? scan->trouble : "missing block",
    };

    if (next && !scan->trouble && is_segmented(trace) &&
        trace->segments[segment_at(trace, offset)].first_byte == offset) {
        gap.reason =
            offset == 0 && trace->header.only_last == 1 ? trace_rotated_away : missing_segment;
    }

    if (next) {
        gap.last_ticks = next->first_ticks;
        if (!scan->has_previous || gap.first_ticks > gap.last_ticks) {
            gap.first_ticks = gap.last_ticks;
        }
        gap.lost_events = next->events_before >= known ? next->events_before - known : UNKNOWN;
    } else if (scan->has_previous && (previous->flags & MR_BLOCK_LAST)) {
        gap.lost_events = 0;
    } else if (scan->has_previous && scan->has_bodiless && follows(previous, &scan->bodiless) &&
               (scan->bodiless.flags & MR_BLOCK_LAST) && scan->bodiless.events_before >= known) {
        gap.last_ticks = scan->bodiless.last_ticks; /* nothing came after the damaged block */
        if (gap.first_ticks > gap.last_ticks) {
            gap.first_ticks = gap.last_ticks;
        }
        gap.lost_events = scan->bodiless.events_before + scan->bodiless.event_count - known;
    }
    return gap;
}

static status scan_next(struct trace *trace, struct scan *scan, struct scan_item *item)
{
    uint64_t end = trace->facts.file_bytes;

    while (scan->offset < end) {
        const char *wrong;
        uint64_t skip;

        TRY(examine(trace, scan, &item->header, &wrong, &skip));
        if (wrong) {
            if (!scan->trouble) {
                scan->trouble = wrong;
                scan->trouble_offset = scan->offset;
            }
            TRY(find_magic(trace, scan->offset + skip, &scan->offset));
            continue;
        }
        bool next = scan->has_previous ? item->header.sequence == scan->previous.sequence + 1
                                       : item->header.sequence == 0;
        if ((scan->trouble || !next) && !scan->gap_told) {
            item->kind = SCAN_GAP;
            item->gap_at_end = false;
            item->gap = gap_before(trace, scan, &item->header, scan->offset);
            scan->gap_told = true;
            scan->trouble = NULL;
            return OK;
        }
        item->kind = SCAN_BLOCK;
        item->offset = scan->offset;
        scan->offset += skip;
        scan->previous = item->header;
        scan->has_previous = true;
        scan->has_bodiless = false;
        scan->gap_told = false;
        return OK;
    }
    item->kind = SCAN_END;
    if (scan->trouble) {
        item->kind = SCAN_GAP;
        item->gap_at_end = true;
        item->gap = gap_before(trace, scan, NULL, end);
        scan->trouble = NULL;
    }
    return OK;
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* Readings must rise in both; one that does not is left out. Long traces keep every second, every
 * fourth ... reading, so that the list stays short. */
static status clock_add(struct clock *clock, uint64_t ticks, uint64_t ns)
{
    if (!clock->pairs) {
        clock->pairs = malloc(CLOCKS_MAX * sizeof *clock->pairs);
        clock->stride = 1;
        if (!clock->pairs) {
            return no_memory();
        }
    }
    const struct clock_pair *last = clock->count ? &clock->pairs[clock->count - 1] : NULL;
    if ((last && (ticks <= last->ticks || ns < last->ns)) || clock->seen++ % clock->stride != 0) {
        return OK;
    }
    if (clock->count == CLOCKS_MAX) {
        for (size_t i = 0; i < CLOCKS_MAX / 2; i++) {
            clock->pairs[i] = clock->pairs[2 * i];
        }
        clock->count = CLOCKS_MAX / 2;
        clock->stride *= 2;
    }
    clock->pairs[clock->count++] = (struct clock_pair){ticks, ns};
    return OK;
}

static void clock_find_segment(struct clock *clock, uint64_t ticks)
{
    const struct clock_pair *pairs = clock->pairs;
    size_t low = 0, high = clock->count;

    clock->segment_first = 0;
    clock->segment_last = UINT64_MAX;
    clock->line_ticks = clock->line_ns = 0;
    clock->line_slope = 1;
    if (clock->count < 2) {
        clock->line_ticks = clock->count ? pairs[0].ticks : 0;
        return;
    }
    while (high - low > 1) { /* pairs[low] is the last at or before ticks, or the first */
        size_t middle = low + (high - low) / 2;

        if (pairs[middle].ticks <= ticks) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low = low < clock->count - 1 ? low : clock->count - 2;
    clock->segment_first = low == 0 ? 0 : pairs[low].ticks;
    clock->segment_last = low == clock->count - 2 ? UINT64_MAX : pairs[low + 1].ticks - 1;
    clock->line_ticks = pairs[low].ticks;
    clock->line_ns = (double)(pairs[low].ns - pairs[0].ns);
    clock->line_slope = (double)(pairs[low + 1].ns - pairs[low].ns) /
                        (double)(pairs[low + 1].ticks - pairs[low].ticks);
}

int64_t trace_ns(const struct trace *trace, uint64_t ticks)
{
    struct clock *clock = trace->clock;

    if (ticks < clock->segment_first || ticks > clock->segment_last || clock->line_slope < 0) {
        clock_find_segment(clock, ticks);
    }
    double ns = clock->line_ns + clock->line_slope * (ticks >= clock->line_ticks
                                                          ? (double)(ticks - clock->line_ticks)
                                                          : -(double)(clock->line_ticks - ticks));
    return ns >= 0x1p62 ? INT64_MAX / 2 : ns <= -0x1p62 ? INT64_MIN / 2 : (int64_t)ns;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Decompresses the block; *payload stays valid until the next call. *wrong tells what is wrong with it. */
static status block_payload(struct trace *trace, const struct scan_item *item,
                            const uint8_t **payload, const char **wrong)
{
    const struct mr_block_header *header = &item->header;
    size_t need = (size_t)header->payload_bytes + DECODE_PADDING;
    const uint8_t *frame;

    if (need > trace->payload_capacity) {
        uint8_t *grown = realloc(trace->payload, need);

        if (!grown) {
            return no_memory();
        }
        trace->payload = grown;
        trace->payload_capacity = need;
    }
    TRY(window_at(trace, item->offset + MR_BLOCK_HEADER_BYTES, header->frame_bytes, &frame));
    size_t got = ZSTD_decompressDCtx(trace->zstd, trace->payload, header->payload_bytes, frame,
                                     header->frame_bytes);
    *wrong = ZSTD_isError(got) || got != header->payload_bytes ? "not to be decompressed" : NULL;
    memset(trace->payload + header->payload_bytes, 0, DECODE_PADDING);
    *payload = trace->payload;
    return OK;
}

/* Decodes the block into the sink, and whatever is wrong with it into the sink's gap. */
static status read_block(struct trace *trace, const struct scan_item *item,
                         const struct record_sink *sink)
{
    const struct mr_block_header *header = &item->header;
    struct decode_result result = {.last_ticks = header->first_ticks};
    const uint8_t *payload;

    TRY(block_payload(trace, item, &payload, &result.problem));
    if (!result.problem) {
        TRY(decode_payload(trace->decoder, header, payload, sink, &result));
    }
    if (!result.problem || !sink->gap) {
        return OK;
    }
    struct gap_record gap = {
        .first_ticks = result.last_ticks,
        .last_ticks = header->last_ticks,
        .lost_events =
            result.events < header->event_count ? header->event_count - result.events : 0,
        .first_byte = item->offset,
        .last_byte = item->offset + MR_BLOCK_HEADER_BYTES + header->frame_bytes,
        .reason = result.problem,
    };
    if (gap.first_ticks > gap.last_ticks) {
        gap.first_ticks = gap.last_ticks;
    }
    return sink->gap(sink->context, &gap);
}

/* ---- the header ------------------------------------------------------------------------------ */

static struct text copy_text(char **at, struct text text)
{
    if (!text.bytes) {
        return text;
    }
    char *copy = *at;
    memcpy(copy, text.bytes, text.length);
    *at += text.length;
    return (struct text){copy, text.length};
}

/* A sink's header function: keeps the first header. */
static status keep_header(void *context, const struct header_record *header)
{
    struct trace *trace = context;
    struct header_record *kept = &trace->header;

    if (trace->header_known) {
        return OK;
    }
    *kept = *header;
    struct text *const texts[] = {
        &kept->recorder_version, &kept->executable, &kept->command_line, &kept->host,
        &kept->boot_id,          &kept->ring_path,  &kept->architecture, &kept->operating_system,
        &kept->allocator,        &kept->unwinder,   &kept->capabilities,
    };
    size_t bytes = 1;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bytes += texts[i]->length;
    }
    char *at = trace->header_text = malloc(bytes);
    if (!at) {
        return no_memory();
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = copy_text(&at, *texts[i]);
    }
    trace->header_known = true;
    return OK;
}

static status read_first_block(struct trace *trace, const struct scan_item *item)
{
    struct record_sink sink = {.context = trace, .header = keep_header};

    TRY(read_block(trace, item, &sink));
    if (trace->header_known && trace->header.start_ticks != UNKNOWN &&
        trace->header.start_monotonic_ns != UNKNOWN) {
        TRY(clock_add(trace->clock, trace->header.start_ticks, trace->header.start_monotonic_ns));
    }
    return OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void gather_segment(struct trace *trace, const struct scan_item *item)
{
    struct trace_segment *segment = &trace->segments[segment_at(trace, item->offset)];
    const struct mr_block_header *header = &item->header;

    if (segment->block_count++ == 0) {
        segment->first_sequence = header->sequence;
        segment->first_ticks = header->first_ticks;
    }
    segment->last_sequence = header->sequence;
    segment->last_ticks =
        header->last_ticks > segment->last_ticks ? header->last_ticks : segment->last_ticks;
    segment->event_count += header->event_count;
}

static status gather_facts(struct trace *trace)
{
    struct trace_facts *facts = &trace->facts;
    struct scan scan = {0};
    struct scan_item item;

    for (;;) {
        TRY(scan_next(trace, &scan, &item));
        if (item.kind == SCAN_END) {
            break;
        }
        if (item.kind == SCAN_GAP) {
            facts->gap_count++;
            continue;
        }
        const struct mr_block_header *header = &item.header;
        if (facts->intact_block_count++ == 0) {
            memcpy(facts->trace_id, header->trace_id, sizeof facts->trace_id);
            facts->first_ticks = header->first_ticks;
            facts->first_sequence = header->sequence;
            facts->major = header->major;
            facts->minor = header->minor;
            TRY(read_first_block(trace, &item));
            facts->gap_count -= trace_begins_late(trace) && trace->header.only_last == 1;
        }
        if (header->last_ticks > facts->last_ticks) {
            facts->last_ticks = header->last_ticks;
        }
        facts->event_count += header->event_count;
        facts->last_sequence = header->sequence;
        facts->ended = header->flags & MR_BLOCK_LAST;
        gather_segment(trace, &item);
        TRY(clock_add(trace->clock, header->clock_ticks, header->clock_ns));
    }
    facts->block_count = facts->intact_block_count ? facts->last_sequence + 1 : 0;
    facts->clocks = trace->clock->pairs;
    facts->clock_count = trace->clock->count;
    facts->segments = trace->segments;
    facts->segment_count = trace->segment_count;
    return OK;
}

static void complain_foreign(struct trace *trace)
{
    uint8_t start[16];
    size_t bytes =
        trace->facts.file_bytes < sizeof start ? (size_t)trace->facts.file_bytes : sizeof start;
    uint32_t word = 0;

    if (read_at(trace, 0, start, bytes).code != STATUS_OK) {
        return;
    }
    memcpy(&word, start, bytes < sizeof word ? bytes : sizeof word);
    if (bytes == sizeof start && memcmp(start, "SQLite format 3", sizeof start) == 0) {
        diag_error("could not read trace \"%s\": it is a database", trace->path);
        diag_hint("Traces are what the recorder writes; databases are what import makes of them.");
    } else if (word == MR_SKIPPABLE_MAGIC && bytes == sizeof start &&
               memcmp(start + 8, MR_BLOCK_MAGIC, 5) == 0) {
        diag_error("could not read trace \"%s\": its line ends were changed", trace->path);
        diag_detail("A trace is not text; copying it as text destroys it.");
        diag_hint("Copy it again, in binary mode.");
    } else if (word == 0xFD2FB528u || (word & 0xFFFFFFF0u) == 0x184D2A50u) {
        diag_error("could not read trace \"%s\": it is zstd-compressed, but not a memrec trace",
                   trace->path);
        diag_hint("A trace that was compressed once more must be unpacked first: zstd -d.");
    } else {
        diag_error("could not read trace \"%s\": it is not a memrec trace", trace->path);
        diag_detail("No block begins anywhere in its %llu bytes.",
                    (unsigned long long)trace->facts.file_bytes);
        diag_hint("memanalyze record -o trace.zst -- program makes one.");
    }
}

/* Says why there is not one block to read. */
static void complain_no_block(struct trace *trace)
{
    if (trace->refused_major) {
        diag_error("could not read trace \"%s\": its format is version %u", trace->path,
                   (unsigned)trace->refused_major);
        diag_detail("This program reads version %u.", (unsigned)MR_TRACE_MAJOR);
        diag_hint("Use a memanalyze that is as new as the recorder.");
    } else if (trace->saw_header) {
        diag_error("could not read trace \"%s\": not one block of it is intact", trace->path);
        diag_detail("It has %llu bytes, and the checksum of every block in it is wrong, or its end "
                    "is missing.",
                    (unsigned long long)trace->facts.file_bytes);
        diag_hint("Was it copied as text, or before the recorder had written its first block?");
    } else {
        complain_foreign(trace);
    }
}

static status check_file(const char *path, const struct stat *facts)
{
    if (!S_ISREG(facts->st_mode)) {
        diag_error("could not read trace \"%s\": it is %s", path,
                   S_ISDIR(facts->st_mode) ? "a directory" : "not a regular file");
        diag_hint(S_ISDIR(facts->st_mode) ? "Name the traces in it: %s/*.zst"
                                          : "A trace is read twice; copy \"%s\" into a file.",
                  path);
        return FAIL;
    }
    if (facts->st_size == 0) {
        diag_error("could not read trace \"%s\": it is empty", path);
        diag_hint(
            "The recorder had not written its first block. Was the process killed as it began?");
        return FAIL;
    }
    return OK;
}

/* Opens a file as the next segment. */
static status open_file(struct trace *trace, const char *path)
{
    size_t count = trace->segment_count;
    struct trace_segment *segments =
        reallocarray(trace->segments, count + 1, sizeof *trace->segments);
    struct stat facts;

    trace->segments = segments ? segments : trace->segments;
    int *files = reallocarray(trace->files, count + 1, sizeof *trace->files);
    trace->files = files ? files : trace->files;
    char *copy = strdup(path);
    if (!segments || !files || !copy) {
        free(copy);
        return no_memory();
    }
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &facts) != 0) {
        diag_error("could not open trace \"%s\": %m", path);
        if (errno == ENOENT) {
            diag_hint(
                "The recorder writes to the path in MEMREC_TRACE, where %%p is the process id.");
        }
        free(copy);
        return FAIL;
    }
    segments[count] = (struct trace_segment){
        .path = copy,
        .first_byte = trace->facts.file_bytes,
        .file_bytes = (uint64_t)facts.st_size,
        .first_sequence = UNKNOWN,
        .last_sequence = UNKNOWN,
    };
    files[count] = file;
    trace->segment_count++;
    TRY(check_file(path, &facts));
    trace->facts.file_bytes += (uint64_t)facts.st_size;
    return OK;
}

static void close_files(struct trace *trace)
{
    for (size_t i = 0; i < trace->segment_count; i++) {
        close(trace->files[i]);
        free((char *)trace->segments[i].path);
    }
    trace->segment_count = 0;
    trace->window.length = 0;
    trace->facts.file_bytes = 0;
}

static void forget_header(struct trace *trace)
{
    free(trace->header_text);
    trace->header_text = NULL;
    trace->header_known = false;
}

/* Whether the first intact block of the one file that is open says that there are more. */
static status ask_segmented(struct trace *trace, bool *segmented)
{
    struct record_sink sink = {.context = trace, .header = keep_header};
    struct scan scan = {0};
    struct scan_item item;

    do {
        TRY(scan_next(trace, &scan, &item));
    } while (item.kind == SCAN_GAP);
    if (item.kind == SCAN_BLOCK) {
        TRY(read_block(trace, &item, &sink));
    }
    *segmented = is_segmented(trace);
    forget_header(trace);
    return OK;
}

/* Opens all files of the trace that these are of, in order. */
static status open_files(struct trace *trace, const char *const *paths, size_t count)
{
    struct segments segments = {0};
    struct mr_block_header head;
    bool segmented;
    status result = OK;

    TRY(open_file(trace, paths[0]));
    TRY(ask_segmented(trace, &segmented));
    if ((!segmented && count == 1) || !segments_head(paths[0], &head)) {
        return OK;
    }
    close_files(trace);
    for (size_t i = 1; i < count && result.code == STATUS_OK; i++) {
        struct mr_block_header another;

        if (segments_head(paths[i], &another)) {
            result = segments_add(&segments, paths[i], another.sequence);
        }
    }
    if (result.code == STATUS_OK) {
        result = segments_beside(paths[0], &head, &segments);
    }
    for (size_t i = 0; i < segments.count && result.code == STATUS_OK; i++) {
        result = open_file(trace, segments.files[i].path);
    }
    segments_free(&segments);
    return result;
}

static status open_trace(struct trace *trace, const char *const *paths, size_t count)
{
    TRY(open_files(trace, paths, count));
    TRY(gather_facts(trace));
    if (trace->facts.intact_block_count == 0) {
        complain_no_block(trace);
        return FAIL;
    }
    return OK;
}

status trace_open_files(const char *const *paths, size_t count, struct trace **out)
{
    struct trace *trace = calloc(1, sizeof *trace);
    char *instead = access(paths[0], F_OK) == 0 ? NULL : segments_of_missing(paths[0]);
    const char *first = instead ? instead : paths[0];

    *out = NULL;
    if (!trace) {
        free(instead);
        return no_memory();
    }
    trace->path = strdup(paths[0]);
    trace->clock = calloc(1, sizeof *trace->clock);
    trace->decoder = decoder_new();
    trace->zstd = ZSTD_createDCtx();
    if (!trace->path || !trace->clock || !trace->decoder || !trace->zstd) {
        trace_close(trace);
        free(instead);
        return no_memory();
    }
    trace->clock->line_slope = -1; /* no segment yet */
    status result = open_trace(trace, count == 1 ? &first : paths, count);
    free(instead);
    if (result.code != STATUS_OK) {
        trace_close(trace);
        return result;
    }
    *out = trace;
    return OK;
}

status trace_open(const char *path, struct trace **out) { return trace_open_files(&path, 1, out); }

bool trace_begins_late(const struct trace *trace)
{
    return trace->facts.first_sequence > 0 && is_segmented(trace) && trace->header.segment > 0;
}

void trace_close(struct trace *trace)
{
    if (!trace) {
        return;
    }
    close_files(trace);
    free(trace->files);
    free(trace->segments);
    if (trace->clock) {
        free(trace->clock->pairs);
    }
    free(trace->clock);
    decoder_free(trace->decoder);
    ZSTD_freeDCtx(trace->zstd);
    free(trace->window.bytes);
    free(trace->payload);
    free(trace->header_text);
    free(trace->path);
    free(trace);
}

const struct trace_facts *trace_get_facts(const struct trace *trace) { return &trace->facts; }

const char *trace_path(const struct trace *trace) { return trace->path; }

const struct header_record *trace_header(const struct trace *trace)
{
    return trace->header_known ? &trace->header : NULL;
}

uint64_t trace_recovered_events(const struct trace *trace) { return trace->recovered_events; }

bool trace_rings_found(const struct trace *trace) { return trace->rings_found; }

/* ---- reading --------------------------------------------------------------------------------- */

/* Stands between the decoder and the caller's sink, to learn what the rings will need. */
struct tee {
    struct trace *trace;
    const struct record_sink *sink;
    bool want_rings;
    struct ring_reader *rings; /* NULL: none */
    const char *no_rings;      /* why not */
    uint64_t last_ticks;
    struct gap_record end_gap; /* held back until the rings have spoken */
    bool has_end_gap;
};

#define FORWARD(function, type)                                                                    \
    static status tee_##function(void *context, const struct type *record)                         \
    {                                                                                              \
        struct tee *tee = context;                                                                 \
        return tee->sink->function ? tee->sink->function(tee->sink->context, record) : OK;         \
    }

FORWARD(module, module_record)
FORWARD(module_gone, module_gone_record)
FORWARD(thread, thread_record)
FORWARD(thread_counters, thread_counters_record)
FORWARD(definition, definition_record)
FORWARD(heap_counters, heap_counters_record)
FORWARD(events, event_batch)
FORWARD(gauges, gauge_batch)
FORWARD(end, end_record)
FORWARD(alive, alive_batch)

static status tee_gap(void *context, const struct gap_record *gap)
{
    struct tee *tee = context;

    return tee->sink->gap ? tee->sink->gap(tee->sink->context, gap) : OK;
}

struct ring_reader *trace_open_rings(const struct trace *trace, const char **why_not)
{
    *why_not = ring_read_gone;
    if (trace->facts.ended || !trace->header_known || !trace->header.ring_path.bytes) {
        return NULL;
    }
    return ring_read_open(
        &(struct ring_source){
            .path = trace->header.ring_path,
            .boot_id = trace->header.boot_id,
            .trace_id = trace->facts.trace_id,
            .pid = trace->header.pid,
            .last_sequence = trace->facts.last_sequence,
            .last_ticks = trace->facts.last_ticks,
        },
        why_not);
}

static status tee_header(void *context, const struct header_record *header)
{
    struct tee *tee = context;

    TRY(keep_header(tee->trace, header));
    if (tee->want_rings && !tee->rings) {
        tee->rings = trace_open_rings(tee->trace, &tee->no_rings);
    }
    return tee->sink->header ? tee->sink->header(tee->sink->context, header) : OK;
}

static status tee_stacks(void *context, const struct stack_record *stacks)
{
    struct tee *tee = context;

    if (tee->rings) {
        TRY(ring_read_add_stacks(tee->rings, stacks));
    }
    return tee->sink->stacks ? tee->sink->stacks(tee->sink->context, stacks) : OK;
}

static status tee_metric(void *context, const struct metric_record *metric)
{
    struct tee *tee = context;

    if (tee->rings) {
        ring_read_add_metric(tee->rings, metric);
    }
    return tee->sink->metric ? tee->sink->metric(tee->sink->context, metric) : OK;
}

static const char killed[] = "the recording did not end in order";

/* After the last block: the rings, or else the gap they leave. */
static status read_end(struct tee *tee)
{
    struct trace *trace = tee->trace;
    struct ring_result result = {.last_ticks = trace->facts.last_ticks};

    if (tee->rings) {
        TRY(ring_read_records(tee->rings, tee->sink, &result));
        trace->recovered_events = result.events;
        trace->rings_found = true;
    }
    bool whole = tee->rings && result.missing_from_sequence == result.missing_to_sequence &&
                 !result.damaged_rings && !result.damaged_definitions;
    if (trace->facts.ended ? !tee->has_end_gap : whole) {
        return OK;
    }
    struct gap_record gap = tee->end_gap;
    if (!tee->has_end_gap) {
        gap = (struct gap_record){
            .first_ticks = trace->facts.last_ticks,
            .last_ticks = UNKNOWN,
            .lost_events = UNKNOWN,
            .first_byte = trace->facts.file_bytes,
            .last_byte = trace->facts.file_bytes,
            .reason =
                tee->no_rings == ring_read_still_running || tee->no_rings == ring_read_other_version
                    ? tee->no_rings
                    : killed,
        };
    }
    return tee_gap(tee, &gap);
}

static status read_all(struct tee *tee, const struct record_sink *sink,
                       void (*progress)(void *context, uint64_t done, uint64_t total),
                       void *progress_context)
{
    struct trace *trace = tee->trace;
    struct scan scan = {0};
    struct scan_item item;

    for (;;) {
        TRY(scan_next(trace, &scan, &item));
        if (item.kind == SCAN_END) {
            return tee->want_rings ? read_end(tee) : OK;
        }
        if (item.kind == SCAN_BLOCK) {
            TRY(read_block(trace, &item, sink));
        } else if (item.gap_at_end) {
            tee->end_gap = item.gap;
            tee->has_end_gap = true;
        } else {
            TRY(tee_gap(tee, &item.gap));
        }
        if (progress) {
            progress(progress_context, scan.offset, trace->facts.file_bytes);
        }
    }
}

static status read_through_tee(struct tee *tee,
                               void (*progress)(void *context, uint64_t done, uint64_t total),
                               void *progress_context)
{
    struct record_sink between = {
        .context = tee,
        .header = tee_header,
        .module = tee_module,
        .module_gone = tee_module_gone,
        .thread = tee_thread,
        .thread_counters = tee_thread_counters,
        .stacks = tee_stacks,
        .definition = tee_definition,
        .heap_counters = tee_heap_counters,
        .events = tee->sink->events ? tee_events : NULL,
        .alive = tee_alive,
        .metric = tee_metric,
        .gauges = tee_gauges,
        .end = tee_end,
        .gap = tee_gap,
    };
    status result = read_all(tee, &between, progress, progress_context);

    ring_read_close(tee->rings);
    return result;
}

status trace_read(struct trace *trace, const struct record_sink *sink,
                  void (*progress)(void *context, uint64_t done, uint64_t total),
                  void *progress_context)
{
    struct tee tee = {.trace = trace, .sink = sink, .want_rings = true};

    tee.rings = trace_open_rings(trace, &tee.no_rings);
    return read_through_tee(&tee, progress, progress_context);
}

status trace_read_blocks(struct trace *trace, const struct record_sink *sink,
                         void (*progress)(void *context, uint64_t done, uint64_t total),
                         void *progress_context)
{
    struct tee tee = {.trace = trace, .sink = sink};

    return read_through_tee(&tee, progress, progress_context);
}

status trace_each_block(struct trace *trace, void *context,
                        status (*block)(void *context, const struct mr_block_header *header,
                                        const uint8_t *bytes, size_t size_bytes))
{
    struct scan scan = {0};
    struct scan_item item;

    for (;;) {
        TRY(scan_next(trace, &scan, &item));
        if (item.kind == SCAN_END) {
            return OK;
        }
        if (item.kind == SCAN_BLOCK) {
            size_t bytes = (size_t)MR_BLOCK_HEADER_BYTES + item.header.frame_bytes;
            const uint8_t *at;

            TRY(window_at(trace, item.offset, bytes, &at));
            TRY(block(context, &item.header, at, bytes));
        }
    }
}
