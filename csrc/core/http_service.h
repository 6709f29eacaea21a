/*
 * A service handles HTTP requests: its functions and their context, as one plain value. The server
 * (io/httpd.h) calls it; the service may be in another shared object.
 */
#ifndef GP_CORE_HTTP_SERVICE_H
#define GP_CORE_HTTP_SERVICE_H

#include "core/http_message.h"

/* Fills `response`, which is empty. Called once per request, with its whole body, never nested; and
 * again every 20 ms for up to a second (`may_wait`) while the response is `busy`. */
typedef void (*gp_http_handler)(void *ctx, double now, const gp_http_request_in *request,
                                gp_http_response_out *response);

typedef struct gp_http_service {
    gp_http_handler handler;
    /* Commits the changes behind `uncommitted` responses; 0 on failure, and then they are not
     * delivered. Called once for all requests of a step. NULL: no response is ever uncommitted. */
    int (*flush)(void *ctx);
    /* After a failed flush: fills the response of each request that waited for it. A GET or HEAD is
     * passed to the handler again instead, for up to a second. NULL only if `flush` is NULL. */
    gp_http_handler refuse;
    void *ctx;
} gp_http_service;

#endif
