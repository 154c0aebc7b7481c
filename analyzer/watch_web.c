/* SPDX-License-Identifier: Apache-2.0 */
/* watch_web.c -- see watch_web.h. */
#include "watch_web.h"

#include "diag.h"

#ifdef MEMREC_HAVE_MICROHTTPD

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { TOKEN_BYTES = 16, EVENT_BYTES = 256, BEAT_SECONDS = 10, LISTENERS_MAX = 16 };

struct web {
    struct MHD_Daemon *daemon;
    char token[TOKEN_BYTES * 2 + 1];
    char address[128];
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t version; /* of the data; 0: there are none yet */
    bool closing;
    char *page, *data;
    size_t page_bytes, data_bytes;
};

struct listener {
    struct web *web;
    uint64_t version; /* last told */
};

/* ---- answers ------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const char *type,
                              const void *text, size_t bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, const char *why)
{
    return answer(connection, code, "text/plain; charset=utf-8", why, strlen(why));
}

/* Server-sent events: one line whenever there are other data, and one now and then that says nothing. */
static ssize_t next_event(void *context, uint64_t position, char *out, size_t room)
{
    struct listener *listener = context;
    struct web *web = listener->web;
    struct timespec until;

    (void)position;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BEAT_SECONDS;
    pthread_mutex_lock(&web->lock);
    int waited = 0;
    while (!web->closing && web->version == listener->version && waited == 0) {
        waited = pthread_cond_timedwait(&web->changed, &web->lock, &until);
    }
    bool closing = web->closing, told = web->version != listener->version;
    listener->version = web->version;
    pthread_mutex_unlock(&web->lock);
    if (closing) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    return snprintf(out, room, told ? "data: %llu\n\n" : ": %llu\n\n",
                    (unsigned long long)listener->version);
}

static enum MHD_Result answer_events(struct web *web, struct MHD_Connection *connection)
{
    struct listener *listener = malloc(sizeof *listener);

    if (!listener) {
        return MHD_NO;
    }
    pthread_mutex_lock(&web->lock);
    *listener = (struct listener){web, web->version};
    pthread_mutex_unlock(&web->lock);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BYTES,
                                                                      next_event, listener, free);
    if (!response) {
        free(listener);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* A page of another site may not ask us under a name of its own that leads here. */
static bool is_local(const struct web *web, const char *host)
{
    char names[2][32];

    snprintf(names[0], sizeof names[0], "127.0.0.1:%u", web->port);
    snprintf(names[1], sizeof names[1], "localhost:%u", web->port);
    return host && (strcmp(host, names[0]) == 0 || strcmp(host, names[1]) == 0);
}

/* Takes as long for any wrong token. */
static bool is_token(const struct web *web, const char *token)
{
    unsigned differs = 0;

    if (!token || strlen(token) != sizeof web->token - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof web->token - 1; i++) {
        differs |= (unsigned char)(token[i] ^ web->token[i]);
    }
    return differs == 0;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    struct web *web = context;

    (void)version, (void)upload, (void)request;
    if (strcmp(method, "GET") != 0 || *upload_bytes) {
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    }
    if (!is_local(web, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")) ||
        !is_token(web, MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "token"))) {
        return refuse(connection, MHD_HTTP_FORBIDDEN,
                      "The address is the one that memanalyze watch printed, with its token.\n");
    }
    if (strcmp(url, "/events") == 0) {
        return answer_events(web, connection);
    }
    bool page = strcmp(url, "/") == 0;
    if (!page && strcmp(url, "/data") != 0) {
        return refuse(connection, MHD_HTTP_NOT_FOUND, "there is only the page\n");
    }
    pthread_mutex_lock(&web->lock);
    enum MHD_Result result =
        web->version == 0 ? refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                   "nothing was recorded yet; try again in a moment\n")
        : page            ? answer(connection, MHD_HTTP_OK, "text/html; charset=utf-8", web->page,
                                   web->page_bytes)
               : answer(connection, MHD_HTTP_OK, "application/json", web->data, web->data_bytes);
    pthread_mutex_unlock(&web->lock);
    return result;
}

/* ---- the server ---------------------------------------------------------------------------- */

status web_open(uint16_t port, struct web **out)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    unsigned char random[TOKEN_BYTES];
    struct web *web = *out = calloc(1, sizeof *web);

    if (!web || getrandom(random, sizeof random, 0) != sizeof random) {
        diag_error("could not serve the page: %m");
        free(web);
        *out = NULL;
        return FAIL;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(web->token + i * 2, 3, "%02x", random[i]);
    }
    pthread_mutex_init(&web->lock, NULL);
    pthread_cond_init(&web->changed, NULL);
    web->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, port,
                         NULL, NULL, on_request, web, MHD_OPTION_SOCK_ADDR, &here,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)LISTENERS_MAX, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        web->daemon ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info) {
        diag_error("could not serve the page on port %u of 127.0.0.1: %m", port);
        diag_hint("--web without a port takes one that is free.");
        web_close(web);
        *out = NULL;
        return FAIL;
    }
    web->port = info->port;
    snprintf(web->address, sizeof web->address, "http://127.0.0.1:%u/?token=%s", web->port,
             web->token);
    return OK;
}

void web_close(struct web *web)
{
    if (!web) {
        return;
    }
    pthread_mutex_lock(&web->lock);
    web->closing = true;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->lock);
    if (web->daemon) {
        MHD_stop_daemon(web->daemon);
    }
    pthread_cond_destroy(&web->changed);
    pthread_mutex_destroy(&web->lock);
    free(web->page);
    free(web->data);
    free(web);
}

const char *web_address(const struct web *web) { return web->address; }

void web_set(struct web *web, char *page, size_t page_bytes, char *data, size_t data_bytes)
{
    pthread_mutex_lock(&web->lock);
    char *old_page = web->page, *old_data = web->data;
    web->page = page;
    web->page_bytes = page_bytes;
    web->data = data;
    web->data_bytes = data_bytes;
    web->version++;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->lock);
    free(old_page);
    free(old_data);
}

#else

status web_open(uint16_t port, struct web **out)
{
    (void)port;
    *out = NULL;
    diag_error("could not serve the page: this memanalyze was built without libmicrohttpd");
    diag_hint("Install libmicrohttpd-dev and build again, or watch in the terminal.");
    return FAIL;
}

void web_close(struct web *web) { (void)web; }

const char *web_address(const struct web *web) { return web ? "" : NULL; }

void web_set(struct web *web, char *page, size_t page_bytes, char *data, size_t data_bytes)
{
    (void)web, (void)page, (void)page_bytes, (void)data, (void)data_bytes;
}

#endif
