/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.h -- an address inside an object file becomes functions, file and line: offline, from the
 * build id, never from a running process.
 *
 * A wrong name is worse than none. So the file at the module's path must carry the build id that the
 * trace tells, and an address must lie inside a function's extent: the nearest neighbour is never
 * taken. Where names come from, best first: the DWARF of the file or of its separate debug file, with
 * inlined functions and lines; the symbol table; the dynamic symbol table.
 *
 * Not finding a name is no failure. Nothing here writes to stderr. One symbolizer per thread.     */
#ifndef MEMANALYZE_SYMBOLS_H
#define MEMANALYZE_SYMBOLS_H

#include "records.h"

struct symbolizer;

struct symbol_frame {
    struct text function; /* demangled */
    struct text raw_name; /* as in the symbol table; bytes == NULL: the same as `function` */
    struct text file;     /* bytes == NULL: no line information */
    uint32_t line;        /* 0: unknown */
};

struct symbolizer_counts {
    uint64_t lookups;    /* calls */
    uint64_t named;      /* of these, answered with a name */
    uint64_t from_cache; /* of these, answered by the cache on disk */
    uint64_t modules;    /* objects asked about */
    uint64_t
        missing_modules; /* no file there (deleted, vDSO, another machine), no debug file either */
    uint64_t stale_modules;    /* the file there now is another build: its names were not used */
    uint64_t stripped_modules; /* the file is the right one and has no symbols at all */
};

/* Never fails for a missing or unusable cache: it does without. */
STATUS_MUST_USE status symbolizer_open(struct symbolizer **out);
void symbolizer_close(
    struct symbolizer *symbolizer); /* keeps what was found in the cache; NULL: nothing */

/* What is at `module_offset`, a virtual address inside the object (for a return address: minus one, so that
 * it lies inside the call). Innermost inlined function first, the function that has code of its own
 * last; *count == 0: unknown. `build_id` may be NULL with 0 bytes: then the path alone is trusted.
 *
 * The frames and their text belong to the symbolizer and stay valid until it is closed. Fails only
 * when out of memory. Fast when calls come sorted by module, and cheap for an address asked before. */
STATUS_MUST_USE status symbolizer_lookup(struct symbolizer *symbolizer, const char *module_path,
                                         const uint8_t *build_id, size_t build_id_bytes,
                                         uint64_t module_offset, const struct symbol_frame **frames,
                                         size_t *count);

/* Where the names of a module came from: "dwarf", "symtab" or "dynsym", the best that answered;
 * NULL: no name was found in it (so far). */
const char *symbolizer_source(struct symbolizer *symbolizer, const char *module_path,
                              const uint8_t *build_id, size_t build_id_bytes);

const struct symbolizer_counts *symbolizer_get_counts(const struct symbolizer *symbolizer);

#endif
