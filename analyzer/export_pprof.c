/* SPDX-License-Identifier: Apache-2.0 */
/* export_pprof.c -- perftools.profiles.Profile, as github.com/google/pprof/proto/profile.proto defines it, gzipped.
 *
 * Five pairs of sample types: the four of Go's heap profiles in their order, so that every reader knows
 * them, then ours. Values are estimates, scaled up already. Addresses are made up of a module's number and the
 * offset in its file, so that a reader that wants to disassemble finds the place.                 */
#include "diag.h"
#include "export_stacks.h"
#include "export_write.h"
#include "text_pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { /* fields of Profile */
       PROFILE_SAMPLE_TYPE = 1,
       PROFILE_SAMPLE = 2,
       PROFILE_MAPPING = 3,
       PROFILE_LOCATION = 4,
       PROFILE_FUNCTION = 5,
       PROFILE_STRING = 6,
       PROFILE_TIME_NANOS = 9,
       PROFILE_DURATION_NANOS = 10,
       PROFILE_PERIOD_TYPE = 11,
       PROFILE_PERIOD = 12,
       PROFILE_COMMENT = 13,
       PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};
enum { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2 };
enum {
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_FILENAME = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FIRST = 7, /* functions, filenames, line numbers, inline frames: 7 to 10 */
    MAPPING_HAS_LAST = 10,
};
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILENAME = 4 };

static const struct {
    enum export_measure measure;
    const char *objects, *space;
} types[] = {
    {EXPORT_ALLOCATED, "alloc_objects", "alloc_space"},
    {EXPORT_LIVE, "inuse_objects", "inuse_space"},
    {EXPORT_LEAKED, "leaked_objects", "leaked_space"},
    {EXPORT_PEAK, "peak_objects", "peak_space"},
    {EXPORT_TEMPORARY, "temporary_objects", "temporary_space"},
};
enum { TYPES = sizeof types / sizeof types[0] };

struct pprof {
    struct export_job *job;
    struct export_stacks stacks;
    struct text_pool pool;
    const char **strings; /* by number */
    size_t string_count, string_room;
    struct proto message, inner;
    z_stream deflater;
    bool failed;
};

/* ---- gzip ----------------------------------------------------------------------------------- */

static void put(struct pprof *pprof, const void *bytes, size_t size, int flush)
{
    uint8_t buffer[16384];

    pprof->deflater.next_in = (z_const Bytef *)(uintptr_t)bytes;
    pprof->deflater.avail_in = (uInt)size;
    do {
        pprof->deflater.next_out = buffer;
        pprof->deflater.avail_out = sizeof buffer;
        deflate(&pprof->deflater, flush);
        fwrite(buffer, 1, sizeof buffer - pprof->deflater.avail_out, pprof->job->out);
    } while (pprof->deflater.avail_out == 0);
}

/* The message becomes a field of the profile. */
static void put_message(struct pprof *pprof, unsigned field)
{
    struct proto head = {0};

    proto_element(&head, field << 3 | 2);
    proto_element(&head, pprof->message.used);
    pprof->failed = pprof->failed || head.failed || pprof->message.failed;
    put(pprof, head.bytes, head.used, Z_NO_FLUSH);
    put(pprof, pprof->message.bytes, pprof->message.used, Z_NO_FLUSH);
    pprof->message.used = 0;
    proto_free(&head);
}

static void put_number(struct pprof *pprof, unsigned field, int64_t value)
{
    proto_uint(&pprof->message, field, (uint64_t)value);
    pprof->failed = pprof->failed || pprof->message.failed;
    put(pprof, pprof->message.bytes, pprof->message.used, Z_NO_FLUSH);
    pprof->message.used = 0;
}

/* ---- strings -------------------------------------------------------------------------------- */

/* The number of a text; 0 is the empty one. */
static uint64_t string(struct pprof *pprof, const char *text)
{
    struct text *number;

    if (!text || !*text) {
        return 0;
    }
    struct text kept = text_pool_keep(&pprof->pool, (struct text){text, strlen(text)}, &number);
    if (kept.bytes && number->length == 0) {
        if (pprof->string_count == pprof->string_room) {
            size_t room = 2 * pprof->string_room + 256;
            const char **grown = realloc(pprof->strings, room * sizeof *grown);

            if (!grown) {
                pprof->failed = true;
                return 0;
            }
            pprof->strings = grown;
            pprof->string_room = room;
        }
        pprof->strings[pprof->string_count++] = kept.bytes;
        number->length = pprof->string_count;
    }
    pprof->failed = pprof->failed || !kept.bytes;
    return kept.bytes ? number->length : 0;
}

