/* SPDX-License-Identifier: Apache-2.0 */
/* object_file.h -- an executable or library on disk: the right build of it, its symbols and its debug
 * information, wherever that lies.
 *
 * The file at the path counts only when its build id is the one asked for. Beside it are searched, by
 * build id or .gnu_debuglink: `.debug/` next to the file, the folders of MEMANALYZE_DEBUG_PATH
 * (colon-separated; default /usr/lib/debug), .gnu_debugdata inside it, and, only when DEBUGINFOD_URLS
 * is set, the debuginfod servers it names. The debug file alone is enough when the object is gone.
 *
 * Addresses are virtual addresses of the file. Nothing is read before it is needed.               */
#ifndef MEMANALYZE_OBJECT_FILE_H
#define MEMANALYZE_OBJECT_FILE_H

#include "status.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_file;

enum object_state {
    OBJECT_OPEN,
    OBJECT_MISSING, /* no such file, not readable, or not ELF */
    OBJECT_STALE,   /* another build lies at this path now */
};

/* *out is NULL unless OBJECT_OPEN. Without a build id the path alone decides. Fails only when out of
 * memory. */
STATUS_MUST_USE status object_open(const char *path, const uint8_t *build_id, size_t build_id_bytes,
                                   struct object_file **out, enum object_state *state);
void object_close(struct object_file *object); /* NULL: nothing */

/* A number that changes when object_open or its debug information may now find more than before. */
uint64_t object_fingerprint(const char *path, const uint8_t *build_id, size_t build_id_bytes);

/* The name of the function symbol whose extent holds the address; NULL: none does. Valid until
 * object_close. A symbol that tells no size (assembly) reaches to the next symbol of its section,
 * and only in a full symbol table, where there is a next one. `dynamic` tells that the name comes from
 * the dynamic symbol table. */
const char *object_symbol(struct object_file *object, uint64_t address, bool *dynamic);

/* Whether it has any function symbol. */
bool object_has_symbols(struct object_file *object);

/* Its DWARF, and what to add to an address to get one of the DWARF's; NULL: it has none. */
Dwarf *object_dwarf(struct object_file *object, uint64_t *bias);

#endif
