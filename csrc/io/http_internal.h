/*
 * What the files of the HTTP engine share, and nobody else sees.
 *
 * http_engine.c     the lanes, their sockets in one epoll set, stepping
 * http_handle.c     easy handles that stay configured from one transfer to the next
 * http_transfer.c   one transfer: starting, libcurl's callbacks, finishing
 * http_insecure.c   over which addresses no credential travels
 * http_shared.c     whether a connection can carry several requests at once
 * http_headers.c    headers out, and headers in
 * http_deadlines.c  the heap of next moments at which a transfer has to be looked at
 * http_outcome.c    libcurl's result to outcome and code
 */
#ifndef GP_IO_HTTP_INTERNAL_H
#define GP_IO_HTTP_INTERNAL_H

#include <math.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "core/buf.h"
#include "io/http.h"

extern const gp_alloc gp_http_heap;

typedef struct gp_http_handle gp_http_handle;

/*
 * A multi handle with a connection cache of its own. Requests of one lane never meet those of the
 * other: FRESH_CONNECT keeps a request from joining a connection, but not others from joining its
 * own, and libcurl sends a request again by itself once another one has joined it.
 */
typedef struct gp_http_lane {
    gp_http_engine *engine;
    CURLM *multi;         /* NULL: not needed yet */
    double due;           /* when libcurl wants its timer; negative: never */
    gp_http_handle *pool; /* handles for the next transfers of this lane */
    int pooled;
    int active;      /* transfers */
    int connections; /* at most so many to one host */
    int alone;       /* each request has a new connection, which is closed after it */
} gp_http_lane;

enum {
    GP_HTTP_COMMON, /* reads and sets: connections are kept and shared */
    GP_HTTP_ALONE,  /* creates: one connection a request */
    GP_HTTP_LANES
};

/*
 * An easy handle with the settings it has now. Setting an option costs libcurl a copy or a parse
 * and us a call, so each transfer sets only what is not as it was.
 */
struct gp_http_handle {
    CURL *easy;
    gp_http_lane *lane;
    gp_http_transfer *transfer; /* NULL while in the pool */
    gp_http_handle *next;
    char method[16];
    int has_body;
    long version;
    int compressed; /* offers compression */
    int streams;    /* has the large buffer */
    long connect_ms;
    char error[CURL_ERROR_SIZE];
};

/* Headers on their way out: list, flags and text in one block, so that it is cleansed in one go. */
typedef struct gp_http_outgoing {
    char *block;
    size_t size;
    struct curl_slist *nodes;
    unsigned char *sensitive;
    size_t count;
} gp_http_outgoing;

struct gp_http_transfer {
    int refs;
    int64_t id;
    gp_http_engine *engine;
    gp_http_handle *handle; /* NULL when done */
    gp_http_transfer *previous, *next;
    gp_http_transfer *ready_next;
    int ready;             /* in the list that gp_http_engine_next takes from */
    size_t deadline_index; /* in the heap, from 1; 0: not there */
    double look_at;

    /* the request */
    gp_http_outgoing headers_out;
    char *body_out;
    size_t body_out_len;
    gp_http_effect effect;
    gp_http_sink sink;
    char *path;
    int64_t file_offset;
    int64_t max_bytes;
    int head;
    gp_sent_hook *hook;

    /* time, all by our clock; `shift` more is the caller's */
    double shift;
    double submitted;
    double finished;
    double ends; /* INFINITY: never */
    int ends_as_deadline;
    double connect_timeout;
    double request_timeout;
    double stall_timeout;
    double connecting; /* since when; 0: not */
    double sent;       /* 0: never */
    double moved;      /* the last byte, or the last resume */

    const void *connection; /* over TLS: the one that it was sent over last */
    int secure;
    int joined;   /* libcurl has put it on a connection that another request holds */
    int has_left; /* bytes of it left before it was put aside */

    /* the answer */
    int status;
    int headers_done;
    gp_buf headers_in;
    enum { GP_HTTP_TO_MEMORY, GP_HTTP_TO_CHUNKS, GP_HTTP_TO_FILE, GP_HTTP_TO_NOWHERE } target;
    gp_buf body_in; /* in memory, or waiting for its reader */
    int64_t bytes;
    int64_t bound;
    int paused;
    int fd;

    int done;
    gp_http_code abort; /* why our callbacks stopped libcurl */
    char *message;
    gp_http_result result;
};