static void put_strings(struct pprof *pprof)
{
    put_message(pprof, PROFILE_STRING); /* number 0 */
    for (size_t i = 0; i < pprof->string_count; i++) {
        struct proto *message = &pprof->message;

        message->used = 0;
        proto_bytes(message, PROFILE_STRING, pprof->strings[i], strlen(pprof->strings[i]));
        pprof->failed = pprof->failed || message->failed;
        put(pprof, message->bytes, message->used, Z_NO_FLUSH);
    }
    pprof->message.used = 0;
}

/* ---- parts of a profile --------------------------------------------------------------------- */

static void value_type(struct pprof *pprof, unsigned field, const char *type, const char *unit)
{
    proto_uint(&pprof->message, VALUE_TYPE, string(pprof, type));
    proto_uint(&pprof->message, VALUE_UNIT, string(pprof, unit));
    put_message(pprof, field);
}

static status put_samples(struct pprof *pprof)
{
    struct export_stack stack;
    status result;

    while ((result = export_stacks_next(&pprof->stacks, &stack)).code == STATUS_OK) {
        int64_t sum = 0;

        pprof->inner.used = 0;
        for (size_t i = 0; i < stack.frame_count; i++) {
            if (pprof->stacks.frames[stack.frames[i]].code == stack.frames[i]) {
                proto_element(&pprof->inner,
                              (uint64_t)stack.frames[i] + 1); /* and what is inlined there */
            }
        }
        proto_message(&pprof->message, SAMPLE_LOCATION, &pprof->inner);
        pprof->inner.used = 0;
        for (size_t i = 0; i < TYPES; i++) {
            int64_t objects = export_rounded(stack.blocks[types[i].measure]);
            int64_t space = export_rounded(stack.bytes[types[i].measure]);

            proto_element(&pprof->inner, (uint64_t)objects);
            proto_element(&pprof->inner, (uint64_t)space);
            sum |= objects | space;
        }
        proto_message(&pprof->message, SAMPLE_VALUE, &pprof->inner);
        if (sum != 0) {
            put_message(pprof, PROFILE_SAMPLE);
        }
        pprof->message.used = 0;
    }
    return result.code == STATUS_END ? OK : result;
}

static void put_mappings(struct pprof *pprof)
{
    for (size_t i = 0; i < pprof->stacks.module_count; i++) {
        const struct export_module *module = &pprof->stacks.modules[i];

        proto_uint(&pprof->message, MAPPING_ID, i + 1);
        proto_uint(&pprof->message, MAPPING_START, (uint64_t)(i + 1) << EXPORT_MODULE_BITS);
        proto_uint(&pprof->message, MAPPING_LIMIT, (uint64_t)(i + 2) << EXPORT_MODULE_BITS);
        proto_uint(&pprof->message, MAPPING_FILENAME, string(pprof, module->path));
        proto_uint(&pprof->message, MAPPING_BUILD_ID, string(pprof, module->build_id));
        for (unsigned has = MAPPING_HAS_FIRST; has <= MAPPING_HAS_LAST; has++) {
            proto_uint(&pprof->message, has, 1);
        }
        put_message(pprof, PROFILE_MAPPING);
    }
}

static void put_line(struct pprof *pprof, const struct export_frame *frame)
{
    pprof->inner.used = 0;
    proto_uint(&pprof->inner, LINE_FUNCTION, (uint64_t)frame->function + 1);
    proto_uint(&pprof->inner, LINE_LINE, (uint64_t)frame->line);
    proto_message(&pprof->message, LOCATION_LINE, &pprof->inner);
}

static void put_locations(struct pprof *pprof)
{
    const struct export_frame *frames = pprof->stacks.frames;

    for (size_t first = 0, i = 0; i < pprof->stacks.frame_count; i++) {
        if (frames[i].code != i) {
            continue;
        }
        proto_uint(&pprof->message, LOCATION_ID, i + 1);
        proto_uint(&pprof->message, LOCATION_MAPPING, frames[i].module);
        proto_uint(&pprof->message, LOCATION_ADDRESS, frames[i].address);
        for (; first < i;
             first++) { /* innermost first; what only hands memory through is left out */
            if (!frames[first].allocator) {
                put_line(pprof, &frames[first]);
            }
        }
        put_line(pprof, &frames[i]);
        first = i + 1;
        put_message(pprof, PROFILE_LOCATION);
    }
}

