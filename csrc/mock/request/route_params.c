/* Converts texts to the declared types in place and collects every complaint. */
#include "mock/request/route_params.h"

#include <string.h>

#include "mock/request/params.h"

static int to_integer(gp_json *value)
{
    const char *at = value->string;
    int64_t result = 0;
    int negative;
    if (value->type == GP_JSON_INTEGER) return 1;
    if (value->type == GP_JSON_NUMBER) {
        if (value->number != (double)value->integer) return 0;
        value->type = GP_JSON_INTEGER;
        return 1;
    }
    if (value->type != GP_JSON_STRING) return 0;
    negative = *at == '-';
    at += negative;
    if (!*at || strlen(at) > 18 || strspn(at, "0123456789") != strlen(at)) return 0;
    while (*at)
        result = result * 10 + (*at++ - '0');
    value->type = GP_JSON_INTEGER;
    value->integer = negative ? -result : result;
    value->number = (double)value->integer;
    return 1;
}

static int to_number(gp_arena *arena, gp_json *value)
{
    char why[40];
    gp_json *parsed;
    if (value->type == GP_JSON_INTEGER || value->type == GP_JSON_NUMBER) return 1;
    if (value->type != GP_JSON_STRING) return 0;
    parsed = gp_json_parse(arena, value->string, value->len, why, sizeof why);
    if (!parsed || (parsed->type != GP_JSON_INTEGER && parsed->type != GP_JSON_NUMBER)) return 0;
    value->type = parsed->type;
    value->integer = parsed->integer;
    value->number = parsed->number;
    return 1;
}

static int to_boolean(gp_json *value)
{
    if (value->type == GP_JSON_TRUE || value->type == GP_JSON_FALSE) return 1;
    if (value->type == GP_JSON_INTEGER && (value->integer == 0 || value->integer == 1)) {
        value->type = value->integer ? GP_JSON_TRUE : GP_JSON_FALSE;
        return 1;
    }
    if (value->type != GP_JSON_STRING) return 0;
    if (gp_json_choice("true|t|1|yes|y|on|True|TRUE", value->string)) {
        value->type = GP_JSON_TRUE;
    } else if (gp_json_choice("false|f|0|no|n|off|False|FALSE", value->string)) {
        value->type = GP_JSON_FALSE;
    } else {
        return 0;
    }
    return 1;
}

static int to_string(gp_arena *arena, gp_json *value)
{
    const char *text;
    switch (value->type) {
    case GP_JSON_STRING:
        return 1;
    case GP_JSON_TRUE:
        text = "true";
        break;
    case GP_JSON_FALSE:
        text = "false";
        break;
    case GP_JSON_INTEGER:
        text = gp_arena_print(arena, "%lld", (long long)value->integer);
        break;
    case GP_JSON_NUMBER:
        text = gp_arena_print(arena, "%.15g", value->number);
        break;
    default:
        return 0;
    }
    if (!text) return 0;
    value->type = GP_JSON_STRING;
    value->string = text;
    value->len = strlen(text);
    return 1;
}

static int to_array(gp_arena *arena, gp_json *value)
{
    gp_json *elements = gp_params_elements(arena, value);
    /* "" and {} count as an empty list: some clients cannot send any other. */
    int empty = (value->type == GP_JSON_STRING && !value->len) ||
                (value->type == GP_JSON_OBJECT && !value->child);
    if (value->type == GP_JSON_ARRAY) return 1;
    if (!elements && !empty) return 0;
    value->type = GP_JSON_ARRAY;
    value->child = empty ? NULL : elements;
    return 1;
}

/* Converts a value to its type: 1, or 0 when that is not possible. */
static int convert(gp_arena *arena, const gp_param *p, gp_json *value)
{
    switch (p->type) {
    case GP_INTEGER:
        return to_integer(value);
    case GP_NUMBER:
        return to_number(arena, value);
    case GP_BOOLEAN:
        return to_boolean(value);
    case GP_TIME:
        return value->type == GP_JSON_STRING &&
               (!value->len || gp_ms_parse(value->string) != GP_MS_NONE);
    case GP_STRINGS:
    case GP_ARRAY:
        return to_array(arena, value);
    case GP_HASH:
        return value->type == GP_JSON_OBJECT || (value->type == GP_JSON_STRING && !value->len);
    case GP_ANY:
        return 1;
    default:
        return to_string(arena, value);
    }
}

