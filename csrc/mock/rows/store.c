#include "mock/rows/store.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/rows/entity.h"
#include "mock/rows/hold.h"
#include "mock/rows/tables.h"

enum statement {
    PUT_PIPELINE,
    PUT_DETAILS,
    PUT_NEVER,
    DROP_NEVER,
    PUT_JOB,
    PUT_PROJECT,
    PUT_SCENARIO,
    PUT_OBJECT,
    DROP_OBJECT,
    PUT_STATE,
    DROP_PIPELINE,
    DROP_DETAILS,
    DROP_JOBS,
    DROP_JOB,
    DROP_SCENARIO,
    PUT_WORLD,
    BEGIN,
    COMMIT,
    STATEMENTS
};

/* Numbers of the mock that are no row's, as rows of `state`; when they are worth writing. */
enum occasion {
    CHANGED,   /* whenever they have changed */
    ROWS_GONE, /* the rows tell them too (the next is after the last), unless some are deleted */
    TOLD       /* only who is told of events, or sees them late, could be told twice */
};

static const struct {
    const char *name;
    size_t at;
    enum occasion when;
} numbers[] = {
    {"next_pipeline", offsetof(gp_mock, next_pipeline), ROWS_GONE},
    {"next_job", offsetof(gp_mock, next_job), ROWS_GONE},
    {"next_environment", offsetof(gp_mock, next_environment), ROWS_GONE},
    {"next_deployment", offsetof(gp_mock, next_deployment), ROWS_GONE},
    {"next_trigger", offsetof(gp_mock, next_trigger), ROWS_GONE},
    {"next_token", offsetof(gp_mock, next_token), ROWS_GONE},
    {"next_variable", offsetof(gp_mock, next_variable), ROWS_GONE},
    {"next_scenario", offsetof(gp_mock, next_scenario), ROWS_GONE},
    {"next_fault", offsetof(gp_mock, next_fault), ROWS_GONE},
    {"next_hook", offsetof(gp_mock, next_hook), ROWS_GONE},
    {"next_delivery", offsetof(gp_mock, outbox.next_id), ROWS_GONE},
    {"next_order", offsetof(gp_mock, outbox.next_order), ROWS_GONE},
    {"next_late", offsetof(gp_mock, next_delayed), ROWS_GONE},
    {"clock_virtual", offsetof(gp_mock, clock_virtual), CHANGED},
    {"clock_offset", offsetof(gp_mock, clock_offset), CHANGED},
    {"clock_held", offsetof(gp_mock, clock_held), CHANGED},
    {"advanced", offsetof(gp_mock, advanced), TOLD},
    {"requests", offsetof(gp_mock, requests_kept), CHANGED},
    {"lag", offsetof(gp_mock, lag_kept), CHANGED},
};

enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* Written into the file; a greater one was made by a version of this program that is newer. */
enum { SCHEMA_VERSION = 1 };

struct gp_store {
    sqlite3 *db;
    gp_hold *hold; /* NULL: in memory */
    sqlite3_stmt *statements[STATEMENTS];
    int64_t kept[NUMBERS]; /* as the database has them */
    int known[NUMBERS];    /* has it any? */
    int open;              /* in a transaction */
    int failed;
    gp_store_failure failure; /* why the last flush or lock that failed did so */
    int64_t writes;           /* statements that changed rows, counted from the start */
    int wait_ms;              /* how long the transaction's lock is waited for */
    int all;                  /* this one writes every number and every window */
    int lasts;                /* it is a file */
    int loaded;               /* the rows in memory are those of the database */
};

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

/* Statements that write a whole row of a table. */
static const gp_table *const written[STATEMENTS] = {
    [PUT_PIPELINE] = &gp_pipeline_table,    [PUT_DETAILS] = &gp_pipeline_details_table,
    [PUT_NEVER] = &gp_pipeline_never_table, [PUT_JOB] = &gp_job_table,
    [PUT_PROJECT] = &gp_project_table,      [PUT_SCENARIO] = &gp_scenario_table,
};

