/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h -- the bytes of a file, plain or compressed by gzip or zstd, as its first bytes say; and its lines.
 *
 * Streams: memory does not depend on the file. Concatenated gzip members and zstd frames are one content. */
#ifndef MEMANALYZE_UNPACK_H
#define MEMANALYZE_UNPACK_H

#include "status.h"

#include <stddef.h>
#include <stdint.h>

struct unpack;

enum { UNPACK_LINE_BYTES_MAX = 1 << 20 };

/* On failure *out is NULL and diag knows. */
STATUS_MUST_USE status unpack_open(const char *path, struct unpack **out);
void unpack_close(struct unpack *unpack); /* NULL: nothing */

/* Up to `room` bytes; *size is less only at the end, and then the next call gives 0. Damaged or cut compressed data is a
 * failure that diag knows. */
STATUS_MUST_USE status unpack_read(struct unpack *unpack, void *bytes, size_t room, size_t *size);

/* The same for a look at the beginning: what is damaged ends it, and nothing is said. */
STATUS_MUST_USE status unpack_peek(struct unpack *unpack, void *bytes, size_t room, size_t *size);

/* The next line without its end, terminated by a NUL, until the next call; STATUS_END after the last. A line longer
 * than UNPACK_LINE_BYTES_MAX is a failure. A NUL in a line ends it. */
STATUS_MUST_USE status unpack_line(struct unpack *unpack, char **line);

uint64_t unpack_line_number(const struct unpack *unpack); /* of the latest, from 1 */

/* All of it in memory, at most `limit` bytes, for the caller to free. */
STATUS_MUST_USE status unpack_all(const char *path, size_t limit, uint8_t **bytes, size_t *size);

#endif