static int choice_fits(const gp_param *p, const gp_json *value)
{
    const gp_json *at;
    if (!p->choices || p->type == GP_ARRAY || p->type == GP_HASH) return 1;
    if (p->type != GP_STRINGS) return gp_json_choice(p->choices, value->string);
    for (at = value->child; at; at = at->next) {
        if (at->type != GP_JSON_STRING || !gp_json_choice(p->choices, at->string)) return 0;
    }
    return 1;
}

static void complain(gp_buf *buf, const char *name, const char *what)
{
    if (buf->len) gp_buf_adds(buf, ", ");
    gp_buf_adds(buf, name);
    gp_buf_adds(buf, what);
}

static void check_one(gp_call *call, const gp_param *p, gp_buf *complaints)
{
    gp_json *value = gp_json_get(call->params, p->name);
    if (!value || (value->type == GP_JSON_NULL && p->type != GP_ANY)) {
        if (p->flags & GP_REQUIRED) complain(complaints, p->name, " is missing");
    } else if (!convert(call->arena, p, value)) {
        complain(complaints, p->name, " is invalid");
    } else if ((p->flags & GP_NOT_BLANK) && value->type == GP_JSON_STRING &&
               strspn(value->string, " \t\r\n") == value->len) {
        complain(complaints, p->name, " is empty");
    } else if (!choice_fits(p, value)) {
        complain(complaints, p->name, " does not have a valid value");
    }
}

const gp_param gp_paging_params[] = {
    {"page", 'q', GP_INTEGER, 0, NULL, "page, from 1", NULL},
    {"per_page", 'q', GP_INTEGER, 0, NULL, "rows per page, at most 100", NULL},
    GP_PARAMS_END};

/* Names within paths; those that are numbers come first. */
const gp_param gp_path_params[] = {
    {"pipeline_id", 'p', GP_INTEGER, 0, NULL, "id of a pipeline", "1"},
    {"job_id", 'p', GP_INTEGER, 0, NULL, "id of a job", "1"},
    {"trigger_id", 'p', GP_INTEGER, 0, NULL, "id of a trigger token", "1"},
    {"environment_id", 'p', GP_INTEGER, 0, NULL, "id of an environment", "1"},
    {"deployment_id", 'p', GP_INTEGER, 0, NULL, "id of a deployment", "1"},
    {"fault_id", 'p', GP_INTEGER, 0, NULL, "id of a rule", "1"},
    {"scenario_id", 'p', GP_INTEGER, 0, NULL, "id of a scenario", "1"},
    {"hook_id", 'p', GP_INTEGER, 0, NULL, "id of a webhook", "1"},
    {"delivery_id", 'p', GP_INTEGER, 0, NULL, "id of a delivery", "1"},
    {"hook_event_id", 'p', GP_INTEGER, 0, NULL, "id of an event sent to a webhook", "1"},
    {"id", 'p', GP_STRING, 0, NULL, "project: its id, or its full path with each slash as %2F",
     "\"1\""},
    {"trigger", 'p', GP_STRING, 0, NULL, "pipeline_events, job_events or deployment_events",
     "\"pipeline_events\""},
    {"key", 'p', GP_STRING, 0, NULL, "name of a variable", "\"COLOUR\""},
    {"ref", 'p', GP_STRING, 0, NULL, "branch or tag", "\"main\""},
    {"path", 'p', GP_STRING, 0, NULL, "path within the artifacts; slashes need no encoding",
     "\"build.env\""},
    {"file", 'p', GP_STRING, 0, NULL, "one of the files that the page needs", NULL},
    GP_PARAMS_END};

int gp_route_check(gp_call *call)
{
    gp_buf complaints = {.alloc = &call->m->alloc};
    const gp_param *p;
    int status = 0;
    for (p = gp_path_params; p->type == GP_INTEGER; p++) {
        const char *in_path = strstr(call->route->path, p->name);
        if (in_path && in_path[-1] == ':') check_one(call, p, &complaints);
    }
    for (p = call->route->flags & GP_PAGED ? gp_paging_params : NULL; p && p->name; p++) {
        check_one(call, p, &complaints);
    }
    for (p = call->route->params; p && p->name; p++)
        check_one(call, p, &complaints);
    if (complaints.failed) {
        status = gp_fail_memory(call);
    } else if (complaints.len) {
        gp_buf_add(&complaints, "", 1);
        status = gp_fail_error(call, 400, complaints.data);
    }
    gp_buf_free(&complaints);
    return status;
}
