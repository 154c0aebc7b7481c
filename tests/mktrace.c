/* SPDX-License-Identifier: Apache-2.0 */
/* mktrace.c -- see mktrace.h. Text becomes a list of items, the list is sorted by time, the items become
 * sections, the sections blocks; damage is done to the bytes at last. */
#include "mktrace.h"

#include "mark_names.h"

#include "schema/trace_format.h"
#include "schema/varint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    TICK_NS = 10,
    START_TICKS = 1000000,
    WORDS_MAX = 200,
    NAMES_MAX = 4096,
    BLOCKS_MAX = 65536,
    SEGMENTS_MAX = 64,
};
#define START_MONOTONIC_NS UINT64_C(5000000000)

/* ---- memory: a test tool gives up when there is none ------------------------------------------ */

struct bytes {
    uint8_t *at;
    size_t count, capacity;
};

static void *grown(void *old, size_t bytes)
{
    void *new = realloc(old, bytes ? bytes : 1);

    if (!new) {
        abort();
    }
    return new;
}

static char *copied(const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(grown(NULL, bytes), text, bytes);
}

static void put(struct bytes *out, const void *bytes, size_t count)
{
    if (out->count + count > out->capacity) {
        out->capacity = 2 * (out->count + count) + 64;
        out->at = grown(out->at, out->capacity);
    }
    if (count) {
        memcpy(out->at + out->count, bytes, count);
    }
    out->count += count;
}

static void put_u(struct bytes *out, uint64_t value)
{
    uint8_t row[MR_VARINT_BYTES_MAX];

    put(out, row, (size_t)(mr_put_uvarint(row, value) - row));
}

static void put_s(struct bytes *out, uint64_t difference)
{
    put_u(out, mr_zigzag((int64_t)difference));
}

static void put_text(struct bytes *out, const void *text, size_t length)
{
    put_u(out, length);
    put(out, text, length);
}

static void put_bytes(struct bytes *out, const struct bytes *content)
{
    put_text(out, content->at, content->count);
}

/* ---- what the text says ---------------------------------------------------------------------- */

enum item_kind {
    ITEM_HEADER,
    ITEM_MODULE,
    ITEM_THREAD,
    ITEM_GONE,
    ITEM_RAW,
    ITEM_DEFINE,
    ITEM_EVENT,
    ITEM_MARK,
    ITEM_MOVE, /* a mark whose key is found when it is written */
    ITEM_COUNTERS,
    ITEM_HEAP_COUNTERS,
    ITEM_METRIC,
    ITEM_GAUGE,
    ITEM_BLOCK,
    ITEM_SEGMENT,
    ITEM_COUNT, /* announces more events than there are */
    ITEM_END,
};

struct item { /* which members mean something depends on the kind */
    enum item_kind kind;
    uint64_t time_ns, order;
    int line;
    uint8_t op, interval;
    uint32_t thread;
    uint64_t address, size_bytes, extra_bytes, id, stack;
    uint64_t a, b, c, d, flags;
    uint32_t heap, class_id;
    uint32_t position; /* of a mark: events of its section before it */
    unsigned mark;     /* enum mr_mark, or any other */
    struct bytes
        row; /* of kinds that are already encoded; of a mark: its arguments, 8 bytes each */
};

struct name {
    char *text;
    uint64_t id;
    bool announced;
};

struct stack_node {
    uint64_t parent, pc;
    bool announced;
};

struct damage {
    char verb[8];
    bool whole_file;
    uint64_t block, offset, bit;
    char *text;
};

struct maker {
    const char *name; /* of the text, for complaints */
    int line;
    bool failed;
    char *words[WORDS_MAX];
    bool quoted[WORDS_MAX];
    size_t word_count, word; /* word: the next to take */
    uint64_t shift_ns, iteration;

    struct item *items;
    size_t item_count, item_capacity;
    uint64_t now_ns, latest_ns;
    struct name stacks[NAMES_MAX], metrics[NAMES_MAX], modules[NAMES_MAX];
    struct name threads[NAMES_MAX], strings[NAMES_MAX], places[NAMES_MAX];
    size_t stack_count, metric_count, module_count, thread_count, string_count, place_count;
    struct stack_node *nodes; /* from MR_STACK_FIRST_ID */
    size_t node_count;
    struct damage damages[64];
    size_t damage_count;
    uint16_t major;
    bool full, has_run;
    bool segmented, only_last;
    uint8_t trace_id[16];
};

static bool complain(struct maker *maker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool complain(struct maker *maker, const char *format, ...)
{
    va_list arguments;

    if (!maker->failed) {
        fprintf(stderr, "%s:%d: ", maker->name, maker->line);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
    }
    maker->failed = true;
    return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void split_words(struct maker *maker, char *line)
{
    maker->word_count = maker->word = 0;
    for (char *at = line; maker->word_count < WORDS_MAX - 1;) {
        at += strspn(at, " \t\r");
        if (!*at || *at == '#') {
            break;
        }
        bool quoted = *at == '"';
        char *word = at + quoted;
        at = word + (quoted ? strcspn(word, "\"") : strcspn(word, " \t\r"));
        if (quoted && !*at) {
            complain(maker, "a quote does not end");
            return;
        }
        if (*at) {
            *at++ = '\0';
        }
        maker->quoted[maker->word_count] = quoted;
        maker->words[maker->word_count++] = word;
    }
}

static const char *next_word(struct maker *maker)
{
    if (maker->word == maker->word_count) {
        complain(maker, "the line ends too early");
        return "";
    }
    return maker->words[maker->word++];
}

/* Takes the next word if it is this one. */
static bool next_is(struct maker *maker, const char *word)
{
    if (maker->word < maker->word_count && strcmp(maker->words[maker->word], word) == 0) {
        maker->word++;
        return true;
    }
    return false;
}

static bool at_end(const struct maker *maker)
{
    return maker->failed || maker->word == maker->word_count;
}

static uint64_t suffixed(char **at)
{
    switch (**at) {
    case 'K':
        return (*at)++, 1 << 10;
    case 'M':
        return (*at)++, 1 << 20;
    case 'G':
        return (*at)++, 1 << 30;
    default:
        return 1;
    }
}

static uint64_t next_number(struct maker *maker)
{
    const char *word = next_word(maker);
    char *at;
    bool hex = word[0] == '0' && word[1] == 'x';
    uint64_t value = strtoull(word, &at, hex ? 16 : 10);

    if (at == word) {
        complain(maker, "\"%s\" is no number", word);
        return 0;
    }
    value *= suffixed(&at);
    if (*at == '+') {
        char *step = at + 1;
        value += strtoull(step, &at, 0) * suffixed(&at) * maker->iteration;
    }
    if (*at) {
        complain(maker, "\"%s\" is no number", word);
    }
    return value;
}

static uint64_t next_time(struct maker *maker)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    const char *word = next_word(maker);
    char *at;
    double value = strtod(word, &at);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (at != word && strcmp(at, units[i].suffix) == 0) {
            double ns = value * units[i].ns;
            uint64_t ticks = (uint64_t)(ns / TICK_NS + 0.5);

            if (ns < 0 || ns - (double)ticks * TICK_NS > 0.01 ||
                (double)ticks * TICK_NS - ns > 0.01) {
                complain(maker, "%s is not a multiple of %d ns", word, TICK_NS);
            }
            return ticks * TICK_NS;
        }
    }
    complain(maker, "\"%s\" is no time", word);
    return 0;
}

static void next_hex(struct maker *maker, struct bytes *out)
{
    const char *word = next_word(maker);
    size_t digits = strlen(word);

    for (size_t i = 0; i < digits; i += 2) {
        char pair[3] = {word[i], word[i + 1], '\0'};
        char *end;
        uint8_t byte = (uint8_t)strtoul(pair, &end, 16);

        if (digits % 2 || *end) {
            complain(maker, "\"%s\" is not hexadecimal", word);
            return;
        }
        put(out, &byte, 1);
    }
}

