/*
 * Whether a connection can carry several requests at once. libcurl says which protocol a connection
 * speaks only with its first response; TLS agrees on it before the first request.
 */
#ifndef GP_IO_HTTP_SHARED_H
#define GP_IO_HTTP_SHARED_H

#include <curl/curl.h>

/* What tells the TLS connection of a request about to be sent from all others that are open; NULL:
 * not known. *multiplexes: it carries several requests at once. */
const void *gp_http_connection(CURL *easy, int *multiplexes);

#endif
