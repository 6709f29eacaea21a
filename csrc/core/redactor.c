#include "core/redactor.h"

#include <string.h>

#include "core/buf.h"
#include "core/redact_unit.h"

static const char *const token_prefixes[] = {
    "glpat-",   "glcbt-", "glptt-", "gldt-", "glrt-",   "glrtr-",  "gloas-",
    "glagent-", "glft-",  "glimt-", "glwt-", "glsoat-", "glffct-",
};

static const char *const secret_headers[] = {
    "private-token",     "job-token", "authorization", "proxy-authorization", "x-gitlab-token",
    "webhook-signature", "cookie",    "set-cookie",    "deploy-token",
};

static const char *const parameters[] = {
    "private_token", "job_token", "access_token", "token", "sig", "signature",
};

static const char *const parameter_families[] = {"x-amz-", "x-goog-"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int add_part(gp_redactor *redactor, int kind, int tail, const char *bytes, size_t len)
{
    gp_redact_needle *needle;
    unsigned char first = (unsigned char)gp_redact_lower((unsigned char)*bytes);
    if (redactor->count == redactor->cap) {
        size_t cap = redactor->cap ? redactor->cap * 2 : 64;
        void *grown = redactor->alloc->resize(redactor->alloc->ctx, redactor->needles,
                                              redactor->cap * sizeof *needle, cap * sizeof *needle);
        if (!grown) return 0;
        redactor->needles = grown;
        redactor->cap = cap;
    }
    needle = &redactor->needles[redactor->count];
    needle->bytes = redactor->alloc->resize(redactor->alloc->ctx, NULL, 0, len);
    if (!needle->bytes) return 0;
    memcpy(needle->bytes, bytes, len);
    needle->len = len;
    needle->kind = kind;
    needle->tail = tail;
    needle->ambiguous = memchr(bytes, '%', len) || memchr(bytes, '\\', len);
    needle->next = redactor->first[first];
    redactor->first[first] = (int)redactor->count++;
    return 1;
}

static int add_needle(gp_redactor *redactor, int kind, const char *bytes, size_t len)
{
    return add_part(redactor, kind, 0, bytes, len);
}

/* Adds a form of a secret: whole, and its tails for when its first bytes ended a line. */
static int add_secret(gp_redactor *redactor, int kind, const char *bytes, size_t len)
{
    size_t from;
    if (!add_needle(redactor, kind, bytes, len)) return 0;
    for (from = 1; from < GP_NEEDLE_HEAD && len >= from + GP_NEEDLE_HEAD; from++) {
        if (!add_part(redactor, kind, 1, bytes + from, len - from)) return 0;
    }
    return 1;
}

/* Removes all needles from `count` on: the newest are the heads of their chains. */
static void drop_needles(gp_redactor *redactor, size_t count)
{
    while (redactor->count > count) {
        gp_redact_needle *needle = &redactor->needles[--redactor->count];
        redactor->first[gp_redact_lower((unsigned char)*needle->bytes)] = needle->next;
        explicit_bzero(needle->bytes, needle->len);
        redactor->alloc->resize(redactor->alloc->ctx, needle->bytes, needle->len, 0);
    }
}

static int add_list(gp_redactor *redactor, int kind, const char *const *list, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (!add_needle(redactor, kind, list[i], strlen(list[i]))) return 0;
    }
    return 1;
}

int gp_redactor_init_known(gp_redactor *redactor, const gp_alloc *alloc)
{
    memset(redactor, 0, sizeof *redactor);
    memset(redactor->first, -1, sizeof redactor->first);
    redactor->alloc = alloc;
    return 1;
}

int gp_redactor_init(gp_redactor *redactor, const gp_alloc *alloc)
{
    gp_redactor_init_known(redactor, alloc);
    return add_list(redactor, GP_NEEDLE_TOKEN, token_prefixes, COUNT(token_prefixes)) &&
           add_needle(redactor, GP_NEEDLE_WIDE_TOKEN, "whsec_", 6) &&
           add_list(redactor, GP_NEEDLE_HEADER, secret_headers, COUNT(secret_headers)) &&
           add_list(redactor, GP_NEEDLE_PARAMETER, parameters, COUNT(parameters)) &&
           add_list(redactor, GP_NEEDLE_PARAMETER_OF, parameter_families,
                    COUNT(parameter_families)) &&
           add_needle(redactor, GP_NEEDLE_AUTHORITY, "://", 3);
}

void gp_redactor_close(gp_redactor *redactor)
{
    drop_needles(redactor, 0);
    if (redactor->needles)
        redactor->alloc->resize(redactor->alloc->ctx, redactor->needles,
                                redactor->cap * sizeof *redactor->needles, 0);
    redactor->needles = NULL;
    redactor->cap = 0;
}

/* Writes the secret in hexadecimal. */
static void write_hex(gp_buf *out, const char *secret, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < len; i++) {
        gp_buf_addc(out, digits[(unsigned char)secret[i] >> 4]);
        gp_buf_addc(out, digits[secret[i] & 15]);
    }
}

/*
 * Writes those letters of base64 that the secret alone decides when `before` bytes stand before it
 * in its group of three: what its neighbours have a part in is left out at both ends.
 */
static void write_base64(gp_buf *out, const char *secret, size_t len, size_t before)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned held = 0, bits = 0, skip = (unsigned)(before ? 6 - before * 8 % 6 : 0);
    size_t i;
    for (i = 0; i < len; i++) {
        held = (held << 8 | (unsigned char)secret[i]) & 0xffff;
        bits += 8;
        if (!i) bits -= skip;
        for (; bits >= 6; bits -= 6)
            gp_buf_addc(out, letters[held >> (bits - 6) & 63]);
    }
}

int gp_redactor_add(gp_redactor *redactor, const char *secret, size_t len)
{
    size_t count = redactor->count, i;
    gp_buf text;
    int added, form;
    if (!len) return 1;
    for (i = 0; i < count; i++) {
        const gp_redact_needle *known = &redactor->needles[i];
        if (known->kind == GP_NEEDLE_SECRET && !known->tail && known->len == len &&
            !memcmp(known->bytes, secret, len))
            return 1;
    }
    gp_buf_init(&text, redactor->alloc);
    added = add_secret(redactor, GP_NEEDLE_SECRET, secret, len);
    /* Reserved once: the buffer never grows, so no block with secret bytes is left behind. Short
     * encoded forms would be found everywhere. */
    if (added && len >= 6 && gp_buf_reserve(&text, 2 * len)) {
        for (form = 0; form < 4 && added; form++) {
            text.len = 0;
            if (form == 3) {
                write_hex(&text, secret, len);
            } else {
                write_base64(&text, secret, len, (size_t)form);
            }
            added = add_secret(redactor, form == 3 ? GP_NEEDLE_HEX : GP_NEEDLE_BASE64, text.data,
                               text.len);
        }
    }
    added = added && !text.failed;
    gp_buf_free_secret(&text);
    if (!added) drop_needles(redactor, count);
    return added;
}

int gp_redactor_add_prefix(gp_redactor *redactor, const char *prefix, size_t len)
{
    return !len || add_needle(redactor, GP_NEEDLE_TOKEN, prefix, len);
}

int gp_redact_is_secret_header(const char *name, size_t len)
{
    size_t i, k;
    for (i = 0; i < COUNT(secret_headers); i++) {
        if (strlen(secret_headers[i]) != len) continue;
        for (k = 0; k < len && gp_redact_lower((unsigned char)name[k]) == secret_headers[i][k]; k++)
            continue;
        if (k == len) return 1;
    }
    return 0;
}
