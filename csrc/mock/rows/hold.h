/*
 * One database, one simulated GitLab: a lock on a file beside the database (NAME-lock), held from
 * before the database is opened until after it is closed. The kernel drops the lock when the
 * process ends, however it ends. The file says who holds it, for the message that the next one
 * gets.
 *
 * The database file itself is neither opened nor locked by this: other programs may open it.
 */
#ifndef GP_MOCK_ROWS_HOLD_H
#define GP_MOCK_ROWS_HOLD_H

#include <stddef.h>

typedef struct gp_hold gp_hold;

/*
 * Creates the database file if it is missing, and takes its lock; links and relative paths lead to
 * the same one. 1, or 0 with a message in `err`, which names the holder if there is one.
 */
int gp_hold_take(const char *database, gp_hold **out, char *err, size_t err_size);

/* The database's path without links; owned by the hold. */
const char *gp_hold_path(const gp_hold *hold);

/* Says at which URL this process serves the database. 1, or 0 with a message. */
int gp_hold_note_url(gp_hold *hold, const char *url, char *err, size_t err_size);

/* Releases it; NULL is allowed. */
void gp_hold_release(gp_hold *hold);

#endif
