/*
 * A table of the database, described once: its columns in their order, their SQL, and where each of
 * them lies in the row's struct. The statements that create, write and read the table follow from
 * the description.
 */
#ifndef GP_MOCK_ROWS_TABLE_H
#define GP_MOCK_ROWS_TABLE_H

#include <stddef.h>

#include "mock/rows/state.h"

typedef enum gp_column_kind {
    GP_COLUMN_INT,      /* int */
    GP_COLUMN_INTEGER,  /* int64_t or gp_ms */
    GP_COLUMN_OPTIONAL, /* the same; NULL for GP_UNSET and GP_MS_NONE */
    GP_COLUMN_NEVER,    /* gp_ms; NULL for GP_MS_NEVER */
    GP_COLUMN_STATUS,   /* gp_status, by its name */
    GP_COLUMN_OWNED,    /* char *, the row's own */
    GP_COLUMN_KEPT,     /* const char *, a literal or in m->strings */
    GP_COLUMN_CHARS,    /* char[], of `size` bytes */
    GP_COLUMN_ISO,      /* gp_ms as a text; only written */
    GP_COLUMN_OTHER     /* `get` and `set` translate it */
} gp_column_kind;

typedef struct gp_column {
    const char *name, *type; /* as in CREATE TABLE */
    gp_column_kind kind;
    size_t at;   /* offset in the struct */
    size_t size; /* of GP_COLUMN_CHARS */
    /* Of GP_COLUMN_OTHER: GP_UNSET stands for NULL. `set` may be NULL: only written. */
    int64_t (*get)(const void *row);
    void (*set)(void *row, int64_t value);
    int64_t fallback; /* what NULL reads as, where that is not the kind's own */
} gp_column;

typedef struct gp_table {
    const char *name;
    const gp_column *columns; /* the first is the key; ends with a NULL name */
} gp_table;

/* "CREATE TABLE IF NOT EXISTS ..."; appended. */
void gp_table_create_sql(gp_buf *buf, const gp_table *table);

/* "INSERT INTO ... ON CONFLICT ... DO UPDATE ...", to be bound with gp_table_bind; appended. */
void gp_table_put_sql(gp_buf *buf, const gp_table *table);

/* "t.a, t.b, ...": the columns for a SELECT from `t`, in their order; appended. */
void gp_table_columns_sql(gp_buf *buf, const gp_table *table, const char *t);

int gp_table_width(const gp_table *table);

/* Binds a row to the statement of gp_table_put_sql. Texts must last until it has run. */
void gp_table_bind(sqlite3_stmt *statement, const gp_table *table, const void *row);

/* Reads the columns of a result row, from result column `first` on, into a row. 0 when memory ran
 * out. */
int gp_table_read(gp_mock *m, sqlite3_stmt *statement, int first, const gp_table *table, void *row);

#endif
