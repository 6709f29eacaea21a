/* mock.so: the simulated GitLab and its server. Loads no HTTP client. */
#include "lgp.h"
#include "mock_mock.h"
#include "mock_server.h"

LGP_EXPORT int luaopen_gitlab_pipelines_mock(lua_State *L);

int luaopen_gitlab_pipelines_mock(lua_State *L)
{
    lua_newtable(L);
    lgp_open_server(L);
    lgp_open_mock(L);
    return 1;
}