/* One entry a descriptor number. */
typedef struct gp_http_socket {
    uint32_t events;   /* what libcurl waits for; 0: nothing */
    uint32_t watched;  /* what the epoll set has */
    unsigned char own; /* opened by us, so we see it closed */
    gp_http_lane *lane;
} gp_http_socket;

struct gp_http_engine {
    int refs;
    int closed;
    pid_t pid; /* 0: not started */
    int epoll_fd;
    gp_http_lane lanes[GP_HTTP_LANES];
    gp_http_options options;
    gp_http_socket *sockets;
    size_t socket_count;
    gp_http_transfer *active;
    gp_http_transfer *ready_head, *ready_tail;
    gp_http_transfer **deadlines; /* a heap, from 1 */
    size_t deadline_count, deadline_cap;
    int64_t last_id;
    gp_http_counts counts;
};

/* http_engine.c */
int gp_http_engine_start(gp_http_engine *engine, gp_http_failure *failure);
/* The started lane for such a request; NULL without memory. */
gp_http_lane *gp_http_engine_lane(gp_http_engine *engine, const gp_http_request *request);
void gp_http_engine_unref(gp_http_engine *engine);
int gp_http_engine_foreign(const gp_http_engine *engine);
void gp_http_engine_ready(gp_http_engine *engine, gp_http_transfer *transfer);
curl_socket_t gp_http_socket_open(gp_http_engine *engine, const struct curl_sockaddr *address);
int gp_http_socket_close(void *engine, curl_socket_t fd);

/* http_handle.c */
gp_http_handle *gp_http_handle_take(gp_http_lane *lane);
void gp_http_handle_give(gp_http_handle *handle);
void gp_http_handle_free(gp_http_handle *handle);
/* Makes the handle fit the request; 0 on failure. */
int gp_http_handle_fit(gp_http_handle *handle, const gp_http_request *request, int busy);
/* The version to ask for; an HTTP/1.1 request is never put on a connection in use. 0 on failure. */
int gp_http_handle_version(gp_http_handle *handle, long version);

/* http_transfer.c: libcurl's callbacks, with a gp_http_handle as their data */
int gp_http_on_prereq(void *ctx, char *remote, char *local, int remote_port, int local_port);
int gp_http_on_resolve(void *state, void *reserved, void *ctx);
curl_socket_t gp_http_on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
size_t gp_http_on_header(char *data, size_t size, size_t count, void *ctx);
size_t gp_http_on_body(char *data, size_t size, size_t count, void *ctx);
/* libcurl has ended the transfer. */
void gp_http_transfer_complete(gp_http_transfer *transfer, CURLcode result);
/* A moment of the heap has come: ends the transfer or looks again later. */
void gp_http_transfer_look(gp_http_transfer *transfer, double now);
void gp_http_transfer_unref(gp_http_transfer *transfer);
/* Ends the transfer as cancelled and shows it. */
void gp_http_transfer_abandon(gp_http_transfer *transfer, const char *why);

/* http_insecure.c */
int gp_http_insecure(const char *url);

/* http_shared.c */
/* What tells the TLS connection of a request about to be sent from all others that are open; NULL:
 * not known. *multiplexes: it carries several requests at once. */
const void *gp_http_connection(CURL *easy, int *multiplexes);

/* http_headers.c */
int gp_http_outgoing_build(gp_http_outgoing *out, const gp_http_request *request,
                           gp_http_failure *failure);
struct curl_slist *gp_http_outgoing_list(const gp_http_outgoing *out);
void gp_http_outgoing_free(gp_http_outgoing *out);
int gp_http_has_control(const char *text, size_t len);

/* http_deadlines.c */
int gp_http_deadlines_add(gp_http_engine *engine, gp_http_transfer *transfer, double at);
void gp_http_deadlines_move(gp_http_engine *engine, gp_http_transfer *transfer, double at);
void gp_http_deadlines_remove(gp_http_engine *engine, gp_http_transfer *transfer);

/* http_outcome.c */
typedef struct gp_http_evidence {
    CURLcode result;
    gp_http_effect effect;
    int sent;   /* the pre-request hook was called and bytes left */
    int status; /* 0: no status line */
    int reused; /* over a connection that had been used before */
    const char *text;
} gp_http_evidence;
void gp_http_outcome_of(const gp_http_evidence *evidence, gp_http_outcome *outcome,
                        gp_http_code *code);
/* What a request that was sent means when it ended without a usable answer. */
gp_http_outcome gp_http_outcome_sent(int status);

#endif
