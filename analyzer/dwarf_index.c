/* SPDX-License-Identifier: Apache-2.0 */
/* dwarf_index.c -- units, then functions, then the chain of inlined calls. */
#include "dwarf_index.h"

#include "extents.h"
#include "text_pool.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Deeper trees than any compiler makes are damaged, or made to exhaust our stack. */
#define DWARF_INDEX_DEPTH_MAX 200u

/* Compilers write no linkage name for functions that the linker does not see: those of anonymous
 * namespaces, of local classes and lambdas. Their names alone ("operator()") say little. */
struct dwarf_qualified {
    Dwarf_Off offset;
    const char *name;
};

struct dwarf_scope { /* what lies around a DIE, innermost first */
    const struct dwarf_scope *outer;
    const char *name;
};

struct dwarf_unit {
    Dwarf_Die lines; /* the unit that owns the line table */
    Dwarf_Die code;  /* where the functions are: the same, or its split half */
    bool indexed;
    struct extents functions; /* value: index of `dies` */
    Dwarf_Die *dies;
    size_t die_count, die_capacity;
    struct dwarf_qualified *qualified; /* by offset, rising */
    size_t qualified_count, qualified_capacity;
};

struct dwarf_index {
    Dwarf *dwarf;
    bool units_tried;
    struct extents extents; /* value: index of `units` */
    struct dwarf_unit *units;
    size_t unit_count, unit_capacity;
    struct text_pool pool;
};

struct dwarf_index *dwarf_index_open(Dwarf *dwarf)
{
    struct dwarf_index *index = calloc(1, sizeof *index);

    if (index) {
        index->dwarf = dwarf;
    }
    return index;
}

void dwarf_index_close(struct dwarf_index *index)
{
    if (index) {
        for (size_t i = 0; i < index->unit_count; i++) {
            extents_free(&index->units[i].functions);
            free(index->units[i].dies);
            free(index->units[i].qualified);
        }
        text_pool_free(&index->pool);
        extents_free(&index->extents);
        free(index->units);
        free(index);
    }
}

/* Adds the ranges of a DIE. A range at 0 is code that the linker threw away. */
static bool dwarf_add_ranges(struct extents *extents, Dwarf_Die *die, uint32_t value)
{
    Dwarf_Addr base;
    Dwarf_Addr start;
    Dwarf_Addr end;
    ptrdiff_t offset = 0;
    bool added = false;

    while ((offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
        if (start > 0 && start < end) {
            added = true;
            if (!extents_add(extents, start, end, value)) {
                return false;
            }
        }
    }
    return added;
}

static struct dwarf_unit *dwarf_add_unit(struct dwarf_index *index)
{
    if (index->unit_count == index->unit_capacity) {
        size_t capacity = index->unit_capacity ? index->unit_capacity * 2 : 64;
        struct dwarf_unit *units = realloc(index->units, capacity * sizeof *units);

        if (!units) {
            return NULL;
        }
        index->units = units;
        index->unit_capacity = capacity;
    }
    index->units[index->unit_count] = (struct dwarf_unit){0};
    return &index->units[index->unit_count];
}

static void dwarf_read_units(struct dwarf_index *index)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Half version;
    uint8_t type;
    Dwarf_Die die;
    Dwarf_Die split;

    index->units_tried = true;
    while (dwarf_get_units(index->dwarf, cu, &cu, &version, &type, &die, &split) == 0) {
        struct dwarf_unit *unit = dwarf_add_unit(index);

        if (!unit) {
            break;
        }
        unit->lines = die;
        unit->code =
            type == DW_UT_skeleton && dwarf_tag(&split) == DW_TAG_compile_unit ? split : die;
        if (dwarf_tag(&die) != DW_TAG_partial_unit &&
            dwarf_add_ranges(&index->extents, &die, (uint32_t)index->unit_count)) {
            index->unit_count++;
        }
    }
    extents_seal(&index->extents);
}

static void dwarf_add_function(struct dwarf_unit *unit, Dwarf_Die *die)
{
    if (unit->die_count == unit->die_capacity) {
        size_t capacity = unit->die_capacity ? unit->die_capacity * 2 : 32;
        Dwarf_Die *dies = realloc(unit->dies, capacity * sizeof *dies);

        if (!dies) {
            return;
        }
        unit->dies = dies;
        unit->die_capacity = capacity;
    }
    if (dwarf_add_ranges(&unit->functions, die, (uint32_t)unit->die_count)) {
        unit->dies[unit->die_count++] = *die;
    }
}

