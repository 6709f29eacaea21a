/*
 * One HTTP request and its response as plain values. The server (io/httpd.h) or the in-process
 * transport creates the request; a handler, such as the simulated GitLab, fills the response.
 *
 * A request owns nothing: every pointer is valid until the handler returns. The target is as
 * received, path and query, not decoded, so `%2F` in a project path survives.
 *
 * A response owns two growing buffers. The caller prepares it once with gp_http_response_init and
 * may reuse it after gp_http_response_clear; the handler only adds. Allocation failures stick to
 * the buffers (`failed`) and are checked once, when the response is sent.
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
    int may_defer;          /* the caller flushes before it delivers an `uncommitted` response */
    int may_wait;           /* the caller retries a `busy` request a little later */
} gp_http_request_in;

/*
 * How the response is sent. Every kind starts after `delay` seconds, during which the request
 * counts as in progress. The in-process transport maps each kind to the outcome a client would see.
 */
typedef enum gp_http_action_kind {
    GP_HTTP_SEND = 0,     /* the response as it is */
    GP_HTTP_DROP,         /* no byte; the connection is closed (FIN) */
    GP_HTTP_RESET,        /* no byte; the connection is reset (RST) */
    GP_HTTP_TRUNCATE,     /* head and the first `bytes` of the body, then FIN */
    GP_HTTP_TRUNCATE_RST, /* the same, then RST */
    GP_HTTP_DRIBBLE,      /* the whole response, `bytes` at a time, one piece every `interval` s */
    GP_HTTP_GARBAGE,      /* the body buffer as raw bytes instead of a response, then FIN */
    GP_HTTP_WRONG_LENGTH, /* Content-Length says `bytes`, whatever the body is, then FIN */
    GP_HTTP_STALL,        /* head and the first `bytes` of the body, then silence until the client
                             gives up or `interval` s (0: no limit) have passed, then FIN */
    GP_HTTP_SEND_CLOSE,   /* the response, then FIN without announcing the close */
    GP_HTTP_ACTION_KINDS
} gp_http_action_kind;

typedef struct gp_http_action {
    gp_http_action_kind kind;
    double delay;    /* seconds before the first byte is sent */
    double interval; /* see the kinds */
    size_t bytes;    /* see the kinds */
} gp_http_action;

typedef struct gp_http_response_out {
    int status;
    gp_buf headers; /* name NUL value NUL, in the order of sending; see gp_http_response_header */
    gp_buf body;
    gp_http_action action;
    int busy;        /* only with `may_wait`: nothing was done; ignore the rest */
    int uncommitted; /* only with `may_defer`: must not be delivered before the next flush */
} gp_http_response_out;

/* The name of `kind` in rules and in Lua ("send", "drop", ...); NULL for an invalid kind. */
const char *gp_http_action_name(gp_http_action_kind kind);

/* The kind with that name, or GP_HTTP_ACTION_KINDS. */
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
 * Adds a header. Returns 0 and adds nothing if the name or value has a control character, which
 * prevents response splitting. Otherwise 1; an allocation failure sticks to response->headers.
 */
int gp_http_response_header(gp_http_response_out *response, const char *name, const char *value);

/*
 * Walks the headers: start with *position = 0; each call that returns 1 has set name and value
 * (NUL-terminated, borrowed until the next change). Returns 0 at the end.
 */
int gp_http_response_next(const gp_http_response_out *response, size_t *position, const char **name,
                          const char **value);

/* The reason phrase of a status ("Not Found"), or "Unknown". */
const char *gp_http_reason(int status);

#endif
