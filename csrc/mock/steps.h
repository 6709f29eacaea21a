/*
 * What the files of the simulation share: steps on one job or one pipeline, each as of a time.
 */
#ifndef GP_MOCK_STEPS_H
#define GP_MOCK_STEPS_H

#include "mock/engine/pipeline.h"

/* How long a world's pipeline is `created` and a job waits in the queue where nothing is said, and
 * how long a job runs: milliseconds. */
enum { GP_DEFAULT_CREATED = 100, GP_DEFAULT_QUEUED = 100, GP_DEFAULT_DURATION = 1000 };

static inline gp_job *gp_job_at(const gp_pipeline *p, size_t i)
{
    return p->jobs.items[i];
}

/* Is it the latest attempt? Only those make up a pipeline's status. */
static inline int gp_job_counts(const gp_job *job)
{
    return !job->retried;
}

static inline gp_ms gp_ms_later(gp_ms at, gp_ms by)
{
    return by == GP_MS_NEVER ? GP_MS_NEVER : at + by;
}

/* attempts.c: jobs */
void gp_job_touch(gp_mock *m, gp_job *job);
/* Seconds of a field, in ms: a number, or {"min", "max"} spread by the seed and the job's id. */
gp_ms gp_job_seconds(const gp_mock *m, const gp_job *job, const char *field, gp_ms fallback);
/* Reads from the definition what the job will do; the fields of the matching variant win. */
void gp_job_plan(gp_mock *m, gp_job *job);
gp_job *gp_job_new(gp_mock *m, gp_pipeline *p, gp_ms at);
/* A new attempt of the job, which then no longer counts. NULL when memory ran out. */
gp_job *gp_job_again(gp_mock *m, gp_job *job, gp_ms at);
void gp_job_set_status(gp_mock *m, gp_job *job, gp_status status, gp_ms at);
void gp_job_fail(gp_mock *m, gp_job *job, const char *reason, gp_ms at);

/* queue.c: from `created` to `pending` */
/* The job's next step on that way. */
void gp_job_enqueue(gp_mock *m, gp_job *job, gp_ms at);
/* A finished job's resource goes to who waits for it. */
void gp_job_release(gp_mock *m, const gp_job *job, gp_ms at);
/* The same for every resource of the project that nobody has. */
void gp_resources_offer(gp_mock *m, gp_project *project, gp_ms at);

/* bridges.c: trigger jobs */
void gp_bridge_start(gp_mock *m, gp_job *job, gp_ms at);
/* Brings a waiting trigger job to the status of the pipeline that it made. */
void gp_bridge_follow(gp_mock *m, gp_pipeline *downstream, gp_ms at);

/* simulate.c: pipelines */
void gp_pipeline_set_status(gp_mock *m, gp_pipeline *p, gp_status status, gp_ms at);
/* Moves every job that may leave `created`, until none can, then composes the pipeline. */
void gp_pipeline_settle(gp_mock *m, gp_pipeline *p, gp_ms at);

/* rules.c: scenarios and held statuses */
int gp_rule_make_jobs(gp_mock *m, gp_pipeline *p);
/* Brings a scenario's pipeline to where it is at `at`, and sets its next event. */
void gp_rule_apply(gp_mock *m, gp_pipeline *p, gp_ms at);
/* From here on the pipeline's jobs go their own way. */
void gp_rule_leave(gp_mock *m, gp_pipeline *p);

#endif
