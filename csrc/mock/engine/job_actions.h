/*
 * Actions on pipelines and jobs: cancel, retry, play, erase. They take effect at m->now; the rows
 * must have been advanced to it.
 */
#ifndef GP_MOCK_ENGINE_JOB_ACTIONS_H
#define GP_MOCK_ENGINE_JOB_ACTIONS_H

#include "mock/rows/state.h"

void gp_pipeline_cancel(gp_mock *m, gp_pipeline *pipeline);
void gp_pipeline_retry(gp_mock *m, gp_pipeline *pipeline);

/* Each of these expects a job that allows the action (see job.h). */

/* The new attempt, or NULL when memory ran out. */
gp_job *gp_job_retry(gp_mock *m, gp_job *job);
void gp_job_cancel(gp_mock *m, gp_job *job, int force);
/* `variables`: JSON given with the play, or NULL. */
void gp_job_play(gp_mock *m, gp_job *job, const char *variables);
void gp_job_erase(gp_mock *m, gp_job *job);

#endif
