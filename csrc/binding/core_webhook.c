/* core.webhook: signs and verifies deliveries. A token or key is a string or a secret. */
#include "core/webhook.h"

#include "core/secret.h"
#include "core_modules.h"
#include "lgp.h"

enum { MAX_KEYS = 16 };

/* The text of a string or secret, which keeps owning it. */
static const char *text_of(lua_State *L, int index, size_t *len)
{
    const gp_secret *secret;
    if (lua_type(L, index) != LUA_TUSERDATA) return luaL_checklstring(L, index, len);
    secret = luaL_checkudata(L, index, GP_SECRET_TYPE);
    luaL_argcheck(L, gp_secret_is(secret, lua_rawlen(L, index)) && !secret->closed, index,
                  "the secret is closed, or was made by another build");
    *len = secret->len;
    return secret->data;
}

static void read_key(lua_State *L, int index, int argument, gp_webhook_key *key)
{
    size_t len;
    const char *text = text_of(L, index, &len);
    luaL_argcheck(L, gp_webhook_key_read(key, text, len), argument,
                  "a signing token must be whsec_ and the base64 of 24 to 64 bytes");
}

static gp_webhook_message message_at(lua_State *L, int first)
{
    gp_webhook_message m;
    m.id = luaL_checklstring(L, first, &m.id_len);
    m.timestamp = luaL_checklstring(L, first + 1, &m.timestamp_len);
    m.body = luaL_checklstring(L, first + 2, &m.body_len);
    return m;
}

/* sign(token, id, timestamp, body) -> "v1,..." */
static int webhook_sign(lua_State *L)
{
    gp_webhook_message message = message_at(L, 2);
    gp_webhook_key key;
    char out[GP_WEBHOOK_SIGNATURE_SIZE];
    int good;
    read_key(L, 1, 1, &key);
    good = gp_webhook_sign(&key, &message, out);
    gp_webhook_key_close(&key);
    if (!good) return luaL_error(L, "HMAC failed");
    lua_pushstring(L, out);
    return 1;
}

/* verify({token, ...}, id, timestamp, body, header) -> boolean */
static int webhook_verify(lua_State *L)
{
    gp_webhook_message message = message_at(L, 2);
    gp_webhook_key keys[MAX_KEYS];
    size_t header_len, count, i;
    const char *header = luaL_checklstring(L, 5, &header_len);
    luaL_checktype(L, 1, LUA_TTABLE);
    count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= MAX_KEYS, 1, "too many keys");
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        read_key(L, -1, 1, &keys[i]);
        lua_pop(L, 1);
    }
    lua_pushboolean(L, gp_webhook_verify(keys, count, &message, header, header_len));
    for (i = 0; i < count; i++)
        gp_webhook_key_close(&keys[i]);
    return 1;
}

/* is_token(text) -> boolean: can it be used as a signing token? */
static int webhook_is_token(lua_State *L)
{
    size_t len;
    const char *text = text_of(L, 1, &len);
    gp_webhook_key key;
    lua_pushboolean(L, gp_webhook_key_read(&key, text, len));
    gp_webhook_key_close(&key);
    return 1;
}

/* same(a, b) -> boolean, in constant time */
static int webhook_same(lua_State *L)
{
    size_t a_len, b_len;
    const char *a = text_of(L, 1, &a_len), *b = text_of(L, 2, &b_len);
    lua_pushboolean(L, gp_webhook_same(a, a_len, b, b_len));
    return 1;
}

int lgp_open_webhook(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sign", webhook_sign},
        {"verify", webhook_verify},
        {"is_token", webhook_is_token},
        {"same", webhook_same},
        {NULL, NULL},
    };
    lgp_module(L, functions);
    return 1;
}
