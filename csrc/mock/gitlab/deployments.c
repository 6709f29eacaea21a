#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"
#include "mock/gitlab/environments.h"
#include "mock/handlers.h"
#include "mock/webhooks/hooks.h"
#include "mock/gitlab/json_views.h"
#include "mock/rows/store.h"

/* Rows -------------------------------------------------------------------------------------- */

const char *gp_deployment_status_word(const char *text)
{
    static const char *const words[] = {"created",  "running", "success", "failed",
                                        "canceled", "blocked", NULL};
    int i;
    for (i = 0; words[i]; i++) {
        if (text && strcmp(words[i], text) == 0) return words[i];
    }
    return NULL;
}

void gp_deployment_free(gp_deployment *d)
{
    if (!d) return;
    free(d->ref);
    free(d->sha);
    free(d);
}

static void save(gp_mock *m, const gp_deployment *d)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_out_open(&buf, NULL, '{');
    gp_out_integer(&buf, "iid", d->iid);
    gp_out_integer(&buf, "project_id", d->project->id);
    gp_out_integer(&buf, "environment_id", d->environment_id);
    gp_out_integer(&buf, "job_id", d->job_id);
    gp_out_string(&buf, "ref", d->ref);
    gp_out_string(&buf, "sha", d->sha);
    gp_out_boolean(&buf, "tag", d->tag);
    gp_out_string(&buf, "status", d->status);
    gp_out_integer(&buf, "created_at", d->created_at);
    gp_out_integer(&buf, "updated_at", d->updated_at);
    gp_out_integer(&buf, "finished_at", d->finished_at);
    gp_out_close(&buf, '}');
    gp_store_row(m, "deployment", d->id, &buf);
}

gp_deployment *gp_deployment_make(gp_mock *m, const gp_environment *environment,
                                  const gp_deployment_plan *plan)
{
    gp_project *project = environment->project;
    gp_deployment *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->id = m->next_deployment;
    d->iid = project->next_deployment_iid;
    d->project = project;
    d->environment_id = environment->id;
    d->job_id = plan->job ? plan->job->id : GP_UNSET;
    d->ref = gp_mock_strdup(m, plan->ref);
    d->sha = gp_mock_strdup(m, plan->sha);
    d->tag = plan->tag;
    d->status = plan->status;
    d->created_at = d->updated_at = plan->at;
    d->finished_at = GP_MS_NONE;
    if (!d->ref || !d->sha || !gp_list_add(&project->deployments, d)) {
        gp_deployment_free(d);
        return NULL;
    }
    m->next_deployment++;
    project->next_deployment_iid++;
    gp_store_project(m, project);
    save(m, d);
    gp_hooks_deployment(m, d, plan->at);
    return d;
}

gp_deployment *gp_deployment_by_id(const gp_project *project, int64_t id)
{
    size_t i;
    for (i = 0; i < project->deployments.count; i++) {
        gp_deployment *d = project->deployments.items[i];
        if (d->id == id) return d;
    }
    return NULL;
}

gp_deployment *gp_deployment_current(const gp_environment *environment)
{
    size_t i;
    for (i = environment->project->deployments.count; i > 0; i--) {
        gp_deployment *d = environment->project->deployments.items[i - 1];
        if (d->environment_id == environment->id && strcmp(d->status, "success") == 0) return d;
    }
    return NULL;
}

void gp_deployment_status(gp_mock *m, gp_deployment *d, const char *status, gp_ms at)
{
    int over = strcmp(status, "success") == 0 || strcmp(status, "failed") == 0 ||
               strcmp(status, "canceled") == 0;
    int changed = strcmp(d->status, status) != 0;
    d->status = gp_deployment_status_word(status);
    d->updated_at = at;
    d->finished_at = over ? at : GP_MS_NONE;
    save(m, d);
    if (changed) gp_hooks_deployment(m, d, at);
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_project *project = gp_ids_get(&m->project_ids, gp_json_get_integer(row, "project_id", 0));
    gp_deployment *d = calloc(1, sizeof *d);
    int good = 0;
    if (project && d) {
        d->id = id;
        d->iid = gp_json_get_integer(row, "iid", 0);
        d->project = project;
        d->environment_id = gp_json_get_integer(row, "environment_id", 0);
        d->job_id = gp_json_get_integer(row, "job_id", GP_UNSET);
        d->ref = gp_mock_strdup(m, gp_json_get_string(row, "ref", ""));
        d->sha = gp_mock_strdup(m, gp_json_get_string(row, "sha", ""));
        d->tag = gp_json_get_boolean(row, "tag", 0);
        d->status = gp_deployment_status_word(gp_json_get_string(row, "status", NULL));
        d->created_at = gp_json_get_integer(row, "created_at", 0);
        d->updated_at = gp_json_get_integer(row, "updated_at", 0);
        d->finished_at = gp_json_get_integer(row, "finished_at", GP_MS_NONE);
        if (id >= m->next_deployment) m->next_deployment = id + 1;
        good = d->status && d->ref && d->sha && gp_list_add(&project->deployments, d);
    }
    if (!good) gp_deployment_free(d);
    return good;
}

