/* Which jobs may start follows from their stages and needs; the status is composed from the
 * jobs. */

#include "mock/engine/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/lag.h"
#include "mock/engine/queue.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"
#include "mock/rows/save.h"

typedef struct span {
    gp_ms from, to;
} span;

static int by_start(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* The time in which at least one of its jobs ran: waiting does not count, running side by side
 * counts once. */
static gp_ms running_time(gp_mock *m, const gp_pipeline *p)
{
    span *spans = calloc(p->jobs.count + 1, sizeof *spans);
    size_t count = 0, i;
    gp_ms total = 0, end = 0;
    if (!spans) {
        m->memory_failed = 1;
        return GP_MS_NONE;
    }
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = gp_job_at(p, i);
        if (!gp_job_counts(job) || job->started_at == GP_MS_NONE || job->finished_at == GP_MS_NONE)
            continue;
        spans[count].from = job->started_at;
        spans[count++].to = job->finished_at;
    }
    qsort(spans, count, sizeof *spans, by_start);
    for (i = 0; i < count; i++) {
        gp_ms from = spans[i].from > end ? spans[i].from : end;
        if (spans[i].to > from) total += spans[i].to - from;
        if (spans[i].to > end) end = spans[i].to;
    }
    free(spans);
    return total;
}

void gp_pipeline_set_status(gp_mock *m, gp_pipeline *p, gp_status status, gp_ms at)
{
    if (status == p->status) return;
    p->status = status;
    p->updated_at = at;
    if (status == GP_STATUS_RUNNING && p->started_at == GP_MS_NONE) p->started_at = at;
    if (gp_status_is_finished(status)) {
        p->finished_at = at;
        p->duration = running_time(m, p);
    } else {
        p->finished_at = p->duration = GP_MS_NONE;
    }
    gp_store_touch_pipeline(m, p);
    m->observer->pipeline_changed(m, p, at);
}

static void compose(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    unsigned symbols = 0;
    gp_status status;
    size_t i;
    if (p->rule != GP_RULE_WORLD) return;
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = gp_job_at(p, i);
        if (!gp_job_counts(job)) continue;
        symbols |= GP_STATUS_BIT(gp_status_symbol(job->status, job->allow_failure));
    }
    status = gp_status_compose(symbols, 0);
    gp_pipeline_set_status(m, p, status == GP_STATUS_NONE ? GP_STATUS_SUCCESS : status, at);
}

/* The composite of what comes before a job: the jobs that it needs, or all earlier stages. NONE
 * for nothing at all. */
static gp_status before(const gp_pipeline *p, const gp_job *job, int *has_needs)
{
    const gp_json *needs = job->def ? gp_job_field(job, "needs") : NULL, *name;
    unsigned symbols = 0;
    size_t i;
    *has_needs = needs != NULL; /* an empty Lua table may be encoded as an object */
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *other = gp_job_at(p, i);
        if (!gp_job_counts(other) || other == job) continue;
        if (*has_needs) {
            for (name = needs->child; name; name = name->next) {
                if (name->type == GP_JSON_STRING && strcmp(name->string, other->name) == 0) break;
            }
            if (!name) continue;
        } else if (other->stage_index >= job->stage_index) {
            continue;
        }
        symbols |= GP_STATUS_BIT(gp_status_symbol(other->status, other->allow_failure));
    }
    return gp_status_compose(symbols, *has_needs);
}

/* Whether the job may run, given the status of its predecessors. */
static int may_run(const char *when, gp_status composite, int has_needs)
{
    if (composite == GP_STATUS_NONE) return strcmp(when, "on_failure") != 0;
    if (strcmp(when, "on_failure") == 0) return composite == GP_STATUS_FAILED;
    if (strcmp(when, "always") == 0) return composite != GP_STATUS_CANCELED;
    return composite == GP_STATUS_SUCCESS || (composite == GP_STATUS_SKIPPED && !has_needs);
}

/* Moves a job out of `created` if it may leave. */
static int job_leave(gp_mock *m, gp_job *job, gp_ms at)
{
    int has_needs;
    gp_status composite = before(job->pipeline, job, &has_needs);
    const char *when = gp_job_when(job);
    if (composite != GP_STATUS_NONE && !gp_status_is_finished(composite)) return 0;
    if (!job->enqueue_now && !may_run(when, composite, has_needs)) {
        gp_job_set_status(m, job, GP_STATUS_SKIPPED, at);
    } else if (!job->enqueue_now && strcmp(when, "manual") == 0) {
        gp_job_set_status(m, job, GP_STATUS_MANUAL, at);
    } else if (!job->enqueue_now && strcmp(when, "delayed") == 0) {
        gp_job_set_status(m, job, GP_STATUS_SCHEDULED, at);
        job->due = gp_ms_later(at, gp_job_seconds(m, job, "start_in", 60000));
    } else {
        gp_job_enqueue(m, job, at);
    }
    return 1;
}

/* Moves every job that may leave `created`, until none can, then composes the pipeline. */
void gp_pipeline_settle(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    int moved = 1;
    size_t i;
    if (p->rule != GP_RULE_WORLD) return;
    while (moved && p->wake == GP_MS_NEVER) {
        moved = 0;
        for (i = 0; i < p->jobs.count; i++) {
            gp_job *job = gp_job_at(p, i);
            if (!gp_job_counts(job) || job->status != GP_STATUS_CREATED) continue;
            if (job_leave(m, job, at)) moved = 1;
        }
    }
    compose(m, p, at);
}

void gp_pipeline_remove(gp_mock *m, gp_pipeline *p)
{
    gp_project *project = p->project;
    int had_resources = p->job_defs != NULL;
    gp_schedule_remove(m, p);
    gp_list_remove(&m->dirty_pipelines, p);
    gp_list_remove(&p->project->pipelines, p);
    gp_ids_remove(&m->pipelines, p->id);
    gp_pipeline_free(m, p);
    if (had_resources) gp_resources_offer(m, project, m->now);
}
