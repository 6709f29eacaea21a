/*
 * The steps of a job between `created` and a runner: its resource group (one job of a group runs at
 * a time, in all pipelines of the project), preparation, and a callback that it waits for. Each
 * only if the world says so.
 */
#ifndef GP_MOCK_ENGINE_QUEUE_H
#define GP_MOCK_ENGINE_QUEUE_H

#include "mock/rows/state.h"

/* The job's next step on the way from `created` to `pending`. */
void gp_job_enqueue(gp_mock *m, gp_job *job, gp_ms at);

/* Gives a finished job's resource to the job that waits for it. */
void gp_job_release(gp_mock *m, const gp_job *job, gp_ms at);

/* The same for every resource of the project that no job holds. */
void gp_resources_offer(gp_mock *m, gp_project *project, gp_ms at);

#endif
