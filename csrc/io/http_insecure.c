#include "io/http_insecure.h"

#include <string.h>
#include <strings.h>

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
