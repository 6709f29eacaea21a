/*
 * core.ref: empty userdata with a metatable of the caller's choice. Lua 5.3 and 5.4 have no
 * newproxy, and a table would allow `#` and `pairs`, which a flow's references must not.
 */
#include "core_modules.h"
#include "lgp.h"

static int ref_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newuserdata(L, 0);
    lua_insert(L, 1);
    lua_setmetatable(L, 1);
    return 1;
}

int lgp_open_ref(lua_State *L)
{
    static const luaL_Reg functions[] = {{"new", ref_new}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
