/*
 * The database below the rows: read once when the mock opens, written through at the end of each
 * request that changed something. One request is one transaction, so a process that is killed
 * leaves what it had acknowledged and nothing by halves. WAL with synchronous = NORMAL: safe
 * against the end of the process, not against loss of power.
 *
 * The tables `scenarios` and `pipelines` are part of the public interface; the others are ours.
 */
#ifndef GP_MOCK_ROWS_STORE_H
#define GP_MOCK_ROWS_STORE_H

#include "mock/rows/state.h"

/* Opens or creates the file (NULL: in memory). 0 with a message in `err`. */
int gp_store_open(gp_mock *m, const char *file, char *err, size_t err_size);
void gp_store_close(gp_mock *m);

/* Reads every row into an empty mock, those of m->entities in their order. */
int gp_store_load(gp_mock *m, char *err, size_t err_size);

/* Marks rows for writing. */
void gp_store_touch_pipeline(gp_mock *m, gp_pipeline *pipeline);

/* Rows that go or change at once, within the request's transaction. */
void gp_store_forget_pipeline(gp_mock *m, int64_t id);
/* Where the jobs of a child pipeline are described. */
void gp_store_child(gp_mock *m, const gp_pipeline *pipeline);
void gp_store_forget_job(gp_mock *m, int64_t id);
void gp_store_project(gp_mock *m, const gp_project *project);
void gp_store_scenario(gp_mock *m, const gp_mock_scenario *scenario);
void gp_store_forget_scenario(gp_mock *m, int64_t id);
void gp_store_world(gp_mock *m, const gp_world *world, const char *json, size_t len);
/* Everything else: an object of a kind, as JSON. `json` NULL deletes it. */
void gp_store_object(gp_mock *m, const char *kind, int64_t id, const char *json);
/* The same from a buffer, which is freed; one that has failed fails the request. */
void gp_store_row(gp_mock *m, const char *kind, int64_t id, gp_buf *json);

/*
 * The clock, counters and the windows of rate limits go with every transaction that there is, as
 * far as rows do not tell them. Where nothing else has changed, gp_store_begin makes one for them.
 * What is not worth that (answers without a limit, the exact count of requests) is written at the
 * end and into snapshots, by gp_store_everything: a process that is killed has forgotten it.
 */
void gp_store_begin(gp_mock *m);
void gp_store_everything(gp_mock *m);

/* Empties every table but the presets. */
void gp_store_reset(gp_mock *m);

/* Ends the request's transaction; 0 when the database refused. */
int gp_store_flush(gp_mock *m);

/* Gives up what was to be written: the rows in memory must be read again. */
void gp_store_rollback(gp_mock *m);

/* True when a flush has something to write. */
int gp_store_pending(const gp_mock *m);

/* The whole database as bytes (free with sqlite3_free), and back. */
unsigned char *gp_store_serialize(gp_mock *m, size_t *len);
int gp_store_deserialize(gp_mock *m, const unsigned char *data, size_t len, char *err,
                         size_t err_size);

/* Is it one of the scenarios that are always there? */
int gp_scenario_is_preset(int64_t id);

#endif
