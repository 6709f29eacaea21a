/*
 * Names held by one process at a time: each is one byte of a file, locked by F_OFD_SETLK. Such a
 * lock belongs to the open file, not to the process id (which means nothing in another PID
 * namespace), is gone when the process is, and never runs out before.
 */
#ifndef GP_IO_JOURNAL_LOCK_H
#define GP_IO_JOURNAL_LOCK_H

#include <stddef.h>

typedef struct gp_lock_file gp_lock_file;

/* Opens `<beside>-lock`, made 0600; NULL: names are held within this object alone. 0, or -1. */
int gp_lock_file_open(const char *beside, gp_lock_file **out, char *err, size_t err_size);

/* Gives every name back. NULL is allowed. */
void gp_lock_file_close(gp_lock_file *file);

/* 1: taken; 0: somebody holds it; -1 with a message. Never waits. */
int gp_lock_file_take(gp_lock_file *file, const char *name, size_t len, char *err, size_t err_size);

/* The pid of a process that holds a name; 0: nobody, or not seen. Slow: for messages. */
long gp_lock_file_holder(const gp_lock_file *file, const char *name, size_t len);

void gp_lock_file_give(gp_lock_file *file, const char *name, size_t len);

/*
 * The file's text, free for the holder of a name to say who it is; a process that is refused reads
 * it. It is advice: it may be stale or empty, as after a kill; only the locks decide.
 */
/* Replaces the text. 0, or -1 with a message. */
int gp_lock_file_note(gp_lock_file *file, const char *text, size_t len, char *err, size_t err_size);

/* Reads at most size - 1 bytes of it and ends them with a NUL; "" when there is none. */
void gp_lock_file_read(const gp_lock_file *file, char *text, size_t size);

#endif
