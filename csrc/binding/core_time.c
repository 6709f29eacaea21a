/* core.time: parses and formats times. */
#include "core/time.h"

#include "core_modules.h"
#include "lgp.h"

static int parse_with(lua_State *L, int (*parse)(const char *, size_t, double *))
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    double seconds;
    if (!parse(text, len, &seconds)) {
        lua_pushnil(L);
        lua_pushliteral(L, "not a time");
        return 2;
    }
    lua_pushnumber(L, seconds);
    return 1;
}

static int format_with(lua_State *L, int (*format)(double, char[GP_TIME_TEXT]))
{
    char text[GP_TIME_TEXT];
    if (!format(luaL_checknumber(L, 1), text))
        return luaL_argerror(L, 1, "a time within the years 1 to 9999 expected");
    lua_pushstring(L, text);
    return 1;
}

static int time_parse(lua_State *L)
{
    return parse_with(L, gp_time_parse);
}

static int time_parse_iso(lua_State *L)
{
    return parse_with(L, gp_time_parse_iso);
}

static int time_parse_http(lua_State *L)
{
    return parse_with(L, gp_time_parse_http);
}

static int time_iso(lua_State *L)
{
    return format_with(L, gp_time_format_iso);
}

static int time_http(lua_State *L)
{
    return format_with(L, gp_time_format_http);
}

static int time_utc(lua_State *L)
{
    return format_with(L, gp_time_format_utc);
}

int lgp_open_time(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"parse", time_parse}, {"parse_iso", time_parse_iso}, {"parse_http", time_parse_http},
        {"iso", time_iso},     {"http", time_http},           {"utc", time_utc},
        {NULL, NULL},
    };
    lgp_module(L, functions);
    return 1;
}
