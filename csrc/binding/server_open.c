/* server.so: an HTTP server for a service (lgp_http_service.h). Loads no database and no HTTP
 * client. */
#include "lgp_http_service.h"
#include "server_server.h"

LGP_EXPORT int luaopen_gitlab_pipelines_server(lua_State *L);

int luaopen_gitlab_pipelines_server(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open", lgp_server_open},
        {NULL, NULL},
    };
    lgp_type(L, LGP_HTTP_SERVICE, NULL, NULL, NULL);
    lgp_server_type(L);
    lgp_module(L, functions);
    return 1;
}
