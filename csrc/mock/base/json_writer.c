/* Writes JSON text directly; the separator follows from the last byte written. */
#include "mock/base/json_writer.h"

#include <string.h>

/* The separator, the key and its colon. Keys are our own literals: nothing to escape. */
static void name(gp_buf *buf, const char *key)
{
    char before = buf->len ? buf->data[buf->len - 1] : '[';
    if (before != '{' && before != '[' && before != ':') gp_buf_add(buf, ",", 1);
    if (key) {
        gp_buf_add(buf, "\"", 1);
        gp_buf_adds(buf, key);
        gp_buf_add(buf, "\":", 2);
    }
}

void gp_write_open(gp_buf *buf, const char *key, char bracket)
{
    name(buf, key);
    gp_buf_add(buf, &bracket, 1);
}

void gp_write_close(gp_buf *buf, char bracket)
{
    gp_buf_add(buf, &bracket, 1);
}

void gp_write_bytes(gp_buf *buf, const char *key, const char *value, size_t len)
{
    name(buf, key);
    gp_buf_json_string(buf, value, len);
}

void gp_write_string(gp_buf *buf, const char *key, const char *value)
{
    if (value) {
        gp_write_bytes(buf, key, value, strlen(value));
    } else {
        gp_write_null(buf, key);
    }
}

void gp_write_hex(gp_buf *buf, const char *key, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = data;
    gp_write_open(buf, key, '"');
    for (; len; len--, at++) {
        char pair[2] = {digits[*at >> 4], digits[*at & 15]};
        gp_buf_add(buf, pair, 2);
    }
    gp_write_close(buf, '"');
}

void gp_write_digits(gp_buf *buf, int64_t value)
{
    char text[24], *at = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) *--at = '-';
    gp_buf_add(buf, at, (size_t)(text + sizeof text - at));
}

void gp_write_integer(gp_buf *buf, const char *key, int64_t value)
{
    name(buf, key);
    gp_write_digits(buf, value);
}

void gp_write_boolean(gp_buf *buf, const char *key, int value)
{
    name(buf, key);
    gp_buf_adds(buf, value ? "true" : "false");
}

void gp_write_null(gp_buf *buf, const char *key)
{
    name(buf, key);
    gp_buf_add(buf, "null", 4);
}

void gp_write_raw(gp_buf *buf, const char *key, const char *json, size_t len)
{
    name(buf, key);
    gp_buf_add(buf, json, len);
}

void gp_write_seconds(gp_buf *buf, const char *key, gp_ms value)
{
    gp_ms rest;
    if (value < 0 || value == GP_MS_NEVER) {
        gp_write_null(buf, key);
        return;
    }
    gp_write_integer(buf, key, value / 1000);
    rest = value % 1000;
    if (rest % 100 == 0) {
        gp_buf_addf(buf, ".%d", (int)(rest / 100));
    } else if (rest % 10 == 0) {
        gp_buf_addf(buf, ".%02d", (int)(rest / 10));
    } else {
        gp_buf_addf(buf, ".%03d", (int)rest);
    }
}

void gp_write_time(gp_buf *buf, const char *key, gp_ms value)
{
    char text[GP_TIME_TEXT];
    if (value == GP_MS_NONE || value == GP_MS_NEVER) {
        gp_write_null(buf, key);
        return;
    }
    gp_ms_iso(text, value);
    name(buf, key);
    gp_buf_add(buf, "\"", 1);
    gp_buf_adds(buf, text);
    gp_buf_add(buf, "\"", 1);
}
