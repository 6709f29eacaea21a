#include "io/httpd.h"

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "io/raw.h"

#define DEFAULT_MAX_HEAD        ((size_t)16 << 10)
#define DEFAULT_MAX_BODY        ((size_t)32 << 20)
#define DEFAULT_MAX_CONNECTIONS 1000
#define DEFAULT_PATIENCE        60.0

/* Where the request of a connection stands. */
typedef enum stage {
    IDLE,     /* none yet */
    HEAD,     /* its first line is here */
    BODY,     /* its headers are good */
    HELD,     /* answered by the handler; suspended until `due` */
    RAW,      /* suspended; its bytes are ours to send */
    READY,    /* resumed; `response` is to be queued */
    ENDING,   /* resumed; to be closed */
    REPLYING, /* libmicrohttpd is sending */
} stage;

typedef struct connection {
    gp_httpd *server;
    struct MHD_Connection *mhd;
    struct connection *previous, *next; /* all connections, by rising `since` where IDLE to BODY */
    struct MHD_Response *response;      /* while HELD or READY */
    gp_buf target, body, headers;       /* headers: an array of gp_http_header */
    gp_raw raw;
    size_t head_bytes;
    double since; /* when it began to wait for a request */
    double due;   /* HELD: when the answer may leave */
    unsigned served;
    unsigned status;
    stage stage;
    int fd;
    int chunked;
    int closing;
    int uncommitted; /* HELD, and not before the next flush */
    unsigned events; /* what our epoll set watches its socket for; 0: it is not in the set */
} connection;

struct gp_httpd {
    gp_httpd_options options;
    struct MHD_Daemon *daemon;
    connection *first, *last;
    gp_http_response_out response;
    double now;
    double next_due; /* no suspended connection is due before; negative: none */
    unsigned connections, completed, suspended;
    unsigned uncommitted; /* answers that wait for a flush */
    int resumed;   /* libmicrohttpd is to be run without waiting: it tells nobody by itself */
    int unflushed; /* the handler was asked since the last flush */
    int epoll;
    int stopping;
    int closed; /* nothing is answered, and so nothing suspended, any more */
    char url[128];
};

static void *default_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const gp_alloc default_alloc = {default_resize, NULL};

/* --- the list of connections: who has waited longest for a request stands first --- */

static void list_remove(gp_httpd *server, connection *conn)
{
    *(conn->previous ? &conn->previous->next : &server->first) = conn->next;
    *(conn->next ? &conn->next->previous : &server->last) = conn->previous;
    conn->previous = conn->next = NULL;
}

static void list_append(gp_httpd *server, connection *conn)
{
    conn->previous = server->last;
    conn->next = NULL;
    *(server->last ? &server->last->next : &server->first) = conn;
    server->last = conn;
}

static int is_waiting_for_request(const connection *conn)
{
    return conn->stage <= BODY;
}

/* --- suspended connections --- */

static void suspend(connection *conn, stage as, double due)
{
    gp_httpd *server = conn->server;
    conn->stage = as;
    conn->due = due;
    server->suspended++;
    if (server->next_due < 0 || due < server->next_due) server->next_due = due;
    MHD_suspend_connection(conn->mhd);
}

static void resume(connection *conn, stage as)
{
    gp_httpd *server = conn->server;
    if (conn->events) epoll_ctl(server->epoll, EPOLL_CTL_DEL, conn->fd, NULL);
    conn->events = 0;
    conn->stage = as;
    server->suspended--;
    server->resumed = 1;
    MHD_resume_connection(conn->mhd);
}

/* Steps the bytes of our own; the connection ends with them. */
static void step_raw(connection *conn)
{
    gp_httpd *server = conn->server;
    struct epoll_event event;
    double due;
    if (gp_raw_step(&conn->raw, server->now)) {
        resume(conn, ENDING);
        return;
    }
    due = gp_raw_due(&conn->raw);
    conn->due = due < 0 ? server->now + 3600 : due;
    if (server->next_due < 0 || conn->due < server->next_due) server->next_due = conn->due;
    memset(&event, 0, sizeof event);
    event.events = gp_raw_wants_write(&conn->raw) ? EPOLLOUT : EPOLLIN;
    event.data.ptr = conn;
    if (event.events == conn->events) return;
    if (epoll_ctl(server->epoll, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event)) {
        resume(conn, ENDING);
        return;
    }
    conn->events = event.events;
}

