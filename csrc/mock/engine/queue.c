/* Resource groups, preparation and callbacks, each one step between `created` and `pending`. */
#include "mock/engine/queue.h"

#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"

static const char *group_of(const gp_job *job)
{
    return job->def ? gp_job_text(job, "resource_group", NULL) : NULL;
}

/* A trigger job that has started its pipeline mirrors its status and waits for nothing. */
static int waits(const gp_job *job)
{
    return job->status == GP_STATUS_WAITING_FOR_RESOURCE && job->downstream_id == GP_UNSET;
}

/* Whether the job holds its group's resource, or is next in line for it. */
static int holds(const gp_job *job)
{
    if (job->downstream_id != GP_UNSET) return !gp_status_is_finished(job->status);
    switch (job->status) {
    case GP_STATUS_PREPARING:
    case GP_STATUS_WAITING_FOR_CALLBACK:
    case GP_STATUS_PENDING:
    case GP_STATUS_RUNNING:
    case GP_STATUS_CANCELING:
        return 1;
    case GP_STATUS_WAITING_FOR_RESOURCE:
        return job->due != GP_MS_NEVER;
    default:
        return 0;
    }
}

/* A job other than `except` that holds the group's resource; with `waiting`, the job with the
 * lowest id that waits for it. */
static gp_job *find(const gp_project *project, const char *group, const gp_job *except, int waiting)
{
    gp_job *found = NULL;
    size_t i, k;
    for (i = 0; i < project->pipelines.count; i++) {
        const gp_pipeline *p = project->pipelines.items[i];
        if (p->rule != GP_RULE_WORLD) continue;
        for (k = 0; k < p->jobs.count; k++) {
            gp_job *job = gp_job_at(p, k);
            const char *own = job == except ? NULL : group_of(job);
            if (!own || strcmp(own, group) != 0) continue;
            if (!waiting && holds(job)) return job;
            if (waiting && waits(job) && (!found || job->id < found->id)) {
                found = job;
            }
        }
    }
    return found;
}

void gp_resources_offer(gp_mock *m, gp_project *project, gp_ms at)
{
    size_t i, k;
    for (i = 0; i < project->pipelines.count; i++) {
        const gp_pipeline *p = project->pipelines.items[i];
        for (k = 0; k < p->jobs.count && p->rule == GP_RULE_WORLD; k++) {
            const gp_job *job = gp_job_at(p, k);
            const char *group = waits(job) ? group_of(job) : NULL;
            gp_job *next;
            if (!group || find(project, group, NULL, 0)) continue;
            next = find(project, group, NULL, 1);
            next->due = at;
            gp_job_touch(m, next);
            gp_schedule_pipeline(m, next->pipeline);
        }
    }
}

void gp_job_release(gp_mock *m, const gp_job *job, gp_ms at)
{
    if (group_of(job)) gp_resources_offer(m, job->pipeline->project, at);
}

/* Seconds of a field; 0 for a scenario's job, which has none. */
static gp_ms seconds(const gp_mock *m, const gp_job *job, const char *field)
{
    return job->def ? gp_job_seconds(m, job, field, 0) : 0;
}

static void step_to(gp_mock *m, gp_job *job, gp_status status, gp_ms due, gp_ms at)
{
    gp_job_set_status(m, job, status, at);
    job->due = due;
}

void gp_job_enqueue(gp_mock *m, gp_job *job, gp_ms at)
{
    const char *group = group_of(job);
    gp_ms wait;
    switch (job->status) {
    default:
        if (group && find(job->pipeline->project, group, job, 0)) {
            step_to(m, job, GP_STATUS_WAITING_FOR_RESOURCE, GP_MS_NEVER, at);
            return;
        }
    /* fall through */
    case GP_STATUS_WAITING_FOR_RESOURCE:
        wait = seconds(m, job, "preparing");
        if (wait > 0) {
            step_to(m, job, GP_STATUS_PREPARING, at + wait, at);
            return;
        }
    /* fall through */
    case GP_STATUS_PREPARING:
        wait = seconds(m, job, "callback");
        if (wait > 0) {
            step_to(m, job, GP_STATUS_WAITING_FOR_CALLBACK, at + wait, at);
            return;
        }
    /* fall through */
    case GP_STATUS_WAITING_FOR_CALLBACK:
        gp_job_set_status(m, job, GP_STATUS_PENDING, at);
    }
}
