/* SPDX-License-Identifier: Apache-2.0 */
/* suppressions_test.c -- what a pattern matches, and which lines of a file are one. */
#include "suppressions.h"

#include "check.h"
#include "diag.h"

#include <stdio.h>
#include <unistd.h>

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"foo", "foo", true},
        {"foo", "my_foo_bar", true},
        {"foo", "fo", false},
        {"Foo", "foo", false},
        {"", "anything", true},
        {"*", "", true},
        {"^foo", "foobar", true},
        {"^foo", "a_foo", false},
        {"foo$", "a_foo", true},
        {"foo$", "foo_", false},
        {"^foo$", "foo", true},
        {"^foo$", "foofoo", false},
        {"^$", "", true},
        {"^$", "x", false},
        {"a*c", "xxabbbcxx", true},
        {"a*c", "c_a", false},
        {"^a*c$", "abc", true},
        {"^a*c$", "abcd", false},
        {"^a*c$", "ac", true},
        {"^a*c$", "a", false},
        {"^a*$", "abc", true},
        {"^*c$", "abc", true},
        {"*b*", "abc", true},
        {"a**c", "abc", true},
        {"ab*bc", "abc", false}, /* pieces do not overlap */
        {"^ab*ab$", "ab", false},
        {"^aba$", "ababa", false},
        {"x*aba$", "xababa", true}, /* the end, though the piece stands earlier, too */
        {"std::vector<*>::push_back", "std::vector<int, std::allocator<int>>::push_back(int)",
         true},
        {"/usr/lib/*/libX11.so", "/usr/lib/x86_64-linux-gnu/libX11.so.6", true},
        {"/usr/lib/*/libX11.so$", "/usr/lib/x86_64-linux-gnu/libX11.so.6", false},
        {"a^b", "a^b", true}, /* an anchor is one at its end only */
        {"a$b", "a$b", true},
        {"foo", NULL, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!CHECK_EQ(suppressions_match(cases[i].pattern, cases[i].text), cases[i].matches)) {
            fprintf(stderr, "%s on %s\n", cases[i].pattern,
                    cases[i].text ? cases[i].text : "nothing");
        }
    }
}

static status read_text(const char *text)
{
    struct suppressions *read = NULL;
    FILE *file = fopen("suppressions_test.txt", "w");

    if (!CHECK(file != NULL)) {
        return FAIL;
    }
    fputs(text, file);
    fclose(file);
    status result = suppressions_read("suppressions_test.txt", &read);
    CHECK_EQ(read != NULL, result.code == STATUS_OK);
    suppressions_free(read);
    unlink("suppressions_test.txt");
    return result;
}

static void test_files(void)
{
    struct suppressions *none = NULL;

    CHECK_EQ(read_text("").code, STATUS_OK);
    CHECK_EQ(read_text("# a comment\n\n  leak:foo  \r\nleak:^main$").code, STATUS_OK);
    CHECK_EQ(read_text("leak:\n").code, STATUS_FAILED);
    CHECK_EQ(read_text("leak:foo\nrace:bar\n").code, STATUS_FAILED);
    CHECK_EQ(read_text("foo\n").code, STATUS_FAILED);
    CHECK_EQ(suppressions_read("/nonexistent/suppressions", &none).code, STATUS_FAILED);
}

int main(void)
{
    test_patterns();
    test_files();
    return check_summary();
}
