/* SPDX-License-Identifier: Apache-2.0 */
/* stack_table.c -- see stack_table.h. */
#include "stack_table.h"

#include "diag.h"
#include "schema/trace_format.h"
#include "stack_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHE_BITS = 12,
    CACHE_SIZE = 1 << CACHE_BITS,
    STACK_FRAMES_MAX = 4096, /* of a chain of nodes: a damaged trace may claim more */
    FUNCTION_BYTES = 1024,   /* of stack.function and frame.function at most */
    PLACES_MAX = 1 << 20,    /* numbers beyond are not what a writer makes */
};

#define NO_OBJECT  UINT32_MAX
#define PLACES     (UINT32_MAX - 1)    /* for an object: offset is an index of `places` */
#define PLACE_NODE (UINT32_C(1) << 31) /* in node.frame: the number of a place, not asked for yet */

struct object {     /* a binary: shared by the runs and mappings that agree on it */
    char *identity; /* build id in hex, or path */
    char *path;     /* where it was first seen */
    uint8_t *build_id;
    size_t build_id_bytes;
};

struct module { /* a row of module */
    int64_t run_id;
    uint64_t number, bias;
    uint32_t object;
    char *path;
    int64_t first_ns, gone_ns; /* gone -1: stayed */
};

struct mapping { /* an executable range of the current run; sorted, disjoint */
    uint64_t start, end;
    uint32_t module;
};

struct place {             /* in an interpreted program */
    char *key;             /* content-addressed; of one that is not defined: by run and number */
    char *function, *file; /* NULL: not known */
    uint32_t line;         /* 0: not known */
    bool defined;
    bool native; /* of code after all: see stack_table_native_places */
};

struct frame {
    uint32_t object; /* NO_OBJECT: offset is the address; PLACES */
    bool used;       /* by a stack */
    bool looked_up;
    bool allocator; /* its outermost function only hands memory through; valid once named */
    uint64_t offset;
    const struct symbol_frame *names; /* innermost first; NULL: none found */
    uint32_t name_count;
    uint32_t first_row; /* frame.id of its innermost name; the others follow */
};

struct stack {
    uint8_t key[STACK_ID_BYTES];
    uint32_t first, count; /* in stack_frames */
    bool truncated;
    uint32_t site;  /* index of the first frame that is no wrapper; valid once named */
    char *function; /* valid once named */
};

struct cached {
    uint64_t pc;
    uint32_t frame; /* plus 1; 0: empty */
};

/* Growing arrays with an open-addressing index over them: 0 is a hole, else element + 1. */
struct index {
    uint32_t *at;
    size_t capacity; /* a power of two */
};

struct stack_table {
    int64_t run_id;
    bool native_places;
    struct object *objects;
    size_t object_count, object_room;
    struct module *modules;
    size_t module_count, module_room, run_first_module;
    struct mapping *mappings;
    size_t mapping_count, mapping_room;
    struct place *places;
    size_t place_count, place_room;
    struct index place_index;          /* by key */
    struct sparse_array place_numbers; /* of this run: uint32_t index of places, plus 1 */
    struct frame *frames;
    size_t frame_count, frame_room;
    struct index frame_index;
    struct stack *stacks;
    size_t stack_count, stack_room;
    struct index stack_index;
    uint32_t *stack_frames;
    size_t stack_frame_count, stack_frame_room;
    struct sparse_array nodes;
    struct cached cache[CACHE_SIZE];
    struct stack_table_counts counts;
};

static status no_memory(void)
{
    diag_error("could not import: out of memory for stacks");
    return FAIL;
}

/* Makes room for one more element. */
static status reserve(void *array, size_t count, size_t *room, size_t element_bytes)
{
    void **at = array;

    if (count == *room) {
        size_t more = *room + *room / 2 + 64;
        void *grown = realloc(*at, more * element_bytes);

        if (!grown) {
            return no_memory();
        }
        *at = grown;
        *room = more;
    }
    return OK;
}

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 32;
}

static uint64_t frame_hash(uint32_t object, uint64_t offset) { return mix(offset + mix(object)); }

static uint64_t stack_hash(const uint8_t *key)
{
    uint64_t hash;

    memcpy(&hash, key, sizeof hash);
    return hash;
}

