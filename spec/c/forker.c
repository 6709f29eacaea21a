/* fork, wait and _exit for specs that need a forked process. */
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

static int forker_fork(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)fork());
    return 1;
}

static int forker_wait(lua_State *L)
{
    int status = 0;
    waitpid((pid_t)luaL_checknumber(L, 1), &status, 0);
    lua_pushnumber(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 1;
}

static int forker_exit(lua_State *L)
{
    _exit((int)luaL_checknumber(L, 1));
    return 0;
}

int luaopen_forker(lua_State *L);

int luaopen_forker(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, forker_fork);
    lua_setfield(L, -2, "fork");
    lua_pushcfunction(L, forker_wait);
    lua_setfield(L, -2, "wait");
    lua_pushcfunction(L, forker_exit);
    lua_setfield(L, -2, "exit");
    return 1;
}
