#include "core/webhook.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { BLOCK = 64, DIGEST = 32 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Keys ------------------------------------------------------------------------------------- */

static int digit(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* Padded base64, nothing else: the number of bytes, or 0 when it is malformed or does not fit. */
static size_t decode(const char *text, size_t len, unsigned char *out, size_t size)
{
    size_t pad = len >= 2 ? (size_t)(text[len - 1] == '=') + (text[len - 2] == '=') : 0, used = 0,
           i;
    unsigned bits = 0;
    if (!len || len % 4 || len / 4 * 3 - pad > size) return 0;
    for (i = 0; i < len - pad; i++) {
        int value = digit(text[i]);
        if (value < 0) return 0;
        bits = bits << 6 | (unsigned)value;
        if (i % 4) out[used++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* Unused bits must be zero, so that a key has only one encoding. */
    return pad && bits & (pad == 1 ? 3u : 15u) ? 0 : used;
}

int gp_webhook_key_read(gp_webhook_key *key, const char *text, size_t len)
{
    static const char prefix[] = "whsec_";
    size_t skip = len >= sizeof prefix - 1 && memcmp(text, prefix, sizeof prefix - 1) == 0
                      ? sizeof prefix - 1
                      : 0;
    key->len = decode(text + skip, len - skip, key->data, sizeof key->data);
    if (key->len >= GP_WEBHOOK_KEY_MIN) return 1;
    gp_webhook_key_close(key);
    return 0;
}

void gp_webhook_key_close(gp_webhook_key *key)
{
    OPENSSL_cleanse(key->data, sizeof key->data);
    key->len = 0;
}

/* Signing ---------------------------------------------------------------------------------- */

/* HMAC in its two passes; a key is never longer than a block. */
static int hmac(EVP_MD_CTX *ctx, const gp_webhook_key *key, const gp_webhook_message *m,
                unsigned char out[DIGEST])
{
    unsigned char pad[BLOCK], inner[DIGEST];
    size_t i;
    int good;
    for (i = 0; i < BLOCK; i++)
        pad[i] = (unsigned char)((i < key->len ? key->data[i] : 0) ^ 0x36);
    good = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) && EVP_DigestUpdate(ctx, pad, BLOCK) &&
           EVP_DigestUpdate(ctx, m->id, m->id_len) && EVP_DigestUpdate(ctx, ".", 1) &&
           EVP_DigestUpdate(ctx, m->timestamp, m->timestamp_len) && EVP_DigestUpdate(ctx, ".", 1) &&
           EVP_DigestUpdate(ctx, m->body, m->body_len) && EVP_DigestFinal_ex(ctx, inner, NULL);
    for (i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    good = good && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
           EVP_DigestUpdate(ctx, pad, BLOCK) && EVP_DigestUpdate(ctx, inner, DIGEST) &&
           EVP_DigestFinal_ex(ctx, out, NULL);
    OPENSSL_cleanse(pad, sizeof pad);
    return good;
}

static void encode(const unsigned char digest[DIGEST], char *out)
{
    size_t i;
    for (i = 0; i < DIGEST; i += 3) {
        unsigned bits = (unsigned)digest[i] << 16 | (unsigned)digest[i + 1] << 8 |
                        (i + 2 < DIGEST ? digest[i + 2] : 0u);
        *out++ = alphabet[bits >> 18 & 63];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = i + 2 < DIGEST ? alphabet[bits & 63] : '=';
    }
    *out = 0;
}

int gp_webhook_sign(const gp_webhook_key *key, const gp_webhook_message *message,
                    char out[GP_WEBHOOK_SIGNATURE_SIZE])
{
    unsigned char digest[DIGEST];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = ctx && hmac(ctx, key, message, digest);
    EVP_MD_CTX_free(ctx);
    if (!good) return 0;
    out[0] = 'v';
    out[1] = '1';
    out[2] = ',';
    encode(digest, out + 3);
    return 1;
}

/* Verifying -------------------------------------------------------------------------------- */

int gp_webhook_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

/* Is `wanted` one of the signatures of the header? Compares all of them. */
static int holds(const char *header, size_t len, const char *wanted)
{
    size_t at = 0, wanted_len = strlen(wanted);
    int found = 0;
    while (at < len) {
        size_t end = at;
        while (end < len && header[end] != ' ')
            end++;
        found |= gp_webhook_same(header + at, end - at, wanted, wanted_len);
        at = end + 1;
    }
    return found;
}

int gp_webhook_verify(const gp_webhook_key *keys, size_t count, const gp_webhook_message *message,
                      const char *header, size_t header_len)
{
    char wanted[GP_WEBHOOK_SIGNATURE_SIZE];
    int found = 0;
    size_t i;
    for (i = 0; i < count; i++) {
        if (gp_webhook_sign(&keys[i], message, wanted)) found |= holds(header, header_len, wanted);
    }
    OPENSSL_cleanse(wanted, sizeof wanted);
    return found;
}
