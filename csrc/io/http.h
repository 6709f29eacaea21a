/*
 * The HTTP engine: many concurrent requests over libcurl, behind one descriptor that can be polled.
 *
 *     gp_http_engine *engine = gp_http_engine_new(&options);
 *     gp_http_transfer *transfer = gp_http_submit(engine, &request, &failure);
 *     wait until gp_http_engine_fd(engine) is readable, or gp_http_engine_timeout() has passed
 *     gp_http_engine_step(engine);
 *     while ((transfer = gp_http_engine_next(engine))) ...    something to read, or finished
 *
 * Nothing here blocks or calls back into the caller, and secrets are not kept longer than needed:
 * the copy of headers and body that libcurl reads from is wiped when the transfer ends.
 *
 * What each transfer guarantees:
 * - GP_HTTP_CREATE puts one request on the wire: it has its own HTTP/1.1 connection, which no other
 *   request can join and which is closed afterwards. (libcurl itself resends any request, POST
 *   included, when a reused connection dies before the first byte of the response.)
 * - Each response is matched to its request: only HTTP/2 carries several at once.
 * - Redirects are not followed: a redirect is returned as the response, without its body, so that
 *   the caller can account for the next request before it sends it.
 * - Time limits are the engine's own: waiting for a free connection does not count as connecting.
 * - Cancelling never blocks, not even while a name is being resolved.
 *
 * Engine and transfers may be released in any order. Not thread-safe. The engine starts when it is
 * first used and belongs to the process that used it: in a forked child gp_http_submit fails and
 * everything else has no effect.
 */
#ifndef GP_IO_HTTP_H
#define GP_IO_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "core/sent_hook.h"

/* Connections to one host; further requests queue. Creates have a fixed share and all other
 * requests the rest: neither waits for a connection of the other. */
#define GP_HTTP_HOST_CONNECTIONS 32
#define GP_HTTP_HOST_CREATES     8
#define GP_HTTP_MAX_HEADERS      64

typedef struct gp_http_engine gp_http_engine;
typedef struct gp_http_transfer gp_http_transfer;

/* Strings are copied. NULL: libcurl's default (for the proxy, the environment's). An empty proxy
 * means none. allow_insecure permits credentials over plain http to hosts other than this one;
 * certificates are always verified. */
typedef struct gp_http_options {
    const char *ca_file;
    const char *client_cert;
    const char *client_key;
    const char *proxy;
    const char *user_agent;
    int allow_insecure;
} gp_http_options;

/* What a request does to the server, as far as retries are concerned. */
typedef enum gp_http_effect { GP_HTTP_READ, GP_HTTP_SET, GP_HTTP_CREATE } gp_http_effect;

/* Where the body of a 2xx response goes. The body of any other response goes to memory, because it
 * describes the error; with a sink other than GP_HTTP_MEMORY at most 1 MiB of it is kept. The body
 * of a redirect is discarded. */
typedef enum gp_http_sink { GP_HTTP_MEMORY, GP_HTTP_CHUNKS, GP_HTTP_FILE } gp_http_sink;

typedef struct gp_http_header_out {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
    int secret; /* a credential, whatever its name */
} gp_http_header_out;

typedef struct gp_http_request {
    int64_t id; /* returned by gp_http_transfer_id; 0: the engine picks one */
    const char *method;
    const char *url;
    const gp_http_header_out *headers;
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_len;
    gp_http_effect effect;
    gp_http_sink sink;
    const char *file;       /* for GP_HTTP_FILE: created, or truncated */
    int64_t file_offset;    /* where a 206 resumes; a 200 always starts from 0 */
    double now;             /* the caller's time; all returned times are in this base */
    double deadline;        /* in the caller's time; 0: none */
    double connect_timeout; /* seconds, from the first name lookup to the last handshake */
    double request_timeout; /* for bodies in memory: from submit to the last byte */
    double stall_timeout; /* for the other sinks: without a byte; not while paused by the reader */
    int64_t max_bytes;    /* for bodies in memory, decoded */
    int compressed;       /* offer compression */
    int unsafe_reuse;     /* tests only: send a create over a pooled connection, as libcurl would */
    gp_sent_hook *hook;   /* or NULL; must stay valid while the transfer is active */
} gp_http_request;

