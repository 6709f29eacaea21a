/*
 * core.retry: what a response of GitLab means, for Lua.
 *
 *   sentence(status, body) -> "creation_limit" (400) | "resource_lock" (409) |
 *                             "request_limit" (429) | nil
 *     body nil: none
 */
#include "core/retry.h"

#include "core_modules.h"
#include "lgp.h"

static int retry_sentence(lua_State *L)
{
    int status = (int)luaL_checkinteger(L, 1);
    size_t len = 0;
    const char *body = luaL_optlstring(L, 2, NULL, &len);
    gp_sentence sentence = gp_retry_sentence(status, body, len);
    if (sentence == GP_SENTENCE_NONE) return 0;
    lua_pushstring(L, gp_retry_sentence_name(sentence));
    return 1;
}

int lgp_open_retry(lua_State *L)
{
    static const luaL_Reg functions[] = {{"sentence", retry_sentence}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
