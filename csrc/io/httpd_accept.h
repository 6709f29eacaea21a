/*
 * Who is let in, and who has to make room. libmicrohttpd would stop accepting at its limit, and at
 * the process's; here a new connection takes the place of the one that has waited longest.
 */
#ifndef GP_IO_HTTPD_ACCEPT_H
#define GP_IO_HTTPD_ACCEPT_H

#include "io/httpd_connection.h"

/* Connections taken in one step; as many may be about to close. */
enum { GP_HTTPD_ACCEPT_AT_ONCE = 64 };

/* Listens on the first address of the options' host and port that works, names the URL and watches
 * the listener. 1, or 0 with errno or *why. */
int gp_httpd_listen(gp_httpd *server, const char **why);

/* The listener is ready: takes the connections that wait. */
void gp_httpd_accept(gp_httpd *server);

/* After a pause, for want of room: watches the listener again when it is time. */
void gp_httpd_accept_again(gp_httpd *server);

/* Closes whoever has been too long without a whole request, or reads a response too slowly. */
void gp_httpd_lose_patience(gp_httpd *server);

#endif
