/*
 * An engine as userdata. It is a pollable object: pollfd(), events(), timeout(); `step()` advances
 * all transfers and `next()` returns the number of one that has bytes or has finished.
 */
#include "http_userdata.h"

#include <string.h>

#include "core/secret.h"

static const double default_connect = 5, default_request = 30, default_stall = 30;
static const double default_max_bytes = 64.0 * 1024 * 1024;

static gp_http_engine *check(lua_State *L)
{
    gp_http_engine **engine = lgp_self(L, LGP_HTTP_ENGINE);
    if (!*engine) luaL_error(L, "the HTTP engine is closed");
    return *engine;
}

int lgp_http_engine_open(lua_State *L)
{
    gp_http_options options = {0};
    gp_http_engine **engine;
    luaL_checktype(L, 1, LUA_TTABLE);
    options.ca_file = lgp_opt_string(L, 1, "ca_file", NULL);
    options.client_cert = lgp_opt_string(L, 1, "client_cert", NULL);
    options.client_key = lgp_opt_string(L, 1, "client_key", NULL);
    options.user_agent = lgp_opt_string(L, 1, "user_agent", NULL);
    options.allow_insecure = lgp_opt_boolean(L, 1, "allow_insecure", 0);
    lua_getfield(L, 1, "proxy");
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        options.proxy = "";
    else
        options.proxy = lgp_opt_string(L, 1, "proxy", NULL);
    engine = lgp_new(L, sizeof(*engine), LGP_HTTP_ENGINE);
    *engine = gp_http_engine_new(&options);
    if (!*engine) return luaL_error(L, "out of memory");
    return 1;
}

static int engine_close(lua_State *L)
{
    gp_http_engine **engine = luaL_checkudata(L, 1, LGP_HTTP_ENGINE);
    if (*engine) gp_http_engine_release(*engine);
    *engine = NULL;
    return 0;
}

/* Reading a request. Strings stay owned by the request's table during the call. */

/* The secret at `index`, or NULL when something else is there. */
static const gp_secret *to_secret(lua_State *L, int index)
{
    const gp_secret *secret;
    if (lua_type(L, index) != LUA_TUSERDATA) return NULL;
    secret = luaL_checkudata(L, index, GP_SECRET_TYPE);
    if (!gp_secret_is(secret, lua_rawlen(L, index)))
        luaL_error(L, "a header's secret was made by another build");
    if (secret->closed) luaL_error(L, "a header's secret is closed");
    return secret;
}

/* The header {name, value} on top of the stack. */
static void read_header(lua_State *L, gp_http_header_out *header, int number)
{
    const gp_secret *secret;
    if (!lua_istable(L, -1)) luaL_error(L, "header %d must be {name, value}", number);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    header->name = lua_tolstring(L, -2, &header->name_len);
    secret = to_secret(L, -1);
    header->secret = secret != NULL;
    if (secret) {
        header->value = secret->data;
        header->value_len = secret->len;
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        header->value = lua_tolstring(L, -1, &header->value_len);
    }
    if (lua_type(L, -2) != LUA_TSTRING || !header->value) {
        luaL_error(L, "header %d must be a name with a string or a secret", number);
    }
    lua_pop(L, 2);
}

static size_t read_headers(lua_State *L, int request, gp_http_header_out *headers)
{
    size_t count, i;
    lua_getfield(L, request, "headers");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    count = lua_rawlen(L, -1);
    if (count > GP_HTTP_MAX_HEADERS) luaL_error(L, "more than %d headers", GP_HTTP_MAX_HEADERS);
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (int)i + 1);
        read_header(L, &headers[i], (int)i + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static gp_http_effect read_effect(lua_State *L, int request)
{
    const char *effect = lgp_opt_string(L, request, "effect", "read");
    if (!strcmp(effect, "read")) return GP_HTTP_READ;
    if (!strcmp(effect, "set")) return GP_HTTP_SET;
    /* An unknown effect is treated as the one that is never retried. */
    return GP_HTTP_CREATE;
}

static void read_sink(lua_State *L, int index, gp_http_request *request)
{
    lua_getfield(L, index, "sink");
    if (lua_istable(L, -1)) {
        request->sink = GP_HTTP_FILE;
        request->file = lgp_opt_string(L, lua_gettop(L), "file", NULL);
        request->file_offset = lgp_opt_integer(L, lua_gettop(L), "offset", 0);
        if (!request->file) luaL_error(L, "a sink must have the field 'file' if it is a table");
        if (request->file_offset < 0) luaL_error(L, "a sink's offset must not be negative");
    } else if (!lua_isnil(L, -1)) {
        request->sink = GP_HTTP_CHUNKS;
    }
    lua_pop(L, 1);
}

static void read_times(lua_State *L, int index, gp_http_request *request)
{
    request->connect_timeout = default_connect;
    request->request_timeout = default_request;
    request->stall_timeout = default_stall;
    request->deadline = lgp_opt_number(L, index, "deadline", 0);
    lua_getfield(L, index, "timeout");
    if (lua_istable(L, -1)) {
        int timeout = lua_gettop(L);
        request->connect_timeout = lgp_opt_number(L, timeout, "connect", default_connect);
        request->request_timeout = lgp_opt_number(L, timeout, "request", default_request);
        request->stall_timeout = lgp_opt_number(L, timeout, "stall", default_stall);
    }
    lua_pop(L, 1);
}

static void read_body(lua_State *L, int index, gp_http_request *request)
{
    lua_getfield(L, index, "body");
    if (!lua_isnil(L, -1)) {
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "field 'body' must be a string");
        request->body = lua_tolstring(L, -1, &request->body_len);
    }
    lua_pop(L, 1);
}

