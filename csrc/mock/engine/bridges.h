/*
 * Trigger jobs: the pipelines that they start, and how they follow them.
 */
#ifndef GP_MOCK_ENGINE_BRIDGES_H
#define GP_MOCK_ENGINE_BRIDGES_H

#include "mock/rows/state.h"

/* Starts the pipeline of a trigger job. */
void gp_bridge_start(gp_mock *m, gp_job *job, gp_ms at);

/* Brings a waiting trigger job to the status of the pipeline that it started. */
void gp_bridge_follow(gp_mock *m, gp_pipeline *downstream, gp_ms at);

#endif