/* Doubles an index when it is half full; `hash_of` tells where an element belongs. */
static status index_reserve(struct stack_table *table, struct index *index, size_t count,
                            uint64_t (*hash_of)(const struct stack_table *table, size_t element))
{
    if (2 * (count + 1) < index->capacity) {
        return OK;
    }
    size_t capacity = index->capacity ? 2 * index->capacity : 1024;
    uint32_t *at = calloc(capacity, sizeof *at);
    if (!at) {
        return no_memory();
    }
    for (size_t i = 0; i < count; i++) {
        size_t slot = hash_of(table, i) & (capacity - 1);

        while (at[slot]) {
            slot = (slot + 1) & (capacity - 1);
        }
        at[slot] = (uint32_t)i + 1;
    }
    free(index->at);
    *index = (struct index){at, capacity};
    return OK;
}

static uint64_t hash_of_frame(const struct stack_table *table, size_t element)
{
    return frame_hash(table->frames[element].object, table->frames[element].offset);
}

static uint64_t text_hash(const char *text) { return XXH3_64bits(text, strlen(text)); }

static uint64_t hash_of_place(const struct stack_table *table, size_t element)
{
    return text_hash(table->places[element].key);
}

static uint64_t hash_of_stack(const struct stack_table *table, size_t element)
{
    return stack_hash(table->stacks[element].key);
}

status stack_table_open(struct stack_table **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return no_memory();
    }
    (*out)->nodes.element_bytes = sizeof(struct stack_table_node);
    (*out)->place_numbers.element_bytes = sizeof(uint32_t);
    return OK;
}

void stack_table_close(struct stack_table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->object_count; i++) {
        free(table->objects[i].identity);
        free(table->objects[i].path);
        free(table->objects[i].build_id);
    }
    for (size_t i = 0; i < table->module_count; i++) {
        free(table->modules[i].path);
    }
    for (size_t i = 0; i < table->stack_count; i++) {
        free(table->stacks[i].function);
    }
    for (size_t i = 0; i < table->place_count; i++) {
        free(table->places[i].key);
        free(table->places[i].function);
        free(table->places[i].file);
    }
    free(table->places);
    free(table->place_index.at);
    sparse_clear(&table->place_numbers);
    free(table->objects);
    free(table->modules);
    free(table->mappings);
    free(table->frames);
    free(table->frame_index.at);
    free(table->stacks);
    free(table->stack_index.at);
    free(table->stack_frames);
    sparse_clear(&table->nodes);
    free(table);
}

void stack_table_begin_run(struct stack_table *table, int64_t run_id)
{
    table->run_id = run_id;
    table->mapping_count = 0;
    table->run_first_module = table->module_count;
    table->counts = (struct stack_table_counts){0};
    sparse_clear(&table->nodes);
    sparse_clear(&table->place_numbers);
    memset(table->cache, 0, sizeof table->cache);
}

/* ---- modules ---- */

static char *copy_text(struct text text)
{
    char *copy = malloc(3 * text.length + 1);

    if (copy) {
        db_clean_text(copy, 3 * text.length + 1, text);
    }
    return copy;
}

static status find_object(struct stack_table *table, const struct module_record *record,
                          uint32_t *out)
{
    char *path = copy_text(record->path);
    char *identity = path;

    if (record->build_id.length && (identity = malloc(2 * record->build_id.length + 1))) {
        stack_id_hex(identity, (const uint8_t *)record->build_id.bytes, record->build_id.length);
    }
    if (!path || !identity) {
        free(path);
        return no_memory();
    }
    for (size_t i = 0; i < table->object_count; i++) {
        if (strcmp(table->objects[i].identity, identity) == 0) {
            if (identity != path) {
                free(identity);
            }
            free(path);
            *out = (uint32_t)i;
            return OK;
        }
    }
    struct object object = {.path = path, .identity = identity == path ? strdup(path) : identity};
    if (record->build_id.length && (object.build_id = malloc(record->build_id.length))) {
        memcpy(object.build_id, record->build_id.bytes, record->build_id.length);
        object.build_id_bytes = record->build_id.length;
    }
    status room = reserve(&table->objects, table->object_count, &table->object_room, sizeof object);
    if (room.code != STATUS_OK || !object.identity ||
        (record->build_id.length && !object.build_id)) {
        free(object.path);
        free(object.identity);
        free(object.build_id);
        return room.code != STATUS_OK ? room : no_memory();
    }
    *out = (uint32_t)table->object_count;
    table->objects[table->object_count++] = object;
    return OK;
}

