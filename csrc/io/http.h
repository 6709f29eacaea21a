/*
 * The HTTP engine: many requests at once over libcurl, behind one descriptor that can be polled.
 *
 *     gp_http_engine *engine = gp_http_engine_new(&options);
 *     gp_http_transfer *transfer = gp_http_submit(engine, &request, &failure);
 *     wait until gp_http_engine_fd(engine) is readable, or gp_http_engine_timeout() has passed
 *     gp_http_engine_step(engine);
 *     while ((transfer = gp_http_engine_next(engine))) ...    something to read, or finished
 *
 * Nothing here waits, calls back into its user, or looks at a secret longer than it must: the copy
 * of headers and body that libcurl reads from is cleansed when the transfer ends.
 *
 * What one transfer promises:
 * - One request on the wire for an effect of GP_HTTP_CREATE: a connection of its own, HTTP/1.1,
 *   that no other request can join, closed afterwards. (libcurl repeats any request by itself, POST
 *   included, when a connection that it had used before dies ahead of the first answered byte.)
 * - Each response goes to the request that it answers: only HTTP/2 carries several at once.
 * - No redirect is followed: it is the answer, without its body. Whoever follows it asks first
 *   whether another request may go.
 * - Time limits are the engine's own: waiting for a free connection is no connecting.
 * - Cancelling never blocks, not even in the middle of resolving a name.
 *
 * Engine and transfers may be released in any order. Everything is for one
 * thread. The engine starts when it is first used and belongs to the process that used it: in a
 * forked child gp_http_submit refuses and everything else is without effect.
 */
#ifndef GP_IO_HTTP_H
#define GP_IO_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "core/sent_hook.h"

/* Connections to one host; requests beyond them queue. Creates have a fixed share and everything
 * else has the rest: neither waits for a connection of the other. */
#define GP_HTTP_HOST_CONNECTIONS 32
#define GP_HTTP_HOST_CREATES     8
#define GP_HTTP_MAX_HEADERS      64

typedef struct gp_http_engine gp_http_engine;
typedef struct gp_http_transfer gp_http_transfer;

/* Strings are copied. NULL: libcurl's default (for the proxy, the environment's). An empty proxy is
 * none. allow_insecure lets a credential travel over plain http to a host that is not this one;
 * certificates are verified in any case. */
typedef struct gp_http_options {
    const char *ca_file;
    const char *client_cert;
    const char *client_key;
    const char *proxy;
    const char *user_agent;
    int allow_insecure;
} gp_http_options;

/* What a request does to the server, as far as repeating it matters. */
typedef enum gp_http_effect { GP_HTTP_READ, GP_HTTP_SET, GP_HTTP_CREATE } gp_http_effect;

/* Where the body of a 2xx answer goes. Any other answer's body goes to memory: it says what is
 * wrong, and at most 1 MiB of it is kept when a sink was named. A redirect's body goes nowhere. */
typedef enum gp_http_sink { GP_HTTP_MEMORY, GP_HTTP_CHUNKS, GP_HTTP_FILE } gp_http_sink;

typedef struct gp_http_header_out {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
    int secret; /* a credential, whatever its name */
} gp_http_header_out;

typedef struct gp_http_request {
    int64_t id; /* how gp_http_transfer_id names it; 0: a number of the engine's own */
    const char *method;
    const char *url;
    const gp_http_header_out *headers;
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_len;
    gp_http_effect effect;
    gp_http_sink sink;
    const char *file;       /* for GP_HTTP_FILE: created, or emptied */
    int64_t file_offset;    /* where a 206 goes on; a 200 starts from 0 whatever this says */
    double now;             /* the caller's time; all times that come out are in this base */
    double deadline;        /* in the caller's time; 0: none */
    double connect_timeout; /* seconds, from the first look-up of the name to the last handshake */
    double request_timeout; /* for bodies in memory: from submit to the last byte */
    double stall_timeout; /* for the other sinks: without a byte; not while paused by the reader */
    int64_t max_bytes;    /* for bodies in memory, decoded */
    int compressed;       /* offer compression */
    int unsafe_reuse;     /* for tests alone: a create over a pooled connection, as libcurl would */
    gp_sent_hook *hook;   /* or NULL; must outlive the transfer's activity */
} gp_http_request;

/* Guarantees about what may have happened at the server; GP_HTTP_OK is no failure at all. */
typedef enum gp_http_outcome {
    GP_HTTP_OK,
    GP_HTTP_NEVER_SENT, /* not one byte of the request left */
    GP_HTTP_UNKNOWN,    /* sent, and nothing is known */
    GP_HTTP_UNREADABLE, /* a 2xx status line came, its body did not */
    GP_HTTP_PERMANENT,  /* doing it again would end the same way */
    GP_HTTP_CANCELLED
} gp_http_outcome;

