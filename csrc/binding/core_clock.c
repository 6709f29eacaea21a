/*
 * core.clock: the clock, waiting for descriptors, and trapped signals.
 *
 *   now() wall() random()          seconds, seconds, 0 <= x < 1
 *   poll({{fd, events}...}, s)     -> count of ready ones | nil, "interrupted" | nil, message;
 *                                  events "r", "w" or "rw"; s nil: no limit
 *   trap(name) -> true | nil       "INT", "TERM", "HUP", "PIPE": it only sets a flag from now on
 *   trapped() -> name | nil        the signal received since the last call
 *   untrap()                       restores the previous handlers
 */
#include <errno.h>
#include <string.h>

#include "core_modules.h"
#include "io/clock.h"
#include "io/poll.h"
#include "lgp.h"

static int clock_now(lua_State *L)
{
    lua_pushnumber(L, gp_clock_now());
    return 1;
}

static int clock_wall(lua_State *L)
{
    lua_pushnumber(L, gp_clock_wall());
    return 1;
}

static int clock_random(lua_State *L)
{
    lua_pushnumber(L, gp_clock_random());
    return 1;
}

/* Fills fds[i] from the {fd, events} pair on top of the stack and pops it. */
static void read_pair(lua_State *L, struct pollfd *fd)
{
    const char *events;
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    fd->fd = (int)luaL_checknumber(L, -2);
    events = luaL_checkstring(L, -1);
    fd->events = 0;
    fd->revents = 0;
    if (strchr(events, 'r')) fd->events |= POLLIN;
    if (strchr(events, 'w')) fd->events |= POLLOUT;
    lua_pop(L, 3);
}

static int clock_poll(lua_State *L)
{
    struct pollfd few[16], *fds = few;
    double seconds = luaL_optnumber(L, 2, -1);
    size_t count, i;
    int ready;
    luaL_checktype(L, 1, LUA_TTABLE);
    count = lua_rawlen(L, 1);
    /* Many descriptors: a userdata, which is freed even if an argument raises. */
    if (count > sizeof few / sizeof few[0]) fds = lua_newuserdata(L, count * sizeof *fds);
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        read_pair(L, &fds[i]);
    }
    ready = gp_poll(fds, count, seconds);
    if (ready >= 0) {
        lgp_push_integer(L, ready);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, ready == GP_POLL_INTERRUPTED ? "interrupted" : strerror(errno));
    return 2;
}

static int clock_trap(lua_State *L)
{
    if (gp_trap(luaL_checkstring(L, 1)) == 0)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    return 1;
}

static int clock_trapped(lua_State *L)
{
    lua_pushstring(L, gp_trapped());
    return 1;
}

static int clock_untrap(lua_State *L)
{
    (void)L;
    gp_untrap();
    return 0;
}

static const luaL_Reg functions[] = {
    {"now", clock_now},       {"wall", clock_wall}, {"random", clock_random},
    {"poll", clock_poll},     {"trap", clock_trap}, {"trapped", clock_trapped},
    {"untrap", clock_untrap}, {NULL, NULL},
};

int lgp_open_clock(lua_State *L)
{
    lgp_module(L, functions);
    return 1;
}
