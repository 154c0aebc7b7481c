/* SPDX-License-Identifier: Apache-2.0 */
/* pinner.c -- a server whose sessions, small and kept, lie among the buffers of its requests, which go.
 *
 * Requests come in bursts: each takes buffers of many sizes, and every few of them a session is remembered
 * beside. When a burst is over its buffers are freed, all but the sessions: they stay alone on pages that were full.
 * A table of static data, loaded first, lies by itself; a cache keeps the last few hundred of its entries; both live
 * long, but pin little. At the end it prints what the C library says is in blocks of its heap, or 0.
 *
 * With a fourth argument it rests for 3 ms after so many calls, that a recorder of all of them may follow.
 *
 *     pinner [seed [megabytes [milliseconds [calls]]]]                                                */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TABLE_BLOCKS = 40000, CACHE_BLOCKS = 400, BURSTS = 3, KIND_COUNT = 12 };

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void pause_ms(uint64_t milliseconds)
{
    const struct timespec time = {(time_t)(milliseconds / 1000),
                                  (long)(milliseconds % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* Of malloc or free; 0 calls between rests: none. */
static uint64_t calls_between_rests, calls;

static void rest(void)
{
    if (calls_between_rests && ++calls % calls_between_rests == 0) {
        pause_ms(3);
    }
}

static inline __attribute__((always_inline)) void *filled(size_t bytes) /* not a frame of its own */
{
    rest();
    void *block = malloc(bytes);

    if (!block) {
        abort();
    }
    return memset(block, 1, bytes);
}

__attribute__((noinline)) static void *remember_session(void) { return filled(48 + draw() % 100); }

__attribute__((noinline)) static void *load_table(void) { return filled(200 + draw() % 200); }

__attribute__((noinline)) static void *cache_entry(void) { return filled(1000 + draw() % 3000); }

/* Sites of their own: each kind of request has its size. */
#define REQUEST(kind)                                                                              \
    __attribute__((noinline)) static void *request_##kind(void)                                    \
    {                                                                                              \
        return filled(64 + 90 * (kind) + draw() % 200);                                            \
    }
REQUEST(0)
REQUEST(1)
REQUEST(2)
REQUEST(3)
REQUEST(4)
REQUEST(5)
REQUEST(6)
REQUEST(7)
REQUEST(8)
REQUEST(9)
REQUEST(10)
REQUEST(11)
static void *(*const requests[KIND_COUNT])(void) = {request_0, request_1, request_2,  request_3,
                                                    request_4, request_5, request_6,  request_7,
                                                    request_8, request_9, request_10, request_11};

int main(int count, char **arguments)
{
    uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    size_t bytes = (count > 2 ? strtoull(arguments[2], NULL, 10) : 32) << 20;
    uint64_t run_ms = count > 3 ? strtoull(arguments[3], NULL, 10) : 200;
    calls_between_rests = count > 4 ? strtoull(arguments[4], NULL, 10) : 0;
    size_t room = bytes / 300;
    void **buffers = malloc(room * sizeof *buffers);
    void **kept = malloc(room * sizeof *kept);
    static void *cache[CACHE_BLOCKS];
    static void *table[TABLE_BLOCKS];
    size_t kept_count = 0;

    if (!buffers || !kept) {
        return 1;
    }
    state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < TABLE_BLOCKS; i++) {
        table[i] = load_table();
    }
    for (int burst = 0; burst < BURSTS; burst++) {
        size_t taken = 0;
        size_t used = 0;

        for (; used < bytes && taken < room; taken++) {
            buffers[taken] = requests[draw() % KIND_COUNT]();
            used += 700;
            if (burst == 0 && draw() % 6 == 0) {
                kept[kept_count++] = remember_session();
            }
            if (draw() % 50 == 0) {
                size_t at = draw() % CACHE_BLOCKS;

                free(cache[at]);
                cache[at] = cache_entry();
            }
        }
        for (size_t i = 0; i < taken; i++) {
            rest();
            free(buffers[i]);
        }
        pause_ms(run_ms / (2 * BURSTS));
    }
    for (uint64_t i = 0; i < 20; i++) { /* quiet, but not idle */
        free(requests[draw() % KIND_COUNT]());
        pause_ms(run_ms / 40);
    }
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 33)
    size_t used = mallinfo2().uordblks;
#else
    size_t used = 0;
#endif
    printf("%zu %zu sessions, %d rows\n", used, kept_count,
           (int)(table[draw() % TABLE_BLOCKS] != NULL));
    return 0;
}
