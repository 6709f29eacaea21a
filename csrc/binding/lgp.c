#include "lgp.h"

#include <stdlib.h>
#include <string.h>

#if LUA_VERSION_NUM < 502
int lgp_absindex(lua_State *L, int index)
{
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}
#endif

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

const gp_alloc *lgp_alloc(void)
{
    static const gp_alloc alloc = {resize, NULL};
    return &alloc;
}

static void *resize_secret(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    void *block = new_size ? malloc(new_size) : NULL;
    (void)ctx;
    if (new_size && !block) return NULL;
    if (ptr) {
        if (new_size) memcpy(block, ptr, old_size < new_size ? old_size : new_size);
        explicit_bzero(ptr, old_size);
        free(ptr);
    }
    return block;
}

const gp_alloc *lgp_alloc_secret(void)
{
    static const gp_alloc alloc = {resize_secret, NULL};
    return &alloc;
}

#define SCRATCH_TYPE "gitlab_pipelines.scratch"
#define SCRATCH_KEPT 65536

static int scratch_close(lua_State *L)
{
    gp_buf *buf = luaL_checkudata(L, 1, SCRATCH_TYPE);
    if (buf->alloc) gp_buf_free(buf);
    return 0;
}

gp_buf *lgp_new_scratch(lua_State *L)
{
    gp_buf *buf;
    lgp_type(L, SCRATCH_TYPE, NULL, NULL, scratch_close);
    buf = lgp_new(L, sizeof *buf, SCRATCH_TYPE);
    gp_buf_init(buf, lgp_alloc_secret());
    return buf;
}

void lgp_module_scratch(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    lgp_new_scratch(L);
    luaL_setfuncs(L, functions, 1);
}

gp_buf *lgp_scratch(lua_State *L)
{
    gp_buf *buf = lua_touserdata(L, lua_upvalueindex(1));
    gp_buf_clear(buf);
    return buf;
}

int lgp_push_scratch(lua_State *L, gp_buf *buf)
{
    if (buf->failed) return luaL_error(L, "not enough memory");
    lua_pushlstring(L, gp_buf_text(buf), buf->len);
    if (buf->cap > SCRATCH_KEPT) {
        gp_buf_free(buf);
    } else if (buf->len) {
        explicit_bzero(buf->data, buf->len);
    }
    return 1;
}

void *lgp_new(lua_State *L, size_t size, const char *name)
{
    void *object = lua_newuserdata(L, size);
    memset(object, 0, size);
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
    return object;
}

void lgp_keep(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, 1);
    lua_setuservalue(L, -2);
}

void lgp_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta,
              lua_CFunction close)
{
    if (luaL_newmetatable(L, name)) {
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__name");
        if (meta) luaL_setfuncs(L, meta, 0);
        if (methods || close) {
            lua_newtable(L);
            if (methods) {
                lua_pushvalue(L, -2);
                luaL_setfuncs(L, methods, 1);
            }
            if (close) {
                lua_pushcfunction(L, close);
                lua_setfield(L, -2, "close");
            }
            lua_setfield(L, -2, "__index");
        }
        if (close) {
            lua_pushcfunction(L, close);
            lua_setfield(L, -2, "__gc");
            lua_pushcfunction(L, close);
            lua_setfield(L, -2, "__close");
        }
        /* getmetatable() in Lua returns only the name, so that no code can replace a finalizer. */
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}

void *lgp_self(lua_State *L, const char *name)
{
    void *object = lua_touserdata(L, 1);
    if (object && lua_getmetatable(L, 1)) {
        int same = lua_rawequal(L, -1, lua_upvalueindex(1));
        lua_pop(L, 1);
        if (same) return object;
    }
    return luaL_checkudata(L, 1, name);
}

void lgp_module(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
}

void lgp_push_integer(lua_State *L, long long value)
{
#if LGP_HAS_INTEGERS
    lua_pushinteger(L, (lua_Integer)value);
#else
    lua_pushnumber(L, (lua_Number)value);
#endif
}

void lgp_set_integer(lua_State *L, const char *key, long long value)
{
    lgp_push_integer(L, value);
    lua_setfield(L, -2, key);
}

void lgp_set_number(lua_State *L, const char *key, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

void lgp_set_string(lua_State *L, const char *key, const char *value)
{
    if (!value) return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

void lgp_set_boolean(lua_State *L, const char *key, int value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* Pushes t[key] and returns 1; pushes nothing and returns 0 if it is absent. */
static int field(lua_State *L, int index, const char *key)
{
    lua_getfield(L, index, key);
    if (!lua_isnil(L, -1)) return 1;
    lua_pop(L, 1);
    return 0;
}

static void wrong(lua_State *L, const char *key, const char *expected)
{
    luaL_error(L, "field '%s' must be a %s, not a %s", key, expected, luaL_typename(L, -1));
}

double lgp_opt_number(lua_State *L, int index, const char *key, double fallback)
{
    double value;
    if (!field(L, index, key)) return fallback;
    if (lua_type(L, -1) != LUA_TNUMBER) wrong(L, key, "number");
    value = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return value;
}

long long lgp_opt_integer(lua_State *L, int index, const char *key, long long fallback)
{
    double value = lgp_opt_number(L, index, key, (double)fallback);
    if (!(value >= -9007199254740992.0 && value <= 9007199254740992.0) ||
        value != (double)(long long)value) {
        luaL_error(L, "field '%s' must be a whole number", key);
    }
    return (long long)value;
}

const char *lgp_opt_string(lua_State *L, int index, const char *key, const char *fallback)
{
    const char *value;
    if (!field(L, index, key)) return fallback;
    if (lua_type(L, -1) != LUA_TSTRING) wrong(L, key, "string");
    value = lua_tostring(L, -1);
    lua_pop(L, 1);
    return value;
}

int lgp_opt_boolean(lua_State *L, int index, const char *key, int fallback)
{
    int value;
    if (!field(L, index, key)) return fallback;
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}
