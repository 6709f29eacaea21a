/* A ring of the last requests, each one block of memory with its parts at offsets. */
#include "mock/request/requests.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mock/request/params.h"
#include "mock/request/router.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"

/* Bytes of a body that are kept. */
enum { BODY_KEPT = 16384 };

static const char redacted[] = "[redacted]";

static int is_secret_header(const char *name)
{
    return strcasecmp(name, "PRIVATE-TOKEN") == 0 || strcasecmp(name, "JOB-TOKEN") == 0 ||
           strcasecmp(name, "Authorization") == 0 || strcasecmp(name, "Cookie") == 0;
}

static void forget(gp_seen *seen)
{
    free(seen->data);
    free(seen->shown);
    memset(seen, 0, sizeof *seen);
}

/* The parts of a request are stored one after another, each with a NUL: method, target, body, then
 * names and values of headers. */
void gp_requests_note(gp_mock *m, const gp_http_request_in *in, int status, int fault,
                      int uncommitted)
{
    gp_seen *seen = &m->seen[m->seen_count % GP_SEEN_MAX];
    size_t method = strlen(in->method) + 1,
           body = in->body_len < BODY_KEPT ? in->body_len : BODY_KEPT;
    size_t size = method + in->target_len + 1 + body, i;
    char *at;
    if (gp_route_is_own(in->target)) return;
    for (i = 0; i < in->header_count; i++)
        size += in->headers[i].name_len + in->headers[i].value_len + 2;
    forget(seen);
    seen->data = at = malloc(size);
    if (!at) return;
    seen->number = ++m->seen_count;
    seen->at = m->now;
    seen->status = status;
    seen->fault = fault;
    seen->uncommitted = uncommitted;
    seen->target = method;
    seen->target_len = in->target_len;
    seen->body = method + in->target_len + 1;
    seen->body_len = body;
    seen->headers = seen->body + body;
    seen->size = size;
    memcpy(at, in->method, method);
    memcpy(at + seen->target, in->target, in->target_len);
    at[seen->body - 1] = 0;
    memcpy(at + seen->body, in->body, body);
    at += seen->headers;
    for (i = 0; i < in->header_count; i++) {
        memcpy(at, in->headers[i].name, in->headers[i].name_len);
        at += in->headers[i].name_len;
        *at++ = 0;
        memcpy(at, in->headers[i].value, in->headers[i].value_len);
        at += in->headers[i].value_len;
        *at++ = 0;
    }
}

void gp_requests_settle(gp_mock *m, int status)
{
    int64_t count = m->seen_count;
    /* Requests that wait are among the newest, mixed with some that do not. */
    for (; count > m->unflushed && count > m->seen_count - GP_SEEN_MAX; count--) {
        gp_seen *seen = &m->seen[(count - 1) % GP_SEEN_MAX];
        if (seen->uncommitted && status) seen->status = status;
        seen->uncommitted = 0;
    }
    m->unflushed = m->seen_count;
}

void gp_requests_clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < GP_SEEN_MAX; i++)
        forget(&m->seen[i]);
    m->seen_count = 0;
}

/* Removes every credential that the mock knows from a text. */
static const char *without(gp_call *call, const char *text, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    const char *found;
    if (len < 4) return text;
    while ((found = strstr(text, secret)) != NULL) {
        text = gp_arena_print(call->arena, "%.*s%s%s", (int)(found - text), text, redacted,
                              found + len);
        if (!text) return "";
    }
    return text;
}

static const char *clean(gp_call *call, const char *data, size_t len)
{
    gp_mock *m = call->m;
    const char *text =
        gp_utf8_valid(data, len) ? gp_arena_copy(call->arena, data, len) : "[not text]";
    size_t i, k;
    if (!text) return "";
    text = without(call, text, m->token);
    for (i = 0; i < m->tokens.count; i++) {
        text = without(call, text, ((gp_token *)m->tokens.items[i])->token);
    }
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->triggers.count; k++) {
            text = without(call, text, ((gp_trigger *)project->triggers.items[k])->token);
        }
    }
    return text;
}

/* Values of parameters that hold credentials, whatever they are. */
static void redact_params(gp_json *params)
{
    static const char *const names[] = {"token", "private_token", "access_token", "job_token"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        gp_json *value = gp_json_get(params, names[i]);
        if (!value || value->type != GP_JSON_STRING) continue;
        value->string = redacted;
        value->len = sizeof redacted - 1;
    }
}

