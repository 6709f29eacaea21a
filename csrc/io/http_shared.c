#include "io/http_shared.h"

#include <string.h>

#include <openssl/ssl.h>

const void *gp_http_connection(CURL *easy, int *multiplexes)
{
    struct curl_tlssessioninfo *info = NULL;
    const unsigned char *protocol = NULL;
    unsigned int len = 0;
    *multiplexes = 0;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info) return NULL;
    /* With another TLS library this is unknown: then no connection is shared. */
    if (info->backend == CURLSSLBACKEND_OPENSSL && info->internals) {
        SSL_get0_alpn_selected(info->internals, &protocol, &len);
        *multiplexes = len == 2 && !memcmp(protocol, "h2", 2);
    }
    return info->internals;
}