static void put_functions(struct pprof *pprof)
{
    for (size_t i = 0; i < pprof->stacks.function_count; i++) {
        const struct export_function *function = &pprof->stacks.functions[i];

        proto_uint(&pprof->message, FUNCTION_ID, i + 1);
        proto_uint(&pprof->message, FUNCTION_NAME, string(pprof, function->name));
        proto_uint(&pprof->message, FUNCTION_SYSTEM_NAME,
                   string(pprof, function->raw_name ? function->raw_name : function->name));
        proto_uint(&pprof->message, FUNCTION_FILENAME, string(pprof, function->file));
        put_message(pprof, PROFILE_FUNCTION);
    }
}

static void comment(struct pprof *pprof, char *text)
{
    for (char *at = text; *at; at++) {
        *at = *at == '\n' || *at == '\r' ? ' ' : *at; /* a comment is a line */
    }
    put_number(pprof, PROFILE_COMMENT, (int64_t)string(pprof, text));
}

/* What was measured, and what is not known. */
static status put_comments(struct pprof *pprof)
{
    const struct export_run *run = &pprof->job->run;
    struct statement *select;
    char text[512];
    bool has_row;

    snprintf(text, sizeof text, "command: %.400s", run->title ? run->title : "?");
    comment(pprof, text);
    if (run->interval_bytes > 0) {
        snprintf(text, sizeof text,
                 "sampled every %" PRId64
                 " bytes on average; values are estimates, scaled up already",
                 run->interval_bytes);
        comment(pprof, text);
    } else {
        snprintf(text, sizeof text, "every allocation was recorded; values are exact");
        comment(pprof, text);
    }
    snprintf(
        text, sizeof text,
        "inuse: alive at the end; leaked: of these, at sites whose verdict is leak; peak: alive when "
        "most was; temporary: freed almost at once");
    comment(pprof, text);
    if (!run->complete) {
        snprintf(text, sizeof text, "the recording is incomplete");
        comment(pprof, text);
    }
    TRY(db_prepare(pprof->job->db,
                   "SELECT kind, count, detail FROM loss WHERE run_id = ?1 AND count > 0"
                   " ORDER BY kind",
                   &select));
    db_bind_int(select, 1, run->id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        snprintf(text, sizeof text, "loss: %.60s %" PRId64 ": %.400s", db_string(select, 0),
                 db_int(select, 1), db_string(select, 2));
        comment(pprof, text);
        TRY(db_step(select, &has_row));
    }
    return OK;
}

static status put_profile(struct pprof *pprof)
{
    const struct export_run *run = &pprof->job->run;

    for (size_t i = 0; i < TYPES; i++) {
        value_type(pprof, PROFILE_SAMPLE_TYPE, types[i].objects, "count");
        value_type(pprof, PROFILE_SAMPLE_TYPE, types[i].space, "bytes");
    }
    TRY(put_samples(pprof));
    put_mappings(pprof);
    put_locations(pprof);
    put_functions(pprof);
    if (run->started_unix_ns > 0) {
        put_number(pprof, PROFILE_TIME_NANOS, run->started_unix_ns + run->duration_ns);
    }
    put_number(pprof, PROFILE_DURATION_NANOS, run->duration_ns);
    value_type(pprof, PROFILE_PERIOD_TYPE, "space", "bytes");
    put_number(pprof, PROFILE_PERIOD, run->interval_bytes > 0 ? run->interval_bytes : 1);
    TRY(put_comments(pprof));
    put_number(pprof, PROFILE_DEFAULT_SAMPLE_TYPE, (int64_t)string(pprof, "inuse_space"));
    put_strings(pprof);
    put(pprof, NULL, 0, Z_FINISH);
    if (pprof->failed) {
        diag_error("could not export: out of memory");
        return FAIL;
    }
    return OK;
}

status export_pprof(struct export_job *job)
{
    struct pprof pprof = {.job = job};

    TRY(export_stacks_open(job, &pprof.stacks));
    /* 15 bits of window and 16: with the head and end of gzip */
    pprof.failed = deflateInit2(&pprof.deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                                Z_DEFAULT_STRATEGY) != Z_OK;
    status result = pprof.failed ? FAIL : put_profile(&pprof);
    if (pprof.failed && result.code == STATUS_FAILED && !pprof.deflater.state) {
        diag_error("could not export: out of memory");
    }
    deflateEnd(&pprof.deflater);
    export_stacks_close(&pprof.stacks);
    text_pool_free(&pprof.pool);
    free(pprof.strings);
    proto_free(&pprof.message);
    proto_free(&pprof.inner);
    return result;
}
