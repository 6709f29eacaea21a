/*
 * The simulated GitLab as a userdata.
 *
 *   simulation.open{db=, token=, url=, world_json=, seed=, allow_reset=, clock="real"|"virtual",
 *                   max_body=, assets=} -> m | nil, message, "world" | "database"
 *   m:request(now, method, target, {{name, value}, ...}, body [, served_before])
 *             -> status, {{name, value}, ...}, body, action | nil
 *   m:service() -> the service for server.open
 *   m:set_url(url)   m:note_url(url) -> true | nil, message   m:close()
 *   m:webhook_take(now) -> {id=, url=, body=, headers={{name, value}, ...}} | nil
 *   m:webhook_report(now, id, status | 0, response) -> boolean
 *   m:webhook_timeout(now) -> seconds | nil
 *
 * An action is {kind=, delay=, bytes=, interval=}; nil when the response is sent as it is.
 */
#include "simulation_gitlab.h"

#include <stdio.h>
#include <string.h>

#include "lgp_http_service.h"
#include "mock/mock.h"

#define SIMULATION "gitlab_pipelines.simulation"

enum { MAX_HEADERS = 100 };

typedef struct box {
    gp_mock *mock;
    gp_http_response_out response; /* reused by every request */
    const char *trouble;           /* last message on stderr */
} box;

static box *check(lua_State *L)
{
    box *self = luaL_checkudata(L, 1, SIMULATION);
    luaL_argcheck(L, self->mock, 1, "the simulated GitLab is closed");
    return self;
}

static int simulation_close(lua_State *L)
{
    box *self = luaL_checkudata(L, 1, SIMULATION);
    gp_mock *mock = self->mock;
    self->mock = NULL;
    if (!mock) return 0;
    gp_http_response_free(&self->response);
    gp_mock_close(mock);
    return 0;
}

int lgp_simulation_open(lua_State *L)
{
    gp_mock_options options;
    char message[512];
    const char *clock;
    gp_mock_opening opened;
    box *self;
    luaL_checktype(L, 1, LUA_TTABLE);
    memset(&options, 0, sizeof options);
    options.db = lgp_opt_string(L, 1, "db", NULL);
    options.token = lgp_opt_string(L, 1, "token", NULL);
    options.url = lgp_opt_string(L, 1, "url", NULL);
    options.assets = lgp_opt_string(L, 1, "assets", NULL);
    options.world = lgp_opt_string(L, 1, "world_json", NULL);
    if (options.world) {
        lua_getfield(L, 1, "world_json");
        options.world_len = lua_rawlen(L, -1);
        lua_pop(L, 1);
    }
    options.seed = (uint64_t)lgp_opt_integer(L, 1, "seed", 1);
    options.allow_reset = lgp_opt_boolean(L, 1, "allow_reset", 0);
    options.max_body = lgp_opt_integer(L, 1, "max_body", 0);
    clock = lgp_opt_string(L, 1, "clock", "real");
    options.clock_virtual = strcmp(clock, "virtual") == 0;
    self = lgp_new(L, sizeof *self, SIMULATION);
    opened = gp_mock_open(&options, &self->mock, message, sizeof message);
    if (opened == GP_MOCK_OPENED) {
        gp_http_response_init(&self->response, gp_mock_alloc(self->mock));
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushstring(L, opened == GP_MOCK_WORLD_REFUSED ? "world" : "database");
    return 3;
}

/* Reads the array of {name, value} at `index`; which keeps owning the strings. */
static size_t read_headers(lua_State *L, int index, gp_http_header out[MAX_HEADERS])
{
    size_t count, i;
    if (lua_isnoneornil(L, index)) return 0;
    luaL_checktype(L, index, LUA_TTABLE);
    count = lua_rawlen(L, index);
    luaL_argcheck(L, count <= MAX_HEADERS, index, "too many headers");
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, index, (int)i + 1);
        luaL_argcheck(L, lua_istable(L, -1), index, "a header must be {name, value}");
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, index,
                      "a header must be {name, value}");
        out[i].name = lua_tolstring(L, -2, &out[i].name_len);
        out[i].value = lua_tolstring(L, -1, &out[i].value_len);
        lua_pop(L, 3);
    }
    return count;
}

static void push_headers(lua_State *L, const gp_http_response_out *response)
{
    const char *name, *value;
    size_t position = 0;
    int count = 0;
    lua_newtable(L);
    while (gp_http_response_next(response, &position, &name, &value)) {
        lua_createtable(L, 2, 0);
        lua_pushstring(L, name);
        lua_rawseti(L, -2, 1);
        lua_pushstring(L, value);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, ++count);
    }
}

static void push_action(lua_State *L, const gp_http_action *action)
{
    if (action->kind == GP_HTTP_SEND && action->delay <= 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 4);
    lgp_set_string(L, "kind", gp_http_action_name(action->kind));
    lgp_set_number(L, "delay", action->delay);
    lgp_set_number(L, "interval", action->interval);
    lgp_set_integer(L, "bytes", (long long)action->bytes);
}

