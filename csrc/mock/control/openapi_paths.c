/* Each route becomes an operation: parameters, request body, security, responses. */
#include "mock/control/openapi_paths.h"

#include <string.h>

#include "mock/control/openapi_responses.h"
#include "mock/control/openapi_types.h"
#include "mock/request/api.h"
#include "mock/request/route_params.h"

/* The schema of a parameter; `about` may be NULL. */
static void param_schema(gp_buf *buf, const char *key, const gp_param *p, const char *about)
{
    static const char *const types[] = {
        [GP_STRING] = "string",   [GP_INTEGER] = "integer", [GP_NUMBER] = "number",
        [GP_BOOLEAN] = "boolean", [GP_TIME] = "time",       [GP_STRINGS] = "[string]",
        [GP_ARRAY] = "[object]",  [GP_HASH] = "object",     [GP_ANY] = "any"};
    const char *type = p->choices && p->type != GP_STRINGS ? p->choices : types[p->type];
    if (p->type != GP_STRINGS || !p->choices) {
        gp_openapi_type(buf, key, type, strlen(type), about);
        return;
    }
    gp_write_open(buf, key, '{');
    gp_write_string(buf, "type", "array");
    gp_write_open(buf, "items", '{');
    gp_write_string(buf, "type", "string");
    gp_openapi_enum(buf, p->choices, strlen(p->choices), 0);
    gp_write_close(buf, '}');
    if (about) gp_write_string(buf, "description", about);
    gp_write_close(buf, '}');
}

/* An example is a value that can be tried out as it stands. */
static void show_example(gp_buf *buf, const char *json)
{
    if (json) gp_write_raw(buf, "example", json, strlen(json));
}

static void parameter(gp_call *call, gp_buf *buf, const gp_param *p)
{
    const char *name = p->name;
    int many = p->type == GP_STRINGS && p->where == 'q';
    if (many) name = gp_arena_print(call->arena, "%s[]", name);
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "name", name);
    gp_write_string(buf, "in", p->where == 'p' ? "path" : "query");
    if (p->where == 'p' || (p->flags & GP_REQUIRED)) gp_write_boolean(buf, "required", 1);
    if (p->help) gp_write_string(buf, "description", p->help);
    if (many) gp_write_string(buf, "style", "form");
    if (p->type == GP_HASH) gp_write_string(buf, "style", "deepObject");
    if (many || p->type == GP_HASH) gp_write_boolean(buf, "explode", 1);
    param_schema(buf, "schema", p, NULL);
    show_example(buf, p->example);
    gp_write_close(buf, '}');
}

/* The next `:name` or `*name` of a path; NULL when there is none left. */
static const char *next_name(const char *at, size_t *len)
{
    at = strpbrk(at, ":*");
    if (!at) return NULL;
    *len = strcspn(at + 1, "/");
    return at + 1;
}

static int in_path(const char *path, const char *name)
{
    size_t len;
    const char *at = path;
    while ((at = next_name(at, &len)) != NULL) {
        if (gp_openapi_is(at, len, name)) return 1;
    }
    return 0;
}

static void parameters(gp_call *call, gp_buf *buf, const gp_route *route)
{
    const gp_param *p;
    const char *at = route->path;
    size_t len;
    gp_write_open(buf, "parameters", '[');
    while ((at = next_name(at, &len)) != NULL) {
        for (p = gp_path_params; p->name; p++) {
            if (gp_openapi_is(at, len, p->name)) parameter(call, buf, p);
        }
    }
    for (p = route->params; p && p->name; p++) {
        if (p->where == 'q') parameter(call, buf, p);
    }
    for (p = gp_paging_params; (route->flags & GP_PAGED) && p->name; p++)
        parameter(call, buf, p);
    gp_write_close(buf, ']');
}

static int needs_body(const gp_route *route)
{
    const gp_param *p;
    for (p = route->params; p && p->name; p++) {
        if (p->where == 'b' && (p->flags & GP_REQUIRED)) return 1;
    }
    return route->takes != NULL;
}

static int has_body(const gp_route *route)
{
    const gp_param *p;
    for (p = route->params; p && p->name; p++) {
        if (p->where == 'b' && !in_path(route->path, p->name)) return 1;
    }
    return route->takes != NULL;
}

static void body_schema(gp_buf *buf, const gp_route *route)
{
    const gp_param *p;
    int required = 0;
    gp_write_open(buf, "schema", '{');
    gp_write_string(buf, "type", "object");
    for (p = route->params; p->name; p++)
        required += p->where == 'b' && (p->flags & GP_REQUIRED) && !in_path(route->path, p->name);
    if (required) gp_write_open(buf, "required", '[');
    for (p = route->params; p->name && required; p++) {
        if (p->where == 'b' && (p->flags & GP_REQUIRED) && !in_path(route->path, p->name))
            gp_write_string(buf, NULL, p->name);
    }
    if (required) gp_write_close(buf, ']');
    gp_write_open(buf, "properties", '{');
    for (p = route->params; p->name; p++) {
        if (p->where != 'b' || in_path(route->path, p->name)) continue;
        param_schema(buf, p->name, p, p->help);
    }
    gp_write_close(buf, '}');
    gp_write_close(buf, '}');
}

