/*
 * Common to every file of the binding: one form of the Lua C API for Lua 5.3, 5.4 and LuaJIT, and
 * helpers that create and check userdata.
 *
 * The binding's rules: a userdata is allocated, zeroed and given its metatable before it acquires
 * anything; `close`, `__gc` and `__close` are one idempotent function; C never calls Lua, never
 * yields, and keeps no lua_State and no registry reference.
 */
#ifndef LGP_H
#define LGP_H

#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

#include "core/alloc.h"
#include "core/buf.h"

/* Each shared object exports only its luaopen_ function. */
#define LGP_EXPORT __attribute__((visibility("default")))

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
int lgp_absindex(lua_State *L, int index);
#define lua_absindex     lgp_absindex
#define lua_setuservalue lua_setfenv
#define lua_getuservalue lua_getfenv
#endif

#if LUA_VERSION_NUM >= 503
#define LGP_HAS_INTEGERS    1
#define lgp_isinteger(L, i) lua_isinteger((L), (i))
#else
#define LGP_HAS_INTEGERS    0
#define lgp_isinteger(L, i) 0
#endif

/* Pushes a zeroed userdata of `size` bytes with the metatable registered under `name`. */
void *lgp_new(lua_State *L, size_t size, const char *name);

/*
 * Registers the metatable `name` (registry key and __name) with `methods` as __index and `meta`
 * as metamethods. `close`, when not NULL, becomes the method `close` and the metamethods __gc and
 * __close. Leaves nothing on the stack.
 */
void lgp_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta,
              lua_CFunction close);

/* The first argument of a method of the type `name`, or an error as luaL_checkudata raises it. The
 * metatable is every method's first upvalue, which is quicker to compare with than to look up. */
void *lgp_self(lua_State *L, const char *name);

/* The userdata on top of the stack keeps the value at `index` alive, in its user value. */
void lgp_keep(lua_State *L, int index);

/* Pushes a table that holds `functions`. */
void lgp_module(lua_State *L, const luaL_Reg *functions);

/* Sets t[key] = value for the table on top of the stack. */
void lgp_set_integer(lua_State *L, const char *key, long long value);
void lgp_set_number(lua_State *L, const char *key, double value);
void lgp_set_string(lua_State *L, const char *key, const char *value);
void lgp_set_boolean(lua_State *L, const char *key, int value);

/* Pushes a whole number: an integer where Lua has them, a float in LuaJIT. */
void lgp_push_integer(lua_State *L, long long value);

/* The allocator for csrc/core: realloc and free. Static; never freed. */
const gp_alloc *lgp_alloc(void);

/* The same for blocks that may hold secrets: a block is cleansed before it is freed or moved. */
const gp_alloc *lgp_alloc_secret(void);

/*
 * A scratch buffer for modules whose functions each build one string: the first upvalue of every
 * function, so that later calls need not allocate. lgp_push_scratch pushes the
 * content as a string, cleanses it and returns 1; it raises if memory ran out. C never calls Lua,
 * so no two calls use it at once.
 */
void lgp_module_scratch(lua_State *L, const luaL_Reg *functions);
gp_buf *lgp_new_scratch(lua_State *L); /* pushes one, for a closure with upvalues of its own */
gp_buf *lgp_scratch(lua_State *L);
int lgp_push_scratch(lua_State *L, gp_buf *buf);

/* Fields of the table at `index`; an absent field gives `fallback`, a wrong type raises with its
 * name. The string stays owned by the table. */
double lgp_opt_number(lua_State *L, int index, const char *key, double fallback);
long long lgp_opt_integer(lua_State *L, int index, const char *key, long long fallback);
const char *lgp_opt_string(lua_State *L, int index, const char *key, const char *fallback);
int lgp_opt_boolean(lua_State *L, int index, const char *key, int fallback);

#endif
