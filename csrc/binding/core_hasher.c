/*
 * core.hasher: an incremental SHA-256, for data too large for memory.
 *
 *   new() -> hasher
 *   hasher:update(bytes [, first [, last]])   adds bytes, or bytes:sub(first, last)
 *   hasher:value() -> 32 bytes                of all bytes so far; more may be added
 */
#include <openssl/evp.h>

#include "core_modules.h"
#include "lgp.h"

#define HASHER "gitlab_pipelines.hasher"

typedef struct hasher {
    EVP_MD_CTX *state, *copy;
} hasher;

static hasher *check(lua_State *L)
{
    hasher *self = luaL_checkudata(L, 1, HASHER);
    if (!self->state) luaL_error(L, "the hasher is closed");
    return self;
}

static int hasher_close(lua_State *L)
{
    hasher *self = luaL_checkudata(L, 1, HASHER);
    EVP_MD_CTX_free(self->state);
    EVP_MD_CTX_free(self->copy);
    self->state = self->copy = NULL;
    return 0;
}

static int hasher_new(lua_State *L)
{
    hasher *self = lgp_new(L, sizeof *self, HASHER);
    self->state = EVP_MD_CTX_new();
    self->copy = EVP_MD_CTX_new();
    if (!self->state || !self->copy || !EVP_DigestInit_ex(self->state, EVP_sha256(), NULL)) {
        return luaL_error(L, "not enough memory");
    }
    return 1;
}

static int hasher_update(lua_State *L)
{
    hasher *self = check(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    double first = luaL_optnumber(L, 3, 1), last = luaL_optnumber(L, 4, (double)len);
    if (last > (double)len) last = (double)len;
    if (first < 1 || last < first) return 0;
    if (!EVP_DigestUpdate(self->state, bytes + (size_t)first - 1, (size_t)(last - first) + 1)) {
        return luaL_error(L, "SHA-256 failed");
    }
    return 0;
}

static int hasher_value(lua_State *L)
{
    hasher *self = check(L);
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (!EVP_MD_CTX_copy_ex(self->copy, self->state) ||
        !EVP_DigestFinal_ex(self->copy, out, &len)) {
        return luaL_error(L, "SHA-256 failed");
    }
    lua_pushlstring(L, (const char *)out, len);
    return 1;
}

int lgp_open_hasher(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"update", hasher_update}, {"value", hasher_value}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"new", hasher_new}, {NULL, NULL}};
    lgp_type(L, HASHER, methods, NULL, hasher_close);
    lgp_module(L, functions);
    return 1;
}
