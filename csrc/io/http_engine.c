#include "io/http_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/clock.h"

enum { EVENTS_A_STEP = 64 };

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (!new_size) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

const gp_alloc gp_http_heap = {heap_resize, NULL};

/* Sockets. libcurl tells what it waits for; the epoll set is told as late as possible. A kept-alive
 * connection is "removed" after each answer and "added" before the next request: leaving it in the
 * set saves two system calls a request, and if it speaks up while idle it is taken out then. */

static gp_http_socket *socket_of(gp_http_engine *engine, curl_socket_t fd)
{
    size_t count = engine->socket_count ? engine->socket_count : 64;
    gp_http_socket *sockets;
    if (fd < 0) return NULL;
    if ((size_t)fd < engine->socket_count) return &engine->sockets[fd];
    while (count <= (size_t)fd) {
        count *= 2;
    }
    sockets = realloc(engine->sockets, count * sizeof *sockets);
    if (!sockets) return NULL;
    memset(sockets + engine->socket_count, 0, (count - engine->socket_count) * sizeof *sockets);
    engine->sockets = sockets;
    engine->socket_count = count;
    return &sockets[fd];
}

static void unwatch(gp_http_engine *engine, curl_socket_t fd, gp_http_socket *entry)
{
    if (entry->watched) epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    entry->watched = 0;
}

static int watch(gp_http_engine *engine, curl_socket_t fd, gp_http_socket *entry, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int first = entry->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = entry->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    entry->events = events;
    if (entry->watched == events) return 0;
    /* What libcurl closes by itself leaves the set unnoticed, so its number may come again. */
    if (epoll_ctl(engine->epoll_fd, first, fd, &event) != 0 &&
        ((errno != ENOENT && errno != EEXIST) ||
         epoll_ctl(engine->epoll_fd, second, fd, &event) != 0)) {
        entry->watched = 0;
        return -1;
    }
    entry->watched = events;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
    gp_http_lane *lane = ctx;
    gp_http_engine *engine = lane->engine;
    gp_http_socket *entry = socket_of(engine, fd);
    uint32_t events = 0;
    (void)easy;
    (void)unused;
    if (!entry) return -1;
    entry->lane = lane;
    if (what == CURL_POLL_REMOVE) {
        entry->events = 0;
        if (!entry->own) unwatch(engine, fd, entry);
        return 0;
    }
    if (what & CURL_POLL_IN) events |= EPOLLIN;
    if (what & CURL_POLL_OUT) events |= EPOLLOUT;
    return watch(engine, fd, entry, events);
}

curl_socket_t gp_http_socket_open(gp_http_engine *engine, const struct curl_sockaddr *address)
{
    gp_http_socket *entry;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    entry = socket_of(engine, fd);
    if (!entry) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    *entry = (gp_http_socket){.own = 1};
    engine->counts.connections++;
    return fd;
}

int gp_http_socket_close(void *ctx, curl_socket_t fd)
{
    gp_http_engine *engine = ctx;
    gp_http_socket *entry = socket_of(engine, fd);
    if (entry) {
        /* Said aloud: a forked child may still hold the socket, and then closing is not leaving. */
        unwatch(engine, fd, entry);
        *entry = (gp_http_socket){0};
    }
    return close(fd);
}

static int on_timer(CURLM *multi, long milliseconds, void *ctx)
{
    gp_http_lane *lane = ctx;
    (void)multi;
    lane->due = milliseconds < 0 ? -1 : gp_clock_now() + (double)milliseconds / 1000;
    return 0;
}

/* Life. */

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
    engine->refs = 1;
    engine->epoll_fd = -1;
    for (i = 0; i < GP_HTTP_LANES; i++) {
        engine->lanes[i] = (gp_http_lane){.engine = engine, .due = -1};
    }
    engine->lanes[GP_HTTP_COMMON].connections = GP_HTTP_HOST_CONNECTIONS - GP_HTTP_HOST_CREATES;
    engine->lanes[GP_HTTP_ALONE].connections = GP_HTTP_HOST_CREATES;
    engine->lanes[GP_HTTP_ALONE].alone = 1;
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

int gp_http_engine_foreign(const gp_http_engine *engine)
{
    return engine->pid && engine->pid != getpid();
}

static int start_lane(gp_http_lane *lane)
{
    CURLM *multi = curl_multi_init();
    if (!multi) return 0;
    lane->multi = multi;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)lane->connections);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 2L * lane->connections);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                      lane->alone ? (long)CURLPIPE_NOTHING : (long)CURLPIPE_MULTIPLEX);
    return 1;
}

static int start(gp_http_engine *engine)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 0;
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0) return 0;
    if (!start_lane(&engine->lanes[GP_HTTP_COMMON])) return 0;
    engine->pid = getpid();
    return 1;
}

gp_http_lane *gp_http_engine_lane(gp_http_engine *engine, const gp_http_request *request)
{
    int alone = request->effect == GP_HTTP_CREATE && !request->unsafe_reuse;
    gp_http_lane *lane = &engine->lanes[alone ? GP_HTTP_ALONE : GP_HTTP_COMMON];
    return lane->multi || start_lane(lane) ? lane : NULL;
}

static void refuse(gp_http_failure *failure, const char *message)
{
    failure->outcome = GP_HTTP_PERMANENT;
    failure->code = GP_HTTP_CONNECT;
    snprintf(failure->message, sizeof failure->message, "%s", message);
}