/* What may have happened at the server; GP_HTTP_OK: success. */
typedef enum gp_http_outcome {
    GP_HTTP_OK,
    GP_HTTP_NEVER_SENT, /* no byte of the request was sent */
    GP_HTTP_UNKNOWN,    /* sent; the effect is unknown */
    GP_HTTP_UNREADABLE, /* a 2xx status line arrived, its body did not */
    GP_HTTP_PERMANENT,  /* a retry would fail the same way */
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
    GP_HTTP_HELD_BACK, /* a kept connection died, and the hook did not admit the resend */
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
    const char *message; /* of a failure; contains no credential */
    int status;          /* 0: no status line arrived */
    const char *body;
    size_t body_len;
    int64_t bytes;  /* of the body, decoded, for any sink */
    double sent_at; /* 0: never */
    double elapsed; /* seconds from submit to the end */
    int reused;     /* sent over a reused connection */
} gp_http_result;

/* NULL when out of memory. */
gp_http_engine *gp_http_engine_new(const gp_http_options *options);

/* Cancels every transfer (gp_http_engine_next returns them) and closes all connections. May be
 * called again. */
void gp_http_engine_close(gp_http_engine *engine);

/* Closes and frees; transfers that have not been released stay readable. */
void gp_http_engine_release(gp_http_engine *engine);

/* Readable when there is work. -1: closed, opened by another process, or out of descriptors. */
int gp_http_engine_fd(gp_http_engine *engine);

/* Seconds until gp_http_engine_step must be called; negative: only when the descriptor is ready. */
double gp_http_engine_timeout(gp_http_engine *engine);

/* Does all work that is possible without blocking. */
void gp_http_engine_step(gp_http_engine *engine);

/* The next transfer that has bytes for its reader, has started to write a file, or has finished,
 * oldest first; each such event is reported once. NULL: none. A borrowed reference. */
gp_http_transfer *gp_http_engine_next(gp_http_engine *engine);

typedef struct gp_http_counts {
    int active;
    int64_t submitted;
    int64_t connections; /* sockets opened */
} gp_http_counts;

gp_http_counts gp_http_engine_counts(const gp_http_engine *engine);

/* Starts a transfer; the caller owns one reference. NULL: rejected before anything was sent, with
 * the reason in `failure`. */
gp_http_transfer *gp_http_submit(gp_http_engine *engine, const gp_http_request *request,
                                 gp_http_failure *failure);

/* The request's id, or, if that was 0, one that is unique among this engine's own ids. */
int64_t gp_http_transfer_id(const gp_http_transfer *transfer);

int gp_http_transfer_done(const gp_http_transfer *transfer);

/* NULL until done. */
const gp_http_result *gp_http_transfer_result(gp_http_transfer *transfer);

/* Frees the body of the result once it has been copied; the headers stay. */
void gp_http_transfer_forget_body(gp_http_transfer *transfer);

/* GP_HTTP_CHUNKS: lends all bytes received so far; 0 when there are none. They stay valid until
 * gp_http_transfer_consume, which also resumes a paused transfer. */
size_t gp_http_transfer_peek(gp_http_transfer *transfer, const char **data);
void gp_http_transfer_consume(gp_http_transfer *transfer);

/* The status of the response, 0 before its headers are complete. */
int gp_http_transfer_status(const gp_http_transfer *transfer);

/* Bytes of the body so far, decoded, for any sink. */
int64_t gp_http_transfer_bytes(const gp_http_transfer *transfer);

/* In the caller's time: when the request was last about to be sent; 0: not yet. */
double gp_http_transfer_sent_at(const gp_http_transfer *transfer);

/* The first header of that name, case-insensitive; NULL: none. Not NUL-terminated. */
const char *gp_http_transfer_header(const gp_http_transfer *transfer, const char *name,
                                    size_t *len);

/* One header of a response. Not NUL-terminated. */
typedef struct gp_http_header_in {
    const char *name, *value;
    size_t name_len, value_len;
} gp_http_header_in;

/* Iterates over the headers in the order received: *at starts at 0. 0 at the end. */
int gp_http_transfer_next_header(const gp_http_transfer *transfer, size_t *at,
                                 gp_http_header_in *header);

/* Cancels it; gp_http_engine_next does not return it. Never blocks. May be called again. */
void gp_http_transfer_cancel(gp_http_transfer *transfer);

/* Cancels it if still active, and frees it. */
void gp_http_transfer_release(gp_http_transfer *transfer);

#endif
