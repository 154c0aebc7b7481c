/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_heaptrack.c -- what heaptrack recorded, raw or interpreted, becomes a trace of ours, which is then imported
 * like any other: it has every allocation, its stack and its time in milliseconds, so every report answers.
 *
 * Raw:         x LEN EXE   m LEN FILE BASE [VADDR BYTES]...   t IP PARENT     + SIZE TRACE POINTER   - POINTER
 * Interpreted: s LEN TEXT  i IP MODULE [FUNCTION FILE LINE]... t IPINDEX PARENT  a SIZE TRACE  + INFO  - INFO
 * Both:        v VERSION FORMAT   X COMMAND   I PAGEBYTES PAGES   c MS   R PAGES        (numbers in hexadecimal)
 *
 * An interpreted `-` does not say which block of its kind it freed. We take the latest when nothing came between and
 * the oldest else; a verdict that depends on it becomes undecided, and its blocks have no addresses.  */
#include "foreign.h"

#include "diag.h"
#include "export_write.h"
#include "unpack.h"

#include "runtime/encode.h"
#include "runtime/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    FIELDS_MAX = 3 * 256 + 2,
    RANGES_MAX = 64,
    ROOM_BYTES = 4 << 20, /* for dictionary rows, besides the events of a block */
    NAME_BYTES_MAX = 64 << 10,
    ZSTD_LEVEL = 1,
    RSS_METRIC = 1,
};

struct info { /* of an interpreted trace: blocks of one size and stack, known by their order */
    uint64_t size_bytes, first, next; /* alive are the numbers from first up to, not with, next */
    uint32_t node;
};

struct place_list { /* of an `i` line: pcs, innermost first */
    uint32_t first, count;
};

struct heaptrack {
    const char *path;
    struct unpack *in;
    int file;
    struct mr_encoder encoder;
    void *encoder_memory;
    struct mr_writer writer;
    bool writing, interpreted, has_head;
    char *executable, *command;
    uint64_t page_bytes, fields[FIELDS_MAX];
    size_t field_count;
    uint64_t now_ms, now_ns; /* events of one millisecond follow each other by nanoseconds */
    uint64_t allocs, alloc_bytes, frees;
    uint64_t modules, definitions;
    /* interpreted */
    char **strings;
    size_t string_count, string_room;
    struct place_list *ips;
    size_t ip_count, ip_room;
    uint64_t *pcs;
    size_t pc_count, pc_room;
    struct pair_index places; /* function and file, line: the number less 1 */
    struct info *infos;
    size_t info_count, info_room;
    uint32_t *nodes; /* of each `t` line */
    size_t node_count, node_room;
    uint32_t last_node;  /* the latest announced */
    uint64_t last_added; /* info, plus 1, of the line before; 0: it was no `+` */
};

bool foreign_heaptrack_knows(const uint8_t *start, size_t size)
{
    size_t at = 2;

    if (size < 8 || start[0] != 'v' || start[1] != ' ') {
        return false;
    }
    while (at < size && strchr("0123456789abcdef", start[at]) && start[at]) {
        at++;
    }
    return at > 2 && at < size && (start[at] == '\n' || start[at] == ' ');
}

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

static status bad_line(const struct heaptrack *heaptrack, const char *what)
{
    return foreign_damaged(heaptrack->path, unpack_line_number(heaptrack->in), what);
}

static status reserve(void *array, size_t count, size_t *room, size_t element_bytes)
{
    void **at = array;

    if (count == *room) {
        size_t more = 2 * *room + 256;
        void *grown = realloc(*at, more * element_bytes);

        if (!grown) {
            return no_memory();
        }
        *at = grown;
        *room = more;
    }
    return OK;
}

/* ---- the trace that is written -------------------------------------------------------------- */

static status write_block(struct heaptrack *heaptrack, uint32_t flags)
{
    struct mr_encoder *encoder = &heaptrack->encoder;

    mr_encode_finish(encoder);
    bool has_events = mr_encode_has_events(encoder);
    struct mr_block_facts block = {
        .first_ticks = has_events ? encoder->first_event_ticks : heaptrack->now_ns,
        .last_ticks = has_events ? encoder->last_event_ticks : heaptrack->now_ns,
        .clock_ticks = heaptrack->now_ns,
        .clock_ns = heaptrack->now_ns,
        .event_count = encoder->event_count,
        .flags = flags,
    };
    int result = mr_write_block(&heaptrack->writer, encoder->payload, encoder->used, &block);

    mr_encode_reset(encoder);
    if (result != 0) {
        diag_error("could not import: a temporary file could not be written: %s",
                   strerror(-result));
        diag_hint("TMPDIR names a folder for temporary files.");
        return FAIL;
    }
    return OK;
}

