/* Handlers for /projects/:id/deployments. */
#include "mock/gitlab/deployments.h"

#include <stdlib.h>
#include <string.h>

#include "mock/gitlab/deployment.h"
#include "mock/gitlab/environment.h"
#include "mock/request/listing.h"
#include "mock/rows/save.h"

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

static int wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_deployment *d = row;
    const char *name = gp_call_string(call, "environment"),
               *status = gp_call_string(call, "status");
    const gp_environment *environment = gp_environment_by_id(d->project, d->environment_id);
    (void)ctx;
    if (name && (!environment || strcmp(environment->name, name) != 0)) return 0;
    if (status && strcmp(status, d->status) != 0) return 0;
    return within(d->updated_at, gp_call_time(call, "updated_after"),
                  gp_call_time(call, "updated_before")) &&
           within(d->finished_at, gp_call_time(call, "finished_after"),
                  gp_call_time(call, "finished_before"));
}

static void show(gp_call *call, const void *row)
{
    gp_view_deployment(&call->out->body, NULL, call->m, row);
}

/* NULL: by id, the order in which the rows lie. */
static int (*order(const char *by))(const void *, const void *)
{
    if (by && strcmp(by, "updated_at") == 0) return by_updated;
    if (by && strcmp(by, "finished_at") == 0) return by_finished;
    return by && strcmp(by, "ref") == 0 ? by_ref : NULL;
}

int gp_list_deployments(gp_call *call)
{
    const char *sort = gp_call_string(call, "sort"), *by = gp_call_string(call, "order_by");
    const char *status = gp_call_string(call, "status");
    const gp_listing listing = {.rows = &call->project->deployments,
                                .view = show,
                                .wanted = wanted,
                                .compare = order(by),
                                .reverse = sort && strcmp(sort, "desc") == 0};
    int finished =
        gp_json_get(call->params, "finished_after") || gp_json_get(call->params, "finished_before");
    if (finished &&
        (!by || strcmp(by, "finished_at") != 0 || !status || strcmp(status, "success") != 0)) {
        return gp_fail(
            call, 400,
            "400 Bad request - finished_at filter requires finished_at sort and success status");
    }
    return gp_listing_respond(call, &listing);
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
    gp_view_deployment(&call->out->body, NULL, call->m, d);
    return 200;
}

int gp_deployment_merge_requests(gp_call *call)
{
    const gp_list none = {0};
    const gp_listing listing = {.rows = &none};
    if (!asked(call)) return not_found(call);
    return gp_listing_respond(call, &listing);
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
    gp_view_deployment(&call->out->body, NULL, m, d);
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
    gp_view_deployment(&call->out->body, NULL, call->m, d);
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
