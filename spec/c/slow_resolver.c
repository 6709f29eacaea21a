/* For LD_PRELOAD: a resolver that takes SLOW_RESOLVER seconds for names under .slow. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *seconds = getenv("SLOW_RESOLVER");
    resolver real;
    memcpy(&real, &symbol, sizeof real);
    if (node && strstr(node, ".slow") && seconds) {
        sleep((unsigned)atoi(seconds));
        node = "127.0.0.1";
    }
    return real(node, service, hints, result);
}
