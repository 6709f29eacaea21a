/* Opening, transactions, closing. */
#include "mock/rows/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "mock/rows/entity.h"
#include "mock/rows/hold.h"
#include "mock/rows/numbers.h"
#include "mock/rows/presets.h"
#include "mock/rows/save.h"
#include "mock/rows/statements.h"
#include "mock/rows/tables.h"

/* In the order of their creation. */
static const gp_table *const tables[] = {
    &gp_scenario_table,
    &gp_pipeline_table,
    &gp_pipeline_never_table,
    &gp_pipeline_details_table,
    &gp_job_table,
    &gp_project_table,
    NULL,
};

static const char more_schema[] =
    "CREATE INDEX IF NOT EXISTS jobs_pipeline ON jobs(pipeline_id);"
    "CREATE TABLE IF NOT EXISTS objects(kind TEXT, id INTEGER, json TEXT, PRIMARY KEY(kind, id));"
    "CREATE TABLE IF NOT EXISTS worlds(id INTEGER PRIMARY KEY, json TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value INTEGER);";

int gp_store_lock(gp_mock *m)
{
    gp_store *store = m->store;
    if (store->open) return !store->failed;
    gp_statement_ready(store, GP_BEGIN);
    if (!store->failed) return 1;
    store->open = store->failed = 0;
    return 0;
}

void gp_store_patience(gp_mock *m, int milliseconds)
{
    gp_store *store = m->store;
    if (store->wait_ms == milliseconds) return;
    store->wait_ms = milliseconds;
    sqlite3_busy_timeout(store->db, milliseconds);
}

gp_store_failure gp_store_why(const gp_mock *m)
{
    return m->store->failure;
}

int64_t gp_store_writes(const gp_mock *m)
{
    return m->store->writes;
}

int gp_store_note_url(gp_mock *m, const char *url, char *err, size_t err_size)
{
    return !m->store->hold || gp_hold_note_url(m->store->hold, url, err, err_size);
}

static int open_failed(gp_mock *m, const char *file, char *err, size_t err_size)
{
    snprintf(err, err_size, "cannot use the database %s: %s", file ? file : "in memory",
             sqlite3_errmsg(m->store->db));
    return 0;
}

/* Why a database must be left alone: it is another program's, or we might misread its rows. */
static const char *find_stranger(gp_store *store)
{
    if (gp_statement_query(store, "PRAGMA application_id", 0) != 0)
        return "it belongs to another program";
    if (gp_statement_query(store, "PRAGMA user_version", 0) > GP_SCHEMA_VERSION)
        return "made by a newer version of gitlab-pipelines";
    return NULL;
}

static int create_tables(gp_mock *m)
{
    gp_buf sql = {.alloc = &m->alloc};
    int i, good;
    for (i = 0; tables[i]; i++)
        gp_table_create_sql(&sql, tables[i]);
    gp_buf_adds(&sql, more_schema);
    if (gp_statement_query(m->store, "PRAGMA user_version", 0) != GP_SCHEMA_VERSION)
        gp_buf_addf(&sql, "PRAGMA user_version = %d;", GP_SCHEMA_VERSION);
    good =
        !sql.failed && sqlite3_exec(m->store->db, gp_buf_text(&sql), NULL, NULL, NULL) == SQLITE_OK;
    gp_buf_free(&sql);
    return good;
}

int gp_store_open(gp_mock *m, const char *file, char *err, size_t err_size)
{
    gp_store *store;
    static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                  "PRAGMA cache_size=-1024;";
    const char *fault;
    store = calloc(1, sizeof *store);
    if (!store) {
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    m->store = store;
    store->lasts = file != NULL;
    if (file && !gp_hold_take(file, &store->hold, err, err_size)) return 0;
    if (sqlite3_open(file ? gp_hold_path(store->hold) : ":memory:", &store->db) != SQLITE_OK)
        return open_failed(m, file, err, err_size);
    gp_store_patience(m, GP_STORE_PATIENCE);
    fault = find_stranger(store);
    if (fault) {
        snprintf(err, err_size, "cannot use the database %s: %s", file ? file : "in memory", fault);
        return 0;
    }
    if (sqlite3_exec(store->db, pragmas, NULL, NULL, NULL) != SQLITE_OK || !create_tables(m) ||
        !gp_statement_prepare_all(m)) {
        return open_failed(m, file, err, err_size);
    }
    if (gp_statement_query(store, "SELECT count(*) FROM scenarios", 0) == 0)
        gp_presets_write(store);
    return gp_store_flush(m) || open_failed(m, file, err, err_size);
}

static void save_entities(gp_mock *m, gp_save_occasion occasion)
{
    const gp_entity *const *entity;
    for (entity = m->entities; *entity; entity++) {
        if ((*entity)->save) (*entity)->save(m, occasion);
    }
}

void gp_store_everything(gp_mock *m)
{
    m->requests_kept = (int64_t)m->requests;
    gp_store_begin(m);
    m->store->all = 1;
}

void gp_store_close(gp_mock *m)
{
    int i;
    if (!m->store) return;
    if (m->spoiled || m->behind || !m->store->loaded) {
        gp_store_rollback(m);
    } else if (m->requests) {
        if (m->store->lasts) save_entities(m, GP_SAVE_LAST);
        gp_store_everything(m);
    }
    if (m->store->db) gp_store_flush(m);
    for (i = 0; i < GP_STATEMENTS; i++)
        sqlite3_finalize(m->store->statements[i]);
    sqlite3_close(m->store->db);
    /* Last: nobody else may open the file while our last write is under way. */
    gp_hold_release(m->store->hold);
    free(m->store);
    m->store = NULL;
}

void gp_store_begin(gp_mock *m)
{
    gp_statement_ready(m->store, GP_BEGIN);
}

int gp_store_pending(const gp_mock *m)
{
    return m->store->open || m->dirty_pipelines.count;
}

int gp_store_flush(gp_mock *m)
{
    gp_store *store = m->store;
    int good;
    gp_store_write_dirty(m);
    if (store->open) {
        save_entities(m, store->all ? GP_SAVE_ALL : GP_SAVE_CHANGED);
        gp_numbers_write(m);
        gp_statement_run(store, store->statements[GP_COMMIT]);
    }
    store->open = store->all = 0;
    good = !store->failed;
    if (!good && !sqlite3_get_autocommit(store->db)) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store->failed = 0;
    if (good) store->failure = GP_STORE_GOOD;
    return good;
}

void gp_store_rollback(gp_mock *m)
{
    gp_store *store = m->store;
    gp_store_forget_dirty(m);
    if (store->db && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->open = store->failed = store->all = 0;
}
