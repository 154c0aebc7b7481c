/* SPDX-License-Identifier: Apache-2.0 */
/* leak_inject.c -- a program leaks where it was told to: preloaded before the recorder, it swallows a share of the frees
 * that come from one call stack, and writes down which blocks these were. Invariant: every other free goes on.
 *
 *   LEAK_INJECT_LIST=FILE    at exit, the number of stretches of 1,024 frees, and one line per stack of frees: hash, frees,
 *                            in how many of the stretches
 *   LEAK_INJECT_STACK=HASH   the stack whose frees are swallowed ...
 *   LEAK_INJECT_SHARE=0.05   ... with this probability, by LEAK_INJECT_SEED=N
 *   LEAK_INJECT_LOG=FILE     the addresses that were
 *
 * Hashes are of return addresses: equal in the runs of a program whose addresses are not randomised. */
#include <dlfcn.h>
#include <execinfo.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 7, STACKS = 1 << 14, LOGGED_MAX = 1 << 20, STRETCH = 1024 };

static void (*next_free)(void *);
static bool awake;
static __thread bool inside __attribute__((tls_model("initial-exec")));

static struct stack {
    uint64_t hash, count, stretches, last; /* the stretch of the last, plus 1 */
} stacks[STACKS];
static uint64_t frees, logged, state;
static uint64_t log_of[LOGGED_MAX];
static uint64_t wanted;
static double share;

static uint64_t hash_of_stack(void)
{
    void *at[DEPTH + 2];
    int count = backtrace(at, DEPTH + 2);
    uint64_t hash = 0;

    for (int i = 2; i < count; i++) { /* without this file */
        hash = (hash ^ (uint64_t)(uintptr_t)at[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash | 1;
}

static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static void count_stack(uint64_t hash)
{
    for (size_t i = hash >> 32 & (STACKS - 1), tries = 0; tries < STACKS;
         i = (i + 1) & (STACKS - 1), tries++) {
        if (!stacks[i].hash) {
            stacks[i] = (struct stack){.hash = hash};
        }
        if (stacks[i].hash == hash) {
            stacks[i].count++;
            stacks[i].stretches += stacks[i].last != frees / STRETCH + 1;
            stacks[i].last = frees / STRETCH + 1;
            return;
        }
    }
}

static bool swallow(const void *block)
{
    uint64_t hash = hash_of_stack();

    __atomic_fetch_add(&frees, 1, __ATOMIC_RELAXED);
    if (!wanted) {
        count_stack(hash);
        return false;
    }
    if (hash != wanted || uniform() >= share || logged == LOGGED_MAX) {
        return false;
    }
    log_of[logged++] = (uint64_t)(uintptr_t)block;
    return true;
}

__attribute__((visibility("default"))) void free(void *block)
{
    if (!next_free) {
        next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    }
    if (awake && block && !inside) {
        inside = true;
        bool swallowed = swallow(block);
        inside = false;
        if (swallowed) {
            return;
        }
    }
    next_free(block);
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("LEAK_INJECT_STACK");
    void *warm[2];

    wanted = text ? strtoull(text, NULL, 16) : 0;
    share = (text = getenv("LEAK_INJECT_SHARE")) ? strtod(text, NULL) : 0;
    state = ((text = getenv("LEAK_INJECT_SEED")) ? strtoull(text, NULL, 10) : 1) *
                UINT64_C(0x9e3779b97f4a7c15) +
            1;
    (void)backtrace(warm, 2); /* the first call loads a library */
    awake = wanted || getenv("LEAK_INJECT_LIST");
}

__attribute__((destructor)) static void end(void)
{
    const char *list = getenv("LEAK_INJECT_LIST");
    const char *log = getenv("LEAK_INJECT_LOG");
    FILE *file;

    awake = false;
    if (list && !wanted && (file = fopen(list, "w"))) {
        fprintf(file, "%llu\n", (unsigned long long)frees / STRETCH + 1);
        for (size_t i = 0; i < STACKS; i++) {
            if (stacks[i].hash) {
                fprintf(file, "%llx %llu %llu\n", (unsigned long long)stacks[i].hash,
                        (unsigned long long)stacks[i].count,
                        (unsigned long long)stacks[i].stretches);
            }
        }
        fclose(file);
    }
    if (log && wanted && (file = fopen(log, "w"))) {
        for (uint64_t i = 0; i < logged; i++) {
            fprintf(file, "%llu\n", (unsigned long long)log_of[i]);
        }
        fclose(file);
    }
}