int gp_http_engine_start(gp_http_engine *engine, gp_http_failure *failure)
{
    if (engine->closed) {
        refuse(failure, "the HTTP engine is closed");
        return 0;
    }
    if (gp_http_engine_foreign(engine)) {
        snprintf(failure->message, sizeof failure->message,
                 "the HTTP engine was used in process %ld before the fork and can not be used in "
                 "process %ld: make a new client after the fork",
                 (long)engine->pid, (long)getpid());
        failure->outcome = GP_HTTP_PERMANENT;
        failure->code = GP_HTTP_CONNECT;
        return 0;
    }
    if (engine->lanes[GP_HTTP_COMMON].multi || start(engine)) return 1;
    if (engine->epoll_fd >= 0) close(engine->epoll_fd);
    engine->epoll_fd = -1;
    refuse(failure, "the HTTP engine can not start: no descriptor or no memory left");
    return 0;
}

static void close_lane(gp_http_lane *lane, int foreign)
{
    while (lane->pool) {
        gp_http_handle *handle = lane->pool;
        lane->pool = handle->next;
        /* Handles and connections of the parent process are left alone: an orderly goodbye from
         * here would end its TLS sessions. */
        if (!foreign) gp_http_handle_free(handle);
    }
    if (lane->multi && !foreign) curl_multi_cleanup(lane->multi);
    lane->multi = NULL;
}

void gp_http_engine_close(gp_http_engine *engine)
{
    int foreign = gp_http_engine_foreign(engine);
    int i;
    if (engine->closed) return;
    engine->closed = 1;
    while (engine->active) {
        gp_http_transfer_abandon(engine->active, "the client was closed");
    }
    for (i = 0; i < GP_HTTP_LANES; i++) {
        close_lane(&engine->lanes[i], foreign);
    }
    if (engine->epoll_fd >= 0) close(engine->epoll_fd);
    engine->epoll_fd = -1;
    free(engine->sockets);
    engine->sockets = NULL;
    engine->socket_count = 0;
    free_options(&engine->options);
}

void gp_http_engine_unref(gp_http_engine *engine)
{
    if (--engine->refs > 0) return;
    gp_http_engine_close(engine);
    free(engine->deadlines);
    free(engine);
}

void gp_http_engine_release(gp_http_engine *engine)
{
    gp_http_engine_close(engine);
    while (gp_http_engine_next(engine)) {
    }
    gp_http_engine_unref(engine);
}

/* The protocol of a pollable object. */

int gp_http_engine_fd(gp_http_engine *engine)
{
    gp_http_failure ignored;
    return gp_http_engine_start(engine, &ignored) ? engine->epoll_fd : -1;
}

double gp_http_engine_timeout(gp_http_engine *engine)
{
    double at = INFINITY;
    int i;
    if (engine->ready_head) return 0;
    if (engine->closed) return -1;
    if (gp_http_engine_foreign(engine)) return engine->active ? 0 : -1;
    for (i = 0; i < GP_HTTP_LANES; i++) {
        if (engine->lanes[i].due >= 0) at = fmin(at, engine->lanes[i].due);
    }
    if (engine->deadline_count && engine->deadlines[1]->look_at < at) {
        at = engine->deadlines[1]->look_at;
    }
    if (isinf(at)) return -1;
    at -= gp_clock_now();
    return at > 0 ? at : 0;
}

static void deliver(gp_http_engine *engine)
{
    struct epoll_event events[EVENTS_A_STEP];
    int running, i;
    int count = epoll_wait(engine->epoll_fd, events, EVENTS_A_STEP, 0);
    for (i = 0; i < count; i++) {
        curl_socket_t fd = events[i].data.fd;
        gp_http_socket *entry = socket_of(engine, fd);
        int mask = 0;
        if (!entry || !entry->events) {
            if (entry) unwatch(engine, fd, entry);
            continue;
        }
        if (events[i].events & EPOLLIN) mask |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
        if (events[i].events & (EPOLLERR | EPOLLHUP)) mask |= CURL_CSELECT_ERR;
        curl_multi_socket_action(entry->lane->multi, fd, mask, &running);
    }
    for (i = 0; i < GP_HTTP_LANES; i++) {
        gp_http_lane *lane = &engine->lanes[i];
        if (lane->due < 0 || gp_clock_now() < lane->due) continue;
        lane->due = -1;
        curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
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
    double now;
    int i;
    if (engine->closed || !engine->lanes[GP_HTTP_COMMON].multi) return;
    if (gp_http_engine_foreign(engine)) {
        while (engine->active) {
            gp_http_transfer_abandon(engine->active, "the process was forked during the request");
        }
        return;
    }
    deliver(engine);
    for (i = 0; i < GP_HTTP_LANES; i++) {
        collect(&engine->lanes[i]);
    }
    now = gp_clock_now();
    while (engine->deadline_count && engine->deadlines[1]->look_at <= now) {
        gp_http_transfer_look(engine->deadlines[1], now);
    }
}

void gp_http_engine_ready(gp_http_engine *engine, gp_http_transfer *transfer)
{
    if (transfer->ready) return;
    transfer->ready = 1;
    transfer->ready_next = NULL;
    transfer->refs++;
    if (engine->ready_tail)
        engine->ready_tail->ready_next = transfer;
    else
        engine->ready_head = transfer;
    engine->ready_tail = transfer;
}

gp_http_transfer *gp_http_engine_next(gp_http_engine *engine)
{
    while (engine->ready_head) {
        gp_http_transfer *transfer = engine->ready_head;
        int wanted = transfer->refs > 1;
        engine->ready_head = transfer->ready_next;
        if (!engine->ready_head) engine->ready_tail = NULL;
        transfer->ready = 0;
        gp_http_transfer_unref(transfer);
        if (wanted) return transfer;
    }
    return NULL;
}

gp_http_counts gp_http_engine_counts(const gp_http_engine *engine)
{
    return engine->counts;
}
