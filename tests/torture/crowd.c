/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.c -- more threads at once than the recorder has places for (4,096). The late ones, which it cannot watch, free
 * what the first one allocated: not one of these blocks may seem to be alive at the end. Exit code 77: so many
 * threads are not to be had here. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4200, WATCHED = 4096, BLOCKS = 4000, BLOCK_BYTES = 5000 };

static char *blocks[BLOCKS];
static _Atomic unsigned present, next_block;
static _Atomic int leave;

static void *stay(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;

    char *volatile seen = malloc(10); /* or seen to be one too many */

    free(seen);
    present++;
    if (number >= WATCHED) {
        for (unsigned i = next_block++; i < BLOCKS; i = next_block++) {
            if (i % 2) {
                free(blocks[i]);
            } else {
                free(realloc(blocks[i], 10));
            }
            /* There are 128 places for such frees, emptied twenty times a second, less under load. */
            usleep(120000);
        }
    }
    while (!leave) {
        usleep(20000);
    }
    return NULL;
}

int main(void)
{
    static pthread_t thread[THREADS];
    pthread_attr_t small;

    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
    }
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    for (unsigned i = 0; i < THREADS; i++) {
        if (pthread_create(&thread[i], &small, stay, (void *)(uintptr_t)i) != 0) {
            return 77;
        }
        while (present <= i) {
            usleep(10);
        }
    }
    while (next_block < BLOCKS) {
        usleep(1000);
    }
    leave = 1;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("%u threads, %u blocks\n", present, BLOCKS);
    return 0;
}
