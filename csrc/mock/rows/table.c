/* SQL and bindings follow from the description of a table's columns. */
#include "mock/rows/table.h"

#include <stdio.h>
#include <string.h>

int gp_table_width(const gp_table *table)
{
    int width = 0;
    while (table->columns[width].name)
        width++;
    return width;
}

void gp_table_create_sql(gp_buf *buf, const gp_table *table)
{
    const gp_column *column;
    gp_buf_addf(buf, "CREATE TABLE IF NOT EXISTS %s(", table->name);
    for (column = table->columns; column->name; column++)
        gp_buf_addf(buf, "%s%s %s", column == table->columns ? "" : ", ", column->name,
                    column->type);
    gp_buf_adds(buf, ");");
}

void gp_table_put_sql(gp_buf *buf, const gp_table *table)
{
    const gp_column *column;
    int i, width = gp_table_width(table);
    gp_buf_addf(buf, "INSERT INTO %s VALUES(", table->name);
    for (i = 1; i <= width; i++)
        gp_buf_addf(buf, "%s?%d", i > 1 ? "," : "", i);
    gp_buf_addf(buf, ") ON CONFLICT(%s) DO UPDATE SET ", table->columns->name);
    for (column = table->columns + 1; column->name; column++) {
        gp_buf_addf(buf, "%s%s=?%d", column == table->columns + 1 ? "" : ", ", column->name,
                    (int)(column - table->columns) + 1);
    }
}

void gp_table_columns_sql(gp_buf *buf, const gp_table *table, const char *t)
{
    const gp_column *column;
    for (column = table->columns; column->name; column++)
        gp_buf_addf(buf, "%s%s.%s", column == table->columns ? "" : ", ", t, column->name);
}

/* Writing ----------------------------------------------------------------------------------- */

static void bind_optional(sqlite3_stmt *s, int index, int64_t value, int64_t null)
{
    if (value == null) {
        sqlite3_bind_null(s, index);
    } else {
        sqlite3_bind_int64(s, index, value);
    }
}

static void bind_iso(sqlite3_stmt *s, int index, gp_ms value)
{
    char text[GP_TIME_TEXT];
    gp_ms_iso(text, value);
    sqlite3_bind_text(s, index, text, -1, SQLITE_TRANSIENT);
}

static void bind_one(sqlite3_stmt *s, int index, const gp_column *column, const void *row)
{
    const void *field = (const char *)row + column->at;
    switch (column->kind) {
    case GP_COLUMN_INT:
        sqlite3_bind_int(s, index, *(const int *)field);
        break;
    case GP_COLUMN_INTEGER:
        sqlite3_bind_int64(s, index, *(const int64_t *)field);
        break;
    case GP_COLUMN_OPTIONAL:
        bind_optional(s, index, *(const int64_t *)field, GP_UNSET);
        break;
    case GP_COLUMN_NEVER:
        bind_optional(s, index, *(const gp_ms *)field, GP_MS_NEVER);
        break;
    case GP_COLUMN_STATUS:
        sqlite3_bind_text(s, index, gp_status_name(*(const gp_status *)field), -1, SQLITE_STATIC);
        break;
    case GP_COLUMN_OWNED:
    case GP_COLUMN_KEPT:
        sqlite3_bind_text(s, index, *(const char *const *)field, -1, SQLITE_STATIC);
        break;
    case GP_COLUMN_CHARS:
        sqlite3_bind_text(s, index, field, -1, SQLITE_STATIC);
        break;
    case GP_COLUMN_ISO:
        bind_iso(s, index, *(const gp_ms *)field);
        break;
    case GP_COLUMN_OTHER:
        bind_optional(s, index, column->get(row), GP_UNSET);
        break;
    }
}

void gp_table_bind(sqlite3_stmt *statement, const gp_table *table, const void *row)
{
    int i;
    for (i = 0; table->columns[i].name; i++)
        bind_one(statement, i + 1, &table->columns[i], row);
}

/* Reading ----------------------------------------------------------------------------------- */

static int64_t integer_at(sqlite3_stmt *s, int index, int64_t fallback)
{
    return sqlite3_column_type(s, index) == SQLITE_NULL ? fallback : sqlite3_column_int64(s, index);
}

static int read_one(gp_mock *m, sqlite3_stmt *s, int index, const gp_column *column, void *row)
{
    void *field = (char *)row + column->at;
    const char *text;
    switch (column->kind) {
    case GP_COLUMN_INT:
        *(int *)field = (int)integer_at(s, index, column->fallback);
        return 1;
    case GP_COLUMN_INTEGER:
        *(int64_t *)field = integer_at(s, index, column->fallback);
        return 1;
    case GP_COLUMN_OPTIONAL:
        *(int64_t *)field = integer_at(s, index, GP_UNSET);
        return 1;
    case GP_COLUMN_NEVER:
        *(gp_ms *)field = integer_at(s, index, GP_MS_NEVER);
        return 1;
    case GP_COLUMN_OTHER:
        if (column->set) column->set(row, integer_at(s, index, column->fallback));
        return 1;
    case GP_COLUMN_ISO:
        return 1;
    default:
        break;
    }
    text = (const char *)sqlite3_column_text(s, index);
    switch (column->kind) {
    case GP_COLUMN_STATUS:
        *(gp_status *)field = text ? gp_status_from_name(text, strlen(text)) : GP_STATUS_NONE;
        return 1;
    case GP_COLUMN_OWNED:
        *(char **)field = gp_mock_strdup(m, text);
        return !text || *(char **)field;
    case GP_COLUMN_KEPT:
        /* Equal texts are common ("build") and are stored once. */
        *(const char **)field = text ? gp_arena_string(&m->strings, text) : NULL;
        return !text || *(const char **)field;
    default: /* GP_COLUMN_CHARS */
        snprintf(field, column->size, "%s", text ? text : "");
        return 1;
    }
}

int gp_table_read(gp_mock *m, sqlite3_stmt *statement, int first, const gp_table *table, void *row)
{
    int i;
    for (i = 0; table->columns[i].name; i++) {
        if (!read_one(m, statement, first + i, &table->columns[i], row)) return 0;
    }
    return 1;
}
