/* The columns of each table and where they lie in the rows. */
#include "mock/rows/tables.h"

#define COLUMN(kind, sql, type, row, field)                                                        \
    {                                                                                              \
        sql, type, GP_COLUMN_##kind, offsetof(row, field), 0, NULL, NULL, 0                        \
    }
#define COLUMN_ELSE(kind, sql, type, row, field, fallback)                                         \
    {                                                                                              \
        sql, type, GP_COLUMN_##kind, offsetof(row, field), 0, NULL, NULL, fallback                 \
    }
#define COLUMN_OTHER(sql, type, get, set)                                                          \
    {                                                                                              \
        sql, type, GP_COLUMN_OTHER, 0, 0, get, set, GP_UNSET                                       \
    }
#define COLUMNS_END                                                                                \
    {                                                                                              \
        NULL, NULL, GP_COLUMN_INT, 0, 0, NULL, NULL, 0                                             \
    }

/* clang-format off */
static const gp_column scenario_columns[] = {
    COLUMN(INTEGER, "scenario_id", "INTEGER PRIMARY KEY", gp_mock_scenario, id),
    COLUMN(OWNED, "name", "TEXT NOT NULL", gp_mock_scenario, name),
    COLUMN(OPTIONAL, "terminal_after_seconds", "INTEGER", gp_mock_scenario, after),
    COLUMN(STATUS, "terminal_status", "TEXT DEFAULT 'success'", gp_mock_scenario, terminal),
    COLUMN(INT, "never_complete", "INTEGER DEFAULT 0", gp_mock_scenario, never),
    COLUMNS_END};
const gp_table gp_scenario_table = {"scenarios", scenario_columns};

static int64_t pipeline_project(const void *row)
{
    return ((const gp_pipeline *)row)->project->id;
}

static int64_t pipeline_world(const void *row)
{
    const gp_world *world = ((const gp_pipeline *)row)->world;
    return world ? world->id : GP_UNSET;
}

static int64_t pipeline_rule(const void *row)
{
    return ((const gp_pipeline *)row)->rule;
}

static void set_pipeline_rule(void *row, int64_t value)
{
    ((gp_pipeline *)row)->rule = value == GP_UNSET ? GP_RULE_WORLD : (gp_rule)value;
}

static const gp_column pipeline_columns[] = {
    COLUMN(INTEGER, "id", "INTEGER PRIMARY KEY AUTOINCREMENT", gp_pipeline, id),
    COLUMN_OTHER("project_id", "INTEGER NOT NULL", pipeline_project, NULL),
    COLUMN(OWNED, "ref", "TEXT NOT NULL", gp_pipeline, ref),
    {"sha", "TEXT NOT NULL", GP_COLUMN_CHARS, offsetof(gp_pipeline, sha),
     sizeof ((gp_pipeline *)0)->sha, NULL, NULL, 0},
    COLUMN(STATUS, "status", "TEXT DEFAULT 'running'", gp_pipeline, status),
    COLUMN(OWNED, "variables_json", "TEXT", gp_pipeline, variables),
    COLUMN(OPTIONAL, "scenario_id", "INTEGER REFERENCES scenarios", gp_pipeline, scenario_id),
    COLUMN(OPTIONAL, "terminal_after_seconds", "INTEGER", gp_pipeline, after),
    COLUMN(STATUS, "terminal_status", "TEXT", gp_pipeline, terminal),
    COLUMN(ISO, "created_at", "DATETIME", gp_pipeline, created_at),
    COLUMN(ISO, "updated_at", "DATETIME", gp_pipeline, updated_at),
    COLUMNS_END};
const gp_table gp_pipeline_table = {"pipelines", pipeline_columns};

static const gp_column never_columns[] = {
    COLUMN(INTEGER, "pipeline_id", "INTEGER PRIMARY KEY", gp_pipeline, id),
    COLUMN_ELSE(INT, "never_complete", "INTEGER NOT NULL", gp_pipeline, never, GP_UNSET),
    COLUMNS_END};
const gp_table gp_pipeline_never_table = {"pipeline_never", never_columns};

