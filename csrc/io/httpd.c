#include "io/httpd.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "io/faulty_response.h"

#define DEFAULT_MAX_HEAD        ((size_t)16 << 10)
#define DEFAULT_MAX_BODY        ((size_t)32 << 20)
#define DEFAULT_MAX_CONNECTIONS 1000
#define DEFAULT_PATIENCE        60.0

enum {
    ACCEPT_AT_ONCE = 64,    /* connections taken in one step; as many may be about to close */
    SPARE_DESCRIPTORS = 16, /* left for the rest of the process */
    LEAST_RATE = 1024,      /* bytes a second at which a client must read a response */
    BODIES_AT_ONCE = 4      /* times max_body: memory for the bodies of all connections */
};

/* How long a request that finds the handler busy is repeated, and how often, in seconds. */
static const double BUSY_PATIENCE = 1.0, BUSY_STEP = 0.02;
/* How long nobody is accepted after there was no room and nobody to evict. */
static const double ACCEPT_PAUSE = 0.1;
/* Who has been reading an answer for less is not closed in favour of another. */
static const double LEAST_READING = 1.0;

/* Where the request of a connection stands. */
typedef enum stage {
    IDLE,     /* none yet */
    HEAD,     /* its first line is here */
    BODY,     /* its headers are good */
    ASKING,   /* suspended until `due`, when the handler is to be asked again */
    HELD,     /* answered by the handler; suspended until `due` */
    RAW,      /* suspended; its bytes are ours to send */
    READY,    /* resumed; `response` is to be queued */
    ENDING,   /* resumed; to be closed */
    REPLYING, /* libmicrohttpd is sending */
} stage;

typedef struct connection {
    gp_httpd *server;
    struct MHD_Connection *mhd;
    struct connection *previous, *next; /* all connections, by rising `since` */
    struct MHD_Response *response;      /* while HELD or READY */
    gp_buf target, body, headers;       /* headers: an array of gp_http_header */
    gp_raw raw;
    const char *method; /* libmicrohttpd's, while there is a request */
    size_t head_bytes;
    size_t memory;            /* bytes of its bodies, as counted in the server's */
    unsigned long long acked; /* bytes that the client had acknowledged at `since` */
    double since; /* when it began to wait for a request, or for its answer to be read */
    double due;   /* ASKING, HELD: when to go on */
    double asked; /* when the handler was first asked */
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
    double accept_at; /* while `paused`: when connections are accepted again */
    size_t memory;    /* bytes of all bodies */
    double next_due;  /* no suspended connection is due before; negative: none */
    unsigned connections, completed, suspended;
    unsigned closing; /* connections that are to be closed as soon as libmicrohttpd runs */
    int listener;     /* -1: nobody is accepted any more */
    int descriptors;  /* a connection whose descriptor is not below takes the place of another */
    int paused;       /* the listener is not watched */
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

/* Its patience begins anew. */
static void touch(connection *conn)
{
    conn->since = conn->server->now;
    list_remove(conn->server, conn);
    list_append(conn->server, conn);
}

static int is_waiting_for_request(const connection *conn)
{
    return conn->stage <= BODY;
}

static int is_suspended(const connection *conn)
{
    return conn->stage == ASKING || conn->stage == HELD || conn->stage == RAW;
}

/* Is it the client's turn: to send, or to read what is being sent? */
static int is_up_to_client(const connection *conn)
{
    if (conn->closing) return 0;
    return is_waiting_for_request(conn) || conn->stage == REPLYING ||
           (conn->stage == RAW && gp_raw_wants_write(&conn->raw));
}

/* libmicrohttpd closes it as soon as it runs. A request that arrives all the same is not carried
 * out: its answer could not be sent. */
static void start_closing(connection *conn)
{
    conn->closing = 1;
    conn->server->closing++;
    shutdown(conn->fd, SHUT_RDWR);
}

/* Has something arrived that libmicrohttpd has not read yet? */
static int has_arrivals(const connection *conn)
{
    char byte;
    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void count_memory(connection *conn, size_t bytes)
{
    conn->memory += bytes;
    conn->server->memory += bytes;
}

static void forget_memory(connection *conn)
{
    conn->server->memory -= conn->memory;
    conn->memory = 0;
}

static int is_short_of_memory(const gp_httpd *server, size_t more)
{
    return server->memory + more > BODIES_AT_ONCE * server->options.max_body;
}

/* Bytes that the client has acknowledged; 0 where the kernel does not tell. */
static unsigned long long acked_bytes(const connection *conn)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size)) return 0;
    return info.tcpi_bytes_acked;
}

