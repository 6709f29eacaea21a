/* Handlers for lists of pipelines, one pipeline, and what can be done to it. */
#include "mock/gitlab/pipelines.h"

#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"
#include "mock/request/listing.h"
#include "mock/request/faults.h"
#include "mock/gitlab/launch.h"
#include "mock/gitlab/json_views.h"
#include "mock/engine/job_actions.h"
#include "mock/engine/pipeline.h"
#include "mock/rows/save.h"

/* Listing ----------------------------------------------------------------------------------- */

typedef struct filter {
    const char *scope, *status, *ref, *sha, *source, *name, *username;
    gp_ms updated_before, updated_after, created_before, created_after, seen_before;
    int yaml_errors;
    int per_ref; /* the scopes `branches` and `tags`: only the newest of each ref */
} filter;

/* A filter that is present and not empty. */
static const char *given(const gp_call *call, const char *name)
{
    const char *text = gp_call_string(call, name);
    return text && *text ? text : NULL;
}

static filter read_filter(const gp_call *call)
{
    filter f = {.scope = gp_call_string(call, "scope"),
                .status = gp_call_string(call, "status"),
                .ref = given(call, "ref"),
                .sha = given(call, "sha"),
                .source = gp_call_string(call, "source"),
                .name = given(call, "name"),
                .username = given(call, "username"),
                .updated_before = gp_call_time(call, "updated_before"),
                .updated_after = gp_call_time(call, "updated_after"),
                .created_before = gp_call_time(call, "created_before"),
                .created_after = gp_call_time(call, "created_after"),
                .seen_before = call->m->now - call->lag,
                .yaml_errors = gp_call_boolean(call, "yaml_errors", 0)};
    return f;
}

static int in_scope(const char *scope, const gp_pipeline *p)
{
    if (strcmp(scope, "running") == 0) return p->status == GP_STATUS_RUNNING;
    if (strcmp(scope, "pending") == 0) return p->status == GP_STATUS_PENDING;
    if (strcmp(scope, "finished") == 0) return gp_status_is_finished(p->status);
    return p->tag == (strcmp(scope, "tags") == 0);
}

/* Whether no later pipeline of its ref is in the scope. */
static int newest_of_ref(const gp_list *pipelines, const filter *f, const gp_pipeline *p)
{
    size_t i;
    for (i = pipelines->count; i > 0; i--) {
        const gp_pipeline *other = pipelines->items[i - 1];
        if (other == p) return 1;
        if (other->tag == p->tag && strcmp(other->ref, p->ref) == 0 && in_scope(f->scope, other))
            return 0;
    }
    return 1;
}

static int wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_pipeline *p = row;
    const filter *f = ctx;
    if (p->created_at > f->seen_before) return 0;
    if (f->source ? strcmp(f->source, p->source) != 0 : strcmp(p->source, "parent_pipeline") == 0)
        return 0;
    if (f->scope && !in_scope(f->scope, p)) return 0;
    if (f->status && strcmp(f->status, gp_status_name(p->status)) != 0) return 0;
    if (f->ref && strcmp(f->ref, p->ref) != 0) return 0;
    if (f->sha && strcmp(f->sha, p->sha) != 0) return 0;
    if (f->name && (!p->name || strcmp(f->name, p->name) != 0)) return 0;
    if (f->username && strcmp(f->username, gp_user_find(call->m, p->user_id)->username) != 0)
        return 0;
    if (f->yaml_errors) return 0;
    if (f->updated_before != GP_MS_NONE && p->updated_at >= f->updated_before) return 0;
    if (f->updated_after != GP_MS_NONE && p->updated_at <= f->updated_after) return 0;
    if (f->created_before != GP_MS_NONE && p->created_at >= f->created_before) return 0;
    if (f->created_after != GP_MS_NONE && p->created_at <= f->created_after) return 0;
    return !f->per_ref || newest_of_ref(&p->project->pipelines, f, p);
}

