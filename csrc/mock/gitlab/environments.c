/* Handlers for /projects/:id/environments. */
#include "mock/gitlab/environments.h"

#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/job_actions.h"
#include "mock/engine/world.h"
#include "mock/gitlab/deployment.h"
#include "mock/gitlab/environment.h"
#include "mock/gitlab/json_views.h"
#include "mock/request/listing.h"

static void detail(gp_call *call, const gp_environment *e)
{
    gp_buf *buf = &call->out->body;
    const gp_deployment *current = gp_deployment_current(e);
    gp_view_environment(buf, NULL, e);
    if (current) {
        gp_view_deployment(buf, "last_deployment", call->m, current);
    } else {
        gp_write_null(buf, "last_deployment");
    }
    if (e->cluster_agent_id == GP_UNSET) {
        gp_write_null(buf, "cluster_agent");
    } else {
        gp_write_open(buf, "cluster_agent", '{');
        gp_write_integer(buf, "id", e->cluster_agent_id);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

static int wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_environment *e = row;
    const char *name = gp_call_string(call, "name"), *search = gp_call_string(call, "search");
    const char *state = gp_call_string(call, "states");
    (void)ctx;
    if (name && strcmp(name, e->name) != 0) return 0;
    if (search && !strcasestr(e->name, search)) return 0;
    return !state || strcmp(state, e->state) == 0;
}

static void show_short(gp_call *call, const void *row)
{
    gp_view_environment(&call->out->body, NULL, row);
    gp_view_project(&call->out->body, "project", call->m, call->project);
    gp_write_close(&call->out->body, '}');
}

int gp_list_environments(gp_call *call)
{
    const char *search = gp_call_string(call, "search");
    const gp_listing listing = {
        .rows = &call->project->environments, .view = show_short, .wanted = wanted};
    if (search && gp_call_string(call, "name")) {
        return gp_fail_error(call, 400, "name, search cannot be used together");
    }
    if (search && strlen(search) < 3) {
        return gp_fail(call, 400, "400 Bad request - Search query is less than 3 characters");
    }
    return gp_listing_respond(call, &listing);
}

/* The environment that the call names, or NULL. */
static gp_environment *asked(const gp_call *call)
{
    return gp_environment_by_id(call->project, gp_call_integer(call, "environment_id", 0));
}

int gp_get_environment(gp_call *call)
{
    const gp_environment *e = asked(call);
    if (!e) return gp_fail_record(call);
    detail(call, e);
    return 200;
}

static int take(gp_call *call, gp_environment *e)
{
    gp_mock *m = call->m;
    if (!gp_environment_take(m, e, call->params)) return 0;
    e->cluster_agent_id = gp_call_integer(call, "cluster_agent_id", e->cluster_agent_id);
    e->updated_at = m->now;
    gp_environment_save(m, e);
    return 1;
}

static int has_slug(const gp_call *call)
{
    return gp_json_get(call->params, "slug") != NULL;
}

int gp_create_environment(gp_call *call)
{
    const char *name = gp_call_string(call, "name");
    gp_buf *buf = &call->out->body;
    gp_environment *e;
    if (has_slug(call))
        return gp_fail_error(call, 400, "slug is automatically generated and cannot be changed");
    if (gp_environment_by_name(call->project, name)) {
        gp_buf_adds(buf, "{\"message\":{\"name\":[\"has already been taken\"],"
                         "\"slug\":[\"has already been taken\"]}}");
        return 400;
    }
    if (strlen(name) > 255)
        return gp_fail_field(call, "name", "is too long (maximum is 255 characters)");
    e = gp_environment_make(call->m, call->project, name, call->m->now);
    if (!e || !take(call, e)) return gp_fail_memory(call);
    detail(call, e);
    return 201;
}

int gp_update_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    if (has_slug(call))
        return gp_fail_error(call, 400, "slug is automatically generated and cannot be changed");
    if (!e) return gp_fail_record(call);
    if (!take(call, e)) return gp_fail_memory(call);
    detail(call, e);
    return 200;
}