static const gp_column details_columns[] = {
    COLUMN(INTEGER, "pipeline_id", "INTEGER PRIMARY KEY", gp_pipeline, id),
    COLUMN(INTEGER, "iid", "INTEGER", gp_pipeline, iid),
    COLUMN(KEPT, "source", "TEXT", gp_pipeline, source),
    COLUMN(INT, "tag", "INTEGER", gp_pipeline, tag),
    COLUMN(OWNED, "name", "TEXT", gp_pipeline, name),
    COLUMN_OTHER("rule", "INTEGER", pipeline_rule, set_pipeline_rule),
    COLUMN(INTEGER, "rule_since", "INTEGER", gp_pipeline, rule_since),
    COLUMN_ELSE(INTEGER, "user_id", "INTEGER", gp_pipeline, user_id, 1),
    COLUMN(OPTIONAL, "upstream_job_id", "INTEGER", gp_pipeline, upstream_job_id),
    COLUMN(INTEGER, "first_job_id", "INTEGER", gp_pipeline, first_job_id),
    COLUMN_OTHER("world_id", "INTEGER", pipeline_world, NULL),
    COLUMN(INT, "jobs_stored", "INTEGER", gp_pipeline, jobs_stored),
    COLUMN(INTEGER, "created_ms", "INTEGER", gp_pipeline, created_at),
    COLUMN(INTEGER, "updated_ms", "INTEGER", gp_pipeline, updated_at),
    COLUMN(OPTIONAL, "started_ms", "INTEGER", gp_pipeline, started_at),
    COLUMN(OPTIONAL, "finished_ms", "INTEGER", gp_pipeline, finished_at),
    COLUMN(OPTIONAL, "duration_ms", "INTEGER", gp_pipeline, duration),
    COLUMN(NEVER, "wake_ms", "INTEGER", gp_pipeline, wake),
    COLUMNS_END};
const gp_table gp_pipeline_details_table = {"pipeline_details", details_columns};

static int64_t job_pipeline(const void *row)
{
    return ((const gp_job *)row)->pipeline->id;
}

enum job_flags { ENQUEUE_NOW = 1, KEPT = 2, NO_ARTIFACTS = 4 };

static int64_t job_flags(const void *row)
{
    const gp_job *job = row;
    return (job->enqueue_now ? ENQUEUE_NOW : 0) | (job->kept ? KEPT : 0) |
           (job->no_artifacts ? NO_ARTIFACTS : 0);
}

static void set_job_flags(void *row, int64_t value)
{
    gp_job *job = row;
    if (value == GP_UNSET) return;
    job->enqueue_now = (value & ENQUEUE_NOW) != 0;
    job->kept = (value & KEPT) != 0;
    job->no_artifacts = (value & NO_ARTIFACTS) != 0;
}

static const gp_column job_columns[] = {
    COLUMN(INTEGER, "id", "INTEGER PRIMARY KEY", gp_job, id),
    COLUMN_OTHER("pipeline_id", "INTEGER NOT NULL", job_pipeline, NULL),
    COLUMN(KEPT, "name", "TEXT", gp_job, name),
    COLUMN(KEPT, "stage", "TEXT", gp_job, stage),
    COLUMN(INT, "stage_index", "INTEGER", gp_job, stage_index),
    COLUMN(INT, "position", "INTEGER", gp_job, position),
    COLUMN_ELSE(INT, "attempt", "INTEGER", gp_job, attempt, 1),
    COLUMN(INT, "retried", "INTEGER", gp_job, retried),
    COLUMN(STATUS, "status", "TEXT", gp_job, status),
    COLUMN(INT, "allow_failure", "INTEGER", gp_job, allow_failure),
    COLUMN_OTHER("flags", "INTEGER", job_flags, set_job_flags),
    COLUMN(STATUS, "plan", "TEXT", gp_job, plan),
    COLUMN(NEVER, "run_ms", "INTEGER", gp_job, run_for),
    COLUMN(NEVER, "queue_ms", "INTEGER", gp_job, queue_for),
    COLUMN_ELSE(INTEGER, "created_ms", "INTEGER", gp_job, created_at, GP_MS_NONE),
    COLUMN(OPTIONAL, "queued_ms", "INTEGER", gp_job, queued_at),
    COLUMN(OPTIONAL, "started_ms", "INTEGER", gp_job, started_at),
    COLUMN(OPTIONAL, "finished_ms", "INTEGER", gp_job, finished_at),
    COLUMN(OPTIONAL, "erased_ms", "INTEGER", gp_job, erased_at),
    COLUMN(NEVER, "due_ms", "INTEGER", gp_job, due),
    COLUMN(KEPT, "failure_reason", "TEXT", gp_job, failure_reason),
    COLUMN(OWNED, "variables_json", "TEXT", gp_job, variables),
    COLUMN(OPTIONAL, "downstream_id", "INTEGER", gp_job, downstream_id),
    COLUMN(OPTIONAL, "deployment_id", "INTEGER", gp_job, deployment_id),
    COLUMNS_END};
const gp_table gp_job_table = {"jobs", job_columns};

static const gp_column project_columns[] = {
    COLUMN(INTEGER, "id", "INTEGER PRIMARY KEY", gp_project, id),
    COLUMN(OWNED, "path", "TEXT NOT NULL UNIQUE", gp_project, path),
    COLUMN_ELSE(INTEGER, "next_iid", "INTEGER", gp_project, next_iid, 1),
    COLUMN_ELSE(INTEGER, "next_deployment_iid", "INTEGER", gp_project, next_deployment_iid, 1),
    COLUMNS_END};
const gp_table gp_project_table = {"projects", project_columns};
/* clang-format on */
