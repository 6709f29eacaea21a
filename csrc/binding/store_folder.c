/* store.folder: place(root, name) -> path | nil, why not. See csrc/io/folder.h. */
#include <limits.h>
#include <string.h>

#include "io/folder.h"
#include "lgp.h"
#include "store_modules.h"

static int folder_place(lua_State *L)
{
    char path[PATH_MAX];
    size_t len;
    const char *root = luaL_checkstring(L, 1), *name = luaL_checklstring(L, 2, &len);
    const char *problem = strlen(name) != len ? "the path holds control characters"
                                              : gp_folder_place(root, name, path, sizeof path);
    if (!problem) {
        lua_pushstring(L, path);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, problem);
    return 2;
}

int lgp_open_folder(lua_State *L)
{
    static const luaL_Reg functions[] = {{"place", folder_place}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
