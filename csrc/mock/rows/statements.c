/* One place prepares, runs and judges every statement that writes. */
#include "mock/rows/statements.h"

#include <errno.h>

#include "mock/rows/tables.h"

/* Statements that write a whole row of a table; the others have a text of their own. */
static const gp_table *const written[GP_STATEMENTS] = {
    [GP_PUT_PIPELINE] = &gp_pipeline_table,    [GP_PUT_DETAILS] = &gp_pipeline_details_table,
    [GP_PUT_NEVER] = &gp_pipeline_never_table, [GP_PUT_JOB] = &gp_job_table,
    [GP_PUT_PROJECT] = &gp_project_table,      [GP_PUT_SCENARIO] = &gp_scenario_table,
};

static const char *const texts[GP_STATEMENTS] = {
    [GP_DROP_NEVER] = "DELETE FROM pipeline_never WHERE pipeline_id=?1",
    [GP_PUT_OBJECT] = ("INSERT INTO objects VALUES(?1,?2,?3)"
                       " ON CONFLICT(kind, id) DO UPDATE SET json=?3"),
    [GP_DROP_OBJECT] = "DELETE FROM objects WHERE kind=?1 AND id=?2",
    [GP_PUT_STATE] = ("INSERT INTO state VALUES(?1,?2)"
                      " ON CONFLICT(name) DO UPDATE SET value=?2"),
    [GP_DROP_PIPELINE] = "DELETE FROM pipelines WHERE id=?1",
    [GP_DROP_DETAILS] = "DELETE FROM pipeline_details WHERE pipeline_id=?1",
    [GP_DROP_JOBS] = "DELETE FROM jobs WHERE pipeline_id=?1",
    [GP_DROP_JOB] = "DELETE FROM jobs WHERE id=?1",
    [GP_DROP_SCENARIO] = "DELETE FROM scenarios WHERE scenario_id=?1",
    [GP_PUT_WORLD] = "INSERT OR REPLACE INTO worlds VALUES(?1,?2)",
    [GP_BEGIN] = "BEGIN IMMEDIATE",
    [GP_COMMIT] = "COMMIT",
};

/* Whether the last error of one of the database's files was a lack of space. */
static int is_out_of_room(sqlite3 *db, int which)
{
    sqlite3_file *file = NULL;
    int error = 0;
    if (sqlite3_file_control(db, "main", which, (void *)&file) != SQLITE_OK || !file ||
        !file->pMethods) {
        return 0;
    }
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* A full disk may also be reported as an I/O error. */
gp_store_failure gp_statement_failure(sqlite3 *db, int result)
{
    switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GP_STORE_LOCKED;
    case SQLITE_FULL:
        return GP_STORE_FULL;
    case SQLITE_IOERR:
        return is_out_of_room(db, SQLITE_FCNTL_JOURNAL_POINTER) ||
                       is_out_of_room(db, SQLITE_FCNTL_FILE_POINTER)
                   ? GP_STORE_FULL
                   : GP_STORE_BROKEN;
    default:
        return GP_STORE_BROKEN;
    }
}

void gp_statement_run(gp_store *store, sqlite3_stmt *s)
{
    int result = store->failed ? SQLITE_DONE : sqlite3_step(s);
    if (result != SQLITE_DONE) {
        store->failed = 1;
        store->failure = gp_statement_failure(store->db, result);
    }
    store->writes++;
    sqlite3_reset(s);
}

sqlite3_stmt *gp_statement_ready(gp_store *store, gp_statement which)
{
    if (!store->open) {
        store->open = 1;
        gp_statement_run(store, store->statements[GP_BEGIN]);
        store->writes--; /* no row has changed yet */
    }
    return store->statements[which];
}

void gp_statement_write(gp_store *store, gp_statement which, const void *row)
{
    sqlite3_stmt *s = gp_statement_ready(store, which);
    gp_table_bind(s, written[which], row);
    gp_statement_run(store, s);
}

int64_t gp_statement_query(gp_store *store, const char *sql, int64_t fallback)
{
    sqlite3_stmt *s = NULL;
    int64_t value = fallback;
    if (sqlite3_prepare_v2(store->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

int gp_statement_prepare(gp_mock *m, sqlite3 *db, int which, sqlite3_stmt **out)
{
    gp_buf sql = {.alloc = &m->alloc};
    int good;
    if (written[which]) {
        gp_table_put_sql(&sql, written[which]);
    } else {
        gp_buf_adds(&sql, texts[which]);
    }
    good = !sql.failed && sqlite3_prepare_v3(db, gp_buf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                             out, NULL) == SQLITE_OK;
    gp_buf_free(&sql);
    return good;
}

int gp_statement_prepare_all(gp_mock *m)
{
    int i;
    for (i = 0; i < GP_STATEMENTS; i++) {
        if (!gp_statement_prepare(m, m->store->db, i, &m->store->statements[i])) return 0;
    }
    return 1;
}
