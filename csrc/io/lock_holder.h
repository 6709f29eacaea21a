/*
 * Finds the process that holds a lock on a file: for messages, never for decisions.
 *
 * fcntl(F_GETLK) does not name the holder of an F_OFD_SETLK lock, and needs a descriptor, closing
 * which would drop this process's own POSIX locks on the file. So the locks of every open file are
 * read from /proc. It finds only processes of this PID namespace that this user may inspect.
 */
#ifndef GP_IO_LOCK_HOLDER_H
#define GP_IO_LOCK_HOLDER_H

#include <stdint.h>

/* The pid of a process with a lock on any byte from `first` to `last` of the file; 0: none found.
 * `exclusive`: only write locks, including this process's; otherwise any lock of another process.
 */
long gp_lock_holder(const char *path, uint64_t first, uint64_t last, int exclusive);

/* The pid of the process that blocks others from a SQLite database, in WAL mode or not; 0: none
 * found. */
long gp_lock_holder_of_database(const char *path);

#endif
