/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_pprof.c -- a heap profile in pprof's format (see export_pprof.c): of Go, of jemalloc for Rust, of tcmalloc, of
 * ourselves.
 *
 * Strings come last in a file and everything refers to them, so it is read whole and its messages are found first.
 * Values stand for what was sampled, scaled up already. Message and field are read with their bounds: nothing in a
 * file is trusted.                                                                                */
#include "foreign.h"
#include "foreign_sums.h"

#include "diag.h"
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 512 << 20, TYPES_MAX = 64, DEPTH_MAX = 4096 };

struct cursor {
    const uint8_t *at, *end;
};

struct field {
    uint64_t number, value; /* value: of a varint or fixed number */
    struct cursor bytes;    /* of a field with a length */
    unsigned wire;
};

struct by_id { /* a message of the file, by its id */
    uint64_t id;
    struct cursor message;
};

struct table {
    struct by_id *rows;
    size_t count, room;
};

struct pprof {
    struct foreign_sums sums;
    const char *path;
    struct cursor file;
    struct cursor *strings;
    size_t string_count, string_room;
    struct table functions, locations;
    const char *measure[TYPES_MAX]; /* of each sample type; NULL: not about memory */
    bool is_blocks[TYPES_MAX];
    size_t type_count;
};

static status damaged(const struct pprof *pprof, const char *what)
{
    diag_error("could not read \"%s\": it is no whole pprof profile: %s", pprof->path, what);
    diag_hint("go tool pprof -raw says whether another reader takes it.");
    return FAIL;
}

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

/* ---- wire format ---------------------------------------------------------------------------- */