/* The time of a suspended connection has come. */
static void advance(connection *conn)
{
    if (conn->stage == RAW || !conn->response) {
        if (conn->raw.fd < 0) gp_raw_start(&conn->raw, conn->fd, conn->server->now);
        conn->stage = RAW;
        step_raw(conn);
    } else {
        resume(conn, READY);
    }
}

static void advance_due(gp_httpd *server)
{
    connection *conn, *next;
    if (server->next_due < 0 || server->next_due > server->now) return;
    server->next_due = -1;
    for (conn = server->first; conn; conn = next) {
        next = conn->next;
        if ((conn->stage != HELD && conn->stage != RAW) || conn->uncommitted) continue;
        if (conn->due <= server->now) {
            advance(conn);
        } else if (server->next_due < 0 || conn->due < server->next_due) {
            server->next_due = conn->due;
        }
    }
}

/* One flush for all that was asked in this step. What it could not make lasting is not told. */
static void flush(gp_httpd *server)
{
    connection *conn, *next;
    int good = 1;
    if (!server->unflushed) return;
    server->unflushed = 0;
    if (server->options.flush) good = server->options.flush(server->options.ctx);
    for (conn = server->first; conn && server->uncommitted; conn = next) {
        next = conn->next;
        if (!conn->uncommitted) continue;
        conn->uncommitted = 0;
        server->uncommitted--;
        if (!good) {
            resume(conn, ENDING);
        } else if (conn->due <= server->now) {
            advance(conn);
        }
    }
}

/* --- answers --- */

/* A copy of the handler's answer for libmicrohttpd; NULL when there is no memory. */
static struct MHD_Response *make_response(const gp_http_response_out *from)
{
    size_t position = 0;
    const char *name, *value;
    struct MHD_Response *response;
    if (from->headers.failed || from->body.failed) return NULL;
    response =
        MHD_create_response_from_buffer(from->body.len, from->body.data, MHD_RESPMEM_MUST_COPY);
    if (!response) return NULL;
    while (gp_http_response_next(from, &position, &name, &value)) {
        if (strcasecmp(name, "Content-Length") == 0) continue;
        /* libmicrohttpd takes no empty value; a blank is one, to whoever reads it. */
        if (MHD_add_response_header(response, name, *value ? value : " ") != MHD_YES) goto failed;
    }
    return response;
failed:
    MHD_destroy_response(response);
    return NULL;
}

static enum MHD_Result queue(connection *conn)
{
    enum MHD_Result queued;
    if (conn->server->stopping || conn->closing) {
        MHD_add_response_header(conn->response, "Connection", "close");
    }
    queued = MHD_queue_response(conn->mhd, conn->status, conn->response);
    MHD_destroy_response(conn->response);
    conn->response = NULL;
    conn->stage = REPLYING;
    return queued;
}

/* Holds the answer back: until it is due, and until a flush where it needs one. */
static void hold(connection *conn, double due)
{
    gp_httpd *server = conn->server;
    conn->uncommitted = server->response.uncommitted && server->options.flush;
    server->uncommitted += conn->uncommitted ? 1 : 0;
    suspend(conn, HELD, due);
}

/* Sends the server's response, which the handler or a refusal has filled. */
static enum MHD_Result deliver(connection *conn, const char *method)
{
    gp_httpd *server = conn->server;
    gp_http_response_out *out = &server->response;
    double due = server->now + (out->action.delay > 0 ? out->action.delay : 0);
    if (out->action.kind == GP_HTTP_SEND) {
        conn->status = (unsigned)out->status;
        conn->response = make_response(out);
        if (!conn->response) return MHD_NO;
        if (!(out->action.delay > 0) && !out->uncommitted) return queue(conn);
        hold(conn, due);
        return MHD_YES;
    }
    if (!gp_raw_compose(&conn->raw, out, strcmp(method, "HEAD") == 0, server->now)) return MHD_NO;
    hold(conn, due);
    return MHD_YES;
}

