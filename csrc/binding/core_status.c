/* core.status: the kinds of statuses, and the status composed from a list of jobs. */
#include "core/status.h"

#include "core_modules.h"
#include "lgp.h"

static gp_status_kind kind_at(lua_State *L, int index)
{
    size_t len;
    const char *name;
    if (lua_type(L, index) != LUA_TSTRING) return GP_KIND_UNKNOWN;
    name = lua_tolstring(L, index, &len);
    return gp_status_kind_of_name(name, len);
}

static int status_kind(lua_State *L)
{
    lua_pushstring(L, gp_status_kind_name(kind_at(L, 1)));
    return 1;
}

static int status_is_finished(lua_State *L)
{
    lua_pushboolean(L, kind_at(L, 1) == GP_KIND_FINISHED);
    return 1;
}

static int status_is_active(lua_State *L)
{
    lua_pushboolean(L, kind_at(L, 1) == GP_KIND_ACTIVE);
    return 1;
}

static int status_is_blocked(lua_State *L)
{
    lua_pushboolean(L, kind_at(L, 1) == GP_KIND_BLOCKED);
    return 1;
}

static int status_is_alive(lua_State *L)
{
    gp_status_kind kind = kind_at(L, 1);
    lua_pushboolean(L, kind == GP_KIND_ACTIVE || kind == GP_KIND_ALIVE);
    return 1;
}

/* The symbol of the job on top of the stack, which is popped. */
static gp_status job_symbol(lua_State *L)
{
    size_t len = 0;
    const char *name = "";
    gp_status symbol;
    if (!lua_istable(L, -1)) luaL_error(L, "compose: each job must be a table with a status");
    lua_getfield(L, -1, "status");
    if (lua_type(L, -1) == LUA_TSTRING) name = lua_tolstring(L, -1, &len);
    lua_getfield(L, -2, "allow_failure");
    symbol = gp_status_symbol(gp_status_from_name(name, len), lua_toboolean(L, -1));
    lua_pop(L, 3);
    return symbol;
}

/* compose(jobs, has_needs?) -> status */
static int status_compose(lua_State *L)
{
    unsigned symbols = 0;
    gp_status status;
    int i, count;
    luaL_checktype(L, 1, LUA_TTABLE);
    count = (int)lua_rawlen(L, 1);
    for (i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        symbols |= GP_STATUS_BIT(job_symbol(L));
    }
    status = gp_status_compose(symbols, lua_toboolean(L, 2));
    lua_pushstring(L, status == GP_STATUS_NONE ? "success" : gp_status_name(status));
    return 1;
}

int lgp_open_status(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"compose", status_compose},
        {"kind", status_kind},
        {"is_finished", status_is_finished},
        {"is_active", status_is_active},
        {"is_blocked", status_is_blocked},
        {"is_alive", status_is_alive},
        {NULL, NULL},
    };
    int status;
    lgp_module(L, functions);
    /* status.all: every status, as an array. */
    lua_newtable(L);
    for (status = GP_STATUS_CREATED; status < GP_STATUS_WARNED; status++) {
        lua_pushstring(L, gp_status_name((gp_status)status));
        lua_rawseti(L, -2, status - GP_STATUS_CREATED + 1);
    }
    lua_setfield(L, -2, "all");
    return 1;
}
