/* A server as a pollable userdata, the loop that serves until a signal, and an echo to test with.
 */
#include "mock_server.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "io/clock.h"
#include "mock_mock.h"

#define SERVER        "gitlab_pipelines.mock_server"
#define DEFAULT_GRACE 10.0

typedef struct server {
    gp_httpd *httpd;
} server;

static server *check_any(lua_State *L)
{
    return luaL_checkudata(L, 1, SERVER);
}

static gp_httpd *check_open(lua_State *L)
{
    server *self = check_any(L);
    if (!self->httpd) luaL_error(L, "the server is closed");
    return self->httpd;
}

static size_t opt_size(lua_State *L, int options, const char *key)
{
    long long value = lgp_opt_integer(L, options, key, 0);
    if (value < 0) luaL_error(L, "field '%s' must not be negative", key);
    return (size_t)value;
}

const char *lgp_server_url(lua_State *L, int index)
{
    const server *self = luaL_checkudata(L, index, SERVER);
    if (!self->httpd) luaL_error(L, "the server is closed");
    return gp_httpd_url(self->httpd);
}

int lgp_server_push(lua_State *L, int options, gp_httpd_options *open, int keep)
{
    char message[256];
    server *self;
    if (!lua_isnoneornil(L, options)) {
        luaL_checktype(L, options, LUA_TTABLE);
        open->host = lgp_opt_string(L, options, "host", NULL);
        if (opt_size(L, options, "port") > 65535) luaL_error(L, "field 'port' is over 65535");
        open->port = (unsigned)opt_size(L, options, "port");
        open->max_head = opt_size(L, options, "max_head");
        open->max_body = opt_size(L, options, "max_body");
        open->max_connections = (unsigned)opt_size(L, options, "max_connections");
        open->patience = lgp_opt_number(L, options, "patience", 0);
    }
    self = lgp_new(L, sizeof *self, SERVER);
    if (keep) {
        lua_newtable(L);
        lua_pushvalue(L, keep);
        lua_rawseti(L, -2, 1);
        lua_setuservalue(L, -2);
    }
    if (gp_httpd_open(open, &self->httpd, message, sizeof message)) return 1;
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

static int server_close(lua_State *L)
{
    server *self = check_any(L);
    gp_httpd *httpd = self->httpd;
    self->httpd = NULL;
    gp_httpd_close(httpd);
    return 0;
}

static int server_pollfd(lua_State *L)
{
    lgp_push_integer(L, gp_httpd_fd(check_open(L)));
    return 1;
}

static int server_events(lua_State *L)
{
    check_open(L);
    lua_pushliteral(L, "r");
    return 1;
}

/* The time of a pump: given by whoever tests with a time of their own, else the clock's. */
static double opt_now(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) ? gp_clock_now() : luaL_checknumber(L, index);
}

static int server_timeout(lua_State *L)
{
    gp_httpd *httpd = check_open(L);
    double timeout = gp_httpd_timeout(httpd, opt_now(L, 2));
    if (timeout < 0) return 0;
    lua_pushnumber(L, timeout);
    return 1;
}

/* server:pump(limit, now): what one step completes is bounded by the sockets, so limit is not
 * needed; it is there because every pollable has it. */
static int server_pump(lua_State *L)
{
    gp_httpd *httpd = check_open(L);
    lgp_push_integer(L, gp_httpd_step(httpd, opt_now(L, 3)));
    return 1;
}

static int server_url(lua_State *L)
{
    lua_pushstring(L, gp_httpd_url(check_open(L)));
    return 1;
}

static int server_stop(lua_State *L)
{
    gp_httpd_stop(check_open(L), opt_now(L, 2));
    return 0;
}

static int server_connections(lua_State *L)
{
    lgp_push_integer(L, gp_httpd_connections(check_open(L)));
    return 1;
}

/* Milliseconds for poll(2), rounded up: waking too early would spin. */
static int milliseconds(double seconds)
{
    if (seconds < 0) return -1;
    return seconds > 3600 ? 3600000 : (int)ceil(seconds * 1000);
}

/* Where serve() ends besides signals: at the first webhook target of the mock at `index` (0: none
 * is asked). */
typedef struct watched {
    lua_State *L;
    int index;
} watched;

enum { WEBHOOKS = -1 };

/* Serves until a signal comes through `signals`, then for at most `grace` seconds what is left; a
 * second signal ends at once. Returns the first signal, WEBHOOKS, or 0 with errno. */
static int serve(gp_httpd *httpd, int signals, double grace, const watched *watch)
{
    struct pollfd set[2] = {{.fd = signals, .events = POLLIN},
                            {.fd = gp_httpd_fd(httpd), .events = POLLIN}};
    int first = 0;
    double end = 0;
    for (;;) {
        double now = gp_clock_now(), timeout = gp_httpd_timeout(httpd, now);
        struct signalfd_siginfo info;
        if (first && (!gp_httpd_connections(httpd) || now >= end)) return first;
        if (first && (timeout < 0 || timeout > end - now)) timeout = end - now;
        if (!first && watch->index && lgp_mock_has_webhooks(watch->L, watch->index))
            return WEBHOOKS;
        if (poll(set, 2, milliseconds(timeout)) < 0 && errno != EINTR) return 0;
        if (set[0].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            if (first) return first;
            first = (int)info.ssi_signo;
            end = gp_clock_now() + grace;
        }
        gp_httpd_step(httpd, gp_clock_now());
        if (first) gp_httpd_stop(httpd, gp_clock_now());
    }
}

