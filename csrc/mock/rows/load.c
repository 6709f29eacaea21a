/* Tables with columns of their own first, then the objects, in the order of their entities. */
#include "mock/rows/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/rows/entity.h"
#include "mock/rows/numbers.h"
#include "mock/rows/presets.h"
#include "mock/rows/save.h"
#include "mock/rows/statements.h"
#include "mock/rows/tables.h"

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
        sqlite3_bind_int64(s, 1, id);
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

/* A row of the three tables of pipelines, as each_pipeline joins them. The details come last: their
 * key is never NULL. */
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

/* Reads the columns of several tables, in their order; `rest` follows the list of columns. */
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
    if (good) sqlite3_bind_text(s, 1, entity->kind, -1, SQLITE_STATIC);
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
        snprintf(err, err_size, "cannot read the database: rows of kind '%s'", (*entity)->kind);
        return 0;
    }
    if (m->restore->done(m)) return 1;
    snprintf(err, err_size, "out of memory");
    return 0;
}

int gp_store_load(gp_mock *m, char *err, size_t err_size)
{
    gp_store *store = m->store;
    gp_numbers_read(m);
    if (!each_row_of(m, &gp_scenario_table, " FROM scenarios t ORDER BY t.scenario_id",
                     read_scenario) ||
        !each_row(m, "SELECT * FROM worlds ORDER BY id", read_world) ||
        !each_row_of(m, &gp_project_table, " FROM projects t ORDER BY t.rowid", read_project) ||
        !each_pipeline(m) ||
        !each_row_of(m, &gp_job_table, " FROM jobs t ORDER BY t.id", read_job)) {
        snprintf(err, err_size, "cannot read the database: %s", sqlite3_errmsg(store->db));
        return 0;
    }
    raise_to(&m->next_pipeline, 1 + gp_statement_query(store, "SELECT max(id) FROM pipelines", 0));
    raise_to(
        &m->next_pipeline,
        1 + gp_statement_query(store, "SELECT seq FROM sqlite_sequence WHERE name='pipelines'", 0));
    raise_to(&m->now, m->advanced);
    if (m->requests < (uint64_t)m->requests_kept) m->requests = (uint64_t)m->requests_kept;
    store->loaded = 1;
    gp_store_forget_dirty(m); /* the jobs of scenarios were derived again from their pipelines */
    return load_objects(m, err, err_size);
}
