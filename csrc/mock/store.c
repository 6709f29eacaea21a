#include "mock/store.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/hold.h"
#include "mock/requests.h"
#include "mock/simulate.h"
#include "mock/throttle.h"
#include "mock/world.h"

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
    {"next_late", offsetof(gp_mock, next_late), ROWS_GONE},
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

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS scenarios(scenario_id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " terminal_after_seconds INTEGER, terminal_status TEXT DEFAULT 'success',"
    " never_complete INTEGER DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS pipelines(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " project_id INTEGER NOT NULL, ref TEXT NOT NULL, sha TEXT NOT NULL,"
    " status TEXT DEFAULT 'running', variables_json TEXT,"
    " scenario_id INTEGER REFERENCES scenarios, terminal_after_seconds INTEGER,"
    " terminal_status TEXT, created_at DATETIME, updated_at DATETIME);"
    "CREATE TABLE IF NOT EXISTS pipeline_never(pipeline_id INTEGER PRIMARY KEY,"
    " never_complete INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS pipeline_details(pipeline_id INTEGER PRIMARY KEY, iid INTEGER,"
    " source TEXT, tag INTEGER, name TEXT, rule INTEGER, rule_since INTEGER, user_id INTEGER,"
    " upstream_job_id INTEGER, first_job_id INTEGER, world_id INTEGER, jobs_stored INTEGER,"
    " created_ms INTEGER, updated_ms INTEGER, started_ms INTEGER, finished_ms INTEGER,"
    " duration_ms INTEGER, wake_ms INTEGER);"
    "CREATE TABLE IF NOT EXISTS jobs(id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL,"
    " name TEXT, stage TEXT, stage_index INTEGER, position INTEGER, attempt INTEGER,"
    " retried INTEGER, status TEXT, allow_failure INTEGER, flags INTEGER, plan TEXT,"
    " run_ms INTEGER, queue_ms INTEGER, created_ms INTEGER, queued_ms INTEGER,"
    " started_ms INTEGER, finished_ms INTEGER, erased_ms INTEGER, due_ms INTEGER,"
    " failure_reason TEXT, variables_json TEXT, downstream_id INTEGER, deployment_id INTEGER);"
    "CREATE INDEX IF NOT EXISTS jobs_pipeline ON jobs(pipeline_id);"
    "CREATE TABLE IF NOT EXISTS projects(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE,"
    " next_iid INTEGER, next_deployment_iid INTEGER);"
    "CREATE TABLE IF NOT EXISTS objects(kind TEXT, id INTEGER, json TEXT, PRIMARY KEY(kind, id));"
    "CREATE TABLE IF NOT EXISTS worlds(id INTEGER PRIMARY KEY, json TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value INTEGER);";

static const char *const texts[STATEMENTS] = {
    [PUT_PIPELINE] = ("INSERT INTO pipelines VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"
                      " ON CONFLICT(id) DO UPDATE SET status=?5, scenario_id=?7,"
                      " terminal_after_seconds=?8, terminal_status=?9, updated_at=?11"),
    [PUT_DETAILS] = ("INSERT OR REPLACE INTO pipeline_details"
                     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)"),
    [PUT_NEVER] = "INSERT OR REPLACE INTO pipeline_never VALUES(?1,?2)",
    [DROP_NEVER] = "DELETE FROM pipeline_never WHERE pipeline_id=?1",
    [PUT_JOB] = ("INSERT OR REPLACE INTO jobs VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
                 "?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)"),
    [PUT_PROJECT] = "INSERT OR REPLACE INTO projects VALUES(?1,?2,?3,?4)",
    [PUT_SCENARIO] = "INSERT OR REPLACE INTO scenarios VALUES(?1,?2,?3,?4,?5)",
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

/* GP_UNSET and GP_MS_NONE are both -1: NULL in the table. */
static void optional(sqlite3_stmt *s, int index, int64_t value)
{
    if (value == GP_UNSET) {
        sqlite3_bind_null(s, index);
    } else {
        sqlite3_bind_int64(s, index, value);
    }
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

static int set_up(gp_store *store)
{
    char version[40];
    snprintf(version, sizeof version, "PRAGMA user_version = %d", SCHEMA_VERSION);
    return sqlite3_exec(store->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
           (ask(store, "PRAGMA user_version", 0) == SCHEMA_VERSION ||
            sqlite3_exec(store->db, version, NULL, NULL, NULL) == SQLITE_OK);
}

static int prepare(gp_store *store)
{
    int i;
    for (i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK) {
            return 0;
        }
    }
    return 1;
}

int gp_scenario_is_preset(int64_t id)
{
    return (id >= 0 && id <= 100) || id == 200 || id == 500;
}

static void put_presets(gp_store *store)
{
    static const int ids[] = {0, 100, 200, 500}, after[] = {-1, 60, 120, 300};
    sqlite3_stmt *s = ready(store, PUT_SCENARIO);
    char name[60];
    int i;
    for (i = 0; i < 103; i++) {
        int id = i < 4 ? ids[i] : i - 3, seconds = i < 4 ? after[i] : i - 3;
        if (seconds < 0) {
            snprintf(name, sizeof name, "never completes");
        } else {
            snprintf(name, sizeof name, "succeeds after %d s", seconds);
        }
        number(s, 1, id);
        text(s, 2, name);
        optional(s, 3, seconds);
        text(s, 4, "success");
        number(s, 5, seconds < 0);
        run(store, s);
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
    if (sqlite3_exec(store->db, pragmas, NULL, NULL, NULL) != SQLITE_OK || !set_up(store) ||
        !prepare(store)) {
        return open_failed(m, file, err, err_size);
    }
    if (ask(store, "SELECT count(*) FROM scenarios", 0) == 0) put_presets(store);
    return gp_store_flush(m) || open_failed(m, file, err, err_size);
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
        if (m->store->lasts) gp_requests_save(m);
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
    char created[GP_TIME_TEXT], updated[GP_TIME_TEXT];
    sqlite3_stmt *s = ready(store, PUT_PIPELINE);
    gp_ms_iso(created, p->created_at);
    gp_ms_iso(updated, p->updated_at);
    number(s, 1, p->id);
    number(s, 2, p->project->id);
    text(s, 3, p->ref);
    text(s, 4, p->sha);
    text(s, 5, gp_status_name(p->status));
    text(s, 6, p->variables);
    optional(s, 7, p->scenario_id);
    optional(s, 8, p->after);
    text(s, 9, gp_status_name(p->terminal));
    text(s, 10, created);
    text(s, 11, updated);
    run(store, s);
    s = ready(store, PUT_DETAILS);
    number(s, 1, p->id);
    number(s, 2, p->iid);
    text(s, 3, p->source);
    number(s, 4, p->tag);
    text(s, 5, p->name);
    number(s, 6, p->rule);
    number(s, 7, p->rule_since);
    number(s, 8, p->user_id);
    optional(s, 9, p->upstream_job_id);
    number(s, 10, p->first_job_id);
    optional(s, 11, p->world ? p->world->id : GP_UNSET);
    number(s, 12, p->jobs_stored);
    number(s, 13, p->created_at);
    number(s, 14, p->updated_at);
    optional(s, 15, p->started_at);
    optional(s, 16, p->finished_at);
    optional(s, 17, p->duration);
    optional(s, 18, p->wake == GP_MS_NEVER ? GP_UNSET : p->wake);
    run(store, s);
    if (p->never != GP_UNSET) {
        s = ready(store, PUT_NEVER);
        number(s, 1, p->id);
        number(s, 2, p->never);
        run(store, s);
    }
}

enum job_flags { ENQUEUE_NOW = 1, KEPT = 2, NO_ARTIFACTS = 4 };

static void write_job(gp_store *store, const gp_job *job)
{
    sqlite3_stmt *s = ready(store, PUT_JOB);
    number(s, 1, job->id);
    number(s, 2, job->pipeline->id);
    text(s, 3, job->name);
    text(s, 4, job->stage);
    number(s, 5, job->stage_index);
    number(s, 6, job->position);
    number(s, 7, job->attempt);
    number(s, 8, job->retried);
    text(s, 9, gp_status_name(job->status));
    number(s, 10, job->allow_failure);
    number(s, 11,
           (job->enqueue_now ? ENQUEUE_NOW : 0) | (job->kept ? KEPT : 0) |
               (job->no_artifacts ? NO_ARTIFACTS : 0));
    text(s, 12, gp_status_name(job->plan));
    optional(s, 13, job->run_for == GP_MS_NEVER ? GP_UNSET : job->run_for);
    optional(s, 14, job->queue_for == GP_MS_NEVER ? GP_UNSET : job->queue_for);
    number(s, 15, job->created_at);
    optional(s, 16, job->queued_at);
    optional(s, 17, job->started_at);
    optional(s, 18, job->finished_at);
    optional(s, 19, job->erased_at);
    optional(s, 20, job->due == GP_MS_NEVER ? GP_UNSET : job->due);
    text(s, 21, job->failure_reason);
    text(s, 22, job->variables);
    optional(s, 23, job->downstream_id);
    optional(s, 24, job->deployment_id);
    run(store, s);
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
            if (job->dirty) write_job(store, job);
            job->dirty = 0;
        }
    }
    m->dirty_pipelines.count = 0;
    if (store->open) {
        gp_throttle_save(m, store->all);
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
    sqlite3_stmt *s = ready(m->store, PUT_PROJECT);
    number(s, 1, project->id);
    text(s, 2, project->path);
    number(s, 3, project->next_iid);
    number(s, 4, project->next_deployment_iid);
    run(m->store, s);
}

void gp_store_scenario(gp_mock *m, const gp_mock_scenario *row)
{
    sqlite3_stmt *s = ready(m->store, PUT_SCENARIO);
    number(s, 1, row->id);
    text(s, 2, row->name);
    optional(s, 3, row->after);
    text(s, 4, gp_status_name(row->terminal));
    number(s, 5, row->never);
    run(m->store, s);
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

/* A copy that lives as long as the mock; the many equal ones ("build") cost little. */
static const char *kept_text(gp_mock *m, sqlite3_stmt *s, int column)
{
    const char *value = got_text(s, column);
    return value ? gp_arena_string(&m->strings, value) : NULL;
}

static gp_status got_status(sqlite3_stmt *s, int column)
{
    const char *name = got_text(s, column);
    return name ? gp_status_from_name(name, strlen(name)) : GP_STATUS_NONE;
}

static int read_scenario(gp_mock *m, sqlite3_stmt *s)
{
    gp_mock_scenario *row = calloc(1, sizeof *row);
    if (!row) return 0;
    row->id = got(s, 0, 0);
    row->name = gp_mock_strdup(m, got_text(s, 1));
    row->after = got(s, 2, GP_UNSET);
    row->terminal = got_status(s, 3);
    row->never = (int)got(s, 4, 0);
    row->preset = gp_scenario_is_preset(row->id);
    if (row->id >= m->next_scenario) m->next_scenario = row->id + 1;
    return gp_list_add(&m->scenarios, row) && gp_ids_put(&m->scenario_ids, row->id, row);
}

static int read_world(gp_mock *m, sqlite3_stmt *s)
{
    char err[200];
    gp_world *world =
        gp_world_read(got_text(s, 1), (size_t)sqlite3_column_bytes(s, 1), err, sizeof err);
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

/* Where the jobs of a pipeline are described: in its world, or in the trigger job that made it.
 * That job may be gone; its description is not. */
static const gp_json *find_job_defs(gp_mock *m, gp_pipeline *p)
{
    const gp_json *defs = gp_json_get(gp_world_project(p->world, p->project->path), "jobs");
    const char *at;
    if (strcmp(p->source, "parent_pipeline") == 0) p->def_path = read_def_path(m, p->id);
    for (at = p->def_path; at && *at; at += *at == '/') {
        const gp_json *def = defs ? defs->child : NULL;
        char *end;
        long i = strtol(at, &end, 10);
        if (end == at) return NULL;
        while (def && i-- > 0)
            def = def->next;
        defs = gp_json_get(gp_json_get(gp_json_get(def, "trigger"), "child"), "jobs");
        at = end;
    }
    return defs;
}

static int read_job(gp_mock *m, sqlite3_stmt *s)
{
    gp_pipeline *p = gp_ids_get(&m->pipelines, got(s, 1, 0));
    gp_job *job;
    const gp_json *def;
    int flags, i;
    if (!p || !p->jobs_stored) return 1;
    job = calloc(1, sizeof *job);
    if (!job) return 0;
    job->pipeline = p;
    job->id = got(s, 0, 0);
    job->name = kept_text(m, s, 2);
    job->stage = kept_text(m, s, 3);
    job->stage_index = (int)got(s, 4, 0);
    job->position = (int)got(s, 5, 0);
    job->attempt = (int)got(s, 6, 1);
    job->retried = (int)got(s, 7, 0);
    job->status = got_status(s, 8);
    job->allow_failure = (int)got(s, 9, 0);
    flags = (int)got(s, 10, 0);
    job->enqueue_now = (flags & ENQUEUE_NOW) != 0;
    job->kept = (flags & KEPT) != 0;
    job->no_artifacts = (flags & NO_ARTIFACTS) != 0;
    job->plan = got_status(s, 11);
    job->run_for = got(s, 12, GP_MS_NEVER);
    job->queue_for = got(s, 13, GP_MS_NEVER);
    job->created_at = got(s, 14, GP_MS_NONE);
    job->queued_at = got(s, 15, GP_MS_NONE);
    job->started_at = got(s, 16, GP_MS_NONE);
    job->finished_at = got(s, 17, GP_MS_NONE);
    job->erased_at = got(s, 18, GP_MS_NONE);
    job->due = got(s, 19, GP_MS_NEVER);
    job->failure_reason = kept_text(m, s, 20);
    job->variables = gp_mock_strdup(m, got_text(s, 21));
    job->downstream_id = got(s, 22, GP_UNSET);
    job->deployment_id = got(s, 23, GP_UNSET);
    def = p->job_defs ? p->job_defs->child : NULL;
    for (i = 0; def && i < job->position; i++)
        def = def->next;
    job->def = def;
    if (def) job->variant = gp_job_find_variant(job);
    if (job->id >= m->next_job) m->next_job = job->id + 1;
    if (!gp_list_add(&p->jobs, job)) {
        free(job->variables);
        free(job);
        return 0;
    }
    return gp_ids_put(&m->jobs, job->id, job);
}

static const char pipelines_sql[] =
    "SELECT p.id, p.project_id, p.ref, p.sha, p.status, p.variables_json, p.scenario_id,"
    " p.terminal_after_seconds, p.terminal_status, n.never_complete, d.* FROM pipelines p"
    " JOIN pipeline_details d ON d.pipeline_id = p.id"
    " LEFT JOIN pipeline_never n ON n.pipeline_id = p.id ORDER BY p.id";

static void read_pipeline_details(gp_mock *m, gp_pipeline *p, sqlite3_stmt *s)
{
    enum { FIRST = 10 };
    p->iid = got(s, FIRST + 1, 0);
    p->source = kept_text(m, s, FIRST + 2);
    p->tag = (int)got(s, FIRST + 3, 0);
    p->name = gp_mock_strdup(m, got_text(s, FIRST + 4));
    p->rule = (gp_rule)got(s, FIRST + 5, 0);
    p->rule_since = got(s, FIRST + 6, 0);
    p->user_id = got(s, FIRST + 7, 1);
    p->upstream_job_id = got(s, FIRST + 8, GP_UNSET);
    p->first_job_id = got(s, FIRST + 9, 0);
    p->world = NULL;
    p->jobs_stored = (int)got(s, FIRST + 11, 0);
    p->created_at = got(s, FIRST + 12, 0);
    p->updated_at = got(s, FIRST + 13, 0);
    p->started_at = got(s, FIRST + 14, GP_MS_NONE);
    p->finished_at = got(s, FIRST + 15, GP_MS_NONE);
    p->duration = got(s, FIRST + 16, GP_MS_NONE);
    p->wake = got(s, FIRST + 17, GP_MS_NEVER);
    p->world = world_of(m, got(s, FIRST + 10, GP_UNSET));
}

static int read_pipeline(gp_mock *m, sqlite3_stmt *s)
{
    gp_pipeline *p = calloc(1, sizeof *p);
    const char *sha = got_text(s, 3);
    if (!p) return 0;
    p->id = got(s, 0, 0);
    p->project = gp_ids_get(&m->project_ids, got(s, 1, 0));
    p->ref = gp_mock_strdup(m, got_text(s, 2));
    snprintf(p->sha, sizeof p->sha, "%s", sha ? sha : "");
    p->status = got_status(s, 4);
    p->variables = gp_mock_strdup(m, got_text(s, 5));
    p->scenario_id = got(s, 6, GP_UNSET);
    p->after = got(s, 7, GP_UNSET);
    p->terminal = got_status(s, 8);
    p->never = (int)got(s, 9, GP_UNSET);
    p->due = GP_MS_NEVER;
    read_pipeline_details(m, p, s);
    if (!p->project || !p->ref || !p->source || !gp_list_add(&p->project->pipelines, p) ||
        !gp_ids_put(&m->pipelines, p->id, p)) {
        free(p->ref);
        free(p->variables);
        free(p->name);
        free(p->def_path);
        free(p);
        return 0;
    }
    if (p->iid >= p->project->next_iid) p->project->next_iid = p->iid + 1;
    if (!p->jobs_stored) return gp_simulate_restore(m, p);
    if (p->world) p->job_defs = find_job_defs(m, p);
    return 1;
}

/* Pipelines whose jobs have been read take their place among what is to come. */
static void schedule_all(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            if (p->jobs_stored && p->rule == GP_RULE_WORLD) gp_simulate_schedule(m, p);
        }
    }
}

static void raise_to(int64_t *next, int64_t least)
{
    if (*next < least) *next = least;
}

int gp_store_load(gp_mock *m, char *err, size_t err_size)
{
    gp_store *store = m->store;
    read_numbers(m);
    if (!each_row(m, "SELECT * FROM scenarios ORDER BY scenario_id", read_scenario) ||
        !each_row(m, "SELECT * FROM worlds ORDER BY id", read_world) ||
        !each_row(m, "SELECT * FROM projects ORDER BY rowid", read_project) ||
        !each_row(m, pipelines_sql, read_pipeline) ||
        !each_row(m, "SELECT * FROM jobs ORDER BY id", read_job)) {
        snprintf(err, err_size, "cannot read the database: %s", sqlite3_errmsg(store->db));
        return 0;
    }
    schedule_all(m);
    raise_to(&m->next_pipeline, 1 + ask(store, "SELECT max(id) FROM pipelines", 0));
    raise_to(&m->next_pipeline,
             1 + ask(store, "SELECT seq FROM sqlite_sequence WHERE name='pipelines'", 0));
    raise_to(&m->now, m->advanced);
    if (m->requests < (uint64_t)m->requests_kept) m->requests = (uint64_t)m->requests_kept;
    store->loaded = 1;
    forget_dirty(m); /* the jobs of scenarios were made anew, as their rows say */
    return 1;
}

typedef int (*object_reader)(gp_mock *m, int64_t id, const gp_json *row);

int gp_store_rows(gp_mock *m, const char *kind, object_reader each)
{
    sqlite3_stmt *s = NULL;
    gp_arena arena = {0};
    char why[80];
    int good =
        sqlite3_prepare_v2(m->store->db, "SELECT id, json FROM objects WHERE kind=?1 ORDER BY id",
                           -1, &s, NULL) == SQLITE_OK;
    int step;
    if (good) text(s, 1, kind);
    while (good && (step = sqlite3_step(s)) != SQLITE_DONE) {
        const char *json = step == SQLITE_ROW ? got_text(s, 1) : NULL;
        const gp_json *row =
            json ? gp_json_parse(&arena, json, strlen(json), why, sizeof why) : NULL;
        good = row && each(m, sqlite3_column_int64(s, 0), row);
        gp_arena_reset(&arena);
    }
    gp_arena_free(&arena);
    sqlite3_finalize(s);
    return good;
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
static int is_ours(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    const char *text = NULL;
    int i, good = 1;
    for (i = 0; i < STATEMENTS && good; i++) {
        good = sqlite3_prepare_v2(db, texts[i], -1, &s, NULL) == SQLITE_OK;
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
        good = is_ours(from);
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
