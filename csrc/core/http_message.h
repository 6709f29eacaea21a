/*
 * One HTTP request and its answer as plain values. The server (io/httpd.h) and the in-process
 * transport make the request; whoever answers, such as the simulated GitLab, fills the response.
 * Neither knows the other.
 *
 * A request only borrows: every pointer is valid until the handler returns. The target stands as it
 * came over the wire: path and query, nothing decoded, so `%2F` in a project path survives.
 *
 * A response owns two growing buffers. Its maker prepares it once with gp_http_response_init and
 * may use it again and again after gp_http_response_clear; the handler only adds. Allocation
 * failures stick to the buffers (`failed`) and are looked at once, by whoever sends the response.
 */
#ifndef GP_CORE_HTTP_MESSAGE_H
#define GP_CORE_HTTP_MESSAGE_H

#include <stddef.h>

#include "core/buf.h"

/* Names and values are followed by a NUL that is not counted; a value may be empty, never NULL. */
typedef struct gp_http_header {
    const char *name;
    const char *value;
    size_t name_len;
    size_t value_len;
} gp_http_header;

typedef struct gp_http_request_in {
    const char *method; /* as sent, upper case for all known ones; NUL-terminated */
    const char *target; /* raw path and query, from the first '/'; NUL-terminated */
    size_t target_len;
    const gp_http_header *headers;
    size_t header_count;
    const char *body; /* never NULL; may hold NULs */
    size_t body_len;
    unsigned served_before; /* requests that this connection carried before; 0 in process */
    int may_defer; /* whoever asks calls a flush before it delivers what is `uncommitted` */
    int may_wait;  /* whoever asks repeats the request a little later when it is `busy` */
} gp_http_request_in;

/*
 * What happens to the answer on the wire. Every kind comes after `delay` seconds, in which the
 * request counts as being worked on. In process the transport carries out the same: what a client
 * would see is an outcome of its request.
 */
typedef enum gp_http_action_kind {
    GP_HTTP_SEND = 0,     /* the answer as it stands */
    GP_HTTP_DROP,         /* no byte; the connection is closed in order (FIN) */
    GP_HTTP_RESET,        /* no byte; the connection is reset (RST) */
    GP_HTTP_TRUNCATE,     /* head and the first `bytes` of the body, then FIN */
    GP_HTTP_TRUNCATE_RST, /* the same, then RST */
    GP_HTTP_DRIBBLE,      /* the whole answer, `bytes` at a time, one piece every `interval` s */
    GP_HTTP_GARBAGE,      /* the body buffer as raw bytes in place of an answer, then FIN */
    GP_HTTP_WRONG_LENGTH, /* Content-Length says `bytes`, whatever the body is, then FIN */
    GP_HTTP_STALL,        /* head and the first `bytes` of the body, then silence until the client
                             gives up or `interval` s (0: no limit) have passed, then FIN */
    GP_HTTP_SEND_CLOSE, /* the answer, without announcing that the connection is closed after it */
    GP_HTTP_ACTION_KINDS
} gp_http_action_kind;

typedef struct gp_http_action {
    gp_http_action_kind kind;
    double delay;    /* seconds before anything of the answer is sent */
    double interval; /* see the kinds */
    size_t bytes;    /* see the kinds */
} gp_http_action;

typedef struct gp_http_response_out {
    int status;
    gp_buf headers; /* name NUL value NUL, in the order of sending; see gp_http_response_header */
    gp_buf body;
    gp_http_action action;
    int busy; /* only after `may_wait`: nothing was done, the rest of the response says nothing */
    int uncommitted; /* only after `may_defer`: it is not to be delivered before the next flush */
} gp_http_response_out;

/* The word for `kind` in rules and in Lua ("send", "drop", ...); NULL for a number that is none. */
const char *gp_http_action_name(gp_http_action_kind kind);

/* The kind with that word, or GP_HTTP_ACTION_KINDS. */
gp_http_action_kind gp_http_action_find(const char *name);

/* Value of the first header `name` in any case, or NULL. */
const char *gp_http_request_header(const gp_http_request_in *request, const char *name);

/* An empty response (status 200) whose buffers grow through `alloc`, which must outlive it. */
void gp_http_response_init(gp_http_response_out *response, const gp_alloc *alloc);

/* Empties it for the next request; keeps its memory. */
void gp_http_response_clear(gp_http_response_out *response);

/* Frees its memory; it may be initialised again. */
void gp_http_response_free(gp_http_response_out *response);

/*
 * Adds a header. A name or value with a control character is refused (returns 0) and adds
 * nothing: no answer can be split. Otherwise 1; want of memory sticks to response->headers.
 */
int gp_http_response_header(gp_http_response_out *response, const char *name, const char *value);

/*
 * Walks the headers: start with *position = 0; each call that returns 1 has set name and value
 * (NUL-terminated, borrowed until the next change). Returns 0 at the end.
 */
int gp_http_response_next(const gp_http_response_out *response, size_t *position, const char **name,
                          const char **value);

/* The reason phrase of a status ("Not Found"), "Unknown" for one without. */
const char *gp_http_reason(int status);

#endif
