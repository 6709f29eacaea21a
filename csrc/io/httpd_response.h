/*
 * A response on its way out. What the service has filled stands in the server's `response`; it is
 * copied into the connection and sent by libmicrohttpd, or in bytes of our own where it must break
 * the protocol. It waits in a suspended connection until it is due and committed.
 */
#ifndef GP_IO_HTTPD_RESPONSE_H
#define GP_IO_HTTPD_RESPONSE_H

#include "io/httpd_connection.h"

/* How often a request that finds the service busy is repeated, in seconds. */
#define GP_HTTPD_BUSY_STEP 0.02

/* Sends the server's response from within libmicrohttpd's call: at once, or held back until it is
 * due, and until a flush where it needs one. MHD_NO: there is no memory. */
enum MHD_Result gp_httpd_deliver(gp_connection *conn);

/* The same for a connection that is suspended already. */
void gp_httpd_deliver_suspended(gp_connection *conn);

/* Rejects a request that never reaches the service, and closes: what follows on the wire is not
 * trusted. */
enum MHD_Result gp_httpd_refuse(gp_connection *conn, int status, const char *why);

/* A 503. Whoever keeps responses in memory without reading them makes room for the next. */
enum MHD_Result gp_httpd_refuse_for_memory(gp_connection *conn);

/* The response of a connection that is HELD or RAW goes on: it is due. */
void gp_httpd_release(gp_connection *conn);

/* Sends more of the bytes of our own; the connection ends with them. */
void gp_httpd_step_raw(gp_connection *conn);

/* Gives the response of a READY connection to libmicrohttpd, from within its call. */
enum MHD_Result gp_httpd_queue(gp_connection *conn);

#endif