/* Hashes within a form are written name[key]=value. */
static void form_encoding(gp_buf *buf, const gp_route *route)
{
    const gp_param *p;
    int found = 0;
    for (p = route->params; p->name; p++) {
        if (p->where != 'b' || p->type != GP_HASH) continue;
        if (!found++) gp_write_open(buf, "encoding", '{');
        gp_write_open(buf, p->name, '{');
        gp_write_string(buf, "style", "deepObject");
        gp_write_boolean(buf, "explode", 1);
        gp_write_close(buf, '}');
    }
    if (found) gp_write_close(buf, '}');
}

static void request_body(gp_buf *buf, const gp_route *route)
{
    if (!has_body(route)) return;
    gp_write_open(buf, "requestBody", '{');
    gp_write_boolean(buf, "required", needs_body(route));
    gp_write_open(buf, "content", '{');
    gp_write_open(buf, "application/json", '{');
    if (route->takes) {
        gp_openapi_type(buf, "schema", route->takes, strlen(route->takes), NULL);
    } else {
        body_schema(buf, route);
    }
    show_example(buf, route->example);
    gp_write_close(buf, '}');
    if (!route->takes) {
        gp_write_open(buf, "application/x-www-form-urlencoded", '{');
        body_schema(buf, route);
        form_encoding(buf, route);
        gp_write_close(buf, '}');
        gp_write_open(buf, "multipart/form-data", '{');
        body_schema(buf, route);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
    gp_write_close(buf, '}');
}

/* Operations -------------------------------------------------------------------------------- */

static void security(gp_buf *buf, const gp_route *route)
{
    static const char *const schemes[] = {"privateToken", "bearer", "tokenParameter", "jobToken"};
    size_t i, count = route->flags & (GP_JOB_TOKEN | GP_OPEN) ? 4 : 3;
    gp_write_open(buf, "security", '[');
    for (i = 0; i < count && !(route->flags & GP_PUBLIC); i++) {
        gp_write_open(buf, NULL, '{');
        gp_write_open(buf, schemes[i], '[');
        gp_write_close(buf, ']');
        gp_write_close(buf, '}');
    }
    /* The trigger endpoint takes its token in the body. */
    if (route->flags & GP_OPEN) {
        gp_write_open(buf, NULL, '{');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
}

static void operation(gp_call *call, gp_buf *buf, const gp_route *route)
{
    char method[8];
    size_t i, len = strlen(route->method);
    for (i = 0; i < len && i < sizeof method - 1; i++)
        method[i] = (char)(route->method[i] + ('a' - 'A'));
    method[i] = 0;
    gp_write_open(buf, method, '{');
    gp_write_string(buf, "operationId", route->id);
    gp_write_open(buf, "tags", '[');
    gp_write_bytes(buf, NULL, route->id, strcspn(route->id, "_"));
    gp_write_close(buf, ']');
    gp_write_string(buf, "summary", route->help);
    if (route->about) gp_write_string(buf, "description", route->about);
    security(buf, route);
    parameters(call, buf, route);
    request_body(buf, route);
    gp_openapi_responses(call, buf, route);
    gp_write_close(buf, '}');
}

/* "/projects/:id/ref" -> "/projects/{id}/ref" */
static char *template_of(gp_call *call, const char *path)
{
    gp_buf buf = {.alloc = &call->m->alloc};
    char *result;
    while (*path) {
        if (*path == ':' || *path == '*') {
            size_t len = strcspn(++path, "/");
            gp_buf_adds(&buf, "{");
            gp_buf_add(&buf, path, len);
            gp_buf_adds(&buf, "}");
            path += len;
        } else {
            gp_buf_add(&buf, path++, 1);
        }
    }
    result = buf.failed ? NULL : gp_arena_copy(call->arena, buf.data, buf.len);
    gp_buf_free(&buf);
    return result;
}

static int seen_before(const gp_route *routes, const gp_route *route)
{
    const gp_route *other;
    for (other = routes; other != route; other++) {
        if (strcmp(other->path, route->path) == 0) return 1;
    }
    return 0;
}

void gp_openapi_paths(gp_call *call, gp_buf *buf)
{
    const gp_route *routes = call->m->api->routes, *route, *other;
    gp_write_open(buf, "paths", '{');
    for (route = routes; route->method; route++) {
        char *path;
        if (seen_before(routes, route)) continue;
        path = template_of(call, route->path);
        gp_write_open(buf, path ? path : "/", '{');
        for (other = route; other->method; other++) {
            if (strcmp(other->path, route->path) == 0) operation(call, buf, other);
        }
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}
