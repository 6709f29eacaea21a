/*
 * A journal: one SQLite file in which a process notes what it is about to do, and what became of
 * it, so that the next process can go on after a `kill -9` or a power cut. Here is the file, its
 * lock, its statements and how long they may wait; its tables are Lua's (once/journal_schema.lua).
 *
 * The file is made 0600, kept in WAL mode, and refused on networked file systems, whose locks and
 * shared memory SQLite can not trust. A statement waits for another process's write no longer than
 * `wait` seconds, however often SQLite tries; then the message names the file and, where it can be
 * known, the process that has it.
 * Beside it lies `<path>-lock`: a name is held by a kernel lock (F_OFD_SETLK) on one byte of it,
 * for as long as this journal is open or its process exists, stopped or not. There is no lease
 * that could run out under a paused process. The path ":memory:" makes a journal without a file.
 *
 * One statement runs at a time: start, next while it gives rows, finish. All functions that can
 * fail write a message into `err` and return -1.
 */
#ifndef GP_IO_JOURNAL_H
#define GP_IO_JOURNAL_H

#include <stddef.h>

typedef struct gp_journal gp_journal;

typedef enum gp_journal_type {
    GP_JOURNAL_NULL,
    GP_JOURNAL_INTEGER,
    GP_JOURNAL_REAL,
    GP_JOURNAL_TEXT
} gp_journal_type;

/* A parameter or a column. The text of a column lives until the next call for its journal. */
typedef struct gp_journal_value {
    gp_journal_type type;
    long long integer;
    double real;
    const char *text;
    size_t len;
} gp_journal_value;

typedef struct gp_journal_options {
    int durable; /* a write survives a power cut (synchronous = FULL), else it survives the end of
                    the process (NORMAL) */
    double wait; /* seconds that opening it, and then each statement, may wait for a lock */
} gp_journal_options;

/*
 * Opens the journal; makes the file where there is none. Returns 0; on failure `*holder` is the pid
 * of the process that has it locked, or 0.
 */
int gp_journal_open(const char *path, const gp_journal_options *options, gp_journal **out,
                    long *holder, char *err, size_t err_size);

/* How long each statement from now on may wait for a lock. */
void gp_journal_wait(gp_journal *journal, double seconds);

/* After a statement that failed: the pid of the process that had the journal locked, or 0. */
long gp_journal_holder(const gp_journal *journal);

/* Gives back everything, the held names too. NULL is allowed. */
void gp_journal_close(gp_journal *journal);

/* Begins a statement with its parameters bound to ?1, ?2 ...; ends the one before it. */
int gp_journal_start(gp_journal *journal, const char *sql, const gp_journal_value *params,
                     size_t count, char *err, size_t err_size);

/* 1: there is a row; 0: the statement is done. */
int gp_journal_next(gp_journal *journal, char *err, size_t err_size);

/* The row at hand. */
int gp_journal_columns(const gp_journal *journal);
const char *gp_journal_name(const gp_journal *journal, int column);
void gp_journal_column(const gp_journal *journal, int column, gp_journal_value *out);

/* Ends the statement; harmless when none runs. */
void gp_journal_finish(gp_journal *journal);

/* Rows that the last statement changed. */
int gp_journal_changes(const gp_journal *journal);

/*
 * Takes a name for this journal alone. 1: taken; 0: another process, or this one, holds it.
 * Never waits.
 */
int gp_journal_hold(gp_journal *journal, const char *name, size_t len, char *err, size_t err_size);

/* The pid of the process that holds a name, this one or another; 0: nobody, or not seen. */
long gp_journal_name_holder(const gp_journal *journal, const char *name, size_t len);

/* Gives a name back; harmless when it is not held. */
void gp_journal_release(gp_journal *journal, const char *name, size_t len);

#endif