static void remove_mappings(struct stack_table *table, uint32_t module)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->mapping_count; i++) {
        if (table->mappings[i].module != module) {
            table->mappings[kept++] = table->mappings[i];
        }
    }
    table->mapping_count = kept;
}

/* A range replaces what it overlaps: the unmapping of the older one was in a lost block. */
static status add_mapping(struct stack_table *table, struct mapping mapping)
{
    size_t at = 0;
    size_t end;

    if (mapping.end <= mapping.start) {
        return OK;
    }
    TRY(reserve(&table->mappings, table->mapping_count, &table->mapping_room, sizeof mapping));
    while (at < table->mapping_count && table->mappings[at].end <= mapping.start) {
        at++;
    }
    for (end = at; end < table->mapping_count && table->mappings[end].start < mapping.end;) {
        end++;
    }
    memmove(table->mappings + at + 1, table->mappings + end,
            (table->mapping_count - end) * sizeof mapping);
    table->mappings[at] = mapping;
    table->mapping_count = table->mapping_count + 1 - (end - at);
    return OK;
}

static struct module *find_module(struct stack_table *table, uint64_t number)
{
    for (size_t i = table->module_count; i > table->run_first_module; i--) {
        if (table->modules[i - 1].number == number) {
            return &table->modules[i - 1];
        }
    }
    return NULL;
}

status stack_table_module(struct stack_table *table, const struct module_record *record,
                          int64_t time_ns)
{
    if (find_module(table, record->id)) {
        return OK; /* announced again */
    }
    struct module module = {.run_id = table->run_id,
                            .number = record->id,
                            .bias = record->bias,
                            .first_ns = time_ns,
                            .gone_ns = -1};
    TRY(find_object(table, record, &module.object));
    TRY(reserve(&table->modules, table->module_count, &table->module_room, sizeof module));
    module.path = copy_text(record->path);
    if (!module.path) {
        return no_memory();
    }
    uint32_t index = (uint32_t)table->module_count;
    table->modules[table->module_count++] = module;
    for (size_t i = 0; i < record->range_count; i++) {
        TRY(add_mapping(table, (struct mapping){
                                   record->ranges[i].start,
                                   record->ranges[i].start + record->ranges[i].size_bytes, index}));
    }
    memset(table->cache, 0, sizeof table->cache);
    return OK;
}

void stack_table_module_gone(struct stack_table *table, uint64_t number, int64_t time_ns)
{
    struct module *module = find_module(table, number);

    if (module) {
        module->gone_ns = time_ns;
        remove_mappings(table, (uint32_t)(module - table->modules));
        memset(table->cache, 0, sizeof table->cache);
    }
}

/* ---- places ---- */

