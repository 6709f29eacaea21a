/*
 * Names held by one process at a time: each is one byte of a file, locked by F_OFD_SETLK. Such a
 * lock belongs to the open file, not to the process id (which means nothing in another PID
 * namespace), ends with the process, and never expires before.
 */
#ifndef GP_IO_JOURNAL_LOCK_H
#define GP_IO_JOURNAL_LOCK_H

#include <stddef.h>

typedef struct gp_lock_file gp_lock_file;

/* Opens `<beside>-lock`, created with mode 0600; NULL: names are held within this object only. 0,
 * or -1 with a message. */
int gp_lock_file_open(const char *beside, gp_lock_file **out, char *err, size_t err_size);

/* Releases every name. NULL is allowed. */
void gp_lock_file_close(gp_lock_file *file);

/* 1: acquired; 0: already held; -1 with a message. Never waits. */
int gp_lock_file_take(gp_lock_file *file, const char *name, size_t len, char *err, size_t err_size);

/* The pid of a process that holds a name; 0: none, or unknown. Slow: use it for messages only. */
long gp_lock_file_holder(const gp_lock_file *file, const char *name, size_t len);

void gp_lock_file_give(gp_lock_file *file, const char *name, size_t len);

/*
 * The file's text: the holder of a name may describe itself in it, for other processes to read. It
 * is advisory: it may be stale or empty, for example after a kill; only the locks are binding.
 */
/* Replaces the text. 0, or -1 with a message. */
int gp_lock_file_note(gp_lock_file *file, const char *text, size_t len, char *err, size_t err_size);

/* Reads at most size - 1 bytes of it and adds a NUL; "" when there is none. */
void gp_lock_file_read(const gp_lock_file *file, char *text, size_t size);

#endif
