#include "io/httpd_accept.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MIN_RATE = 1024 /* bytes per second at which a client must read a response */ };

/* Seconds without accepting after the server was full and no connection could be evicted. */
static const double ACCEPT_PAUSE = 0.1;

/* A listening socket on the first address of host and port that works; -1 with errno or *why. */
static int listen_on(const char *host, unsigned port, const char **why)
{
    struct addrinfo hints, *found = NULL, *at;
    char service[8];
    int fd = -1, on = 1, failure;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    snprintf(service, sizeof service, "%u", port % 65536);
    failure = getaddrinfo(host, service, &hints, &found);
    if (failure) {
        *why = gai_strerror(failure);
        return -1;
    }
    for (at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 1024)) {
            int saved = errno;
            close(fd);
            errno = saved;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static int name_url(gp_httpd *server, int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[64], port[8];
    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &size)) return 0;
    if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return 0;
    }
    snprintf(server->url, sizeof server->url,
             address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
    return 1;
}

static int watch_listener(gp_httpd *server, int operation, unsigned events)
{
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.ptr = &server->listener;
    return epoll_ctl(server->epoll, operation, server->listener, &event) == 0;
}

int gp_httpd_listen(gp_httpd *server, const char **why)
{
    server->listener = listen_on(server->options.host, server->options.port, why);
    return server->listener >= 0 && name_url(server, server->listener) &&
           watch_listener(server, EPOLL_CTL_ADD, EPOLLIN);
}

/* True if the request was rejected and the connection is only open for the client to read why. */
static int is_lingering(const gp_connection *conn)
{
    return conn->stage == GP_STAGE_RAW && conn->raw.end == GP_RAW_LINGER &&
           conn->raw.finished_sending;
}

/* The connection to evict for a new one: one that was rejected or has waited longest for a request;
 * otherwise the one that has been reading its response longest, if that is long enough. NULL: none.
 */
static gp_connection *find_victim(const gp_httpd *server)
{
    gp_connection *conn, *reader = NULL;
    for (conn = server->first; conn; conn = conn->next) {
        if (is_lingering(conn) && !conn->closing) return conn;
        if (!gp_connection_is_up_to_client(conn)) continue;
        if (gp_connection_awaits_request(conn) && !gp_connection_has_arrivals(conn)) return conn;
        if (gp_connection_awaits_request(conn)) continue;
        if (!reader && conn->since <= server->now - GP_HTTPD_MIN_READING) reader = conn;
    }
    return reader;
}

/* Stops accepting for a moment, or until a connection is closed. */
static void pause_accepting(gp_httpd *server)
{
    server->paused = watch_listener(server, EPOLL_CTL_MOD, 0);
    server->accept_at = server->now + ACCEPT_PAUSE;
}

/* Accepts one connection; 0 when none is pending, or there is no room for it. */
static int accept_one(gp_httpd *server)
{
    int full = server->connections - server->closing >= server->options.max_connections, fd;
    gp_connection *victim = find_victim(server);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (full && !victim) {
        pause_accepting(server);
        return 0;
    }
    fd =
        accept4(server->listener, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        if (error == EAGAIN) return 0;
        if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return 1;
        if (victim) gp_connection_evict(victim);
        pause_accepting(server);
        return 0;
    }
    if (victim && (full || fd >= server->descriptors)) gp_connection_evict(victim);
    /* On failure it closes the descriptor. */
    MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, size);
    return 1;
}

void gp_httpd_accept(gp_httpd *server)
{
    int turn;
    for (turn = 0; turn < GP_HTTPD_ACCEPT_AT_ONCE; turn++) {
        if (server->connections >= server->options.max_connections + GP_HTTPD_ACCEPT_AT_ONCE)
            return;
        if (!accept_one(server)) return;
    }
}

void gp_httpd_accept_resume(gp_httpd *server)
{
    if (!server->paused || server->now < server->accept_at || server->listener < 0) return;
    server->paused = !watch_listener(server, EPOLL_CTL_MOD, EPOLLIN);
}

/* True if the client has read fast enough since the last check. */
static int is_reading(gp_connection *conn)
{
    unsigned long long acked = gp_connection_acked_bytes(conn), before = conn->acked;
    conn->acked = acked;
    return !gp_connection_awaits_request(conn) &&
           (double)(acked - before) >= MIN_RATE * conn->server->options.patience;
}

void gp_httpd_close_slow(gp_httpd *server)
{
    gp_connection *conn, *next;
    double limit = server->now - server->options.patience;
    for (conn = server->first; conn && conn->since <= limit; conn = next) {
        next = conn->next;
        if (!gp_connection_is_up_to_client(conn)) continue;
        if (is_reading(conn)) {
            gp_connection_touch(conn);
            continue;
        }
        gp_connection_evict(conn);
    }
}
