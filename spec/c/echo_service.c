/*
 * A service (binding/lgp_http_service.h) that echoes each request and misbehaves as specified by
 * the request's X-Echo header: for testing clients and the server itself. Like every service, it
 * has its own shared object.
 *
 *   luaopen_echo_service() -> service, for server.open
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/lgp_http_service.h"

/* The parameter `name` of "truncate; bytes=10; delay=0.5". */
static double parameter(const char *text, const char *name, double fallback)
{
    const char *at = strchr(text, ';');
    size_t len = strlen(name);
    for (; at; at = strchr(at, ';')) {
        at += strspn(at, "; ");
        if (strncmp(at, name, len) == 0 && at[len] == '=') return strtod(at + len + 1, NULL);
    }
    return fallback;
}

/* Parses the request's X-Echo header: "send; status=429; size=100; delay=0.1" and so on. */
static void obey(const char *wish, gp_http_response_out *response)
{
    char word[32];
    size_t len = strcspn(wish, ";");
    gp_http_action_kind kind;
    double size = parameter(wish, "size", -1);
    snprintf(word, sizeof word, "%.*s", len < sizeof word ? (int)len : 0, wish);
    kind = gp_http_action_find(word);
    if (kind != GP_HTTP_ACTION_KINDS) response->action.kind = kind;
    response->action.delay = parameter(wish, "delay", 0);
    response->action.interval = parameter(wish, "interval", 0);
    response->action.bytes = (size_t)parameter(wish, "bytes", 0);
    response->status = (int)parameter(wish, "status", 200);
    if (size >= 0) response->body.len = 0;
    while (size-- > 0 && !response->body.failed) {
        gp_buf_add(&response->body, "x", 1);
    }
}

/* Responds with the request as JSON. */
static void echo(void *ctx, double now, const gp_http_request_in *request,
                 gp_http_response_out *response)
{
    gp_buf *body = &response->body;
    const char *wish = gp_http_request_header(request, "X-Echo");
    size_t i;
    (void)ctx;
    (void)now;
    gp_http_response_header(response, "Content-Type", "application/json");
    gp_http_response_header(response, "X-Empty", "");
    gp_buf_adds(body, "{\"method\":");
    gp_buf_json_string(body, request->method, strlen(request->method));
    gp_buf_adds(body, ",\"target\":");
    gp_buf_json_string(body, request->target, request->target_len);
    gp_buf_addf(body, ",\"served_before\":%u,\"body_length\":%zu,\"headers\":[",
                request->served_before, request->body_len);
    for (i = 0; i < request->header_count; i++) {
        gp_buf_adds(body, i ? ",[" : "[");
        gp_buf_json_string(body, request->headers[i].name, request->headers[i].name_len);
        gp_buf_adds(body, ",");
        gp_buf_json_string(body, request->headers[i].value, request->headers[i].value_len);
        gp_buf_adds(body, "]");
    }
    gp_buf_adds(body, "],\"body\":");
    gp_buf_json_string(body, request->body, request->body_len);
    gp_buf_adds(body, "}");
    if (wish) obey(wish, response);
}

LGP_EXPORT int luaopen_echo_service(lua_State *L);

int luaopen_echo_service(lua_State *L)
{
    gp_http_service *service = lua_newuserdata(L, sizeof *service);
    *service = (gp_http_service){.handler = echo};
    luaL_newmetatable(L, LGP_HTTP_SERVICE);
    lua_setmetatable(L, -2);
    return 1;
}
