/* Durations, failures and retries come from the definition, the matching variant and the seed. */
#include "mock/engine/job.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/world.h"
#include "mock/rows/save.h"

void gp_job_touch(gp_mock *m, gp_job *job)
{
    job->dirty = 1;
    gp_store_touch_pipeline(m, job->pipeline);
}

static int chance_of(const gp_mock *m, const gp_job *job, double share)
{
    return (double)(gp_mock_hash(m, "outcome", (uint64_t)job->id) >> 11) * 0x1p-53 < share;
}

/* Seconds of a field: a number, or {"min", "max"} spread by the seed and the job's id. */
gp_ms gp_job_seconds(const gp_mock *m, const gp_job *job, const char *field, gp_ms fallback)
{
    const gp_json *value = gp_job_field(job, field);
    double low, high, x;
    if (!value) return fallback;
    if (value->type != GP_JSON_OBJECT) return gp_ms_from_seconds(value->number);
    low = gp_json_get_number(value, "min", 0);
    high = gp_json_get_number(value, "max", low);
    x = (double)(gp_mock_hash(m, field, (uint64_t)job->id) >> 11) * 0x1p-53;
    return gp_ms_from_seconds(low + (high - low) * x);
}

/* Reads from the definition what the job will do; the fields of the matching variant win. */
void gp_job_plan(gp_mock *m, gp_job *job)
{
    const gp_json *project = job->pipeline->project->def;
    gp_ms queued =
        gp_ms_from_seconds(gp_json_get_number(project, "queued", (double)GP_DEFAULT_QUEUED / 1000));
    const char *status = gp_job_text(job, "status", "success");
    double flaky = gp_job_number(job, "flaky", 0);
    int manual = strcmp(gp_job_when(job), "manual") == 0;
    job->plan = gp_status_from_name(status, strlen(status));
    if (flaky > 0 && chance_of(m, job, flaky)) job->plan = GP_STATUS_FAILED;
    job->run_for = gp_job_seconds(m, job, "duration", GP_DEFAULT_DURATION);
    if (gp_job_flag(job, "never", 0)) job->run_for = GP_MS_NEVER;
    job->queue_for = gp_job_trigger(job) ? 0 : gp_job_seconds(m, job, "queued", queued);
    if (gp_job_flag(job, "stuck", 0)) job->queue_for = GP_MS_NEVER;
    job->allow_failure = gp_job_flag(job, "allow_failure", manual);
}

gp_job *gp_job_new(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    gp_job *job = calloc(1, sizeof *job);
    if (!job) return NULL;
    job->id = m->next_job++;
    job->pipeline = p;
    job->attempt = 1;
    job->status = GP_STATUS_CREATED;
    job->plan = GP_STATUS_SUCCESS;
    job->created_at = at;
    job->queued_at = job->started_at = job->finished_at = job->erased_at = GP_MS_NONE;
    job->due = GP_MS_NEVER;
    job->downstream_id = job->deployment_id = GP_UNSET;
    job->run_for = GP_DEFAULT_DURATION;
    job->queue_for = GP_DEFAULT_QUEUED;
    if (!gp_list_add(&p->jobs, job)) {
        free(job);
        return NULL;
    }
    if (!gp_ids_put(&m->jobs, job->id, job)) {
        p->jobs.count--;
        free(job);
        return NULL;
    }
    gp_job_touch(m, job);
    return job;
}

