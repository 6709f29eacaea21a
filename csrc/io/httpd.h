/*
 * An HTTP/1.1 server without threads: libmicrohttpd on its epoll set, driven by the caller's loop.
 *
 *     gp_httpd *server;
 *     gp_httpd_options options = {.port = 8080, .service = {.handler = answer, .ctx = my_things}};
 *     if (!gp_httpd_open(&options, &server, message, sizeof message)) ...
 *     for (;;) {
 *         poll gp_httpd_fd(server) for reading, at most gp_httpd_timeout(server, now) seconds
 *         gp_httpd_step(server, now)
 *     }
 *     gp_httpd_close(server);
 *
 * `now` is in seconds and must not decrease; the server reads no clock for its own deadlines.
 *
 * Before it calls the handler, the server rejects requests with an ambiguous length (Content-Length
 * together with Transfer-Encoding, two lengths, an unknown coding: 400 or 501, and the connection
 * is closed), heads over max_head (431), bodies over max_body (413), and bodies for which the
 * memory for bodies is exhausted (503). It closes clients that take longer than `patience` to send
 * a complete request, or that read a response more slowly than 1 KiB/s. When max_connections are
 * open, or the process is out of descriptors, a new connection evicts the one that has waited
 * longest for a request. The faults in the handler's response (delay, reset, truncation...; see
 * core/http_message.h) are injected here and in io/faulty_response.h.
 */
#ifndef GP_IO_HTTPD_H
#define GP_IO_HTTPD_H

#include "core/http_service.h"

typedef struct gp_httpd gp_httpd;

typedef struct gp_httpd_options {
    const char *host; /* address or name; NULL: 127.0.0.1 */
    unsigned port;    /* 0: a free one */
    gp_http_service service;
    const gp_alloc *alloc;    /* NULL: malloc; must outlive the server */
    size_t max_head;          /* bytes of request line and headers; 0: 16 KiB */
    size_t max_body;          /* bytes; 0: 32 MiB */
    unsigned max_connections; /* 0: 1000 */
    double patience; /* seconds from a connection's start, or the end of its last response, to
                        the end of its next request; 0: 60 */
} gp_httpd_options;

/* Starts listening. 1, or 0 with a one-line message in `message`. */
int gp_httpd_open(const gp_httpd_options *options, gp_httpd **server, char *message,
                  size_t message_size);

/* The one descriptor to poll (for reading). */
int gp_httpd_fd(const gp_httpd *server);

/* Seconds until it must be stepped even if the descriptor is not ready; negative: no limit. */
double gp_httpd_timeout(const gp_httpd *server, double now);

/* Does all work that is possible without blocking. Returns the number of responses completed. */
unsigned gp_httpd_step(gp_httpd *server, double now);

/* "http://127.0.0.1:43210", without a trailing slash; owned by the server. */
const char *gp_httpd_url(const gp_httpd *server);

/*
 * Shuts down gracefully: accepts no new connections, closes idle ones, finishes requests in
 * progress. Keep stepping until gp_httpd_connections is 0. May be called again.
 */
void gp_httpd_stop(gp_httpd *server, double now);

/* Open connections. */
unsigned gp_httpd_connections(const gp_httpd *server);

/* Closes every connection and frees the server; NULL is allowed. Not from within the handler. */
void gp_httpd_close(gp_httpd *server);

#endif
