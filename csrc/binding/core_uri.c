/* core.uri: percent-encoding, path templates, parsing URLs and resolving references. */
#include "core/uri.h"

#include <stdio.h>

#include "core_modules.h"
#include "lgp.h"

static int encode_with(lua_State *L, gp_uri_set set)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    gp_buf *out = lgp_scratch(L);
    gp_uri_encode(out, s, len, set);
    return lgp_push_scratch(L, out);
}

static int decode_with(lua_State *L, gp_uri_set set)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    gp_buf *out = lgp_scratch(L);
    if (gp_uri_decode(out, s, len, set)) return lgp_push_scratch(L, out);
    lua_pushnil(L);
    lua_pushliteral(L, "a % without two hexadecimal digits");
    return 2;
}

static int uri_segment(lua_State *L)
{
    return encode_with(L, GP_URI_COMPONENT);
}

static int uri_form(lua_State *L)
{
    return encode_with(L, GP_URI_FORM);
}

static int uri_decode(lua_State *L)
{
    return decode_with(L, GP_URI_COMPONENT);
}

static int uri_decode_form(lua_State *L)
{
    return decode_with(L, GP_URI_FORM);
}

/* nil, "URL has no valid host" */
static int refuse(lua_State *L, const char *what, const char *why)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s %s", what, why);
    return 2;
}

static void set_piece(lua_State *L, const char *key, gp_uri_piece piece)
{
    if (!piece.at) return;
    lua_pushlstring(L, piece.at, piece.len);
    lua_setfield(L, -2, key);
}

static int uri_parse(lua_State *L)
{
    size_t len;
    const char *url = luaL_checklstring(L, 1, &len), *why;
    gp_uri uri;
    if (!gp_uri_parse(url, len, &uri, &why)) return refuse(L, "URL", why);
    lua_createtable(L, 0, 7);
    set_piece(L, "scheme", uri.scheme);
    set_piece(L, "userinfo", uri.userinfo);
    set_piece(L, "host", uri.host);
    set_piece(L, "path", uri.path);
    set_piece(L, "query", uri.query);
    set_piece(L, "fragment", uri.fragment);
    if (uri.port) lgp_set_integer(L, "port", uri.port);
    return 1;
}

static int uri_origin(lua_State *L)
{
    size_t len;
    const char *url = luaL_checklstring(L, 1, &len), *why;
    gp_uri uri;
    gp_buf *out = lgp_scratch(L);
    if (!gp_uri_parse(url, len, &uri, &why)) return refuse(L, "URL", why);
    gp_uri_origin(out, &uri);
    return lgp_push_scratch(L, out);
}

static int uri_join(lua_State *L)
{
    size_t base_len, len;
    const char *base = luaL_checklstring(L, 1, &base_len);
    const char *reference = luaL_checklstring(L, 2, &len), *why;
    gp_buf *out = lgp_scratch(L);
    if (!gp_uri_join(out, base, base_len, reference, len, &why)) return refuse(L, "URL", why);
    return lgp_push_scratch(L, out);
}

/* Replaces the string, number or boolean on top of the stack by its text; 0 for any other value.
 * Whole numbers read the same in every Lua: 17, never 17.0. */
static int to_text(lua_State *L)
{
    double number;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        return 1;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        number = lua_tonumber(L, -1);
        if (number >= -9007199254740992.0 && number <= 9007199254740992.0 &&
            number == (double)(long long)number) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)number);
            lua_pushstring(L, text);
        } else {
            lua_pushvalue(L, -1);
            lua_tostring(L, -1);
        }
        break;
    default:
        return 0;
    }
    lua_remove(L, -2);
    return 1;
}

/* Looks a parameter up in the table at index 2. Its text is left on the stack until the whole
 * template is done: nothing else keeps it alive. */
static int lookup(void *ctx, const char *name, size_t name_len, gp_uri_piece *value)
{
    lua_State *L = ctx;
    luaL_checkstack(L, 3, "too many parameters");
    lua_pushlstring(L, name, name_len);
    lua_rawget(L, 2);
    if (!to_text(L)) return 0;
    value->at = lua_tolstring(L, -1, &value->len);
    return 1;
}

/* expand("/projects/:project", {project = 17}) -> path | nil, message */
static int uri_expand(lua_State *L)
{
    gp_uri_piece text, which;
    const char *why;
    gp_buf *out = lgp_scratch(L);
    text.at = luaL_checklstring(L, 1, &text.len);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (gp_uri_expand(out, text, lookup, L, &which, &why)) return lgp_push_scratch(L, out);
    lua_pushnil(L);
    lua_pushlstring(L, which.at, which.len);
    lua_pushfstring(L, "parameter '%s' %s", lua_tostring(L, -1), why);
    lua_remove(L, -2);
    return 2;
}

/* Adds the item `which` (1: name, 2: value) of the pair on top of the stack. */
static void add_item(lua_State *L, gp_buf *out, int which, int pair, gp_uri_set set)
{
    const char *s;
    size_t len;
    lua_rawgeti(L, -1, which);
    if (!to_text(L))
        luaL_error(L, "pair %d: a string, number or boolean expected, not %s", pair,
                   luaL_typename(L, -1));
    s = lua_tolstring(L, -1, &len);
    gp_uri_encode(out, s, len, set);
    lua_pop(L, 1);
}

static int encode_pairs(lua_State *L, gp_uri_set set)
{
    gp_buf *out = lgp_scratch(L);
    int i, count;
    luaL_checktype(L, 1, LUA_TTABLE);
    count = (int)lua_rawlen(L, 1);
    for (i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        if (!lua_istable(L, -1)) return luaL_error(L, "pair %d: {name, value} expected", i);
        if (i > 1) gp_buf_addc(out, '&');
        add_item(L, out, 1, i, set);
        gp_buf_addc(out, '=');
        add_item(L, out, 2, i, set);
        lua_pop(L, 1);
    }
    return lgp_push_scratch(L, out);
}

static int uri_encode_query(lua_State *L)
{
    return encode_pairs(L, GP_URI_COMPONENT);
}

static int uri_encode_form(lua_State *L)
{
    return encode_pairs(L, GP_URI_FORM);
}

static int uri_has_control(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, gp_uri_has_control(s, len));
    return 1;
}

int lgp_open_uri(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"segment", uri_segment},
        {"query", uri_segment},
        {"form", uri_form},
        {"decode", uri_decode},
        {"decode_form", uri_decode_form},
        {"parse", uri_parse},
        {"origin", uri_origin},
        {"join", uri_join},
        {"expand", uri_expand},
        {"encode_query", uri_encode_query},
        {"encode_form", uri_encode_form},
        {"has_control", uri_has_control},
        {NULL, NULL},
    };
    lgp_module_scratch(L, functions);
    return 1;
}
