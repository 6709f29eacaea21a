#include "io/httpd_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/httpd_response.h"

/* How long a request is retried while the service is busy, in seconds. */
static const double BUSY_PATIENCE = 1.0;

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    gp_connection *conn = cls;
    gp_http_header header = {name, value ? value : "", name_len, value ? value_len : 0};
    (void)kind;
    if (value && value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        /* Trailing blanks are not part of the value, which is in the connection's own memory. */
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

/* The body's length according to the head. 0, or the status to reject the request with. */
static int check_framing(gp_connection *conn, const char *version, unsigned long long *length)
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

/* The head is complete: rejects the request, or starts to receive the body. */
static enum MHD_Result begin(gp_connection *conn, const char *version)
{
    unsigned long long length = 0;
    int status;
    if (conn->target.failed) return MHD_NO;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect_header, conn);
    if (conn->headers.failed) return MHD_NO;
    if (conn->head_bytes > conn->server->options.max_head) {
        return gp_httpd_refuse(conn, 431, "Request Header Fields Too Large");
    }
    status = check_framing(conn, version, &length);
    if (status) return gp_httpd_refuse(conn, status, gp_http_reason(status));
    if (length > conn->server->options.max_body) {
        return gp_httpd_refuse(conn, 413, "Request Entity Too Large");
    }
    if (gp_httpd_is_short_of_memory(conn->server, (size_t)length))
        return gp_httpd_refuse_for_memory(conn);
    conn->stage = GP_STAGE_BODY;
    return MHD_YES;
}

static enum MHD_Result take_body(gp_connection *conn, const char *data, size_t *size)
{
    if (*size > conn->server->options.max_body - conn->body.len) {
        return gp_httpd_refuse(conn, 413, "Request Entity Too Large");
    }
    if (gp_httpd_is_short_of_memory(conn->server, *size)) return gp_httpd_refuse_for_memory(conn);
    gp_connection_count_memory(conn, *size);
    gp_buf_add(&conn->body, data, *size);
    *size = 0;
    return conn->body.failed ? MHD_NO : MHD_YES;
}

static void fill_request(gp_connection *conn, gp_http_request_in *request)
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

static void ask(gp_connection *conn)
{
    gp_httpd *server = conn->server;
    gp_http_request_in request;
    fill_request(conn, &request);
    server->unflushed = 1;
    gp_http_response_clear(&server->response);
    server->options.service.handler(server->options.service.ctx, server->now, &request,
                                    &server->response);
}

static void ask_again(gp_connection *conn)
{
    ask(conn);
    gp_httpd_deliver_suspended(conn);
}

static enum MHD_Result answer(gp_connection *conn)
{
    gp_buf_add(&conn->body, "", 1);
    if (conn->body.failed) return MHD_NO;
    conn->asked = conn->server->now;
    ask(conn);
    return gp_httpd_deliver(conn);
}

enum MHD_Result gp_httpd_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *size, void **context)
{
    gp_connection *conn = *context;
    (void)cls;
    (void)mhd;
    (void)url;
    if (!conn || conn->server->closed) return MHD_NO;
    if (conn->closing && gp_connection_awaits_request(conn)) return MHD_NO;
    switch (conn->stage) {
    case GP_STAGE_HEAD:
        conn->method = method;
        return begin(conn, version);
    case GP_STAGE_BODY:
        return *size ? take_body(conn, data, size) : answer(conn);
    case GP_STAGE_READY:
        return gp_httpd_queue(conn);
    case GP_STAGE_REPLYING:
        *size = 0;
        return MHD_YES;
    default:
        return MHD_NO;
    }
}

static gp_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *gp_httpd_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    gp_connection *conn = connection_of(mhd);
    (void)cls;
    if (!conn) return NULL;
    conn->head_bytes = strlen(uri) + 16;
    conn->target.len = 0;
    /* Absolute form: the client treats the server as a proxy. */
    if (strncasecmp(uri, "http://", 7) == 0) {
        uri += 7 + strcspn(uri + 7, "/?");
        if (*uri != '/') gp_buf_add(&conn->target, "/", 1);
    }
    gp_buf_add(&conn->target, uri, strlen(uri) + 1);
    conn->stage = GP_STAGE_HEAD;
    return conn;
}

size_t gp_httpd_no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* Frees a large buffer, and keeps a small one for the next request. */
static void recycle(gp_buf *buf)
{
    if (buf->cap > 65536 || buf->failed) gp_buf_free(buf);
    buf->len = 0;
}

void gp_httpd_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                           enum MHD_RequestTerminationCode how)
{
    gp_connection *conn = *context;
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
    gp_connection_forget_memory(conn);
    recycle(&conn->target);
    recycle(&conn->headers);
    recycle(&conn->body);
    conn->stage = GP_STAGE_IDLE;
    conn->served++;
    gp_connection_touch(conn);
}

void gp_httpd_advance_due(gp_httpd *server)
{
    gp_connection *conn, *next;
    if (server->next_due < 0 || server->next_due > server->now) return;
    server->next_due = -1;
    for (conn = server->first; conn; conn = next) {
        next = conn->next;
        if (!gp_connection_is_suspended(conn) || conn->uncommitted) continue;
        if (conn->due <= server->now && conn->stage == GP_STAGE_BUSY) {
            ask_again(conn);
        } else if (conn->due <= server->now) {
            gp_httpd_release(conn);
        } else if (server->next_due < 0 || conn->due < server->next_due) {
            server->next_due = conn->due;
        }
    }
}

/* The change behind the response could not be committed: replaces the response by an error. A read
 * is executed again, on the committed state. */
static void replace_answer(gp_connection *conn)
{
    gp_httpd *server = conn->server;
    gp_http_request_in request;
    if (conn->response) MHD_destroy_response(conn->response);
    conn->response = NULL;
    gp_raw_free(&conn->raw);
    gp_raw_init(&conn->raw, server->options.alloc);
    if ((strcmp(conn->method, "GET") == 0 || strcmp(conn->method, "HEAD") == 0) &&
        server->now < conn->asked + BUSY_PATIENCE) {
        conn->stage = GP_STAGE_BUSY;
        gp_connection_set_due(conn, server->now + GP_HTTPD_BUSY_STEP);
        return;
    }
    gp_http_response_clear(&server->response);
    fill_request(conn, &request);
    server->options.service.refuse(server->options.service.ctx, server->now, &request,
                                   &server->response);
    gp_httpd_deliver_suspended(conn);
}

void gp_httpd_flush(gp_httpd *server)
{
    gp_connection *conn, *next;
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
            gp_httpd_release(conn);
        }
    }
}
