/* SPDX-License-Identifier: Apache-2.0 */
/* symbol_cache.h -- names found once are kept on disk, one file per build id.
 *
 *   $MEMANALYZE_CACHE/symbols/<build id>        when that is set; set but empty: no cache at all
 *   $XDG_CACHE_HOME/memanalyze/symbols/...      else
 *   ~/.cache/memanalyze/symbols/...             else
 *
 * A file is replaced as a whole, never changed, and trusted only when its checksum holds: a damaged
 * or foreign one is as good as none. Nothing here fails: a cache that cannot be read or written is
 * done without. Deleting the folder is always safe.                                               */
#ifndef MEMANALYZE_SYMBOL_CACHE_H
#define MEMANALYZE_SYMBOL_CACHE_H

#include "symbols.h"

struct symbol_cache_entry {
    uint64_t offset;
    const struct symbol_frame *frames;
    uint32_t count; /* 0: looked up, and unknown */
    bool from_disk; /* set by symbol_cache_load */
};

struct symbol_cache_file {
    uint64_t fingerprint; /* object_fingerprint when the names were found */
    uint8_t source;       /* enum symbol_source */
    const struct symbol_cache_entry *entries;
    size_t entry_count;
};

/* The folder, to be freed by the caller; NULL: no cache. */
char *symbol_cache_folder(void);

/* Reads the file of a build id; false: there is none that can be trusted. What `out` points to lies
 * in *memory, to be freed by the caller. */
bool symbol_cache_load(const char *folder, const uint8_t *build_id, size_t build_id_bytes,
                       struct symbol_cache_file *out, void **memory);

/* Writes it, making the folder when needed; false: it could not. Entries are sorted by offset. */
bool symbol_cache_save(const char *folder, const uint8_t *build_id, size_t build_id_bytes,
                       const struct symbol_cache_file *file);

#endif