/* "outer::inner::name" */
static const char *dwarf_qualify(struct text_pool *pool, const struct dwarf_scope *scope,
                                 const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *text;

    for (const struct dwarf_scope *at = scope; at; at = at->outer) {
        bytes += strlen(at->name) + 2;
    }
    text = text_pool_room(pool, bytes);
    if (!text) {
        return NULL;
    }
    char *end = text + bytes - strlen(name) - 1;

    memcpy(end, name, strlen(name) + 1);
    for (const struct dwarf_scope *at = scope; at; at = at->outer) {
        size_t length = strlen(at->name);

        end -= length + 2;
        memcpy(end, at->name, length);
        memcpy(end + length, "::", 2);
    }
    return text;
}

static void dwarf_add_qualified(struct dwarf_index *index, struct dwarf_unit *unit, Dwarf_Die *die,
                                const struct dwarf_scope *scope)
{
    const char *name = dwarf_diename(die);

    if (!scope || !name || dwarf_hasattr(die, DW_AT_linkage_name) ||
        dwarf_hasattr(die, DW_AT_MIPS_linkage_name) || dwarf_hasattr(die, DW_AT_specification) ||
        dwarf_hasattr(die, DW_AT_abstract_origin)) {
        return;
    }
    if (unit->qualified_count == unit->qualified_capacity) {
        size_t capacity = unit->qualified_capacity ? unit->qualified_capacity * 2 : 32;
        struct dwarf_qualified *qualified = realloc(unit->qualified, capacity * sizeof *qualified);

        if (!qualified) {
            return;
        }
        unit->qualified = qualified;
        unit->qualified_capacity = capacity;
    }
    name = dwarf_qualify(&index->pool, scope, name);
    if (name) {
        unit->qualified[unit->qualified_count++] =
            (struct dwarf_qualified){dwarf_dieoffset(die), name};
    }
}

/* Functions are found in units, namespaces, classes, and inside functions and their blocks. Scopes
 * are kept for languages that have them: `scoped`. */
static void dwarf_read_functions(struct dwarf_index *index, struct dwarf_unit *unit,
                                 Dwarf_Die *parent, const struct dwarf_scope *scope, bool scoped,
                                 unsigned depth)
{
    Dwarf_Die die;

    if (depth >= DWARF_INDEX_DEPTH_MAX || dwarf_child(parent, &die) != 0) {
        return;
    }
    do {
        const char *name = scoped ? dwarf_diename(&die) : NULL;
        struct dwarf_scope inner = {.outer = scope, .name = name};

        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            dwarf_add_function(unit, &die);
            dwarf_add_qualified(index, unit, &die, scope);
            break;
        case DW_TAG_namespace:
            inner.name = scoped && !name ? "(anonymous namespace)" : name;
            break;
        case DW_TAG_class_type:
        case DW_TAG_structure_type: /* without a name and with code: a lambda */
            inner.name = scoped && !name ? "<lambda>" : name;
            break;
        case DW_TAG_module:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type: /* Rust: impl blocks */
            break;
        case DW_TAG_lexical_block:
            inner.name = NULL;
            break;
        default:
            continue;
        }
        dwarf_read_functions(index, unit, &die, inner.name ? &inner : scope, scoped, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

static bool dwarf_has_scopes(Dwarf_Die *unit)
{
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_Rust:
        return true;
    default:
        return false;
    }
}

/* The inlined call that holds the address, directly in `parent` or in a block of it. */
static bool dwarf_find_inlined(Dwarf_Die *parent, uint64_t address, unsigned depth, Dwarf_Die *out)
{
    Dwarf_Die die;

    if (depth >= DWARF_INDEX_DEPTH_MAX || dwarf_child(parent, &die) != 0) {
        return false;
    }
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_inlined_subroutine:
            if (dwarf_haspc(&die, address) > 0) {
                *out = die;
                return true;
            }
            break;
        case DW_TAG_lexical_block: /* may have no range of its own */
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
            if (dwarf_find_inlined(&die, address, depth + 1, out)) {
                return true;
            }
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

/* The DIE that a copy was made from: the one inside its scope. */
static Dwarf_Die dwarf_origin(Dwarf_Die die)
{
    for (unsigned i = 0; i < 8; i++) {
        Dwarf_Attribute attribute;
        Dwarf_Die next;

        if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
            !dwarf_attr(&die, DW_AT_specification, &attribute)) {
            break;
        }
        if (!dwarf_formref_die(&attribute, &next)) {
            break;
        }
        die = next;
    }
    return die;
}

static const char *dwarf_qualified_name(const struct dwarf_unit *unit, Dwarf_Die *die)
{
    Dwarf_Die origin = dwarf_origin(*die);
    Dwarf_Off offset = dwarf_dieoffset(&origin);
    size_t low = 0;
    size_t high = unit->qualified_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (unit->qualified[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < unit->qualified_count && unit->qualified[low].offset == offset
               ? unit->qualified[low].name
               : NULL;
}

static const char *dwarf_name(const struct dwarf_unit *unit, Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    Dwarf_Attribute attribute;
    const char *name;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attribute));
        if (name && name[0]) {
            return name;
        }
    }
    name = dwarf_qualified_name(unit, die);
    if (!name) {
        name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    }
    return name && name[0] ? name : NULL;
}

