/* SPDX-License-Identifier: Apache-2.0 */
/* check_test.c -- the harness itself: each check must be able to fail, and a failure must count. */
#include "check.h"

static bool quietly_fails(bool passed)
{
    bool counted = !passed && atomic_load(&check_failed) == 1;

    atomic_store(&check_failed, 0);
    return counted;
}

int main(void)
{
    char ours[] = "ab";

    fprintf(stderr, "The next complaints are expected.\n");
    CHECK(quietly_fails(CHECK(1 > 2)));
    CHECK(quietly_fails(CHECK_EQ(1, UINT64_MAX)));
    CHECK(quietly_fails(CHECK_STR("a", "b")));
    CHECK(quietly_fails(CHECK_STR(NULL, "b")));
    CHECK(quietly_fails(CHECK_BYTES("abc", "abd", 3)));

    CHECK_EQ(-1, UINT64_MAX);
    CHECK_STR(ours, "ab");
    CHECK_STR(NULL, NULL);
    CHECK_BYTES("abc", "abd", 2);
    CHECK_EQ(check_summary(), 0);
    atomic_store(&check_failed, 1);
    CHECK_EQ(check_summary(), 1);
    atomic_store(&check_failed, atomic_load(&check_failed) - 1);
    return check_summary();
}