static int simulation_request(lua_State *L)
{
    box *self = check(L);
    double now = luaL_checknumber(L, 2);
    gp_http_header headers[MAX_HEADERS];
    gp_http_request_in in;
    memset(&in, 0, sizeof in);
    in.method = luaL_checkstring(L, 3);
    in.target = luaL_checklstring(L, 4, &in.target_len);
    in.header_count = read_headers(L, 5, headers);
    in.headers = headers;
    in.body = luaL_optlstring(L, 6, "", &in.body_len);
    in.served_before = (unsigned)luaL_optinteger(L, 7, 0);
    gp_http_response_clear(&self->response);
    gp_mock_request(self->mock, now, &in, &self->response);
    if (self->response.body.failed || self->response.headers.failed) {
        return luaL_error(L, "not enough memory");
    }
    lgp_push_integer(L, self->response.status);
    push_headers(L, &self->response);
    lua_pushlstring(L, gp_buf_text(&self->response.body), self->response.body.len);
    push_action(L, &self->response.action);
    return 4;
}

static int simulation_set_url(lua_State *L)
{
    box *self = check(L);
    if (!gp_mock_set_url(self->mock, luaL_checkstring(L, 2)))
        return luaL_error(L, "not enough memory");
    return 0;
}

static int simulation_note_url(lua_State *L)
{
    box *self = check(L);
    char message[300];
    if (gp_mock_note_url(self->mock, luaL_checkstring(L, 2), message, sizeof message)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

static int simulation_webhook_take(lua_State *L)
{
    box *self = check(L);
    gp_mock_webhook hook;
    if (!gp_mock_webhook_take(self->mock, luaL_checknumber(L, 2), &hook)) return 0;
    lua_createtable(L, 0, 4);
    lgp_set_integer(L, "id", (long long)hook.id);
    lgp_set_string(L, "url", hook.url);
    lua_pushlstring(L, hook.body, hook.body_len);
    lua_setfield(L, -2, "body");
    push_headers(L, &hook.headers);
    lua_setfield(L, -2, "headers");
    gp_http_response_free(&hook.headers);
    return 1;
}

static int simulation_webhook_report(lua_State *L)
{
    box *self = check(L);
    size_t len;
    const char *response = luaL_optlstring(L, 5, "", &len);
    lua_pushboolean(L, gp_mock_webhook_report(self->mock, luaL_checknumber(L, 2),
                                              (int64_t)luaL_checknumber(L, 3),
                                              (int)luaL_checkinteger(L, 4), response, len));
    return 1;
}

static int simulation_webhook_timeout(lua_State *L)
{
    double seconds = gp_mock_webhook_timeout(check(L)->mock, luaL_checknumber(L, 2));
    if (seconds < 0) return 0;
    lua_pushnumber(L, seconds);
    return 1;
}

/* A service points to the userdata, not the mock, which may be closed while a server runs. */
static void handle(void *ctx, double now, const gp_http_request_in *request,
                   gp_http_response_out *response)
{
    box *self = ctx;
    if (self->mock) {
        gp_mock_request(self->mock, now, request, response);
    } else {
        response->status = 503;
    }
}

/* Reports on stderr that writes are refused, or accepted again: once per change, not for every
 * request. */
static void report_trouble(box *self)
{
    const char *trouble = gp_mock_trouble(self->mock);
    if (trouble == self->trouble) return;
    self->trouble = trouble;
    fprintf(stderr, "simulated GitLab: %s\n", trouble ? trouble : "writes are accepted again");
}

/* Called once for all requests of a step. */
static int flush(void *ctx)
{
    box *self = ctx;
    int good = !self->mock || gp_mock_flush(self->mock);
    if (good && self->mock) report_trouble(self);
    return good;
}

static void refuse(void *ctx, double now, const gp_http_request_in *request,
                   gp_http_response_out *response)
{
    box *self = ctx;
    (void)now;
    if (self->mock) {
        gp_mock_refuse(self->mock, request, response);
        report_trouble(self);
    } else {
        response->status = 503;
    }
}

static int simulation_service(lua_State *L)
{
    box *self = check(L);
    gp_http_service *service = lgp_new(L, sizeof *service, LGP_HTTP_SERVICE);
    *service = (gp_http_service){handle, flush, refuse, self};
    lgp_keep(L, 1);
    return 1;
}

void lgp_simulation_type(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"request", simulation_request},
        {"service", simulation_service},
        {"set_url", simulation_set_url},
        {"note_url", simulation_note_url},
        {"webhook_take", simulation_webhook_take},
        {"webhook_report", simulation_webhook_report},
        {"webhook_timeout", simulation_webhook_timeout},
        {NULL, NULL},
    };
    lgp_type(L, SIMULATION, methods, NULL, simulation_close);
}
