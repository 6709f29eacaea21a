/*
 * One job: its creation, its plan according to its definition, and the changes of its status.
 */
#ifndef GP_MOCK_ENGINE_JOB_H
#define GP_MOCK_ENGINE_JOB_H

#include "mock/rows/state.h"

/* Defaults in milliseconds: how long a pipeline is `created`, a job waits in the queue, and a job
 * runs. */
enum { GP_DEFAULT_CREATED = 100, GP_DEFAULT_QUEUED = 100, GP_DEFAULT_DURATION = 1000 };

static inline gp_job *gp_job_at(const gp_pipeline *p, size_t i)
{
    return p->jobs.items[i];
}

/* Whether it is the latest attempt: only those count for a pipeline's status. */
static inline int gp_job_counts(const gp_job *job)
{
    return !job->retried;
}

static inline gp_ms gp_ms_later(gp_ms at, gp_ms by)
{
    return by == GP_MS_NEVER ? GP_MS_NEVER : at + by;
}

/* Marks the job for writing. */
void gp_job_touch(gp_mock *m, gp_job *job);

/* Seconds of a field, in ms: a number, or {"min", "max"} spread by the seed and the job's id. */
gp_ms gp_job_seconds(const gp_mock *m, const gp_job *job, const char *field, gp_ms fallback);

/* The variant that holds for this attempt, by its pipeline's variables and its own; or NULL. */
const gp_json *gp_job_find_variant(const gp_job *job);

/* Reads from the definition what the job will do; the fields of the matching variant win. */
void gp_job_plan(gp_mock *m, gp_job *job);

/* A new job of the pipeline, or a new attempt of a job that then no longer counts. NULL when memory
 * ran out. */
gp_job *gp_job_new(gp_mock *m, gp_pipeline *p, gp_ms at);
gp_job *gp_job_again(gp_mock *m, gp_job *job, gp_ms at);

/* Sets the status and its times, and notifies the observer of a change. */
void gp_job_set_status(gp_mock *m, gp_job *job, gp_status status, gp_ms at);
void gp_job_fail(gp_mock *m, gp_job *job, const char *reason, gp_ms at);

int gp_job_cancelable(const gp_job *job);
int gp_job_retryable(const gp_job *job);
int gp_job_playable(const gp_job *job);

#endif
