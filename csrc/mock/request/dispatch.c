/* Route, parameters, authorization, rows, handler: each step may end the call with its error. */
#include "mock/request/dispatch.h"

#include <string.h>
#include <strings.h>

#include "mock/engine/world.h"
#include "mock/request/api.h"
#include "mock/request/auth.h"
#include "mock/request/params.h"
#include "mock/request/route_params.h"
#include "mock/request/router.h"
#include "mock/rows/projects.h"

/* A world or a snapshot may be larger than what GitLab's own endpoints take. */
enum { MAX_CONTROL_BODY = 1 << 28 };

static void merge(gp_call *call, const gp_json *from)
{
    const gp_json *member;
    for (member = from ? from->child : NULL; member; member = member->next) {
        gp_json *copy = gp_arena_get(call->arena, sizeof *copy);
        if (!copy) return;
        *copy = *member;
        gp_json_add(call->params, member->key, copy);
    }
}

static int media(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncasecmp(type, wanted, len) == 0 &&
           (type[len] == 0 || type[len] == ';' || type[len] == ' ');
}

/* The body as parameters: 0, or the status of the error written. */
static int read_body(gp_call *call)
{
    const gp_http_request_in *in = call->in;
    const char *type = gp_http_request_header(in, "Content-Type");
    char why[120];
    int64_t most = call->route->flags & GP_CONTROL ? MAX_CONTROL_BODY : call->m->max_body;
    if ((int64_t)in->body_len > most) {
        return gp_fail(call, 413, "413 Request Entity Too Large");
    }
    call->body = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (!in->body_len) return 0;
    if (!type || !*type || media(type, "application/x-www-form-urlencoded")) {
        if (gp_params_form(call->arena, call->body, in->body, in->body_len)) return 0;
    } else if (media(type, "application/json") || media(type, "application/vnd.api+json")) {
        call->body = gp_json_parse(call->arena, in->body, in->body_len, why, sizeof why);
        if (call->body) return 0;
    } else if (media(type, "multipart/form-data")) {
        if (gp_params_multipart(call->arena, call->body, type, in->body, in->body_len)) return 0;
    } else {
        return gp_fail_error(call, 415,
                             gp_arena_print(call->arena,
                                            "The provided content-type '%.100s' is not supported.",
                                            gp_utf8_valid(type, strlen(type)) ? type : "?"));
    }
    call->body = NULL;
    return gp_fail_error(call, 400, "message body does not match declared format");
}

/* Path, body and query in one object; of equal names, the first wins. */
static int read_params(gp_call *call, const gp_json *path_params, const char *query)
{
    int status;
    call->params = gp_json_new(call->arena, GP_JSON_OBJECT);
    call->query = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (query && !gp_params_form(call->arena, call->query, query, strlen(query))) {
        return gp_fail(call, 400, "400 Bad request");
    }
    status = read_body(call);
    merge(call, path_params);
    if (call->body && call->body->type == GP_JSON_OBJECT) merge(call, call->body);
    merge(call, call->query);
    return status;
}

static int project_visible(const gp_call *call)
{
    return !call->token || call->token->project_id == GP_UNSET ||
           call->token->project_id == call->project->id;
}

static int hidden_by_lag(const gp_call *call, const gp_pipeline *p)
{
    return call->lag && p->created_at + call->lag > call->m->now;
}

/* The rows that the path names: 0, or the status of the error written. */
static int find_rows(gp_call *call)
{
    int flags = call->route->flags;
    gp_job *job;
    if (flags & GP_PROJECT) {
        const char *id = gp_call_string(call, "id");
        call->project = gp_project_find(call->m, id);
        if (!call->project || !project_visible(call))
            return gp_fail(call, 404, "404 Project Not Found");
        if (call->m->api->on_project) call->m->api->on_project(call->m, call->project);
    }
    if ((flags & GP_MAINTAINER) && call->role < GP_ROLE_MAINTAINER)
        return gp_fail(call, 403, "403 Forbidden");
    if (flags & GP_PIPELINE) {
        call->pipeline = gp_ids_get(&call->m->pipelines, gp_call_integer(call, "pipeline_id", 0));
        if (!call->pipeline || call->pipeline->project != call->project ||
            hidden_by_lag(call, call->pipeline)) {
            return gp_fail_record(call);
        }
    }
    if (flags & (GP_JOB | GP_ANY_JOB)) {
        job = gp_ids_get(&call->m->jobs, gp_call_integer(call, "job_id", 0));
        if (!job || job->pipeline->project != call->project ||
            (call->lag && job->created_at + call->lag > call->m->now) ||
            ((flags & GP_JOB) && gp_job_trigger(job))) {
            return gp_fail_record(call);
        }
        call->job = job;
        call->pipeline = job->pipeline;
    }
    return 0;
}

/* Runs a call from its path to the handler's status. */
int gp_dispatch(gp_call *call, char *path, const char *query)
{
    gp_json *path_params = gp_json_new(call->arena, GP_JSON_OBJECT);
    gp_match match;
    int status, body_status;
    if (call->m->api->answer_outside && call->m->api->answer_outside(call, path, query, &status))
        return status;
    gp_route_find(call->m->api->routes, call->arena, call->in->method, path, path_params, &match);
    if (!match.route && match.allow[0]) {
        gp_http_response_header(call->out, "Allow", match.allow);
        return gp_fail_error(call, 405, "405 Not Allowed");
    }
    if (!match.route) return gp_fail_error(call, 404, "404 Not Found");
    call->route = match.route;
    body_status = read_params(call, path_params, query);
    /* A caller without permission does not learn what is wrong with the request. */
    status = match.route->flags & GP_PUBLIC ? 0
             : match.route->flags & GP_OPEN ? call->m->api->authorize_open(call)
                                            : gp_auth(call);
    if (status) return status;
    if (body_status) return body_status;
    status = gp_route_check(call);
    if (!status) status = find_rows(call);
    return status ? status : match.route->handle(call);
}