/* Answers what never reaches the handler, and closes: what follows on the wire is not trusted. */
static enum MHD_Result refuse(connection *conn, const char *method, int status, const char *why)
{
    gp_http_response_out *out = &conn->server->response;
    gp_http_response_clear(out);
    out->status = status;
    gp_http_response_header(out, "Content-Type", "application/json");
    gp_http_response_header(out, "Connection", "close");
    gp_buf_addf(&out->body, "{\"message\":\"%d %s\"}", status, why);
    if (!gp_raw_compose(&conn->raw, out, strcmp(method, "HEAD") == 0, conn->server->now)) {
        return MHD_NO;
    }
    conn->raw.end = GP_RAW_LINGER;
    suspend(conn, RAW, conn->server->now);
    return MHD_YES;
}

static enum MHD_Result answer(connection *conn, const char *method)
{
    gp_httpd *server = conn->server;
    gp_http_request_in request;
    gp_buf_add(&conn->body, "", 1);
    if (conn->body.failed) return MHD_NO;
    request.method = method;
    request.target = conn->target.data;
    request.target_len = conn->target.len - 1;
    request.headers = (const gp_http_header *)(const void *)conn->headers.data;
    request.header_count = conn->headers.len / sizeof(gp_http_header);
    request.body = conn->body.data;
    request.body_len = conn->body.len - 1;
    request.served_before = conn->served;
    request.may_defer = server->options.flush != NULL;
    server->unflushed = 1;
    gp_http_response_clear(&server->response);
    server->options.handler(server->options.ctx, server->now, &request, &server->response);
    return deliver(conn, method);
}

/* --- requests --- */

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    connection *conn = cls;
    gp_http_header header = {name, value ? value : "", name_len, value ? value_len : 0};
    (void)kind;
    if (value && value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        /* Blanks at the end are no part of a value. It stands in the connection's own memory. */
        while (header.value_len && strchr(" \t", value[header.value_len - 1])) {
            header.value_len--;
        }
        ((char *)(uintptr_t)value)[header.value_len] = '\0';
    }
    conn->head_bytes += name_len + value_len + 4;
    gp_buf_add(&conn->headers, &header, sizeof header);
    return MHD_YES;
}

static int has_control(const gp_http_header *header)
{
    size_t i;
    for (i = 0; i < header->value_len; i++) {
        unsigned char byte = (unsigned char)header->value[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return 1;
    }
    return 0;
}

/* What a head says about its body's length. 0, or the status to refuse it with. */
static int check_framing(connection *conn, const char *version, unsigned long long *length)
{
    const gp_http_header *headers = (const gp_http_header *)(const void *)conn->headers.data;
    size_t i, count = conn->headers.len / sizeof *headers, lengths = 0, codings = 0, hosts = 0;
    *length = 0;
    for (i = 0; i < count; i++) {
        const char *value = headers[i].value;
        if (has_control(&headers[i])) return 400;
        if (strcasecmp(headers[i].name, "Host") == 0) hosts++;
        if (strcasecmp(headers[i].name, "Content-Length") == 0) {
            lengths++;
            if (!*value || value[strspn(value, "0123456789")] || headers[i].value_len > 18) {
                return 400;
            }
            *length = strtoull(value, NULL, 10);
        } else if (strcasecmp(headers[i].name, "Transfer-Encoding") == 0) {
            codings++;
            if (strcasecmp(value, "chunked") != 0) return 501;
        }
    }
    if (lengths + codings > 1 || hosts > 1) return 400;
    if (codings && strcmp(version, "HTTP/1.1") != 0) return 400;
    conn->chunked = codings > 0;
    return 0;
}

/* The head is complete: refuse it, or let the body come. */
static enum MHD_Result begin(connection *conn, const char *method, const char *version)
{
    unsigned long long length = 0;
    int status;
    if (conn->target.failed) return MHD_NO;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect_header, conn);
    if (conn->headers.failed) return MHD_NO;
    if (conn->head_bytes > conn->server->options.max_head) {
        return refuse(conn, method, 431, "Request Header Fields Too Large");
    }
    status = check_framing(conn, version, &length);
    if (status) return refuse(conn, method, status, gp_http_reason(status));
    if (length > conn->server->options.max_body) {
        return refuse(conn, method, 413, "Request Entity Too Large");
    }
    conn->stage = BODY;
    return MHD_YES;
}

