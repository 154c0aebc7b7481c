/* SPDX-License-Identifier: Apache-2.0 */
/* dwarf_index.h -- what DWARF says about an address: the function, what was inlined into it, the lines.
 *
 * Built as needed: the ranges of all units at the first question, the functions of a unit at the first
 * question about it. Works without .debug_aranges, which clang and rustc do not write.             */
#ifndef MEMANALYZE_DWARF_INDEX_H
#define MEMANALYZE_DWARF_INDEX_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#define DWARF_INDEX_FRAMES_MAX 64u

struct dwarf_index;

struct dwarf_frame {  /* text belongs to the Dwarf or the index */
    const char *name; /* mangled when the language mangles; NULL: only the line is known */
    const char *file; /* NULL: unknown */
    uint32_t line;    /* 0: unknown */
};

/* NULL: out of memory. The Dwarf must outlive it. */
struct dwarf_index *dwarf_index_open(Dwarf *dwarf);
void dwarf_index_close(struct dwarf_index *index); /* NULL: nothing */

/* Fills in the frames at an address of the DWARF, innermost first, and returns how many: 0 when no
 * unit knows it. One frame with name == NULL: a unit of assembly, which has lines but no functions. */
size_t dwarf_index_find(struct dwarf_index *index, uint64_t address,
                        struct dwarf_frame frames[DWARF_INDEX_FRAMES_MAX]);

#endif
