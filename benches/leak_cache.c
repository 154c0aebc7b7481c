/* SPDX-License-Identifier: Apache-2.0 */
/* leak_cache.c -- a cache server without its sockets: requests come, values are cached until they are the least used,
 * sessions end at random, statistics are kept. It leaks nothing by itself. Argument: requests. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noinline, noclone)) /* gcc makes copies under other names */
#endif
enum { SLOTS = 512, SESSIONS = 300, STATISTICS = 64, KEYS = 4000 };

struct entry {
    char *key, *value;
    uint64_t used;
};
struct session {
    char *user;
    char *buffer;
};
static struct entry cache[SLOTS];
static struct session *sessions[SESSIONS];
static char *statistics[STATISTICS];
static uint64_t state = 42, now;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

APART static char *parse_request(uint64_t key)
{
    char *request = malloc(48 + draw(100));

    snprintf(request, 48, "GET key:%llu", (unsigned long long)key);
    return request;
}
APART static void end_request(char *request) { free(request); }
APART static char *new_key(uint64_t key)
{
    char *text = malloc(32);

    snprintf(text, 32, "key:%llu", (unsigned long long)key);
    return text;
}
APART static char *new_value(void)
{
    char *value = malloc(100 + draw(2000));

    value[0] = 'v';
    return value;
}
APART static void drop_key(struct entry *entry) { free(entry->key); }
APART static void drop_value(struct entry *entry) { free(entry->value); }
APART static struct entry *oldest(void)
{
    struct entry *found = cache;

    for (size_t i = 0; i < 8; i++) { /* of eight at random, as caches do */
        struct entry *at = &cache[draw(SLOTS)];

        found = at->used < found->used ? at : found;
    }
    return found;
}
APART static const char *look_up(uint64_t key)
{
    struct entry *entry = &cache[key % SLOTS];
    char *wanted = new_key(key);

    if (!entry->key || strcmp(entry->key, wanted) != 0) {
        entry = entry->key ? oldest() : entry;
        drop_key(entry);
        drop_value(entry);
        entry->key = wanted;
        entry->value = new_value();
    } else {
        free(wanted);
    }
    entry->used = now;
    return entry->value;
}
APART static char *format_reply(const char *value)
{
    char *reply = malloc(200 + draw(400));

    snprintf(reply, 32, "VALUE %c", value[0]);
    return reply;
}
APART static void send_reply(char *reply) { free(reply); }
APART static void open_session(size_t at)
{
    struct session *session = malloc(sizeof *session);

    session->user = malloc(24);
    session->buffer = calloc(1, 512);
    sessions[at] = session;
}
APART static void close_session(size_t at)
{
    free(sessions[at]->user);
    free(sessions[at]->buffer);
    free(sessions[at]);
    sessions[at] = NULL;
}
APART static void count(size_t at)
{
    free(statistics[at]);
    statistics[at] = malloc(40 + draw(20));
}

int main(int argc, char **argv)
{
    uint64_t requests = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    uint64_t served = 0;

    for (now = 1; now <= requests; now++) {
        uint64_t key = draw(draw(KEYS) + 1);
        char *request = parse_request(key);
        char *reply = format_reply(look_up(key));
        size_t session = draw(SESSIONS);

        if (draw(20) == 0) {
            if (sessions[session]) {
                close_session(session);
            } else {
                open_session(session);
            }
        }
        if (draw(50) == 0) {
            count(draw(STATISTICS));
        }
        served += reply[0] == 'V';
        send_reply(reply);
        end_request(request);
    }
    printf("%llu served\n", (unsigned long long)served);
    return 0;
}
