/*
 * One pipeline: its status composed from its jobs, and the jobs that may leave `created`.
 */
#ifndef GP_MOCK_ENGINE_PIPELINE_H
#define GP_MOCK_ENGINE_PIPELINE_H

#include "mock/rows/state.h"

void gp_pipeline_set_status(gp_mock *m, gp_pipeline *p, gp_status status, gp_ms at);

/* Moves every job that may leave `created`, until none can, then composes the pipeline's status. */
void gp_pipeline_settle(gp_mock *m, gp_pipeline *p, gp_ms at);

/* Removes a pipeline from every list and index and frees it; the caller deletes its rows. */
void gp_pipeline_remove(gp_mock *m, gp_pipeline *p);

#endif
