/*
 * A service answers HTTP requests: functions and the object that they belong to, as one plain
 * value. The server (io/httpd.h) calls it and does not know what stands behind it; the service
 * does not know who calls it, and may stand in another shared object.
 */
#ifndef GP_CORE_HTTP_SERVICE_H
#define GP_CORE_HTTP_SERVICE_H

#include "core/http_message.h"

/* Fills `response`, which is empty. Called once per request, with its whole body, never nested;
 * again every 20 ms for up to a second (`may_wait`) while it says `busy`. */
typedef void (*gp_http_handler)(void *ctx, double now, const gp_http_request_in *request,
                                gp_http_response_out *response);

typedef struct gp_http_service {
    gp_http_handler handler;
    /* Commits what `uncommitted` responses report; 0 when that failed, and then they are not
     * delivered. Called once for all requests of a step. NULL: no response is ever uncommitted. */
    int (*flush)(void *ctx);
    /* After a flush that failed: fills the response for each request that waited for it. A GET or
     * HEAD is given to the handler again instead, for up to a second. NULL only where `flush` is.
     */
    gp_http_handler refuse;
    void *ctx;
} gp_http_service;

#endif
