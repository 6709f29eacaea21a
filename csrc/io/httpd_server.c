#include "io/httpd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/httpd_accept.h"
#include "io/httpd_request.h"
#include "io/httpd_response.h"

#define DEFAULT_MAX_HEAD        ((size_t)16 << 10)
#define DEFAULT_MAX_BODY        ((size_t)32 << 20)
#define DEFAULT_MAX_CONNECTIONS 1000
#define DEFAULT_PATIENCE        60.0

enum { SPARE_DESCRIPTORS = 16 /* left for the rest of the process */ };

static void *default_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const gp_alloc default_alloc = {default_resize, NULL};

static struct MHD_Daemon *start(gp_httpd *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        gp_httpd_on_request, server, MHD_OPTION_CONNECTION_LIMIT,
        server->options.max_connections + 2 * GP_HTTPD_ACCEPT_AT_ONCE,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->options.max_head + 16384,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, gp_httpd_no_unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK,
        gp_httpd_on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, gp_httpd_on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, gp_connection_on_notify, server, MHD_OPTION_END);
}

static int watch_daemon(gp_httpd *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    return info && !epoll_ctl(server->epoll, EPOLL_CTL_ADD, info->epoll_fd, &event);
}

static void apply_defaults(gp_httpd_options *options)
{
    if (!options->host) options->host = "127.0.0.1";
    if (!options->alloc) options->alloc = &default_alloc;
    if (!options->max_head) options->max_head = DEFAULT_MAX_HEAD;
    if (!options->max_body) options->max_body = DEFAULT_MAX_BODY;
    if (!options->max_connections) options->max_connections = DEFAULT_MAX_CONNECTIONS;
    if (!(options->patience > 0)) options->patience = DEFAULT_PATIENCE;
}

int gp_httpd_open(const gp_httpd_options *options, gp_httpd **out, char *message,
                  size_t message_size)
{
    const gp_alloc *alloc = options->alloc ? options->alloc : &default_alloc;
    gp_httpd *server = alloc->resize(alloc->ctx, NULL, 0, sizeof *server);
    const char *why = NULL;
    struct rlimit limit;
    *out = NULL;
    errno = ENOMEM;
    if (!server) goto failed;
    memset(server, 0, sizeof *server);
    server->options = *options;
    server->next_due = -1;
    server->now = -1;
    apply_defaults(&server->options);
    gp_http_response_init(&server->response, alloc);
    server->listener = -1;
    server->descriptors = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX
                              ? (int)limit.rlim_cur - SPARE_DESCRIPTORS
                              : INT_MAX;
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0) goto failed;
    if (!gp_httpd_listen(server, &why)) goto failed;
    errno = 0;
    server->daemon = start(server);
    if (!server->daemon || !watch_daemon(server)) goto failed;
    server->options.host = NULL; /* the caller's text; no longer needed */
    *out = server;
    return 1;
failed:
    snprintf(message, message_size, "cannot listen on %s port %u: %s",
             options->host ? options->host : "127.0.0.1", options->port,
             why     ? why
             : errno ? strerror(errno)
                     : "libmicrohttpd failed to start");
    gp_httpd_close(server);
    return 0;
}

int gp_httpd_fd(const gp_httpd *server)
{
    return server->epoll;
}

const char *gp_httpd_url(const gp_httpd *server)
{
    return server->url;
}

unsigned gp_httpd_connections(const gp_httpd *server)
{
    return server->connections;
}

double gp_httpd_timeout(const gp_httpd *server, double now)
{
    MHD_UNSIGNED_LONG_LONG milliseconds;
    const gp_connection *oldest = server->first;
    double timeout = -1;
    if (server->resumed || server->unflushed) return 0;
    if (MHD_get_timeout(server->daemon, &milliseconds) == MHD_YES) {
        timeout = (double)milliseconds / 1000;
    }
    if (server->next_due >= 0 && (timeout < 0 || server->next_due - now < timeout)) {
        timeout = server->next_due > now ? server->next_due - now : 0;
    }
    if (server->paused && (timeout < 0 || server->accept_at - now < timeout)) {
        timeout = server->accept_at > now ? server->accept_at - now : 0;
    }
    while (oldest && !gp_connection_is_up_to_client(oldest)) {
        oldest = oldest->next;
    }
    if (oldest) {
        double left = oldest->since + server->options.patience - now;
        if (timeout < 0 || left < timeout) timeout = left > 0 ? left : 0;
    }
    return timeout;
}

/* Steps the raw streams whose sockets are ready, and accepts connections. */
static void step_streams(gp_httpd *server)
{
    struct epoll_event events[64];
    int i, count = epoll_wait(server->epoll, events, 64, 0);
    for (i = 0; i < count; i++) {
        gp_connection *conn = events[i].data.ptr;
        if (events[i].data.ptr == &server->listener) {
            gp_httpd_accept(server);
        } else if (conn && conn->stage == GP_STAGE_RAW) {
            gp_httpd_step_raw(conn);
        }
    }
}

unsigned gp_httpd_step(gp_httpd *server, double now)
{
    unsigned before = server->completed;
    server->now = now;
    gp_httpd_advance_due(server);
    gp_httpd_accept_resume(server);
    step_streams(server);
    server->resumed = 0;
    MHD_run(server->daemon);
    gp_httpd_flush(server);
    gp_httpd_advance_due(server);
    gp_httpd_close_slow(server);
    return server->completed - before;
}

void gp_httpd_stop(gp_httpd *server, double now)
{
    gp_connection *conn;
    if (!server->stopping) {
        int turn;
        /* Clients that connected before the stop are still served. */
        for (turn = 0; turn < 4; turn++) {
            gp_httpd_step(server, now);
        }
        server->stopping = 1;
        close(server->listener);
        server->listener = -1;
        server->paused = 0;
    }
    for (conn = server->first; conn; conn = conn->next) {
        /* A request that has arrived still gets its response; then the connection is closed. */
        if (!gp_connection_awaits_request(conn) || conn->closing ||
            gp_connection_has_arrivals(conn))
            continue;
        gp_connection_start_closing(conn);
    }
}

void gp_httpd_close(gp_httpd *server)
{
    const gp_alloc *alloc;
    gp_connection *conn;
    if (!server) return;
    alloc = server->options.alloc;
    if (server->daemon) {
        /* libmicrohttpd must not be stopped while a connection is suspended. */
        server->closed = 1;
        for (conn = server->first; conn; conn = conn->next) {
            if (gp_connection_is_suspended(conn)) gp_connection_resume(conn, GP_STAGE_ENDING);
        }
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
    }
    if (server->listener >= 0) close(server->listener);
    if (server->epoll >= 0) close(server->epoll);
    gp_http_response_free(&server->response);
    alloc->resize(alloc->ctx, server, sizeof *server, 0);
}