static status make_room(struct heaptrack *heaptrack)
{
    bool full = heaptrack->encoder.event_count >= MR_BLOCK_EVENTS_MAX - 1 ||
                heaptrack->encoder.gauge_count >= 8000 ||
                mr_encode_room(&heaptrack->encoder) < ROOM_BYTES;

    return full ? write_block(heaptrack, 0) : OK;
}

static status open_temporary(struct heaptrack *heaptrack, char path[static 64])
{
    snprintf(path, 64, "/tmp/memanalyze-XXXXXX");
    const char *folder = getenv("TMPDIR");
    if (folder && *folder && strlen(folder) < 32) {
        snprintf(path, 64, "%s/memanalyze-XXXXXX", folder);
    }
    heaptrack->file = mkostemp(path, O_CLOEXEC);
    if (heaptrack->file < 0) {
        diag_error("could not write \"%s\": %m", path);
        diag_hint("TMPDIR names a folder for temporary files.");
        path[0] = '\0';
        return FAIL;
    }
    return OK;
}

/* The content is the identity. */
static status start_writing(struct heaptrack *heaptrack)
{
    FILE *file = fopen(heaptrack->path, "re");
    XXH3_state_t hash;
    XXH128_canonical_t id;
    char buffer[65536];

    if (!file) {
        diag_error("could not read \"%s\": %m", heaptrack->path);
        return FAIL;
    }
    XXH3_128bits_reset(&hash);
    for (size_t some; (some = fread(buffer, 1, sizeof buffer, file)) > 0;) {
        XXH3_128bits_update(&hash, buffer, some);
    }
    fclose(file);
    XXH128_canonicalFromHash(&id, XXH3_128bits_digest(&hash));
    heaptrack->encoder_memory = mmap(NULL, MR_ENCODER_BYTES, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (heaptrack->encoder_memory == MAP_FAILED) {
        heaptrack->encoder_memory = NULL;
        return no_memory();
    }
    mr_encode_init(&heaptrack->encoder, heaptrack->encoder_memory, heaptrack->interpreted);
    mr_encode_reset(&heaptrack->encoder);
    heaptrack->writing = mr_write_open(&heaptrack->writer, heaptrack->file, id.digest, ZSTD_LEVEL);
    heaptrack->file = heaptrack->writing ? -1 : heaptrack->file;
    return heaptrack->writing ? OK : no_memory();
}

/* The head of the trace, when the first line comes that is none of heaptrack's own. */
static void write_head(struct heaptrack *heaptrack)
{
    struct mr_encoder *encoder = &heaptrack->encoder;
    static const char metric[] = "process.rss_bytes";

    heaptrack->has_head = true;
    mr_encode_begin(encoder, MR_SECTION_HEADER);
    mr_encode_header_text(encoder, MR_KEY_RECORDER_VERSION, "heaptrack");
    if (heaptrack->executable) {
        mr_encode_header_text(encoder, MR_KEY_EXECUTABLE, heaptrack->executable);
    }
    if (heaptrack->command) {
        mr_encode_header_text(encoder, MR_KEY_COMMAND_LINE, heaptrack->command);
    }
    mr_encode_header_integer(encoder, MR_KEY_START_TICKS, 0);
    mr_encode_header_integer(encoder, MR_KEY_START_MONOTONIC_NS, 0);
    mr_encode_header_integer(encoder, MR_KEY_PAGE_BYTES, heaptrack->page_bytes);
    mr_encode_header_integer(encoder, MR_KEY_MODE, MR_MODE_FULL);
    mr_encode_header_text(encoder, MR_KEY_CAPABILITIES, "samples free");
    mr_encode_end(encoder);
    mr_encode_begin(encoder, MR_SECTION_METRIC);
    mr_encode_uvarint(encoder, RSS_METRIC);
    mr_encode_uvarint(encoder, 1);
    mr_encode_uvarint(encoder, 0);
    mr_encode_text(encoder, metric, strlen(metric));
    mr_encode_end(encoder);
    mr_encode_begin(encoder, MR_SECTION_THREAD);
    mr_encode_uvarint(encoder, 1);
    mr_encode_uvarint(encoder, 0);
    mr_encode_uvarint(encoder, 0);
    mr_encode_text(encoder, "all threads", 11);
    mr_encode_end(encoder);
}

static status finish_trace(struct heaptrack *heaptrack)
{
    struct mr_encoder *encoder = &heaptrack->encoder;

    TRY(make_room(heaptrack));
    mr_encode_begin(encoder, MR_SECTION_THREAD_COUNTERS);
    mr_encode_uvarint(encoder, heaptrack->now_ns);
    mr_encode_uvarint(encoder, 1);
    mr_encode_uvarint(encoder, 0);
    mr_encode_uvarint(encoder, heaptrack->allocs);
    mr_encode_uvarint(encoder, heaptrack->alloc_bytes);
    mr_encode_uvarint(encoder, heaptrack->frees);
    mr_encode_end(encoder);
    mr_encode_begin(encoder, MR_SECTION_END);
    mr_encode_uvarint(encoder, MR_END_EXIT);
    mr_encode_uvarint(encoder, heaptrack->now_ns);
    mr_encode_end(encoder);
    return write_block(heaptrack, MR_BLOCK_LAST);
}

/* ---- stacks --------------------------------------------------------------------------------- */

static uint32_t announce_node(struct heaptrack *heaptrack, uint32_t parent, uint64_t pc)
{
    heaptrack->last_node = heaptrack->last_node ? heaptrack->last_node + 1 : MR_STACK_FIRST_ID;
    mr_encode_stacks(&heaptrack->encoder, heaptrack->last_node, 1, &parent, &pc);
    return heaptrack->last_node;
}

static status define(struct heaptrack *heaptrack, enum mr_definition kind, uint64_t id,
                     const uint64_t *arguments, unsigned count, const char *text)
{
    struct mr_encoder *encoder = &heaptrack->encoder;
    size_t bytes = text ? strlen(text) : 0;

    TRY(make_room(heaptrack));
    mr_encode_begin(encoder, MR_SECTION_DEFINE);
    mr_encode_uvarint(encoder, kind);
    mr_encode_uvarint(encoder, id);
    mr_encode_uvarint(encoder, count);
    for (unsigned i = 0; i < count; i++) {
        mr_encode_uvarint(encoder, arguments[i]);
    }
    mr_encode_text(encoder, text ? text : "", bytes < NAME_BYTES_MAX ? bytes : NAME_BYTES_MAX);
    mr_encode_end(encoder);
    return OK;
}

/* A function found by heaptrack, as a pc. Names have the numbers of its strings. */
static status place_of(struct heaptrack *heaptrack, uint64_t function, uint64_t file, uint64_t line,
                       uint64_t *pc)
{
    uint32_t number;
    bool is_new;

    if (function > heaptrack->string_count || file > heaptrack->string_count) {
        return bad_line(heaptrack, "a string that does not come before");
    }
    TRY(pair_index_of(&heaptrack->places, function << 32 | file, line, &number, &is_new));
    *pc = MR_PLACE_PC + number + 1;
    if (is_new) {
        const uint64_t arguments[] = {function, file, line};

        return define(heaptrack, MR_DEFINE_PLACE, (uint64_t)number + 1, arguments, 3, NULL);
    }
    return OK;
}

/* s LEN TEXT: also of older files, s TEXT. */
static status take_string(struct heaptrack *heaptrack, const char *text)
{
    char *end;
    uint64_t length = strtoull(text, &end, 16);

    if (end != text && *end == ' ' && strlen(end + 1) == length) {
        text = end + 1;
    }
    TRY(reserve(&heaptrack->strings, heaptrack->string_count, &heaptrack->string_room,
                sizeof *heaptrack->strings));
    heaptrack->strings[heaptrack->string_count] = strdup(text);
    if (!heaptrack->strings[heaptrack->string_count]) {
        return no_memory();
    }
    heaptrack->string_count++;
    return define(heaptrack, MR_DEFINE_NAME, heaptrack->string_count, NULL, 0, text);
}

static status add_pc(struct heaptrack *heaptrack, uint64_t pc)
{
    TRY(reserve(&heaptrack->pcs, heaptrack->pc_count, &heaptrack->pc_room, sizeof *heaptrack->pcs));
    heaptrack->pcs[heaptrack->pc_count++] = pc;
    return OK;
}

/* i IP MODULE [FUNCTION FILE LINE]...: innermost first. Without a function, the address is its name. */
static status take_ip(struct heaptrack *heaptrack)
{
    const uint64_t *fields = heaptrack->fields;
    struct place_list list = {(uint32_t)heaptrack->pc_count, 0};
    uint64_t pc = 0;

    TRY(reserve(&heaptrack->ips, heaptrack->ip_count, &heaptrack->ip_room, sizeof *heaptrack->ips));
    if (heaptrack->field_count < 1 || heaptrack->pc_count > UINT32_MAX - FIELDS_MAX) {
        return bad_line(heaptrack, "no instruction pointer");
    }
    for (size_t i = 2; i < heaptrack->field_count; i += 3) {
        bool has_line = i + 2 < heaptrack->field_count;

        TRY(place_of(heaptrack, fields[i], has_line ? fields[i + 1] : 0,
                     has_line ? fields[i + 2] : 0, &pc));
        TRY(add_pc(heaptrack, pc));
        list.count++;
    }
    if (list.count == 0) { /* as it was mapped: of no use beyond this run */
        TRY(add_pc(heaptrack, fields[0] < MR_PLACE_PC ? fields[0] + 1 : 1));
        list.count = 1;
    }
    heaptrack->ips[heaptrack->ip_count++] = list;
    return OK;
}

/* t IP PARENT; of an interpreted trace, the number of an `i` line. */
static status take_trace(struct heaptrack *heaptrack)
{
    uint64_t parent = heaptrack->fields[1];
    uint64_t ip = heaptrack->fields[0];
    uint32_t node = MR_STACK_ROOT;

    if (heaptrack->field_count != 2 || parent > heaptrack->node_count ||
        (heaptrack->interpreted && (ip == 0 || ip > heaptrack->ip_count)) ||
        heaptrack->last_node > UINT32_MAX / 2) {
        return bad_line(heaptrack, "a stack that refers to what does not come before");
    }
    node = parent ? heaptrack->nodes[parent - 1] : MR_STACK_ROOT;
    TRY(reserve(&heaptrack->nodes, heaptrack->node_count, &heaptrack->node_room,
                sizeof *heaptrack->nodes));
    if (heaptrack->interpreted) {
        const struct place_list *list = &heaptrack->ips[ip - 1];

        for (uint32_t i = list->count; i-- > 0;) {
            TRY(make_room(heaptrack));
            node = announce_node(heaptrack, node, heaptrack->pcs[list->first + i]);
        }
    } else {
        TRY(make_room(heaptrack));
        node = announce_node(heaptrack, node, ip < MR_PLACE_PC ? ip : 1);
    }
    heaptrack->nodes[heaptrack->node_count++] = node;
    return OK;
}

/* ---- modules of a raw trace ----------------------------------------------------------------- */

/* m LEN FILE BASE [VADDR BYTES]...; m LEN - says that all are told anew. */
static status take_module(struct heaptrack *heaptrack, const char *text)
{
    uint64_t fields[2 * RANGES_MAX + 1];
    size_t count = 0;
    char *end;
    uint64_t length = strtoull(text, &end, 16);
    const char *path = end + 1;

    if (end == text || *end != ' ' || length == 0 || length > strlen(path)) {
        return bad_line(heaptrack, "no module");
    }
    if (path[0] == '-' && length == 1) {
        for (; heaptrack->modules > 0; heaptrack->modules--) {
            mr_encode_begin(&heaptrack->encoder, MR_SECTION_MODULE_GONE);
            mr_encode_uvarint(&heaptrack->encoder, heaptrack->definitions--);
            mr_encode_uvarint(&heaptrack->encoder, heaptrack->now_ns);
            mr_encode_end(&heaptrack->encoder);
        }
        return OK;
    }
    for (const char *at = path + length; count < 2 * RANGES_MAX + 1; at = end) {
        fields[count] = strtoull(at, &end, 16);
        if (end == at) {
            break;
        }
        count++;
    }
    bool is_program = length == 1 && path[0] == 'x';
    const char *name = is_program && heaptrack->executable ? heaptrack->executable : path;
    size_t name_bytes = name == path ? length : strlen(name);
    if (count == 0 || name_bytes > NAME_BYTES_MAX) {
        return bad_line(heaptrack, "a module without its place");
    }
    TRY(make_room(heaptrack));
    heaptrack->modules++;
    mr_encode_begin(&heaptrack->encoder, MR_SECTION_MODULE);
    mr_encode_uvarint(&heaptrack->encoder, ++heaptrack->definitions);
    mr_encode_uvarint(&heaptrack->encoder, heaptrack->now_ns);
    mr_encode_uvarint(&heaptrack->encoder, fields[0]);
    mr_encode_uvarint(&heaptrack->encoder, count / 2);
    for (size_t i = 0; i < count / 2; i++) {
        mr_encode_uvarint(&heaptrack->encoder, fields[0] + fields[1 + 2 * i]);
        mr_encode_uvarint(&heaptrack->encoder, fields[2 + 2 * i]);
    }
    mr_encode_text(&heaptrack->encoder, "", 0);
    mr_encode_text(&heaptrack->encoder, name, name_bytes);
    mr_encode_end(&heaptrack->encoder);
    return OK;
}

/* ---- events --------------------------------------------------------------------------------- */

static void put_event(struct heaptrack *heaptrack, uint8_t op, uint64_t address, uint64_t key,
                      uint64_t size_bytes, uint32_t node)
{
    const struct mr_event event = {.op = op,
                                   .thread = 1,
                                   .stack = node,
                                   .ticks = heaptrack->now_ns,
                                   .address = address,
                                   .size = size_bytes,
                                   .key = key};

    mr_encode_event(&heaptrack->encoder, &event);
    heaptrack->now_ns += heaptrack->now_ns + 1 < (heaptrack->now_ms + 1) * 1000000;
}

static status take_alloc(struct heaptrack *heaptrack)
{
    const uint64_t *fields = heaptrack->fields;
    uint64_t size_bytes;

    TRY(make_room(heaptrack));
    if (heaptrack->interpreted) {
        if (heaptrack->field_count != 1 || fields[0] >= heaptrack->info_count) {
            return bad_line(heaptrack, "an allocation of a kind that does not come before");
        }
        struct info *info = &heaptrack->infos[fields[0]];
        size_bytes = info->size_bytes;
        put_event(heaptrack, MR_OP_MALLOC, 0, (fields[0] + 1) << 32 | (info->next++ & UINT32_MAX),
                  size_bytes, info->node);
        heaptrack->last_added = fields[0] + 1;
    } else {
        if (heaptrack->field_count != 3 || fields[1] > heaptrack->node_count ||
            fields[0] > INT64_MAX) {
            return bad_line(heaptrack, "no allocation");
        }
        size_bytes = fields[0];
        put_event(heaptrack, MR_OP_MALLOC, fields[2], fields[2], size_bytes,
                  fields[1] ? heaptrack->nodes[fields[1] - 1] : MR_STACK_ROOT);
    }
    heaptrack->allocs++;
    heaptrack->alloc_bytes += size_bytes;
    return OK;
}

static status take_free(struct heaptrack *heaptrack, bool at_once)
{
    const uint64_t *fields = heaptrack->fields;

    TRY(make_room(heaptrack));
    if (heaptrack->field_count != 1 ||
        (heaptrack->interpreted && fields[0] >= heaptrack->info_count)) {
        return bad_line(heaptrack, "no free of anything");
    }
    uint64_t key = fields[0];
    if (heaptrack->interpreted) {
        struct info *info = &heaptrack->infos[fields[0]];
        uint64_t number = at_once ? info->next - 1 : info->first;

        if (info->first == info->next) {
            return bad_line(heaptrack, "a free of more than was allocated");
        }
        info->next -= at_once;
        info->first += !at_once;
        key = (fields[0] + 1) << 32 | (number & UINT32_MAX);
    }
    put_event(heaptrack, MR_OP_FREE, 0, key, 0, 0);
    heaptrack->frees++;
    return OK;
}

static status take_info(struct heaptrack *heaptrack)
{
    if (heaptrack->field_count != 2 || heaptrack->fields[1] > heaptrack->node_count ||
        heaptrack->fields[0] > INT64_MAX || heaptrack->info_count >= UINT32_MAX / 2) {
        return bad_line(heaptrack, "a kind of allocations whose stack does not come before");
    }
    TRY(reserve(&heaptrack->infos, heaptrack->info_count, &heaptrack->info_room,
                sizeof *heaptrack->infos));
    heaptrack->infos[heaptrack->info_count++] = (struct info){
        .size_bytes = heaptrack->fields[0],
        .node = heaptrack->fields[1] ? heaptrack->nodes[heaptrack->fields[1] - 1] : MR_STACK_ROOT};
    return OK;
}

static status take_time(struct heaptrack *heaptrack)
{
    if (heaptrack->field_count != 1 || heaptrack->fields[0] > INT64_MAX / 2000000) {
        return bad_line(heaptrack, "no time");
    }
    if (heaptrack->fields[0] > heaptrack->now_ms) {
        heaptrack->now_ms = heaptrack->fields[0];
        heaptrack->now_ns = heaptrack->now_ms * 1000000;
    }
    return OK;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Numbers in hexadecimal until the line ends. */
static bool take_fields(struct heaptrack *heaptrack, const char *at)
{
    heaptrack->field_count = 0;
    for (;;) {
        char *end;

        at += strspn(at, " \r");
        if (!*at) {
            return true;
        }
        errno = 0;
        uint64_t value = strtoull(at, &end, 16);
        if (end == at || errno || *at == '-' || heaptrack->field_count == FIELDS_MAX) {
            return false;
        }
        heaptrack->fields[heaptrack->field_count++] = value;
        at = end;
    }
}

static void keep_text(char **out, const char *text)
{
    free(*out);
    *out = strdup(text);
}

/* What comes before the first stack, module or string. */
static bool take_head(struct heaptrack *heaptrack, char kind, const char *rest)
{
    char *end;

    switch (kind) {
    case 'v':
        return true;
    case 'X':
        keep_text(&heaptrack->command, rest);
        return true;
    case 'x':
        strtoull(rest, &end, 16);
        keep_text(&heaptrack->executable, *end == ' ' ? end + 1 : rest);
        return true;
    case 'I':
        heaptrack->page_bytes = strtoull(rest, NULL, 16);
        heaptrack->page_bytes = heaptrack->page_bytes ? heaptrack->page_bytes : 4096;
        return true;
    default:
        return false;
    }
}

static status take_line(struct heaptrack *heaptrack, const char *line)
{
    const char *rest = line[0] && line[1] == ' ' ? line + 2 : line + (line[0] != '\0');
    bool at_once = false;

    if (!line[0] || line[0] == '#' ||
        (!heaptrack->has_head && take_head(heaptrack, line[0], rest))) {
        return OK;
    }
    if (!heaptrack->has_head) {
        write_head(heaptrack);
    }
    if (line[0] == 's') {
        return take_string(heaptrack, rest);
    }
    if (line[0] == 'm') {
        return take_module(heaptrack, rest);
    }
    if (strchr("AS", line[0]) || take_head(heaptrack, line[0], rest)) {
        return OK; /* attached; a suppression; told again by a file that others were added to */
    }
    if (!take_fields(heaptrack, rest)) {
        return bad_line(heaptrack, "no numbers");
    }
    switch (line[0]) {
    case 'i':
        return take_ip(heaptrack);
    case 't':
        return take_trace(heaptrack);
    case 'a':
        return take_info(heaptrack);
    case '+':
        return take_alloc(heaptrack);
    case '-':
        at_once = heaptrack->last_added && heaptrack->field_count &&
                  heaptrack->last_added == heaptrack->fields[0] + 1;
        heaptrack->last_added = 0;
        return take_free(heaptrack, at_once);
    case 'c':
        return take_time(heaptrack);
    case 'R':
        TRY(make_room(heaptrack));
        if (heaptrack->field_count == 1 &&
            heaptrack->fields[0] < INT64_MAX / heaptrack->page_bytes) {
            mr_encode_gauge(&heaptrack->encoder, heaptrack->now_ns, RSS_METRIC,
                            (int64_t)(heaptrack->fields[0] * heaptrack->page_bytes));
        }
        return OK;
    default:
        return bad_line(heaptrack, "nothing that heaptrack writes");
    }
}

/* A raw trace has `x` among its first lines. */
static status look_ahead(struct heaptrack *heaptrack)
{
    struct unpack *in;
    char *line;

    heaptrack->interpreted = true;
    TRY(unpack_open(heaptrack->path, &in));
    status result = OK;
    for (int i = 0; i < 16 && result.code == STATUS_OK; i++) {
        result = unpack_line(in, &line);
        heaptrack->interpreted =
            heaptrack->interpreted && (result.code != STATUS_OK || line[0] != 'x');
    }
    unpack_close(in);
    return result.code == STATUS_END ? OK : result;
}

static status convert(struct heaptrack *heaptrack)
{
    status result;
    char *line;

    TRY(look_ahead(heaptrack));
    TRY(start_writing(heaptrack));
    TRY(unpack_open(heaptrack->path, &heaptrack->in));
    while ((result = unpack_line(heaptrack->in, &line)).code == STATUS_OK) {
        TRY(take_line(heaptrack, line));
    }
    if (result.code != STATUS_END) {
        return result;
    }
    if (!heaptrack->has_head) {
        return bad_line(heaptrack, "the file ends before anything was allocated");
    }
    return finish_trace(heaptrack);
}

static void release(struct heaptrack *heaptrack)
{
    unpack_close(heaptrack->in);
    if (heaptrack->writing) {
        mr_write_close(&heaptrack->writer);
    } else if (heaptrack->file >= 0) {
        close(heaptrack->file);
    }
    if (heaptrack->encoder_memory) {
        munmap(heaptrack->encoder_memory, MR_ENCODER_BYTES);
    }
    for (size_t i = 0; i < heaptrack->string_count; i++) {
        free(heaptrack->strings[i]);
    }
    free(heaptrack->strings);
    free(heaptrack->executable);
    free(heaptrack->command);
    free(heaptrack->ips);
    free(heaptrack->pcs);
    free(heaptrack->infos);
    free(heaptrack->nodes);
    pair_index_free(&heaptrack->places);
}

/* ---- import --------------------------------------------------------------------------------- */

/* What the rows of the converted trace would say wrongly. */
static status correct_rows(struct import *import, const char *path, bool interpreted)
{
    long long run_id = (long long)import->run_count;
    struct stat about;
    long long bytes = stat(path, &about) == 0 ? (long long)about.st_size : 0;

    TRY(db_run_formatted(import->db,
                         "UPDATE run SET trace_path = %Q, trace_bytes = %lld, end_reason = NULL"
                         " WHERE id = %lld",
                         path, bytes, run_id));
    if (!interpreted) {
        return OK;
    }
    TRY(db_run_formatted(
        import->db,
        "INSERT OR IGNORE INTO loss (run_id, kind, count, detail) VALUES (%lld, 'not_recorded', 1,"
        " 'An interpreted heaptrack trace does not say which of several equal blocks was freed, nor"
        " where blocks lay: the raw one does.')",
        run_id));
    return db_run_formatted(
        import->db,
        "UPDATE leak SET verdict = 'undecided', leak_rate_bytes_per_hour = NULL,"
        " leak_rate_bytes_per_hour_low = NULL, leak_rate_bytes_per_hour_high = NULL,"
        " leaked_share = NULL, leaked_share_low = NULL, leaked_share_high = NULL, onset_ns = NULL,"
        " oldest_ns = NULL, lifetime_p99_ns = NULL, p_value = NULL, more_ns = NULL,"
        " reason = 'an interpreted heaptrack trace does not say which of this site''s equal blocks"
        " were freed, so how old the living are cannot be told; the raw one (heaptrack --raw) does'"
        " WHERE run_id = %lld AND verdict <> 'steady' AND lifetime_p99_ns IS NOT NULL",
        run_id);
}

status foreign_heaptrack(struct import *import, const char *path)
{
    struct heaptrack heaptrack = {.path = path, .page_bytes = 4096, .file = -1};
    char trace[64];
    const char *traces[] = {trace};
    status result = open_temporary(&heaptrack, trace);

    if (result.code == STATUS_OK) {
        result = convert(&heaptrack);
    }
    bool interpreted = heaptrack.interpreted;
    release(&heaptrack);
    if (result.code == STATUS_OK) {
        stack_table_native_places(import->stacks, true);
        result = import_run(import, traces, 1);
        stack_table_native_places(import->stacks, false);
    }
    if (result.code == STATUS_OK) {
        result = correct_rows(import, path, interpreted);
    }
    if (trace[0]) {
        unlink(trace);
    }
    return result;
}