static struct name *find_name(struct name *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].text, text) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

static struct name *add_name(struct maker *maker, struct name *names, size_t *count,
                             const char *text)
{
    if (*count == NAMES_MAX) {
        complain(maker, "too many names");
        return &names[0];
    }
    names[*count] = (struct name){.text = copied(text), .id = *count + 1};
    return &names[(*count)++];
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct item *add_item(struct maker *maker, enum item_kind kind)
{
    if (maker->item_count == maker->item_capacity) {
        maker->item_capacity = 2 * maker->item_capacity + 64;
        maker->items = grown(maker->items, maker->item_capacity * sizeof *maker->items);
    }
    struct item *item = &maker->items[maker->item_count];
    *item = (struct item){
        .kind = kind,
        .time_ns = maker->now_ns,
        .order = maker->item_count,
        .line = maker->line,
        .thread = 1,
    };
    maker->item_count++;
    return item;
}

static uint64_t ticks_of(uint64_t ns) { return START_TICKS + ns / TICK_NS; }

static void entry(struct bytes *header, unsigned key, const void *value, size_t length)
{
    put_u(header, key);
    put_text(header, value, length);
}

static void entry_number(struct bytes *header, unsigned key, uint64_t value)
{
    uint8_t row[MR_VARINT_BYTES_MAX];

    entry(header, key, row, (size_t)(mr_put_uvarint(row, value) - row));
}

static bool make_run_word(struct maker *maker, struct bytes *header)
{
    static const struct {
        const char *word;
        unsigned key;
        bool number;
    } keys[] = {
        {"interval", MR_KEY_INTERVAL_BYTES, true},
        {"exe", MR_KEY_EXECUTABLE, false},
        {"pid", MR_KEY_PID, true},
        {"parent-pid", MR_KEY_PARENT_PID, true},
        {"host", MR_KEY_HOST, false},
        {"boot", MR_KEY_BOOT_ID, false},
        {"allocator", MR_KEY_ALLOCATOR, false},
        {"unwinder", MR_KEY_UNWINDER, false},
        {"arch", MR_KEY_ARCHITECTURE, false},
        {"os", MR_KEY_OPERATING_SYSTEM, false},
        {"recorder", MR_KEY_RECORDER_VERSION, false},
        {"page", MR_KEY_PAGE_BYTES, true},
        {"depth", MR_KEY_STACK_DEPTH_MAX, true},
        {"rings", MR_KEY_RING_PATH, false},
        {"capabilities", MR_KEY_CAPABILITIES, false},
        {"start-unix-ns", MR_KEY_START_REALTIME_NS, true},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (next_is(maker, keys[i].word)) {
            if (keys[i].number) {
                entry_number(header, keys[i].key, next_number(maker));
            } else {
                const char *text = next_word(maker);
                entry(header, keys[i].key, text, strlen(text));
            }
            return true;
        }
    }
    return false;
}

static bool make_run(struct maker *maker)
{
    struct bytes header = {0};

    maker->full = next_is(maker, "full");
    if (!maker->full && !next_is(maker, "sampled")) {
        return complain(maker, "a run is full or sampled");
    }
    entry_number(&header, MR_KEY_MODE, maker->full ? MR_MODE_FULL : MR_MODE_SAMPLED);
    entry_number(&header, MR_KEY_START_TICKS, START_TICKS);
    entry_number(&header, MR_KEY_START_MONOTONIC_NS, START_MONOTONIC_NS);
    while (!at_end(maker)) {
        if (make_run_word(maker, &header)) {
            continue;
        }
        if (next_is(maker, "command")) {
            char *words = maker->words[maker->word]; /* spaces become NULs */
            size_t length = strlen(next_word(maker));

            for (size_t i = 0; i < length; i++) {
                words[i] = words[i] == ' ' ? '\0' : words[i];
            }
            entry(&header, MR_KEY_COMMAND_LINE, words, length);
        } else if (next_is(maker, "reason")) {
            bool forked = next_is(maker, "fork");

            if (!forked && !next_is(maker, "api")) {
                return complain(maker, "a reason is fork or api");
            }
            entry_number(&header, MR_KEY_START_REASON, forked ? MR_START_FORK : MR_START_API);
        } else if (next_is(maker, "segmented")) {
            maker->segmented = true;
            maker->only_last = next_is(maker, "only-last");
        } else if (next_is(maker, "parent-trace")) {
            struct bytes id = {0};

            next_hex(maker, &id);
            entry(&header, MR_KEY_PARENT_TRACE_ID, id.at, id.count);
            free(id.at);
        } else {
            return complain(maker, "a run has no \"%s\"", next_word(maker));
        }
    }
    maker->has_run = true;
    add_item(maker, ITEM_HEADER)->row = header;
    return true;
}

static void make_thread(struct maker *maker)
{
    struct item *item = add_item(maker, ITEM_THREAD);
    uint64_t id = next_number(maker), tid = 1000 + id;
    const char *name = next_word(maker);

    if (next_is(maker, "tid")) {
        tid = next_number(maker);
    }
    put_u(&item->row, id);
    put_u(&item->row, tid);
    put_u(&item->row, ticks_of(item->time_ns));
    put_text(&item->row, name, strlen(name));
    if (!find_name(maker->threads, maker->thread_count, name)) {
        add_name(maker, maker->threads, &maker->thread_count, name)->id = id;
    }
}

/* A thread by name or by number, if the statement says so. */
static bool next_is_thread(struct maker *maker, uint32_t *thread)
{
    if (next_is(maker, "thread")) {
        *thread = (uint32_t)next_number(maker);
        return true;
    }
    const struct name *named =
        maker->word < maker->word_count
            ? find_name(maker->threads, maker->thread_count, maker->words[maker->word])
            : NULL;
    if (named) {
        *thread = (uint32_t)named->id;
        maker->word++;
    }
    return named;
}

static void make_module(struct maker *maker)
{
    const char *name = next_word(maker), *path = name;
    struct name *module = find_name(maker->modules, maker->module_count, name);
    struct bytes ranges = {0}, build_id = {0};
    uint64_t start = next_number(maker), bias = start, range_count = 1;

    if (!module) {
        module = add_name(maker, maker->modules, &maker->module_count, name);
    }
    put_u(&ranges, start);
    put_u(&ranges, next_number(maker));
    while (!at_end(maker)) {
        if (next_is(maker, "bias")) {
            bias = next_number(maker);
        } else if (next_is(maker, "build-id")) {
            next_hex(maker, &build_id);
        } else if (next_is(maker, "path")) {
            path = next_word(maker);
        } else if (next_is(maker, "id")) {
            module->id = next_number(maker);
        } else if (next_is(maker, "range")) {
            put_u(&ranges, next_number(maker));
            put_u(&ranges, next_number(maker));
            range_count++;
        } else {
            complain(maker, "a module has no \"%s\"", next_word(maker));
        }
    }
    struct item *item = add_item(maker, ITEM_MODULE);
    put_u(&item->row, module->id);
    put_u(&item->row, ticks_of(item->time_ns));
    put_u(&item->row, bias);
    put_u(&item->row, range_count);
    put(&item->row, ranges.at, ranges.count);
    put_bytes(&item->row, &build_id);
    put_text(&item->row, path, strlen(path));
    free(ranges.at);
    free(build_id.at);
}

static bool make_gone(struct maker *maker)
{
    const char *name = next_word(maker);
    const struct name *module = find_name(maker->modules, maker->module_count, name);

    if (!module) {
        return complain(maker, "there is no module \"%s\"", name);
    }
    struct item *item = add_item(maker, ITEM_GONE);
    put_u(&item->row, module->id);
    put_u(&item->row, ticks_of(item->time_ns));
    return true;
}

/* ---- definitions ----------------------------------------------------------------------------- */

static void add_definition(struct maker *maker, unsigned kind, uint64_t id, const uint64_t *values,
                           size_t count, const char *text)
{
    struct item *item = add_item(maker, ITEM_DEFINE);

    put_u(&item->row, kind);
    put_u(&item->row, id);
    put_u(&item->row, count);
    for (size_t i = 0; i < count; i++) {
        put_u(&item->row, values[i]);
    }
    put_text(&item->row, text, strlen(text));
}

/* What is defined on the way counts from the start. */
static void define_early(struct maker *maker, unsigned kind, uint64_t id, const uint64_t *values,
                         size_t count, const char *text)
{
    add_definition(maker, kind, id, values, count, text);
    maker->items[maker->item_count - 1].time_ns = 0;
}

/* The NAME id of a string; 0 of the empty one. */
static uint64_t name_id(struct maker *maker, const char *string)
{
    struct name *known = find_name(maker->strings, maker->string_count, string);

    if (!known && *string) {
        known = add_name(maker, maker->strings, &maker->string_count, string);
        define_early(maker, MR_DEFINE_NAME, known->id, NULL, 0, string);
    }
    return known ? known->id : 0;
}

/* The pc of a place: FUNCTION@[FILE[:LINE]]. */
static uint64_t place_pc(struct maker *maker, const char *text)
{
    struct name *place = find_name(maker->places, maker->place_count, text);

    if (!place) {
        char *function = copied(text), *file = strchr(function, '@'), *line;

        *file++ = '\0';
        line = strrchr(file, ':');
        if (line) {
            *line++ = '\0';
        }
        uint64_t values[] = {name_id(maker, function), name_id(maker, file),
                             line ? strtoull(line, NULL, 10) : 0};
        place = add_name(maker, maker->places, &maker->place_count, text);
        define_early(maker, MR_DEFINE_PLACE, place->id, values, 3, "");
        free(function);
    }
    return MR_PLACE_PC + place->id;
}

/* A number, `unknown`, one of the words for numbers, or "a name", which becomes its id. */
static uint64_t next_value(struct maker *maker)
{
    static const struct {
        const char *word;
        uint64_t value;
    } words[] = {
        {"unknown", MR_UNKNOWN},
        {"none", 0},
        {"slab", 0},
        {"arena", 1},
        {"tier", 2},
        {"buffer", 3},
        {"connection", 4},
        {"ok", 0},
        {"failed", 1},
        {"cancelled", 2},
        {"timed-out", 3},
        {"full", 0},
        {"minor", 1},
        {"major", 2},
        {"incremental", 3},
        {"concurrent", 4},
        {"memory", 0},
        {"classes", 1},
    };

    if (maker->word < maker->word_count && maker->quoted[maker->word]) {
        return name_id(maker, next_word(maker));
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (next_is(maker, words[i].word)) {
            return words[i].value;
        }
    }
    return next_number(maker);
}

static bool make_define(struct maker *maker)
{
    static const struct {
        const char *word;
        unsigned kind;
        const char *arguments[MR_DEFINE_ARGS_MAX]; /* after the name */
    } kinds[] = {
        {"stream", MR_DEFINE_STREAM, {"budget"}},
        {"heap", MR_DEFINE_HEAP, {"capacity", "generations", "flags"}},
        {"pool", MR_DEFINE_POOL, {"kind", "stream", "slot", "capacity", "slots"}},
        {"class", MR_DEFINE_CLASS, {"module"}},
    };
    size_t kind = 0, count = 1;

    if (next_is(maker, "name")) {
        uint64_t id = next_number(maker);

        add_definition(maker, MR_DEFINE_NAME, id, NULL, 0, next_word(maker));
        return true;
    }
    if (next_is(maker, "row")) {
        uint64_t numbers[2 + MR_DEFINE_ARGS_MAX] = {0};

        for (count = 0; !at_end(maker) && count < sizeof numbers / sizeof numbers[0]; count++) {
            numbers[count] = next_value(maker);
        }
        add_definition(maker, (unsigned)numbers[0], numbers[1], numbers + 2,
                       count > 2 ? count - 2 : 0, "");
        return true;
    }
    while (kind < sizeof kinds / sizeof kinds[0] && !next_is(maker, kinds[kind].word)) {
        kind++;
    }
    if (kind == sizeof kinds / sizeof kinds[0]) {
        return complain(maker, "\"%s\" is not to be defined", next_word(maker));
    }
    uint64_t values[MR_DEFINE_ARGS_MAX] = {0};
    uint64_t id = next_number(maker);
    values[0] = name_id(maker, next_word(maker));
    for (; kinds[kind].arguments[count - 1]; count++) {
        bool is_amount =
            strncmp(kinds[kind].arguments[count - 1], "cap", 3) == 0 ||
            strcmp(kinds[kind].arguments[count - 1], "slots") == 0 ||
            strcmp(kinds[kind].arguments[count - 1], "generations") == 0 ||
            strcmp(kinds[kind].arguments[count - 1], "flags") == 0; /* as older traces */

        values[count] = is_amount ? MR_UNKNOWN : 0;
    }
    while (!at_end(maker)) {
        size_t i = 1;

        while (i < count && !next_is(maker, kinds[kind].arguments[i - 1])) {
            i++;
        }
        if (i == count) {
            return complain(maker, "a %s has no \"%s\"", kinds[kind].word, next_word(maker));
        }
        values[i] = next_value(maker);
    }
    add_definition(maker, kinds[kind].kind, id, values, count, "");
    return true;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static uint64_t find_node(struct maker *maker, uint64_t parent, uint64_t pc)
{
    for (size_t i = 0; i < maker->node_count; i++) {
        if (maker->nodes[i].parent == parent && maker->nodes[i].pc == pc) {
            return MR_STACK_FIRST_ID + i;
        }
    }
    maker->nodes = grown(maker->nodes, (maker->node_count + 1) * sizeof *maker->nodes);
    maker->nodes[maker->node_count] = (struct stack_node){parent, pc, false};
    return MR_STACK_FIRST_ID + maker->node_count++;
}

static bool make_stack(struct maker *maker)
{
    const char *name = next_word(maker);
    uint64_t pcs[MR_STACK_DEPTH_MAX], node = MR_STACK_ROOT;
    size_t depth = 0;

    if (!next_is(maker, "=")) {
        return complain(maker, "a stack is written: stack NAME = PC...");
    }
    while (!at_end(maker)) {
        if (next_is(maker, "truncated")) {
            node = MR_STACK_TRUNCATED_ROOT;
        } else if (depth == MR_STACK_DEPTH_MAX) {
            return complain(maker, "a stack has at most %d frames", MR_STACK_DEPTH_MAX);
        } else {
            pcs[depth++] = strchr(maker->words[maker->word], '@')
                               ? place_pc(maker, next_word(maker))
                               : next_number(maker);
        }
    }
    while (depth > 0) {
        node = find_node(maker, node, pcs[--depth]);
    }
    struct name *stack = find_name(maker->stacks, maker->stack_count, name);
    if (!stack) {
        stack = add_name(maker, maker->stacks, &maker->stack_count, name);
    }
    stack->id = node;
    return true;
}

/* FRAME<FRAME<...: places and 0x pcs, innermost first; the last may be a stack's name. */
static uint64_t written_stack(struct maker *maker, const char *word)
{
    const char *outer = strchr(word, '<');
    size_t length = outer ? (size_t)(outer - word) : strlen(word);
    char *frame = copied(word);
    uint64_t node;

    frame[length] = '\0';
    bool is_pc = strncmp(frame, "0x", 2) == 0;
    const struct name *stack = find_name(maker->stacks, maker->stack_count, frame);
    if (stack && !outer) {
        node = stack->id;
    } else if (!is_pc && !strchr(frame, '@')) {
        complain(maker, "\"%s\" is no frame", frame);
        node = 0;
    } else {
        uint64_t parent = outer ? written_stack(maker, outer + 1) : MR_STACK_ROOT;

        node = find_node(maker, parent, is_pc ? strtoull(frame, NULL, 16) : place_pc(maker, frame));
    }
    free(frame);
    return node;
}

static uint64_t next_stack(struct maker *maker)
{
    if (maker->word < maker->word_count && strpbrk(maker->words[maker->word], "@<")) {
        return written_stack(maker, next_word(maker));
    }
    if (maker->word < maker->word_count &&
        strspn(maker->words[maker->word], "0123456789") == strlen(maker->words[maker->word])) {
        return next_number(maker);
    }
    const char *name = next_word(maker);
    const struct name *stack = find_name(maker->stacks, maker->stack_count, name);
    if (!stack) {
        complain(maker, "there is no stack \"%s\"", name);
    }
    return stack ? stack->id : 0;
}

/* Of malloc and its kin, or of a managed heap. */
static bool make_alloc(struct maker *maker, uint32_t thread, bool managed)
{
    static const char *const kinds[] = {"malloc", "calloc", "realloc", "aligned", "new"};
    struct item *item = add_item(maker, ITEM_EVENT);

    item->thread = thread;
    item->op = managed ? MR_OP_HEAP_ALLOC : MR_OP_MALLOC;
    item->interval = maker->full ? 0 : 1;
    item->address = next_number(maker);
    item->size_bytes = next_number(maker);
    size_t place = maker->item_count - 1;
    while (!at_end(maker)) {
        if (next_is(maker, "via")) {
            uint64_t stack = next_stack(maker); /* may add items */
            item = &maker->items[place];
            item->stack = stack;
        } else if (next_is(maker, "usable")) {
            item->extra_bytes = next_number(maker) - item->size_bytes;
        } else if (next_is(maker, "interval")) {
            item->interval = next_is(maker, "exact") ? 0 : (uint8_t)next_number(maker);
        } else if (next_is(maker, "id")) {
            item->id = next_number(maker);
        } else if (!managed && next_is(maker, "kind")) {
            const char *kind = next_word(maker);
            size_t i = 0;

            while (i < 5 && strcmp(kind, kinds[i]) != 0) {
                i++;
            }
            if (i == 5) {
                return complain(maker, "there is no kind \"%s\"", kind);
            }
            item->op = (uint8_t)(MR_OP_MALLOC + i);
        } else if (managed && next_is(maker, "heap")) {
            item->heap = (uint32_t)next_number(maker);
        } else if (managed && next_is(maker, "class")) {
            item->class_id = (uint32_t)next_number(maker);
        } else {
            return complain(maker, "an alloc has no \"%s\"", next_word(maker));
        }
    }
    return true;
}

static bool make_free(struct maker *maker, uint32_t thread, bool managed)
{
    struct item *item = add_item(maker, ITEM_EVENT);

    item->thread = thread;
    item->op = managed ? MR_OP_HEAP_FREE : MR_OP_FREE;
    item->address = next_number(maker);
    while (!at_end(maker)) {
        if (!managed && next_is(maker, "by-realloc")) {
            item->op = MR_OP_FREE_BY_REALLOC;
        } else if (next_is(maker, "id")) {
            item->id = next_number(maker);
        } else {
            return complain(maker, "a free has no \"%s\"", next_word(maker));
        }
    }
    return true;
}

static bool make_counters(struct maker *maker)
{
    struct item *item = add_item(maker, ITEM_COUNTERS);

    item->thread = (uint32_t)next_number(maker);
    while (!at_end(maker)) {
        if (next_is(maker, "allocs")) {
            item->a = next_number(maker);
        } else if (next_is(maker, "bytes")) {
            item->b = next_number(maker);
        } else if (next_is(maker, "frees")) {
            item->c = next_number(maker);
        } else if (next_is(maker, "ended")) {
            item->flags |= MR_THREAD_ENDED;
        } else if (next_is(maker, "inexact")) {
            item->flags |= MR_THREAD_INEXACT;
        } else {
            return complain(maker, "counters have no \"%s\"", next_word(maker));
        }
    }
    return true;
}

static bool make_heap_counters(struct maker *maker, uint32_t thread)
{
    struct item *item = add_item(maker, ITEM_HEAP_COUNTERS);

    item->thread = thread;
    item->heap = (uint32_t)next_number(maker);
    while (!at_end(maker)) {
        if (next_is(maker, "allocs")) {
            item->a = next_number(maker);
        } else if (next_is(maker, "bytes")) {
            item->b = next_number(maker);
        } else if (next_is(maker, "frees")) {
            item->c = next_number(maker);
        } else if (next_is(maker, "freed")) {
            item->d = next_number(maker);
        } else {
            return complain(maker, "counters of a heap have no \"%s\"", next_word(maker));
        }
    }
    return true;
}

static void add_mark(struct maker *maker, unsigned kind, uint32_t thread, const uint64_t *values,
                     size_t count)
{
    struct item *item = add_item(maker, ITEM_MARK);

    item->mark = kind;
    item->thread = thread;
    put(&item->row, values, count * sizeof *values);
}

/* Arguments in order, or each behind its name; `c` and the counters at last. */
static bool make_mark(struct maker *maker, unsigned kind, uint32_t thread)
{
    static const struct mark_names unknown_kind = {"mark-kind", "", false};
    const struct mark_names *names = mark_names(kind);
    uint64_t values[MR_MARK_ARGS_MAX];
    size_t at = 0, count = 0;

    names = names ? names : &unknown_kind;
    size_t named = mark_argument_names(names);
    while (!at_end(maker)) {
        const char *word = maker->words[maker->word];
        size_t place = mark_argument_named(names, word);

        if (names->has_counters && next_is(maker, "c")) {
            at = named;
            continue;
        }
        if (place < named && !maker->quoted[maker->word]) {
            at = place;
            maker->word++;
        }
        if (at == MR_MARK_ARGS_MAX) {
            return complain(maker, "a mark has at most %u arguments", MR_MARK_ARGS_MAX);
        }
        for (; count <= at; count++) {
            values[count] = MR_UNKNOWN;
        }
        values[at++] = next_value(maker);
    }
    add_mark(maker, kind, thread, values, count);
    return true;
}

/* A mark whose key is that of the object at an address. */
static bool make_move(struct maker *maker, uint32_t thread)
{
    struct item *item = add_item(maker, ITEM_MOVE);

    item->mark = MR_MARK_HEAP_MOVE;
    item->thread = thread;
    item->a = next_number(maker);
    item->b = next_number(maker);
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static struct name *make_metric(struct maker *maker, const char *name, bool counter)
{
    struct name *metric = add_name(maker, maker->metrics, &maker->metric_count, name);
    struct item *item = add_item(maker, ITEM_METRIC);

    put_u(&item->row, metric->id);
    put_u(&item->row, ends_with(name, "_bytes") ? MR_UNIT_BYTES
                      : ends_with(name, "_ns")  ? MR_UNIT_NS
                                                : MR_UNIT_COUNT);
    put_u(&item->row, counter ? MR_METRIC_COUNTER : MR_METRIC_GAUGE);
    put_text(&item->row, name, strlen(name));
    return metric;
}

static void make_gauge(struct maker *maker)
{
    const char *name = next_word(maker);
    struct name *metric = find_name(maker->metrics, maker->metric_count, name);

    if (!metric) {
        metric = make_metric(maker, name, false);
    }
    struct item *item = add_item(maker, ITEM_GAUGE);
    item->id = metric->id;
    item->a = next_number(maker);
}

static void make_end(struct maker *maker)
{
    struct item *item = add_item(maker, ITEM_END);

    item->a = next_is(maker, "exec")   ? MR_END_EXEC
              : next_is(maker, "stop") ? MR_END_STOP
                                       : MR_END_EXIT;
    next_is(maker, "exit");
}

static void make_raw(struct maker *maker)
{
    struct bytes content = {0};
    uint64_t kind = next_number(maker);

    while (!at_end(maker)) {
        next_hex(maker, &content);
    }
    struct item *item = add_item(maker, ITEM_RAW);
    put_u(&item->row, kind);
    put_bytes(&item->row, &content);
    free(content.at);
}

static bool make_damage(struct maker *maker)
{
    if (maker->damage_count == sizeof maker->damages / sizeof maker->damages[0]) {
        return complain(maker, "too much damage");
    }
    struct damage *damage = &maker->damages[maker->damage_count++];
    snprintf(damage->verb, sizeof damage->verb, "%s", next_word(maker));
    damage->whole_file = !next_is(maker, "block") && !next_is(maker, "segment");
    damage->block = damage->whole_file ? 0 : next_number(maker);
    if (strcmp(damage->verb, "insert") == 0) {
        damage->text = copied(next_word(maker));
    }
    if (strcmp(damage->verb, "cut") == 0 || strcmp(damage->verb, "flip") == 0) {
        damage->offset = next_number(maker);
    }
    if (strcmp(damage->verb, "flip") == 0) {
        damage->bit = next_number(maker);
    }
    return true;
}

static bool make_statement(struct maker *maker)
{
    uint32_t thread = 1;
    bool has_thread = false;

    maker->now_ns = maker->latest_ns;
    if (next_is(maker, "at")) {
        maker->now_ns = next_time(maker) + maker->shift_ns;
        maker->latest_ns = maker->now_ns > maker->latest_ns ? maker->now_ns : maker->latest_ns;
        has_thread = next_is_thread(maker, &thread);
    }
    if (next_is(maker, "alloc")) {
        make_alloc(maker, thread, false);
    } else if (next_is(maker, "free")) {
        make_free(maker, thread, false);
    } else if (next_is(maker, "object")) {
        make_alloc(maker, thread, true);
    } else if (next_is(maker, "object-free")) {
        make_free(maker, thread, true);
    } else if (next_is(maker, "object-move")) {
        make_move(maker, thread);
    } else if (next_is(maker, "heap-counters")) {
        make_heap_counters(maker, thread);
    } else if (next_is(maker, "define")) {
        make_define(maker);
    } else if (next_is(maker, "mark-kind")) {
        unsigned kind = (unsigned)next_number(maker);

        make_mark(maker, kind, thread);
    } else if (maker->word < maker->word_count && mark_kind_named(maker->words[maker->word])) {
        unsigned kind = mark_kind_named(next_word(maker));
        bool is_recorders = kind == MR_MARK_POOL_STATE || kind == MR_MARK_PULL;

        make_mark(maker, kind, is_recorders && !has_thread ? 0 : thread);
    } else if (next_is(maker, "run")) {
        make_run(maker);
    } else if (next_is(maker, "trace-id")) {
        struct bytes id = {0};

        next_hex(maker, &id);
        memcpy(maker->trace_id, id.at, id.count < 16 ? id.count : 16);
        free(id.at);
    } else if (next_is(maker, "thread")) {
        make_thread(maker);
    } else if (next_is(maker, "module")) {
        make_module(maker);
    } else if (next_is(maker, "gone")) {
        make_gone(maker);
    } else if (next_is(maker, "stack")) {
        make_stack(maker);
    } else if (next_is(maker, "counters")) {
        make_counters(maker);
    } else if (next_is(maker, "metric")) {
        const char *name = next_word(maker);

        make_metric(maker, name, next_is(maker, "counter"));
        next_is(maker, "gauge");
    } else if (next_is(maker, "gauge")) {
        make_gauge(maker);
    } else if (next_is(maker, "block")) {
        add_item(maker, ITEM_BLOCK);
    } else if (next_is(maker, "segment")) {
        add_item(maker, ITEM_SEGMENT);
        if (!maker->segmented) {
            complain(maker, "the run is not segmented");
        }
    } else if (next_is(maker, "end")) {
        make_end(maker);
    } else if (next_is(maker, "raw")) {
        make_raw(maker);
    } else if (next_is(maker, "count")) {
        add_item(maker, ITEM_COUNT)->a = next_number(maker);
    } else if (next_is(maker, "version")) {
        maker->major = (uint16_t)next_number(maker);
    } else if (next_is(maker, "damage")) {
        make_damage(maker);
    } else {
        return complain(maker, "there is no statement \"%s\"", next_word(maker));
    }
    return at_end(maker) || complain(maker, "\"%s\" is too much", next_word(maker));
}

static void make_line(struct maker *maker, const char *start, size_t length)
{
    char *line = grown(NULL, length + 1);

    memcpy(line, start, length);
    line[length] = '\0';
    split_words(maker, line);
    if (maker->word_count && !maker->failed) {
        make_statement(maker);
    }
    free(line);
}

static bool begins_with(const char *at, const char *word)
{
    at += strspn(at, " \t");
    return strncmp(at, word, strlen(word)) == 0 && strchr(" \t\r\n#", at[strlen(word)]);
}

/* Makes the lines from `at` up to the text's end, or to `done`; returns where it stopped. */
static const char *make_lines(struct maker *maker, const char *at, bool inside)
{
    for (; *at && !maker->failed; maker->line++) {
        size_t length = strcspn(at, "\n");
        const char *next = at + length + (at[length] == '\n');

        if (inside && begins_with(at, "done")) {
            return at;
        }
        if (begins_with(at, "repeat")) {
            char head[128];
            const char *body = next;
            int body_line = maker->line + 1;

            snprintf(head, sizeof head, "%.*s", (int)length, at);
            split_words(maker, head);
            maker->word = 1;
            uint64_t times = next_number(maker);
            uint64_t step_ns = next_is(maker, "every") ? next_time(maker) : 0;
            for (maker->iteration = 0; maker->iteration < times && !maker->failed;
                 maker->iteration++) {
                maker->shift_ns = maker->iteration * step_ns;
                maker->line = body_line;
                next = make_lines(maker, body, true);
            }
            maker->iteration = maker->shift_ns = 0;
            if (!begins_with(next, "done")) {
                complain(maker, "a repeat is not done");
                return next;
            }
            next += strcspn(next, "\n");
            next += *next == '\n';
        } else {
            make_line(maker, at, length);
        }
        at = next;
    }
    return at;
}

/* ---- sections -------------------------------------------------------------------------------- */

struct open_block { /* an allocation not yet freed */
    uint64_t address, id;
    bool managed;
    uint32_t heap;
    struct item born; /* where it stands now */
};

struct writer {
    struct maker *maker;
    struct bytes file;
    uint64_t offsets[BLOCKS_MAX + 1];
    size_t block_count;
    size_t segment_blocks[SEGMENTS_MAX]; /* the first block of each */
    uint64_t segment_count;
    uint64_t events_written;
    struct open_block *open;
    size_t open_count;
    uint64_t next_id;

    /* the block being filled */
    struct bytes payload;
    enum item_kind section_kind;
    struct bytes section; /* rows of the section being filled */
    const struct item **events;
    size_t event_count, event_capacity; /* of the EVENTS section being filled */
    struct item **marks;
    size_t mark_count, mark_capacity; /* of the MARKS section before it */
    struct bytes counters, heap_counters, gauges;
    size_t gauge_count;
    uint64_t gauge_ticks;
    int64_t gauge_values[NAMES_MAX + 1];
    uint32_t block_events;
    uint64_t announced_more;
    bool has_ticks;
    uint64_t first_ticks, last_ticks, last_ns;
};

static void put_section(struct writer *writer, unsigned kind, const struct bytes *content)
{
    put_u(&writer->payload, kind);
    put_bytes(&writer->payload, content);
}

static void announce_node(struct writer *writer, uint64_t node)
{
    struct maker *maker = writer->maker;

    if (node < MR_STACK_FIRST_ID || node - MR_STACK_FIRST_ID >= maker->node_count ||
        maker->nodes[node - MR_STACK_FIRST_ID].announced) {
        return;
    }
    const struct stack_node *found = &maker->nodes[node - MR_STACK_FIRST_ID];
    announce_node(writer, found->parent);
    struct bytes content = {0};
    put_u(&content, node);
    put_u(&content, 1);
    put_u(&content, node - found->parent);
    put_s(&content, found->pc);
    put_section(writer, MR_SECTION_STACK, &content);
    maker->nodes[node - MR_STACK_FIRST_ID].announced = true;
    free(content.at);
}

static void put_address(struct bytes *column, uint64_t address, uint64_t *predicted)
{
    int64_t difference = (int64_t)(address - *predicted);
    uint8_t low = difference & 15;

    put_u(column, mr_zigzag(difference >> 4) << 1 | (low != 0));
    if (low) {
        put(column, &low, 1);
    }
    *predicted = address;
}

/* The columns of TRACE_FORMAT.md, one after the other in its table's order. */
static void put_marks(struct writer *writer)
{
    static uint64_t last[MR_MARK_KINDS][MR_MARK_ARGS_MAX]; /* by kind, the unknown ones as 0 */
    struct bytes columns[MR_MARKS_COLUMNS] = {{0}}, content = {0};
    uint64_t base_ticks = ticks_of(writer->marks[0]->time_ns), ticks = base_ticks, position = 0;

    memset(last, 0, sizeof last);
    for (size_t i = 0; i < writer->mark_count; i++) {
        const struct item *mark = writer->marks[i];
        size_t count = mark->row.count / sizeof(uint64_t);
        uint8_t count_byte = (uint8_t)count;
        uint64_t *previous = last[mark->mark < MR_MARK_KINDS ? mark->mark : 0];

        put_u(&columns[MR_MARKS_KIND], mark->mark);
        put_s(&columns[MR_MARKS_TIME], ticks_of(mark->time_ns) - ticks);
        ticks = ticks_of(mark->time_ns);
        put_u(&columns[MR_MARKS_THREAD], mark->thread);
        put_u(&columns[MR_MARKS_POSITION], mark->position - position);
        position = mark->position;
        put(&columns[MR_MARKS_ARGUMENT_COUNT], &count_byte, 1);
        for (size_t j = 0; j < count; j++) {
            uint64_t value;

            memcpy(&value, mark->row.at + j * sizeof value, sizeof value);
            put_s(&columns[MR_MARKS_ARGUMENTS], value - previous[j]);
            previous[j] = value;
        }
    }
    put_u(&content, writer->mark_count);
    put_u(&content, base_ticks);
    for (size_t i = 0; i < MR_MARKS_COLUMNS; i++) {
        put_bytes(&content, &columns[i]);
        free(columns[i].at);
    }
    put_section(writer, MR_SECTION_MARKS, &content);
    free(content.at);
    writer->mark_count = 0;
}

/* Likewise, of EVENTS or ALIVE. */
static void put_event_columns(struct writer *writer, unsigned kind, uint64_t flags)
{
    bool has_ids = !writer->maker->full;
    struct bytes columns[MR_COLUMN_COUNT] = {{0}}, content = {0};
    uint64_t base_ticks = writer->event_count ? ticks_of(writer->events[0]->time_ns) : 0;
    uint64_t base_id = 0, base_address = 0;
    uint64_t ticks = base_ticks, id, address, allocs = 0;
    size_t column_count = MR_COLUMN_OBJECT; /* one more when there are managed objects */

    for (size_t i = writer->event_count; i-- > 0;) { /* bases: of the first allocation */
        if (writer->events[i]->op & MR_OP_ALLOC) {
            base_id = writer->events[i]->id;
            base_address = writer->events[i]->address;
        }
    }
    id = base_id;
    address = base_address;
    for (size_t i = 0; i < writer->event_count; i++) {
        const struct item *event = writer->events[i];

        put(&columns[MR_COLUMN_OP], &event->op, 1);
        put_s(&columns[MR_COLUMN_TIME], ticks_of(event->time_ns) - ticks);
        ticks = ticks_of(event->time_ns);
        put_u(&columns[MR_COLUMN_THREAD], event->thread);
        if (event->op & MR_OP_ALLOC) {
            allocs++;
            put_address(&columns[MR_COLUMN_ADDRESS], event->address, &address);
            put_u(&columns[MR_COLUMN_SIZE], event->size_bytes);
            put_u(&columns[MR_COLUMN_EXTRA], event->extra_bytes);
            put_u(&columns[MR_COLUMN_STACK], event->stack);
            put_u(&columns[MR_COLUMN_INTERVAL], event->interval);
            if (event->op == MR_OP_HEAP_ALLOC) {
                put_u(&columns[MR_COLUMN_OBJECT], event->heap);
                put_u(&columns[MR_COLUMN_OBJECT], event->class_id);
                column_count = MR_COLUMN_COUNT;
            }
            if (has_ids) {
                put_s(&columns[MR_COLUMN_ID], event->id - id);
                id = event->id;
            }
        } else if (has_ids) {
            put_s(&columns[MR_COLUMN_FREED], id - event->id);
        } else {
            put_address(&columns[MR_COLUMN_FREED], event->address, &address);
        }
    }
    put_u(&content, flags | (has_ids ? MR_EVENTS_HAVE_IDS : 0));
    put_u(&content, writer->event_count);
    put_u(&content, allocs);
    put_u(&content, base_ticks);
    put_u(&content, base_id);
    put_u(&content, base_address);
    for (size_t i = 0; i < column_count; i++) {
        put_bytes(&content, &columns[i]);
        free(columns[i].at);
    }
    put_section(writer, kind, &content);
    free(content.at);
}

static void put_events(struct writer *writer)
{
    put_event_columns(writer, MR_SECTION_EVENTS, 0);
    writer->block_events += (uint32_t)writer->event_count;
    writer->event_count = 0;
}

/* Ends the section that is being filled. */
static void end_section(struct writer *writer)
{
    static const unsigned kinds[] = {
        [ITEM_HEADER] = MR_SECTION_HEADER, [ITEM_MODULE] = MR_SECTION_MODULE,
        [ITEM_THREAD] = MR_SECTION_THREAD, [ITEM_GONE] = MR_SECTION_MODULE_GONE,
        [ITEM_METRIC] = MR_SECTION_METRIC,
    };
    if (writer->mark_count) {
        put_marks(writer);
    }
    if (writer->event_count) {
        put_events(writer);
    }
    if (writer->section.count) {
        put_section(writer, kinds[writer->section_kind], &writer->section);
        writer->section.count = 0;
    }
}

static struct open_block *find_open(struct writer *writer, uint64_t address, bool managed)
{
    for (size_t i = writer->open_count; i-- > 0;) {
        if (writer->open[i].address == address && writer->open[i].managed == managed) {
            return &writer->open[i];
        }
    }
    return NULL;
}

static void not_there(struct writer *writer, int line, uint64_t address)
{
    writer->maker->line = line;
    complain(writer->maker, "nothing at 0x%llx is there to be freed", (unsigned long long)address);
}

/* Of events and marks, in order. */
static void note_ticks(struct writer *writer, uint64_t ticks)
{
    if (!writer->has_ticks) {
        writer->first_ticks = ticks;
    }
    writer->last_ticks = ticks;
    writer->has_ticks = true;
}

static void push_event(struct writer *writer, const struct item *event)
{
    if (writer->event_count == writer->event_capacity) {
        writer->event_capacity = 2 * writer->event_capacity + 64;
        writer->events = grown(writer->events, writer->event_capacity * sizeof *writer->events);
    }
    writer->events[writer->event_count++] = event;
}

static void add_event(struct writer *writer, struct item *event)
{
    struct maker *maker = writer->maker;
    bool managed = (event->op & ~MR_OP_ALLOC) == MR_OP_HEAP_FREE;
    uint64_t ticks = ticks_of(event->time_ns);

    if (event->op & MR_OP_ALLOC) {
        announce_node(writer, event->stack);
        event->id = event->id ? event->id : writer->next_id;
        writer->next_id = event->id + 1;
        writer->open = grown(writer->open, (writer->open_count + 1) * sizeof *writer->open);
        writer->open[writer->open_count++] =
            (struct open_block){event->address, event->id, managed, event->heap, *event};
    } else if (!event->id) {
        struct open_block *open = find_open(writer, event->address, managed);

        if (open) {
            event->id = open->id;
            *open = writer->open[--writer->open_count];
        } else if (!maker->full) {
            not_there(writer, event->line, event->address);
        }
    }
    push_event(writer, event);
    note_ticks(writer, ticks);
}

static void resolve_move(struct writer *writer, struct item *move)
{
    struct open_block *open = find_open(writer, move->a, true);

    if (!open) {
        not_there(writer, move->line, move->a);
        return;
    }
    uint64_t values[] = {open->heap, writer->maker->full ? move->a : open->id, move->b};
    put(&move->row, values, sizeof values);
    open->address = open->born.address = move->b;
}

static void add_mark_row(struct writer *writer, struct item *mark)
{
    note_ticks(writer, ticks_of(mark->time_ns));
    mark->position = (uint32_t)writer->event_count;
    if (writer->mark_count == writer->mark_capacity) {
        writer->mark_capacity = 2 * writer->mark_capacity + 64;
        writer->marks = grown(writer->marks, writer->mark_capacity * sizeof *writer->marks);
    }
    writer->marks[writer->mark_count++] = mark;
}

static void add_gauge(struct writer *writer, const struct item *gauge)
{
    uint64_t ticks = ticks_of(gauge->time_ns);

    if (writer->gauge_count++ == 0) {
        writer->gauge_ticks = ticks;
        memset(writer->gauge_values, 0, sizeof writer->gauge_values);
        put_u(&writer->gauges, ticks);
    }
    put_s(&writer->gauges, ticks - writer->gauge_ticks);
    put_u(&writer->gauges, gauge->id);
    put_s(&writer->gauges, gauge->a - (uint64_t)writer->gauge_values[gauge->id]);
    writer->gauge_ticks = ticks;
    writer->gauge_values[gauge->id] = (int64_t)gauge->a;
}

static void add_counters(struct bytes *rows, const struct item *item)
{
    put_u(rows, ticks_of(item->time_ns));
    put_u(rows, item->thread);
    put_u(rows, item->flags);
    put_u(rows, item->a);
    put_u(rows, item->b);
    put_u(rows, item->c);
}

static void add_heap_counters(struct bytes *rows, const struct item *item)
{
    put_u(rows, ticks_of(item->time_ns));
    put_u(rows, item->thread);
    put_u(rows, item->heap);
    put_u(rows, item->a);
    put_u(rows, item->b);
    put_u(rows, item->c);
    put_u(rows, item->d);
}

static void end_block(struct writer *writer, bool last)
{
    struct maker *maker = writer->maker;

    end_section(writer);
    if (writer->counters.count) {
        put_section(writer, MR_SECTION_THREAD_COUNTERS, &writer->counters);
    }
    if (writer->heap_counters.count) {
        put_section(writer, MR_SECTION_HEAP_COUNTERS, &writer->heap_counters);
    }
    if (writer->gauge_count) {
        struct bytes content = {0};

        put_u(&content, writer->gauge_count);
        put(&content, writer->gauges.at, writer->gauges.count);
        put_section(writer, MR_SECTION_GAUGE, &content);
        free(content.at);
    }
    if (last) {
        struct bytes content = {0};

        put_u(&content, maker->items[maker->item_count - 1].a);
        put_u(&content, ticks_of(maker->items[maker->item_count - 1].time_ns));
        put_section(writer, MR_SECTION_END, &content);
        free(content.at);
    }
    if (!writer->has_ticks) { /* no event: an empty stretch of time */
        writer->first_ticks = writer->last_ticks = ticks_of(writer->last_ns);
    }

    size_t bound = ZSTD_compressBound(writer->payload.count);
    uint8_t *frame = grown(NULL, bound);
    size_t frame_bytes = ZSTD_compress(frame, bound, writer->payload.at, writer->payload.count, 3);
    struct mr_block_header header = {
        .skippable_magic = MR_SKIPPABLE_MAGIC,
        .skippable_bytes = MR_SKIPPABLE_BYTES,
        .major = maker->major,
        .minor = MR_TRACE_MINOR,
        .flags = last ? MR_BLOCK_LAST : 0,
        .sequence = writer->block_count,
        .first_ticks = writer->first_ticks,
        .last_ticks = writer->last_ticks,
        .events_before = writer->events_written,
        .event_count = writer->block_events + (uint32_t)writer->announced_more,
        .payload_bytes = (uint32_t)writer->payload.count,
        .frame_bytes = (uint32_t)frame_bytes,
        .clock_ticks = ticks_of(writer->last_ns),
        .clock_ns = START_MONOTONIC_NS + writer->last_ns,
        .frame_xxh3 = XXH3_64bits(frame, frame_bytes),
    };
    memcpy(header.magic, MR_BLOCK_MAGIC, MR_BLOCK_MAGIC_BYTES);
    memcpy(header.trace_id, maker->trace_id, sizeof header.trace_id);
    header.header_xxh3 = XXH3_64bits(&header, offsetof(struct mr_block_header, header_xxh3));
    put(&writer->file, &header, sizeof header);
    put(&writer->file, frame, frame_bytes);
    free(frame);

    writer->events_written += header.event_count;
    writer->offsets[++writer->block_count] = writer->file.count;
    writer->payload.count = writer->counters.count = writer->gauges.count = 0;
    writer->heap_counters.count = 0;
    writer->gauge_count = writer->block_events = 0;
    writer->announced_more = 0;
    writer->has_ticks = false;
}

static void add_to_block(struct writer *writer, struct item *item);

/* Tells again what stands before item `count`, and what is alive. */
static void begin_segment(struct writer *writer, size_t count, uint64_t now_ns)
{
    struct maker *maker = writer->maker;

    if (++writer->segment_count == SEGMENTS_MAX) {
        complain(maker, "too many segments");
        return;
    }
    writer->segment_blocks[writer->segment_count] = writer->block_count;
    for (size_t i = 0; i < maker->node_count; i++) {
        maker->nodes[i].announced = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct item *item = &maker->items[i];
        bool latest = item->kind == ITEM_COUNTERS;

        for (size_t k = i + 1; k < count && latest; k++) {
            latest =
                maker->items[k].kind != ITEM_COUNTERS || maker->items[k].thread != item->thread;
        }
        if (item->kind <= ITEM_THREAD || item->kind == ITEM_METRIC || item->kind == ITEM_DEFINE ||
            latest) {
            add_to_block(writer, item);
        }
    }
    end_section(writer);
    writer->last_ns = now_ns;
    for (size_t i = 0; i < writer->open_count; i++) {
        announce_node(writer, writer->open[i].born.stack);
        push_event(writer, &writer->open[i].born);
    }
    put_event_columns(writer, MR_SECTION_ALIVE, MR_ALIVE_LAST | MR_ALIVE_WHOLE);
    writer->event_count = 0;
}

static void add_to_block(struct writer *writer, struct item *item)
{
    bool is_row = item->kind <= ITEM_GONE || item->kind == ITEM_METRIC;

    if (is_row || item->kind == ITEM_RAW) {
        if (writer->event_count || writer->mark_count || item->kind != writer->section_kind) {
            end_section(writer);
        }
        writer->section_kind = item->kind;
        put(is_row ? &writer->section : &writer->payload, item->row.at, item->row.count);
        if (item->kind == ITEM_HEADER && writer->maker->segmented) {
            entry_number(&writer->section, MR_KEY_SEGMENT, writer->segment_count);
            if (writer->maker->only_last) {
                entry_number(&writer->section, MR_KEY_ONLY_LAST, 1);
            }
        }
    } else if (item->kind == ITEM_DEFINE) { /* stands before what is being filled */
        if (writer->section.count) {
            end_section(writer);
        }
        put_section(writer, MR_SECTION_DEFINE, &item->row);
    } else if (item->kind == ITEM_EVENT || item->kind == ITEM_MARK || item->kind == ITEM_MOVE) {
        if (writer->section.count) {
            end_section(writer);
        }
        if (item->kind == ITEM_MOVE) {
            resolve_move(writer, item);
        }
        if (item->kind == ITEM_EVENT) {
            add_event(writer, item);
        } else {
            add_mark_row(writer, item);
        }
    } else if (item->kind == ITEM_GAUGE) {
        add_gauge(writer, item);
    } else if (item->kind == ITEM_COUNTERS) {
        add_counters(&writer->counters, item);
    } else if (item->kind == ITEM_HEAP_COUNTERS) {
        add_heap_counters(&writer->heap_counters, item);
    } else if (item->kind == ITEM_COUNT) {
        writer->announced_more += item->a;
    }
    writer->last_ns = item->time_ns;
}

static int by_time(const void *left, const void *right)
{
    const struct item *a = left, *b = right;

    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static void write_items(struct writer *writer)
{
    struct maker *maker = writer->maker;

    qsort(maker->items, maker->item_count, sizeof *maker->items, by_time);
    for (size_t i = 0; i < maker->item_count && !maker->failed; i++) {
        struct item *item = &maker->items[i];

        if (item->kind == ITEM_END && i + 1 < maker->item_count) {
            maker->line = item->line;
            complain(maker, "something happens after the end");
        }
        add_to_block(writer, item);
        if (item->kind == ITEM_BLOCK || item->kind == ITEM_SEGMENT || i + 1 == maker->item_count) {
            end_block(writer, item->kind == ITEM_END);
        }
        if (item->kind == ITEM_SEGMENT) {
            begin_segment(writer, i, item->time_ns);
        }
        if (writer->block_count == BLOCKS_MAX) {
            complain(maker, "too many blocks");
        }
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void splice(struct writer *writer, uint64_t offset, size_t removed, const void *inserted,
                   size_t inserted_bytes)
{
    struct bytes rest = {0}, *file = &writer->file;

    put(&rest, file->at + offset + removed, file->count - offset - removed);
    file->count = offset;
    put(file, inserted, inserted_bytes);
    put(file, rest.at, rest.count);
    for (size_t i = 0; i <= writer->block_count; i++) {
        if (writer->offsets[i] > offset || (writer->offsets[i] == offset && inserted_bytes)) {
            writer->offsets[i] += inserted_bytes - removed;
        }
    }
    free(rest.at);
}

static void do_damage(struct writer *writer, const struct damage *damage)
{
    struct maker *maker = writer->maker;
    uint64_t start = damage->whole_file ? 0 : writer->offsets[damage->block];
    uint64_t at = start + damage->offset;

    if (damage->block >= writer->block_count || at > writer->file.count) {
        complain(maker, "there is nothing to damage at block %llu, byte %llu",
                 (unsigned long long)damage->block, (unsigned long long)damage->offset);
        return;
    }
    size_t block_bytes = (size_t)(writer->offsets[damage->block + 1] - start);
    if (strcmp(damage->verb, "cut") == 0) {
        writer->file.count = at;
    } else if (strcmp(damage->verb, "flip") == 0 && at < writer->file.count && damage->bit < 8) {
        writer->file.at[at] ^= (uint8_t)(1 << damage->bit);
    } else if (strcmp(damage->verb, "remove") == 0) {
        splice(writer, start, block_bytes, NULL, 0);
    } else if (strcmp(damage->verb, "repeat") == 0) {
        struct bytes block = {0};

        put(&block, writer->file.at + start, block_bytes);
        splice(writer, start, 0, block.at, block.count);
        free(block.at);
    } else if (strcmp(damage->verb, "keep") == 0 && damage->block <= writer->segment_count) {
        size_t after = damage->block == writer->segment_count
                           ? writer->block_count
                           : writer->segment_blocks[damage->block + 1];

        start = writer->offsets[writer->segment_blocks[damage->block]];
        writer->file.count = writer->offsets[after];
        splice(writer, 0, start, NULL, 0);
    } else if (strcmp(damage->verb, "insert") == 0) {
        splice(writer, start, 0, damage->text, strlen(damage->text));
    } else {
        complain(maker, "there is no damage \"%s\"", damage->verb);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void forget(struct maker *maker, struct writer *writer)
{
    for (size_t i = 0; i < maker->item_count; i++) {
        free(maker->items[i].row.at);
    }
    for (size_t i = 0; i < NAMES_MAX; i++) {
        free(maker->stacks[i].text);
        free(maker->metrics[i].text);
        free(maker->modules[i].text);
        free(maker->threads[i].text);
        free(maker->strings[i].text);
        free(maker->places[i].text);
    }
    for (size_t i = 0; i < maker->damage_count; i++) {
        free(maker->damages[i].text);
    }
    free(maker->items);
    free(maker->nodes);
    free(writer->open);
    free(writer->events);
    free(writer->payload.at);
    free(writer->section.at);
    free(writer->marks);
    free(writer->counters.at);
    free(writer->heap_counters.at);
    free(writer->gauges.at);
    free(writer);
    free(maker);
}

bool mktrace(const char *name, const char *text, uint8_t **bytes, size_t *size_bytes)
{
    struct maker *maker = calloc(1, sizeof *maker);
    struct writer *writer = calloc(1, sizeof *writer);

    if (!maker || !writer) {
        abort();
    }
    writer->maker = maker;
    writer->next_id = 1;
    maker->name = name;
    maker->line = 1;
    maker->major = MR_TRACE_MAJOR;
    for (unsigned i = 0; i < sizeof maker->trace_id; i++) {
        maker->trace_id[i] = (uint8_t)(0x11 * i);
    }
    make_lines(maker, text, false);
    if (!maker->failed) {
        write_items(writer);
    }
    for (size_t i = 0; i < maker->damage_count && !maker->failed; i++) {
        do_damage(writer, &maker->damages[i]);
    }
    bool made = !maker->failed;
    if (made) {
        *bytes = grown(writer->file.at, writer->file.count);
        *size_bytes = writer->file.count;
    } else {
        free(writer->file.at);
    }
    forget(maker, writer);
    return made;
}

bool mktrace_file(const char *name, const char *text, const char *path)
{
    uint8_t *bytes;
    size_t size_bytes;

    if (!mktrace(name, text, &bytes, &size_bytes)) {
        return false;
    }
    FILE *out = fopen(path, "wb");
    bool written = out && fwrite(bytes, 1, size_bytes, out) == size_bytes;
    written = (!out || fclose(out) == 0) && written;
    if (!written) {
        perror(path);
    }
    free(bytes);
    return written;
}
