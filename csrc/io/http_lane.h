/*
 * The sockets of an engine, in one epoll set, and its lanes: the multi handles that use them.
 * Lanes share no connections. FRESH_CONNECT alone is not enough: it keeps a request from joining a
 * connection, but does not keep others from joining the new one, and libcurl resends a request by
 * itself over a connection that is shared.
 */
#ifndef GP_IO_HTTP_LANE_H
#define GP_IO_HTTP_LANE_H

#include <stdint.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "io/http.h"

typedef struct gp_http_socket gp_http_socket;

/* Outlives lanes, handles and connections. */
typedef struct gp_http_sockets {
    int epoll_fd; /* -1: not open */
    pid_t pid;    /* the owner; 0: not opened yet */
    gp_http_socket *entries;
    size_t count;
    int64_t opened; /* for statistics */
} gp_http_sockets;

/* 0 when out of descriptors or memory. */
int gp_http_sockets_open(gp_http_sockets *sockets);
void gp_http_sockets_close(gp_http_sockets *sockets);

/* True if they were opened by another process, of which this one is a fork. */
int gp_http_sockets_foreign(const gp_http_sockets *sockets);

/* Passes pending socket events to libcurl, without blocking. */
void gp_http_sockets_deliver(gp_http_sockets *sockets);

/* For libcurl's handles: like socket(2); and CURLOPT_CLOSESOCKETFUNCTION, with gp_http_sockets. */
curl_socket_t gp_http_socket_open(gp_http_sockets *sockets, const struct curl_sockaddr *address);
int gp_http_socket_close(void *sockets, curl_socket_t fd);

/* A multi handle with its own connection cache. */
typedef struct gp_http_lane {
    gp_http_sockets *sockets;
    const gp_http_options *options;
    CURLM *multi;                /* NULL: not needed yet */
    double due;                  /* when libcurl's timer expires; negative: never */
    struct gp_http_handle *pool; /* handles for the next transfers of this lane */
    int pooled;
    int active;      /* transfers */
    int connections; /* the limit for one host */
    int alone;       /* each request has a new connection, which is closed after it */
} gp_http_lane;

/* 0 when out of memory. */
int gp_http_lane_start(gp_http_lane *lane);

/* Runs libcurl's timer if it is due. */
void gp_http_lane_tick(gp_http_lane *lane);

#endif
