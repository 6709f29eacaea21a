/*
 * The database connection, its prepared statements, and the transaction in which they run. Private
 * to the files of rows/ that make up the store: store.c opens and commits, save.c and numbers.c
 * write, load.c reads, copy.c copies the whole database.
 */
#ifndef GP_MOCK_ROWS_STATEMENTS_H
#define GP_MOCK_ROWS_STATEMENTS_H

#include "mock/rows/hold.h"
#include "mock/rows/state.h"

/* GP_PUT_... inserts or updates a row, GP_DROP_... deletes rows by a key. */
typedef enum gp_statement {
    GP_PUT_PIPELINE,
    GP_PUT_DETAILS,
    GP_PUT_NEVER,
    GP_DROP_NEVER,
    GP_PUT_JOB,
    GP_PUT_PROJECT,
    GP_PUT_SCENARIO,
    GP_PUT_OBJECT,
    GP_DROP_OBJECT,
    GP_PUT_STATE,
    GP_DROP_PIPELINE,
    GP_DROP_DETAILS,
    GP_DROP_JOBS,
    GP_DROP_JOB,
    GP_DROP_SCENARIO,
    GP_PUT_WORLD,
    GP_BEGIN,
    GP_COMMIT,
    GP_STATEMENTS
} gp_statement;

/* PRAGMA user_version: a greater number was written by a newer version of this program. */
enum { GP_SCHEMA_VERSION = 1 };

/* Rows of the table `state`, listed in numbers.c. */
enum { GP_NUMBERS = 19 };

struct gp_store {
    sqlite3 *db;
    gp_hold *hold; /* NULL: in memory */
    sqlite3_stmt *statements[GP_STATEMENTS];
    int64_t kept[GP_NUMBERS]; /* the numbers as the database has them */
    int known[GP_NUMBERS];    /* whether the database has them */
    int open;                 /* in a transaction */
    int failed;               /* a statement of this transaction has failed */
    gp_store_failure failure; /* why the last flush or lock that failed did so */
    int64_t writes;           /* statements that changed rows since the store was opened */
    int wait_ms;              /* how long the transaction waits for its lock */
    int all;                  /* this transaction writes every number and every window */
    int lasts;                /* the database is a file */
    int loaded;               /* the rows in memory are those of the database */
};

/* Prepares a statement for `db`, which need not be the store's. 0 when that is not possible: memory
 * ran out, or a table or a column is missing. */
int gp_statement_prepare(gp_mock *m, sqlite3 *db, int which, sqlite3_stmt **out);

/* Prepares every statement of the store. 0 when one cannot be prepared. */
int gp_statement_prepare_all(gp_mock *m);

/* A statement, ready to be bound, in the request's transaction, which begins now if it has not. */
sqlite3_stmt *gp_statement_ready(gp_store *store, gp_statement which);

/* Runs and resets a statement. After a failure nothing more is written until the transaction ends:
 * a full disk may have ended the transaction, and a later write would be committed by itself. */
void gp_statement_run(gp_store *store, sqlite3_stmt *s);

/* Writes a whole row with a GP_PUT_... statement. */
void gp_statement_write(gp_store *store, gp_statement which, const void *row);

/* The first column of the first result row as a number; `fallback` without one, or if it is NULL.
 */
int64_t gp_statement_query(gp_store *store, const char *sql, int64_t fallback);

/* What an SQLite result code means for the caller. */
gp_store_failure gp_statement_failure(sqlite3 *db, int result);

#endif
