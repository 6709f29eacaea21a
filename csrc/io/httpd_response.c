#include "io/httpd_response.h"

#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

void gp_httpd_step_raw(gp_connection *conn)
{
    gp_httpd *server = conn->server;
    struct epoll_event event;
    double due;
    int waited = gp_raw_wants_write(&conn->raw);
    if (gp_raw_step(&conn->raw, server->now)) {
        gp_connection_resume(conn, GP_STAGE_ENDING);
        return;
    }
    if (!waited && gp_raw_wants_write(&conn->raw)) gp_connection_touch(conn);
    due = gp_raw_due(&conn->raw);
    gp_connection_set_due(conn, due < 0 ? server->now + 3600 : due);
    memset(&event, 0, sizeof event);
    event.events = gp_raw_wants_write(&conn->raw) ? EPOLLOUT : EPOLLIN;
    event.data.ptr = conn;
    if (event.events == conn->events) return;
    if (epoll_ctl(server->epoll, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event)) {
        gp_connection_resume(conn, GP_STAGE_ENDING);
        return;
    }
    conn->events = event.events;
}

void gp_httpd_release(gp_connection *conn)
{
    if (conn->stage != GP_STAGE_RAW && conn->response) {
        gp_connection_resume(conn, GP_STAGE_READY);
        return;
    }
    if (conn->raw.fd < 0) {
        gp_raw_start(&conn->raw, conn->fd, conn->server->now);
        conn->acked = gp_connection_acked_bytes(conn);
        gp_connection_touch(conn);
    }
    conn->stage = GP_STAGE_RAW;
    gp_httpd_step_raw(conn);
}

/* A copy of the handler's response for libmicrohttpd; NULL when out of memory. */
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
        /* libmicrohttpd rejects an empty value; clients read a blank as empty. */
        if (MHD_add_response_header(response, name, *value ? value : " ") != MHD_YES) goto failed;
    }
    return response;
failed:
    MHD_destroy_response(response);
    return NULL;
}

enum MHD_Result gp_httpd_queue(gp_connection *conn)
{
    enum MHD_Result queued;
    if (conn->server->stopping || conn->closing) {
        MHD_add_response_header(conn->response, "Connection", "close");
    }
    queued = MHD_queue_response(conn->mhd, conn->status, conn->response);
    MHD_destroy_response(conn->response);
    conn->response = NULL;
    conn->stage = GP_STAGE_REPLYING;
    conn->acked = gp_connection_acked_bytes(conn);
    gp_connection_touch(conn);
    return queued;
}

/* Moves the server's response, filled by the handler or a rejection, to the connection: 0 when out
 * of memory. *due is when it may be sent, apart from the flush. */
static int take_answer(gp_connection *conn, double *due)
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
    gp_connection_count_memory(conn, out->body.len);
    conn->uncommitted = out->uncommitted && server->options.service.flush;
    server->uncommitted += conn->uncommitted ? 1 : 0;
    return 1;
}

enum MHD_Result gp_httpd_deliver(gp_connection *conn)
{
    double due;
    if (conn->server->response.busy) {
        gp_connection_suspend(conn, GP_STAGE_BUSY, conn->server->now + GP_HTTPD_BUSY_STEP);
        return MHD_YES;
    }
    if (!take_answer(conn, &due)) return MHD_NO;
    if (conn->response && due <= conn->server->now && !conn->uncommitted)
        return gp_httpd_queue(conn);
    gp_connection_suspend(conn, GP_STAGE_HELD, due);
    return MHD_YES;
}

void gp_httpd_deliver_suspended(gp_connection *conn)
{
    double due;
    if (conn->server->response.busy) {
        gp_connection_set_due(conn, conn->server->now + GP_HTTPD_BUSY_STEP);
    } else if (!take_answer(conn, &due)) {
        gp_connection_resume(conn, GP_STAGE_ENDING);
    } else {
        conn->stage = GP_STAGE_HELD;
        gp_connection_set_due(conn, due);
        if (due <= conn->server->now && !conn->uncommitted) gp_httpd_release(conn);
    }
}

enum MHD_Result gp_httpd_refuse(gp_connection *conn, int status, const char *why)
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
    gp_connection_suspend(conn, GP_STAGE_RAW, conn->server->now);
    return MHD_YES;
}

enum MHD_Result gp_httpd_refuse_for_memory(gp_connection *conn)
{
    gp_connection *reader = conn->server->first;
    while (reader &&
           (!gp_connection_is_up_to_client(reader) || gp_connection_awaits_request(reader))) {
        reader = reader->next;
    }
    if (reader && reader->since <= conn->server->now - GP_HTTPD_MIN_READING)
        gp_connection_evict(reader);
    return gp_httpd_refuse(conn, 503, gp_http_reason(503));
}