int gp_deployments_load(gp_mock *m)
{
    return gp_store_rows(m, "deployment", load_one);
}

/* Answers ----------------------------------------------------------------------------------- */

void gp_shape_deployment(gp_buf *buf, const char *key, gp_mock *m, const gp_deployment *d)
{
    const gp_environment *environment = gp_environment_by_id(d->project, d->environment_id);
    const gp_job *job = d->job_id == GP_UNSET ? NULL : gp_ids_get(&m->jobs, d->job_id);
    gp_out_open(buf, key, '{');
    gp_out_integer(buf, "id", d->id);
    gp_out_integer(buf, "iid", d->iid);
    gp_out_string(buf, "ref", d->ref);
    gp_out_string(buf, "sha", d->sha);
    gp_out_time(buf, "created_at", d->created_at);
    gp_out_time(buf, "updated_at", d->updated_at);
    gp_out_string(buf, "status", d->status);
    gp_shape_user(buf, "user", m, gp_user_find(m, job ? job->pipeline->user_id : 1));
    if (environment) {
        gp_shape_environment(buf, "environment", environment);
        gp_out_close(buf, '}');
    } else {
        gp_out_null(buf, "environment");
    }
    if (job) {
        gp_shape_job(buf, "deployable", m, job);
    } else {
        gp_out_null(buf, "deployable");
    }
    gp_out_close(buf, '}');
}

static int compare_times(gp_ms a, gp_ms b)
{
    return a < b ? -1 : a > b;
}

static int by_updated(const void *a, const void *b)
{
    const gp_deployment *x = *(gp_deployment *const *)a, *y = *(gp_deployment *const *)b;
    int order = compare_times(x->updated_at, y->updated_at);
    return order ? order : compare_times(x->id, y->id);
}

static int by_finished(const void *a, const void *b)
{
    const gp_deployment *x = *(gp_deployment *const *)a, *y = *(gp_deployment *const *)b;
    int order = compare_times(x->finished_at, y->finished_at);
    return order ? order : compare_times(x->id, y->id);
}

static int by_ref(const void *a, const void *b)
{
    const gp_deployment *x = *(gp_deployment *const *)a, *y = *(gp_deployment *const *)b;
    int order = strcmp(x->ref, y->ref);
    return order ? order : compare_times(x->id, y->id);
}

static int within(gp_ms at, gp_ms after, gp_ms before)
{
    return (after == GP_MS_NONE || at > after) && (before == GP_MS_NONE || at < before);
}

static int wanted(const gp_call *call, const gp_deployment *d)
{
    const char *name = gp_call_string(call, "environment"),
               *status = gp_call_string(call, "status");
    const gp_environment *environment = gp_environment_by_id(d->project, d->environment_id);
    if (name && (!environment || strcmp(environment->name, name) != 0)) return 0;
    if (status && strcmp(status, d->status) != 0) return 0;
    return within(d->updated_at, gp_call_time(call, "updated_after"),
                  gp_call_time(call, "updated_before")) &&
           within(d->finished_at, gp_call_time(call, "finished_after"),
                  gp_call_time(call, "finished_before"));
}

