/* Handlers for lists of jobs, one job, and what can be done to it. */
#include "mock/gitlab/jobs.h"

#include <string.h>

#include "mock/request/answer.h"
#include "mock/request/listing.h"
#include "mock/request/faults.h"
#include "mock/gitlab/launch.h"
#include "mock/gitlab/json_views.h"
#include "mock/engine/job.h"
#include "mock/engine/job_actions.h"
#include "mock/request/throttle.h"
#include "mock/engine/world.h"

static void show(gp_call *call, const void *row)
{
    const gp_job *job = row;
    if (gp_job_trigger(job)) {
        gp_view_bridge(&call->out->body, NULL, call->m, job);
    } else {
        gp_view_job(&call->out->body, NULL, call->m, job);
    }
}

static int in_scope(const gp_call *call, const gp_job *job)
{
    const gp_json *scope = gp_json_get(call->params, "scope"), *at;
    const char *status = gp_status_name(job->status);
    if (!scope || !scope->child) return 1;
    for (at = scope->child; at; at = at->next) {
        if (strcmp(at->string, status) == 0) return 1;
    }
    return 0;
}

/* Jobs of one pipeline: builds, or trigger jobs. */
typedef struct kind {
    int bridges, retried;
} kind;

static int wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_job *job = row;
    const kind *k = ctx;
    if ((gp_job_trigger(job) != NULL) != k->bridges || !in_scope(call, job)) return 0;
    return !job->retried || (k->retried && !k->bridges);
}

static int list_of_pipeline(gp_call *call, int bridges)
{
    const kind k = {bridges, gp_call_boolean(call, "include_retried", 0)};
    const gp_listing listing = {
        .rows = &call->pipeline->jobs, .view = show, .wanted = wanted, .ctx = &k, .reverse = 1};
    return gp_listing_respond(call, &listing);
}

int gp_list_pipeline_jobs(gp_call *call)
{
    return list_of_pipeline(call, 0);
}

int gp_list_bridges(gp_call *call)
{
    return list_of_pipeline(call, 1);
}

/* Every build of a project by id, ascending. Ids of different pipelines may interleave. */
static void project_jobs(gp_call *call, gp_list *rows)
{
    const gp_list *pipelines = &call->project->pipelines;
    const char *ref = gp_call_string(call, "ref");
    gp_ms lag = call->lag;
    size_t i, k, at;
    for (i = 0; i < pipelines->count; i++) {
        const gp_pipeline *p = pipelines->items[i];
        if ((ref && strcmp(ref, p->ref) != 0) || (lag && p->created_at + lag > call->m->now))
            continue;
        for (k = 0; k < p->jobs.count; k++) {
            gp_job *job = p->jobs.items[k];
            if (gp_job_trigger(job) || !in_scope(call, job)) continue;
            if (!gp_list_add(rows, job)) call->m->memory_failed = 1;
            for (at = rows->count; at > 1 && ((gp_job *)rows->items[at - 2])->id > job->id; at--) {
                rows->items[at - 1] = rows->items[at - 2];
                rows->items[at - 2] = job;
            }
        }
    }
}

/* Newest first: GitLab has no other order here. */
static int keyset_jobs(gp_call *call, const gp_list *rows)
{
    int64_t per_page = gp_call_integer(call, "per_page", 20);
    int64_t after = gp_call_integer(call, "id_after", -1),
            before = gp_call_integer(call, "id_before", -1);
    gp_buf *buf = &call->out->body;
    int64_t shown = 0, last = 0;
    size_t i;
    int more = 0;
    if (per_page < 1 || per_page > 100) per_page = per_page < 1 ? 20 : 100;
    gp_write_open(buf, NULL, '[');
    for (i = 0; i < rows->count && !more; i++) {
        const gp_job *job = rows->items[rows->count - 1 - i];
        if ((after >= 0 && job->id <= after) || (before >= 0 && job->id >= before)) continue;
        more = shown == per_page;
        if (more) break;
        show(call, job);
        last = job->id;
        shown++;
    }
    gp_write_close(buf, ']');
    if (more) {
        gp_page_keyset(call,
                       gp_arena_print(call->arena,
                                      "id_before=%lld&order_by=id&pagination=keyset&per_page=%lld"
                                      "&sort=desc",
                                      (long long)last, (long long)per_page));
    }
    return 200;
}

