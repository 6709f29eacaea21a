/*
 * core.term: the terminal, and whether a file may hold secrets.
 *
 *   isatty(fd) -> boolean
 *   size(fd) -> columns, rows | nil       nil if it is not a terminal
 *   private(path) -> true | nil, reason   true for a regular file of ours, mode 0600 or less
 */
#include <errno.h>
#include <string.h>

#include "core_modules.h"
#include "io/term.h"
#include "lgp.h"

static int term_isatty(lua_State *L)
{
    lua_pushboolean(L, gp_term_is_terminal((int)luaL_checkinteger(L, 1)));
    return 1;
}

static int term_size(lua_State *L)
{
    int columns, rows;
    if (gp_term_size((int)luaL_checkinteger(L, 1), &columns, &rows) != 0) return 0;
    lgp_push_integer(L, columns);
    lgp_push_integer(L, rows);
    return 2;
}

static int term_private(lua_State *L)
{
    static const char *const reasons[] = {
        [GP_FILE_OPEN] = "it is readable by others: run chmod 600",
        [GP_FILE_FOREIGN] = "it belongs to another user",
        [GP_FILE_IRREGULAR] = "it is not a regular file",
    };
    enum gp_privacy privacy = gp_file_private(luaL_checkstring(L, 1));
    if (privacy == GP_FILE_PRIVATE) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, privacy == GP_FILE_UNREADABLE ? strerror(errno) : reasons[privacy]);
    return 2;
}

int lgp_open_term(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"isatty", term_isatty}, {"size", term_size}, {"private", term_private}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
