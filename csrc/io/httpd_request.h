/*
 * The lifecycle of a request: receiving head and body from libmicrohttpd; calling the service, and
 * calling it again while it is busy; and the flush that commits all requests of a step.
 */
#ifndef GP_IO_HTTPD_REQUEST_H
#define GP_IO_HTTPD_REQUEST_H

#include "io/httpd_connection.h"

/* libmicrohttpd's callbacks. The request line has arrived: it is copied, because libmicrohttpd
 * modifies `uri` in place. */
void *gp_httpd_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);

/* Leaves `%2F` and all other escapes unchanged. */
size_t gp_httpd_no_unescape(void *cls, struct MHD_Connection *mhd, char *text);

/* The head is complete, a chunk of the body has arrived, the body is complete, or the connection
 * was resumed. */
enum MHD_Result gp_httpd_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *size, void **context);

/* The request has ended; `cls` is the server. */
void gp_httpd_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                           enum MHD_RequestTerminationCode how);

/* Continues with the suspended connections that are due. */
void gp_httpd_advance_due(gp_httpd *server);

/* One flush for all requests of this step; after it their responses may be sent. */
void gp_httpd_flush(gp_httpd *server);

#endif
