#include "io/http_handle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    POOL_SIZE = 64,
    STREAM_BUFFER = 128 * 1024,
    SMALL_BUFFER = 16 * 1024,
};

/* Sets the options that are the same for every request of an engine. */
static void settle(gp_http_handle *handle, const gp_http_callbacks *callbacks)
{
    const gp_http_options *options = handle->lane->options;
    long alone = handle->lane->alone;
    CURL *easy = handle->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, alone);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callbacks->on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, callbacks->on_resolve);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, handle);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callbacks->on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, handle);
    /* A connection outlives the handle that created it; the sockets outlive both. */
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, gp_http_socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, handle->lane->sockets);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callbacks->on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callbacks->on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(easy, CURLOPT_USERAGENT,
                     options->user_agent ? options->user_agent : "gitlab_pipelines");
    if (options->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (options->client_cert) curl_easy_setopt(easy, CURLOPT_SSLCERT, options->client_cert);
    if (options->client_key) curl_easy_setopt(easy, CURLOPT_SSLKEY, options->client_key);
    if (options->proxy) curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy);
    handle->compressed = 1;
    memcpy(handle->method, "GET", sizeof "GET");
}

gp_http_handle *gp_http_handle_take(gp_http_lane *lane, const gp_http_callbacks *callbacks)
{
    gp_http_handle *handle = lane->pool;
    if (handle) {
        lane->pool = handle->next;
        lane->pooled--;
        handle->next = NULL;
        return handle;
    }
    handle = calloc(1, sizeof *handle);
    if (!handle) return NULL;
    handle->lane = lane;
    handle->easy = curl_easy_init();
    if (!handle->easy) {
        free(handle);
        return NULL;
    }
    settle(handle, callbacks);
    return handle;
}

void gp_http_handle_give(gp_http_handle *handle)
{
    gp_http_lane *lane = handle->lane;
    handle->transfer = NULL;
    if (lane->pooled >= POOL_SIZE) {
        gp_http_handle_free(handle);
        return;
    }
    handle->next = lane->pool;
    lane->pool = handle;
    lane->pooled++;
}

void gp_http_handle_free(gp_http_handle *handle)
{
    curl_easy_cleanup(handle->easy);
    free(handle);
}

void gp_http_handles_free(gp_http_lane *lane)
{
    while (lane->pool) {
        gp_http_handle *handle = lane->pool;
        lane->pool = handle->next;
        gp_http_handle_free(handle);
    }
    lane->pooled = 0;
}

/* In libcurl three settings together make up the method. */
static CURLcode fit_method(gp_http_handle *handle, const char *method, int has_body)
{
    int posts =
        has_body || !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
    CURL *easy = handle->easy;
    CURLcode result;
    const char *custom = NULL;
    if (handle->has_body == posts && !strcmp(handle->method, method)) return CURLE_OK;
    if (strlen(method) >= sizeof handle->method) return CURLE_BAD_FUNCTION_ARGUMENT;
    if (!strcmp(method, "HEAD")) {
        result = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (posts) {
        result = curl_easy_setopt(easy, CURLOPT_POST, 1L);
        if (strcmp(method, "POST") != 0) custom = method;
    } else {
        result = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (strcmp(method, "GET") != 0) custom = method;
    }
    if (result == CURLE_OK) result = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, custom);
    handle->has_body = posts;
    memcpy(handle->method, method, strlen(method) + 1);
    return result;
}

/*
 * A create uses HTTP/1.1, because an HTTP/2 connection would be shared. Plain http also uses
 * HTTP/1.1: otherwise libcurl would hold every request to a host back until the first response
 * shows whether they can share its connection, and that response may stall.
 */
static long version_for(const gp_http_handle *handle, const gp_http_request *request)
{
    int plain = !strncasecmp(request->url, "http:", 5);
    return handle->lane->alone || plain ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
}

int gp_http_handle_version(gp_http_handle *handle, long version)
{
    if (handle->version == version) return 1;
    handle->version = version;
    return curl_easy_setopt(handle->easy, CURLOPT_HTTP_VERSION, version) == CURLE_OK;
}

/*
 * libcurl needs the connect timeout to divide it among a host's addresses, but counts it from the
 * start of the transfer, including the wait for a free connection. So if the request may have to
 * wait, libcurl's timeout is set so high that only the engine's applies.
 */
static CURLcode fit_connect(gp_http_handle *handle, double seconds, int busy)
{
    long milliseconds = (long)ceil(fmin(seconds, 1e6) * 1000);
    if (busy) milliseconds = 1000L * 1000 * 1000;
    if (milliseconds < 1) milliseconds = 1;
    if (handle->connect_ms == milliseconds) return CURLE_OK;
    handle->connect_ms = milliseconds;
    return curl_easy_setopt(handle->easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
}

/* A range request must not be compressed: a range of a compressed body is useless. */
static int asks_for_range(const gp_http_request *request)
{
    size_t i;
    for (i = 0; i < request->header_count; i++) {
        const gp_http_header_out *header = &request->headers[i];
        if (header->name_len == 5 && !strncasecmp(header->name, "Range", 5)) return 1;
    }
    return 0;
}

int gp_http_handle_fit(gp_http_handle *handle, const gp_http_request *request, int busy)
{
    CURL *easy = handle->easy;
    int compressed = request->compressed && !asks_for_range(request);
    int streams = request->sink != GP_HTTP_MEMORY;
    handle->error[0] = '\0';
    if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK) return 0;
    if (fit_method(handle, request->method, request->body != NULL) != CURLE_OK) return 0;
    if (!gp_http_handle_version(handle, version_for(handle, request))) return 0;
    if (fit_connect(handle, request->connect_timeout, busy) != CURLE_OK) return 0;
    if (handle->compressed != compressed) {
        handle->compressed = compressed;
        if (curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, compressed ? "" : NULL) != CURLE_OK) {
            return 0;
        }
    }
    if (handle->streams != streams) {
        handle->streams = streams;
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, streams ? (long)STREAM_BUFFER : SMALL_BUFFER);
    }
    return 1;
}
