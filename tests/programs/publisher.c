/* SPDX-License-Identifier: Apache-2.0 */
/* publisher.c -- a program to be killed: allocates and frees from several threads, and after each call
 * has returned counts it in a shared file. So at any moment the file says how many calls the recorder
 * must have published.
 *
 *   publisher FILE THREADS PAUSE_EVERY    never ends by itself
 *
 * FILE: one native 64-bit counter of events (allocations and frees) per thread. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 16

static _Atomic uint64_t *progress;
static unsigned pause_every;

static void *publish(void *argument)
{
    _Atomic uint64_t *mine = argument;
    void *blocks[128] = {NULL};
    struct timespec pause = {0, 1000000};

    for (uint64_t i = 1;; i++) {
        void **block = &blocks[i * 2654435761u % 128];

        if (*block) {
            free(*block);
            atomic_fetch_add(mine, 1);
        }
        *block = malloc(i % 500 + 1);
        atomic_fetch_add(mine, 1);
        if (i % pause_every == 0) {
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    unsigned threads;
    int file;

    if (count != 4) {
        return 2;
    }
    threads = (unsigned)strtoul(arguments[2], NULL, 10);
    pause_every = (unsigned)strtoul(arguments[3], NULL, 10);
    file = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || threads == 0 || threads > THREADS_MAX || pause_every == 0 ||
        ftruncate(file, THREADS_MAX * sizeof *progress) != 0) {
        return 2;
    }
    progress =
        mmap(NULL, THREADS_MAX * sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (progress == MAP_FAILED) {
        return 2;
    }
    for (unsigned i = 1; i < threads; i++) {
        pthread_create(&thread, NULL, publish, (void *)&progress[i]);
    }
    publish((void *)&progress[0]);
    return 0;
}
