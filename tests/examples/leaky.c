/* SPDX-License-Identifier: Apache-2.0 */
/* leaky.c -- a small server loop with one known leak, for `make demo` and the tests.
 *
 *   leaky [leak|clean] [requests]        default: leak 200000
 *
 * Each request is parsed, answered and freed. Three things stay alive, and only one is a leak:
 *
 *   load_table        4 MiB in 4096 blocks, before the first request: start-up data
 *   cache_put         the latest 1000 answers: a cache that evicts
 *   keep_session      one request in ten forgets its session of 400 bytes: the leak
 *
 * With `clean` sessions are freed too. The last line counts what was lost. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLE_ROWS    4096
#define ROW_BYTES     1024
#define CACHE_SLOTS   1000
#define SESSION_BYTES 400
#define LEAK_ONE_IN   10

#define OWN_FRAME __attribute__((noinline))

static char *table[TABLE_ROWS];
static char *cache[CACHE_SLOTS];
static uint64_t lost_blocks;

OWN_FRAME static void *xmalloc(size_t size_bytes)
{
    char *block = malloc(size_bytes);

    if (!block) {
        fputs("leaky: out of memory\n", stderr);
        exit(1);
    }
    memset(block, 1, size_bytes);
    return block;
}

OWN_FRAME static void load_table(void)
{
    for (int row = 0; row < TABLE_ROWS; row++) {
        table[row] = xmalloc(ROW_BYTES);
    }
}

OWN_FRAME static char *parse_request(uint64_t number) { return xmalloc(64 + number * 37 % 900); }

OWN_FRAME static void cache_put(uint64_t number)
{
    char **slot = &cache[number % CACHE_SLOTS];

    free(*slot);
    *slot = xmalloc(200 + number * 13 % 300);
}

OWN_FRAME static char *keep_session(void) { return xmalloc(SESSION_BYTES); }

OWN_FRAME static void serve(uint64_t number, int leaks)
{
    char *request = parse_request(number);
    char *session = keep_session();

    cache_put(number);
    if (leaks && number % LEAK_ONE_IN == 0) {
        lost_blocks++;
    } else {
        free(session);
    }
    free(request);
}

/* Requests arrive a few at a time, so that the run has a length worth looking at. */
static void pause_between(uint64_t number)
{
    if (number % 500 == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

int main(int argc, char **argv)
{
    int leaks = argc < 2 || strcmp(argv[1], "clean") != 0;
    uint64_t requests = argc < 3 ? 200000 : strtoull(argv[2], NULL, 10);

    load_table();
    for (uint64_t number = 0; number < requests; number++) {
        serve(number, leaks);
        pause_between(number);
    }
    printf("%llu requests, %llu sessions of %d bytes lost\n", (unsigned long long)requests,
           (unsigned long long)lost_blocks, SESSION_BYTES);
    return 0;
}
