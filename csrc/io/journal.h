/*
 * A journal: one SQLite file in which a process records what it is about to do, and the result, so
 * that the next process can resume after a `kill -9` or a power cut. This module handles the file,
 * its locks, its statements and their timeouts; the tables are defined in Lua
 * (once/journal_schema.lua).
 *
 * The file is created with mode 0600, kept in WAL mode, and rejected on network file systems, whose
 * locks and shared memory SQLite cannot trust. A statement waits for another process's write for at
 * most `wait` seconds, however often SQLite retries; then the message names the file and, if known,
 * the process that holds it.
 *
 * Names are held in `<path>-lock`: each is a kernel lock (F_OFD_SETLK) on one byte, held for as
 * long as this journal is open and its process exists, stopped or not. There is no lease that could
 * expire under a paused process. The path ":memory:" opens a journal without a file.
 *
 * One statement runs at a time: start, next while it returns rows, finish. All functions that can
 * fail write a message to `err` and return -1.
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

/* A parameter or a column. The text of a column is valid until the next call on its journal. */
typedef struct gp_journal_value {
    gp_journal_type type;
    long long integer;
    double real;
    const char *text;
    size_t len;
} gp_journal_value;

typedef struct gp_journal_options {
    int durable; /* true: a write survives a power cut (synchronous = FULL); false: it survives the
                    end of the process (NORMAL) */
    double wait; /* seconds that opening it, and then each statement, may wait for a lock */
} gp_journal_options;

/*
 * Opens the journal; creates the file if it is missing. Returns 0; on failure `*holder` is the pid
 * of the process that has it locked, or 0.
 */
int gp_journal_open(const char *path, const gp_journal_options *options, gp_journal **out,
                    long *holder, char *err, size_t err_size);

/* Sets how long each later statement may wait for a lock. */
void gp_journal_wait(gp_journal *journal, double seconds);

/* After a failed statement: the pid of the process that had the journal locked, or 0. */
long gp_journal_holder(const gp_journal *journal);

/* Releases everything, including the held names. NULL is allowed. */
void gp_journal_close(gp_journal *journal);

/* Starts a statement with its parameters bound to ?1, ?2 ...; ends the previous one. */
int gp_journal_start(gp_journal *journal, const char *sql, const gp_journal_value *params,
                     size_t count, char *err, size_t err_size);

/* 1: there is a row; 0: the statement is done. */
int gp_journal_next(gp_journal *journal, char *err, size_t err_size);

/* The current row. */
int gp_journal_columns(const gp_journal *journal);
const char *gp_journal_name(const gp_journal *journal, int column);
void gp_journal_column(const gp_journal *journal, int column, gp_journal_value *out);

/* Ends the statement; no effect if none is running. */
void gp_journal_finish(gp_journal *journal);

/* Rows that the last statement changed. */
int gp_journal_changes(const gp_journal *journal);

/*
 * Acquires a name exclusively. 1: acquired; 0: another process, or this one, holds it. Never waits.
 */
int gp_journal_hold(gp_journal *journal, const char *name, size_t len, char *err, size_t err_size);

/* The pid of the process that holds a name, this one or another; 0: none, or unknown. */
long gp_journal_name_holder(const gp_journal *journal, const char *name, size_t len);

/* Releases a name; no effect if it is not held. */
void gp_journal_release(gp_journal *journal, const char *name, size_t len);

#endif
