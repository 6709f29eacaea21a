/*
 * Whether a connection can carry several requests at once. libcurl reports the protocol of a
 * connection only with its first response; TLS negotiates it before the first request.
 */
#ifndef GP_IO_HTTP_SHARED_H
#define GP_IO_HTTP_SHARED_H

#include <curl/curl.h>

/* An identity for the TLS connection of a request about to be sent, unique among open connections;
 * NULL: unknown. *multiplexes: it carries several requests at once. */
const void *gp_http_connection(CURL *easy, int *multiplexes);

#endif
