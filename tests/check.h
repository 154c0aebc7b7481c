/* SPDX-License-Identifier: Apache-2.0 */
/* check.h -- the whole test harness: checks that count, and a summary line.
 *
 * A failed check prints its place and both values and the test goes on. A test's main ends with
 * `return check_summary();`, which is 0 when all passed and 1 otherwise. Where something needed is
 * missing, `return check_skip("why");` instead. Thread-safe counters; nothing here allocates.  */
#ifndef MEMREC_CHECK_H
#define MEMREC_CHECK_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static _Atomic uint64_t check_done;
static _Atomic uint64_t check_failed;

/* The condition holds. */
#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)

/* Two unsigned 64-bit values are equal. */
#define CHECK_EQ(actual, expected)                                                                 \
    check_eq((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)

/* Two strings are equal; NULL equals only NULL. */
#define CHECK_STR(actual, expected) check_str((actual), (expected), #actual, __FILE__, __LINE__)

/* Two byte ranges of the same length are equal. */
#define CHECK_BYTES(actual, expected, length)                                                      \
    check_bytes((actual), (expected), (length), #actual, __FILE__, __LINE__)

static inline bool check_count(bool passed)
{
    atomic_fetch_add(&check_done, 1);
    if (!passed) {
        atomic_fetch_add(&check_failed, 1);
    }
    return passed;
}

static inline bool check_true(bool passed, const char *text, const char *file, int line)
{
    if (!check_count(passed)) {
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, text);
    }
    return passed;
}

static inline bool check_eq(uint64_t actual, uint64_t expected, const char *text, const char *file,
                            int line)
{
    if (!check_count(actual == expected)) {
        fprintf(stderr, "%s:%d: %s is %" PRIu64 " (0x%" PRIx64 "), expected %" PRIu64 "\n", file,
                line, text, actual, actual, expected);
        return false;
    }
    return true;
}

static inline bool check_str(const char *actual, const char *expected, const char *text,
                             const char *file, int line)
{
    bool equal = actual && expected ? strcmp(actual, expected) == 0 : actual == expected;

    if (!check_count(equal)) {
        fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", file, line, text,
                actual ? actual : "(null)", expected ? expected : "(null)");
    }
    return equal;
}

static inline bool check_bytes(const void *actual, const void *expected, size_t length,
                               const char *text, const char *file, int line)
{
    const unsigned char *a = actual;
    const unsigned char *e = expected;
    size_t at = 0;

    while (at < length && a[at] == e[at]) {
        at++;
    }
    if (!check_count(at == length)) {
        fprintf(stderr, "%s:%d: %s differs at byte %zu: %02x, expected %02x\n", file, line, text,
                at, a[at], e[at]);
    }
    return at == length;
}

static inline int check_summary(void)
{
    uint64_t done = atomic_load(&check_done);
    uint64_t failed = atomic_load(&check_failed);

    printf("%" PRIu64 " checks, %" PRIu64 " failed\n", done, failed);
    return failed == 0 && done > 0 ? 0 : 1;
}

static inline int check_skip(const char *why)
{
    printf("skipped: %s\n", why);
    return 77;
}

#endif