/* --- suspended connections --- */

static void evict(connection *conn);
static void fill_request(connection *conn, gp_http_request_in *request);
static void ask_again(connection *conn);
static void deliver_suspended(connection *conn);

static void set_due(connection *conn, double due)
{
    gp_httpd *server = conn->server;
    conn->due = due;
    if (server->next_due < 0 || due < server->next_due) server->next_due = due;
}

static void suspend(connection *conn, stage as, double due)
{
    conn->stage = as;
    conn->server->suspended++;
    set_due(conn, due);
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
    int waited = gp_raw_wants_write(&conn->raw);
    if (gp_raw_step(&conn->raw, server->now)) {
        resume(conn, ENDING);
        return;
    }
    if (!waited && gp_raw_wants_write(&conn->raw)) touch(conn);
    due = gp_raw_due(&conn->raw);
    set_due(conn, due < 0 ? server->now + 3600 : due);
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
    if (conn->stage == ASKING) {
        ask_again(conn);
        return;
    }
    if (conn->stage == RAW || !conn->response) {
        if (conn->raw.fd < 0) {
            gp_raw_start(&conn->raw, conn->fd, conn->server->now);
            conn->acked = acked_bytes(conn);
            touch(conn);
        }
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
        if (!is_suspended(conn) || conn->uncommitted) continue;
        if (conn->due <= server->now) {
            advance(conn);
        } else if (server->next_due < 0 || conn->due < server->next_due) {
            server->next_due = conn->due;
        }
    }
}

/* What the answer tells could not be made lasting: another takes its place. Who only reads is
 * answered anew, from what has lasted. */
static void replace_answer(connection *conn)
{
    gp_httpd *server = conn->server;
    gp_http_request_in request;
    if (conn->response) MHD_destroy_response(conn->response);
    conn->response = NULL;
    gp_raw_free(&conn->raw);
    gp_raw_init(&conn->raw, server->options.alloc);
    if ((strcmp(conn->method, "GET") == 0 || strcmp(conn->method, "HEAD") == 0) &&
        server->now < conn->asked + BUSY_PATIENCE) {
        conn->stage = ASKING;
        set_due(conn, server->now + BUSY_STEP);
        return;
    }
    gp_http_response_clear(&server->response);
    fill_request(conn, &request);
    server->options.service.refuse(server->options.service.ctx, server->now, &request,
                                   &server->response);
    deliver_suspended(conn);
}

