/* SPDX-License-Identifier: Apache-2.0 */
/* stack_id.c -- see stack_id.h. */
#include "stack_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stack_id_begin(struct stack_id_state *state) { XXH3_128bits_reset(&state->hash); }

void stack_id_frame(struct stack_id_state *state, const char *object, uint64_t offset)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(offset >> 8 * i);
    }
    XXH3_128bits_update(&state->hash, object, strlen(object) + 1);
    XXH3_128bits_update(&state->hash, bytes, sizeof bytes);
}

void stack_id_end(struct stack_id_state *state, bool truncated, uint8_t id[STACK_ID_BYTES])
{
    XXH128_canonical_t canonical;

    if (truncated) {
        XXH3_128bits_update(&state->hash, "...", 4);
    }
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state->hash));
    memcpy(id, canonical.digest, STACK_ID_BYTES);
}

static size_t without_suffix(const char *function)
{
    static const char *const suffixes[] = {" [clone ", ".constprop.", ".isra.", ".part.",
                                           ".cold",    ".lto_priv.",  ".llvm."};
    size_t length = strlen(function);

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const char *found = strstr(function, suffixes[i]);

        if (found && found > function && (size_t)(found - function) < length) {
            length = (size_t)(found - function);
        }
    }
    if (length > 19 && memcmp(function + length - 19, "::h", 3) == 0 &&
        strspn(function + length - 16, "0123456789abcdef") >= 16) {
        length -= 19;
    }
    return length;
}

void stack_id_function(struct stack_id_state *state, const char *function)
{
    XXH3_128bits_update(&state->hash, function, without_suffix(function));
    XXH3_128bits_update(&state->hash, "", 1);
}

