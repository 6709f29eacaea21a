#include "io/http_lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"

enum { EVENTS_A_STEP = 64 };

/* One entry per descriptor number. */
struct gp_http_socket {
    uint32_t events;   /* what libcurl waits for; 0: nothing */
    uint32_t watched;  /* what the epoll set waits for */
    unsigned char own; /* opened by gp_http_socket_open, so its close is seen too */
    gp_http_lane *lane;
};

int gp_http_sockets_open(gp_http_sockets *sockets)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 0;
    sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sockets->epoll_fd < 0) return 0;
    sockets->pid = getpid();
    return 1;
}

void gp_http_sockets_close(gp_http_sockets *sockets)
{
    if (sockets->epoll_fd >= 0) close(sockets->epoll_fd);
    sockets->epoll_fd = -1;
    free(sockets->entries);
    sockets->entries = NULL;
    sockets->count = 0;
    sockets->pid = 0;
}

int gp_http_sockets_foreign(const gp_http_sockets *sockets)
{
    return sockets->pid && sockets->pid != getpid();
}

/* The epoll set is updated as late as possible. libcurl "removes" a kept-alive connection after
 * each response and "adds" it before the next request: leaving it in the set saves two system calls
 * per request. If it becomes ready while idle, it is removed then. */

static gp_http_socket *socket_of(gp_http_sockets *sockets, curl_socket_t fd)
{
    size_t count = sockets->count ? sockets->count : 64;
    gp_http_socket *grown;
    if (fd < 0) return NULL;
    if ((size_t)fd < sockets->count) return &sockets->entries[fd];
    while (count <= (size_t)fd) {
        count *= 2;
    }
    grown = realloc(sockets->entries, count * sizeof *grown);
    if (!grown) return NULL;
    memset(grown + sockets->count, 0, (count - sockets->count) * sizeof *grown);
    sockets->entries = grown;
    sockets->count = count;
    return &grown[fd];
}

static void unwatch(gp_http_sockets *sockets, curl_socket_t fd, gp_http_socket *entry)
{
    if (entry->watched) epoll_ctl(sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    entry->watched = 0;
}

static int watch(gp_http_sockets *sockets, curl_socket_t fd, gp_http_socket *entry, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int first = entry->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = entry->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    entry->events = events;
    if (entry->watched == events) return 0;
    /* A descriptor that libcurl itself closes leaves the set silently, and may be reused. */
    if (epoll_ctl(sockets->epoll_fd, first, fd, &event) != 0 &&
        ((errno != ENOENT && errno != EEXIST) ||
         epoll_ctl(sockets->epoll_fd, second, fd, &event) != 0)) {
        entry->watched = 0;
        return -1;
    }
    entry->watched = events;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
    gp_http_lane *lane = ctx;
    gp_http_sockets *sockets = lane->sockets;
    gp_http_socket *entry = socket_of(sockets, fd);
    uint32_t events = 0;
    (void)easy;
    (void)unused;
    if (!entry) return -1;
    entry->lane = lane;
    if (what == CURL_POLL_REMOVE) {
        entry->events = 0;
        if (!entry->own) unwatch(sockets, fd, entry);
        return 0;
    }
    if (what & CURL_POLL_IN) events |= EPOLLIN;
    if (what & CURL_POLL_OUT) events |= EPOLLOUT;
    return watch(sockets, fd, entry, events);
}

curl_socket_t gp_http_socket_open(gp_http_sockets *sockets, const struct curl_sockaddr *address)
{
    gp_http_socket *entry;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    entry = socket_of(sockets, fd);
    if (!entry) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    *entry = (gp_http_socket){.own = 1};
    sockets->opened++;
    return fd;
}

int gp_http_socket_close(void *ctx, curl_socket_t fd)
{
    gp_http_sockets *sockets = ctx;
    gp_http_socket *entry = socket_of(sockets, fd);
    if (entry) {
        /* Explicit removal: while a forked child holds the socket, close does not remove it. */
        unwatch(sockets, fd, entry);
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

void gp_http_sockets_deliver(gp_http_sockets *sockets)
{
    struct epoll_event events[EVENTS_A_STEP];
    int running, i;
    int count = epoll_wait(sockets->epoll_fd, events, EVENTS_A_STEP, 0);
    for (i = 0; i < count; i++) {
        curl_socket_t fd = events[i].data.fd;
        gp_http_socket *entry = socket_of(sockets, fd);
        int mask = 0;
        if (!entry || !entry->events) {
            if (entry) unwatch(sockets, fd, entry);
            continue;
        }
        if (events[i].events & EPOLLIN) mask |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
        if (events[i].events & (EPOLLERR | EPOLLHUP)) mask |= CURL_CSELECT_ERR;
        curl_multi_socket_action(entry->lane->multi, fd, mask, &running);
    }
}

void gp_http_lane_tick(gp_http_lane *lane)
{
    int running;
    if (lane->due < 0 || gp_clock_now() < lane->due) return;
    lane->due = -1;
    curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

int gp_http_lane_start(gp_http_lane *lane)
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
