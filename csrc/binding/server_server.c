/*
 * A server as a pollable userdata.
 *
 *   server.open(service [, {host=, port=, max_head=, max_body=, max_connections=, patience=}])
 *       -> s | nil, message
 *   s:pollfd() s:events() s:timeout([now]) s:pump([limit [, now]]) -> responses completed
 *   s:url()   s:stop([now])   s:connections()   s:close()
 *
 * The service (see lgp_http_service.h) is kept alive as long as the server is.
 */
#include "server_server.h"

#include "io/clock.h"
#include "io/httpd.h"
#include "lgp_http_service.h"

#define SERVER "gitlab_pipelines.server"

typedef struct server {
    gp_httpd *httpd;
} server;

static gp_httpd *check_open(lua_State *L)
{
    server *self = luaL_checkudata(L, 1, SERVER);
    if (!self->httpd) luaL_error(L, "the server is closed");
    return self->httpd;
}

static size_t opt_size(lua_State *L, int options, const char *key)
{
    long long value = lgp_opt_integer(L, options, key, 0);
    if (value < 0) luaL_error(L, "field '%s' must not be negative", key);
    return (size_t)value;
}

static void read_options(lua_State *L, int index, gp_httpd_options *options)
{
    if (lua_isnoneornil(L, index)) return;
    luaL_checktype(L, index, LUA_TTABLE);
    options->host = lgp_opt_string(L, index, "host", NULL);
    if (opt_size(L, index, "port") > 65535) luaL_error(L, "field 'port' must be at most 65535");
    options->port = (unsigned)opt_size(L, index, "port");
    options->max_head = opt_size(L, index, "max_head");
    options->max_body = opt_size(L, index, "max_body");
    options->max_connections = (unsigned)opt_size(L, index, "max_connections");
    options->patience = lgp_opt_number(L, index, "patience", 0);
}

int lgp_server_open(lua_State *L)
{
    const gp_http_service *service = luaL_checkudata(L, 1, LGP_HTTP_SERVICE);
    gp_httpd_options options = {.service = *service};
    char message[256];
    server *self;
    read_options(L, 2, &options);
    self = lgp_new(L, sizeof *self, SERVER);
    lgp_keep(L, 1);
    if (gp_httpd_open(&options, &self->httpd, message, sizeof message)) return 1;
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

static int server_close(lua_State *L)
{
    server *self = luaL_checkudata(L, 1, SERVER);
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

/* The current time: an argument for tests in virtual time, else the clock's. */
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

/* server:pump(limit, now): the sockets bound what one step completes, so limit is ignored; it is
 * there because every pollable has it. */
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

void lgp_server_type(lua_State *L)
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
    lgp_type(L, SERVER, methods, NULL, server_close);
}