/* One flush for all that was asked in this step. */
static void flush(gp_httpd *server)
{
    connection *conn, *next;
    int good = 1;
    if (!server->unflushed) return;
    server->unflushed = 0;
    if (server->options.service.flush)
        good = server->options.service.flush(server->options.service.ctx);
    for (conn = server->first; conn && server->uncommitted; conn = next) {
        next = conn->next;
        if (!conn->uncommitted) continue;
        conn->uncommitted = 0;
        server->uncommitted--;
        if (!good) {
            replace_answer(conn);
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
    conn->acked = acked_bytes(conn);
    touch(conn);
    return queued;
}

/* Takes the server's response, which the handler or a refusal has filled, into the connection: 0
 * when there is no memory. *due is when it may leave, a flush aside. */
static int take_answer(connection *conn, double *due)
{
    gp_httpd *server = conn->server;
    gp_http_response_out *out = &server->response;
    *due = server->now + (out->action.delay > 0 ? out->action.delay : 0);
    if (out->action.kind == GP_HTTP_SEND) {
        conn->status = (unsigned)out->status;
        conn->response = make_response(out);
        if (!conn->response) return 0;
    } else if (!gp_raw_compose(&conn->raw, out, strcmp(conn->method, "HEAD") == 0, server->now)) {
        return 0;
    }
    count_memory(conn, out->body.len);
    conn->uncommitted = out->uncommitted && server->options.service.flush;
    server->uncommitted += conn->uncommitted ? 1 : 0;
    return 1;
}

/* Sends the server's response from within libmicrohttpd's call: at once, or held back until it is
 * due, and until a flush where it needs one. */
static enum MHD_Result deliver(connection *conn)
{
    double due;
    if (conn->server->response.busy) {
        suspend(conn, ASKING, conn->server->now + BUSY_STEP);
        return MHD_YES;
    }
    if (!take_answer(conn, &due)) return MHD_NO;
    if (conn->response && due <= conn->server->now && !conn->uncommitted) return queue(conn);
    suspend(conn, HELD, due);
    return MHD_YES;
}

/* The same for a connection that is suspended already. */
static void deliver_suspended(connection *conn)
{
    double due;
    if (conn->server->response.busy) {
        set_due(conn, conn->server->now + BUSY_STEP);
    } else if (!take_answer(conn, &due)) {
        resume(conn, ENDING);
    } else {
        conn->stage = HELD;
        set_due(conn, due);
        if (due <= conn->server->now && !conn->uncommitted) advance(conn);
    }
}

/* Answers what never reaches the handler, and closes: what follows on the wire is not trusted. */
static enum MHD_Result refuse(connection *conn, int status, const char *why)
{
    gp_http_response_out *out = &conn->server->response;
    gp_http_response_clear(out);
    out->status = status;
    gp_http_response_header(out, "Content-Type", "application/json");
    gp_http_response_header(out, "Connection", "close");
    if (status == 503) gp_http_response_header(out, "Retry-After", "1");
    gp_buf_addf(&out->body, "{\"message\":\"%d %s\"}", status, why);
    if (!gp_raw_compose(&conn->raw, out, strcmp(conn->method, "HEAD") == 0, conn->server->now)) {
        return MHD_NO;
    }
    conn->raw.end = GP_RAW_LINGER;
    suspend(conn, RAW, conn->server->now);
    return MHD_YES;
}

/* Whoever keeps answers in memory without reading them makes room for the next. */
static enum MHD_Result refuse_for_memory(connection *conn)
{
    connection *reader = conn->server->first;
    while (reader && (!is_up_to_client(reader) || is_waiting_for_request(reader))) {
        reader = reader->next;
    }
    if (reader && reader->since <= conn->server->now - LEAST_READING) evict(reader);
    return refuse(conn, 503, gp_http_reason(503));
}

static void fill_request(connection *conn, gp_http_request_in *request)
{
    const gp_httpd *server = conn->server;
    request->method = conn->method;
    request->target = conn->target.data;
    request->target_len = conn->target.len - 1;
    request->headers = (const gp_http_header *)(const void *)conn->headers.data;
    request->header_count = conn->headers.len / sizeof(gp_http_header);
    request->body = conn->body.data;
    request->body_len = conn->body.len - 1;
    request->served_before = conn->served;
    request->may_defer = server->options.service.flush != NULL;
    request->may_wait = server->now < conn->asked + BUSY_PATIENCE;
}

static void ask(connection *conn)
{
    gp_httpd *server = conn->server;
    gp_http_request_in request;
    fill_request(conn, &request);
    server->unflushed = 1;
    gp_http_response_clear(&server->response);
    server->options.service.handler(server->options.service.ctx, server->now, &request,
                                    &server->response);
}

static void ask_again(connection *conn)
{
    ask(conn);
    deliver_suspended(conn);
}

static enum MHD_Result answer(connection *conn)
{
    gp_buf_add(&conn->body, "", 1);
    if (conn->body.failed) return MHD_NO;
    conn->asked = conn->server->now;
    ask(conn);
    return deliver(conn);
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
static enum MHD_Result begin(connection *conn, const char *version)
{
    unsigned long long length = 0;
    int status;
    if (conn->target.failed) return MHD_NO;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect_header, conn);
    if (conn->headers.failed) return MHD_NO;
    if (conn->head_bytes > conn->server->options.max_head) {
        return refuse(conn, 431, "Request Header Fields Too Large");
    }
    status = check_framing(conn, version, &length);
    if (status) return refuse(conn, status, gp_http_reason(status));
    if (length > conn->server->options.max_body) {
        return refuse(conn, 413, "Request Entity Too Large");
    }
    if (is_short_of_memory(conn->server, (size_t)length)) return refuse_for_memory(conn);
    conn->stage = BODY;
    return MHD_YES;
}

static enum MHD_Result take_body(connection *conn, const char *data, size_t *size)
{
    if (*size > conn->server->options.max_body - conn->body.len) {
        return refuse(conn, 413, "Request Entity Too Large");
    }
    if (is_short_of_memory(conn->server, *size)) return refuse_for_memory(conn);
    count_memory(conn, *size);
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
    if (conn->closing && is_waiting_for_request(conn)) return MHD_NO;
    switch (conn->stage) {
    case HEAD:
        conn->method = method;
        return begin(conn, version);
    case BODY:
        return *size ? take_body(conn, data, size) : answer(conn);
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
    forget_memory(conn);
    recycle(&conn->target);
    recycle(&conn->headers);
    recycle(&conn->body);
    conn->stage = IDLE;
    conn->served++;
    touch(conn);
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
    if (conn->closing) server->closing--;
    server->accept_at = server->now; /* there is room again */
    forget_memory(conn);
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

static struct MHD_Daemon *start(gp_httpd *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_request, server, MHD_OPTION_CONNECTION_LIMIT,
        server->options.max_connections + 2 * ACCEPT_AT_ONCE, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        server->options.max_head + 16384, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
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

/* --- accepting: libmicrohttpd would stop at its limit, and at the process's --- */

static int watch_listener(gp_httpd *server, int operation, unsigned events)
{
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.ptr = &server->listener;
    return epoll_ctl(server->epoll, operation, server->listener, &event) == 0;
}

/* Was it refused, and is only still open so that the client gets to read why? */
static int is_lingering(const connection *conn)
{
    return conn->stage == RAW && conn->raw.end == GP_RAW_LINGER && conn->raw.finished_sending;
}

/* The connection to be closed in favour of another: the one that has waited longest for a request
 * or has been refused, else the one that has been reading its answer longest, if that is long
 * enough. NULL: none. */
static connection *find_victim(const gp_httpd *server)
{
    connection *conn, *reader = NULL;
    for (conn = server->first; conn; conn = conn->next) {
        if (is_lingering(conn) && !conn->closing) return conn;
        if (!is_up_to_client(conn)) continue;
        if (is_waiting_for_request(conn) && !has_arrivals(conn)) return conn;
        if (is_waiting_for_request(conn)) continue;
        if (!reader && conn->since <= server->now - LEAST_READING) reader = conn;
    }
    return reader;
}

static void evict(connection *conn)
{
    start_closing(conn);
    if (conn->stage == RAW) resume(conn, ENDING);
}

/* Nobody can be accepted: the next may try in a moment, or when a connection is closed. */
static void pause_accepting(gp_httpd *server)
{
    server->paused = watch_listener(server, EPOLL_CTL_MOD, 0);
    server->accept_at = server->now + ACCEPT_PAUSE;
}

/* Takes one connection; 0 when there is none, or no room for it. */
static int accept_one(gp_httpd *server)
{
    int full = server->connections - server->closing >= server->options.max_connections, fd;
    connection *victim = find_victim(server);
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
        if (victim) evict(victim);
        pause_accepting(server);
        return 0;
    }
    if (victim && (full || fd >= server->descriptors)) evict(victim);
    /* It closes the descriptor where it fails. */
    MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, size);
    return 1;
}

static void accept_new(gp_httpd *server)
{
    int turn;
    for (turn = 0; turn < ACCEPT_AT_ONCE; turn++) {
        if (server->connections >= server->options.max_connections + ACCEPT_AT_ONCE) return;
        if (!accept_one(server)) return;
    }
}

static void accept_again(gp_httpd *server)
{
    if (!server->paused || server->now < server->accept_at || server->listener < 0) return;
    server->paused = !watch_listener(server, EPOLL_CTL_MOD, EPOLLIN);
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
    server->listener = listen_on(server->options.host, server->options.port, &why);
    if (server->listener < 0 || !name_url(server, server->listener)) goto failed;
    errno = 0;
    server->daemon = start(server);
    if (!server->daemon || !watch_daemon(server)) goto failed;
    if (!watch_listener(server, EPOLL_CTL_ADD, EPOLLIN)) goto failed;
    server->options.host = NULL; /* the caller's text; not needed any more */
    *out = server;
    return 1;
failed:
    snprintf(message, message_size, "cannot listen on %s port %u: %s",
             options->host ? options->host : "127.0.0.1", options->port,
             why     ? why
             : errno ? strerror(errno)
                     : "libmicrohttpd refused to start");
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
    while (oldest && !is_up_to_client(oldest)) {
        oldest = oldest->next;
    }
    if (oldest) {
        double left = oldest->since + server->options.patience - now;
        if (timeout < 0 || left < timeout) timeout = left > 0 ? left : 0;
    }
    return timeout;
}

/* Has the client read fast enough since it was last looked at? */
static int is_reading(connection *conn)
{
    unsigned long long acked = acked_bytes(conn), before = conn->acked;
    conn->acked = acked;
    return !is_waiting_for_request(conn) &&
           (double)(acked - before) >= LEAST_RATE * conn->server->options.patience;
}

/* Sends away who has been too long without a whole request, or reads an answer too slowly. */
static void lose_patience(gp_httpd *server)
{
    connection *conn, *next;
    double limit = server->now - server->options.patience;
    for (conn = server->first; conn && conn->since <= limit; conn = next) {
        next = conn->next;
        if (!is_up_to_client(conn)) continue;
        if (is_reading(conn)) {
            touch(conn);
            continue;
        }
        start_closing(conn);
        if (conn->stage == RAW) resume(conn, ENDING);
    }
}

/* Looks which of our own streams can go on, and who wants to connect. */
static void step_streams(gp_httpd *server)
{
    struct epoll_event events[64];
    int i, count = epoll_wait(server->epoll, events, 64, 0);
    for (i = 0; i < count; i++) {
        connection *conn = events[i].data.ptr;
        if (events[i].data.ptr == &server->listener) {
            accept_new(server);
        } else if (conn && conn->stage == RAW) {
            step_raw(conn);
        }
    }
}

unsigned gp_httpd_step(gp_httpd *server, double now)
{
    unsigned before = server->completed;
    server->now = now;
    advance_due(server);
    accept_again(server);
    step_streams(server);
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
        int turn;
        /* Who had connected before the end was asked for is still served. */
        for (turn = 0; turn < 4; turn++) {
            gp_httpd_step(server, now);
        }
        server->stopping = 1;
        close(server->listener);
        server->listener = -1;
        server->paused = 0;
    }
    for (conn = server->first; conn; conn = conn->next) {
        /* A request that has arrived is still answered; its connection is closed with that. */
        if (!is_waiting_for_request(conn) || conn->closing || has_arrivals(conn)) continue;
        start_closing(conn);
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
            if (is_suspended(conn)) resume(conn, ENDING);
        }
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
    }
    if (server->listener >= 0) close(server->listener);
    if (server->epoll >= 0) close(server->epoll);
    gp_http_response_free(&server->response);
    alloc->resize(alloc->ctx, server, sizeof *server, 0);
}
