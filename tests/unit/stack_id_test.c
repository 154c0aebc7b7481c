/* SPDX-License-Identifier: Apache-2.0 */
/* stack_id_test.c -- keys that depend on the code alone, wrappers by name, names cut with sense. */
#include "check.h"
#include "stack_id.h"

static void key_of(const char *object, uint64_t a, uint64_t b, bool truncated,
                   char out[STACK_ID_HEX])
{
    struct stack_id_state state;
    uint8_t id[STACK_ID_BYTES];

    stack_id_begin(&state);
    stack_id_frame(&state, object, a);
    stack_id_frame(&state, object, b);
    stack_id_end(&state, truncated, id);
    stack_id_hex(out, id, STACK_ID_BYTES);
}

static void test_keys(void)
{
    char first[STACK_ID_HEX];
    char other[STACK_ID_HEX];

    key_of("abcd", 1, 2, false, first);
    key_of("abcd", 1, 2, false, other);
    CHECK_STR(first, other);
    /* Written down once: a database made elsewhere must agree. */
    CHECK_STR(first, "39a6ec6dbeea33655340035c4e7c1530");
    key_of("abcd", 2, 1, false, other);
    CHECK(strcmp(first, other) != 0);
    key_of("abce", 1, 2, false, other);
    CHECK(strcmp(first, other) != 0);
    key_of("abcd", 1, 2, true, other);
    CHECK(strcmp(first, other) != 0);
}

static void test_allocators(void)
{
    static const char *const yes[] = {
        "malloc",
        "__libc_calloc",
        "__GI___strdup",
        "operator new(unsigned long)",
        "operator new[](unsigned long, std::nothrow_t const&)",
        "xmalloc",
        "g_malloc0",
        "jv_mem_alloc",
        "std::allocator_traits<std::allocator<int> >::allocate(std::allocator<int>&, unsigned long)",
        "std::__new_allocator<char>::allocate(unsigned long, void const*)",
        "std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)",
        "CRYPTO_calloc",
        "xzalloc",
        "sqlite3_malloc64",
        "x2realloc",
        "wcsdup",
        "_PyMem_RawMalloc",
    };
    static const char *const no[] = {
        "main",
        "malloc_consolidate_cache",
        "buffer_alloc",
        "__libc_start_main",
        "operator newline",
        "std::vector<int>::push_back(int const&)",
        "std::map<std::allocator<int>, int>::find",
        "",
        "mallocx",
        "my::allocate()",
    };

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (!CHECK(stack_id_is_allocator(yes[i]))) {
            fprintf(stderr, "  %s\n", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        if (!CHECK(!stack_id_is_allocator(no[i]))) {
            fprintf(stderr, "  %s\n", no[i]);
        }
    }
}

static void test_names(void)
{
    char out[STACK_ID_NAME_BYTES];
    char long_name[400];

    CHECK_STR(stack_id_short_name(out, "f(int)"), "f(int)");
    CHECK_STR(stack_id_short_name(out, "a;b"), "a:b");
    snprintf(long_name, sizeof long_name, "std::map<%0100d, %0100d>::insert(int)", 1, 2);
    CHECK_STR(stack_id_short_name(out, long_name), "std::map<...>::insert(int)");
    snprintf(long_name, sizeof long_name, "parse(%0200d) const", 1);
    CHECK_STR(stack_id_short_name(out, long_name), "parse(...) const");
    snprintf(long_name, sizeof long_name, "%0300d", 7);
    CHECK_EQ(strlen(stack_id_short_name(out, long_name)), STACK_ID_NAME_BYTES - 1);
    CHECK_STR(out + STACK_ID_NAME_BYTES - 4, "...");
    memset(long_name, 0, sizeof long_name);
    for (int i = 0; i < 150; i++) { /* two-byte letters are not cut in half */
        memcpy(long_name + 2 * i, "\xc3\xa9", 2);
    }
    stack_id_short_name(out, long_name);
    CHECK(strcmp(out + strlen(out) - 3, "...") == 0 && (strlen(out) - 3) % 2 == 0);
    snprintf(long_name, sizeof long_name, "operator<<(%0200d)", 1);
    CHECK_EQ(strlen(stack_id_short_name(out, long_name)), STACK_ID_NAME_BYTES - 1);
}

static const char *names_key(const char *inner, const char *outer)
{
    static char hex[16][STACK_ID_HEX];
    static unsigned used;
    struct stack_id_state state;
    uint8_t id[STACK_ID_BYTES];
    char *out = hex[used++ % 16];

    stack_id_begin(&state);
    stack_id_function(&state, inner);
    stack_id_function(&state, outer);
    stack_id_end(&state, false, id);
    stack_id_hex(out, id, sizeof id);
    return out;
}

/* What the compiler appends is another build's business; everything else is a name. */
static void test_functions(void)
{
    const char *plain = names_key("parse", "main");

    CHECK_STR(names_key("parse.constprop.0", "main"), plain);
    CHECK_STR(names_key("parse.isra.0.cold", "main [clone .part.3]"), plain);
    CHECK(strcmp(names_key("parse", "mai"), plain) != 0);
    CHECK(strcmp(names_key("parsem", "ain"), plain) != 0);
    CHECK(strcmp(names_key("main", "parse"), plain) != 0);
    CHECK_STR(names_key("a::b::h0123456789abcdef", "x"), names_key("a::b::hfedcba9876543210", "x"));
    CHECK(strcmp(names_key("a::hello", "x"), names_key("a::help", "x")) != 0);
    CHECK(strcmp(names_key(".cold", "x"), names_key("", "x")) != 0);
}

int main(void)
{
    test_keys();
    test_functions();
    test_allocators();
    test_names();
    return check_summary();
}
