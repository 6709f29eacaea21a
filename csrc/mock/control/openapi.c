/*
 * The contract as an OpenAPI 3.1 document, written from the table of routes and the table of
 * schemas. What a route takes and answers is said there; here is only how OpenAPI spells it.
 */
#include <string.h>

#include "mock/request/answer.h"
#include "mock/request/api.h"
#include "mock/request/route_params.h"
#include "mock/control/openapi.h"
#include "mock/control/schemas.h"

static void text_of(gp_buf *buf, const char *key, const char *data, size_t len)
{
    gp_write_bytes(buf, key, data, len);
}

/* Types ------------------------------------------------------------------------------------- */

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

static void enumerate(gp_buf *buf, const char *choices, size_t len, int nullable)
{
    const char *at = choices, *end = choices + len;
    gp_write_open(buf, "enum", '[');
    while (at < end) {
        const char *bar = memchr(at, '|', (size_t)(end - at));
        text_of(buf, NULL, at, (size_t)((bar ? bar : end) - at));
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

static int is(const char *type, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(type, word, len) == 0;
}

static void typed(gp_buf *buf, const char *key, const char *type, size_t len, const char *about);

static void scalar(gp_buf *buf, const char *type, size_t len, int nullable)
{
    static const char *const plain[] = {"integer", "number", "boolean", "string", "object"};
    size_t i;
    if (is(type, len, "any")) return;
    for (i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (is(type, len, plain[i])) type_names(buf, plain[i], nullable);
    }
    if (is(type, len, "time") || is(type, len, "date")) {
        type_names(buf, "string", nullable);
        gp_write_string(buf, "format", is(type, len, "time") ? "date-time" : "date");
    }
}

/* A schema for a type as schemas.h spells it. */
static void typed(gp_buf *buf, const char *key, const char *type, size_t len, const char *about)
{
    int nullable = len && type[len - 1] == '?';
    len -= (size_t)nullable;
    gp_write_open(buf, key, '{');
    if (*type == '[') {
        type_names(buf, "array", nullable);
        typed(buf, "items", type + 1, len - 2, NULL);
    } else if (*type == '{') {
        type_names(buf, "object", nullable);
        typed(buf, "additionalProperties", type + 1, len - 2, NULL);
    } else if (memchr(type, '|', len)) {
        type_names(buf, "string", nullable);
        enumerate(buf, type, len, nullable);
    } else if (*type >= 'A' && *type <= 'Z' && nullable) {
        gp_write_open(buf, "anyOf", '[');
        typed(buf, NULL, type, len, NULL);
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

static size_t name_length(const gp_schema_field *field)
{
    size_t len = strlen(field->name);
    return field->name[len - 1] == '?' ? len - 1 : len;
}

/* The name that says that there are further fields. */
static int is_rest(const gp_schema_field *field)
{
    return strcmp(field->name, "*") == 0;
}

/* Names those that are always there. `fields` may be NULL, here and below. */
static void required(gp_buf *buf, const gp_schema_field *fields)
{
    const gp_schema_field *field;
    for (field = fields; field && field->name; field++) {
        if (field->name[name_length(field)] == 0 && !is_rest(field))
            gp_write_string(buf, NULL, field->name);
    }
}

/* Returns whether there are further ones. */
static int members(gp_call *call, gp_buf *buf, const gp_schema_field *fields)
{
    const gp_schema_field *field;
    int rest = 0;
    for (field = fields; field && field->name; field++) {
        const char *name = gp_arena_copy(call->arena, field->name, name_length(field));
        if (is_rest(field)) {
            rest = 1;
        } else if (name) {
            typed(buf, name, field->type, strlen(field->type), field->about);
        }
    }
    return rest;
}

static void properties(gp_call *call, gp_buf *buf, const gp_schema *schema)
{
    int rest;
    gp_write_string(buf, "type", "object");
    gp_write_open(buf, "required", '[');
    required(buf, schema->base);
    required(buf, schema->fields);
    gp_write_close(buf, ']');
    gp_write_open(buf, "properties", '{');
    rest = members(call, buf, schema->base);
    rest |= members(call, buf, schema->fields);
    gp_write_close(buf, '}');
    if (rest) gp_write_boolean(buf, "additionalProperties", 1);
}

static void either(gp_buf *buf, const char *names)
{
    gp_write_open(buf, "anyOf", '[');
    while (*names) {
        size_t len = strcspn(names, "|");
        typed(buf, NULL, names, len, NULL);
        names += len + (names[len] == '|');
    }
    gp_write_close(buf, ']');
}

static void schemas(gp_call *call, gp_buf *buf)
{
    const gp_schema *schema;
    gp_write_open(buf, "schemas", '{');
    for (schema = gp_schemas; schema->name; schema++) {
        gp_write_open(buf, schema->name, '{');
        gp_write_string(buf, "description", schema->about);
        if (schema->fields) {
            properties(call, buf, schema);
        } else {
            either(buf, schema->either);
        }
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

/* Parameters -------------------------------------------------------------------------------- */

/* The schema of a parameter; `about` may be NULL. */
static void param_schema(gp_buf *buf, const char *key, const gp_param *p, const char *about)
{
    static const char *const types[] = {
        [GP_STRING] = "string",   [GP_INTEGER] = "integer", [GP_NUMBER] = "number",
        [GP_BOOLEAN] = "boolean", [GP_TIME] = "time",       [GP_STRINGS] = "[string]",
        [GP_ARRAY] = "[object]",  [GP_HASH] = "object",     [GP_ANY] = "any"};
    const char *type = p->choices && p->type != GP_STRINGS ? p->choices : types[p->type];
    if (p->type != GP_STRINGS || !p->choices) {
        typed(buf, key, type, strlen(type), about);
        return;
    }
    gp_write_open(buf, key, '{');
    gp_write_string(buf, "type", "array");
    gp_write_open(buf, "items", '{');
    gp_write_string(buf, "type", "string");
    enumerate(buf, p->choices, strlen(p->choices), 0);
    gp_write_close(buf, '}');
    if (about) gp_write_string(buf, "description", about);
    gp_write_close(buf, '}');
}

/* What can be tried out as it stands: a value of a path or query, or the body of an operation. */
typedef struct example {
    const char *name, *json;
} example;

static const example parameter_examples[] = {{"id", "\"1\""},
                                             {"ref", "\"main\""},
                                             {"key", "\"COLOUR\""},
                                             {"path", "\"build.env\""},
                                             {"trigger", "\"pipeline_events\""},
                                             {"filter", "{\"environment_scope\":\"*\"}"},
                                             {NULL, NULL}};

static const example body_examples[] = {
    {"pipelines_create",
     "{\"ref\":\"main\",\"variables\":[{\"key\":\"VERSION\",\"value\":\"2.4.0\"}]}"},
    {"pipelines_rename", "{\"name\":\"nightly\"}"},
    {"triggers_run", "{\"ref\":\"main\",\"variables\":{\"VERSION\":\"2.4.0\"},\"scenario_id\":10}"},
    {"triggers_run_ref", "{\"variables\":{\"VERSION\":\"2.4.0\"},\"terminal_after_seconds\":10}"},
    {"triggers_create", "{\"description\":\"for the nightly build\"}"},
    {"triggers_update", "{\"description\":\"for the weekly build\"}"},
    {"jobs_cancel", "{}"},
    {"jobs_retry", "{}"},
    {"jobs_play", "{\"job_variables_attributes\":[{\"key\":\"TARGET\",\"value\":\"staging\"}]}"},
    {"variables_create", "{\"key\":\"COLOUR\",\"value\":\"blue\"}"},
    {"variables_update", "{\"value\":\"green\"}"},
    {"environments_create",
     "{\"name\":\"review/colours\",\"external_url\":\"https://colours.example.com\"}"},
    {"environments_update", "{\"tier\":\"staging\"}"},
    {"environments_stop", "{}"},
    {"environments_stop_stale", "{\"before\":\"2025-01-01T00:00:00Z\"}"},
    {"deployments_create",
     "{\"environment\":\"staging\",\"ref\":\"main\",\"tag\":false,\"status\":\"running\","
     "\"sha\":\"a91957a858320c0e17f3a0eca7cfacbff50ea29a\"}"},
    {"deployments_update", "{\"status\":\"success\"}"},
    {"hooks_create", "{\"url\":\"http://127.0.0.1:9000/\",\"pipeline_events\":true}"},
    {"hooks_update", "{\"job_events\":true}"},
    {"projects_update", "{\"ci_pipeline_variables_minimum_override_role\":\"maintainer\"}"},
    {"mock_scenarios_create",
     "{\"name\":\"fails late\",\"terminal_after_seconds\":30,\"terminal_status\":\"failed\"}"},
    {"mock_scenarios_update", "{\"name\":\"never ends\",\"never_complete\":true}"},
    {"mock_pipelines_update", "{\"terminal_after_seconds\":5,\"terminal_status\":\"failed\"}"},
    {"mock_clock_set", "{\"advance\":60}"},
    {"mock_faults_create",
     "{\"method\":\"GET\",\"path\":\"/projects/*/pipelines/*\",\"times\":1,\"status\":502}"},
    {"mock_hooks_create", "{\"url\":\"http://127.0.0.1:9000/\",\"events\":[\"pipeline\",\"job\"]}"},
    {"mock_hooks_update", "{\"delay\":2}"},
    {"mock_hooks_test", "{\"event\":\"pipeline\"}"},
    {"mock_world_load",
     "{\"projects\":{\"acme/lib\":{\"id\":1,\"jobs\":[{\"name\":\"unit\",\"duration\":5}]}}}"},
    {"mock_world_replace",
     "{\"projects\":{\"acme/lib\":{\"id\":1,\"jobs\":[{\"name\":\"unit\",\"duration\":5}]}}}"},
    {NULL, NULL}};

static void show_example(gp_buf *buf, const example *at, const char *name)
{
    while (at->name && strcmp(at->name, name) != 0)
        at++;
    if (at->name) gp_write_raw(buf, "example", at->json, strlen(at->json));
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
    if (p->where == 'p' && p->type == GP_INTEGER) {
        gp_write_integer(buf, "example", 1);
    } else if (p->where == 'p' || p->type == GP_HASH) {
        show_example(buf, parameter_examples, p->name);
    }
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
        if (is(at, len, name)) return 1;
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
            if (is(at, len, p->name)) parameter(call, buf, p);
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
        typed(buf, "schema", route->takes, strlen(route->takes), NULL);
    } else {
        body_schema(buf, route);
    }
    show_example(buf, body_examples, route->id);
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

/* Answers ----------------------------------------------------------------------------------- */

/* Headers of answers, and on which: every one, those of lists, those of reads. */
typedef struct header {
    const char *name, *type, *about;
    char when; /* 'a' all, 'p' pages, 'g' reads */
} header;

static const header headers[] = {
    {"X-Request-Id", "string", "names the request in logs", 'a'},
    {"RateLimit-Limit", "integer", "requests a minute that are allowed", 'a'},
    {"RateLimit-Observed", "integer", "requests of this minute", 'a'},
    {"RateLimit-Remaining", "integer", "requests left in this minute", 'a'},
    {"RateLimit-Reset", "integer", "when the minute ends, in seconds since 1970", 'a'},
    {"ETag", "string", "names this state of the answer; send it as If-None-Match", 'g'},
    {"Link", "string", "addresses of the first, previous, next and last page", 'p'},
    {"X-Page", "integer", "number of this page", 'p'},
    {"X-Per-Page", "integer", "rows a page", 'p'},
    {"X-Next-Page", "string", "number of the next page, empty on the last", 'p'},
    {"X-Prev-Page", "string", "number of the page before, empty on the first", 'p'},
    {"X-Total", "integer", "rows in all, where the server tells", 'p'},
    {"X-Total-Pages", "integer", "pages in all, where the server tells", 'p'},
    {NULL, NULL, NULL, 0}};

static void answer_headers(gp_buf *buf, const gp_route *route)
{
    const header *h;
    if (route->flags & GP_PUBLIC) return;
    gp_write_open(buf, "headers", '{');
    for (h = headers; h->name; h++) {
        if (h->when == 'p' && !(route->flags & GP_PAGED)) continue;
        if (h->when == 'g' && strcmp(route->method, "GET") != 0) continue;
        gp_write_open(buf, h->name, '{');
        gp_write_open(buf, "$ref", '"');
        gp_buf_adds(buf, "#/components/headers/");
        gp_buf_adds(buf, h->name);
        gp_write_close(buf, '"');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

static void content(gp_buf *buf, const char *gives)
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
        typed(buf, "schema", "string", 6, NULL);
        gp_write_close(buf, '}');
        break;
    }
    if (i == sizeof bytes / sizeof *bytes) {
        gp_write_open(buf, "application/json", '{');
        typed(buf, "schema", gives, strlen(gives), NULL);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

static void success(gp_call *call, gp_buf *buf, const gp_route *route)
{
    const char *code = gp_arena_print(call->arena, "%d", route->success);
    int file =
        route->gives && (strcmp(route->gives, "binary") == 0 || strcmp(route->gives, "raw") == 0);
    gp_write_open(buf, code ? code : "200", '{');
    gp_write_string(buf, "description", route->success == 204 ? "Done; no body." : route->help);
    answer_headers(buf, route);
    content(buf, route->gives);
    gp_write_close(buf, '}');
    if (file) {
        gp_write_open(buf, "206", '{');
        gp_write_string(buf, "description", "The part that Range asked for.");
        content(buf, route->gives);
        gp_write_close(buf, '}');
    }
    if (strcmp(route->method, "GET") == 0) {
        gp_write_open(buf, "304", '{');
        gp_write_string(buf, "description", "Nothing has changed since the ETag in If-None-Match.");
        gp_write_close(buf, '}');
    }
    if (file) {
        gp_write_open(buf, "416", '{');
        gp_write_string(buf, "description", "Range lies beyond the end.");
        gp_write_close(buf, '}');
    }
}

static void refusal(gp_buf *buf, const char *code)
{
    gp_write_open(buf, code, '{');
    gp_write_open(buf, "$ref", '"');
    gp_buf_adds(buf, "#/components/responses/");
    gp_buf_adds(buf, code);
    gp_write_close(buf, '"');
    gp_write_close(buf, '}');
}

static void responses(gp_call *call, gp_buf *buf, const gp_route *route)
{
    int open = route->flags & GP_PUBLIC;
    gp_write_open(buf, "responses", '{');
    success(call, buf, route);
    refusal(buf, "400");
    if (!open) refusal(buf, "401");
    if (!open) refusal(buf, "403");
    if (strpbrk(route->path, ":*")) refusal(buf, "404");
    refusal(buf, "default");
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
    text_of(buf, NULL, route->id, strcspn(route->id, "_"));
    gp_write_close(buf, ']');
    gp_write_string(buf, "summary", route->help);
    if (route->about) gp_write_string(buf, "description", route->about);
    security(buf, route);
    parameters(call, buf, route);
    request_body(buf, route);
    responses(call, buf, route);
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

static void paths(gp_call *call, gp_buf *buf)
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

/* Webhooks ---------------------------------------------------------------------------------- */

static const struct {
    const char *name, *schema, *about;
} hooks[] = {
    {"pipeline", "PipelineEvent", "The status of a pipeline has changed"},
    {"job", "JobEvent", "The status of a job has changed, or it was made"},
    {"deployment", "DeploymentEvent", "The status of a deployment has changed"},
};

static const char about_hooks[] =
    "Sent to the targets of /_mock/hooks as POST. A 2xx or 3xx within 10 s is a success.";

/* What the simulation sends by itself. */
static void webhooks(gp_buf *buf)
{
    size_t i;
    gp_write_open(buf, "webhooks", '{');
    for (i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        gp_write_open(buf, hooks[i].name, '{');
        gp_write_open(buf, "post", '{');
        gp_write_open(buf, "operationId", '"');
        gp_buf_adds(buf, "webhook_");
        gp_buf_adds(buf, hooks[i].name);
        gp_write_close(buf, '"');
        gp_buf_adds(buf, ",\"tags\":[\"webhooks\"],\"security\":[]");
        gp_write_string(buf, "summary", hooks[i].about);
        gp_write_string(buf, "description", about_hooks);
        gp_write_open(buf, "requestBody", '{');
        gp_write_boolean(buf, "required", 1);
        content(buf, hooks[i].schema);
        gp_write_close(buf, '}');
        gp_buf_adds(buf, ",\"responses\":{\"2XX\":{\"description\":\"Taken.\"},"
                         "\"4XX\":{\"description\":\"Refused; it is sent again.\"}}");
        gp_write_close(buf, '}');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

/* The document ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *about;
} tags[] = {
    {"pipelines", "Making, reading and steering pipelines."},
    {"triggers", "Trigger tokens, and making pipelines with them."},
    {"jobs", "Jobs and their logs."},
    {"artifacts", "What jobs leave behind."},
    {"variables", "CI/CD variables of a project."},
    {"environments", "Places to deploy to."},
    {"deployments", "What was deployed where."},
    {"hooks", "Webhooks of a project, as GitLab has them."},
    {"projects", "Projects."},
    {"tokens", "What the token that is sent may do."},
    {"server", "The server and who asks it."},
    {"mock",
     "Steering the simulation: scenarios, time, faults, webhooks. Only with the static token."},
    {"webhooks", "What the simulation sends to the targets of /_mock/hooks."},
    {"contract", "This document and its pages. No token is needed."},
};

static const char contact[] = "{\"name\":\"gitlab_pipelines\"}";
static const char license[] = "{\"name\":\"MIT\",\"identifier\":\"MIT\"}";

static const char about_document[] =
    "A simulated GitLab for those who write and test what talks to GitLab pipelines. It answers as "
    "GitLab does, its time can be held and moved, and it can be made to fail in the ways in which "
    "a real one fails.\n\nEvery path is served with and without the prefix /api/v4. Parameters of "
    "a "
    "body may be sent as JSON, as a form (variables[NAME]=value) or as multipart form data, and in "
    "the query as well. A project is named by its number or by its full path with each slash as "
    "%2F.";

static void document_head(gp_buf *buf)
{
    size_t i;
    gp_write_string(buf, "openapi", "3.1.0");
    gp_write_open(buf, "info", '{');
    gp_write_string(buf, "title", "Simulated GitLab");
    gp_write_string(buf, "version", "4");
    gp_write_string(buf, "summary",
                    "Pipelines, jobs, triggers, artifacts, and the simulation itself.");
    gp_write_string(buf, "description", about_document);
    gp_write_raw(buf, "contact", contact, sizeof contact - 1);
    gp_write_raw(buf, "license", license, sizeof license - 1);
    gp_write_close(buf, '}');
    gp_buf_adds(buf, ",\"servers\":[{\"url\":\"/api/v4\",\"description\":\"as on GitLab\"},"
                     "{\"url\":\"/\",\"description\":\"without the prefix\"}]");
    gp_write_open(buf, "tags", '[');
    for (i = 0; i < sizeof tags / sizeof *tags; i++) {
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "name", tags[i].name);
        gp_write_string(buf, "description", tags[i].about);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
}

/* What the components hold for the statuses above. */
static const struct {
    const char *code, *about;
} refusals[] = {
    {"400", "The request is not as it must be."},
    {"401", "The token is missing, wrong, revoked or expired."},
    {"403", "The token may not do this, or what it is asked of does not allow it now."},
    {"404", "There is no such thing, or the token may not see it."},
    {"default", "Any other refusal, or what a rule of /_mock/faults prescribes."},
};

static void scheme(gp_buf *buf, const char *key, const char *where, const char *name,
                   const char *about)
{
    gp_write_open(buf, key, '{');
    gp_write_string(buf, "type", where ? "apiKey" : "http");
    if (where) {
        gp_write_string(buf, "in", where);
        gp_write_string(buf, "name", name);
    } else {
        gp_write_string(buf, "scheme", name);
    }
    gp_write_string(buf, "description", about);
    gp_write_close(buf, '}');
}

static void components(gp_call *call, gp_buf *buf)
{
    const header *h;
    size_t i;
    gp_write_open(buf, "components", '{');
    gp_write_open(buf, "securitySchemes", '{');
    scheme(buf, "privateToken", "header", "PRIVATE-TOKEN",
           "the static token, or one of the world's");
    scheme(buf, "bearer", NULL, "bearer", "the same as Authorization: Bearer");
    scheme(buf, "tokenParameter", "query", "private_token", "the same in the query");
    scheme(buf, "jobToken", "header", "JOB-TOKEN", "the token of a running CI job");
    gp_write_close(buf, '}');
    gp_write_open(buf, "headers", '{');
    for (h = headers; h->name; h++) {
        gp_write_open(buf, h->name, '{');
        gp_write_string(buf, "description", h->about);
        typed(buf, "schema", h->type, strlen(h->type), NULL);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
    gp_write_open(buf, "responses", '{');
    for (i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        gp_write_open(buf, refusals[i].code, '{');
        gp_write_string(buf, "description", refusals[i].about);
        content(buf, "Error");
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
    schemas(call, buf);
    gp_write_close(buf, '}');
}

int gp_get_openapi(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    document_head(buf);
    paths(call, buf);
    webhooks(buf);
    components(call, buf);
    gp_write_close(buf, '}');
    return 200;
}
