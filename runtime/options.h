/* SPDX-License-Identifier: Apache-2.0 */
/* options.h -- what the environment asks for. Read when a session starts, as a rule with the process: some
 * programs overwrite it later.
 *
 *   MEMREC_TRACE        file to write; %p pid, %h host, %e executable, %% percent. Not set: do nothing
 *   MEMREC_INTERVAL     mean bytes between samples (65536, 64K, 2M); 1 records everything; default 64K
 *   MEMREC_CHILDREN     0: forked and executed children are not recorded; default 1
 *   MEMREC_ONLY         record only executables with one of these base names (comma-separated)
 *   MEMREC_DRAIN_MS     longest time between two looks at the rings, 1-1000; default 50
 *   MEMREC_MEMORY_MS    time between two looks at process memory, at least 500; default 2000
 *   MEMREC_CLASSES_MS   time between two class profiles of a runtime that makes them, at least 1000; default 5000
 *   MEMREC_LEVEL        zstd level, 1-9; default 1
 *   MEMREC_ROTATE       go on in another file after so much: 256M, 30min, or 256M,6h: whichever comes first (rotate.h)
 *   MEMREC_KEEP         of these files leave the last only: 8 files, 2G in all, or 10h, or several of them    */
#ifndef MEMREC_OPTIONS_H
#define MEMREC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_PATH_BYTES 4096

/* "256M", "30min", "12,1G,6h": files, bytes and time, each at most once; 0: not told. */
struct mr_amount {
    uint64_t files, bytes, ns;
};

struct mr_options {
    char trace[MR_PATH_BYTES]; /* absolute, patterns not yet expanded */
    uint64_t interval_bytes;   /* 1: everything */
    bool children;
    uint32_t drain_ms;
    uint32_t memory_ms;
    uint32_t classes_ms;
    int level;
    struct mr_amount rotate; /* files is 0; all 0: one file */
    struct mr_amount keep;   /* all 0: every file */
};

/* Whether the trace may have several files, and whether the older of them go. */
static inline bool mr_options_rotate(const struct mr_options *options)
{
    return options->rotate.bytes || options->rotate.ns;
}
static inline bool mr_options_keep_last(const struct mr_options *options)
{
    return options->keep.files || options->keep.bytes || options->keep.ns;
}

/* Fills *out from the environment. trace: the file to write; NULL: that of the environment, too. False: nothing
 * is to be recorded here. */
bool mr_options_read(struct mr_options *out, const char *trace);

/* "65536", "64K", "2M", "1G" (also with B or iB after the letter). False: not such a number. */
bool mr_parse_size(const char *text, uint64_t *out);

/* A list of amounts, separated by commas. False: it is none; *out is then as it was. */
bool mr_parse_amount(const char *text, struct mr_amount *out);

/* Expands the pattern into out; at most `size` bytes with the terminator. False: too long. */
bool mr_expand_pattern(const char *pattern, char *out, size_t size);

/* Last component of the executable's path. */
const char *mr_executable_name(char buffer[MR_PATH_BYTES]);

#endif
