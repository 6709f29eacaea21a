/*
 * Request headers, validated and in libcurl's form; and response headers, parsed from the block as
 * received.
 */
#ifndef GP_IO_HTTP_HEADERS_H
#define GP_IO_HTTP_HEADERS_H

#include <curl/curl.h>

#include "core/buf.h"
#include "io/http.h"

/* Request headers: list, flags and text in one block, so that it is wiped in one go. */
typedef struct gp_http_outgoing {
    char *block;
    size_t size;
    struct curl_slist *nodes;
    unsigned char *sensitive;
    size_t count;
} gp_http_outgoing;

/* Copies the request's headers; 0 with the failure when one is invalid. */
int gp_http_outgoing_build(gp_http_outgoing *out, const gp_http_request *request,
                           gp_http_failure *failure);
struct curl_slist *gp_http_outgoing_list(const gp_http_outgoing *out);
void gp_http_outgoing_free(gp_http_outgoing *out); /* wipes the block */

/* True if the text contains a control character other than a tab. */
int gp_http_has_control(const char *text, size_t len);

/* Iterates over the headers of a block, whose lines end with \n, the status line first: *at starts
 * at 0. 0 at the end. */
int gp_http_headers_next(const gp_buf *block, size_t *at, gp_http_header_in *header);

/* The value of the first header of that name, case-insensitive; NULL: none. Not NUL-terminated. */
const char *gp_http_headers_find(const gp_buf *block, const char *name, size_t *len);

#endif
