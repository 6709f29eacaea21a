/*
 * One request's life: its head and body, as libmicrohttpd hands them over; asking the service, once
 * or again while it is busy; and the flush that commits what was done for all requests of a step.
 */
#ifndef GP_IO_HTTPD_REQUEST_H
#define GP_IO_HTTPD_REQUEST_H

#include "io/httpd_connection.h"

/* libmicrohttpd's callbacks. The first line has come: it is copied, as libmicrohttpd takes `uri` to
 * pieces in place. */
void *gp_httpd_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);

/* Leaves `%2F` and all other escapes as they came. */
size_t gp_httpd_no_unescape(void *cls, struct MHD_Connection *mhd, char *text);

/* The head is complete; a piece of the body has come; the body is complete; or it was resumed. */
enum MHD_Result gp_httpd_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *size, void **context);

/* The request is over; `cls` is the server. */
void gp_httpd_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                           enum MHD_RequestTerminationCode how);

/* Goes on with the suspended connections whose time has come. */
void gp_httpd_advance_due(gp_httpd *server);

/* One flush for all that was asked in this step; then their responses may leave. */
void gp_httpd_flush(gp_httpd *server);

#endif
