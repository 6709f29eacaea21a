/* Takes the pipeline with the earliest event from the heap until none is due. */
#include "mock/engine/advance.h"

#include "mock/engine/bridges.h"
#include "mock/engine/job.h"
#include "mock/engine/lag.h"
#include "mock/engine/pipeline.h"
#include "mock/engine/queue.h"
#include "mock/engine/rules.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"
#include "mock/rows/save.h"

/* Carries out the next change of one job. */
static void job_step(gp_mock *m, gp_job *job, gp_ms at)
{
    gp_status plan = job->plan;
    double graceful;
    switch (job->status) {
    case GP_STATUS_SCHEDULED:
    case GP_STATUS_WAITING_FOR_RESOURCE:
    case GP_STATUS_PREPARING:
    case GP_STATUS_WAITING_FOR_CALLBACK:
        gp_job_enqueue(m, job, at);
        break;
    case GP_STATUS_PENDING:
        if (gp_job_trigger(job)) {
            gp_bridge_start(m, job, at);
        } else {
            gp_job_set_status(m, job, GP_STATUS_RUNNING, at);
        }
        break;
    case GP_STATUS_RUNNING:
        graceful = gp_job_number(job, "retry", 0);
        gp_job_set_status(m, job, plan, at);
        if (plan == GP_STATUS_FAILED && job->attempt <= (int)graceful) gp_job_again(m, job, at);
        break;
    case GP_STATUS_CANCELING:
        gp_job_set_status(m, job, GP_STATUS_CANCELED, at);
        break;
    default:
        job->due = GP_MS_NEVER;
        break;
    }
}

/* The job whose change comes first; the lowest id among those of one instant. */
static gp_job *next_job(const gp_pipeline *p)
{
    gp_job *found = NULL;
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *job = gp_job_at(p, i);
        if (job->due != GP_MS_NEVER && (!found || job->due < found->due)) found = job;
    }
    return found;
}

/* One event of one pipeline. */
static void pipeline_step(gp_mock *m, gp_pipeline *p)
{
    gp_ms at = p->due;
    gp_job *job;
    if (p->rule == GP_RULE_SCENARIO) {
        gp_rule_apply(m, p, at);
        gp_lag_keep(m, p, at);
        return;
    }
    if (p->wake <= at) {
        p->wake = GP_MS_NEVER;
        gp_store_touch_pipeline(m, p);
    } else {
        job = next_job(p);
        if (job) job_step(m, job, at);
    }
    gp_pipeline_settle(m, p, at);
    gp_schedule_pipeline(m, p);
    gp_lag_keep(m, NULL, at);
}

void gp_engine_advance(gp_mock *m)
{
    gp_pipeline *p;
    while ((p = gp_schedule_first(m)) && p->due <= m->now && !m->memory_failed)
        pipeline_step(m, p);
    m->advanced = m->now;
}
