/* http.so: the HTTP engine for Lua. Loaded only to send requests over a network. */
#include <curl/curl.h>

#include "http_userdata.h"

static int version(lua_State *L)
{
    lua_pushstring(L, curl_version());
    return 1;
}

static const luaL_Reg functions[] = {
    {"engine", lgp_http_engine_open},
    {"version", version},
    {NULL, NULL},
};

LGP_EXPORT int luaopen_gitlab_pipelines_http(lua_State *L);

int luaopen_gitlab_pipelines_http(lua_State *L)
{
    lgp_http_engine_type(L);
    lgp_http_transfer_type(L);
    lgp_module(L, functions);
    return 1;
}
