#include "core/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Makes room for `extra` more bytes; 0 when there is no memory. */
static int reserve(gp_buf *buf, size_t extra)
{
    size_t cap = buf->cap ? buf->cap : 256;
    char *data;
    if (buf->failed) return 0;
    if (extra <= buf->cap - buf->len) return 1;
    while (cap < SIZE_MAX / 2 && cap - buf->len < extra) {
        cap *= 2;
    }
    data = cap - buf->len < extra ? NULL
                                  : buf->alloc->resize(buf->alloc->ctx, buf->data, buf->cap, cap);
    if (!data) {
        buf->failed = 1;
        return 0;
    }
    buf->data = data;
    buf->cap = cap;
    return 1;
}

void gp_buf_add(gp_buf *buf, const void *data, size_t len)
{
    if (!len || !reserve(buf, len)) return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void gp_buf_adds(gp_buf *buf, const char *text)
{
    gp_buf_add(buf, text, strlen(text));
}

void gp_buf_addf(gp_buf *buf, const char *format, ...)
{
    va_list args;
    int needed;
    if (!reserve(buf, 1)) return;
    va_start(args, format);
    needed = vsnprintf(buf->data + buf->len, buf->cap - buf->len, format, args);
    va_end(args);
    if (needed < 0) {
        buf->failed = 1;
        return;
    }
    if ((size_t)needed >= buf->cap - buf->len) {
        if (!reserve(buf, (size_t)needed + 1)) return;
        va_start(args, format);
        vsnprintf(buf->data + buf->len, buf->cap - buf->len, format, args);
        va_end(args);
    }
    buf->len += (size_t)needed;
}

/* Length of the well-formed UTF-8 sequence at s, or 0. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    size_t need, i;
    if (s[0] < 0x80) return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        need = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        need = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        need = 4;
    else
        return 0;
    if (len < need) return 0;
    for (i = 1; i < need; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
    }
    if (s[0] == 0xE0 && s[1] < 0xA0) return 0;
    if (s[0] == 0xED && s[1] > 0x9F) return 0;
    if (s[0] == 0xF0 && s[1] < 0x90) return 0;
    if (s[0] == 0xF4 && s[1] > 0x8F) return 0;
    return need;
}

static void json_escape(gp_buf *buf, unsigned char byte)
{
    switch (byte) {
    case '"':
        gp_buf_add(buf, "\\\"", 2);
        break;
    case '\\':
        gp_buf_add(buf, "\\\\", 2);
        break;
    case '\n':
        gp_buf_add(buf, "\\n", 2);
        break;
    case '\r':
        gp_buf_add(buf, "\\r", 2);
        break;
    case '\t':
        gp_buf_add(buf, "\\t", 2);
        break;
    case '\b':
        gp_buf_add(buf, "\\b", 2);
        break;
    case '\f':
        gp_buf_add(buf, "\\f", 2);
        break;
    default:
        gp_buf_addf(buf, "\\u%04x", byte);
    }
}

void gp_buf_json_string(gp_buf *buf, const char *s, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)s;
    size_t plain = 0, i = 0;
    gp_buf_add(buf, "\"", 1);
    while (i < len) {
        size_t sequence = utf8_length(bytes + i, len - i);
        if (sequence == 1 && (bytes[i] < 0x20 || bytes[i] == '"' || bytes[i] == '\\')) {
            gp_buf_add(buf, s + plain, i - plain);
            json_escape(buf, bytes[i]);
            plain = ++i;
        } else if (!sequence) {
            gp_buf_add(buf, s + plain, i - plain);
            gp_buf_add(buf, "\xEF\xBF\xBD", 3);
            plain = ++i;
        } else {
            i += sequence;
        }
    }
    gp_buf_add(buf, s + plain, len - plain);
    gp_buf_add(buf, "\"", 1);
}

void gp_buf_free(gp_buf *buf)
{
    if (buf->data) buf->alloc->resize(buf->alloc->ctx, buf->data, buf->cap, 0);
    buf->data = NULL;
    buf->len = buf->cap = 0;
    buf->failed = 0;
}
