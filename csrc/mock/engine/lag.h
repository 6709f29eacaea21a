/*
 * Replicas that lag: a read sees pipelines and jobs as they were some time ago, those made since
 * not at all. While a lag is asked for, each pipeline keeps how it was after each of its changes,
 * as far back as needed; for the time of such a read the older versions take the place of the rows.
 * The versions of a pipeline are a row of the database.
 * What is no pipeline and no job comes from the main database, where readers see their own writes.
 */
#ifndef GP_MOCK_ENGINE_LAG_H
#define GP_MOCK_ENGINE_LAG_H

#include "mock/rows/state.h"
#include "mock/rows/entity.h"

/* At the start of each request: keeps versions from now on, or forgets them all. */
void gp_lag_prepare(gp_mock *m, gp_ms lag);

/* After changes at that time: of the pipelines that are marked for writing, and of `also`. */
void gp_lag_keep(gp_mock *m, gp_pipeline *also, gp_ms at);

/* Shows the rows as they were at that time, and as they are. */
void gp_lag_enter(gp_mock *m, gp_ms at);
void gp_lag_leave(gp_mock *m);

extern const gp_entity gp_version_entity;

#endif