int gp_list_project_jobs(gp_call *call)
{
    const char *pagination = gp_call_string(call, "pagination"),
               *sort = gp_call_string(call, "sort");
    int ascending = sort && strcmp(sort, "asc") == 0;
    gp_list rows = {0};
    int keyset = pagination && strcmp(pagination, "keyset") == 0, status;
    if (!gp_throttle_allows_jobs(call, gp_fault_throttle(call->m, "jobs"))) {
        gp_buf_adds(&call->out->body,
                    "{\"message\":{\"error\":\"This endpoint has been requested too many times. "
                    "Try again later.\"}}");
        return 429;
    }
    if (keyset && ascending) {
        return gp_fail_error(call, 405,
                             "Keyset pagination is not yet available for this type of request");
    }
    status = keyset ? 0 : gp_page_too_far(call, "Ci::Build");
    if (status) return status;
    project_jobs(call, &rows);
    if (keyset) {
        keyset_jobs(call, &rows);
    } else {
        gp_listing listing = {.rows = &rows, .view = show, .reverse = !ascending, .uncounted = 1};
        gp_listing_respond(call, &listing);
    }
    gp_list_free(&rows);
    return 200;
}

int gp_get_job(gp_call *call)
{
    show(call, call->job);
    return 200;
}

static const gp_job *own_job(const gp_call *call)
{
    if (!call->token || call->token->job_id == GP_UNSET) return NULL;
    return gp_ids_get(&call->m->jobs, call->token->job_id);
}

/* No agent is ever connected, but the response describes the caller all the same. */
int gp_get_own_agents(gp_call *call)
{
    static const char *const roles[] = {"guest", "reporter", "developer", "maintainer", "owner"};
    const gp_job *job = own_job(call);
    gp_buf *buf = &call->out->body;
    int i;
    if (!job) return gp_fail(call, 404, "404 Job Not Found");
    gp_write_open(buf, NULL, '{');
    gp_write_raw(buf, "allowed_agents", "[]", 2);
    gp_write_open(buf, "job", '{');
    gp_write_integer(buf, "id", job->id);
    gp_write_close(buf, '}');
    gp_write_open(buf, "pipeline", '{');
    gp_write_integer(buf, "id", job->pipeline->id);
    gp_write_close(buf, '}');
    gp_write_open(buf, "project", '{');
    gp_write_integer(buf, "id", job->pipeline->project->id);
    gp_write_raw(buf, "groups", "[]", 2);
    gp_write_close(buf, '}');
    gp_write_open(buf, "user", '{');
    gp_write_integer(buf, "id", call->user->id);
    gp_write_string(buf, "name", call->user->name);
    gp_write_string(buf, "username", call->user->username);
    gp_write_open(buf, "roles_in_project", '[');
    for (i = 0; i < 5 && (i + 1) * 10 <= call->role; i++)
        gp_write_string(buf, NULL, roles[i]);
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
    gp_write_close(buf, '}');
    return 200;
}

int gp_get_own_job(gp_call *call)
{
    const gp_job *job = own_job(call);
    if (!job) return gp_fail(call, 404, "404 Job Not Found");
    show(call, job);
    return 200;
}

int gp_cancel_job(gp_call *call)
{
    gp_job_cancel(call->m, call->job, gp_call_boolean(call, "force", 0));
    show(call, call->job);
    return 201;
}

int gp_retry_job(gp_call *call)
{
    gp_job *fresh;
    if (!gp_job_retryable(call->job))
        return gp_fail(call, 403, "403 Forbidden - Job is not retryable");
    fresh = gp_job_retry(call->m, call->job);
    if (!fresh) return gp_fail_memory(call);
    show(call, fresh);
    return 201;
}

int gp_erase_job(gp_call *call)
{
    const gp_job *job = call->job;
    if (!gp_status_is_finished(job->status) || job->erased_at != GP_MS_NONE) {
        return gp_fail(call, 403, "403 Forbidden - Job is not erasable!");
    }
    gp_job_erase(call->m, call->job);
    show(call, call->job);
    return 201;
}

/* job_variables_attributes as JSON text; NULL for none. */
static const char *play_variables(gp_call *call, int *bad)
{
    const gp_json *given = gp_json_get(call->params, "job_variables_attributes"), *at;
    gp_json *list = gp_json_new(call->arena, GP_JSON_ARRAY);
    gp_buf buf = {.alloc = &call->m->alloc};
    char *text = NULL;
    *bad = 0;
    for (at = given ? given->child : NULL; at; at = at->next) {
        const char *key = gp_json_get_string(at, "key", NULL);
        const char *value = gp_json_get_string(at, "value", NULL);
        if (!key || !value) {
            *bad = 1;
            return NULL;
        }
        gp_json_push(list, gp_variable_entry(call->arena, key, value, "env_var"));
    }
    if (!list || !list->child) return NULL;
    gp_json_write(&buf, list);
    if (!buf.failed) text = gp_arena_copy(call->arena, buf.data, buf.len);
    gp_buf_free(&buf);
    return text;
}

int gp_play_job(gp_call *call)
{
    int bad;
    const char *variables = play_variables(call, &bad);
    if (bad) return gp_fail_error(call, 400, "job_variables_attributes is invalid");
    if (!gp_job_playable(call->job)) return gp_fail(call, 400, "400 Bad request - Unplayable Job");
    gp_job_play(call->m, call->job, variables);
    show(call, call->job);
    return 200;
}
