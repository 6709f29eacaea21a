/* core.scenario: the status of a simulated pipeline that follows a scenario. */
#include "core/scenario.h"

#include <string.h>

#include "core_modules.h"
#include "lgp.h"

/* A database's 0 and 1 count as false and true. */
static int flag(lua_State *L, int index, const char *key)
{
    int set;
    lua_getfield(L, index, key);
    set = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) != 0 : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

/* The row at `index`; NULL where nothing is given. */
static const gp_scenario *read_row(lua_State *L, int index, gp_scenario *row)
{
    const char *status;
    memset(row, 0, sizeof *row);
    if (lua_isnoneornil(L, index)) return NULL;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "terminal_after_seconds");
    row->has_after = !lua_isnil(L, -1);
    lua_pop(L, 1);
    row->after = lgp_opt_number(L, index, "terminal_after_seconds", 0);
    status = lgp_opt_string(L, index, "terminal_status", NULL);
    if (status) {
        row->terminal = gp_status_from_name(status, strlen(status));
        if (row->terminal == GP_STATUS_NONE) luaL_error(L, "no such status: '%s'", status);
    }
    row->never_complete = flag(L, index, "never_complete");
    return row;
}

/* status(scenario|nil, override|nil, created_at, now) -> status */
static int scenario_status(lua_State *L)
{
    gp_scenario row, own;
    const gp_scenario *scenario = read_row(L, 1, &row), *override = read_row(L, 2, &own);
    double created_at = luaL_checknumber(L, 3), now = luaL_checknumber(L, 4);
    lua_pushstring(L, gp_status_name(gp_scenario_status(scenario, override, created_at, now)));
    return 1;
}

/* ends(scenario|nil, override|nil, created_at) -> status, time | nil */
static int scenario_ends(lua_State *L)
{
    gp_scenario row, own;
    const gp_scenario *scenario = read_row(L, 1, &row), *override = read_row(L, 2, &own);
    double end = 0;
    gp_status status = gp_scenario_end(scenario, override, luaL_checknumber(L, 3), &end);
    if (status == GP_STATUS_NONE) return 0;
    lua_pushstring(L, gp_status_name(status));
    lua_pushnumber(L, end);
    return 2;
}

int lgp_open_scenario(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"status", scenario_status}, {"ends", scenario_ends}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
