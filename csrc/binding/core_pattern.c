/* core.pattern: Lua patterns and shell-like ones, as the simulated GitLab's worlds match them. */
#include "core/glob.h"
#include "core/pattern.h"

#include "core_modules.h"
#include "lgp.h"

/* match(pattern, text, effort?) -> boolean | nil, "invalid" or "too hard" */
static int pattern_match(lua_State *L)
{
    size_t pattern_len, text_len;
    const char *pattern = luaL_checklstring(L, 1, &pattern_len);
    const char *text = luaL_checklstring(L, 2, &text_len);
    lua_Number effort = luaL_optnumber(L, 3, GP_PATTERN_EFFORT);
    gp_pattern_result result =
        gp_pattern_match(pattern, pattern_len, text, text_len, (unsigned long)effort);
    if (result == GP_PATTERN_MATCH || result == GP_PATTERN_NO_MATCH) {
        lua_pushboolean(L, result == GP_PATTERN_MATCH);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, result == GP_PATTERN_INVALID ? "invalid" : "too hard");
    return 2;
}

static int pattern_is_valid(lua_State *L)
{
    size_t len;
    const char *pattern = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, gp_pattern_is_valid(pattern, len));
    return 1;
}

/* glob(pattern, text) -> boolean */
static int pattern_glob(lua_State *L)
{
    lua_pushboolean(L, gp_glob_match(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    return 1;
}

int lgp_open_pattern(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"match", pattern_match},
        {"is_valid", pattern_is_valid},
        {"glob", pattern_glob},
        {NULL, NULL},
    };
    lgp_module(L, functions);
    return 1;
}
