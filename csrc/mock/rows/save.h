/*
 * Writing rows. A changed pipeline is marked and written when the request's transaction ends; other
 * rows are written at once, within that transaction.
 */
#ifndef GP_MOCK_ROWS_SAVE_H
#define GP_MOCK_ROWS_SAVE_H

#include "mock/rows/state.h"

/* Marks a pipeline, with its changed jobs, for writing. */
void gp_store_touch_pipeline(gp_mock *m, gp_pipeline *pipeline);

/* Writes every marked row. */
void gp_store_write_dirty(gp_mock *m);

/* Clears every mark without writing. */
void gp_store_forget_dirty(gp_mock *m);

void gp_store_forget_pipeline(gp_mock *m, int64_t id);
/* Writes where the jobs of a child pipeline are described. */
void gp_store_child(gp_mock *m, const gp_pipeline *pipeline);
void gp_store_forget_job(gp_mock *m, int64_t id);
void gp_store_project(gp_mock *m, const gp_project *project);
void gp_store_scenario(gp_mock *m, const gp_mock_scenario *scenario);
void gp_store_forget_scenario(gp_mock *m, int64_t id);
void gp_store_world(gp_mock *m, const gp_world *world, const char *json, size_t len);

/* Everything else: an object of a kind, as JSON. `json` NULL deletes it. */
void gp_store_object(gp_mock *m, const char *kind, int64_t id, const char *json);
/* The same from a buffer, which is freed; a buffer that has failed fails the request. */
void gp_store_row(gp_mock *m, const char *kind, int64_t id, gp_buf *json);

/* Empties every table except for the presets. */
void gp_store_reset(gp_mock *m);

#endif
