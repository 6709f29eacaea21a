/*
 * A response as it comes in: its status, its headers, and its body on the way to where the request
 * wants it, within bounds.
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

/* Prepares for the response to a request; 0 without memory. */
int gp_http_incoming_open(gp_http_incoming *in, const gp_http_request *request);

/* A line of the headers, and a piece of the body, have come. GP_HTTP_CODE_NONE, or why the transfer
 * has to be stopped. */
gp_http_code gp_http_incoming_header(gp_http_incoming *in, const char *line, size_t len);
gp_http_code gp_http_incoming_body(gp_http_incoming *in, const char *data, size_t len);

/* Is more held for the reader than should be? */
int gp_http_incoming_full(const gp_http_incoming *in);

/* Closes the file; 0 with errno when what was written to it may be missing. */
int gp_http_incoming_close(gp_http_incoming *in);
void gp_http_incoming_free(gp_http_incoming *in);

/* Notes what went wrong. The first problem is the cause; later ones are its consequences. */
void gp_http_incoming_say(gp_http_incoming *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
