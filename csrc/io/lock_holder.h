/*
 * Which process holds a lock on a file: for messages, never for decisions.
 *
 * fcntl(F_GETLK) names no holder of an F_OFD_SETLK lock, and needs a descriptor whose closing would
 * end this process's own POSIX locks on the file. So what /proc tells of every open file is read.
 * Only processes of this PID namespace that this user may look into are seen.
 */
#ifndef GP_IO_LOCK_HOLDER_H
#define GP_IO_LOCK_HOLDER_H

#include <stdint.h>

/* The pid of a process with a lock on any byte of `first` to `last` of the file; 0: none is seen.
 * `exclusive`: write locks alone, this process's among them; otherwise any lock of another process.
 */
long gp_lock_holder(const char *path, uint64_t first, uint64_t last, int exclusive);

/* The pid of whoever keeps others out of a SQLite database, in WAL mode or not; 0: not seen. */
long gp_lock_holder_of_database(const char *path);

#endif
