/* SPDX-License-Identifier: Apache-2.0 */
/* dwarf_index.c -- units, then functions, then the chain of inlined calls. */
#include "dwarf_index.h"

#include "extents.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>

/* Deeper trees than any compiler makes are damaged, or made to exhaust our stack. */
#define DWARF_INDEX_DEPTH_MAX 200u

struct dwarf_unit {
    Dwarf_Die lines; /* the unit that owns the line table */
    Dwarf_Die code;  /* where the functions are: the same, or its split half */
    bool indexed;
    struct extents functions; /* value: index of `dies` */
    Dwarf_Die *dies;
    size_t die_count, die_capacity;
};

struct dwarf_index {
    Dwarf *dwarf;
    bool units_tried;
    struct extents extents; /* value: index of `units` */
    struct dwarf_unit *units;
    size_t unit_count, unit_capacity;
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
        }
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

/* Functions are found in units, namespaces, classes, and inside functions and their blocks. */
static void dwarf_read_functions(struct dwarf_unit *unit, Dwarf_Die *parent, unsigned depth)
{
    Dwarf_Die die;

    if (depth >= DWARF_INDEX_DEPTH_MAX || dwarf_child(parent, &die) != 0) {
        return;
    }
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            dwarf_add_function(unit, &die);
            dwarf_read_functions(unit, &die, depth + 1);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type: /* Rust: impl blocks */
        case DW_TAG_lexical_block:
            dwarf_read_functions(unit, &die, depth + 1);
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
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

static const char *dwarf_name(Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};
    Dwarf_Attribute attribute;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attribute));

        if (name && name[0]) {
            return name;
        }
    }
    return NULL;
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

        *frame = (struct dwarf_frame){.name = dwarf_name(&chain[count - 1 - i])};
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
            dwarf_read_functions(unit, &unit->code, 0);
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
