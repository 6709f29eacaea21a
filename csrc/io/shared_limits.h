/*
 * The windows that the processes of one machine share, in a file: the gate behind a limiter
 * (core/limiter.h), over the block of core/shared_windows.h.
 *
 * The file is mapped, belongs to one user (0600), has a fixed size and is changed under a lock
 * (F_OFD_SETLK) that nobody ever waits for: who does not get it is told to ask again, sooner at
 * first, within 100 ms later on. The kernel lets the lock go when its holder dies. Each open file
 * also locks one byte of its own, far behind the end: whether that is locked is how the others
 * tell a request that is under way from one whose process is gone.
 *
 * A machine that was started again since makes the block anew and counts every window as used. So
 * does a block with other limits or of another time namespace, unless a process is still using it:
 * then that is a problem. So are a damaged or foreign file, another version, somebody else's file,
 * and a network file system.
 *
 * A process made by fork gets a file of its own at its first question.
 */
#ifndef GP_IO_SHARED_LIMITS_H
#define GP_IO_SHARED_LIMITS_H

#include "core/limiter.h"

typedef struct gp_shared_limits gp_shared_limits;

/*
 * Opens or makes the file. `rules` are those of the limiter. `now` NULL: the clock is the
 * machine's, whatever times the limiter is told; else time is virtual: what the limiter is told.
 * 0, or -1 with a message; whatever went wrong later on is in the gate's `problem`.
 */
int gp_shared_limits_open(const char *path, const gp_limit_rule rules[GP_LIMITER_RULES],
                          const double *now, gp_shared_limits **out, char *err, size_t err_size);

/* Whose windows: 16 bytes of a digest of host and token. To be said before the first question. */
void gp_shared_limits_subject(gp_shared_limits *limits, const unsigned char digest[16]);

/* What a limiter's `gate` is set to; lives as long as `limits`. */
gp_limiter_gate *gp_shared_limits_gate(gp_shared_limits *limits);

/* Places taken now, by anybody, in the window of a rule that is shared by all requests. */
uint32_t gp_shared_limits_used(gp_shared_limits *limits, int rule, double now);

/* NULL is fine. */
void gp_shared_limits_close(gp_shared_limits *limits);

#endif
