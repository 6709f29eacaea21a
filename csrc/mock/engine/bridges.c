/* A trigger job makes a child or downstream pipeline; with strategy depend it mirrors its
 * status. */
#include "mock/engine/bridges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/pipeline.h"
#include "mock/engine/pipeline_create.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"
#include "mock/rows/projects.h"

/* A pipeline at the end of a longer trigger chain starts no further pipeline. */
enum { MAX_CHAIN = 8 };

static int chain_length(gp_mock *m, const gp_pipeline *p)
{
    int length = 0;
    while (p->upstream_job_id != GP_UNSET && length <= MAX_CHAIN) {
        const gp_job *job = gp_ids_get(&m->jobs, p->upstream_job_id);
        if (!job) break;
        p = job->pipeline;
        length++;
    }
    return length;
}

/* Converts {"K": "v"} to the array form that a pipeline stores. */
static char *bridge_variables(gp_mock *m, const gp_json *map)
{
    gp_buf buf = {.alloc = &m->alloc};
    const gp_json *member;
    char *text;
    gp_write_open(&buf, NULL, '[');
    for (member = map ? map->child : NULL; member; member = member->next) {
        gp_write_open(&buf, NULL, '{');
        gp_write_string(&buf, "key", member->key);
        if (member->type == GP_JSON_STRING) {
            gp_write_bytes(&buf, "value", member->string, member->len);
        } else {
            gp_write_open(&buf, "value", '"');
            gp_json_write(&buf, member);
            gp_write_close(&buf, '"');
        }
        gp_write_string(&buf, "variable_type", "env_var");
        gp_write_close(&buf, '}');
    }
    gp_write_close(&buf, ']');
    text = buf.failed ? NULL : gp_mock_strdup(m, gp_buf_text(&buf));
    gp_buf_free(&buf);
    return text;
}

void gp_bridge_start(gp_mock *m, gp_job *job, gp_ms at)
{
    const gp_json *trigger = gp_job_trigger(job);
    const gp_json *child = gp_json_get(trigger, "child");
    const char *path = trigger->type == GP_JSON_STRING
                           ? trigger->string
                           : gp_json_get_string(trigger, "project", NULL);
    const char *strategy = gp_json_get_string(trigger, "strategy", NULL);
    gp_pipeline *p = job->pipeline, *made = NULL;
    gp_project *project = child || !path ? p->project : gp_project_by_path(m, path);
    gp_pipeline_plan plan;
    char *variables, way[64];
    gp_job_set_status(m, job, GP_STATUS_RUNNING, at);
    job->due = GP_MS_NEVER;
    if (!project) {
        gp_job_fail(m, job, "downstream_bridge_project_not_found", at);
        return;
    }
    if (chain_length(m, p) >= MAX_CHAIN) {
        gp_job_fail(m, job, "reached_max_descendant_pipelines_depth", at);
        return;
    }
    plan = gp_pipeline_plan_new(m, project);
    plan.at = at;
    plan.source = child ? "parent_pipeline" : "pipeline";
    plan.ref = child
                   ? p->ref
                   : gp_json_get_string(trigger, "ref",
                                        gp_json_get_string(project->def, "default_branch", "main"));
    plan.job_defs = gp_json_get(child, "jobs");
    snprintf(way, sizeof way, "%s%s%d", p->def_path ? p->def_path : "", p->def_path ? "/" : "",
             job->position);
    if (child) plan.def_path = way;
    plan.user_id = p->user_id;
    plan.upstream_job_id = job->id;
    variables = bridge_variables(m, gp_json_get(trigger, "variables"));
    plan.variables = variables;
    if (child || gp_world_has_ref(project->def, plan.ref)) made = gp_pipeline_make(m, &plan);
    free(variables);
    if (!made) {
        gp_job_fail(m, job, "downstream_pipeline_creation_failed", at);
        return;
    }
    job->downstream_id = made->id;
    if (!strategy) gp_job_set_status(m, job, GP_STATUS_SUCCESS, at);
    gp_job_touch(m, job);
}

/* The status of a trigger job whose pipeline shows `status`: with `mirror` the same, with `depend`
 * running until there is an end. */
static gp_status followed(const gp_job *job, gp_status status)
{
    const char *strategy = gp_json_get_string(gp_job_trigger(job), "strategy", "");
    if (strcmp(strategy, "mirror") == 0) {
        return status == GP_STATUS_CREATED ? GP_STATUS_RUNNING : status;
    }
    if (!gp_status_is_finished(status)) return GP_STATUS_RUNNING;
    return status == GP_STATUS_SKIPPED ? GP_STATUS_SUCCESS : status;
}

/* Brings a waiting trigger job to the status of the pipeline that it made. */
void gp_bridge_follow(gp_mock *m, gp_pipeline *downstream, gp_ms at)
{
    gp_job *job;
    gp_status status;
    gp_ms started, queued;
    if (downstream->upstream_job_id == GP_UNSET) return;
    job = gp_ids_get(&m->jobs, downstream->upstream_job_id);
    if (!job || job->retried || job->downstream_id != downstream->id) return;
    if (!gp_json_get_string(gp_job_trigger(job), "strategy", NULL)) return;
    status = followed(job, downstream->status);
    if (status == job->status) return;
    /* A cancelled trigger job stays cancelled whatever its pipeline does. */
    if (job->status == GP_STATUS_CANCELED && !gp_status_is_finished(status)) return;
    started = job->started_at;
    queued = job->queued_at;
    gp_job_set_status(m, job, status, at);
    job->started_at = started;
    job->queued_at = queued;
    job->due = GP_MS_NEVER;
    if (!gp_status_is_finished(status)) job->finished_at = GP_MS_NONE;
    gp_pipeline_settle(m, job->pipeline, at);
    gp_schedule_pipeline(m, job->pipeline);
}
