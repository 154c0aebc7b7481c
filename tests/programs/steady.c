/* SPDX-License-Identifier: Apache-2.0 */
/* steady.c -- REQUESTS [EXTRA [LEFT]]: the same work each time, for recordings that are compared. Each request, a
 * span, handles ten messages: parses two parts, of fixed sizes, and puts one block into a table in place of an
 * older one; EXTRA bytes more are looked up and given back, and LEFT bytes are left behind. It takes its time, so
 * that nothing is lost. -DMOVED is the same program from another build: other
 * lines, another function in between, other offsets. */
#define MEMREC_HEADER_ONLY
#include <memrec/memrec.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TABLE = 4096, START = 3000, MESSAGES = 10 };

static void *table[TABLE];

#ifdef MOVED
#include <stdio.h>

__attribute__((noinline)) static void moved(int argument)
{
    printf("never printed: %d\n", argument);
}
#endif

/* A function of its own that allocates, and is no tail call: it has a frame. */
#define SITE(name)                                                                                 \
    __attribute__((noinline)) static void *name(size_t bytes)                                      \
    {                                                                                              \
        char *out = malloc(bytes);                                                                 \
                                                                                                   \
        memset(out, 1, bytes);                                                                     \
        __asm__ volatile("# " #name);                                                              \
        return out;                                                                                \
    }
SITE(parse)
SITE(look_up)
SITE(remember)
SITE(leave)

__attribute__((noinline)) static void serve(int request, size_t extra, size_t left)
{
    void *head = parse(200 + (size_t)request % 300), *body = parse(1000);

    free(table[request % TABLE]);
    table[request % TABLE] = remember(500 + (size_t)request % 100);
    if (extra) {
        free(look_up(extra));
    }
    if (left) {
        leave(left);
    }
    free(head);
    free(body);
}

int main(int argc, char **argv)
{
    int requests = argc > 1 ? atoi(argv[1]) : 0;
    size_t extra = argc > 2 ? (size_t)atoi(argv[2]) : 0,
           left = argc > 3 ? (size_t)atoi(argv[3]) : 0;
    memrec_name_id kind = memrec_name("request", 7);

#ifdef MOVED
    if (argc > 9) {
        moved(argc);
    }
#endif
    for (int i = 0; i < START; i++) {
        table[i] = remember(1000);
    }
    for (int i = 0; i < requests; i++) {
        memrec_span_id span = memrec_span_begin(kind, 0);

        for (int message = 0; message < MESSAGES; message++) {
            serve(i * MESSAGES + message, extra, left);
        }
        memrec_span_end(span, MEMREC_OK);
        if (i % 20 == 0) {
            usleep(1000);
        }
    }
    return 0;
}