static int by_id(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_updated(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    return x->updated_at != y->updated_at ? (x->updated_at < y->updated_at ? -1 : 1) : by_id(a, b);
}

static int by_status(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    int order = strcmp(gp_status_name(x->status), gp_status_name(y->status));
    return order ? order : by_id(a, b);
}

static int by_ref(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    int order = strcmp(x->ref, y->ref);
    return order ? order : by_id(a, b);
}

static int by_user(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    return x->user_id != y->user_id ? (x->user_id < y->user_id ? -1 : 1) : by_id(a, b);
}

/* NULL: by id, the order in which the rows lie. */
static int (*order(const gp_call *call))(const void *, const void *)
{
    const char *by = gp_call_string(call, "order_by");
    if (by && strcmp(by, "updated_at") == 0) return by_updated;
    if (by && strcmp(by, "status") == 0) return by_status;
    if (by && strcmp(by, "ref") == 0) return by_ref;
    return by && strcmp(by, "user_id") == 0 ? by_user : NULL;
}

static void show_short(gp_call *call, const void *row)
{
    gp_view_pipeline_short(&call->out->body, NULL, call->m, row, 1);
}

int gp_list_pipelines(gp_call *call)
{
    filter f = read_filter(call);
    const char *sort = gp_call_string(call, "sort");
    const gp_listing listing = {.rows = &call->project->pipelines,
                                .view = show_short,
                                .wanted = wanted,
                                .ctx = &f,
                                .compare = order(call),
                                .reverse = !sort || strcmp(sort, "asc") != 0};
    f.per_ref = f.scope && (strcmp(f.scope, "branches") == 0 || strcmp(f.scope, "tags") == 0);
    return gp_listing_respond(call, &listing);
}

/* Pipelines of every project that the caller created, newest first; keyset paging only. */
int gp_list_own_pipelines(gp_call *call)
{
    gp_mock *m = call->m;
    filter f = read_filter(call);
    const char *cursor = gp_call_string(call, "cursor");
    int64_t per_page = gp_call_integer(call, "per_page", 20), last = INT64_MAX;
    gp_list rows = {0};
    size_t i, k;
    if (per_page < 1 || per_page > 100) per_page = per_page < 1 ? 20 : 100;
    if (cursor && *cursor) {
        if (strlen(cursor) > 18 || strspn(cursor, "0123456789") != strlen(cursor))
            return gp_fail_error(call, 400, "cursor is invalid");
        last = strtoll(cursor, NULL, 10);
    }
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; (!m->world || project->def) && k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            if (p->id >= last || p->user_id != call->user->id || !wanted(call, p, &f)) continue;
            if (!gp_list_add(&rows, p)) m->memory_failed = 1;
        }
    }
    if (rows.count) qsort(rows.items, rows.count, sizeof *rows.items, by_id);
    gp_write_open(&call->out->body, NULL, '[');
    for (i = rows.count; i > 0 && per_page > 0; i--, per_page--) {
        gp_pipeline *p = rows.items[i - 1];
        gp_view_pipeline_short(&call->out->body, NULL, m, p, 1);
        last = p->id;
    }
    gp_write_close(&call->out->body, ']');
    if (i > 0) {
        const char *next = gp_arena_print(call->arena, "%lld", (long long)last);
        gp_http_response_header(call->out, "X-NEXT-CURSOR", next ? next : "");
        gp_page_next_cursor(call, next);
    }
    gp_list_free(&rows);
    return 200;
}

int gp_latest_pipeline(gp_call *call)
{
    const gp_list *all = &call->project->pipelines;
    const char *ref = gp_call_string(call, "ref");
    size_t i;
    if (!ref || !*ref) ref = gp_json_get_string(call->project->def, "default_branch", "main");
    for (i = all->count; i > 0; i--) {
        gp_pipeline *p = all->items[i - 1];
        if (strcmp(p->ref, ref) != 0 || strcmp(p->source, "parent_pipeline") == 0) continue;
        if (call->lag && p->created_at + call->lag > call->m->now) continue;
        gp_view_pipeline(&call->out->body, call->m, p, 1);
        return 200;
    }
    return gp_fail(call, 403, "403 Forbidden");
}

/* One ----------------------------------------------------------------------------------- */

int gp_get_pipeline(gp_call *call)
{
    gp_view_pipeline(&call->out->body, call->m, call->pipeline, 1);
    return 200;
}

int gp_pipeline_variables(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    char why[80];
    const gp_json *list = NULL, *at;
    const char *text = call->pipeline->variables;
    if (call->role < GP_ROLE_MAINTAINER &&
        !(call->role >= GP_ROLE_DEVELOPER && call->pipeline->user_id == call->user->id)) {
        return gp_fail(call, 403, "403 Forbidden");
    }
    if (text) list = gp_json_parse(call->arena, text, strlen(text), why, sizeof why);
    gp_write_open(buf, NULL, '[');
    for (at = list ? list->child : NULL; at; at = at->next) {
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "variable_type", gp_json_get_string(at, "variable_type", "env_var"));
        gp_write_string(buf, "key", gp_json_get_string(at, "key", ""));
        gp_write_string(buf, "value", gp_json_get_string(at, "value", ""));
        gp_write_boolean(buf, "raw", 0);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
    return 200;
}