void gp_job_set_status(gp_mock *m, gp_job *job, gp_status status, gp_ms at)
{
    int changed = job->status != status;
    job->status = status;
    job->due = GP_MS_NEVER;
    switch (status) {
    case GP_STATUS_PENDING:
        job->queued_at = at;
        job->due = gp_ms_later(at, job->queue_for);
        break;
    case GP_STATUS_RUNNING:
        job->started_at = at;
        job->due = gp_ms_later(at, job->run_for);
        break;
    case GP_STATUS_SUCCESS:
    case GP_STATUS_FAILED:
    case GP_STATUS_CANCELED:
        job->finished_at = at;
        break;
    case GP_STATUS_CREATED:
    case GP_STATUS_SKIPPED:
        job->queued_at = job->started_at = job->finished_at = GP_MS_NONE;
        break;
    default:
        break;
    }
    if (status == GP_STATUS_FAILED && !job->failure_reason) {
        job->failure_reason = gp_job_text(job, "failure_reason", "script_failure");
    } else if (status != GP_STATUS_FAILED) {
        job->failure_reason = NULL;
    }
    gp_job_touch(m, job);
    if (changed) m->observer->job_changed(m, job, at);
}

void gp_job_fail(gp_mock *m, gp_job *job, const char *reason, gp_ms at)
{
    job->failure_reason = reason;
    gp_job_set_status(m, job, GP_STATUS_FAILED, at);
}

static gp_json *parse(gp_arena *arena, const char *text)
{
    char why[80];
    return text ? gp_json_parse(arena, text, strlen(text), why, sizeof why) : NULL;
}

const gp_json *gp_job_find_variant(const gp_job *job)
{
    gp_arena scratch = {0};
    gp_json *all = gp_json_new(&scratch, GP_JSON_ARRAY);
    const gp_json *lists[2] = {parse(&scratch, job->variables),
                               parse(&scratch, job->pipeline->variables)};
    const gp_json *at, *variant;
    int i;
    /* Variables given at play come first and so win over the pipeline's own. */
    for (i = 0; i < 2; i++) {
        for (at = lists[i] ? lists[i]->child : NULL; at; at = at->next) {
            gp_json *copy = gp_arena_get(&scratch, sizeof *copy);
            if (copy) *copy = *at;
            gp_json_push(all, copy);
        }
    }
    variant = gp_world_variant(job->def, job->pipeline->ref, all, job->attempt);
    gp_arena_free(&scratch);
    return variant;
}

/* A new attempt of the job, which then no longer counts. */
gp_job *gp_job_again(gp_mock *m, gp_job *job, gp_ms at)
{
    gp_pipeline *p = job->pipeline;
    gp_job *fresh = gp_job_new(m, p, at);
    if (!fresh) {
        m->memory_failed = 1;
        return NULL;
    }
    fresh->name = job->name;
    fresh->stage = job->stage;
    fresh->stage_index = job->stage_index;
    fresh->position = job->position;
    fresh->attempt = job->attempt + 1;
    fresh->allow_failure = job->allow_failure;
    fresh->def = job->def;
    if (job->run_for != GP_MS_NEVER) fresh->run_for = job->run_for;
    if (fresh->def) {
        fresh->variant = gp_job_find_variant(fresh);
        gp_job_plan(m, fresh);
    }
    job->retried = 1;
    gp_job_touch(m, job);
    return fresh;
}

int gp_job_cancelable(const gp_job *job)
{
    switch (job->status) {
    case GP_STATUS_CREATED:
    case GP_STATUS_WAITING_FOR_RESOURCE:
    case GP_STATUS_PREPARING:
    case GP_STATUS_WAITING_FOR_CALLBACK:
    case GP_STATUS_PENDING:
    case GP_STATUS_RUNNING:
    case GP_STATUS_SCHEDULED:
        return 1;
    default:
        return 0;
    }
}

int gp_job_retryable(const gp_job *job)
{
    return !job->retried && (job->status == GP_STATUS_SUCCESS || job->status == GP_STATUS_FAILED ||
                             job->status == GP_STATUS_CANCELED);
}

int gp_job_playable(const gp_job *job)
{
    /* A trigger job that mirrors its pipeline does not count as waiting. */
    return !job->retried && job->downstream_id == GP_UNSET &&
           (job->status == GP_STATUS_MANUAL || job->status == GP_STATUS_SCHEDULED);
}
