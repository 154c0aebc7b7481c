/* SPDX-License-Identifier: Apache-2.0 */
/* stack_id.h -- what a stack is called: its content-addressed key, and the names a reader sees.
 *
 * Pure functions. A key depends on the code only, not on where it was loaded: two runs, or two
 * machines with the same binaries, agree on it.                                                   */
#ifndef MEMANALYZE_STACK_ID_H
#define MEMANALYZE_STACK_ID_H

#include "records.h"

#include <xxhash.h>

enum {
    STACK_ID_BYTES = 16,
    STACK_ID_HEX = 33,         /* with the NUL */
    STACK_ID_NAME_BYTES = 121, /* of a shortened name, with the NUL */
};

/* The key of a stack: feed its frames innermost first. `object` is the module's build id in hex,
 * or its path when it has none, or "" when no module covers the address; then `offset` is the
 * address. */
struct stack_id_state {
    XXH3_state_t hash;
};
void stack_id_begin(struct stack_id_state *state);
void stack_id_frame(struct stack_id_state *state, const char *object, uint64_t offset);
void stack_id_end(struct stack_id_state *state, bool truncated, uint8_t id[STACK_ID_BYTES]);

/* The same for the names of a stack, that survive a new name or build of the program: feed its functions
 * innermost first. What compilers and linkers append (.constprop.0, .isra.2, [clone .cold],
 * ::h0123456789abcdef) is left out. End it with stack_id_end. */
void stack_id_function(struct stack_id_state *state, const char *function);

void stack_id_hex(char *out, const uint8_t *bytes, size_t count); /* 2 * count digits and a NUL */

/* Whether a function only hands memory through, so that its caller is the one who allocates:
 *   - the C library's own: malloc and kin, and strdup and kin
 *   - C++: operator new, std::allocator and what the standard containers call it with
 *   - the wrappers of well-known programs and libraries, by exact name: GLib, GNU's x-functions,
 *     OpenSSL, SQLite, CPython, Perl, Lua, Ruby, jq
 * A program's own buffer_alloc or pool_get is none: it may well be the culprit. */
bool stack_id_is_allocator(const char *function);

/* A name of at most 120 bytes: template arguments, then parameters give way to "...", then the end.
 * ';', which separates folded stacks, becomes ':'. Returns `out`. */
const char *stack_id_short_name(char out[STACK_ID_NAME_BYTES], const char *function);

#endif
