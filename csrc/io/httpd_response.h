/*
 * Sends a response. The service fills the server's `response`; it is copied into the connection and
 * sent by libmicrohttpd, or as raw bytes when it must break the protocol. It waits in a suspended
 * connection until it is due and committed.
 */
#ifndef GP_IO_HTTPD_RESPONSE_H
#define GP_IO_HTTPD_RESPONSE_H

#include "io/httpd_connection.h"

/* The retry interval while the service is busy, in seconds. */
#define GP_HTTPD_BUSY_STEP 0.02

/* Sends the server's response from within libmicrohttpd's callback: at once, or held until it is
 * due and, if it needs a flush, flushed. MHD_NO: out of memory. */
enum MHD_Result gp_httpd_deliver(gp_connection *conn);

/* The same for a connection that is already suspended. */
void gp_httpd_deliver_suspended(gp_connection *conn);

/* Rejects a request before it reaches the service, and closes the connection: the following bytes
 * are not trusted. */
enum MHD_Result gp_httpd_refuse(gp_connection *conn, int status, const char *why);

/* Rejects with a 503, and evicts a client that does not read its response, to free memory. */
enum MHD_Result gp_httpd_refuse_for_memory(gp_connection *conn);

/* Continues with the response of a HELD or RAW connection that is due. */
void gp_httpd_release(gp_connection *conn);

/* Sends more raw bytes; the connection ends with them. */
void gp_httpd_step_raw(gp_connection *conn);

/* Queues the response of a READY connection with libmicrohttpd, from within its callback. */
enum MHD_Result gp_httpd_queue(gp_connection *conn);

#endif
