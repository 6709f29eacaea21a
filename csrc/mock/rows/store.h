/*
 * The database below the rows: read once when the mock opens (load.h), written through at the end
 * of each request that changed something (save.h). One request is one transaction, so a process
 * that is killed has kept everything it had acknowledged, and no half of a request. WAL with
 * synchronous = NORMAL: safe against the end of the process, not against loss of power.
 *
 * The tables `scenarios` and `pipelines` are part of the public interface; the others are ours.
 */
#ifndef GP_MOCK_ROWS_STORE_H
#define GP_MOCK_ROWS_STORE_H

#include "mock/rows/state.h"

/* Milliseconds to wait for a lock where waiting is allowed. */
enum { GP_STORE_PATIENCE = 1000 };

/* Opens or creates the file (NULL: in memory) and keeps other simulations out of it while it is
 * open (see hold.h). 0 with a message in `err`. */
int gp_store_open(gp_mock *m, const char *file, char *err, size_t err_size);
void gp_store_close(gp_mock *m);

/*
 * Every transaction also writes the clock, counters and the windows of rate limits, as far as the
 * rows do not imply them. If nothing else has changed, gp_store_begin begins one for them. State
 * that is not worth a transaction (responses without a limit, the exact count of requests) is
 * written when the database is closed and into snapshots, by gp_store_everything: a process that is
 * killed loses it.
 */
void gp_store_begin(gp_mock *m);
void gp_store_everything(gp_mock *m);

/* Ends the request's transaction; 0 when the database refused. */
int gp_store_flush(gp_mock *m);

/* Rolls the transaction back: the rows in memory must be read again. */
void gp_store_rollback(gp_mock *m);

/* Begins the transaction now, so that later writes cannot fail because of a lock. 0 when another
 * process holds the lock, or an earlier write of this transaction has failed. */
int gp_store_lock(gp_mock *m);

/* How long a transaction waits for its lock. */
void gp_store_patience(gp_mock *m, int milliseconds);

/* Why the last flush or lock failed; GP_STORE_GOOD after a successful flush. */
gp_store_failure gp_store_why(const gp_mock *m);

/* A number that grows with every row written or deleted. */
int64_t gp_store_writes(const gp_mock *m);

/* Records the URL at which this process serves the database, for the message to others that are
 * refused. 1, or 0 with a message. */
int gp_store_note_url(gp_mock *m, const char *url, char *err, size_t err_size);

/* Whether a flush has something to write. */
int gp_store_pending(const gp_mock *m);

#endif
