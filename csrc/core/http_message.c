#include "core/http_message.h"

#include <string.h>
#include <strings.h>

static const char *const action_names[GP_HTTP_ACTION_KINDS] = {
    [GP_HTTP_SEND] = "send",
    [GP_HTTP_DROP] = "drop",
    [GP_HTTP_RESET] = "reset",
    [GP_HTTP_TRUNCATE] = "truncate",
    [GP_HTTP_TRUNCATE_RST] = "truncate_reset",
    [GP_HTTP_DRIBBLE] = "dribble",
    [GP_HTTP_GARBAGE] = "garbage",
    [GP_HTTP_WRONG_LENGTH] = "wrong_length",
    [GP_HTTP_STALL] = "stall",
    [GP_HTTP_SEND_CLOSE] = "send_close",
};

const char *gp_http_action_name(gp_http_action_kind kind)
{
    return (unsigned)kind < GP_HTTP_ACTION_KINDS ? action_names[kind] : NULL;
}

gp_http_action_kind gp_http_action_find(const char *name)
{
    int kind = 0;
    while (kind < GP_HTTP_ACTION_KINDS && strcmp(action_names[kind], name) != 0) {
        kind++;
    }
    return (gp_http_action_kind)kind;
}

const char *gp_http_request_header(const gp_http_request_in *request, const char *name)
{
    size_t i, len = strlen(name);
    for (i = 0; i < request->header_count; i++) {
        const gp_http_header *header = &request->headers[i];
        if (header->name_len == len && strcasecmp(header->name, name) == 0) return header->value;
    }
    return NULL;
}

void gp_http_response_init(gp_http_response_out *response, const gp_alloc *alloc)
{
    memset(response, 0, sizeof *response);
    response->status = 200;
    response->headers.alloc = alloc;
    response->body.alloc = alloc;
}

void gp_http_response_clear(gp_http_response_out *response)
{
    response->status = 200;
    response->uncommitted = response->busy = 0;
    response->headers.len = response->body.len = 0;
    response->headers.failed = response->body.failed = 0;
    memset(&response->action, 0, sizeof response->action);
}

void gp_http_response_free(gp_http_response_out *response)
{
    gp_buf_free(&response->headers);
    gp_buf_free(&response->body);
}

static int has_control(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    while (*byte >= 0x20 && *byte != 0x7F) {
        byte++;
    }
    return *byte != 0;
}

int gp_http_response_header(gp_http_response_out *response, const char *name, const char *value)
{
    if (!*name || strchr(name, ':') || has_control(name) || has_control(value)) return 0;
    gp_buf_add(&response->headers, name, strlen(name) + 1);
    gp_buf_add(&response->headers, value, strlen(value) + 1);
    return 1;
}

int gp_http_response_next(const gp_http_response_out *response, size_t *position, const char **name,
                          const char **value)
{
    const char *at;
    if (response->headers.failed || *position >= response->headers.len) return 0;
    at = response->headers.data + *position;
    *name = at;
    *value = at + strlen(at) + 1;
    *position = (size_t)(*value + strlen(*value) + 1 - response->headers.data);
    return 1;
}

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *gp_http_reason(int status)
{
    size_t i;
    for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) return reasons[i].reason;
    }
    return "Unknown";
}
