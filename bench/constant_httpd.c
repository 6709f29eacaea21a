/*
 * The baseline for the simulated GitLab: libmicrohttpd with one prepared response. One epoll
 * thread, no routing, no state: the speed of the library alone.
 *
 * usage: constant_httpd FILE    FILE contains a response as `curl -i` prints it: status,
 * headers (except those that libmicrohttpd sets itself) and body
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct MHD_Response *response;
static unsigned status = 200;

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    static int seen;
    (void)cls;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, status, response);
}

/* Headers that would be sent twice. */
static int is_automatic(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Date") == 0 ||
           strcasecmp(name, "Connection") == 0;
}

static int read_answer(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t len;
    char *head, *body, *line;
    if (!file) return 0;
    len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    body = strstr(text, "\r\n\r\n");
    if (!body || sscanf(text, "HTTP/1.1 %u", &status) != 1) return 0;
    body[2] = '\0';
    body += 4;
    response =
        MHD_create_response_from_buffer(len - (size_t)(body - text), body, MHD_RESPMEM_PERSISTENT);
    if (!response) return 0;
    head = strstr(text, "\r\n") + 2;
    for (line = strtok(head, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        char *value = strchr(line, ':');
        if (!value) return 0;
        *value++ = '\0';
        value += strspn(value, " ");
        if (!is_automatic(line)) MHD_add_response_header(response, line, value);
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct MHD_Daemon *daemon;
    const union MHD_DaemonInfo *info;
    sigset_t signals;
    int got;
    if (argc != 2 || !read_answer(argv[1])) {
        fprintf(stderr, "constant_httpd: no answer in %s\n", argc > 1 ? argv[1] : "(no file)");
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
                              MHD_OPTION_END);
    info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info) return 1;
    printf("constant answer on http://127.0.0.1:%u\n", info->port);
    fflush(stdout);
    sigwait(&signals, &got);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
