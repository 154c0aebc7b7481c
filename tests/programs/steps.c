/* SPDX-License-Identifier: Apache-2.0 */
/* steps.c -- steps COUNT PAUSES [leak]: allocates and frees the same each time it runs, and sleeps PAUSES times on the
 * way, a few milliseconds each. With `leak` one place keeps what it allocates. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 512 };

static void *kept[KEPT];

static __attribute__((noinline)) void *keep_some(size_t bytes) { return malloc(bytes); }

static __attribute__((noinline)) void churn(size_t bytes)
{
    char *block = malloc(bytes);

    if (block) {
        memset(block, 1, bytes < 64 ? bytes : 64);
        __asm__ volatile("" : : "r"(block) : "memory");
    }
    free(block);
}

static __attribute__((noinline)) void leak_some(size_t bytes)
{
    void *volatile lost = malloc(bytes);

    (void)lost;
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    uint64_t steps = strtoull(arguments[1], NULL, 10), pauses = strtoull(arguments[2], NULL, 10);
    uint64_t random = 42;

    for (uint64_t i = 0; i < steps; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t place = (random >> 40) % KEPT, bytes = 16 + (random >> 33) % 1000;

        if (i % 4 == 0) {
            free(kept[place]);
            kept[place] = keep_some(bytes);
        }
        churn(bytes);
        if (count > 3 && i % 50 == 0) {
            leak_some(2000);
        }
        if (i % (steps / pauses) == 0) {
            usleep(3000);
        }
    }
    return 0;
}
