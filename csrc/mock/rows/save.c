/* Row by row; nothing here commits. */
#include "mock/rows/save.h"

#include "mock/rows/statements.h"

void gp_store_touch_pipeline(gp_mock *m, gp_pipeline *p)
{
    if (p->dirty) return;
    p->dirty = gp_list_add(&m->dirty_pipelines, p);
    if (!p->dirty) m->memory_failed = 1;
}

static void write_pipeline(gp_store *store, const gp_pipeline *p)
{
    gp_statement_write(store, GP_PUT_PIPELINE, p);
    gp_statement_write(store, GP_PUT_DETAILS, p);
    if (p->never != GP_UNSET) gp_statement_write(store, GP_PUT_NEVER, p);
}

void gp_store_write_dirty(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->dirty_pipelines.count; i++) {
        gp_pipeline *p = m->dirty_pipelines.items[i];
        p->dirty = 0;
        write_pipeline(m->store, p);
        /* The three jobs of a scenario are not stored: they follow from the pipeline's row. */
        for (k = 0; k < p->jobs.count && p->jobs_stored; k++) {
            gp_job *job = p->jobs.items[k];
            if (job->dirty) gp_statement_write(m->store, GP_PUT_JOB, job);
            job->dirty = 0;
        }
    }
    m->dirty_pipelines.count = 0;
}

/* A row that kept its mark would never be written again: the next change would find it marked. */
void gp_store_forget_dirty(gp_mock *m)
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

static void drop(gp_store *store, gp_statement which, int64_t id)
{
    sqlite3_stmt *s = gp_statement_ready(store, which);
    store->all = 1;
    sqlite3_bind_int64(s, 1, id);
    gp_statement_run(store, s);
}

void gp_store_forget_pipeline(gp_mock *m, int64_t id)
{
    drop(m->store, GP_DROP_PIPELINE, id);
    drop(m->store, GP_DROP_DETAILS, id);
    drop(m->store, GP_DROP_NEVER, id);
    drop(m->store, GP_DROP_JOBS, id);
    gp_store_object(m, "child", id, NULL);
    gp_store_object(m, "versions", id, NULL);
}

void gp_store_child(gp_mock *m, const gp_pipeline *p)
{
    gp_store_object(m, "child", p->id, p->def_path);
}

void gp_store_forget_job(gp_mock *m, int64_t id)
{
    drop(m->store, GP_DROP_JOB, id);
}

void gp_store_forget_scenario(gp_mock *m, int64_t id)
{
    drop(m->store, GP_DROP_SCENARIO, id);
}

void gp_store_project(gp_mock *m, const gp_project *project)
{
    gp_statement_write(m->store, GP_PUT_PROJECT, project);
}

void gp_store_scenario(gp_mock *m, const gp_mock_scenario *row)
{
    gp_statement_write(m->store, GP_PUT_SCENARIO, row);
}

void gp_store_world(gp_mock *m, const gp_world *world, const char *json, size_t len)
{
    sqlite3_stmt *s = gp_statement_ready(m->store, GP_PUT_WORLD);
    sqlite3_bind_int64(s, 1, world->id);
    sqlite3_bind_text64(s, 2, json, len, SQLITE_STATIC, SQLITE_UTF8);
    gp_statement_run(m->store, s);
}

void gp_store_object(gp_mock *m, const char *kind, int64_t id, const char *json)
{
    sqlite3_stmt *s = gp_statement_ready(m->store, json ? GP_PUT_OBJECT : GP_DROP_OBJECT);
    sqlite3_bind_text(s, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, id);
    if (json) sqlite3_bind_text(s, 3, json, -1, SQLITE_STATIC);
    gp_statement_run(m->store, s);
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
    gp_store_forget_dirty(m);
    gp_statement_ready(m->store, GP_PUT_STATE);
    m->store->writes++;
    if (m->store->failed) return;
    result = sqlite3_exec(m->store->db, sql, NULL, NULL, NULL);
    if (result == SQLITE_OK) return;
    m->store->failed = 1;
    m->store->failure = gp_statement_failure(m->store->db, result);
}
