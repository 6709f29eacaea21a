/*
 * Accepts connections and evicts old ones. libmicrohttpd would stop accepting at its own limit and
 * at the process's; here a new connection evicts the one that has waited longest.
 */
#ifndef GP_IO_HTTPD_ACCEPT_H
#define GP_IO_HTTPD_ACCEPT_H

#include "io/httpd_connection.h"

/* Connections accepted in one step; at most as many may be closing. */
enum { GP_HTTPD_ACCEPT_AT_ONCE = 64 };

/* Listens on the first usable address of the options' host and port, sets the URL and watches the
 * listener. 1, or 0 with errno or *why. */
int gp_httpd_listen(gp_httpd *server, const char **why);

/* Accepts pending connections; called when the listener is ready. */
void gp_httpd_accept(gp_httpd *server);

/* Watches the listener again once a pause, made when no connection could be evicted, is over. */
void gp_httpd_accept_resume(gp_httpd *server);

/* Closes clients that take too long to send a complete request or read a response too slowly. */
void gp_httpd_close_slow(gp_httpd *server);

#endif