int gp_list_deployments(gp_call *call)
{
    const gp_list *all = &call->project->deployments;
    const char *sort = gp_call_string(call, "sort"), *by = gp_call_string(call, "order_by");
    const char *status = gp_call_string(call, "status");
    int descending = sort && strcmp(sort, "desc") == 0, finished;
    gp_list rows = {0};
    gp_page page;
    size_t i;
    finished =
        gp_json_get(call->params, "finished_after") || gp_json_get(call->params, "finished_before");
    if (finished &&
        (!by || strcmp(by, "finished_at") != 0 || !status || strcmp(status, "success") != 0)) {
        return gp_fail(
            call, 400,
            "400 Bad request - finished_at filter requires finished_at sort and success status");
    }
    for (i = 0; i < all->count; i++) {
        if (wanted(call, all->items[i]) && !gp_list_add(&rows, all->items[i]))
            call->m->memory_failed = 1;
    }
    if (by && rows.count && strcmp(by, "updated_at") == 0) {
        qsort(rows.items, rows.count, sizeof *rows.items, by_updated);
    } else if (by && rows.count && strcmp(by, "finished_at") == 0) {
        qsort(rows.items, rows.count, sizeof *rows.items, by_finished);
    } else if (by && rows.count && strcmp(by, "ref") == 0) {
        qsort(rows.items, rows.count, sizeof *rows.items, by_ref);
    }
    page = gp_page_of(call, (int64_t)rows.count, 1);
    gp_out_open(&call->out->body, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < rows.count; i++) {
        gp_shape_deployment(&call->out->body, NULL, call->m,
                            rows.items[descending ? rows.count - 1 - i : i]);
    }
    gp_out_close(&call->out->body, ']');
    gp_list_free(&rows);
    return 200;
}

static gp_deployment *asked(const gp_call *call)
{
    return gp_deployment_by_id(call->project, gp_call_integer(call, "deployment_id", 0));
}

static int not_found(gp_call *call)
{
    return gp_fail_record(call);
}

int gp_get_deployment(gp_call *call)
{
    const gp_deployment *d = asked(call);
    if (!d) return not_found(call);
    gp_shape_deployment(&call->out->body, NULL, call->m, d);
    return 200;
}

int gp_deployment_merge_requests(gp_call *call)
{
    if (!asked(call)) return not_found(call);
    gp_page_of(call, 0, 1);
    gp_out_open(&call->out->body, NULL, '[');
    gp_out_close(&call->out->body, ']');
    return 200;
}

int gp_create_deployment(gp_call *call)
{
    gp_mock *m = call->m;
    const char *name = gp_call_string(call, "environment");
    gp_environment *environment = gp_environment_by_name(call->project, name);
    gp_deployment_plan plan = {.ref = gp_call_string(call, "ref"),
                               .sha = gp_call_string(call, "sha"),
                               .status = "created",
                               .tag = gp_call_boolean(call, "tag", 0),
                               .at = m->now};
    gp_deployment *d;
    if (!environment) environment = gp_environment_make(m, call->project, name, m->now);
    d = environment ? gp_deployment_make(m, environment, &plan) : NULL;
    if (!d) return gp_fail_memory(call);
    gp_deployment_status(m, d, gp_call_string(call, "status"), m->now);
    gp_shape_deployment(&call->out->body, NULL, m, d);
    return 201;
}

int gp_update_deployment(gp_call *call)
{
    gp_deployment *d = asked(call);
    if (!d) return not_found(call);
    if (d->job_id != GP_UNSET) {
        return gp_fail(call, 403,
                       "403 Forbidden - Deployments created using GitLab CI can not be updated "
                       "using the API");
    }
    gp_deployment_status(call->m, d, gp_call_string(call, "status"), call->m->now);
    gp_shape_deployment(&call->out->body, NULL, call->m, d);
    return 200;
}

int gp_delete_deployment(gp_call *call)
{
    gp_deployment *d = asked(call);
    const gp_environment *environment;
    if (!d) return not_found(call);
    if (strcmp(d->status, "running") == 0) {
        return gp_fail(call, 400, "400 Cannot destroy running deployment");
    }
    environment = gp_environment_by_id(call->project, d->environment_id);
    if (environment && gp_deployment_current(environment) == d) {
        return gp_fail(call, 400, "400 Deployment currently deployed to environment");
    }
    gp_store_object(call->m, "deployment", d->id, NULL);
    gp_list_remove(&call->project->deployments, d);
    gp_deployment_free(d);
    return 204;
}
