/* Rows of deployments and their life; the endpoints are in deployments.c. */
#include "mock/gitlab/deployment.h"

#include <stdlib.h>
#include <string.h>

#include "mock/gitlab/environment.h"
#include "mock/gitlab/json_views.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"

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
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "iid", d->iid);
    gp_write_integer(&buf, "project_id", d->project->id);
    gp_write_integer(&buf, "environment_id", d->environment_id);
    gp_write_integer(&buf, "job_id", d->job_id);
    gp_write_string(&buf, "ref", d->ref);
    gp_write_string(&buf, "sha", d->sha);
    gp_write_boolean(&buf, "tag", d->tag);
    gp_write_string(&buf, "status", d->status);
    gp_write_integer(&buf, "created_at", d->created_at);
    gp_write_integer(&buf, "updated_at", d->updated_at);
    gp_write_integer(&buf, "finished_at", d->finished_at);
    gp_write_close(&buf, '}');
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
    m->observer->deployment_changed(m, d, plan->at);
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
    if (changed) m->observer->deployment_changed(m, d, at);
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

static void clear(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        for (k = 0; k < project->deployments.count; k++)
            gp_deployment_free(project->deployments.items[k]);
        gp_list_free(&project->deployments);
    }
}

const gp_entity gp_deployment_entity = {.kind = "deployment", .load = load_one, .clear = clear};

void gp_view_deployment(gp_buf *buf, const char *key, gp_mock *m, const gp_deployment *d)
{
    const gp_environment *environment = gp_environment_by_id(d->project, d->environment_id);
    const gp_job *job = d->job_id == GP_UNSET ? NULL : gp_ids_get(&m->jobs, d->job_id);
    gp_write_open(buf, key, '{');
    gp_write_integer(buf, "id", d->id);
    gp_write_integer(buf, "iid", d->iid);
    gp_write_string(buf, "ref", d->ref);
    gp_write_string(buf, "sha", d->sha);
    gp_write_time(buf, "created_at", d->created_at);
    gp_write_time(buf, "updated_at", d->updated_at);
    gp_write_string(buf, "status", d->status);
    gp_view_user(buf, "user", m, gp_user_find(m, job ? job->pipeline->user_id : 1));
    if (environment) {
        gp_view_environment(buf, "environment", environment);
        gp_write_close(buf, '}');
    } else {
        gp_write_null(buf, "environment");
    }
    if (job) {
        gp_view_job(buf, "deployable", m, job);
    } else {
        gp_write_null(buf, "deployable");
    }
    gp_write_close(buf, '}');
}
