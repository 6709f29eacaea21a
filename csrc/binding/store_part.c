/*
 * store.part: the partial files of downloads.
 *
 *   claim(path) -> part | nil, "held" | nil, "system", message
 *   make(path) -> part | nil, "system", message      creates a new file
 *   part:size() -> bytes            part:cut(size) -> true | nil, "system", message
 *   part:close()                    releases it; idempotent
 *   may_be_named(path) -> boolean   false if a folder, device or pipe has that name
 *   folder(path) -> {created folders, outermost first} | nil, "system", message
 */
#include <errno.h>
#include <string.h>

#include "io/partial_file.h"
#include "lgp.h"
#include "store_modules.h"

#define PART "gitlab_pipelines.part"

static gp_part *check(lua_State *L)
{
    gp_part *self = luaL_checkudata(L, 1, PART);
    if (self->fd < 0) luaL_error(L, "the partial file is closed");
    return self;
}

static int push_refusal(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_pushliteral(L, "system");
    lua_pushstring(L, message);
    return 3;
}

static int open_part(lua_State *L,
                     gp_part_claim_result open(const char *, gp_part *, char *, size_t))
{
    const char *path = luaL_checkstring(L, 1);
    gp_part *self = lgp_new(L, sizeof *self, PART);
    char error[512] = "";
    self->fd = -1;
    switch (open(path, self, error, sizeof error)) {
    case GP_PART_OURS:
        return 1;
    case GP_PART_HELD:
        lua_pushnil(L);
        lua_pushliteral(L, "held");
        return 2;
    default:
        return push_refusal(L, error);
    }
}

static int part_claim(lua_State *L)
{
    return open_part(L, gp_part_claim);
}

static int part_make(lua_State *L)
{
    return open_part(L, gp_part_make);
}

static int part_size(lua_State *L)
{
    lgp_push_integer(L, (long long)gp_part_size(check(L)));
    return 1;
}

static int part_cut(lua_State *L)
{
    gp_part *self = check(L);
    double size = luaL_checknumber(L, 2);
    luaL_argcheck(L, size >= 0 && size < 9007199254740992.0, 2, "must be a size");
    if (gp_part_cut(self, (int64_t)size) != 0) return push_refusal(L, strerror(errno));
    lua_pushboolean(L, 1);
    return 1;
}

static int part_close(lua_State *L)
{
    gp_part_release(luaL_checkudata(L, 1, PART));
    return 0;
}

static int part_may_be_named(lua_State *L)
{
    lua_pushboolean(L, gp_part_may_be_named(luaL_checkstring(L, 1)));
    return 1;
}

static void add_made(void *ctx, const char *path)
{
    lua_State *L = ctx;
    lua_pushstring(L, path);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
}

static int part_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_newtable(L);
    if (gp_part_folder(path, add_made, L) != 0) return push_refusal(L, strerror(errno));
    return 1;
}

int lgp_open_part(lua_State *L)
{
    static const luaL_Reg methods[] = {{"size", part_size}, {"cut", part_cut}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"claim", part_claim},
                                         {"make", part_make},
                                         {"may_be_named", part_may_be_named},
                                         {"folder", part_folder},
                                         {NULL, NULL}};
    lgp_type(L, PART, methods, NULL, part_close);
    lgp_module(L, functions);
    return 1;
}