void stack_id_hex(char *out, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

static const char *const wrappers[] = {
    /* in the order of strcmp */
    "CRYPTO_calloc",
    "CRYPTO_malloc",
    "CRYPTO_realloc",
    "CRYPTO_strdup",
    "CRYPTO_zalloc",
    "OPENSSL_malloc",
    "Perl_safesyscalloc",
    "Perl_safesysmalloc",
    "Perl_safesysrealloc",
    "PyMem_Calloc",
    "PyMem_Malloc",
    "PyMem_RawCalloc",
    "PyMem_RawMalloc",
    "PyMem_RawRealloc",
    "PyMem_Realloc",
    "PyObject_Calloc",
    "PyObject_Malloc",
    "PyObject_Realloc",
    "_PyMem_RawCalloc",
    "_PyMem_RawMalloc",
    "_PyMem_RawRealloc",
    "_PyObject_Malloc",
    "_PyObject_Realloc",
    "__calloc",
    "__libc_calloc",
    "__libc_malloc",
    "__libc_memalign",
    "__libc_pvalloc",
    "__libc_realloc",
    "__libc_reallocarray",
    "__libc_valloc",
    "__malloc",
    "__posix_memalign",
    "__realloc",
    "__strdup",
    "__strndup",
    "aligned_alloc",
    "calloc",
    "g_aligned_alloc",
    "g_malloc",
    "g_malloc0",
    "g_malloc0_n",
    "g_malloc_n",
    "g_memdup",
    "g_memdup2",
    "g_realloc",
    "g_realloc_n",
    "g_slice_alloc",
    "g_slice_alloc0",
    "g_strdup",
    "g_strndup",
    "g_try_malloc",
    "g_try_malloc0",
    "g_try_malloc_n",
    "g_try_realloc",
    "jv_mem_alloc",
    "jv_mem_alloc_unguarded",
    "jv_mem_calloc",
    "jv_mem_realloc",
    "jv_mem_strdup",
    "l_alloc",
    "luaM_growaux_",
    "luaM_malloc_",
    "luaM_realloc_",
    "luaM_saferealloc_",
    "luaM_shrinkvector_",
    "luaM_toobig",
    "malloc",
    "memalign",
    "objspace_xmalloc0",
    "objspace_xrealloc",
    "posix_memalign",
    "pvalloc",
    "realloc",
    "reallocarray",
    "ruby_xcalloc",
    "ruby_xmalloc",
    "ruby_xmalloc2",
    "ruby_xrealloc",
    "ruby_xrealloc2",
    "sqlite3DbMallocRaw",
    "sqlite3DbMallocRawNN",
    "sqlite3DbMallocZero",
    "sqlite3DbRealloc",
    "sqlite3Malloc",
    "sqlite3MallocZero",
    "sqlite3MemMalloc",
    "sqlite3MemRealloc",
    "sqlite3Realloc",
    "sqlite3_malloc",
    "sqlite3_malloc64",
    "sqlite3_realloc",
    "sqlite3_realloc64",
    "strdup",
    "strndup",
    "valloc",
    "wcsdup",
    "x2nrealloc",
    "x2realloc",
    "xcalloc",
    "xcharalloc",
    "xmalloc",
    "xmallocarray",
    "xmemdup",
    "xnmalloc",
    "xnrealloc",
    "xrealloc",
    "xreallocarray",
    "xstrdup",
    "xstrndup",
    "xzalloc",
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, *(const char *const *)right);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The member's own name: what stands after the last :: outside of <> and before the parameters. */
static const char *last_component(const char *name, size_t *length)
{
    const char *start = name;
    int depth = 0;
    const char *at = name;

    for (; *at && !(*at == '(' && depth == 0); at++) {
        depth += *at == '<' ? 1 : *at == '>' ? -1 : 0;
        if (depth == 0 && at[0] == ':' && at[1] == ':') {
            start = at + 2;
        }
    }
    *length = (size_t)(at - start);
    return start;
}

bool stack_id_is_allocator(const char *function)
{
    if (starts_with(function, "operator new")) {
        char next = function[strlen("operator new")];

        return next == '(' || next == '[' || next == '\0';
    }
    if (starts_with(function, "std::") || starts_with(function, "__gnu_cxx::")) {
        size_t length;
        const char *member = last_component(function, &length);

        return starts_with(function, "std::allocator<") ||
               starts_with(function, "std::allocator_traits<") ||
               starts_with(function, "std::__new_allocator<") ||
               starts_with(function, "__gnu_cxx::new_allocator<") ||
               starts_with(function, "__gnu_cxx::__alloc_traits<") ||
               (length == 8 && starts_with(member, "allocate")) ||
               (length == 11 && starts_with(member, "_M_allocate"));
    }
    if (starts_with(function, "__GI_")) { /* glibc's own name for a function of its own */
        function += strlen("__GI_");
    }
    return bsearch(function, wrappers, sizeof wrappers / sizeof wrappers[0], sizeof wrappers[0],
                   compare_names) != NULL;
}

/* Copies `in`, with what stands between `open` and its match replaced by "...". */
static size_t elide(char *out, size_t room, const char *in, char open, char close)
{
    size_t used = 0;
    int depth = 0;

    if (strstr(in, "operator<") || strstr(in, "operator>") || strstr(in, "operator-") ||
        (open == '(' && strstr(in, "operator()"))) {
        open = '\0'; /* the brackets of these names do not pair */
    }
    for (; *in && used + 4 < room; in++) {
        if (open && *in == open && depth++ == 0) {
            out[used++] = open;
            memcpy(out + used, "...", 3);
            used += 3;
        }
        if (open && *in == close && depth > 0 && --depth == 0) {
            out[used++] = close;
        } else if (depth == 0) {
            out[used++] = *in;
        }
    }
    out[used] = '\0';
    return used;
}

const char *stack_id_short_name(char out[STACK_ID_NAME_BYTES], const char *function)
{
    enum { ROOM = 4096 };
    char without_templates[ROOM];
    char without_parameters[ROOM];
    size_t length = strlen(function);
    size_t most = STACK_ID_NAME_BYTES - 1;

    if (length > most) {
        length = elide(without_templates, ROOM, function, '<', '>');
        function = without_templates;
    }
    if (length > most) {
        /* "(anonymous namespace)" is no parameter list; its text is lost only in names this
         * long. */
        length = elide(without_parameters, ROOM, function, '(', ')');
        function = without_parameters;
    }
    if (length > most) {
        size_t keep = most - 3;

        while (keep > 0 && (function[keep] & 0xc0) == 0x80) {
            keep--; /* not inside a UTF-8 sequence */
        }
        memcpy(out, function, keep);
        memcpy(out + keep, "...", 4);
    } else {
        memcpy(out, function, length + 1);
    }
    for (char *at = out; *at; at++) {
        *at = *at == ';' ? ':' : *at;
    }
    return out;
}
