/*
 * Replica lag: a read sees pipelines and jobs as they were some time ago, and none that are newer.
 * While a lag is configured, each pipeline keeps a version of itself after each change, as far back
 * as needed; during a lagging read the older versions replace the rows. The versions of a pipeline
 * are one row of the database. Everything else comes from the primary database, where readers see
 * their own writes.
 */
#ifndef GP_MOCK_ENGINE_LAG_H
#define GP_MOCK_ENGINE_LAG_H

#include "mock/rows/state.h"
#include "mock/rows/entity.h"

/* At the start of each request: keeps versions from now on, or discards all of them. */
void gp_lag_prepare(gp_mock *m, gp_ms lag);

/* After changes at that time: keeps a version of each pipeline that is marked for writing, and of
 * `also`. */
void gp_lag_keep(gp_mock *m, gp_pipeline *also, gp_ms at);

/* Replaces the rows by their versions at that time, and restores them. */
void gp_lag_enter(gp_mock *m, gp_ms at);
void gp_lag_leave(gp_mock *m);

extern const gp_entity gp_version_entity;

#endif
