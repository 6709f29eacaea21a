#include "io/httpd_connection.h"

#include <string.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BODIES_AT_ONCE = 4 /* times max_body: memory for the bodies of all connections */ };

static void list_remove(gp_httpd *server, gp_connection *conn)
{
    *(conn->previous ? &conn->previous->next : &server->first) = conn->next;
    *(conn->next ? &conn->next->previous : &server->last) = conn->previous;
    conn->previous = conn->next = NULL;
}

static void list_append(gp_httpd *server, gp_connection *conn)
{
    conn->previous = server->last;
    conn->next = NULL;
    *(server->last ? &server->last->next : &server->first) = conn;
    server->last = conn;
}

void gp_connection_touch(gp_connection *conn)
{
    conn->since = conn->server->now;
    list_remove(conn->server, conn);
    list_append(conn->server, conn);
}

int gp_connection_awaits_request(const gp_connection *conn)
{
    return conn->stage <= GP_STAGE_BODY;
}

int gp_connection_is_suspended(const gp_connection *conn)
{
    return conn->stage == GP_STAGE_BUSY || conn->stage == GP_STAGE_HELD ||
           conn->stage == GP_STAGE_RAW;
}

int gp_connection_is_up_to_client(const gp_connection *conn)
{
    if (conn->closing) return 0;
    return gp_connection_awaits_request(conn) || conn->stage == GP_STAGE_REPLYING ||
           (conn->stage == GP_STAGE_RAW && gp_raw_wants_write(&conn->raw));
}

void gp_connection_start_closing(gp_connection *conn)
{
    conn->closing = 1;
    conn->server->closing++;
    shutdown(conn->fd, SHUT_RDWR);
}

int gp_connection_has_arrivals(const gp_connection *conn)
{
    char byte;
    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void gp_connection_count_memory(gp_connection *conn, size_t bytes)
{
    conn->memory += bytes;
    conn->server->memory += bytes;
}

void gp_connection_forget_memory(gp_connection *conn)
{
    conn->server->memory -= conn->memory;
    conn->memory = 0;
}

int gp_httpd_is_short_of_memory(const gp_httpd *server, size_t more)
{
    return server->memory + more > BODIES_AT_ONCE * server->options.max_body;
}

unsigned long long gp_connection_acked_bytes(const gp_connection *conn)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size)) return 0;
    return info.tcpi_bytes_acked;
}

void gp_connection_set_due(gp_connection *conn, double due)
{
    gp_httpd *server = conn->server;
    conn->due = due;
    if (server->next_due < 0 || due < server->next_due) server->next_due = due;
}

void gp_connection_suspend(gp_connection *conn, gp_stage as, double due)
{
    conn->stage = as;
    gp_connection_set_due(conn, due);
    MHD_suspend_connection(conn->mhd);
}

void gp_connection_resume(gp_connection *conn, gp_stage as)
{
    gp_httpd *server = conn->server;
    if (conn->events) epoll_ctl(server->epoll, EPOLL_CTL_DEL, conn->fd, NULL);
    conn->events = 0;
    conn->stage = as;
    server->resumed = 1;
    MHD_resume_connection(conn->mhd);
}

void gp_connection_evict(gp_connection *conn)
{
    gp_connection_start_closing(conn);
    if (conn->stage == GP_STAGE_RAW) gp_connection_resume(conn, GP_STAGE_ENDING);
}

static void connection_start(gp_httpd *server, struct MHD_Connection *mhd, void **context)
{
    const gp_alloc *alloc = server->options.alloc;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    gp_connection *conn = alloc->resize(alloc->ctx, NULL, 0, sizeof *conn);
    *context = conn;
    if (!conn) return; /* every request on it will be rejected */
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

void gp_connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode what)
{
    gp_httpd *server = cls;
    const gp_alloc *alloc = server->options.alloc;
    gp_connection *conn = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_start(server, mhd, context);
        return;
    }
    *context = NULL;
    if (!conn) return;
    server->connections--;
    if (conn->closing) server->closing--;
    server->accept_at = server->now; /* there is room again */
    gp_connection_forget_memory(conn);
    list_remove(server, conn);
    gp_buf_free(&conn->target);
    gp_buf_free(&conn->body);
    gp_buf_free(&conn->headers);
    gp_raw_free(&conn->raw);
    alloc->resize(alloc->ctx, conn, sizeof *conn, 0);
}
