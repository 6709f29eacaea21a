/* Access to checked parameters, and the shapes of GitLab's error bodies. */
#include "mock/request/call.h"

#include <string.h>

static void start(gp_call *call)
{
    call->out->body.len = 0;
    gp_write_open(&call->out->body, NULL, '{');
}

int gp_fail(gp_call *call, int status, const char *text)
{
    start(call);
    gp_write_string(&call->out->body, "message", text);
    gp_write_close(&call->out->body, '}');
    return status;
}

int gp_fail_error(gp_call *call, int status, const char *text)
{
    start(call);
    gp_write_string(&call->out->body, "error", text);
    gp_write_close(&call->out->body, '}');
    return status;
}

int gp_fail_field(gp_call *call, const char *field, const char *text)
{
    gp_buf *buf = &call->out->body;
    start(call);
    gp_write_open(buf, "message", '{');
    gp_write_open(buf, field, '[');
    gp_write_string(buf, NULL, text);
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
    gp_write_close(buf, '}');
    return 400;
}

int gp_fail_record(gp_call *call)
{
    return gp_fail(call, 404, "404 Not found");
}

int gp_fail_memory(gp_call *call)
{
    return gp_fail(call, 500, "500 Internal Server Error");
}

const char *gp_call_string(const gp_call *call, const char *name)
{
    return gp_json_get_string(call->params, name, NULL);
}

int64_t gp_call_integer(const gp_call *call, const char *name, int64_t fallback)
{
    return gp_json_get_integer(call->params, name, fallback);
}

int gp_call_boolean(const gp_call *call, const char *name, int fallback)
{
    return gp_json_get_boolean(call->params, name, fallback);
}

gp_ms gp_call_time(const gp_call *call, const char *name)
{
    const char *text = gp_call_string(call, name);
    return text ? gp_ms_parse(text) : GP_MS_NONE;
}
