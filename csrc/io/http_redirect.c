/*
 * Redirects. GitLab sends readers of artifacts and logs to an object store with a signed URL; the
 * token must not go there. A write is never redirected: whoever answers it so is not the API.
 */
#include "io/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int gp_http_redirect_status(const gp_http_transfer *transfer)
{
    size_t len;
    switch (transfer->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return gp_http_transfer_header(transfer, "Location", &len) != NULL;
    default:
        return 0;
    }
}

/* One part of a URL, freed by curl_free; NULL when it is not there. */
static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;
    if (curl_url_get(url, what, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return NULL;
    return text;
}

static int same_part(CURLU *a, CURLU *b, CURLUPart what)
{
    char *left = part(a, what), *right = part(b, what);
    int same = left && right && !strcasecmp(left, right);
    curl_free(left);
    curl_free(right);
    return same;
}

static gp_http_hop judge(CURLU *from, CURLU *to, const char **why)
{
    char *scheme = part(to, CURLUPART_SCHEME), *before = part(from, CURLUPART_SCHEME);
    gp_http_hop hop = GP_HTTP_HOP_REFUSED;
    if (!scheme || !before || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        *why = "a redirect to something that is neither http nor https";
    else if (!strcmp(before, "https") && strcmp(scheme, "https") != 0)
        *why = "a redirect from https to http";
    else if (same_part(from, to, CURLUPART_SCHEME) && same_part(from, to, CURLUPART_HOST) &&
             same_part(from, to, CURLUPART_PORT))
        hop = GP_HTTP_HOP_SAME;
    else
        hop = GP_HTTP_HOP_OTHER;
    curl_free(scheme);
    curl_free(before);
    return hop;
}

gp_http_hop gp_http_redirect_judge(gp_http_transfer *transfer, char **url, const char **why)
{
    gp_http_hop hop = GP_HTTP_HOP_REFUSED;
    CURLU *from = NULL, *to = NULL;
    char *current = NULL, *target = NULL, *text = NULL;
    *url = NULL;
    *why = "a redirect that leads nowhere";
    if (transfer->effect != GP_HTTP_READ) {
        *why = "the server redirects a request that changes something; is the URL the API's own?";
        return hop;
    }
    if (transfer->redirects >= GP_HTTP_MAX_REDIRECTS) {
        *why = "too many redirects";
        return hop;
    }
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_EFFECTIVE_URL, &current);
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_REDIRECT_URL, &target);
    if (!current || !target) return hop;
    from = curl_url();
    to = curl_url();
    if (!from || !to || curl_url_set(from, CURLUPART_URL, current, 0) != CURLUE_OK ||
        curl_url_set(to, CURLUPART_URL, target, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        goto done;
    }
    hop = judge(from, to, why);
    if (hop == GP_HTTP_HOP_REFUSED) goto done;
    /* A name and password in a Location are nobody's business of ours to send. */
    curl_url_set(to, CURLUPART_USER, NULL, 0);
    curl_url_set(to, CURLUPART_PASSWORD, NULL, 0);
    if (curl_url_get(to, CURLUPART_URL, &text, 0) == CURLUE_OK) *url = strdup(text);
    if (!*url) hop = GP_HTTP_HOP_REFUSED;
done:
    curl_free(text);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return hop;
}

static int is_loopback(const char *host, size_t len)
{
    static const char local[] = "localhost";
    size_t n = sizeof local - 1;
    if (len >= 4 && !strncmp(host, "127.", 4)) return strspn(host, "0123456789.") >= len;
    if (len == 5 && !strncmp(host, "[::1]", 5)) return 1;
    return len >= n && !strncasecmp(host + len - n, local, n) &&
           (len == n || host[len - n - 1] == '.');
}

int gp_http_insecure(const char *url)
{
    const char *host, *end, *at;
    if (strncasecmp(url, "http://", 7) != 0) return 0;
    host = url + 7;
    end = host + strcspn(host, "/?#");
    for (at = host; at < end; at++) {
        if (*at == '@') host = at + 1;
    }
    if (*host == '[')
        end = host + strcspn(host, "]/?#") + 1;
    else
        end = host + strcspn(host, ":/?#");
    return !is_loopback(host, (size_t)(end - host));
}