static const char *const texts[STATEMENTS] = {
    [DROP_NEVER] = "DELETE FROM pipeline_never WHERE pipeline_id=?1",
    [PUT_OBJECT] = ("INSERT INTO objects VALUES(?1,?2,?3)"
                    " ON CONFLICT(kind, id) DO UPDATE SET json=?3"),
    [DROP_OBJECT] = "DELETE FROM objects WHERE kind=?1 AND id=?2",
    [PUT_STATE] = ("INSERT INTO state VALUES(?1,?2)"
                   " ON CONFLICT(name) DO UPDATE SET value=?2"),
    [DROP_PIPELINE] = "DELETE FROM pipelines WHERE id=?1",
    [DROP_DETAILS] = "DELETE FROM pipeline_details WHERE pipeline_id=?1",
    [DROP_JOBS] = "DELETE FROM jobs WHERE pipeline_id=?1",
    [DROP_JOB] = "DELETE FROM jobs WHERE id=?1",
    [DROP_SCENARIO] = "DELETE FROM scenarios WHERE scenario_id=?1",
    [PUT_WORLD] = "INSERT OR REPLACE INTO worlds VALUES(?1,?2)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

/* Statements -------------------------------------------------------------------------------- */

static void number(sqlite3_stmt *s, int index, int64_t value)
{
    sqlite3_bind_int64(s, index, value);
}

static void text(sqlite3_stmt *s, int index, const char *value)
{
    sqlite3_bind_text(s, index, value, -1, SQLITE_STATIC);
}

/* Is the last error of a file one of room? */
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

/* A disk that is full shows itself as an error of input or output too. */
static gp_store_failure failure_of(sqlite3 *db, int result)
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

/* After a failure nothing more is written: a full disk may have ended the transaction, and what
 * came now would be kept by itself. */
static void run(gp_store *store, sqlite3_stmt *s)
{
    int result = store->failed ? SQLITE_DONE : sqlite3_step(s);
    if (result != SQLITE_DONE) {
        store->failed = 1;
        store->failure = failure_of(store->db, result);
    }
    store->writes++;
    sqlite3_reset(s);
}

/* A statement to bind, in the request's transaction. */
static sqlite3_stmt *ready(gp_store *store, enum statement which)
{
    if (!store->open) {
        store->open = 1;
        run(store, store->statements[BEGIN]);
        store->writes--; /* no row has changed yet */
    }
    return store->statements[which];
}

static void write_row(gp_store *store, enum statement which, const void *row)
{
    sqlite3_stmt *s = ready(store, which);
    gp_table_bind(s, written[which], row);
    run(store, s);
}

int gp_store_lock(gp_mock *m)
{
    gp_store *store = m->store;
    if (store->open) return !store->failed;
    ready(store, BEGIN);
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

static int64_t ask(gp_store *store, const char *sql, int64_t fallback)
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

/* Another program's database is left alone, and so is one whose rows we might misread. */
static const char *find_stranger(gp_store *store)
{
    if (ask(store, "PRAGMA application_id", 0) != 0) return "it belongs to another program";
    if (ask(store, "PRAGMA user_version", 0) > SCHEMA_VERSION)
        return "made by a newer version of gitlab-pipelines";
    return NULL;
}

/* Prepares a statement: the one of a table's row, or its own text. */
static int prepare_one(gp_mock *m, sqlite3 *db, int which, sqlite3_stmt **out)
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

static int prepare(gp_mock *m)
{
    int i;
    for (i = 0; i < STATEMENTS; i++) {
        if (!prepare_one(m, m->store->db, i, &m->store->statements[i])) return 0;
    }
    return 1;
}

static int create_tables(gp_mock *m)
{
    gp_buf sql = {.alloc = &m->alloc};
    int i, good;
    for (i = 0; tables[i]; i++)
        gp_table_create_sql(&sql, tables[i]);
    gp_buf_adds(&sql, more_schema);
    good =
        !sql.failed && sqlite3_exec(m->store->db, gp_buf_text(&sql), NULL, NULL, NULL) == SQLITE_OK;
    gp_buf_free(&sql);
    return good;
}

int gp_scenario_is_preset(int64_t id)
{
    return (id >= 0 && id <= 100) || id == 200 || id == 500;
}

static void put_presets(gp_store *store)
{
    static const int ids[] = {0, 100, 200, 500}, after[] = {GP_UNSET, 60, 120, 300};
    int i;
    for (i = 0; i < 103; i++) {
        char name[60];
        gp_mock_scenario row = {.id = i < 4 ? ids[i] : i - 3,
                                .name = name,
                                .after = i < 4 ? after[i] : i - 3,
                                .terminal = GP_STATUS_SUCCESS};
        row.never = row.after == GP_UNSET;
        if (row.never) {
            snprintf(name, sizeof name, "never completes");
        } else {
            snprintf(name, sizeof name, "succeeds after %d s", (int)row.after);
        }
        write_row(store, PUT_SCENARIO, &row);
    }
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
        !prepare(m)) {
        return open_failed(m, file, err, err_size);
    }
    if (ask(store, "SELECT count(*) FROM scenarios", 0) == 0) put_presets(store);
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
    for (i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(m->store->statements[i]);
    sqlite3_close(m->store->db);
    /* Last: nobody else may open the file while our last write is under way. */
    gp_hold_release(m->store->hold);
    free(m->store);
    m->store = NULL;
}

/* Writing ----------------------------------------------------------------------------------- */

void gp_store_touch_pipeline(gp_mock *m, gp_pipeline *p)
{
    if (p->dirty) return;
    p->dirty = gp_list_add(&m->dirty_pipelines, p);
    if (!p->dirty) m->memory_failed = 1;
}

static void write_pipeline(gp_store *store, const gp_pipeline *p)
{
    write_row(store, PUT_PIPELINE, p);
    write_row(store, PUT_DETAILS, p);
    if (p->never != GP_UNSET) write_row(store, PUT_NEVER, p);
}

/* Nothing of what is marked is to be written. A row whose mark stayed would never be written
 * again: whoever changed it would find it marked. */
static void forget_dirty(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->dirty_pipelines.count; i++) {
        gp_pipeline *p = m->dirty_pipelines.items[i];
        p->dirty = 0;
        for (k = 0; k < p->jobs.count; k++)
            ((gp_job *)p->jobs.items[k])->dirty = 0;
    }
    m->dirty_pipelines.count = 0;
}

static int64_t *number_at(gp_mock *m, int i)
{
    return (int64_t *)(void *)((char *)m + numbers[i].at);
}

static void write_numbers(gp_mock *m)
{
    gp_store *store = m->store;
    int i;
    for (i = 0; i < NUMBERS; i++) {
        int64_t value = *number_at(m, i);
        sqlite3_stmt *s;
        if (store->known[i] && store->kept[i] == value) continue;
        if (numbers[i].when == ROWS_GONE && !store->all) continue;
        if (numbers[i].when == TOLD && !store->all && !m->hooks.count && !m->lag_kept) continue;
        s = ready(store, PUT_STATE);
        text(s, 1, numbers[i].name);
        number(s, 2, value);
        run(store, s);
        store->kept[i] = value;
        store->known[i] = 1;
    }
}

static void read_numbers(gp_mock *m)
{
    gp_store *store = m->store;
    sqlite3_stmt *s = NULL;
    int i;
    memset(store->known, 0, sizeof store->known);
    if (sqlite3_prepare_v2(store->db, "SELECT name, value FROM state", -1, &s, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        for (i = 0; i < NUMBERS && name; i++) {
            if (strcmp(numbers[i].name, name) != 0) continue;
            *number_at(m, i) = store->kept[i] = sqlite3_column_int64(s, 1);
            store->known[i] = 1;
        }
    }
    sqlite3_finalize(s);
}

void gp_store_begin(gp_mock *m)
{
    ready(m->store, BEGIN);
}

int gp_store_pending(const gp_mock *m)
{
    return m->store->open || m->dirty_pipelines.count;
}

int gp_store_flush(gp_mock *m)
{
    gp_store *store = m->store;
    size_t i, k;
    int good;
    for (i = 0; i < m->dirty_pipelines.count; i++) {
        gp_pipeline *p = m->dirty_pipelines.items[i];
        p->dirty = 0;
        write_pipeline(store, p);
        /* A scenario's three jobs follow from its row: they are made anew when it is read. */
        for (k = 0; k < p->jobs.count && p->jobs_stored; k++) {
            gp_job *job = p->jobs.items[k];
            if (job->dirty) write_row(store, PUT_JOB, job);
            job->dirty = 0;
        }
    }
    m->dirty_pipelines.count = 0;
    if (store->open) {
        save_entities(m, store->all ? GP_SAVE_ALL : GP_SAVE_CHANGED);
        write_numbers(m);
        run(store, store->statements[COMMIT]);
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
    forget_dirty(m);
    if (store->db && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->open = store->failed = store->all = 0;
}

static void drop(gp_store *store, enum statement which, int64_t id)
{
    sqlite3_stmt *s = ready(store, which);
    store->all = 1;
    number(s, 1, id);
    run(store, s);
}

void gp_store_forget_pipeline(gp_mock *m, int64_t id)
{
    drop(m->store, DROP_PIPELINE, id);
    drop(m->store, DROP_DETAILS, id);
    drop(m->store, DROP_NEVER, id);
    drop(m->store, DROP_JOBS, id);
    gp_store_object(m, "child", id, NULL);
    gp_store_object(m, "versions", id, NULL);
}

void gp_store_child(gp_mock *m, const gp_pipeline *p)
{
    gp_store_object(m, "child", p->id, p->def_path);
}

void gp_store_forget_job(gp_mock *m, int64_t id)
{
    drop(m->store, DROP_JOB, id);
}

void gp_store_forget_scenario(gp_mock *m, int64_t id)
{
    drop(m->store, DROP_SCENARIO, id);
}

void gp_store_project(gp_mock *m, const gp_project *project)
{
    write_row(m->store, PUT_PROJECT, project);
}

void gp_store_scenario(gp_mock *m, const gp_mock_scenario *row)
{
    write_row(m->store, PUT_SCENARIO, row);
}

void gp_store_world(gp_mock *m, const gp_world *world, const char *json, size_t len)
{
    sqlite3_stmt *s = ready(m->store, PUT_WORLD);
    number(s, 1, world->id);
    sqlite3_bind_text64(s, 2, json, len, SQLITE_STATIC, SQLITE_UTF8);
    run(m->store, s);
}

void gp_store_object(gp_mock *m, const char *kind, int64_t id, const char *json)
{
    sqlite3_stmt *s = ready(m->store, json ? PUT_OBJECT : DROP_OBJECT);
    text(s, 1, kind);
    number(s, 2, id);
    if (json) text(s, 3, json);
    run(m->store, s);
    if (!json) m->store->all = 1;
}

void gp_store_row(gp_mock *m, const char *kind, int64_t id, gp_buf *json)
{
    gp_buf_add(json, "", 1);
    if (json->failed) {
        m->memory_failed = 1;
    } else {
        gp_store_object(m, kind, id, json->data);
    }
    gp_buf_free(json);
}

void gp_store_reset(gp_mock *m)
{
    static const char sql[] =
        "DELETE FROM pipelines; DELETE FROM pipeline_details; DELETE FROM pipeline_never;"
        "DELETE FROM jobs; DELETE FROM projects; DELETE FROM objects; DELETE FROM state;"
        "DELETE FROM sqlite_sequence;"
        "DELETE FROM scenarios WHERE NOT (scenario_id BETWEEN 0 AND 100 OR"
        " scenario_id IN (200, 500));";
    int result;
    forget_dirty(m);
    ready(m->store, PUT_STATE);
    m->store->writes++;
    if (m->store->failed) return;
    result = sqlite3_exec(m->store->db, sql, NULL, NULL, NULL);
    if (result == SQLITE_OK) return;
    m->store->failed = 1;
    m->store->failure = failure_of(m->store->db, result);
}

/* Reading ----------------------------------------------------------------------------------- */

typedef int (*row_reader)(gp_mock *m, sqlite3_stmt *s);

static int each_row(gp_mock *m, const char *sql, row_reader read)
{
    sqlite3_stmt *s = NULL;
    int good = sqlite3_prepare_v2(m->store->db, sql, -1, &s, NULL) == SQLITE_OK, step;
    while (good && (step = sqlite3_step(s)) != SQLITE_DONE)
        good = step == SQLITE_ROW && read(m, s);
    sqlite3_finalize(s);
    return good;
}

static int64_t got(sqlite3_stmt *s, int column, int64_t fallback)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? fallback
                                                         : sqlite3_column_int64(s, column);
}

static const char *got_text(sqlite3_stmt *s, int column)
{
    return (const char *)sqlite3_column_text(s, column);
}

static int read_scenario(gp_mock *m, sqlite3_stmt *s)
{
    gp_mock_scenario *row = calloc(1, sizeof *row);
    if (!row || !gp_table_read(m, s, 0, &gp_scenario_table, row) ||
        !gp_list_add(&m->scenarios, row)) {
        if (row) free(row->name);
        free(row);
        return 0;
    }
    row->preset = gp_scenario_is_preset(row->id);
    if (row->id >= m->next_scenario) m->next_scenario = row->id + 1;
    return gp_ids_put(&m->scenario_ids, row->id, row);
}

static int read_world(gp_mock *m, sqlite3_stmt *s)
{
    char err[200];
    gp_world *world =
        m->restore->read_world(got_text(s, 1), (size_t)sqlite3_column_bytes(s, 1), err, sizeof err);
    if (!world) return 0;
    world->id = got(s, 0, 1);
    m->world = world;
    return gp_list_add(&m->worlds, world);
}

static int read_project(gp_mock *m, sqlite3_stmt *s)
{
    gp_project *project = gp_project_enter(m, got(s, 0, 0), got_text(s, 1));
    if (!project) return 0;
    project->next_iid = got(s, 2, 1);
    project->next_deployment_iid = got(s, 3, 1);
    return 1;
}

static const gp_world *world_of(const gp_mock *m, int64_t id)
{
    size_t i;
    for (i = 0; i < m->worlds.count; i++) {
        const gp_world *world = m->worlds.items[i];
        if (world->id == id) return world;
    }
    return NULL;
}

static char *read_def_path(gp_mock *m, int64_t id)
{
    sqlite3_stmt *s = NULL;
    char *path = NULL;
    if (sqlite3_prepare_v2(m->store->db, "SELECT json FROM objects WHERE kind='child' AND id=?1",
                           -1, &s, NULL) == SQLITE_OK) {
        number(s, 1, id);
        if (sqlite3_step(s) == SQLITE_ROW) path = gp_mock_strdup(m, got_text(s, 0));
    }
    sqlite3_finalize(s);
    return path;
}

static int read_job(gp_mock *m, sqlite3_stmt *s)
{
    gp_pipeline *p = gp_ids_get(&m->pipelines, got(s, 1, 0));
    gp_job *job;
    if (!p || !p->jobs_stored) return 1;
    job = calloc(1, sizeof *job);
    if (!job) return 0;
    job->pipeline = p;
    if (!gp_table_read(m, s, 0, &gp_job_table, job) || !gp_list_add(&p->jobs, job)) {
        free(job->variables);
        free(job);
        return 0;
    }
    if (job->id >= m->next_job) m->next_job = job->id + 1;
    return gp_ids_put(&m->jobs, job->id, job) && m->restore->job(m, job);
}

/* A row of the three tables of pipelines, as `pipelines_sql` joins them. The details come last:
 * their key is never NULL. */
static int read_pipeline_columns(gp_mock *m, sqlite3_stmt *s, gp_pipeline *p)
{
    int never = gp_table_width(&gp_pipeline_never_table);
    int details = never + gp_table_width(&gp_pipeline_table);
    int world = 10; /* among the details */
    if (!gp_table_read(m, s, 0, &gp_pipeline_never_table, p) ||
        !gp_table_read(m, s, never, &gp_pipeline_table, p) ||
        !gp_table_read(m, s, details, &gp_pipeline_details_table, p)) {
        return 0;
    }
    p->project = gp_ids_get(&m->project_ids, got(s, never + 1, 0));
    p->world = world_of(m, got(s, details + world, GP_UNSET));
    p->due = GP_MS_NEVER;
    return p->project && p->ref && p->source;
}

static int read_pipeline(gp_mock *m, sqlite3_stmt *s)
{
    gp_pipeline *p = calloc(1, sizeof *p);
    if (!p) return 0;
    if (!read_pipeline_columns(m, s, p) || !gp_list_add(&p->project->pipelines, p)) {
        gp_pipeline_free(m, p);
        return 0;
    }
    if (!gp_ids_put(&m->pipelines, p->id, p)) return 0;
    if (p->iid >= p->project->next_iid) p->project->next_iid = p->iid + 1;
    if (p->jobs_stored && p->world && strcmp(p->source, "parent_pipeline") == 0)
        p->def_path = read_def_path(m, p->id);
    return m->restore->pipeline(m, p);
}

/* Reads the columns of tables, in their order, as the statement after SELECT says. */
static int each_joined(gp_mock *m, row_reader read, const char *rest, const gp_table *const *from,
                       const char *const *names)
{
    gp_buf sql = {.alloc = &m->alloc};
    int good;
    gp_buf_adds(&sql, "SELECT ");
    for (; *from; from++, names++) {
        gp_table_columns_sql(&sql, *from, *names);
        if (from[1]) gp_buf_adds(&sql, ", ");
    }
    gp_buf_adds(&sql, rest);
    good = !sql.failed && each_row(m, gp_buf_text(&sql), read);
    gp_buf_free(&sql);
    return good;
}

static int each_pipeline(gp_mock *m)
{
    static const gp_table *const from[] = {&gp_pipeline_never_table, &gp_pipeline_table,
                                           &gp_pipeline_details_table, NULL};
    static const char *const names[] = {"n", "p", "d"};
    return each_joined(m, read_pipeline,
                       " FROM pipelines p JOIN pipeline_details d ON d.pipeline_id = p.id"
                       " LEFT JOIN pipeline_never n ON n.pipeline_id = p.id ORDER BY p.id",
                       from, names);
}

static int each_row_of(gp_mock *m, const gp_table *table, const char *rest, row_reader read)
{
    const gp_table *const from[] = {table, NULL};
    const char *const names[] = {"t"};
    return each_joined(m, read, rest, from, names);
}

static void raise_to(int64_t *next, int64_t least)
{
    if (*next < least) *next = least;
}

static int load_entity(gp_mock *m, const gp_entity *entity)
{
    sqlite3_stmt *s = NULL;
    gp_arena arena = {0};
    char why[80];
    int good =
        sqlite3_prepare_v2(m->store->db, "SELECT id, json FROM objects WHERE kind=?1 ORDER BY id",
                           -1, &s, NULL) == SQLITE_OK;
    int step;
    good = good && (!entity->begin || entity->begin(m));
    if (good) text(s, 1, entity->kind);
    while (good && (step = sqlite3_step(s)) != SQLITE_DONE) {
        const char *json = step == SQLITE_ROW ? got_text(s, 1) : NULL;
        const gp_json *row =
            json ? gp_json_parse(&arena, json, strlen(json), why, sizeof why) : NULL;
        good = row && entity->load(m, sqlite3_column_int64(s, 0), row);
        gp_arena_reset(&arena);
    }
    gp_arena_free(&arena);
    sqlite3_finalize(s);
    return good;
}

static int load_objects(gp_mock *m, char *err, size_t err_size)
{
    const gp_entity *const *entity;
    for (entity = m->entities; *entity; entity++) {
        if (load_entity(m, *entity)) continue;
        snprintf(err, err_size, "can not read the database: rows of kind '%s'", (*entity)->kind);
        return 0;
    }
    if (m->restore->done(m)) return 1;
    snprintf(err, err_size, "out of memory");
    return 0;
}

int gp_store_load(gp_mock *m, char *err, size_t err_size)
{
    gp_store *store = m->store;
    read_numbers(m);
    if (!each_row_of(m, &gp_scenario_table, " FROM scenarios t ORDER BY t.scenario_id",
                     read_scenario) ||
        !each_row(m, "SELECT * FROM worlds ORDER BY id", read_world) ||
        !each_row_of(m, &gp_project_table, " FROM projects t ORDER BY t.rowid", read_project) ||
        !each_pipeline(m) ||
        !each_row_of(m, &gp_job_table, " FROM jobs t ORDER BY t.id", read_job)) {
        snprintf(err, err_size, "can not read the database: %s", sqlite3_errmsg(store->db));
        return 0;
    }
    raise_to(&m->next_pipeline, 1 + ask(store, "SELECT max(id) FROM pipelines", 0));
    raise_to(&m->next_pipeline,
             1 + ask(store, "SELECT seq FROM sqlite_sequence WHERE name='pipelines'", 0));
    raise_to(&m->now, m->advanced);
    if (m->requests < (uint64_t)m->requests_kept) m->requests = (uint64_t)m->requests_kept;
    store->loaded = 1;
    forget_dirty(m); /* the jobs of scenarios were made anew, as their rows say */
    return load_objects(m, err, err_size);
}

/* Snapshots --------------------------------------------------------------------------------- */

unsigned char *gp_store_serialize(gp_mock *m, size_t *len)
{
    sqlite3_int64 size = 0;
    unsigned char *data = sqlite3_serialize(m->store->db, "main", &size, 0);
    *len = (size_t)size;
    return data;
}

/* Has it the tables and columns that our statements use, and are its pages whole? */
static int is_ours(gp_mock *m, sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    const char *text = NULL;
    int i, good = 1;
    for (i = 0; i < STATEMENTS && good; i++) {
        good = prepare_one(m, db, i, &s);
        sqlite3_finalize(s);
    }
    sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL);
    good = good && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) <= SCHEMA_VERSION;
    sqlite3_finalize(s);
    if (!good || sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(s) == SQLITE_ROW) text = (const char *)sqlite3_column_text(s, 0);
    good = text && strcmp(text, "ok") == 0;
    sqlite3_finalize(s);
    return good;
}

int gp_store_deserialize(gp_mock *m, const unsigned char *data, size_t len, char *err,
                         size_t err_size)
{
    sqlite3 *from = NULL;
    sqlite3_backup *backup = NULL;
    unsigned char *copy = sqlite3_malloc64(len ? len : 1);
    int good = 0;
    if (copy && len) memcpy(copy, data, len);
    if (copy && sqlite3_open(":memory:", &from) == SQLITE_OK &&
        sqlite3_deserialize(from, "main", copy, (sqlite3_int64)len, (sqlite3_int64)len,
                            SQLITE_DESERIALIZE_FREEONCLOSE) == SQLITE_OK) {
        copy = NULL; /* the connection's from here on */
        good = is_ours(m, from);
    }
    if (good) {
        backup = sqlite3_backup_init(m->store->db, "main", from, "main");
        good = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
        if (backup) good = sqlite3_backup_finish(backup) == SQLITE_OK && good;
    }
    if (!good) snprintf(err, err_size, "this is not a snapshot");
    sqlite3_free(copy);
    sqlite3_close(from);
    return good;
}
