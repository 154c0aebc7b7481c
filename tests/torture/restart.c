/* SPDX-License-Identifier: Apache-2.0 */
/* restart.c -- restart COUNT: recordings that begin and end while threads allocate, free each other's blocks and
 * report objects, and threads come and go. Recording k goes to t<k>.zst; a block allocated in it has 1000 + k bytes,
 * its objects 3000 + k. Blocks of 5000 bytes and objects of 6000 are never freed; all
 * others may be freed in a later recording than their own. */
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, SHELVES = 256 };

static _Atomic unsigned recording;
static _Atomic int stop;
static _Atomic(void *) shelf[SHELVES];
static _Atomic uintptr_t objects[SHELVES]; /* address | size */
static _Atomic uintptr_t next_address = UINT64_C(1) << 44;
static memrec_heap_id heap;

static _Atomic unsigned
    seen[THREADS + 1]; /* by each thread: it allocates under no earlier number */

static void *work(void *argument)
{
    static _Atomic uintptr_t seeds;
    uint64_t random = ++seeds * UINT64_C(0x9E3779B97F4A7C15) + 1;
    _Atomic unsigned *mine = argument;

    for (unsigned round = 0; !stop && (round < 20000 || mine != &seen[THREADS]); round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned k = recording;
        *mine = k;
        free(atomic_exchange(&shelf[(random >> 40) % SHELVES], malloc(1000 + k)));

        uintptr_t object = atomic_fetch_add(&next_address, 8192);
        memrec_heap_alloc(heap, 0, (void *)object, 3000 + k);
        object = atomic_exchange(&objects[(random >> 50) % SHELVES], object | (3000 + k));
        if (object) {
            memrec_heap_free(heap, (void *)(object & ~(uintptr_t)8191), object & 8191);
        }
        if (round % 2000 == 0) {
            if (!malloc(5000)) {
                abort();
            }
            memrec_heap_alloc(heap, 0, (void *)atomic_fetch_add(&next_address, 8192), 6000);
        }
    }
    *mine = UINT32_MAX;
    return NULL;
}

static void *come_and_go(void *unused)
{
    while (!stop) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, work, &seen[THREADS]) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS], coming;
    unsigned recordings = count == 2 ? (unsigned)atoi(arguments[1]) : 0;
    uint64_t samples = 0;

    alarm(100);
    heap = memrec_heap("h", 0, 1, 0);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, &seen[i]) != 0) {
            return 1;
        }
    }
    if (pthread_create(&coming, NULL, come_and_go, NULL) != 0) {
        return 1;
    }
    for (unsigned k = 1; k <= recordings; k++) {
        char name[32];
        struct memrec_status status = {.size = sizeof status};

        recording = k;
        for (int i = 0; i <= THREADS; i++) {
            while (seen[i] < k) {
                usleep(100);
            }
        }
        snprintf(name, sizeof name, "t%u.zst", k);
        if (memrec_start(name) != 0) {
            fprintf(stderr, "recording %u could not begin\n", k);
            return 1;
        }
        usleep(3000 + k % 7 * 2000);
        memrec_status(&status);
        samples += status.samples;
        memrec_stop();
        usleep(k % 3 * 1000);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(coming, NULL);
    printf("%u recordings, %llu samples\n", recordings, (unsigned long long)samples);
    return 0;
}
