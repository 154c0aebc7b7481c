/* SPDX-License-Identifier: Apache-2.0 */
/* rss_shapes.c -- programs whose resident set is hard to explain, for rss_closure.sh and the test real/rss.
 *
 *   rss_shapes SHAPE [MEBIBYTES [MS]]    goes through the shape, stands still for so long (half a second), and prints the
 *                                        truth: bytes requested and not freed, written in mappings of its own,
 *                                        in stacks, and in .bss
 *
 * Random numbers are seeded; every byte of a block is written unless the shape is about those that are not.              */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t bytes_wanted;
static useconds_t pause_us;
static _Atomic size_t live, mapped, stacks, written_statics; /* the truth */

/* A block that knows its size, written to its end. */
static void *take(size_t length)
{
    size_t *block = malloc(length);

    if (block) {
        memset(block, 1, length);
        *block = length;
        live += length;
    }
    return block;
}

static void give_back(void *block)
{
    if (block)
        live -= *(size_t *)block;
    free(block);
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static size_t small(uint64_t *state) { return 16 + draw(state) % 240; }

/* Mostly small, some large, few of more than a page. */
static size_t mixed(uint64_t *state)
{
    uint32_t kind = draw(state) % 100;

    return kind < 80   ? small(state)
           : kind < 98 ? 256 + draw(state) % 3840
                       : 4096 + draw(state) % 60000;
}

struct blocks {
    void **at;
    size_t count, bytes;
};

static struct blocks grow(size_t bytes, size_t (*size)(uint64_t *), uint64_t *state)
{
    struct blocks blocks = {malloc((bytes / 64 + 1) * sizeof(void *)), 0, 0};

    while (blocks.at && blocks.bytes < bytes && blocks.count < bytes / 64) {
        size_t length = size(state);
        void *block = take(length);

        if (!block)
            break;
        blocks.at[blocks.count++] = block;
        blocks.bytes += length;
    }
    live += blocks.count * sizeof(void *); /* the rest of the list is never written */
    return blocks;
}

/* Replaces blocks at random. */
static void churn(struct blocks *blocks, size_t rounds, size_t (*size)(uint64_t *), uint64_t *state)
{
    for (size_t i = 0; i < rounds; i++) {
        void **place = &blocks->at[draw(state) % blocks->count];

        give_back(*place);
        *place = take(size(state));
    }
}

/* Frees all but one of each `keep`. */
static void thin(struct blocks *blocks, size_t keep)
{
    for (size_t i = 0; i < blocks->count; i++) {
        if (i % keep != 0) {
            give_back(blocks->at[i]);
            blocks->at[i] = NULL;
        }
    }
}

static void shape_small(void)
{
    uint64_t state = 1;
    struct blocks blocks = grow(bytes_wanted, small, &state);

    churn(&blocks, 3 * blocks.count, small, &state);
}

static void shape_mixed(void)
{
    uint64_t state = 2;
    struct blocks blocks = grow(bytes_wanted, mixed, &state);

    churn(&blocks, 3 * blocks.count, mixed, &state);
}

/* Grown, then freed to a sixteenth: what stays pins the pages. */
static void shape_fragmented(void)
{
    uint64_t state = 3;
    struct blocks blocks = grow(bytes_wanted, mixed, &state);

    thin(&blocks, 16);
}

static void shape_emptied(void)
{
    uint64_t state = 4;
    struct blocks blocks = grow(bytes_wanted, mixed, &state);

    thin(&blocks, blocks.count + 1);
}

static pthread_barrier_t barrier;

static void *thread_main(void *number)
{
    uint64_t state = 100 + (uintptr_t)number;
    volatile char deep[300000];
    struct blocks blocks = grow(bytes_wanted / 8, mixed, &state);

    for (size_t i = 0; i < sizeof deep; i += 1024)
        deep[i] = 1;
    stacks += sizeof deep;
    churn(&blocks, 2 * blocks.count, mixed, &state);
    if ((uintptr_t)number % 2)
        thin(&blocks, 8);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* Eight arenas; half of them are mostly free at the end. The threads live on until it. */
static void shape_threads(void)
{
    pthread_t threads[8];

    pthread_barrier_init(&barrier, NULL, 9);
    for (uintptr_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, thread_main, (void *)i);
    pthread_barrier_wait(&barrier);
    usleep(pause_us);
}

/* Blocks with mappings of their own; of every second only a quarter is ever written. */
static void shape_large(void)
{
    size_t count = bytes_wanted / (2 << 20);

    for (size_t i = 0; i < count; i++) {
        size_t written = i % 2 ? 512 << 10 : 2 << 20; /* the rest takes no memory */
        char *block = malloc(2 << 20);

        if (block)
            memset(block, 1, written);
        live += block ? written : 0;
    }
}

static void *deep_main(void *unused)
{
    volatile char deep[4 << 20];

    for (size_t i = 0; i < sizeof deep; i += 1024)
        deep[i] = 1;
    stacks += sizeof deep;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

/* Ten threads that never allocate, each with 4 MiB of stack, above a large block that joins their mappings. */
static void shape_stacks(void)
{
    pthread_t threads[10];

    take(8 << 20);
    pthread_barrier_init(&barrier, NULL, 11);
    for (int i = 0; i < 10; i++)
        pthread_create(&threads[i], NULL, deep_main, NULL);
    pthread_barrier_wait(&barrier);
    usleep(pause_us);
}

/* What a runtime does: mappings of its own, partly given back. */
static void shape_mapped(void)
{
    uint64_t state = 5;
    size_t piece = 1 << 20;

    for (size_t done = 0; done < bytes_wanted; done += piece) {
        char *at = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED)
            return;
        memset(at, 1, piece / 2);
        mapped += piece / 2;
        if (draw(&state) % 3 == 0 && munmap(at, piece / 4) == 0)
            mapped -= piece / 4;
        for (int i = 0; i < 100; i++)
            take(1000);
    }
}

static char statics[16 << 20];

static void shape_statics(void)
{
    memset(statics, 1, sizeof statics / 2);
    written_statics += sizeof statics / 2;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } shapes[] = {
        {"small", shape_small},     {"mixed", shape_mixed},     {"fragmented", shape_fragmented},
        {"emptied", shape_emptied}, {"threads", shape_threads}, {"large", shape_large},
        {"stacks", shape_stacks},   {"mapped", shape_mapped},   {"statics", shape_statics}};

    pause_us = (useconds_t)(count > 3 ? atoi(arguments[3]) : 500) * 1000;
    bytes_wanted = (size_t)(count > 2 ? atoi(arguments[2]) : 64) << 20;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (count > 1 && strcmp(arguments[1], shapes[i].name) == 0) {
            shapes[i].run();
            usleep(pause_us);
            printf("%zu %zu %zu %zu\n", live, mapped, stacks, written_statics);
            return 0;
        }
    }
    fputs("usage: rss_shapes SHAPE [MEBIBYTES [MS]]\n", stderr);
    return 2;
}
