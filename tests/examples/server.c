/* SPDX-License-Identifier: Apache-2.0 */
/* server.c -- a server that tells the recorder its requests as spans, and its pool of database connections.
 *
 *   server [requests] [leak] [connections=N]      default: 2000, over four sockets, one thread each; 2
 *
 * A request for rows waits for one of the connections; one for the health of the server does not, and fails when
 * there is none. With `leak` each request for rows leaves its session behind: `memanalyze report spans` lists what
 * finished requests left, and `leaks` says where.
 *
 * Build: cc -pthread server.c $(pkg-config --cflags --libs memrec), or cc -pthread -DMEMREC_HEADER_ONLY server.c */
#include <memrec/memrec.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 4, ROWS = 5, ROW_BYTES = 200, SESSION_BYTES = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given_back = PTHREAD_COND_INITIALIZER;
static unsigned taken, connections = 2;
static int requests = 2000, leak;
static memrec_pool_id pool;
static memrec_name_id request_kind, query_kind, rows_label, health_label;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Takes a connection of the pool. 0: there was none, and the caller would not wait. */
static int take_connection(int may_wait)
{
    uint64_t start_ns = now_ns();

    pthread_mutex_lock(&lock);
    if (taken == connections) {
        if (!may_wait) {
            pthread_mutex_unlock(&lock);
            memrec_pool_exhausted(pool);
            return 0;
        }
        while (taken == connections)
            pthread_cond_wait(&given_back, &lock);
        memrec_pool_wait(pool, now_ns() - start_ns);
    }
    memrec_pool_state(pool, ++taken, connections);
    pthread_mutex_unlock(&lock);
    return 1;
}

static void give_connection(void)
{
    pthread_mutex_lock(&lock);
    memrec_pool_state(pool, --taken, connections);
    pthread_cond_signal(&given_back);
    pthread_mutex_unlock(&lock);
}

/* Row `number` of the database, in a block the caller frees. Databases take their time. */
static char *query(int number)
{
    memrec_span_id span = memrec_span_begin(query_kind, 0);
    char *row = malloc(ROW_BYTES);

    if (!row)
        abort();
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    snprintf(row, ROW_BYTES, "%d squared is %d\n", number, number * number);
    memrec_span_end(span, MEMREC_OK);
    return row;
}

static void serve(FILE *out, int number)
{
    int health = number < 0;
    memrec_span_id span = memrec_span_begin(request_kind, health ? health_label : rows_label);

    if (!take_connection(!health)) {
        fputs("busy\n", out);
        fflush(out);
        memrec_span_end(span, MEMREC_FAILED);
        return;
    }
    char *session = malloc(SESSION_BYTES);
    for (int row = 0; row < (health ? 1 : ROWS); row++) {
        char *text = query(health ? 0 : number + row);

        snprintf(session, SESSION_BYTES, "%s", text);
        free(text);
        fputs(session, out);
        memrec_span_first_result(span);
        memrec_span_items(span, 1);
    }
    give_connection();
    fflush(out);
    if (!leak || health)
        free(session);
    memrec_span_end(span, MEMREC_OK);
}

static void *server(void *socket)
{
    FILE *in = fdopen(*(int *)socket, "r"), *out = fdopen(dup(*(int *)socket), "w");
    char line[64];

    while (in && out && fgets(line, sizeof line, in))
        serve(out, strncmp(line, "GET /health", 11) ? atoi(line + strlen("GET /rows/")) : -1);
    fclose(in);
    fclose(out);
    return NULL;
}

/* Asks for rows, and now and then for the server's health; adds up what it was told. */
static void *client(void *socket)
{
    FILE *in = fdopen(dup(*(int *)socket), "r");
    long number, square, *sum = calloc(1, sizeof *sum);
    char line[64];

    for (int i = 0; in && sum && i < requests / CLIENTS; i++) {
        dprintf(*(int *)socket, "GET /rows/%d\n", i);
        for (int row = 0; row < ROWS && fgets(line, sizeof line, in); row++)
            if (sscanf(line, "%ld squared is %ld", &number, &square) == 2)
                *sum += square;
        if (i % 4 == 0) {
            dprintf(*(int *)socket, "GET /health\n");
            fgets(line, sizeof line, in) ? (void)0 : abort();
        }
    }
    shutdown(*(int *)socket, SHUT_WR);
    fclose(in);
    return sum;
}

int main(int argc, char **argv)
{
    pthread_t threads[2][CLIENTS];
    int sockets[CLIENTS][2];
    long total = 0, *sum;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "leak"))
            leak = 1;
        else if (sscanf(argv[i], "connections=%u", &connections) != 1)
            requests = atoi(argv[i]);
    }
    request_kind = memrec_name("request", 7);
    query_kind = memrec_name("query", 5);
    rows_label = memrec_name("GET /rows", 9);
    health_label = memrec_name("GET /health", 11);
    pool = memrec_pool("database", &(struct memrec_pool_facts){.kind = MEMREC_POOL_CONNECTION,
                                                               .slot_bytes = 1,
                                                               .capacity_bytes = connections,
                                                               .capacity_slots = connections});
    for (int i = 0; i < CLIENTS; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[i]) != 0 ||
            pthread_create(&threads[0][i], NULL, server, &sockets[i][0]) != 0 ||
            pthread_create(&threads[1][i], NULL, client, &sockets[i][1]) != 0)
            abort();
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[1][i], (void **)&sum);
        total += *sum;
        free(sum);
        pthread_join(threads[0][i], NULL);
    }
    printf("%d requests, the squares add up to %ld\n", requests, total);
    return 0;
}
