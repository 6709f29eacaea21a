/*
 * Sends raw bytes over a connected socket, for responses that an HTTP library refuses to send: a
 * garbage status line, a wrong length, half a body followed by a reset, one byte per second.
 *
 * A stream borrows the socket (non-blocking; its owner closes it afterwards) and owns its bytes. It
 * never blocks: step it when the socket is writable or readable, and when it is due.
 *
 *     gp_raw_init(&raw, alloc);
 *     gp_raw_compose(&raw, &response, head_only, now);
 *     gp_raw_start(&raw, fd, now);
 *     while (!gp_raw_step(&raw, now)) wait for the socket, or until gp_raw_due(&raw)
 *     gp_raw_free(&raw);
 */
#ifndef GP_IO_FAULTY_RESPONSE_H
#define GP_IO_FAULTY_RESPONSE_H

#include "core/http_message.h"

/* How the connection ends once the bytes are sent. */
typedef enum gp_raw_end {
    GP_RAW_FIN,    /* orderly close */
    GP_RAW_RST,    /* reset */
    GP_RAW_SILENT, /* nothing until the client closes or `patience` has passed; then FIN */
    GP_RAW_LINGER  /* FIN; the client's remaining bytes are read for a while, so that the client
                      can read the response before a reset reaches it */
} gp_raw_end;

typedef struct gp_raw {
    gp_buf out;
    size_t sent;
    size_t piece;    /* bytes that may be sent at once; 0: all of them */
    double interval; /* seconds between pieces */
    double next;     /* when the next piece may be sent */
    double give_up;  /* when a stream that is silent or lingers ends; 0: never */
    double patience; /* seconds from the last byte to give_up; 0: never */
    gp_raw_end end;
    int fd;
    int finished_sending;
    int blocked; /* the client does not read: the socket buffer is full */
} gp_raw;

/* An empty stream that grows through `alloc`, which must outlive it. */
void gp_raw_init(gp_raw *raw, const gp_alloc *alloc);

/*
 * Composes `response` according to its action (GP_HTTP_SEND is treated as GP_HTTP_SEND_CLOSE).
 * `head_only`: the request was a HEAD, so no body follows. A Date is added from `wall`, seconds
 * since the epoch, if the response has none. 0 when out of memory.
 */
int gp_raw_compose(gp_raw *raw, const gp_http_response_out *response, int head_only, double wall);

/* Starts sending over `fd`. */
void gp_raw_start(gp_raw *raw, int fd, double now);

/* Sends as much as possible now. 1 when the stream has ended and the socket is to be closed. */
int gp_raw_step(gp_raw *raw, double now);

/* When it must be stepped even without socket activity; a negative number: never. */
double gp_raw_due(const gp_raw *raw);

/* True while it waits for the socket to become writable; the client decides how long. */
int gp_raw_wants_write(const gp_raw *raw);

/* Frees its bytes; it may be used again. */
void gp_raw_free(gp_raw *raw);

#endif
