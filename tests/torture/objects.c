/* SPDX-License-Identifier: Apache-2.0 */
/* objects.c -- objects TRUTH ROUNDS: threads report objects of two managed heaps, free each other's, move them as a
 * copying collector would, allocate with malloc at the very addresses, and are interrupted by signals whose
 * handler reports objects, too.
 *
 * TRUTH gets a line "thread,heap,allocs,bytes,frees,freed bytes" for each thread and heap, counted here; every
 * object of LEAKED_BYTES, and no other, is alive at the end. Signals are held back inside the calls of the main
 * flow, as between two instructions of a counter a handler's call would be lost. */
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { THREADS = 6, HEAPS = 2, SHELVES = 4096, LEAKED_BYTES = 5000, LEAK_EVERY = 2000 };

struct count {
    uint64_t allocs, bytes, frees, freed_bytes;
};

struct object {
    struct object *home; /* its memory, which malloc gave: the address may move on */
    uint64_t size;
    unsigned heap;
};

static memrec_heap_id heaps[HEAPS];
static memrec_class_id classes[3];
static struct count counts[THREADS][HEAPS], handled[THREADS][HEAPS];
static _Atomic(struct object *) shelf[SHELVES];
static _Atomic(char *) next_address; /* to move to: reserved, never used twice */
static unsigned rounds;
static _Atomic unsigned finished, interruptions;
static __thread volatile sig_atomic_t in_call, number;

/* The address an object is reported under stands in its first word. */
static char **address_of(struct object *object) { return (char **)(object + 1); }

static void report(struct object *object, unsigned klass)
{
    struct count *count = &counts[number][object->heap];

    count->allocs++;
    count->bytes += object->size;
    memrec_heap_alloc(heaps[object->heap], classes[klass], *address_of(object), object->size);
}

static void end(struct object *object)
{
    struct count *count = &counts[number][object->heap];

    count->frees++;
    count->freed_bytes += object->size;
    memrec_heap_free(heaps[object->heap], *address_of(object), object->size);
}

static void handle(int signal_number)
{
    static __thread char object[64];

    (void)signal_number;
    interruptions++;
    if (in_call) {
        return;
    }
    handled[number][1].allocs++;
    handled[number][1].bytes += sizeof object;
    handled[number][1].frees++;
    handled[number][1].freed_bytes += sizeof object;
    memrec_heap_alloc(heaps[1], 0, object, sizeof object);
    memrec_heap_free(heaps[1], object, sizeof object);
}

static void hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, NULL);
}

static void *work(void *argument)
{
    char name[16];
    uint64_t random = (uintptr_t)argument * UINT64_C(0x9E3779B97F4A7C15) + 1;

    number = (int)(uintptr_t)argument;
    snprintf(name, sizeof name, "w%d", (int)number);
    prctl(PR_SET_NAME, name);
    hold_signals(SIG_UNBLOCK); /* now that the recorder can learn the name */
    for (unsigned i = 0; i < rounds; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        struct object *object;
        uint64_t size = i % LEAK_EVERY == 0 ? LEAKED_BYTES : 16 + (random >> 40) % 400;

        in_call = 1;
        /* malloc's block and the object have one address, and different histories. */
        object = malloc(sizeof *object + sizeof(char *));
        *object = (struct object){.home = object, .size = size, .heap = (random >> 33) & 1};
        *address_of(object) = (char *)object;
        report(object, (unsigned)(random >> 34) % 3);
        if ((random >> 36) % 8 == 0) {
            char *to = atomic_fetch_add(&next_address, 64);

            memrec_heap_move(heaps[object->heap], *address_of(object), to);
            *address_of(object) = to;
        }
        if (size != LEAKED_BYTES) {
            struct object *other = atomic_exchange(&shelf[(random >> 44) % SHELVES], object);

            if (other) {
                end(other);
                free(other->home);
            }
        }
        in_call = 0;
    }
    hold_signals(SIG_BLOCK);
    finished++;
    return NULL;
}

int main(int count, char **arguments)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t threads[THREADS];

    if (count != 3) {
        return 2;
    }
    alarm(100);
    rounds = (unsigned)atoi(arguments[2]);
    next_address = (char *)(UINT64_C(1) << 44);
    heaps[0] = memrec_heap("first", MEMREC_UNKNOWN, 2, 0);
    heaps[1] = memrec_heap("second", 1 << 30, 1, 0);
    classes[1] = memrec_class("pair", "core");
    classes[2] = memrec_class("closure", NULL);
    sigaction(SIGUSR1, &action, NULL);
    hold_signals(SIG_BLOCK);
    for (uintptr_t i = 1; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            return 1;
        }
    }
    while (finished < THREADS - 1) {
        for (int i = 1; i < THREADS; i++) {
            pthread_kill(threads[i], SIGUSR1);
        }
        usleep(200);
    }
    for (int i = 1; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < SHELVES; i++) { /* by a thread that has allocated no object itself */
        if (shelf[i]) {
            end(shelf[i]);
            free(shelf[i]->home);
        }
    }

    FILE *truth = fopen(arguments[1], "w");
    for (int i = 0; truth && i < THREADS; i++) {
        for (int h = 0; h < HEAPS; h++) {
            struct count *all = &counts[i][h], *more = &handled[i][h];

            fprintf(truth, "w%d,%d,%llu,%llu,%llu,%llu\n", i, h + 1,
                    (unsigned long long)(all->allocs + more->allocs),
                    (unsigned long long)(all->bytes + more->bytes),
                    (unsigned long long)(all->frees + more->frees),
                    (unsigned long long)(all->freed_bytes + more->freed_bytes));
        }
    }
    if (!truth || fclose(truth) != 0 || interruptions == 0) {
        return 1;
    }
    return 0;
}
