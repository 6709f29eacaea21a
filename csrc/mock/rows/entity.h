/*
 * What the store needs from higher floors to read and write rows. mock.c makes the tables and
 * passes them in.
 */
#ifndef GP_MOCK_ROWS_ENTITY_H
#define GP_MOCK_ROWS_ENTITY_H

#include "mock/rows/state.h"

/* Which write it is. */
typedef enum gp_save_occasion {
    GP_SAVE_CHANGED, /* a transaction that something else has begun */
    GP_SAVE_ALL,     /* one that writes every number: deletions, snapshots */
    GP_SAVE_LAST     /* the one before the database is closed */
} gp_save_occasion;

/* A kind of row that is kept as JSON in the table `objects`. */
struct gp_entity {
    const char *kind;
    int (*begin)(gp_mock *m); /* before its rows are read; 0: give up. May be NULL */
    int (*load)(gp_mock *m, int64_t id, const gp_json *row); /* one row; 0: give up */
    /* Writes the rows that were not written when they changed. NULL: there are none */
    void (*save)(gp_mock *m, gp_save_occasion occasion);
    void (*clear)(gp_mock *m); /* frees every row. NULL: they belong to another entity */
};

/* Completes rows with tables of their own (worlds, pipelines, jobs) after their columns are
 * read. */
struct gp_restore {
    gp_world *(*read_world)(const char *json, size_t len, char *err, size_t err_size);
    int (*pipeline)(gp_mock *m, gp_pipeline *p); /* 0: give up, as below */
    int (*job)(gp_mock *m, gp_job *job);
    int (*done)(gp_mock *m); /* every row has been read */
};

#endif