int gp_delete_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    if (!e) return gp_fail_record(call);
    if (strcmp(e->state, "stopped") != 0) return gp_fail(call, 403, "403 Forbidden");
    gp_environment_delete(call->m, e);
    return 204;
}

/* The manual job of the environment's newest pipeline that stops it, or NULL. */
static gp_job *stop_job(const gp_environment *e)
{
    size_t i, k;
    for (i = e->project->pipelines.count; i > 0; i--) {
        const gp_pipeline *p = e->project->pipelines.items[i - 1];
        for (k = 0; k < p->jobs.count; k++) {
            gp_job *job = p->jobs.items[k];
            if (!job->def || !gp_job_playable(job) || !gp_job_field(job, "environment")) continue;
            if (strcmp(gp_job_environment(job, "name", ""), e->name) != 0) continue;
            if (strcmp(gp_job_environment(job, "action", "start"), "stop") == 0) return job;
        }
    }
    return NULL;
}

int gp_stop_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    gp_job *job;
    if (!e) return gp_fail_record(call);
    job = gp_call_boolean(call, "force", 0) || strcmp(e->state, "available") != 0 ? NULL
                                                                                  : stop_job(e);
    if (job) {
        e->state = gp_environment_states[GP_STOPPING];
        e->stop_job_id = job->id;
        e->updated_at = call->m->now;
        gp_environment_save(call->m, e);
        gp_job_play(call->m, job, NULL);
    } else if (strcmp(e->state, "available") == 0 || gp_call_boolean(call, "force", 0)) {
        gp_environment_stop(call->m, e, call->m->now);
    }
    detail(call, e);
    return 200;
}

int gp_stop_stale_environments(gp_call *call)
{
    gp_ms before = gp_call_time(call, "before"), week = INT64_C(7) * 86400000;
    size_t i;
    if (before > call->m->now - week || before < call->m->now - week * 522) {
        return gp_fail(call, 400, "400 Bad request - Invalid Date");
    }
    for (i = 0; i < call->project->environments.count; i++) {
        gp_environment *e = call->project->environments.items[i];
        if (strcmp(e->state, "available") == 0 && e->updated_at < before)
            gp_environment_stop(call->m, e, call->m->now);
    }
    return gp_fail(call, 200, "Successfully requested stop for all stale environments");
}

/* Review apps: environments in the folder review/ that were stopped before a time. */
static int is_old_review_app(const gp_environment *e, gp_ms before)
{
    return strncmp(e->name, "review/", 7) == 0 && strcmp(e->state, "stopped") == 0 &&
           e->delete_at == GP_MS_NONE && e->updated_at < before;
}

int gp_delete_review_apps(gp_call *call)
{
    enum { LIMIT = 100, MOST = 1000 };
    static const gp_ms day = 86400000;
    gp_buf *buf = &call->out->body;
    gp_ms now = call->m->now, before = gp_call_time(call, "before");
    int64_t left = gp_call_integer(call, "limit", LIMIT);
    int dry = gp_call_boolean(call, "dry_run", 1);
    size_t i;
    if (left < 1 || left > MOST)
        return gp_fail_error(call, 400, "limit does not have a valid value");
    if (before == GP_MS_NONE) before = now - 30 * day;
    gp_write_open(buf, NULL, '{');
    gp_write_open(buf, "scheduled_entries", '[');
    for (i = 0; i < call->project->environments.count && left; i++) {
        gp_environment *e = call->project->environments.items[i];
        if (!is_old_review_app(e, before)) continue;
        left--;
        gp_write_open(buf, NULL, '{');
        gp_write_integer(buf, "id", e->id);
        gp_write_string(buf, "name", e->name);
        gp_write_string(buf, "slug", e->slug);
        gp_write_string(buf, "external_url", e->external_url);
        gp_write_time(buf, "created_at", e->created_at);
        gp_write_time(buf, "updated_at", e->updated_at);
        gp_write_close(buf, '}');
        if (dry) continue;
        e->delete_at = now + 7 * day;
        gp_environment_save(call->m, e);
    }
    gp_write_close(buf, ']');
    gp_write_open(buf, "unprocessable_entries", '[');
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
    return 200;
}
