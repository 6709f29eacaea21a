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

/* Why the database has refused to write. */
typedef enum gp_store_failure {
    GP_STORE_GOOD,
    GP_STORE_FULL,   /* no room on the disk, or the file has reached its greatest size */
    GP_STORE_LOCKED, /* another process writes, or holds a lock */
    GP_STORE_BROKEN  /* anything else, such as an error of the disk */
} gp_store_failure;

/* Milliseconds that a lock is waited for where waiting is allowed. */
enum { GP_STORE_PATIENCE = 1000 };

/* Opens or creates the file (NULL: in memory) and keeps others of our kind out of it as long as it
 * is open (see hold.h). 0 with a message in `err`. */
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

/* Begins the transaction now, so that what follows can be written as far as locks go. 0 when
 * another process holds the lock, or an earlier write of this transaction has failed. */
int gp_store_lock(gp_mock *m);

/* How long a transaction waits for its lock. */
void gp_store_patience(gp_mock *m, int milliseconds);

/* Why the last flush or lock failed; GP_STORE_GOOD after a flush that did not. */
gp_store_failure gp_store_why(const gp_mock *m);

/* A number that grows with every row written or deleted. */
int64_t gp_store_writes(const gp_mock *m);

/* Tells whoever is kept out at which URL the database is served. 1, or 0 with a message. */
int gp_store_note_url(gp_mock *m, const char *url, char *err, size_t err_size);

/* True when a flush has something to write. */
int gp_store_pending(const gp_mock *m);

/* The whole database as bytes (free with sqlite3_free), and back. */
unsigned char *gp_store_serialize(gp_mock *m, size_t *len);
int gp_store_deserialize(gp_mock *m, const unsigned char *data, size_t len, char *err,
                         size_t err_size);

/* Is it one of the scenarios that are always there? */
int gp_scenario_is_preset(int64_t id);

#endif