static bool take_varint(struct cursor *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;

        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* The next field; false: the end, or *bad. */
static bool take_field(struct cursor *in, struct field *out, bool *bad)
{
    uint64_t key;
    uint64_t length = 0;

    if (in->at == in->end) {
        return false;
    }
    *out = (struct field){0};
    *bad = true;
    if (!take_varint(in, &key) || key >> 3 == 0) {
        return false;
    }
    out->number = key >> 3;
    out->wire = (unsigned)(key & 7);
    switch (out->wire) {
    case 0:
        *bad = !take_varint(in, &out->value);
        return !*bad;
    case 1:
        length = 8;
        break;
    case 2:
        if (!take_varint(in, &length)) {
            return false;
        }
        break;
    case 5:
        length = 4;
        break;
    default:
        return false;
    }
    if (length > (uint64_t)(in->end - in->at)) {
        return false;
    }
    out->bytes = (struct cursor){in->at, in->at + length};
    in->at += length;
    *bad = false;
    return true;
}

/* A repeated number: packed, or one alone. */
static bool take_element(struct field *field, uint64_t *out)
{
    if (field->wire == 0) {
        field->wire = 2; /* once */
        *out = field->value;
        return true;
    }
    return field->bytes.at < field->bytes.end && take_varint(&field->bytes, out);
}

/* Fields of a profile one after another, as far as they can be seen, and a sample type among them. */
bool foreign_pprof_knows(const uint8_t *start, size_t size)
{
    struct cursor in = {start, start + size};
    struct field field;
    bool bad = false;
    bool has_type = false;

    while (take_field(&in, &field, &bad)) {
        bool is_number = field.number == 7 || field.number == 8 ||
                         (field.number >= 9 && field.number <= 15 && field.number != 11);
        bool is_message = field.number <= 6 || field.number == 11 || field.number == 13;

        if (!(field.wire == 0 && is_number) && !(field.wire == 2 && is_message)) {
            return false;
        }
        has_type = has_type || (field.number == 1 && field.bytes.end - field.bytes.at >= 2 &&
                                field.bytes.end - field.bytes.at < 24);
    }
    return has_type; /* bad: a field goes on beyond what was read */
}

/* ---- tables --------------------------------------------------------------------------------- */

static status add_row(struct table *table, struct cursor message, const struct pprof *pprof)
{
    struct cursor in = message;
    struct field field;
    uint64_t id = 0;
    bool bad = false;

    while (take_field(&in, &field, &bad)) {
        id = field.number == 1 && field.wire == 0 ? field.value : id;
    }
    if (bad || id == 0) {
        return damaged(pprof, "a function or location without an id");
    }
    if (table->count == table->room) {
        size_t room = 2 * table->room + 256;
        struct by_id *grown = realloc(table->rows, room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        table->rows = grown;
        table->room = room;
    }
    table->rows[table->count++] = (struct by_id){id, message};
    return OK;
}

static int compare_ids(const void *left, const void *right)
{
    const struct by_id *l = left;
    const struct by_id *r = right;

    return (l->id > r->id) - (l->id < r->id);
}

static struct cursor find(const struct table *table, uint64_t id)
{
    const struct by_id key = {.id = id};
    const struct by_id *row =
        table->count ? bsearch(&key, table->rows, table->count, sizeof key, compare_ids) : NULL;

    return row ? row->message : (struct cursor){NULL, NULL};
}

static status add_string(struct pprof *pprof, struct cursor text)
{
    if (pprof->string_count == pprof->string_room) {
        size_t room = 2 * pprof->string_room + 256;
        struct cursor *grown = realloc(pprof->strings, room * sizeof *grown);

        if (!grown) {
            return no_memory();
        }
        pprof->strings = grown;
        pprof->string_room = room;
    }
    pprof->strings[pprof->string_count++] = text;
    return OK;
}

static struct text string(const struct pprof *pprof, uint64_t number)
{
    static const struct text none = {"", 0};

    if (number >= pprof->string_count) {
        return none;
    }
    struct cursor at = pprof->strings[number];
    return (struct text){(const char *)at.at, (size_t)(at.end - at.at)};
}

/* ---- sample types --------------------------------------------------------------------------- */

static bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

static void name_type(struct pprof *pprof, size_t type, struct text name)
{
    static const struct {
        const char *name, *measure;
        bool blocks;
    } known[] = {
        {"alloc_objects", "allocated", true},
        {"alloc_space", "allocated", false},
        {"inuse_objects", "live", true},
        {"inuse_space", "live", false},
        {"objects", "live", true},
        {"space", "live", false},
        {"peak_objects", "peak", true},
        {"peak_space", "peak", false},
        {"temporary_objects", "temporary", true},
        {"temporary_space", "temporary", false},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_is(name, known[i].name)) {
            pprof->measure[type] = known[i].measure;
            pprof->is_blocks[type] = known[i].blocks;
        }
    }
}

/* First pass: where everything is; numbers of the names of sample types wait for the strings. */
static status find_parts(struct pprof *pprof, uint64_t names[TYPES_MAX], uint64_t *comment)
{
    struct cursor in = pprof->file;
    struct field field;
    struct field inner;
    bool bad = false;

    while (take_field(&in, &field, &bad)) {
        struct cursor message = field.bytes;

        switch (field.number) {
        case 1:
            if (pprof->type_count == TYPES_MAX) {
                return damaged(pprof, "more sample types than anyone writes");
            }
            names[pprof->type_count] = 0;
            while (take_field(&message, &inner, &bad)) {
                if (inner.number == 1) {
                    names[pprof->type_count] = inner.value;
                }
            }
            pprof->type_count++;
            break;
        case 4:
            TRY(add_row(&pprof->locations, message, pprof));
            break;
        case 5:
            TRY(add_row(&pprof->functions, message, pprof));
            break;
        case 6:
            TRY(add_string(pprof, message));
            break;
        case 9:
            pprof->sums.started_unix_ns = field.value <= INT64_MAX ? (int64_t)field.value : -1;
            break;
        case 10:
            pprof->sums.duration_ns = field.value <= INT64_MAX ? (int64_t)field.value : 0;
            break;
        case 12:
            pprof->sums.interval_bytes =
                field.value > 1 && field.value < 1ull << 50 ? field.value : 0;
            break;
        case 13: /* the first one: ours says what ran */
            *comment = *comment          ? *comment
                       : field.wire == 0 ? field.value
                                         : (take_element(&field, comment) ? *comment : 0);
            break;
        default:
            break;
        }
        if (bad) {
            break;
        }
    }
    if (bad) {
        return damaged(pprof, "a field reaches beyond its end");
    }
    if (pprof->locations.count) {
        qsort(pprof->locations.rows, pprof->locations.count, sizeof *pprof->locations.rows,
              compare_ids);
    }
    if (pprof->functions.count) {
        qsort(pprof->functions.rows, pprof->functions.count, sizeof *pprof->functions.rows,
              compare_ids);
    }
    return OK;
}

/* ---- samples -------------------------------------------------------------------------------- */

struct stack {
    uint64_t pcs[DEPTH_MAX];
    size_t count;
};

/* One line of a location: a function and the line in it. */
static status add_line(struct pprof *pprof, struct cursor line, struct stack *stack)
{
    struct text name = {"?", 1};
    struct text file = {NULL, 0};
    uint64_t function = 0;
    uint64_t number = 0;
    struct field field;
    bool bad = false;

    while (take_field(&line, &field, &bad)) {
        function = field.number == 1 ? field.value : function;
        number = field.number == 2 ? field.value : number;
    }
    struct cursor message = find(&pprof->functions, function);
    while (!bad && take_field(&message, &field, &bad)) {
        if (field.number == 2) {
            name = string(pprof, field.value);
        } else if (field.number == 4) {
            file = string(pprof, field.value);
        }
    }
    if (bad) {
        return damaged(pprof, "a function reaches beyond its end");
    }
    if (stack->count < DEPTH_MAX) {
        TRY(foreign_sums_place(&pprof->sums, name, file, number, &stack->pcs[stack->count]));
        stack->count++;
    }
    return OK;
}

static status add_location(struct pprof *pprof, uint64_t id, struct stack *stack)
{
    struct cursor message = find(&pprof->locations, id);
    size_t before = stack->count;
    uint64_t address = 0;
    struct field field;
    bool bad = false;

    while (take_field(&message, &field, &bad)) {
        if (field.number == 3) {
            address = field.value;
        } else if (field.number == 4 && field.wire == 2) {
            TRY(add_line(pprof, field.bytes, stack));
        }
    }
    if (bad) {
        return damaged(pprof, "a location reaches beyond its end");
    }
    if (stack->count == before && stack->count < DEPTH_MAX) { /* nobody found its name */
        char text[32];

        snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
        TRY(foreign_sums_place(&pprof->sums, (struct text){text, strlen(text)},
                               (struct text){NULL, 0}, 0, &stack->pcs[stack->count]));
        stack->count++;
    }
    return OK;
}

static status add_values(struct pprof *pprof, uint32_t stack_id, const int64_t *values,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct foreign_sums_value value = {
            .blocks = -1, .bytes = (double)values[i], .scaled = true};

        if (!pprof->measure[i] || pprof->is_blocks[i]) {
            continue;
        }
        for (size_t j = 0; j < count; j++) { /* the count that belongs to these bytes */
            if (pprof->measure[j] == pprof->measure[i] && pprof->is_blocks[j]) {
                value.blocks = (double)values[j];
            }
        }
        TRY(foreign_sums_add(&pprof->sums, pprof->measure[i], stack_id, &value));
    }
    return OK;
}