/* The slot of a key in the index: its place, or the hole where it belongs. */
static size_t place_slot(const struct stack_table *table, const char *key)
{
    size_t mask = table->place_index.capacity - 1;
    size_t slot = text_hash(key) & mask;

    while (table->place_index.at[slot] &&
           strcmp(table->places[table->place_index.at[slot] - 1].key, key) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* The place with this key, plus 1, made when there is none; takes the key over. */
static status add_place(struct stack_table *table, char *key, uint32_t *out)
{
    status result =
        reserve(&table->places, table->place_count, &table->place_room, sizeof *table->places);

    if (result.code == STATUS_OK) {
        result = index_reserve(table, &table->place_index, table->place_count, hash_of_place);
    }
    uint32_t *at = result.code == STATUS_OK ? &table->place_index.at[place_slot(table, key)] : NULL;
    if (!at || *at) {
        free(key);
    } else {
        table->places[table->place_count++] = (struct place){.key = key};
        *at = (uint32_t)table->place_count;
    }
    *out = at ? *at : 0;
    return result;
}

/* The place that a number means in this run, before or after its definition. 0: none, and all beyond. */
static status place_of(struct stack_table *table, uint32_t number, uint32_t *out)
{
    uint32_t *index = sparse_make(&table->place_numbers, number);
    char *key = NULL;

    if (!index) {
        return no_memory();
    }
    if (!*index) {
        if (asprintf(&key, "place %lld.%u", (long long)table->run_id, number) < 0) {
            return no_memory();
        }
        TRY(add_place(table, key, index));
    }
    *out = *index - 1;
    return OK;
}

static status fill_place(const struct stack_table *table, struct place *place, struct text function,
                         struct text file, uint32_t line)
{
    place->native = table->native_places;
    place->function = function.length ? copy_text(function) : NULL;
    place->file = file.length ? copy_text(file) : NULL;
    place->line = line;
    place->defined = true;
    return (function.length && !place->function) || (file.length && !place->file) ? no_memory()
                                                                                  : OK;
}

void stack_table_native_places(struct stack_table *table, bool native)
{
    table->native_places = native;
}

status stack_table_place(struct stack_table *table, uint64_t number, struct text function,
                         struct text file, uint32_t line)
{
    char *key = NULL;

    if (number == 0 || number >= PLACES_MAX) {
        return OK;
    }
    uint32_t *index = sparse_make(&table->place_numbers, (uint32_t)number);
    if (!index) {
        return no_memory();
    }
    if (*index) { /* told again, or used before */
        struct place *place = &table->places[*index - 1];

        return place->defined ? OK : fill_place(table, place, function, file, line);
    }
    if (asprintf(&key, "%.*s@%.*s:%u", (int)(function.bytes ? function.length : 0),
                 function.bytes ? function.bytes : "", (int)(file.bytes ? file.length : 0),
                 file.bytes ? file.bytes : "", line) < 0) {
        return no_memory();
    }
    TRY(add_place(table, key, index));
    return table->places[*index - 1].defined
               ? OK
               : fill_place(table, &table->places[*index - 1], function, file, line);
}

/* ---- nodes and frames ---- */

static status add_frame(struct stack_table *table, uint32_t object, uint64_t offset, uint32_t *out)
{
    TRY(index_reserve(table, &table->frame_index, table->frame_count, hash_of_frame));
    size_t mask = table->frame_index.capacity - 1;
    size_t slot = frame_hash(object, offset) & mask;

    for (; table->frame_index.at[slot]; slot = (slot + 1) & mask) {
        const struct frame *frame = &table->frames[table->frame_index.at[slot] - 1];

        if (frame->offset == offset && frame->object == object) {
            *out = table->frame_index.at[slot] - 1;
            return OK;
        }
    }
    TRY(reserve(&table->frames, table->frame_count, &table->frame_room, sizeof *table->frames));
    table->frames[table->frame_count] = (struct frame){.object = object, .offset = offset};
    *out = (uint32_t)table->frame_count++;
    table->frame_index.at[slot] = *out + 1;
    return OK;
}

/* The frame of a return address, by the modules mapped now. */
static status frame_of(struct stack_table *table, uint64_t pc, uint32_t *out)
{
    struct cached *cached = &table->cache[mix(pc) & (CACHE_SIZE - 1)];

    if (cached->frame && cached->pc == pc) {
        *out = cached->frame - 1;
        return OK;
    }
    uint64_t address = pc - 1;
    size_t low = 0;
    size_t high = table->mapping_count;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (table->mappings[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < table->mapping_count && table->mappings[low].start <= address) {
        const struct module *module = &table->modules[table->mappings[low].module];

        TRY(add_frame(table, module->object, address - module->bias, out));
    } else {
        TRY(add_frame(table, NO_OBJECT, address, out));
    }
    *cached = (struct cached){pc, *out + 1};
    return OK;
}

/* The frame, plus 1, of a place by its number: asked when a stack is first used, since its definition may come
 * after the node. */
static status frame_of_place(struct stack_table *table, uint32_t number, uint32_t *out)
{
    uint32_t place;

    TRY(place_of(table, number, &place));
    TRY(add_frame(table, PLACES, place, out));
    ++*out;
    return OK;
}

status stack_table_nodes(struct stack_table *table, const struct stack_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        uint64_t id = record->first_id + i;

        if (id > UINT32_MAX || record->parents[i] >= id) {
            continue; /* not what a writer makes; what refers to it is a lost stack */
        }
        struct stack_table_node *node = sparse_make(&table->nodes, (uint32_t)id);
        if (!node) {
            return no_memory();
        }
        if (node->frame) {
            continue; /* announced again */
        }
        uint64_t pc = record->pcs[i];
        uint32_t frame;
        if (mr_pc_is_place(pc)) {
            frame = PLACE_NODE | (uint32_t)(pc - MR_PLACE_PC < PLACES_MAX ? pc - MR_PLACE_PC : 0);
        } else {
            TRY(frame_of(table, pc, &frame));
            frame++;
        }
        node->parent = (uint32_t)record->parents[i];
        node->frame = frame;
        node->stack_id = 0; /* it may have been used while its announcement was lost */
        table->counts.nodes++;
    }
    return OK;
}

/* ---- stacks ---- */

static const char *identity_of(const struct stack_table *table, const struct frame *frame)
{
    return frame->object == NO_OBJECT ? ""
           : frame->object == PLACES  ? table->places[frame->offset].key
                                      : table->objects[frame->object].identity;
}

/* A place is all in its identity. */
static uint64_t offset_of(const struct frame *frame)
{
    return frame->object == PLACES ? 0 : frame->offset;
}

static status add_stack(struct stack_table *table, const uint32_t *frames, uint32_t count,
                        bool truncated, uint32_t *stack_id)
{
    struct stack stack = {
        .first = (uint32_t)table->stack_frame_count, .count = count, .truncated = truncated};
    struct stack_id_state state;

    stack_id_begin(&state);
    for (uint32_t i = 0; i < count; i++) {
        const struct frame *frame = &table->frames[frames[i]];

        stack_id_frame(&state, identity_of(table, frame), offset_of(frame));
    }
    stack_id_end(&state, truncated, stack.key);

    TRY(index_reserve(table, &table->stack_index, table->stack_count, hash_of_stack));
    size_t mask = table->stack_index.capacity - 1;
    size_t slot = stack_hash(stack.key) & mask;
    for (; table->stack_index.at[slot]; slot = (slot + 1) & mask) {
        if (memcmp(table->stacks[table->stack_index.at[slot] - 1].key, stack.key,
                   sizeof stack.key) == 0) {
            *stack_id = table->stack_index.at[slot];
            return OK;
        }
    }
    TRY(reserve(&table->stacks, table->stack_count, &table->stack_room, sizeof stack));
    for (uint32_t i = 0; i < count; i++) {
        TRY(reserve(&table->stack_frames, table->stack_frame_count, &table->stack_frame_room,
                    sizeof *table->stack_frames));
        table->stack_frames[table->stack_frame_count++] = frames[i];
        table->frames[frames[i]].used = true;
    }
    table->stacks[table->stack_count++] = stack;
    *stack_id = (uint32_t)table->stack_count;
    table->stack_index.at[slot] = *stack_id;
    return OK;
}

status stack_table_use(struct stack_table *table, uint32_t id, uint32_t *stack_id)
{
    uint32_t frames[STACK_FRAMES_MAX];
    uint32_t count = 0;
    uint32_t at = id;
    bool truncated = false;
    struct stack_table_node *node = sparse_find(&table->nodes, id);

    if (node && node->stack_id) {
        *stack_id = node->stack_id == STACK_TABLE_LOST ? 0 : node->stack_id;
        return OK;
    }
    *stack_id = 0;
    while (at > 1) {
        struct stack_table_node *step = sparse_find(&table->nodes, at);

        if (!step || !step->frame || count == STACK_FRAMES_MAX) {
            truncated = true;
            table->counts.broken += count > 0;
            break;
        }
        if (step->frame & PLACE_NODE) {
            TRY(frame_of_place(table, step->frame & ~PLACE_NODE, &step->frame));
        }
        frames[count++] = step->frame - 1;
        at = step->parent;
    }
    if (at == 1) {
        truncated = true;
        table->counts.truncated++;
    }
    if (count > 0) {
        TRY(add_stack(table, frames, count, truncated, stack_id));
    }
    if (node) {
        node->stack_id = *stack_id ? *stack_id : STACK_TABLE_LOST;
    }
    return OK;
}

uint32_t stack_table_count(const struct stack_table *table) { return (uint32_t)table->stack_count; }

const uint32_t *stack_table_frames(const struct stack_table *table, uint32_t stack_id,
                                   uint32_t *count, bool *truncated)
{
    const struct stack *stack = &table->stacks[stack_id - 1];

    *count = stack->count;
    *truncated = stack->truncated;
    return table->stack_frames + stack->first;
}

const struct stack_table_counts *stack_table_get_counts(const struct stack_table *table)
{
    return &table->counts;
}

/* ---- names ---- */

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* A frame's name at `level` (0: innermost inlined), in `out`. */
static const char *frame_name(const struct stack_table *table, const struct frame *frame,
                              uint32_t level, char out[FUNCTION_BYTES])
{
    if (frame->name_count) {
        return db_clean_text(out, FUNCTION_BYTES, frame->names[level].function);
    }
    if (frame->object == PLACES) {
        const struct place *place = &table->places[frame->offset];

        if (place->function) {
            snprintf(out, FUNCTION_BYTES, "%s", place->function);
        } else if (place->file) {
            snprintf(out, FUNCTION_BYTES, "%.900s:%u", file_name(place->file), place->line);
        } else {
            snprintf(out, FUNCTION_BYTES, "%.900s", place->key);
        }
    } else if (frame->object == NO_OBJECT) {
        snprintf(out, FUNCTION_BYTES, "0x%llx", (unsigned long long)frame->offset);
    } else {
        snprintf(out, FUNCTION_BYTES, "%.900s+0x%llx",
                 file_name(table->objects[frame->object].path), (unsigned long long)frame->offset);
    }
    return out;
}

static uint32_t level_count(const struct frame *frame)
{
    return frame->name_count ? frame->name_count : 1;
}

struct order {
    uint32_t object, frame;
    uint64_t offset;
};

static int compare_order(const void *left, const void *right)
{
    const struct order *l = left;
    const struct order *r = right;

    if (l->object != r->object) {
        return l->object < r->object ? -1 : 1;
    }
    return (l->offset > r->offset) - (l->offset < r->offset);
}

static status look_up(struct stack_table *table, struct symbolizer *symbolizer, struct frame *frame)
{
    const struct object *object = &table->objects[frame->object];
    size_t count = 0;
    char name[FUNCTION_BYTES];

    TRY(symbolizer_lookup(symbolizer, object->path, object->build_id, object->build_id_bytes,
                          frame->offset, &frame->names, &count));
    frame->name_count = (uint32_t)count;
    if (count) {
        /* A wrapper inlined into a real function leaves the real one visible: judge the
         * outermost. */
        frame->allocator =
            stack_id_is_allocator(frame_name(table, frame, (uint32_t)count - 1, name));
    }
    return OK;
}

/* The innermost function of a stack that is no allocator; *frame and *level say where it is. */
static void find_site(const struct stack_table *table, const struct stack *stack,
                      uint32_t *frame_at, uint32_t *level_at)
{
    char name[FUNCTION_BYTES];

    for (uint32_t i = 0; i < stack->count; i++) {
        const struct frame *frame = &table->frames[table->stack_frames[stack->first + i]];

        for (uint32_t level = 0; level < level_count(frame) && !frame->allocator; level++) {
            if ((frame->object == PLACES && !table->places[frame->offset].native) ||
                !stack_id_is_allocator(frame_name(table, frame, level, name))) {
                *frame_at = i;
                *level_at = level;
                return;
            }
        }
    }
    *frame_at = 0;
    *level_at = 0;
}

status stack_table_name(struct stack_table *table, struct symbolizer *symbolizer)
{
    struct order *order = malloc((table->frame_count + 1) * sizeof *order);
    size_t count = 0;
    status result = OK;

    if (!order) {
        return no_memory();
    }
    for (uint32_t i = 0; i < table->frame_count; i++) {
        struct frame *frame = &table->frames[i];

        if (frame->used && !frame->looked_up && frame->object < PLACES) {
            frame->looked_up = true;
            order[count++] = (struct order){table->frames[i].object, i, table->frames[i].offset};
        }
    }
    qsort(order, count, sizeof *order, compare_order);
    for (size_t i = 0; i < count && symbolizer && result.code == STATUS_OK; i++) {
        result = look_up(table, symbolizer, &table->frames[order[i].frame]);
    }
    free(order);
    TRY(result);
    for (size_t i = 0; i < table->stack_count; i++) {
        struct stack *stack = &table->stacks[i];
        char name[FUNCTION_BYTES];
        uint32_t level;

        if (stack->function) {
            continue;
        }
        find_site(table, stack, &stack->site, &level);
        const struct frame *frame = &table->frames[table->stack_frames[stack->first + stack->site]];
        stack->function = strdup(frame_name(table, frame, level, name));
        if (!stack->function) {
            return no_memory();
        }
    }
    return OK;
}

const char *stack_table_function(const struct stack_table *table, uint32_t stack_id)
{
    return table->stacks[stack_id - 1].function;
}

uint32_t stack_table_site_depth(const struct stack_table *table, uint32_t stack_id)
{
    return table->stacks[stack_id - 1].site;
}

/* ---- rows ---- */

static status write_modules(struct stack_table *table, struct symbolizer *symbolizer, struct db *db)
{
    struct statement *insert;
    char hex[2 * 64 + 1];

    TRY(db_prepare(db,
                   "INSERT INTO module (run_id, number, path, build_id, bias, first_ns, gone_ns,"
                   " symbols) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (size_t i = 0; i < table->module_count; i++) {
        const struct module *module = &table->modules[i];
        const struct object *object = &table->objects[module->object];

        db_bind_int(insert, 1, module->run_id);
        db_bind_int(insert, 2, (int64_t)module->number);
        db_bind_string(insert, 3, module->path);
        if (object->build_id) {
            stack_id_hex(hex, object->build_id,
                         object->build_id_bytes < 64 ? object->build_id_bytes : 64);
            db_bind_string(insert, 4, hex);
        }
        db_bind_int(insert, 5, (int64_t)module->bias);
        db_bind_int(insert, 6, module->first_ns);
        if (module->gone_ns >= 0) {
            db_bind_int(insert, 7, module->gone_ns);
        }
        if (symbolizer) {
            db_bind_string(insert, 8,
                           symbolizer_source(symbolizer, object->path, object->build_id,
                                             object->build_id_bytes));
        }
        TRY(db_insert(insert));
    }
    return OK;
}

static status write_frames(struct stack_table *table, struct db *db)
{
    struct statement *insert;
    uint32_t row = 0;
    char name[FUNCTION_BYTES];
    char key[2 * 64 + FUNCTION_BYTES];

    TRY(db_prepare(db,
                   "INSERT INTO frame (id, key, module_path, build_id, module_offset,"
                   " inline_level, function, raw_name, file, line, kind)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (size_t i = 0; i < table->frame_count; i++) {
        struct frame *frame = &table->frames[i];
        const struct object *object =
            frame->object < PLACES ? &table->objects[frame->object] : NULL;
        const struct place *place = frame->object == PLACES ? &table->places[frame->offset] : NULL;

        frame->first_row = row + 1;
        for (uint32_t level = 0; frame->used && level < level_count(frame); level++) {
            uint32_t inline_level = level_count(frame) - 1 - level;
            const struct symbol_frame *symbol = frame->name_count ? &frame->names[level] : NULL;

            snprintf(key, sizeof key, "%.1000s+0x%llx:%u", identity_of(table, frame),
                     (unsigned long long)offset_of(frame), inline_level);
            db_bind_int(insert, 1, ++row);
            db_bind_string(insert, 2, key);
            if (object) {
                db_bind_string(insert, 3, object->path);
                db_bind_string(insert, 4, object->build_id ? object->identity : NULL);
            }
            db_bind_int(insert, 5, (int64_t)offset_of(frame));
            db_bind_int(insert, 6, inline_level);
            frame_name(table, frame, level, name);
            db_bind_string(insert, 7, name);
            if (symbol) {
                db_bind_text(insert, 8,
                             symbol->raw_name.bytes ? symbol->raw_name : symbol->function);
                db_bind_text(insert, 9, symbol->file);
                if (symbol->line) {
                    db_bind_int(insert, 10, symbol->line);
                }
            }
            if (place) {
                db_bind_string(insert, 8, place->function);
                db_bind_string(insert, 9, place->file);
                db_bind_known(insert, 10, place->line ? place->line : UNKNOWN);
            }
            db_bind_string(insert, 11,
                           place && !place->native ? "interpreted"
                           : frame->allocator || ((symbol || place) && stack_id_is_allocator(name))
                               ? "allocator"
                               : "code");
            TRY(db_insert(insert));
        }
    }
    return OK;
}

/* The names of a stack from its site outwards, one after another, each with its NUL. */
struct names {
    char *bytes;
    size_t used, room;
    size_t *starts;
    size_t count, start_room;
};

static status add_name(struct names *names, const char *name)
{
    char short_name[STACK_ID_NAME_BYTES];
    size_t length = strlen(stack_id_short_name(short_name, name)) + 1;

    while (names->used + length > names->room) {
        size_t room = 2 * names->room + 4096;
        char *bytes = realloc(names->bytes, room);

        if (!bytes) {
            return no_memory();
        }
        names->bytes = bytes;
        names->room = room;
    }
    TRY(reserve(&names->starts, names->count, &names->start_room, sizeof *names->starts));
    names->starts[names->count++] = names->used;
    memcpy(names->bytes + names->used, short_name, length);
    names->used += length;
    return OK;
}

/* Joins the names, first to last or last to first; the caller frees. NULL: out of memory. */
static char *join_names(const struct names *names, const char *separator, bool backwards)
{
    char *joined = malloc(names->used + names->count * strlen(separator) + 1);
    char *at = joined;

    if (!joined) {
        return NULL;
    }
    *at = '\0';
    for (size_t i = 0; i < names->count; i++) {
        size_t which = backwards ? names->count - 1 - i : i;

        at = stpcpy(i ? stpcpy(at, separator) : at, names->bytes + names->starts[which]);
    }
    return joined;
}

static status write_stack_frame(struct statement *insert, struct table_writer *writer,
                                int64_t stack_id, int64_t position, int64_t frame_id)
{
    if (writer) {
        table_writer_int(writer, stack_id);
        table_writer_int(writer, position);
        table_writer_int(writer, frame_id);
        return table_writer_end_row(writer, 0);
    }
    db_bind_int(insert, 1, stack_id);
    db_bind_int(insert, 2, position);
    db_bind_int(insert, 3, frame_id);
    return db_insert(insert);
}

/* What of a frame stays when its program is renamed or moved in memory: `name`, else its offset, else
 * nothing. */
static const char *lasting_name(const struct frame *frame, const char *name, char out[32])
{
    if (frame->name_count || frame->object == PLACES) {
        return name;
    }
    if (frame->object == NO_OBJECT) {
        return "?";
    }
    snprintf(out, 32, "+0x%llx", (unsigned long long)frame->offset);
    return out;
}

static status write_stack(struct stack_table *table, size_t at, struct names *names,
                          struct statement *insert, struct statement *insert_frame,
                          struct table_writer *writer)
{
    const struct stack *stack = &table->stacks[at];
    char name[FUNCTION_BYTES];
    char lasting[32];
    char key[STACK_ID_HEX];
    uint8_t names_id[STACK_ID_BYTES];
    struct stack_id_state state;
    char *caller = NULL;
    uint32_t site;
    uint32_t site_level;
    int64_t position = 0;
    status result = OK;

    names->used = names->count = 0;
    stack_id_begin(&state);
    find_site(table, stack, &site, &site_level);
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct frame *frame = &table->frames[table->stack_frames[stack->first + i]];

        for (uint32_t level = 0; level < level_count(frame); level++) {
            TRY(write_stack_frame(insert_frame, writer, (int64_t)at + 1, position++,
                                  frame->first_row + level));
            if (i < site || (i == site && level < site_level)) {
                continue;
            }
            frame_name(table, frame, level, name);
            stack_id_function(&state, lasting_name(frame, name, lasting));
            TRY(add_name(names, name));
            if (names->count == 2 && !(caller = strdup(name))) {
                return no_memory();
            }
        }
    }
    if (stack->truncated) {
        result = add_name(names, "...");
    }
    char *text = join_names(names, " < ", false);
    char *folded = join_names(names, ";", true);
    if (!text || !folded) {
        result = no_memory();
    }
    if (result.code == STATUS_OK) {
        stack_id_hex(key, stack->key, STACK_ID_BYTES);
        db_bind_int(insert, 1, (int64_t)at + 1);
        db_bind_string(insert, 2, key);
        db_bind_int(insert, 3, stack->count);
        db_bind_int(insert, 4, stack->truncated);
        db_bind_string(insert, 5, stack->function);
        db_bind_string(insert, 6, caller);
        db_bind_string(insert, 7, text);
        db_bind_string(insert, 8, folded);
        stack_id_end(&state, stack->truncated, names_id);
        stack_id_hex(key, names_id, STACK_ID_BYTES);
        db_bind_string(insert, 9, key);
        result = db_insert(insert);
    }
    free(caller);
    free(text);
    free(folded);
    return result;
}

status stack_table_write(struct stack_table *table, struct symbolizer *symbolizer, struct db *db,
                         struct table_writer *stack_frame)
{
    struct statement *insert;
    struct statement *insert_frame;
    struct names names = {0};
    status result = OK;

    TRY(write_modules(table, symbolizer, db));
    TRY(write_frames(table, db));
    TRY(db_prepare(db,
                   "INSERT INTO stack (id, key, depth, truncated, function, caller, text, folded,"
                   " names_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    TRY(db_prepare(db, "INSERT INTO stack_frame (stack_id, position, frame_id) VALUES (?, ?, ?)",
                   &insert_frame));
    for (size_t i = 0; i < table->stack_count && result.code == STATUS_OK; i++) {
        result = write_stack(table, i, &names, insert, insert_frame, stack_frame);
    }
    free(names.bytes);
    free(names.starts);
    return result;
}
