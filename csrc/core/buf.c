#include "core/buf.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gp_buf_init(gp_buf *buf, const gp_alloc *alloc)
{
    memset(buf, 0, sizeof *buf);
    buf->alloc = alloc;
}

void gp_buf_free(gp_buf *buf)
{
    if (buf->data) buf->alloc->resize(buf->alloc->ctx, buf->data, buf->cap, 0);
    gp_buf_init(buf, buf->alloc);
}

void gp_buf_free_secret(gp_buf *buf)
{
    if (buf->data) explicit_bzero(buf->data, buf->cap);
    gp_buf_free(buf);
}

void gp_buf_clear(gp_buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
    if (buf->data) buf->data[0] = 0;
}

const char *gp_buf_text(const gp_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *gp_buf_reserve(gp_buf *buf, size_t extra)
{
    size_t needed, cap = buf->cap ? buf->cap : 64;
    char *grown;
    if (buf->failed) return NULL;
    if (extra > SIZE_MAX / 4 - buf->len) { /* so that nothing below can wrap around */
        buf->failed = 1;
        return NULL;
    }
    needed = buf->len + extra + 1;
    if (needed <= buf->cap) return buf->data + buf->len;
    while (cap < needed)
        cap *= 2;
    grown = buf->alloc->resize(buf->alloc->ctx, buf->data, buf->cap, cap);
    if (!grown) {
        buf->failed = 1;
        return NULL;
    }
    buf->data = grown;
    buf->cap = cap;
    buf->data[buf->len] = 0;
    return buf->data + buf->len;
}

void gp_buf_add(gp_buf *buf, const void *data, size_t len)
{
    char *at = gp_buf_reserve(buf, len);
    if (!at) return;
    if (len) memcpy(at, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void gp_buf_adds(gp_buf *buf, const char *text)
{
    gp_buf_add(buf, text, strlen(text));
}

void gp_buf_addc(gp_buf *buf, char byte)
{
    gp_buf_add(buf, &byte, 1);
}

void gp_buf_addf(gp_buf *buf, const char *format, ...)
{
    va_list args;
    char *at;
    int len;
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    at = gp_buf_reserve(buf, (size_t)len); /* a negative len becomes a size that always fails */
    if (!at) return;
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void gp_buf_drop(gp_buf *buf, size_t count)
{
    if (count > buf->len) count = buf->len;
    if (!count) return;
    memmove(buf->data, buf->data + count, buf->len - count + 1);
    buf->len -= count;
}

void gp_buf_add_integer(gp_buf *buf, long long value)
{
    char text[24], *at = text + sizeof text;
    unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) *--at = '-';
    gp_buf_add(buf, at, (size_t)(text + sizeof text - at));
}

/* The letter after the backslash of a short escape, 'u' for \uXXXX, 0 for no escape. */
static const char escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
    ['\t'] = 't', [0x00] = 'u',  [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
    [0x05] = 'u', [0x06] = 'u',  [0x07] = 'u', [0x0b] = 'u', [0x0e] = 'u', [0x0f] = 'u',
    [0x10] = 'u', [0x11] = 'u',  [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
    [0x16] = 'u', [0x17] = 'u',  [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u',
    [0x1c] = 'u', [0x1d] = 'u',  [0x1e] = 'u', [0x1f] = 'u', [0x7f] = 'u',
};

/* The length of the UTF-8 sequence that begins at `s`, 0 if there is none: no overlong forms, no
 * surrogates, nothing beyond U+10FFFF. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t count, i;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    count = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] == 0xe0) low = 0xa0;
    if (s[0] == 0xed) high = 0x9f;
    if (s[0] == 0xf0) low = 0x90;
    if (s[0] == 0xf4) high = 0x8f;
    if (len < count || s[1] < low || s[1] > high) return 0;
    for (i = 2; i < count; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    return count;
}

static void json_text(gp_buf *buf, const char *s, size_t len, int replace_invalid)
{
    const unsigned char *bytes = (const unsigned char *)s;
    size_t i = 0, start = 0;
    gp_buf_addc(buf, '"');
    while (i < len) {
        char letter = escapes[bytes[i]];
        size_t valid = replace_invalid && !letter ? utf8_length(bytes + i, len - i) : !letter;
        if (valid) {
            i += valid;
            continue;
        }
        gp_buf_add(buf, s + start, i - start);
        if (!letter) {
            gp_buf_adds(buf, "\xef\xbf\xbd");
        } else if (letter == 'u') {
            gp_buf_addf(buf, "\\u%04x", (unsigned)bytes[i]);
        } else {
            gp_buf_addf(buf, "\\%c", letter);
        }
        start = ++i;
    }
    gp_buf_add(buf, s + start, len - start);
    gp_buf_addc(buf, '"');
}

void gp_buf_json_string(gp_buf *buf, const char *s, size_t len)
{
    json_text(buf, s, len, 1);
}

void gp_buf_json_bytes(gp_buf *buf, const char *s, size_t len)
{
    json_text(buf, s, len, 0);
}

void gp_buf_json_number(gp_buf *buf, double value)
{
    char text[40];
    int digits;
    char *c;
    if (!isfinite(value)) {
        gp_buf_adds(buf, "null");
        return;
    }
    if (fabs(value) < 9223372036854775808.0 && value == (double)(long long)value) {
        gp_buf_add_integer(buf, (long long)value);
        return;
    }
    /* Below the normal range a double has fewer than 15 digits. 17 always read back. */
    digits = fabs(value) < DBL_MIN ? 1 : 15;
    do {
        snprintf(text, sizeof text, "%.*g", digits++, value);
    } while (strtod(text, NULL) != value);
    /* Whatever else the locale wrote is the decimal point. */
    for (c = text; *c; c++) {
        if (!strchr("0123456789+-e", *c)) *c = '.';
    }
    gp_buf_adds(buf, text);
}
