/*
 * store.folder: see csrc/io/folder.h.
 *
 *   place(root, name) -> path | nil, reason
 *   make(path)        -> true | nil, message; only the owner has access
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
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

static int folder_make(lua_State *L)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", luaL_checkstring(L, 1)) >= (int)sizeof path) {
        lua_pushnil(L);
        lua_pushliteral(L, "the folder's path is too long");
        return 2;
    }
    if (gp_folder_make(path, 0700) != 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", path, strerror(errno));
        return 2;
    }
    lua_pushboolean(L, 1);
    return 1;
}

int lgp_open_folder(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"place", folder_place}, {"make", folder_make}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