/* What is ready is said once signals are listened to: whoever reads it may stop us at once. */
static void say(const char *ready)
{
    if (!ready) return;
    fputs(ready, stdout);
    fflush(stdout);
}

/*
 * serve_forever(server [, {ready = text, grace = seconds, webhooks_of = mock}])
 *     -> "TERM" | "INT" | "HUP" | "webhooks" | nil, message:
 * writes `ready` to stdout and serves until one of these signals, or until the mock has a webhook
 * target, since sending is not done here; no Lua runs in between. The signals are taken from a
 * descriptor for as long as it lasts, and behave as before afterwards. A hangup that is ignored
 * (nohup) stays ignored; whoever read what we print may go away.
 */
static int serve_forever(lua_State *L)
{
    gp_httpd *httpd = check_open(L);
    double grace = DEFAULT_GRACE;
    const char *ready = NULL;
    sigset_t wanted, before;
    struct sigaction hangup, pipe_before, ignore = {.sa_handler = SIG_IGN};
    watched watch = {L, 0};
    int signals, got = 0;
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        grace = lgp_opt_number(L, 2, "grace", grace);
        ready = lgp_opt_string(L, 2, "ready", NULL);
        lua_getfield(L, 2, "webhooks_of");
        if (!lua_isnil(L, 3)) {
            watch.index = 3;
            lgp_mock_has_webhooks(L, 3); /* raises now rather than while it serves */
        }
    }
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        sigaddset(&wanted, SIGHUP);
    }
    sigaction(SIGPIPE, &ignore, &pipe_before);
    sigprocmask(SIG_BLOCK, &wanted, &before);
    signals = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals >= 0) {
        say(ready);
        got = serve(httpd, signals, grace, &watch);
        close(signals);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGPIPE, &pipe_before, NULL);
    if (!got) {
        lua_pushnil(L);
        lua_pushfstring(L, "cannot serve: %s", strerror(errno));
        return 2;
    }
    lua_pushstring(L, got == WEBHOOKS  ? "webhooks"
                      : got == SIGTERM ? "TERM"
                      : got == SIGHUP  ? "HUP"
                                       : "INT");
    return 1;
}

/* The parameter `name` of "truncate; bytes=10; delay=0.5". */
static double parameter(const char *text, const char *name, double fallback)
{
    const char *at = strchr(text, ';');
    size_t len = strlen(name);
    for (; at; at = strchr(at, ';')) {
        at += strspn(at, "; ");
        if (strncmp(at, name, len) == 0 && at[len] == '=') return strtod(at + len + 1, NULL);
    }
    return fallback;
}

/* What the request's X-Echo header asks for: "send; status=429; size=100; delay=0.1" and so on. */
static void obey(const char *wish, gp_http_response_out *response)
{
    char word[32];
    size_t len = strcspn(wish, ";");
    gp_http_action_kind kind;
    double size = parameter(wish, "size", -1);
    snprintf(word, sizeof word, "%.*s", len < sizeof word ? (int)len : 0, wish);
    kind = gp_http_action_find(word);
    if (kind != GP_HTTP_ACTION_KINDS) response->action.kind = kind;
    response->action.delay = parameter(wish, "delay", 0);
    response->action.interval = parameter(wish, "interval", 0);
    response->action.bytes = (size_t)parameter(wish, "bytes", 0);
    response->status = (int)parameter(wish, "status", 200);
    if (size >= 0) response->body.len = 0;
    while (size-- > 0 && !response->body.failed) {
        gp_buf_add(&response->body, "x", 1);
    }
}

/* Answers with what was asked, as JSON. */
static void echo(void *ctx, double now, const gp_http_request_in *request,
                 gp_http_response_out *response)
{
    gp_buf *body = &response->body;
    const char *wish = gp_http_request_header(request, "X-Echo");
    size_t i;
    (void)ctx;
    (void)now;
    gp_http_response_header(response, "Content-Type", "application/json");
    gp_http_response_header(response, "X-Empty", "");
    gp_buf_adds(body, "{\"method\":");
    gp_buf_json_string(body, request->method, strlen(request->method));
    gp_buf_adds(body, ",\"target\":");
    gp_buf_json_string(body, request->target, request->target_len);
    gp_buf_addf(body, ",\"served_before\":%u,\"body_length\":%zu,\"headers\":[",
                request->served_before, request->body_len);
    for (i = 0; i < request->header_count; i++) {
        gp_buf_adds(body, i ? ",[" : "[");
        gp_buf_json_string(body, request->headers[i].name, request->headers[i].name_len);
        gp_buf_adds(body, ",");
        gp_buf_json_string(body, request->headers[i].value, request->headers[i].value_len);
        gp_buf_adds(body, "]");
    }
    gp_buf_adds(body, "],\"body\":");
    gp_buf_json_string(body, request->body, request->body_len);
    gp_buf_adds(body, "}");
    if (wish) obey(wish, response);
}

/* echo_start(options) -> server | nil, message: tells each client what it sent, and misbehaves as
 * the request's X-Echo header asks; for testing clients and the server itself. */
static int echo_start(lua_State *L)
{
    gp_httpd_options open = {.handler = echo};
    lua_settop(L, 1);
    return lgp_server_push(L, 1, &open, 0);
}

void lgp_open_server(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"pollfd", server_pollfd},
        {"events", server_events},
        {"timeout", server_timeout},
        {"pump", server_pump},
        {"url", server_url},
        {"stop", server_stop},
        {"connections", server_connections},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"serve_forever", serve_forever},
        {"echo_start", echo_start},
        {NULL, NULL},
    };
    lgp_type(L, SERVER, methods, NULL, server_close);
    luaL_setfuncs(L, functions, 0);
}
