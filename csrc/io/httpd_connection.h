/*
 * The state of the HTTP server and of its connections, private to the files of the server.
 *
 * httpd_server.c      opening, stepping, stopping
 * httpd_accept.c      accepting and evicting connections
 * httpd_request.c     the lifecycle of a request: head, body, calling the service, committing
 * httpd_response.c    sending a response: at once, delayed, or as raw bytes
 * httpd_connection.c  the list of connections and their state changes
 */
#ifndef GP_IO_HTTPD_CONNECTION_H
#define GP_IO_HTTPD_CONNECTION_H

#include <microhttpd.h>

#include "io/faulty_response.h"
#include "io/httpd.h"

/* A client that has been reading a response for fewer seconds than this is not evicted. */
#define GP_HTTPD_MIN_READING 1.0

/* The stage of a connection's request. */
typedef enum gp_stage {
    GP_STAGE_IDLE,     /* no request yet */
    GP_STAGE_HEAD,     /* the request line has arrived */
    GP_STAGE_BODY,     /* the headers are valid */
    GP_STAGE_BUSY,     /* the service is busy; suspended until `due`, when it is called again */
    GP_STAGE_HELD,     /* the handler has responded; suspended until `due` */
    GP_STAGE_RAW,      /* suspended; the server itself sends the raw bytes */
    GP_STAGE_READY,    /* resumed; `response` is to be queued */
    GP_STAGE_ENDING,   /* resumed; to be closed */
    GP_STAGE_REPLYING, /* libmicrohttpd is sending */
} gp_stage;

typedef struct gp_connection {
    gp_httpd *server;
    struct MHD_Connection *mhd;
    struct gp_connection *previous, *next; /* all connections, by ascending `since` */
    struct MHD_Response *response;         /* while GP_STAGE_HELD or GP_STAGE_READY */
    gp_buf target, body, headers;          /* headers: an array of gp_http_header */
    gp_raw raw;
    const char *method; /* libmicrohttpd's, while there is a request */
    size_t head_bytes;
    size_t memory;            /* bytes of its bodies, included in the server's `memory` */
    unsigned long long acked; /* bytes that the client had acknowledged at `since` */
    double since; /* when it started to wait for a request, or for its response to be read */
    double due;   /* GP_STAGE_BUSY, GP_STAGE_HELD: when to continue */
    double asked; /* when the handler was first called */
    unsigned served;
    unsigned status;
    gp_stage stage;
    int fd;
    int chunked;
    int closing;
    int uncommitted; /* GP_STAGE_HELD until the next flush at least */
    unsigned events; /* epoll events watched on its socket; 0: it is not in the set */
} gp_connection;

struct gp_httpd {
    gp_httpd_options options;
    struct MHD_Daemon *daemon;
    gp_connection *first, *last;
    gp_http_response_out response;
    double now;
    double accept_at; /* while `paused`: when connections are accepted again */
    size_t memory;    /* bytes of all bodies */
    double next_due;  /* no suspended connection is due earlier; negative: none */
    unsigned connections, completed;
    unsigned closing;     /* connections that libmicrohttpd closes when it runs next */
    int listener;         /* -1: no more connections are accepted */
    int descriptors;      /* a connection whose descriptor is not below this evicts another */
    int paused;           /* the listener is not watched */
    unsigned uncommitted; /* responses that wait for a flush */
    int resumed;   /* libmicrohttpd must run without waiting: it does not signal a resume itself */
    int unflushed; /* the handler was called since the last flush */
    int epoll;
    int stopping;
    int closed; /* no response is sent and no connection suspended any more */
    char url[128];
};

/* Restarts its timeout and moves it to the end of the list. */
void gp_connection_touch(gp_connection *conn);

int gp_connection_awaits_request(const gp_connection *conn);
int gp_connection_is_suspended(const gp_connection *conn);

/* True while the server waits for the client to send, or to read a response. */
int gp_connection_is_up_to_client(const gp_connection *conn);

/* True if bytes have arrived that libmicrohttpd has not read yet. */
int gp_connection_has_arrivals(const gp_connection *conn);

/* Bytes that the client has acknowledged; 0 if the kernel does not report it. */
unsigned long long gp_connection_acked_bytes(const gp_connection *conn);

/* Count bytes of a body towards the limit for all bodies, and release all of the connection's. */
void gp_connection_count_memory(gp_connection *conn, size_t bytes);
void gp_connection_forget_memory(gp_connection *conn);
int gp_httpd_is_short_of_memory(const gp_httpd *server, size_t more);

/* libmicrohttpd does not touch a suspended connection until it is resumed; at `due` the server
 * continues with it. */
void gp_connection_suspend(gp_connection *conn, gp_stage as, double due);
void gp_connection_set_due(gp_connection *conn, double due);
void gp_connection_resume(gp_connection *conn, gp_stage as);

/* libmicrohttpd closes it when it runs next. A request that still arrives is not executed, because
 * its response could not be sent. */
void gp_connection_start_closing(gp_connection *conn);

/* The same, also while raw bytes are being sent. */
void gp_connection_evict(gp_connection *conn);

/* libmicrohttpd's callback: a connection has started or ended; `cls` is the server. */
void gp_connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode what);

#endif
