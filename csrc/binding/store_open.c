/* store.so: modules that read and write files: archives, partial files, folders and the journal. */
#include "lgp.h"
#include "store_modules.h"

LGP_EXPORT int luaopen_gitlab_pipelines_store(lua_State *L);

int luaopen_gitlab_pipelines_store(lua_State *L)
{
    lua_newtable(L);
    lgp_open_archive(L);
    lua_setfield(L, -2, "archive");
    lgp_open_journal(L);
    lua_setfield(L, -2, "journal");
    lgp_open_part(L);
    lua_setfield(L, -2, "part");
    lgp_open_folder(L);
    lua_setfield(L, -2, "folder");
    return 1;
}
