/* A transfer as userdata: its response, read piece by piece. */
#include "http_userdata.h"

static gp_http_transfer *check(lua_State *L)
{
    gp_http_transfer **transfer = lgp_self(L, LGP_HTTP_TRANSFER);
    if (!*transfer) luaL_error(L, "the transfer is closed");
    return *transfer;
}

void lgp_http_transfer_push(lua_State *L, int keep, gp_http_transfer ***slot)
{
    *slot = lgp_new(L, sizeof(**slot), LGP_HTTP_TRANSFER);
    if (!keep) return;
#if LUA_VERSION_NUM < 502
    /* An environment is a table. */
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, keep);
    lua_rawseti(L, -2, 1);
#else
    lua_pushvalue(L, keep);
#endif
    lua_setuservalue(L, -2);
}

static int transfer_close(lua_State *L)
{
    gp_http_transfer **transfer = luaL_checkudata(L, 1, LGP_HTTP_TRANSFER);
    if (*transfer) gp_http_transfer_release(*transfer);
    *transfer = NULL;
    return 0;
}

static int transfer_cancel(lua_State *L)
{
    gp_http_transfer_cancel(check(L));
    return 0;
}

static int transfer_done(lua_State *L)
{
    lua_pushboolean(L, gp_http_transfer_done(check(L)));
    return 1;
}

/* transfer:read() -> all bytes received since the last read, or nil */
static int transfer_read(lua_State *L)
{
    gp_http_transfer *transfer = check(L);
    const char *data;
    size_t len = gp_http_transfer_peek(transfer, &data);
    if (!len) return 0;
    lua_pushlstring(L, data, len);
    gp_http_transfer_consume(transfer);
    return 1;
}

static void push_sent_at(lua_State *L, double at)
{
    if (at > 0)
        lua_pushnumber(L, at);
    else
        lua_pushnil(L);
}

/*
 * transfer:result() -> nothing while it runs
 *   | status, body, bytes, sent_at, elapsed, reused
 *   | nil, outcome, code, message, sent_at, status     status: nil when no status line came
 */
static int transfer_result(lua_State *L)
{
    gp_http_transfer *transfer = check(L);
    const gp_http_result *result = gp_http_transfer_result(transfer);
    if (!result) return 0;
    if (result->outcome == GP_HTTP_OK) {
        lgp_push_integer(L, result->status);
        lua_pushlstring(L, result->body, result->body_len);
        gp_http_transfer_forget_body(transfer);
        lgp_push_integer(L, result->bytes);
        push_sent_at(L, result->sent_at);
        lua_pushnumber(L, result->elapsed);
        lua_pushboolean(L, result->reused);
        return 6;
    }
    lua_pushnil(L);
    lua_pushstring(L, gp_http_outcome_name(result->outcome));
    lua_pushstring(L, gp_http_code_name(result->code));
    lua_pushstring(L, result->message);
    push_sent_at(L, result->sent_at);
    if (result->status)
        lgp_push_integer(L, result->status);
    else
        lua_pushnil(L);
    return 6;
}

/* transfer:status() -> the status of the response whose body is being received, or nil */
static int transfer_status(lua_State *L)
{
    int status = gp_http_transfer_status(check(L));
    if (!status) return 0;
    lgp_push_integer(L, status);
    return 1;
}

/* transfer:bytes() -> number of bytes of the body received so far */
static int transfer_bytes(lua_State *L)
{
    lgp_push_integer(L, gp_http_transfer_bytes(check(L)));
    return 1;
}

static int transfer_sent_at(lua_State *L)
{
    push_sent_at(L, gp_http_transfer_sent_at(check(L)));
    return 1;
}

/* transfer:header(name) -> the first value of that name, any case, or nil */
static int transfer_header(lua_State *L)
{
    gp_http_transfer *transfer = check(L);
    size_t len = 0;
    const char *value = gp_http_transfer_header(transfer, luaL_checkstring(L, 2), &len);
    if (!value) return 0;
    lua_pushlstring(L, value, len);
    return 1;
}

static int next_header(lua_State *L)
{
    gp_http_transfer **transfer = lua_touserdata(L, lua_upvalueindex(1));
    size_t at = (size_t)lua_tonumber(L, lua_upvalueindex(2));
    gp_http_header_in header;
    if (!*transfer) return luaL_error(L, "the transfer is closed");
    if (!gp_http_transfer_next_header(*transfer, &at, &header)) return 0;
    lua_pushnumber(L, (lua_Number)at);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushlstring(L, header.name, header.name_len);
    lua_pushlstring(L, header.value, header.value_len);
    return 2;
}

/* for name, value in transfer:each_header() do: in the order received */
static int transfer_each_header(lua_State *L)
{
    check(L);
    lua_settop(L, 1);
    lua_pushnumber(L, 0);
    lua_pushcclosure(L, next_header, 2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"cancel", transfer_cancel},
    {"done", transfer_done},
    {"read", transfer_read},
    {"result", transfer_result},
    {"status", transfer_status},
    {"bytes", transfer_bytes},
    {"sent_at", transfer_sent_at},
    {"header", transfer_header},
    {"each_header", transfer_each_header},
    {NULL, NULL},
};

void lgp_http_transfer_type(lua_State *L)
{
    lgp_type(L, LGP_HTTP_TRANSFER, methods, NULL, transfer_close);
}
