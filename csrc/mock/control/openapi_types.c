/* Reads the short notation of types recursively, from the outside in. */
#include "mock/control/openapi_types.h"

#include <string.h>

#include "mock/base/json_writer.h"

static void type_names(gp_buf *buf, const char *name, int nullable)
{
    if (!nullable) {
        gp_write_string(buf, "type", name);
        return;
    }
    gp_write_open(buf, "type", '[');
    gp_write_string(buf, NULL, name);
    gp_write_string(buf, NULL, "null");
    gp_write_close(buf, ']');
}

void gp_openapi_enum(gp_buf *buf, const char *choices, size_t len, int nullable)
{
    const char *at = choices, *end = choices + len;
    gp_write_open(buf, "enum", '[');
    while (at < end) {
        const char *bar = memchr(at, '|', (size_t)(end - at));
        gp_write_bytes(buf, NULL, at, (size_t)((bar ? bar : end) - at));
        at = bar ? bar + 1 : end;
    }
    if (nullable) gp_write_null(buf, NULL);
    gp_write_close(buf, ']');
}

static void reference(gp_buf *buf, const char *name, size_t len)
{
    gp_write_open(buf, "$ref", '"');
    gp_buf_adds(buf, "#/components/schemas/");
    gp_buf_add(buf, name, len);
    gp_write_close(buf, '"');
}

int gp_openapi_is(const char *type, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(type, word, len) == 0;
}

static void scalar(gp_buf *buf, const char *type, size_t len, int nullable)
{
    static const char *const plain[] = {"integer", "number", "boolean", "string", "object"};
    size_t i;
    if (gp_openapi_is(type, len, "any")) return;
    for (i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (gp_openapi_is(type, len, plain[i])) type_names(buf, plain[i], nullable);
    }
    if (gp_openapi_is(type, len, "time") || gp_openapi_is(type, len, "date")) {
        type_names(buf, "string", nullable);
        gp_write_string(buf, "format", gp_openapi_is(type, len, "time") ? "date-time" : "date");
    }
}

void gp_openapi_type(gp_buf *buf, const char *key, const char *type, size_t len, const char *about)
{
    int nullable = len && type[len - 1] == '?';
    len -= (size_t)nullable;
    gp_write_open(buf, key, '{');
    if (*type == '[') {
        type_names(buf, "array", nullable);
        gp_openapi_type(buf, "items", type + 1, len - 2, NULL);
    } else if (*type == '{') {
        type_names(buf, "object", nullable);
        gp_openapi_type(buf, "additionalProperties", type + 1, len - 2, NULL);
    } else if (memchr(type, '|', len)) {
        type_names(buf, "string", nullable);
        gp_openapi_enum(buf, type, len, nullable);
    } else if (*type >= 'A' && *type <= 'Z' && nullable) {
        gp_write_open(buf, "anyOf", '[');
        gp_openapi_type(buf, NULL, type, len, NULL);
        gp_buf_adds(buf, ",{\"type\":\"null\"}");
        gp_write_close(buf, ']');
    } else if (*type >= 'A' && *type <= 'Z') {
        reference(buf, type, len);
    } else {
        scalar(buf, type, len, nullable);
    }
    if (about) gp_write_string(buf, "description", about);
    gp_write_close(buf, '}');
}

void gp_openapi_content(gp_buf *buf, const char *gives)
{
    static const struct {
        const char *word, *media;
    } bytes[] = {{"text", "text/plain"},
                 {"raw", "text/plain"},
                 {"binary", "application/octet-stream"},
                 {"html", "text/html"},
                 {"asset", "*/*"}};
    size_t i;
    if (!gives) return;
    gp_write_open(buf, "content", '{');
    for (i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        if (strcmp(gives, bytes[i].word) != 0) continue;
        gp_write_open(buf, bytes[i].media, '{');
        gp_openapi_type(buf, "schema", "string", 6, NULL);
        gp_write_close(buf, '}');
        break;
    }
    if (i == sizeof bytes / sizeof *bytes) {
        gp_write_open(buf, "application/json", '{');
        gp_openapi_type(buf, "schema", gives, strlen(gives), NULL);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}
