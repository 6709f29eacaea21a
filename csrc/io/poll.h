/*
 * Waits for descriptors and for the signals that mean "stop".
 *
 * A trapped signal sets a flag and ends a wait; it does nothing else. The wait blocks the trapped
 * signals while it checks the flags and unblocks them only inside ppoll(2), so that a signal that
 * arrives just before the wait is not missed.
 */
#ifndef GP_IO_POLL_H
#define GP_IO_POLL_H

#include <poll.h>
#include <stddef.h>

/* Results of gp_poll that are not a count. */
enum { GP_POLL_FAILED = -1, GP_POLL_INTERRUPTED = -2 };

/*
 * Waits until one of `count` descriptors is ready, `seconds` have passed (negative: no limit), or
 * a trapped signal arrives. Returns the number of ready descriptors (0: timeout),
 * GP_POLL_INTERRUPTED, or GP_POLL_FAILED with errno. Any other signal does not end the wait.
 */
int gp_poll(struct pollfd *fds, size_t count, double seconds);

/* Traps "INT", "TERM", "HUP" or "PIPE": 0, or -1 for another name or a system error. The previous
 * handler is saved for gp_untrap. Trapping a signal twice has no further effect. */
int gp_trap(const char *name);

/* Restores the previous handlers and discards trapped signals that were not fetched. */
void gp_untrap(void);

/* The name of a trapped signal that arrived since the last call, or NULL. */
const char *gp_trapped(void);

#endif