static uint32_t dwarf_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;

    dwarf_formudata(dwarf_attr(die, name, &attribute), &value);
    return value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* Where `inlined` was called: the place in the function around it. */
static void dwarf_call_site(struct dwarf_unit *unit, Dwarf_Die *inlined, struct dwarf_frame *frame)
{
    Dwarf_Files *files;
    size_t count;
    uint32_t number = dwarf_number(inlined, DW_AT_call_file);

    if (number > 0 && dwarf_getsrcfiles(&unit->code, &files, &count) == 0 && number < count) {
        frame->file = dwarf_filesrc(files, number, NULL, NULL);
    }
    frame->line = frame->file ? dwarf_number(inlined, DW_AT_call_line) : 0;
}

static void dwarf_line(struct dwarf_unit *unit, uint64_t address, struct dwarf_frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(&unit->lines, address);
    int number = 0;

    if (line) {
        frame->file = dwarf_linesrc(line, NULL, NULL);
        dwarf_lineno(line, &number);
        frame->line = number > 0 ? (uint32_t)number : 0;
    }
}

static size_t dwarf_chain(struct dwarf_unit *unit, Dwarf_Die *function, uint64_t address,
                          struct dwarf_frame frames[DWARF_INDEX_FRAMES_MAX])
{
    Dwarf_Die chain[DWARF_INDEX_FRAMES_MAX]; /* outermost first */
    size_t count = 1;

    chain[0] = *function;
    while (count < DWARF_INDEX_FRAMES_MAX &&
           dwarf_find_inlined(&chain[count - 1], address, 0, &chain[count])) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        struct dwarf_frame *frame = &frames[i];

        *frame = (struct dwarf_frame){.name = dwarf_name(unit, &chain[count - 1 - i])};
        if (i == 0) {
            dwarf_line(unit, address, frame);
        } else {
            dwarf_call_site(unit, &chain[count - i], frame);
        }
    }
    return count;
}

size_t dwarf_index_find(struct dwarf_index *index, uint64_t address,
                        struct dwarf_frame frames[DWARF_INDEX_FRAMES_MAX])
{
    size_t cursor = SIZE_MAX;
    const struct extent *extent;
    size_t count = 0;

    if (!index->units_tried) {
        dwarf_read_units(index);
    }
    while ((extent = extents_find(&index->extents, address, &cursor)) != NULL) {
        struct dwarf_unit *unit = &index->units[extent->value];
        size_t inner = SIZE_MAX;

        if (!unit->indexed) {
            dwarf_read_functions(index, unit, &unit->code, NULL, dwarf_has_scopes(&unit->code), 0);
            extents_seal(&unit->functions);
            unit->indexed = true;
        }
        const struct extent *function = extents_find(&unit->functions, address, &inner);

        if (function) {
            return dwarf_chain(unit, &unit->dies[function->value], address, frames);
        }
        if (count == 0) {
            frames[0] = (struct dwarf_frame){0};
            dwarf_line(unit, address, &frames[0]);
            count = frames[0].file != NULL;
        }
    }
    return count;
}