/* Pushes the exchange, or nil. */
static gp_sent_hook *push_exchange(lua_State *L, int index)
{
    lua_getfield(L, index, "exchange");
    if (lua_isnil(L, -1)) return NULL;
    return luaL_checkudata(L, -1, LGP_EXCHANGE);
}

/* nil, outcome, code, message */
static int push_failure(lua_State *L, const gp_http_failure *failure)
{
    lua_pushnil(L);
    lua_pushstring(L, gp_http_outcome_name(failure->outcome));
    lua_pushstring(L, gp_http_code_name(failure->code));
    lua_pushstring(L, failure->message);
    return 4;
}

/*
 * engine:submit(request, now, number) -> transfer, number | nil, outcome, code, message
 * `request` is the table that transports use; `now` is the time base of its deadline; `number` is
 * the number that next() returns for the transfer (nil: the engine assigns one).
 */
static int engine_submit(lua_State *L)
{
    gp_http_engine *engine = check(L);
    gp_http_header_out headers[GP_HTTP_MAX_HEADERS];
    gp_http_request request = {0};
    gp_http_failure failure;
    gp_http_transfer **slot;
    double max_bytes;
    luaL_checktype(L, 2, LUA_TTABLE);
    request.now = luaL_checknumber(L, 3);
    request.id = (int64_t)luaL_optnumber(L, 4, 0);
    lua_settop(L, 3);
    memset(headers, 0, sizeof headers);
    request.method = lgp_opt_string(L, 2, "method", "GET");
    request.url = lgp_opt_string(L, 2, "url", "");
    request.headers = headers;
    request.header_count = read_headers(L, 2, headers);
    read_body(L, 2, &request);
    request.effect = read_effect(L, 2);
    read_sink(L, 2, &request);
    read_times(L, 2, &request);
    max_bytes = lgp_opt_number(L, 2, "max_bytes", default_max_bytes);
    request.max_bytes = max_bytes < 9e15 ? (int64_t)max_bytes : INT64_MAX;
    request.compressed = lgp_opt_boolean(L, 2, "compressed", 1);
    request.unsafe_reuse = lgp_opt_boolean(L, 2, "unsafe_reuse", 0);
    request.hook = push_exchange(L, 2);
    lgp_http_transfer_push(L, request.hook ? 4 : 0, &slot);
    *slot = gp_http_submit(engine, &request, &failure);
    if (!*slot) return push_failure(L, &failure);
    lgp_push_integer(L, gp_http_transfer_id(*slot));
    return 2;
}

/* The protocol of a pollable object. */

static int engine_pollfd(lua_State *L)
{
    lgp_push_integer(L, gp_http_engine_fd(check(L)));
    return 1;
}

static int engine_events(lua_State *L)
{
    lua_pushliteral(L, "r");
    return 1;
}

static int engine_timeout(lua_State *L)
{
    double seconds = gp_http_engine_timeout(check(L));
    if (seconds < 0) return 0;
    lua_pushnumber(L, seconds);
    return 1;
}

static int engine_step(lua_State *L)
{
    gp_http_engine_step(check(L));
    return 0;
}

/* engine:next() -> the number of a transfer that has bytes or has finished, or nil */
static int engine_next(lua_State *L)
{
    gp_http_transfer *transfer = gp_http_engine_next(check(L));
    if (!transfer) return 0;
    lgp_push_integer(L, gp_http_transfer_id(transfer));
    return 1;
}

/* Ends every transfer as cancelled; next() shows them. After that, only close() may be called. */
static int engine_shutdown(lua_State *L)
{
    gp_http_engine_close(check(L));
    return 0;
}

static int engine_counts(lua_State *L)
{
    gp_http_counts counts = gp_http_engine_counts(check(L));
    lua_createtable(L, 0, 3);
    lgp_set_integer(L, "active", counts.active);
    lgp_set_integer(L, "submitted", counts.submitted);
    lgp_set_integer(L, "connections", counts.connections);
    return 1;
}

static const luaL_Reg methods[] = {
    {"submit", engine_submit},     {"pollfd", engine_pollfd}, {"events", engine_events},
    {"timeout", engine_timeout},   {"step", engine_step},     {"next", engine_next},
    {"shutdown", engine_shutdown}, {"counts", engine_counts}, {NULL, NULL},
};

void lgp_http_engine_type(lua_State *L)
{
    lgp_type(L, LGP_HTTP_ENGINE, methods, NULL, engine_close);
}
