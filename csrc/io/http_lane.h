/*
 * The sockets of an engine, in one epoll set, and its lanes: the multi handles that use them.
 * Requests of one lane never meet those of another: FRESH_CONNECT keeps a request from joining a
 * connection, but not others from joining its own, and libcurl sends a request again by itself once
 * another one has joined it.
 */
#ifndef GP_IO_HTTP_LANE_H
#define GP_IO_HTTP_LANE_H

#include <stdint.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "io/http.h"

typedef struct gp_http_socket gp_http_socket;

/* They outlive lanes, handles and connections. */
typedef struct gp_http_sockets {
    int epoll_fd; /* -1: not open */
    pid_t pid;    /* whose they are; 0: not opened yet */
    gp_http_socket *entries;
    size_t count;
    int64_t opened; /* for statistics */
} gp_http_sockets;

/* 0: no descriptor or no memory left. */
int gp_http_sockets_open(gp_http_sockets *sockets);
void gp_http_sockets_close(gp_http_sockets *sockets);

/* Were they opened by a process of which this one is a fork? */
int gp_http_sockets_foreign(const gp_http_sockets *sockets);

/* Tells libcurl what has happened at them, without waiting. */
void gp_http_sockets_deliver(gp_http_sockets *sockets);

/* For libcurl's handles: as socket(2); and CURLOPT_CLOSESOCKETFUNCTION, with gp_http_sockets. */
curl_socket_t gp_http_socket_open(gp_http_sockets *sockets, const struct curl_sockaddr *address);
int gp_http_socket_close(void *sockets, curl_socket_t fd);

/* A multi handle with a connection cache of its own. */
typedef struct gp_http_lane {
    gp_http_sockets *sockets;
    const gp_http_options *options;
    CURLM *multi;                /* NULL: not needed yet */
    double due;                  /* when libcurl wants its timer; negative: never */
    struct gp_http_handle *pool; /* handles for the next transfers of this lane */
    int pooled;
    int active;      /* transfers */
    int connections; /* at most so many to one host */
    int alone;       /* each request has a new connection, which is closed after it */
} gp_http_lane;

/* 0 without memory. */
int gp_http_lane_start(gp_http_lane *lane);

/* Gives libcurl its timer, when it is due. */
void gp_http_lane_tick(gp_http_lane *lane);

#endif
