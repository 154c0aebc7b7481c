/* SPDX-License-Identifier: Apache-2.0 */
/* churn.c -- malloc and free in a loop: the host program that hook_overhead.sh measures.
 *
 *   churn pair N        N times malloc(64) and free
 *   churn mixed N       N replacements among 4,096 live blocks of 16 to 527 bytes
 *   churn large N       the same among 262,144 live blocks: outside the caches
 *   churn step N        N pairs between two stops of itself, for step.c
 *
 * Prints nanoseconds per replacement. The sequence is fixed; each block is marked when it is made and
 * checked when it goes. */
#include "bench.h"

#include <signal.h>
#include <string.h>

struct block {
    uint32_t mark;
};

static uint64_t churn_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Not inlined and not seen through: the pair would be optimised away. */
__attribute__((noinline)) static void *make(size_t size)
{
    void *block = malloc(size);

    bench_require(block);
    bench_keep(block);
    return block;
}

static void churn_pairs(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        free(make(64));
    }
}

static void churn_blocks(uint64_t live, uint64_t count)
{
    struct block **blocks = calloc(live, sizeof(struct block *));
    uint64_t state = 88172645463325252u;

    bench_require(blocks);
    for (uint64_t i = 0; i < live + count; i++) {
        uint64_t random = churn_random(&state);
        uint64_t at = i < live ? i : random % live;
        uint64_t size = 16 + (random >> 40) % 512;

        if (blocks[at]) {
            bench_require(blocks[at]->mark == (uint32_t)at);
            free(blocks[at]);
        }
        blocks[at] = make(size);
        blocks[at]->mark = (uint32_t)at;
    }
    for (uint64_t i = 0; i < live; i++) {
        free(blocks[i]);
    }
    free(blocks);
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 3) {
        fprintf(stderr, "usage: churn pair|mixed|large|step N\n");
        return 2;
    }
    uint64_t count = strtoull(arguments[2], NULL, 10);
    uint64_t start_ns = bench_now_ns();

    if (strcmp(arguments[1], "pair") == 0) {
        churn_pairs(count);
    } else if (strcmp(arguments[1], "step") == 0) {
        churn_pairs(100); /* binds the symbols, registers the thread */
        raise(SIGSTOP);
        churn_pairs(count);
        raise(SIGSTOP);
    } else {
        churn_blocks(strcmp(arguments[1], "large") == 0 ? 262144 : 4096, count);
    }
    printf("%.2f ns\n", (double)(bench_now_ns() - start_ns) / (double)count);
    return 0;
}
