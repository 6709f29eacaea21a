/* Each action ends a scenario's rule first: from then on the jobs decide. */
#include "mock/engine/job_actions.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/pipeline.h"
#include "mock/engine/queue.h"
#include "mock/engine/rules.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"
#include "mock/rows/save.h"

static void job_cancel(gp_mock *m, gp_job *job, int force)
{
    gp_pipeline *child;
    double graceful = gp_job_number(job, "cancel", 0);
    if (job->status == GP_STATUS_RUNNING && graceful > 0 && !force) {
        gp_job_set_status(m, job, GP_STATUS_CANCELING, m->now);
        job->due = m->now + gp_ms_from_seconds(graceful);
    } else {
        gp_job_set_status(m, job, GP_STATUS_CANCELED, m->now);
    }
    child = job->downstream_id == GP_UNSET ? NULL : gp_ids_get(&m->pipelines, job->downstream_id);
    if (child && strcmp(child->source, "parent_pipeline") == 0) gp_pipeline_cancel(m, child);
}

void gp_pipeline_cancel(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    int found = 0;
    for (i = 0; i < p->jobs.count; i++) {
        found |= gp_job_counts(gp_job_at(p, i)) && gp_job_cancelable(gp_job_at(p, i));
    }
    /* A held pipeline without a cancelable job is cancelled all the same. */
    if (!found && (p->rule != GP_RULE_HELD || gp_status_is_finished(p->status))) return;
    gp_rule_leave(m, p);
    p->wake = GP_MS_NEVER;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *job = gp_job_at(p, i);
        if (gp_job_counts(job) && gp_job_cancelable(job)) job_cancel(m, job, 0);
    }
    gp_pipeline_settle(m, p, m->now);
    gp_schedule_pipeline(m, p);
}

/* Re-evaluates skipped jobs after `job` (after any job, if NULL). */
static void reset_skipped(gp_mock *m, gp_pipeline *p, const gp_job *job)
{
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *other = gp_job_at(p, i);
        if (!gp_job_counts(other) || other->status != GP_STATUS_SKIPPED) continue;
        /* A trigger job that mirrors a skipped pipeline has finished. */
        if (other->downstream_id != GP_UNSET) continue;
        if (job && other->stage_index <= job->stage_index &&
            !(other->def && gp_job_field(other, "needs"))) {
            continue;
        }
        gp_job_set_status(m, other, GP_STATUS_CREATED, m->now);
    }
}

void gp_pipeline_retry(gp_mock *m, gp_pipeline *p)
{
    size_t i, count = p->jobs.count;
    int again = 0;
    for (i = 0; i < count; i++) {
        gp_job *job = gp_job_at(p, i);
        if (!gp_job_counts(job)) continue;
        if (job->status != GP_STATUS_FAILED && job->status != GP_STATUS_CANCELED) continue;
        if (!again) gp_rule_leave(m, p);
        again = 1;
        if (!gp_job_again(m, job, m->now)) return;
    }
    if (!again) return;
    reset_skipped(m, p, NULL);
    gp_pipeline_settle(m, p, m->now);
    p->updated_at = m->now;
    gp_store_touch_pipeline(m, p);
    gp_schedule_pipeline(m, p);
}

gp_job *gp_job_retry(gp_mock *m, gp_job *job)
{
    gp_pipeline *p = job->pipeline;
    gp_job *fresh;
    gp_rule_leave(m, p);
    fresh = gp_job_again(m, job, m->now);
    if (!fresh) return NULL;
    fresh->enqueue_now = 1;
    reset_skipped(m, p, fresh);
    gp_pipeline_settle(m, p, m->now);
    gp_schedule_pipeline(m, p);
    return fresh;
}

void gp_job_cancel(gp_mock *m, gp_job *job, int force)
{
    if (job->status == GP_STATUS_CANCELING ? !force : !gp_job_cancelable(job)) return;
    gp_rule_leave(m, job->pipeline);
    job_cancel(m, job, force);
    gp_pipeline_settle(m, job->pipeline, m->now);
    gp_schedule_pipeline(m, job->pipeline);
}

void gp_job_play(gp_mock *m, gp_job *job, const char *variables)
{
    gp_pipeline *p = job->pipeline;
    gp_rule_leave(m, p);
    if (variables) {
        free(job->variables);
        job->variables = gp_mock_strdup(m, variables);
        if (job->def) {
            job->variant = gp_job_find_variant(job);
            gp_job_plan(m, job);
        }
    }
    job->enqueue_now = 1;
    gp_job_enqueue(m, job, m->now);
    reset_skipped(m, p, job);
    gp_pipeline_settle(m, p, m->now);
    gp_schedule_pipeline(m, p);
}

void gp_job_erase(gp_mock *m, gp_job *job)
{
    gp_rule_leave(m, job->pipeline);
    job->erased_at = m->now;
    job->no_artifacts = 1;
    gp_job_touch(m, job);
    gp_schedule_pipeline(m, job->pipeline);
}
