/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c -- threads TRUTH PLUGIN COUNT: short threads allocate, free their own blocks and each other's, and
 * end, while libraries are loaded and unloaded and signals interrupt it all, whose handler allocates too.
 *
 * Every thread counts what it does and has a name; TRUTH gets a line "name,allocs,bytes,frees" for each, which a
 * recorder that misses nothing must have seen. Signals are held back wherever the C library may be inside its
 * own malloc: a handler that allocates there would be this program's mistake. Exit code 0: all went well. */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 8, SHELVES = 64, STACK_BYTES = 128 << 10 };

struct truth {
    uint64_t allocs, bytes, frees;
};

static struct truth *truths;           /* by thread */
static _Atomic(char *) shelf[SHELVES]; /* blocks that any thread may free */
static _Atomic unsigned handled, loads, failed, stop;
static sem_t places;

static __thread struct truth mine;
static __thread volatile sig_atomic_t in_malloc;

static void fails(const char *what)
{
    fprintf(stderr, "failed: %s\n", what);
    failed++;
}

/* A block of its own, filled so that a block handed out twice would show. */
static char *filled(char *block, size_t size, char fill)
{
    if (!block) {
        fails("no memory");
        _exit(1);
    }
    memset(block, fill, size);
    return block;
}

static char *allocate(unsigned kind, size_t size, char fill)
{
    void *block = NULL;

    in_malloc = 1;
    switch (kind % 4) {
    case 0:
        block = malloc(size);
        break;
    case 1:
        block = calloc(1, size);
        break;
    case 2:
        block = aligned_alloc(64, size);
        break;
    default:
        if (posix_memalign(&block, 32, size) != 0) {
            block = NULL;
        }
    }
    in_malloc = 0;
    mine.allocs++;
    mine.bytes += size;
    return filled(block, size, fill);
}

static char *enlarge(char *block, size_t size, char fill)
{
    in_malloc = 1;
    char *moved = realloc(block, size);
    in_malloc = 0;
    mine.allocs++;
    mine.bytes += size;
    mine.frees++;
    return filled(moved, size, fill);
}

static void release(char *block)
{
    in_malloc = 1;
    free(block);
    in_malloc = 0;
    mine.frees++;
}

static void hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, NULL);
}

/* Additions to `mine` are made of several instructions; a handler between them would be lost. So the handler
 * counts here, and the thread adds it up at its end. */
static __thread volatile uint64_t handler_allocs;

static void handle(int signal_number)
{
    (void)signal_number;
    handled++;
    if (in_malloc) {
        return;
    }
    in_malloc = 1;
    free(malloc(777));
    in_malloc = 0;
    handler_allocs = handler_allocs + 1;
}

static void *work(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;
    uint64_t random = number * UINT64_C(0x9E3779B97F4A7C15) + 1;
    char name[16];

    snprintf(name, sizeof name, "w%u", number);
    prctl(PR_SET_NAME, name);
    hold_signals(SIG_UNBLOCK);
    for (unsigned i = 0; i < 3 + number % 6; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t size = 16 + (random >> 40) % (i % 4 == 0 ? 30000 : 500);
        char *block = allocate((unsigned)(random >> 36), size, (char)number);

        if ((random >> 34) % 4 == 0) {
            if (block[0] != (char)number || block[size - 1] != (char)number) {
                fails("a block was overwritten");
            }
            block = enlarge(block, size * 2, (char)number);
        }
        char *other = atomic_exchange(&shelf[(random >> 50) % SHELVES], block);
        if (other) {
            release(other);
        }
    }
    hold_signals(SIG_BLOCK); /* the C library frees the thread's own memory on the way out */
    mine.allocs += handler_allocs;
    mine.bytes += 777 * handler_allocs;
    mine.frees += handler_allocs;
    truths[number] = mine;
    sem_post(&places);
    return NULL;
}

static void *storm(void *unused)
{
    struct timespec pause = {0, 100000};

    while (!stop) {
        kill(getpid(), SIGUSR1); /* to whichever thread does not hold it back */
        nanosleep(&pause, NULL);
    }
    return unused;
}

static void *load(void *path)
{
    struct timespec pause = {0, 1000000};

    while (!stop) {
        void *library = dlopen(path, RTLD_NOW);

        if (!library) {
            fails(dlerror());
            return NULL;
        }
        int (*plugin_work)(int);
        void *symbol = dlsym(library, "plugin_work");
        memcpy(&plugin_work, &symbol, sizeof plugin_work);
        plugin_work((int)loads);
        dlclose(library);
        loads++;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int main(int count_of_arguments, char **arguments)
{
    if (count_of_arguments != 4) {
        return 2;
    }
    unsigned count = (unsigned)atoi(arguments[3]);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t storming, loading;
    pthread_attr_t short_lived;

    alarm(110); /* a deadlock is an answer, too */
    sigaction(SIGUSR1, &action, NULL);
    hold_signals(SIG_BLOCK);
    truths = mmap(NULL, count * sizeof *truths, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    sem_init(&places, 0, AT_ONCE);
    pthread_attr_init(&short_lived);
    pthread_attr_setstacksize(&short_lived, STACK_BYTES);
    pthread_attr_setdetachstate(&short_lived, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&storming, NULL, storm, NULL) != 0 ||
        pthread_create(&loading, NULL, load, arguments[2]) != 0) {
        return 1;
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;

        sem_wait(&places);
        if (pthread_create(&thread, &short_lived, work, (void *)(uintptr_t)i) != 0) {
            fails("no thread");
            i--;
            sem_post(&places);
            usleep(1000);
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        sem_wait(&places);
    }
    stop = 1;
    pthread_join(storming, NULL);
    pthread_join(loading, NULL);
    for (int i = 0; i < SHELVES; i++) {
        free(shelf[i]);
    }

    FILE *out = fopen(arguments[1], "w");
    for (unsigned i = 0; out && i < count; i++) {
        fprintf(out, "w%u,%llu,%llu,%llu\n", i, (unsigned long long)truths[i].allocs,
                (unsigned long long)truths[i].bytes, (unsigned long long)truths[i].frees);
    }
    if (!out || fclose(out) != 0) {
        fails("cannot write the truth");
    }
    if (handled == 0 || loads == 0) {
        fails("no signal or no library came");
    }
    printf("%u threads, %u signals, %u loads\n", count, handled, loads);
    return failed ? 1 : 0;
}
