/*
 * Pipelines by the time of their next event; of those due at one instant the lowest id comes first,
 * so that the order of events never depends on when somebody looks.
 */
#ifndef GP_MOCK_HEAP_H
#define GP_MOCK_HEAP_H

#include "mock/rows/state.h"

/* Puts the pipeline where its `due` belongs, or takes it out when that is GP_MS_NEVER. */
void gp_heap_update(gp_mock *m, gp_pipeline *pipeline);
void gp_heap_remove(gp_mock *m, gp_pipeline *pipeline);
/* The first one, or NULL. */
gp_pipeline *gp_heap_first(const gp_mock *m);

#endif
