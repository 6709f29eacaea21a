/*
 * Pooled easy handles that keep their settings from one transfer to the next.
 */
#ifndef GP_IO_HTTP_HANDLE_H
#define GP_IO_HTTP_HANDLE_H

#include "io/http_lane.h"

/* libcurl's callbacks, each with the gp_http_handle as its data. */
typedef struct gp_http_callbacks {
    curl_prereq_callback on_prereq;
    curl_resolver_start_callback on_resolve;
    curl_opensocket_callback on_open;
    curl_write_callback on_header;
    curl_write_callback on_body;
} gp_http_callbacks;

/*
 * An easy handle and its current settings. Setting an option costs a call, and libcurl a copy or a
 * parse, so each transfer sets only the options that differ.
 */
typedef struct gp_http_handle {
    CURL *easy;
    gp_http_lane *lane;
    gp_http_transfer *transfer; /* NULL while in the pool */
    struct gp_http_handle *next;
    char method[16];
    int has_body;
    long version;
    int compressed; /* offers compression */
    int streams;    /* has the large buffer */
    long connect_ms;
    char error[CURL_ERROR_SIZE];
} gp_http_handle;

/* Takes a handle from the lane's pool, or creates one with these callbacks; NULL when out of
 * memory. */
gp_http_handle *gp_http_handle_take(gp_http_lane *lane, const gp_http_callbacks *callbacks);

/* Returns the handle to its lane's pool. */
void gp_http_handle_give(gp_http_handle *handle);
void gp_http_handle_free(gp_http_handle *handle);

/* Frees a lane's pool. */
void gp_http_handles_free(gp_http_lane *lane);

/* Configures the handle for the request; 0 on failure. */
int gp_http_handle_fit(gp_http_handle *handle, const gp_http_request *request, int busy);

/* Sets the HTTP version; an HTTP/1.1 request never joins a connection in use. 0 on failure. */
int gp_http_handle_version(gp_http_handle *handle, long version);

#endif
