/* Called for every change of a job, so it returns early for jobs without an environment. */
#include "mock/gitlab/environment_follow.h"

#include <string.h>

#include "mock/engine/world.h"
#include "mock/gitlab/deployment.h"
#include "mock/gitlab/environment.h"

/* A job that stops its environment makes no deployment. */
static void follow_stop(gp_mock *m, const gp_job *job, const char *name, gp_ms at)
{
    gp_environment *e = gp_environment_by_name(job->pipeline->project, name);
    if (!e) return;
    if (job->status == GP_STATUS_SUCCESS) {
        gp_environment_stop(m, e, at);
    } else if (e->stop_job_id == job->id && gp_status_is_finished(job->status)) {
        e->state = gp_environment_states[GP_AVAILABLE];
        e->stop_job_id = GP_UNSET;
        e->updated_at = at;
        gp_environment_save(m, e);
    }
}

static void deploy(gp_mock *m, gp_job *job, const char *name, gp_ms at)
{
    gp_project *project = job->pipeline->project;
    gp_environment *e = gp_environment_by_name(project, name);
    gp_deployment_plan plan = {.ref = job->pipeline->ref,
                               .sha = job->pipeline->sha,
                               .status = "created",
                               .tag = job->pipeline->tag,
                               .job = job,
                               .at = at};
    gp_deployment *d;
    if (!e) e = gp_environment_make(m, project, name, at);
    d = e ? gp_deployment_make(m, e, &plan) : NULL;
    if (!d || !gp_mock_set_text(m, &e->external_url, gp_job_environment(job, "url", NULL)) ||
        !gp_mock_set_text(m, &e->tier, gp_job_environment(job, "tier", NULL))) {
        m->memory_failed = 1;
        return;
    }
    job->deployment_id = d->id;
    gp_environment_save(m, e);
}

void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at)
{
    const char *name, *action;
    gp_deployment *d;
    gp_environment *e;
    if (!job->def || !gp_job_field(job, "environment")) return;
    name = gp_job_environment(job, "name", NULL);
    action = gp_job_environment(job, "action", "start");
    if (!name) return;
    if (strcmp(action, "stop") == 0) follow_stop(m, job, name, at);
    if (strcmp(action, "start") != 0) return;
    if (job->status == GP_STATUS_PENDING && job->deployment_id == GP_UNSET)
        deploy(m, job, name, at);
    d = job->deployment_id == GP_UNSET
            ? NULL
            : gp_deployment_by_id(job->pipeline->project, job->deployment_id);
    if (!d || !gp_deployment_status_word(gp_status_name(job->status))) return;
    gp_deployment_status(m, d, gp_status_name(job->status), at);
    e = gp_environment_by_id(job->pipeline->project, d->environment_id);
    if (e && job->status == GP_STATUS_SUCCESS) {
        e->state = gp_environment_states[GP_AVAILABLE];
        e->updated_at = at;
        gp_environment_save(m, e);
    }
}
