/* SPDX-License-Identifier: Apache-2.0 */
/* program.c -- what the recorders of others look at: 2000 blocks of 100 to 180 bytes stay, 2000 of 5000 are freed at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *kept[2000];

static __attribute__((noinline)) void *keep(size_t i)
{
    void *block = malloc(100 + i % 5 * 20);

    memset(block, 1, 100);
    return kept[i] = block;
}

static __attribute__((noinline)) void churn(void)
{
    char *block = malloc(5000);

    memset(block, 2, 5000);
    __asm__ volatile("" ::"r"(block) : "memory");
    free(block);
}

int main(void)
{
    for (size_t i = 0; i < 2000; i++) {
        keep(i);
        churn();
    }
    return kept[5] == NULL;
}
