/*
 * Rate-limit windows shared by the processes of one machine through a file: the gate behind a
 * limiter (core/limiter.h), over the block of core/shared_windows.h.
 *
 * The file is mapped, belongs to one user (0600), has a fixed size and is changed under a lock
 * (F_OFD_SETLK) that is never waited for: a process that does not get it retries, soon at first,
 * later within 100 ms. The kernel releases the lock when its holder dies. Each open file also locks
 * its own byte, far beyond the end: while that byte is locked, the other processes know that the
 * requests recorded for it are still in flight.
 *
 * After a reboot the block is recreated with every window counted as used. The same happens if the
 * block has other limits or belongs to another time namespace, unless a process is still using it:
 * then it is a problem. A damaged or foreign file, another version, another user's file, and a
 * network file system are also problems.
 *
 * A forked process opens the file again at its first request.
 */
#ifndef GP_IO_SHARED_LIMITS_H
#define GP_IO_SHARED_LIMITS_H

#include "core/limiter.h"

typedef struct gp_shared_limits gp_shared_limits;

/*
 * Opens or creates the file. `rules` are the limiter's. `now` NULL: uses the machine's clock and
 * ignores the limiter's times; otherwise time is virtual: the limiter's. 0, or -1 with a message;
 * later failures are reported in the gate's `problem`.
 */
int gp_shared_limits_open(const char *path, const gp_limit_rule rules[GP_LIMITER_RULES],
                          const double *now, gp_shared_limits **out, char *err, size_t err_size);

/* Selects the windows by 16 bytes of a digest of host and token. Call it before the first request.
 */
void gp_shared_limits_subject(gp_shared_limits *limits, const unsigned char digest[16]);

/* The value for a limiter's `gate`; valid as long as `limits`. */
gp_limiter_gate *gp_shared_limits_gate(gp_shared_limits *limits);

/* Slots taken now, by all processes, in the window of a rule that all requests share. */
uint32_t gp_shared_limits_used(gp_shared_limits *limits, int rule, double now);

/* NULL is allowed. */
void gp_shared_limits_close(gp_shared_limits *limits);

#endif