static const char *as_text(gp_arena *arena, const gp_json *value)
{
    switch (value ? value->type : GP_JSON_NULL) {
    case GP_JSON_STRING:
        return value->string;
    case GP_JSON_TRUE:
        return "true";
    case GP_JSON_FALSE:
        return "false";
    case GP_JSON_INTEGER:
        return gp_arena_print(arena, "%lld", (long long)value->integer);
    case GP_JSON_NUMBER:
        return gp_arena_print(arena, "%.15g", value->number);
    case GP_JSON_NULL:
        return "";
    default:
        return NULL;
    }
}

/* variables: [{key, value, variable_type}] as texts: 0, or the status of the error. */
static int read_variables(gp_call *call, gp_json *list)
{
    const gp_json *given = gp_json_get(call->params, "variables"), *at;
    int i = 0;
    for (at = given ? given->child : NULL; at; at = at->next, i++) {
        const char *key, *value, *type = gp_json_get_string(at, "variable_type", "env_var");
        if (at->type != GP_JSON_OBJECT) return gp_fail_error(call, 400, "variables is invalid");
        if (!gp_json_get(at, "key")) {
            return gp_fail_error(call, 400,
                                 gp_arena_print(call->arena, "variables[%d][key] is missing", i));
        }
        key = as_text(call->arena, gp_json_get(at, "key"));
        value = as_text(call->arena, gp_json_get(at, "value"));
        if (!value) {
            return gp_fail_error(call, 400,
                                 gp_arena_print(call->arena, "variables[%d][value] is invalid", i));
        }
        if (strcmp(type, "env_var") != 0 && strcmp(type, "file") != 0) {
            return gp_fail_error(
                call, 400,
                gp_arena_print(call->arena,
                               "variables[%d][variable_type] does not have a valid value", i));
        }
        if (!key || !*key ||
            strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") !=
                strlen(key)) {
            return gp_fail_field(call, "base",
                                 "Variables key can contain only letters, digits and '_'.");
        }
        gp_json_push(list, gp_variable_entry(call->arena, key, value, type));
    }
    return 0;
}

int gp_create_pipeline(gp_call *call)
{
    gp_json *list = gp_json_new(call->arena, GP_JSON_ARRAY);
    gp_launch launch = {.source = "api",
                        .ref = gp_call_string(call, "ref"),
                        .variables = list,
                        .user_id = call->user->id,
                        .role = call->role,
                        .upstream_job_id = GP_UNSET};
    int status = read_variables(call, list);
    return status ? status : gp_launch_pipeline(call, &launch);
}

int gp_retry_pipeline(gp_call *call)
{
    gp_pipeline_retry(call->m, call->pipeline);
    gp_view_pipeline(&call->out->body, call->m, call->pipeline, 0);
    return 201;
}

int gp_cancel_pipeline(gp_call *call)
{
    gp_pipeline_cancel(call->m, call->pipeline);
    gp_view_pipeline(&call->out->body, call->m, call->pipeline, 0);
    return 200;
}

int gp_delete_pipeline(gp_call *call)
{
    const char *since = gp_http_request_header(call->in, "If-Unmodified-Since");
    double seconds;
    if (call->role < GP_ROLE_OWNER) return gp_fail(call, 403, "403 Forbidden");
    if (since && gp_time_parse_http(since, strlen(since), &seconds) &&
        call->pipeline->updated_at / 1000 > (gp_ms)seconds) {
        return gp_fail(call, 412, "412 Precondition Failed");
    }
    gp_store_forget_pipeline(call->m, call->pipeline->id);
    gp_store_project(call->m, call->project);
    gp_pipeline_remove(call->m, call->pipeline);
    return 204;
}

int gp_rename_pipeline(gp_call *call)
{
    const char *name = gp_call_string(call, "name");
    char *copy;
    if (strlen(name) > 255)
        return gp_fail_field(call, "name", "is too long (maximum is 255 characters)");
    copy = gp_mock_strdup(call->m, name);
    if (!copy) return gp_fail_memory(call);
    free(call->pipeline->name);
    call->pipeline->name = copy;
    call->pipeline->updated_at = call->m->now;
    gp_store_touch_pipeline(call->m, call->pipeline);
    gp_view_pipeline(&call->out->body, call->m, call->pipeline, 1);
    return 200;
}
