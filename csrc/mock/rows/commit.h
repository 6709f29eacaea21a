/*
 * The transaction of a request: committed whole, or rolled back with the rows in memory read again.
 */
#ifndef GP_MOCK_ROWS_COMMIT_H
#define GP_MOCK_ROWS_COMMIT_H

#include "mock/rows/state.h"

/* To be called before any change that can be observed. 0 when the database would refuse it now;
 * then nothing has happened. */
int gp_commit_begin_write(gp_mock *m);

/* To be called before a read: reads the rows again if that is due. Does not wait for a lock. */
void gp_commit_begin_read(gp_mock *m);

/*
 * Commits. 0 when a change could not be made or written whole: then the rows have been read again,
 * so that no later response shows the change. Rows that have only followed the clock may stay ahead
 * of the database: what they show follows from it.
 */
int gp_commit(gp_mock *m);

#endif
