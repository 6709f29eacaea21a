/*
 * A response being received: its status, its headers, and its body, which goes to the request's
 * sink, within bounds.
 */
#ifndef GP_IO_HTTP_INCOMING_H
#define GP_IO_HTTP_INCOMING_H

#include "core/buf.h"
#include "io/http.h"

typedef struct gp_http_incoming {
    /* the request's */
    gp_http_sink sink;
    char *path;
    int64_t file_offset;
    int64_t max_bytes;
    int head;

    int status; /* 0: no status line yet */
    int headers_done;
    gp_buf headers;
    enum { GP_HTTP_TO_MEMORY, GP_HTTP_TO_CHUNKS, GP_HTTP_TO_FILE, GP_HTTP_TO_NOWHERE } target;
    gp_buf body; /* in memory, or waiting for its reader */
    int64_t bytes;
    int64_t bound;
    int fd;        /* -1: none */
    char *problem; /* NULL: none */
} gp_http_incoming;

/* Prepares for the response to a request; 0 when out of memory. */
int gp_http_incoming_open(gp_http_incoming *in, const gp_http_request *request);

/* Take a header line and a chunk of the body. GP_HTTP_CODE_NONE, or why the transfer must be
 * stopped. */
gp_http_code gp_http_incoming_header(gp_http_incoming *in, const char *line, size_t len);
gp_http_code gp_http_incoming_body(gp_http_incoming *in, const char *data, size_t len);

/* True while the reader has too many unread bytes: the transfer should pause. */
int gp_http_incoming_full(const gp_http_incoming *in);

/* Closes the file; 0 with errno when written data may have been lost. */
int gp_http_incoming_close(gp_http_incoming *in);
void gp_http_incoming_free(gp_http_incoming *in);

/* Records a problem. Only the first is kept: later ones are its consequences. */
void gp_http_incoming_fail(gp_http_incoming *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
