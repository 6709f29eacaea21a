/*
 * The state of the HTTP server and of its connections, which the files of the server share and
 * nobody else sees.
 *
 * httpd_server.c      opening, stepping, stopping
 * httpd_accept.c      who is let in, and who has to make room
 * httpd_request.c     one request's life: its head, its body, asking the service, committing
 * httpd_response.c    a response on its way out: at once, held back, or in bytes of our own
 * httpd_connection.c  the list of connections, and what each of them may do
 */
#ifndef GP_IO_HTTPD_CONNECTION_H
#define GP_IO_HTTPD_CONNECTION_H

#include <microhttpd.h>

#include "io/faulty_response.h"
#include "io/httpd.h"

/* Whoever has been reading a response for less, in seconds, is not closed in favour of another. */
#define GP_HTTPD_LEAST_READING 1.0

/* Where the request of a connection stands. */
typedef enum gp_stage {
    GP_STAGE_IDLE,     /* none yet */
    GP_STAGE_HEAD,     /* its first line is here */
    GP_STAGE_BODY,     /* its headers are good */
    GP_STAGE_ASKING,   /* suspended until `due`, when the handler is to be asked again */
    GP_STAGE_HELD,     /* answered by the handler; suspended until `due` */
    GP_STAGE_RAW,      /* suspended; its bytes are ours to send */
    GP_STAGE_READY,    /* resumed; `response` is to be queued */
    GP_STAGE_ENDING,   /* resumed; to be closed */
    GP_STAGE_REPLYING, /* libmicrohttpd is sending */
} gp_stage;

typedef struct gp_connection {
    gp_httpd *server;
    struct MHD_Connection *mhd;
    struct gp_connection *previous, *next; /* all connections, by rising `since` */
    struct MHD_Response *response;         /* while GP_STAGE_HELD or GP_STAGE_READY */
    gp_buf target, body, headers;          /* headers: an array of gp_http_header */
    gp_raw raw;
    const char *method; /* libmicrohttpd's, while there is a request */
    size_t head_bytes;
    size_t memory;            /* bytes of its bodies, as counted in the server's */
    unsigned long long acked; /* bytes that the client had acknowledged at `since` */
    double since; /* when it began to wait for a request, or for its answer to be read */
    double due;   /* GP_STAGE_ASKING, GP_STAGE_HELD: when to go on */
    double asked; /* when the handler was first asked */
    unsigned served;
    unsigned status;
    gp_stage stage;
    int fd;
    int chunked;
    int closing;
    int uncommitted; /* GP_STAGE_HELD, and not before the next flush */
    unsigned events; /* what our epoll set watches its socket for; 0: it is not in the set */
} gp_connection;

struct gp_httpd {
    gp_httpd_options options;
    struct MHD_Daemon *daemon;
    gp_connection *first, *last;
    gp_http_response_out response;
    double now;
    double accept_at; /* while `paused`: when connections are accepted again */
    size_t memory;    /* bytes of all bodies */
    double next_due;  /* no suspended connection is due before; negative: none */
    unsigned connections, completed;
    unsigned closing; /* connections that are to be closed as soon as libmicrohttpd runs */
    int listener;     /* -1: nobody is accepted any more */
    int descriptors;  /* a connection whose descriptor is not below takes the place of another */
    int paused;       /* the listener is not watched */
    unsigned uncommitted; /* answers that wait for a flush */
    int resumed;   /* libmicrohttpd is to be run without waiting: it tells nobody by itself */
    int unflushed; /* the handler was asked since the last flush */
    int epoll;
    int stopping;
    int closed; /* nothing is answered, and so nothing suspended, any more */
    char url[128];
};

/* Its patience begins anew: it becomes the last of the list. */
void gp_connection_touch(gp_connection *conn);

int gp_connection_awaits_request(const gp_connection *conn);
int gp_connection_is_suspended(const gp_connection *conn);

/* Is it the client's turn: to send, or to read what is being sent? */
int gp_connection_is_up_to_client(const gp_connection *conn);

/* Has something arrived that libmicrohttpd has not read yet? */
int gp_connection_has_arrivals(const gp_connection *conn);

/* Bytes that the client has acknowledged; 0 where the kernel does not tell. */
unsigned long long gp_connection_acked_bytes(const gp_connection *conn);

/* Counts bytes of a body against the bound of all bodies, and gives all of its bytes back. */
void gp_connection_count_memory(gp_connection *conn, size_t bytes);
void gp_connection_forget_memory(gp_connection *conn);
int gp_httpd_is_short_of_memory(const gp_httpd *server, size_t more);

/* While it is suspended, libmicrohttpd leaves it alone until it is resumed; at `due` the server
 * goes on with it. */
void gp_connection_suspend(gp_connection *conn, gp_stage as, double due);
void gp_connection_set_due(gp_connection *conn, double due);
void gp_connection_resume(gp_connection *conn, gp_stage as);

/* libmicrohttpd closes it as soon as it runs. A request that arrives all the same is not carried
 * out: its response could not be sent. */
void gp_connection_start_closing(gp_connection *conn);

/* The same, also while bytes of our own are being sent. */
void gp_connection_evict(gp_connection *conn);

/* libmicrohttpd's callback: a connection has started or ended; `cls` is the server. */
void gp_connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode what);

#endif