static gp_json *body_params(gp_call *call, const gp_seen *seen, const char *type)
{
    char why[80];
    const char *body = clean(call, seen->data + seen->body, seen->body_len);
    gp_json *params = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (!seen->body_len) return NULL;
    if (strstr(type, "json")) {
        params = gp_json_parse(call->arena, body, strlen(body), why, sizeof why);
    } else if (strncasecmp(type, "multipart/", 10) == 0) {
        if (!gp_params_multipart(call->arena, params, type, body, strlen(body))) params = NULL;
    } else if (!gp_params_form(call->arena, params, body, strlen(body))) {
        params = NULL;
    }
    redact_params(params);
    return params;
}

static const char *header_of(const gp_seen *seen, const char *wanted)
{
    const char *at = seen->data + seen->headers, *end = seen->data + seen->size;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, wanted) == 0) return value;
        at = value + strlen(value) + 1;
    }
    return "";
}

void gp_request_shape(gp_call *call, gp_buf *buf, const gp_seen *seen)
{
    const char *target = clean(call, seen->data + seen->target, seen->target_len);
    const char *query = strchr(target, '?'), *at = seen->data + seen->headers;
    gp_json *params = gp_json_new(call->arena, GP_JSON_OBJECT);
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "number", seen->number);
    gp_write_time(buf, "at", seen->at);
    gp_write_string(buf, "method", seen->data);
    gp_write_bytes(buf, "path", target, query ? (size_t)(query - target) : strlen(target));
    if (query && !gp_params_form(call->arena, params, query + 1, strlen(query + 1))) params = NULL;
    redact_params(params);
    gp_write_raw(buf, "query", "", 0);
    gp_json_write(buf, params);
    gp_write_open(buf, "headers", '{');
    for (; at < seen->data + seen->size; at += strlen(at) + 1) {
        const char *name = at;
        const char *shown;
        at += strlen(at) + 1;
        shown = is_secret_header(name) ? redacted : clean(call, at, strlen(at));
        gp_write_raw(buf, NULL, "", 0);
        gp_buf_json_string(buf, name, strlen(name));
        gp_buf_add(buf, ":", 1);
        gp_buf_json_string(buf, shown, strlen(shown));
    }
    gp_write_close(buf, '}');
    gp_write_raw(buf, "body", "", 0);
    gp_json_write(buf, body_params(call, seen, header_of(seen, "Content-Type")));
    gp_write_integer(buf, "status", seen->status);
    gp_write_boolean(buf, "fault", seen->fault);
    gp_write_close(buf, '}');
}

/* From one run to the next ------------------------------------------------------------------ */

/* Writes only what would be shown, so that no secret gets into the file. */
static void save(gp_mock *m, gp_save_occasion occasion)
{
    gp_call call = {.m = m, .arena = &m->scratch};
    int64_t first = m->seen_count > GP_SEEN_MAX ? m->seen_count - GP_SEEN_MAX : 0, number;
    if (occasion != GP_SAVE_LAST) return;
    for (number = first; number < m->seen_count; number++) {
        const gp_seen *seen = &m->seen[number % GP_SEEN_MAX];
        gp_buf buf = {.alloc = &m->alloc};
        if (!seen->data) continue;
        gp_arena_reset(call.arena);
        if (seen->shown) {
            gp_buf_adds(&buf, seen->shown);
        } else {
            gp_request_shape(&call, &buf, seen);
        }
        if (call.arena->failed) buf.failed = 1;
        gp_store_row(m, "request", seen->number, &buf);
    }
}

static int load_one(gp_mock *m, int64_t number, const gp_json *row)
{
    gp_seen *seen = number > 0 ? &m->seen[(number - 1) % GP_SEEN_MAX] : NULL;
    const char *method = gp_json_get_string(row, "method", ""),
               *path = gp_json_get_string(row, "path", "");
    gp_buf shown = {.alloc = &m->alloc};
    if (!seen) return 0;
    gp_json_write(&shown, row);
    seen->number = m->seen_count = number;
    seen->target = strlen(method) + 1;
    seen->data = malloc(seen->target + strlen(path) + 1);
    if (seen->data) {
        memcpy(seen->data, method, seen->target);
        memcpy(seen->data + seen->target, path, strlen(path) + 1);
    }
    seen->shown = shown.failed ? NULL : gp_mock_strdup(m, gp_buf_text(&shown));
    gp_buf_free(&shown);
    /* Deletes the rows at once: the next run stores its own requests. */
    gp_store_object(m, "request", number, NULL);
    return seen->data && seen->shown;
}

/* Not cleared with the rows: the list survives a reset. */
const gp_entity gp_request_entity = {.kind = "request", .load = load_one, .save = save};
