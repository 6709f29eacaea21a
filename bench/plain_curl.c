/*
 * The baseline for the client: plain libcurl, driven by socket_action over epoll, with minimal code
 * around it. Handles are configured once, connections are reused, bodies are kept in memory.
 *
 * usage: plain_curl URL TOTAL IN_FLIGHT WARM_UP [HEADER]...
 * prints: requests=N seconds=S cpu=C bytes=B     (cpu: seconds of this process, user and system)
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_IN_FLIGHT = 256, MOST_BODY = 1 << 16 };

typedef struct slot {
    CURL *easy;
    size_t len;
    char body[MOST_BODY];
} slot;

static slot slots[MOST_IN_FLIGHT];
static CURLM *multi;
static int epoll;
static long timeout_ms = -1;
static unsigned long long bytes;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static size_t on_body(char *data, size_t size, size_t count, void *cls)
{
    slot *at = cls;
    size_t len = size * count;
    if (len > MOST_BODY - at->len) return 0;
    memcpy(at->body + at->len, data, len);
    at->len += len;
    return len;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cls, void *known)
{
    struct epoll_event event;
    (void)easy;
    (void)cls;
    memset(&event, 0, sizeof event);
    event.data.fd = fd;
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (!known) curl_multi_assign(multi, fd, &epoll);
    return 0;
}

static int on_timer(CURLM *handle, long milliseconds, void *cls)
{
    (void)handle;
    (void)cls;
    timeout_ms = milliseconds;
    return 0;
}

/* Runs `total` requests, `in_flight` at a time. 0 when one failed. */
static int run(unsigned long total, unsigned in_flight)
{
    unsigned long started = 0, done = 0;
    int running;
    for (; started < in_flight && started < total; started++) {
        curl_multi_add_handle(multi, slots[started].easy);
    }
    while (done < total) {
        struct epoll_event events[64];
        CURLMsg *message;
        int i, left, count = epoll_wait(epoll, events, 64, (int)timeout_ms);
        if (count == 0 || timeout_ms == 0) {
            timeout_ms = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (i = 0; i < count; i++) {
            int mask = (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & ~(unsigned)EPOLLOUT ? CURL_CSELECT_IN : 0);
            curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
        }
        while ((message = curl_multi_info_read(multi, &left))) {
            slot *at;
            CURL *easy = message->easy_handle;
            long status = 0;
            if (message->msg != CURLMSG_DONE) continue;
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &at);
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status / 100 != 2) return 0;
            bytes += at->len;
            at->len = 0;
            done++;
            curl_multi_remove_handle(multi, easy);
            if (started < total) {
                started++;
                curl_multi_add_handle(multi, easy);
            }
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct curl_slist *headers = NULL;
    unsigned long total, warm_up;
    unsigned i, in_flight;
    double start, start_cpu;
    if (argc < 5) return 2;
    total = strtoul(argv[2], NULL, 10);
    in_flight = (unsigned)strtoul(argv[3], NULL, 10);
    warm_up = strtoul(argv[4], NULL, 10);
    if (!in_flight || in_flight > MOST_IN_FLIGHT) return 2;
    for (i = 5; i < (unsigned)argc; i++) {
        headers = curl_slist_append(headers, argv[i]);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    for (i = 0; i < in_flight; i++) {
        CURL *easy = slots[i].easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slots[i]);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &slots[i]);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (!run(warm_up, in_flight)) return 1;
    bytes = 0;
    start = now();
    start_cpu = cpu();
    if (!run(total, in_flight)) return 1;
    printf("requests=%lu seconds=%.6f cpu=%.6f bytes=%llu\n", total, now() - start,
           cpu() - start_cpu, bytes);
    return 0;
}