static enum MHD_Result take_body(connection *conn, const char *method, const char *data,
                                 size_t *size)
{
    if (*size > conn->server->options.max_body - conn->body.len) {
        return refuse(conn, method, 413, "Request Entity Too Large");
    }
    gp_buf_add(&conn->body, data, *size);
    *size = 0;
    return conn->body.failed ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    connection *conn = *context;
    (void)cls;
    (void)mhd;
    (void)url;
    if (!conn || conn->server->closed) return MHD_NO;
    switch (conn->stage) {
    case HEAD:
        return begin(conn, method, version);
    case BODY:
        return *size ? take_body(conn, method, data, size) : answer(conn, method);
    case READY:
        return queue(conn);
    case REPLYING:
        *size = 0;
        return MHD_YES;
    default:
        return MHD_NO;
    }
}

static connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The first line has come; `uri` is about to be taken to pieces in place, so it is copied. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    connection *conn = connection_of(mhd);
    (void)cls;
    if (!conn) return NULL;
    conn->head_bytes = strlen(uri) + 16;
    conn->target.len = 0;
    if (strncasecmp(uri, "http://", 7) ==
        0) { /* absolute form: a client that takes us for a proxy */
        uri += 7 + strcspn(uri + 7, "/?");
        if (*uri != '/') gp_buf_add(&conn->target, "/", 1);
    }
    gp_buf_add(&conn->target, uri, strlen(uri) + 1);
    conn->stage = HEAD;
    return conn;
}

/* Leaves `%2F` and all its kin as they came. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* Large buffers are given back, small ones serve the next request. */
static void recycle(gp_buf *buf)
{
    if (buf->cap > 65536 || buf->failed) gp_buf_free(buf);
    buf->len = 0;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode how)
{
    connection *conn = *context;
    gp_httpd *server = cls;
    (void)mhd;
    *context = NULL;
    if (!conn) return;
    if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK) server->completed++;
    if (conn->response) MHD_destroy_response(conn->response);
    conn->response = NULL;
    if (conn->uncommitted) server->uncommitted--;
    conn->uncommitted = 0;
    gp_raw_free(&conn->raw);
    recycle(&conn->target);
    recycle(&conn->headers);
    recycle(&conn->body);
    conn->stage = IDLE;
    conn->served++;
    conn->since = server->now;
    list_remove(server, conn);
    list_append(server, conn);
}

static void connection_start(gp_httpd *server, struct MHD_Connection *mhd, void **context)
{
    const gp_alloc *alloc = server->options.alloc;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection *conn = alloc->resize(alloc->ctx, NULL, 0, sizeof *conn);
    *context = conn;
    if (!conn) return; /* every request on it will be refused */
    memset(conn, 0, sizeof *conn);
    conn->server = server;
    conn->mhd = mhd;
    conn->fd = info ? info->connect_fd : -1;
    conn->target.alloc = conn->body.alloc = conn->headers.alloc = alloc;
    gp_raw_init(&conn->raw, alloc);
    conn->since = server->now;
    server->connections++;
    list_append(server, conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    gp_httpd *server = cls;
    const gp_alloc *alloc = server->options.alloc;
    connection *conn = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_start(server, mhd, context);
        return;
    }
    *context = NULL;
    if (!conn) return;
    server->connections--;
    list_remove(server, conn);
    gp_buf_free(&conn->target);
    gp_buf_free(&conn->body);
    gp_buf_free(&conn->headers);
    gp_raw_free(&conn->raw);
    alloc->resize(alloc->ctx, conn, sizeof *conn, 0);
}

/* --- opening --- */

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

