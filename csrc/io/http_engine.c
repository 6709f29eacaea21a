#include "io/http.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/http_handle.h"
#include "io/http_outcome.h"
#include "io/http_transfer.h"

enum {
    COMMON, /* reads and sets: connections are kept and shared */
    ALONE,  /* creates: one connection per request */
    LANES
};

struct gp_http_engine {
    int closed;
    gp_http_sockets sockets;
    gp_http_lane lanes[LANES];
    gp_http_options options;
    gp_http_transfers transfers;
};

static char *copy(const char *text, int *failed)
{
    char *result = text ? strdup(text) : NULL;
    if (text && !result) *failed = 1;
    return result;
}

static void free_options(gp_http_options *options)
{
    const char *const texts[] = {options->ca_file, options->client_cert, options->client_key,
                                 options->proxy, options->user_agent};
    size_t i;
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text;
        memcpy(&text, &texts[i], sizeof text);
        if (text) explicit_bzero(text, strlen(text)); /* a proxy's URL may hold a password */
        free(text);
    }
    memset(options, 0, sizeof *options);
}

gp_http_engine *gp_http_engine_new(const gp_http_options *options)
{
    gp_http_engine *engine = calloc(1, sizeof *engine);
    int failed = 0, i;
    if (!engine) return NULL;
    engine->sockets.epoll_fd = -1;
    for (i = 0; i < LANES; i++) {
        engine->lanes[i] =
            (gp_http_lane){.sockets = &engine->sockets, .options = &engine->options, .due = -1};
    }
    engine->lanes[COMMON].connections = GP_HTTP_HOST_CONNECTIONS - GP_HTTP_HOST_CREATES;
    engine->lanes[ALONE].connections = GP_HTTP_HOST_CREATES;
    engine->lanes[ALONE].alone = 1;
    engine->options.ca_file = copy(options->ca_file, &failed);
    engine->options.client_cert = copy(options->client_cert, &failed);
    engine->options.client_key = copy(options->client_key, &failed);
    engine->options.proxy = copy(options->proxy, &failed);
    engine->options.user_agent = copy(options->user_agent, &failed);
    engine->options.allow_insecure = options->allow_insecure;
    if (failed) {
        free_options(&engine->options);
        free(engine);
        return NULL;
    }
    return engine;
}

static int start(gp_http_engine *engine)
{
    return gp_http_sockets_open(&engine->sockets) && gp_http_lane_start(&engine->lanes[COMMON]);
}

/* The lane for the request, started; NULL when out of memory. */
static gp_http_lane *lane_for(gp_http_engine *engine, const gp_http_request *request)
{
    int alone = request->effect == GP_HTTP_CREATE && !request->unsafe_reuse;
    gp_http_lane *lane = &engine->lanes[alone ? ALONE : COMMON];
    return lane->multi || gp_http_lane_start(lane) ? lane : NULL;
}

static int ensure_started(gp_http_engine *engine, gp_http_failure *failure)
{
    if (engine->closed) {
        return gp_http_refuse(failure, GP_HTTP_CONNECT, "the HTTP engine is closed");
    }
    if (gp_http_sockets_foreign(&engine->sockets)) {
        gp_http_refuse(failure, GP_HTTP_CONNECT, "");
        snprintf(failure->message, sizeof failure->message,
                 "the HTTP engine was used in process %ld before the fork and cannot be used in "
                 "process %ld: make a new client after the fork",
                 (long)engine->sockets.pid, (long)getpid());
        return 0;
    }
    if (engine->lanes[COMMON].multi || start(engine)) return 1;
    gp_http_sockets_close(&engine->sockets);
    return gp_http_refuse(failure, GP_HTTP_CONNECT,
                          "the HTTP engine cannot start: out of descriptors or memory");
}

static void close_lane(gp_http_lane *lane, int foreign)
{
    /* Leaves the parent process's handles and connections open: an orderly shutdown here would end
     * the parent's TLS sessions. */
    if (!foreign) {
        gp_http_handles_free(lane);
        if (lane->multi) curl_multi_cleanup(lane->multi);
    }
    lane->multi = NULL;
}

void gp_http_engine_close(gp_http_engine *engine)
{
    int foreign = gp_http_sockets_foreign(&engine->sockets);
    int i;
    if (engine->closed) return;
    engine->closed = 1;
    gp_http_transfers_abandon(&engine->transfers, "the client was closed");
    for (i = 0; i < LANES; i++) {
        close_lane(&engine->lanes[i], foreign);
    }
    gp_http_sockets_close(&engine->sockets);
    free_options(&engine->options);
}

void gp_http_engine_release(gp_http_engine *engine)
{
    gp_http_engine_close(engine);
    while (gp_http_engine_next(engine)) {
    }
    gp_http_deadlines_free(&engine->transfers.deadlines);
    free(engine);
}

/* The protocol of a pollable object. */

int gp_http_engine_fd(gp_http_engine *engine)
{
    gp_http_failure ignored;
    return ensure_started(engine, &ignored) ? engine->sockets.epoll_fd : -1;
}

double gp_http_engine_timeout(gp_http_engine *engine)
{
    const gp_http_deadline *first = gp_http_deadlines_first(&engine->transfers.deadlines);
    double at = first ? first->at : INFINITY;
    int i;
    if (engine->transfers.ready_head) return 0;
    if (engine->closed) return -1;
    if (gp_http_sockets_foreign(&engine->sockets)) return engine->transfers.active ? 0 : -1;
    for (i = 0; i < LANES; i++) {
        if (engine->lanes[i].due >= 0) at = fmin(at, engine->lanes[i].due);
    }
    if (isinf(at)) return -1;
    at -= gp_clock_now();
    return at > 0 ? at : 0;
}

static void collect(const gp_http_lane *lane)
{
    CURLMsg *message;
    int left;
    while (lane->multi && (message = curl_multi_info_read(lane->multi, &left))) {
        gp_http_handle *handle = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&handle);
        if (handle && handle->transfer) {
            gp_http_transfer_complete(handle->transfer, message->data.result);
        }
    }
}

void gp_http_engine_step(gp_http_engine *engine)
{
    int i;
    if (engine->closed || !engine->lanes[COMMON].multi) return;
    if (gp_http_sockets_foreign(&engine->sockets)) {
        gp_http_transfers_abandon(&engine->transfers, "the process was forked during the request");
        return;
    }
    gp_http_sockets_deliver(&engine->sockets);
    for (i = 0; i < LANES; i++) {
        gp_http_lane_tick(&engine->lanes[i]);
    }
    for (i = 0; i < LANES; i++) {
        collect(&engine->lanes[i]);
    }
    gp_http_transfers_expire(&engine->transfers);
}

gp_http_transfer *gp_http_engine_next(gp_http_engine *engine)
{
    return gp_http_transfers_next(&engine->transfers);
}

gp_http_transfer *gp_http_submit(gp_http_engine *engine, const gp_http_request *request,
                                 gp_http_failure *failure)
{
    gp_http_lane *lane;
    if (!ensure_started(engine, failure)) return NULL;
    lane = lane_for(engine, request);
    if (!lane) {
        gp_http_refuse(failure, GP_HTTP_PROTOCOL, "libcurl rejects the request");
        return NULL;
    }
    return gp_http_transfer_start(&engine->transfers, lane, request, failure);
}

gp_http_counts gp_http_engine_counts(const gp_http_engine *engine)
{
    return (gp_http_counts){engine->transfers.count, engine->transfers.submitted,
                            engine->sockets.opened};
}
