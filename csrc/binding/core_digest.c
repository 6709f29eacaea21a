/* core.digest: SHA-256, HMAC-SHA256, random bytes, and text encodings of bytes. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core_modules.h"
#include "lgp.h"

#define SHA256_SIZE 32

static void push_hex(lua_State *L, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    luaL_Buffer text;
    size_t i;
    luaL_buffinit(L, &text);
    for (i = 0; i < len; i++) {
        luaL_addchar(&text, digits[bytes[i] >> 4]);
        luaL_addchar(&text, digits[bytes[i] & 15]);
    }
    luaL_pushresult(&text);
}

static void hash(lua_State *L, unsigned char out[SHA256_SIZE])
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (!EVP_Digest(text, len, out, NULL, EVP_sha256(), NULL)) luaL_error(L, "SHA-256 failed");
}

static int digest_sha256(lua_State *L)
{
    unsigned char out[SHA256_SIZE];
    hash(L, out);
    push_hex(L, out, sizeof out);
    return 1;
}

static int digest_sha256_raw(lua_State *L)
{
    unsigned char out[SHA256_SIZE];
    hash(L, out);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* hmac_sha256(key, text) -> 32 bytes */
static int digest_hmac(lua_State *L)
{
    unsigned char out[SHA256_SIZE];
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 1, &key_len), *text = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, key_len <= 0x7fffffff, 1, "too long");
    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, NULL))
        return luaL_error(L, "HMAC failed");
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* stretch(salt, text, rounds) -> hex of PBKDF2-HMAC-SHA256: to compare a secret later without
 * storing it. */
static int digest_stretch(lua_State *L)
{
    unsigned char out[SHA256_SIZE];
    size_t salt_len, len;
    const char *salt = luaL_checklstring(L, 1, &salt_len);
    const char *text = luaL_checklstring(L, 2, &len);
    lua_Integer rounds = luaL_checkinteger(L, 3);
    luaL_argcheck(L, rounds > 0 && rounds <= 10000000, 3, "1 to 10000000 expected");
    luaL_argcheck(L, len < 1 << 20 && salt_len < 1 << 20, 2, "too long");
    if (!PKCS5_PBKDF2_HMAC(text, (int)len, (const unsigned char *)salt, (int)salt_len, (int)rounds,
                           EVP_sha256(), sizeof out, out)) {
        return luaL_error(L, "PBKDF2 failed");
    }
    push_hex(L, out, sizeof out);
    return 1;
}

/* random(count) -> bytes from the kernel */
static int digest_random(lua_State *L)
{
    char bytes[256];
    lua_Integer count = luaL_checkinteger(L, 1);
    size_t got = 0;
    luaL_argcheck(L, count >= 0 && count <= (lua_Integer)sizeof bytes, 1, "0 to 256 expected");
    while (got < (size_t)count) {
        ssize_t n = getrandom(bytes + got, (size_t)count - got, 0);
        if (n < 0 && errno != EINTR) return luaL_error(L, "getrandom: %s", strerror(errno));
        if (n > 0) got += (size_t)n;
    }
    lua_pushlstring(L, bytes, got);
    explicit_bzero(bytes, sizeof bytes);
    return 1;
}

static int digest_hex(lua_State *L)
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    push_hex(L, (const unsigned char *)bytes, len);
    return 1;
}

/* Crockford's alphabet in lower case: no i, l, o, u. Five bits a letter, the last one padded with
 * zeros; 16 bytes make 26 letters. */
static int digest_base32(lua_State *L)
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    size_t len, i;
    const char *bytes = luaL_checklstring(L, 1, &len);
    unsigned held = 0, bits = 0;
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (i = 0; i < len; i++) {
        held = (held << 8 | (unsigned char)bytes[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5)
            luaL_addchar(&text, letters[held >> (bits - 5) & 31]);
    }
    if (bits) luaL_addchar(&text, letters[held << (5 - bits) & 31]);
    luaL_pushresult(&text);
    return 1;
}

static int digest_base64(lua_State *L)
{
    size_t len, i;
    const unsigned char *bytes = (const unsigned char *)luaL_checklstring(L, 1, &len);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (i = 0; i < len; i += 3) {
        unsigned char four[5];
        EVP_EncodeBlock(four, bytes + i, len - i < 3 ? (int)(len - i) : 3);
        luaL_addlstring(&text, (const char *)four, 4);
    }
    luaL_pushresult(&text);
    return 1;
}

int lgp_open_digest(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sha256", digest_sha256},
        {"sha256_raw", digest_sha256_raw},
        {"hmac_sha256", digest_hmac},
        {"stretch", digest_stretch},
        {"random", digest_random},
        {"hex", digest_hex},
        {"base32", digest_base32},
        {"base64", digest_base64},
        {NULL, NULL},
    };
    lgp_module(L, functions);
    return 1;
}