static struct MHD_Daemon *start(gp_httpd *server, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
                            server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            server->options.max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            server->options.max_head + 16384, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
                            no_unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
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
    int fd = -1;
    *out = NULL;
    errno = ENOMEM;
    if (!server) goto failed;
    memset(server, 0, sizeof *server);
    server->options = *options;
    server->next_due = -1;
    server->now = -1;
    apply_defaults(&server->options);
    gp_http_response_init(&server->response, alloc);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0) goto failed;
    fd = listen_on(server->options.host, server->options.port, &why);
    if (fd < 0 || !name_url(server, fd)) goto failed;
    errno = 0;
    server->daemon = start(server, fd);
    if (!server->daemon || !watch_daemon(server)) goto failed;
    server->options.host = NULL; /* the caller's text; not needed any more */
    *out = server;
    return 1;
failed:
    snprintf(message, message_size, "cannot listen on %s port %u: %s",
             options->host ? options->host : "127.0.0.1", options->port,
             why     ? why
             : errno ? strerror(errno)
                     : "libmicrohttpd refused to start");
    if (fd >= 0 && !(server && server->daemon)) close(fd);
    gp_httpd_close(server);
    return 0;
}

/* --- driving --- */

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
    const connection *oldest = server->first;
    double timeout = -1;
    if (server->resumed) return 0;
    if (MHD_get_timeout(server->daemon, &milliseconds) == MHD_YES) {
        timeout = (double)milliseconds / 1000;
    }
    if (server->next_due >= 0 && (timeout < 0 || server->next_due - now < timeout)) {
        timeout = server->next_due > now ? server->next_due - now : 0;
    }
    while (oldest && !is_waiting_for_request(oldest)) {
        oldest = oldest->next;
    }
    if (oldest && !oldest->closing) {
        double left = oldest->since + server->options.patience - now;
        if (timeout < 0 || left < timeout) timeout = left > 0 ? left : 0;
    }
    return timeout;
}

/* Sends away who has been too long without a whole request. */
static void lose_patience(gp_httpd *server)
{
    connection *conn;
    double limit = server->now - server->options.patience;
    for (conn = server->first; conn && conn->since <= limit; conn = conn->next) {
        if (!is_waiting_for_request(conn) || conn->closing) continue;
        conn->closing = 1;
        shutdown(conn->fd, SHUT_RDWR);
    }
}

/* Looks which of our own streams can go on. */
static void step_streams(gp_httpd *server)
{
    struct epoll_event events[64];
    int i, count = epoll_wait(server->epoll, events, 64, 0);
    for (i = 0; i < count; i++) {
        connection *conn = events[i].data.ptr;
        if (conn && conn->stage == RAW) step_raw(conn);
    }
}

unsigned gp_httpd_step(gp_httpd *server, double now)
{
    unsigned before = server->completed;
    server->now = now;
    advance_due(server);
    if (server->suspended) step_streams(server);
    server->resumed = 0;
    MHD_run(server->daemon);
    flush(server);
    advance_due(server);
    lose_patience(server);
    return server->completed - before;
}

/* --- ending --- */

void gp_httpd_stop(gp_httpd *server, double now)
{
    connection *conn;
    if (!server->stopping) {
        int turn, fd;
        /* Who had connected before the end was asked for is still served. */
        for (turn = 0; turn < 4; turn++) {
            gp_httpd_step(server, now);
        }
        server->stopping = 1;
        fd = MHD_quiesce_daemon(server->daemon);
        if (fd >= 0) close(fd);
    }
    for (conn = server->first; conn; conn = conn->next) {
        /* What has arrived stays readable; after it comes the end of the stream. */
        if (!is_waiting_for_request(conn) || conn->closing) continue;
        conn->closing = 1;
        shutdown(conn->fd, SHUT_RD);
    }
}

void gp_httpd_close(gp_httpd *server)
{
    const gp_alloc *alloc;
    connection *conn;
    if (!server) return;
    alloc = server->options.alloc;
    if (server->daemon) {
        /* libmicrohttpd must not be stopped while a connection is suspended. */
        server->closed = 1;
        for (conn = server->first; conn; conn = conn->next) {
            if (conn->stage == HELD || conn->stage == RAW) resume(conn, ENDING);
        }
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
    }
    if (server->epoll >= 0) close(server->epoll);
    gp_http_response_free(&server->response);
    alloc->resize(alloc->ctx, server, sizeof *server, 0);
}