static status add_sample(struct pprof *pprof, struct cursor message, struct stack *stack)
{
    int64_t values[TYPES_MAX];
    size_t count = 0;
    struct field field;
    uint64_t element;
    uint32_t stack_id;
    bool bad = false;

    stack->count = 0;
    while (take_field(&message, &field, &bad)) {
        if (field.number == 1) {
            while (take_element(&field, &element)) {
                TRY(add_location(pprof, element, stack));
            }
        } else if (field.number == 2) {
            while (count < TYPES_MAX && take_element(&field, &element)) {
                values[count++] = (int64_t)element;
            }
        }
    }
    if (bad || count != pprof->type_count) {
        return damaged(pprof, "a sample has another number of values than there are sample types");
    }
    TRY(foreign_sums_stack(&pprof->sums, stack->pcs, stack->count, &stack_id));
    return add_values(pprof, stack_id, values, count);
}

static status read_profile(struct pprof *pprof, char **command)
{
    uint64_t names[TYPES_MAX];
    uint64_t comment = 0;
    struct stack *stack = malloc(sizeof *stack);
    struct cursor in = pprof->file;
    struct field field;
    bool bad = false;
    bool any = false;
    status result = stack ? find_parts(pprof, names, &comment) : no_memory();

    for (size_t i = 0; result.code == STATUS_OK && i < pprof->type_count; i++) {
        name_type(pprof, i, string(pprof, names[i]));
        any = any || pprof->measure[i];
    }
    if (result.code == STATUS_OK && !any) {
        diag_error("could not import \"%s\": it is a pprof profile, but not of memory",
                   pprof->path);
        diag_hint(
            "Of a program's heap it has inuse_space or alloc_space: curl .../debug/pprof/heap");
        result = FAIL;
    }
    while (result.code == STATUS_OK && take_field(&in, &field, &bad)) {
        if (field.number == 2 && field.wire == 2) {
            result = add_sample(pprof, field.bytes, stack);
        }
    }
    struct text said = string(pprof, comment);
    if (said.length > 9 && memcmp(said.bytes, "command: ", 9) == 0) {
        *command = strndup(said.bytes + 9, said.length - 9);
    }
    free(stack);
    return result;
}

status foreign_pprof(struct import *import, const char *path)
{
    struct pprof pprof = {.path = path};
    uint8_t *bytes;
    char *command = NULL;
    size_t size;

    TRY(unpack_all(path, FILE_BYTES_MAX, &bytes, &size));
    pprof.file = (struct cursor){bytes, bytes + size};
    status result = foreign_sums_begin(import, path, "pprof profile", &pprof.sums);
    if (result.code == STATUS_OK) {
        result = read_profile(&pprof, &command);
    }
    pprof.sums.command = command;
    if (result.code == STATUS_OK) {
        result = foreign_sums_finish(&pprof.sums);
    }
    foreign_sums_close(&pprof.sums);
    free(command);
    free(bytes);
    free(pprof.strings);
    free(pprof.functions.rows);
    free(pprof.locations.rows);
    return result;
}
