/*
 * Which pipeline changes next: a heap of pipelines by the time of their next event.
 */
#ifndef GP_MOCK_ENGINE_SCHEDULE_H
#define GP_MOCK_ENGINE_SCHEDULE_H

#include "mock/rows/state.h"

/* Sets `due` of a pipeline to the earliest time of its jobs, and updates its place in the heap. */
void gp_schedule_pipeline(gp_mock *m, gp_pipeline *pipeline);

/* Updates the place of a pipeline whose `due` has changed; a pipeline that is never due is
 * removed. */
void gp_schedule_update(gp_mock *m, gp_pipeline *pipeline);
void gp_schedule_remove(gp_mock *m, gp_pipeline *pipeline);

/* The pipeline with the earliest event; the lowest id among equals. NULL: nothing will happen. */
gp_pipeline *gp_schedule_first(const gp_mock *m);

#endif