typedef enum gp_http_code {
    GP_HTTP_CODE_NONE,
    GP_HTTP_DNS,
    GP_HTTP_CONNECT,
    GP_HTTP_TLS,
    GP_HTTP_TIMEOUT,
    GP_HTTP_RESET,
    GP_HTTP_PROTOCOL,
    GP_HTTP_TOO_LARGE,
    GP_HTTP_SINK_FAILED,
    GP_HTTP_HELD_BACK, /* a kept connection died; the hook does not want it sent again now */
    GP_HTTP_CODE_CANCELLED
} gp_http_code;

/* "never_sent", ...; "dns", ... */
const char *gp_http_outcome_name(gp_http_outcome outcome);
const char *gp_http_code_name(gp_http_code code);

typedef struct gp_http_failure {
    gp_http_outcome outcome;
    gp_http_code code;
    char message[320];
} gp_http_failure;

/* Owned by the transfer. */
typedef struct gp_http_result {
    gp_http_outcome outcome;
    gp_http_code code;
    const char *message; /* of a failure; holds no credential */
    int status;          /* 0: no status line came */
    const char *body;
    size_t body_len;
    int64_t bytes;  /* of the body, decoded, wherever it went */
    double sent_at; /* 0: never */
    double elapsed; /* seconds from submit to the end */
    int reused;     /* over a connection that had been used before */
} gp_http_result;

/* NULL without memory. */
gp_http_engine *gp_http_engine_new(const gp_http_options *options);

/* Ends every transfer as cancelled (they come out of gp_http_engine_next) and closes all
 * connections. May be called again. */
void gp_http_engine_close(gp_http_engine *engine);

/* Closes and frees; transfers that are still held stay readable. */
void gp_http_engine_release(gp_http_engine *engine);

/* Readable when there is something to do. -1: closed, of another process, or no descriptor left. */
int gp_http_engine_fd(gp_http_engine *engine);

/* Seconds until gp_http_engine_step wants to be called; negative: only on the descriptor. */
double gp_http_engine_timeout(gp_http_engine *engine);

/* Moves everything on as far as it goes without waiting. */
void gp_http_engine_step(gp_http_engine *engine);

/* The next transfer that has bytes for its reader, has begun to write a file, or has finished,
 * oldest first; each is shown once for each time that this became so. NULL: none. A borrowed
 * reference. */
gp_http_transfer *gp_http_engine_next(gp_http_engine *engine);

typedef struct gp_http_counts {
    int active;
    int64_t submitted;
    int64_t connections; /* sockets opened */
} gp_http_counts;

gp_http_counts gp_http_engine_counts(const gp_http_engine *engine);

/* Starts a transfer; the caller owns one reference. NULL: refused before anything was done, and
 * why. */
gp_http_transfer *gp_http_submit(gp_http_engine *engine, const gp_http_request *request,
                                 gp_http_failure *failure);

/* The caller's number; without one, a number that no other such transfer of this engine has. */
int64_t gp_http_transfer_id(const gp_http_transfer *transfer);

int gp_http_transfer_done(const gp_http_transfer *transfer);

/* NULL until done. */
const gp_http_result *gp_http_transfer_result(gp_http_transfer *transfer);

/* Frees the body that a result holds, when it has been copied: headers may be kept for longer. */
void gp_http_transfer_forget_body(gp_http_transfer *transfer);

/* GP_HTTP_CHUNKS: lends all bytes that have come; 0 when there are none. They stay until
 * gp_http_transfer_consume, which also lets a paused transfer go on. */
size_t gp_http_transfer_peek(gp_http_transfer *transfer, const char **data);
void gp_http_transfer_consume(gp_http_transfer *transfer);

/* The status of the answer that is coming in, 0 before its headers are complete. */
int gp_http_transfer_status(const gp_http_transfer *transfer);

/* Bytes of the body so far, decoded, wherever they went. */
int64_t gp_http_transfer_bytes(const gp_http_transfer *transfer);

/* In the caller's time: when the request was last about to leave; 0: not yet. */
double gp_http_transfer_sent_at(const gp_http_transfer *transfer);

/* The first header of that name, any case; NULL: none. Not terminated. */
const char *gp_http_transfer_header(const gp_http_transfer *transfer, const char *name,
                                    size_t *len);

/* One header of a response. Not terminated. */
typedef struct gp_http_header_in {
    const char *name, *value;
    size_t name_len, value_len;
} gp_http_header_in;

/* Walks the headers as they came: *at starts at 0. 0 at the end. */
int gp_http_transfer_next_header(const gp_http_transfer *transfer, size_t *at,
                                 gp_http_header_in *header);

/* Ends it now; it does not come out of gp_http_engine_next. Never blocks. May be called again. */
void gp_http_transfer_cancel(gp_http_transfer *transfer);

/* Cancels if still active, and frees. */
void gp_http_transfer_release(gp_http_transfer *transfer);

#endif
