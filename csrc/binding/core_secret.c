/* core.secret: a secret as a userdata. Only reveal() returns its text. */
#include "core/secret.h"

#include "core_modules.h"
#include "lgp.h"

static gp_secret *check(lua_State *L, int index)
{
    gp_secret *secret = luaL_checkudata(L, index, GP_SECRET_TYPE);
    luaL_argcheck(L, gp_secret_is(secret, lua_rawlen(L, index)), index,
                  "the secret was made by another build");
    return secret;
}

/* secret.new(text, {short = true}?) -> secret */
static int secret_new(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    int is_short = !lua_isnoneornil(L, 2) && lgp_opt_boolean(L, 2, "short", 0);
    gp_secret *secret;
    luaL_argcheck(L, len > 0, 1, "a secret must not be empty");
    luaL_argcheck(
        L, len >= GP_SECRET_MIN || is_short, 1,
        "a secret must have at least 8 bytes: shorter ones cannot be told from other text");
    secret = lgp_new(L, gp_secret_size(len), GP_SECRET_TYPE);
    gp_secret_init(secret, text, len);
    return 1;
}

static int secret_is(lua_State *L)
{
    int is = 0;
    if (lua_isuserdata(L, 1) && lua_getmetatable(L, 1)) {
        luaL_getmetatable(L, GP_SECRET_TYPE);
        is = lua_rawequal(L, -1, -2);
    }
    lua_pushboolean(L, is);
    return 1;
}

static int secret_reveal(lua_State *L)
{
    gp_secret *secret = check(L, 1);
    luaL_argcheck(L, !secret->closed, 1, "the secret is closed");
    lua_pushlstring(L, secret->data, secret->len);
    return 1;
}

static int secret_length(lua_State *L)
{
    lgp_push_integer(L, (long long)check(L, 1)->len);
    return 1;
}

static int secret_equals(lua_State *L)
{
    gp_secret *secret = check(L, 1);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    lua_pushboolean(L, gp_secret_equals(secret, text, len));
    return 1;
}

static int secret_tostring(lua_State *L)
{
    lua_pushliteral(L, GP_SECRET_SHOWN);
    return 1;
}

static int secret_close(lua_State *L)
{
    gp_secret_close(check(L, 1));
    return 0;
}

int lgp_open_secret(lua_State *L)
{
    static const luaL_Reg functions[] = {{"new", secret_new}, {"is", secret_is}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"reveal", secret_reveal},
        {"length", secret_length},
        {"equals", secret_equals},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__tostring", secret_tostring}, {NULL, NULL}};
    lgp_type(L, GP_SECRET_TYPE, methods, meta, secret_close);
    lgp_module(L, functions);
    return 1;
}
