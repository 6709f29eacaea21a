/* simulation.so: the simulated GitLab. Loads no HTTP server and no HTTP client. */
#include "lgp_http_service.h"
#include "simulation_gitlab.h"

LGP_EXPORT int luaopen_gitlab_pipelines_simulation(lua_State *L);

int luaopen_gitlab_pipelines_simulation(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open", lgp_simulation_open},
        {NULL, NULL},
    };
    lgp_type(L, LGP_HTTP_SERVICE, NULL, NULL, NULL);
    lgp_simulation_type(L);
    lgp_module(L, functions);
    return 1;
}
