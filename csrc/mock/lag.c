#include "mock/lag.h"

#include <stdlib.h>

#include "mock/steps.h"

typedef struct job_version {
    gp_status status;
    int retried, allow_failure, kept, no_artifacts;
    gp_ms queued_at, started_at, finished_at, erased_at;
    const char *failure_reason;
    int64_t downstream_id;
} job_version;

typedef struct version {
    gp_ms at;
    gp_pipeline *pipeline;
    gp_status status;
    gp_ms updated_at, started_at, finished_at, duration;
    size_t job_count;
    job_version jobs[];
} version;

static job_version take_job(const gp_job *job)
{
    job_version v = {.status = job->status,
                     .retried = job->retried,
                     .allow_failure = job->allow_failure,
                     .kept = job->kept,
                     .no_artifacts = job->no_artifacts,
                     .queued_at = job->queued_at,
                     .started_at = job->started_at,
                     .finished_at = job->finished_at,
                     .erased_at = job->erased_at,
                     .failure_reason = job->failure_reason,
                     .downstream_id = job->downstream_id};
    return v;
}

static version *take(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    version *v = calloc(1, sizeof *v + p->jobs.count * sizeof *v->jobs);
    size_t i;
    if (!v) {
        m->memory_failed = 1;
        return NULL;
    }
    v->at = at;
    v->pipeline = p;
    v->status = p->status;
    v->updated_at = p->updated_at;
    v->started_at = p->started_at;
    v->finished_at = p->finished_at;
    v->duration = p->duration;
    v->job_count = p->jobs.count;
    for (i = 0; i < p->jobs.count; i++)
        v->jobs[i] = take_job(gp_job_at(p, i));
    return v;
}

/* Jobs are only ever added behind the others, so the first ones are those of the version. */
static void put(const version *v)
{
    gp_pipeline *p = v->pipeline;
    size_t i;
    p->status = v->status;
    p->updated_at = v->updated_at;
    p->started_at = v->started_at;
    p->finished_at = v->finished_at;
    p->duration = v->duration;
    p->jobs.count = v->job_count;
    for (i = 0; i < v->job_count; i++) {
        gp_job *job = gp_job_at(p, i);
        const job_version *own = &v->jobs[i];
        job->status = own->status;
        job->retried = own->retried;
        job->allow_failure = own->allow_failure;
        job->kept = own->kept;
        job->no_artifacts = own->no_artifacts;
        job->queued_at = own->queued_at;
        job->started_at = own->started_at;
        job->finished_at = own->finished_at;
        job->erased_at = own->erased_at;
        job->failure_reason = own->failure_reason;
        job->downstream_id = own->downstream_id;
    }
}

void gp_lag_forget(gp_pipeline *p)
{
    size_t i;
    for (i = 0; i < p->versions.count; i++)
        free(p->versions.items[i]);
    gp_list_free(&p->versions);
}

static version *version_at(const gp_pipeline *p, size_t i)
{
    return p->versions.items[i];
}

static void keep(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    version *v = take(m, p, at);
    size_t old = 0, i;
    if (!v) return;
    if (p->versions.count && version_at(p, p->versions.count - 1)->at == at) {
        free(p->versions.items[p->versions.count - 1]);
        p->versions.items[p->versions.count - 1] = v;
        return;
    }
    if (!gp_list_add(&p->versions, v)) {
        m->memory_failed = 1;
        free(v);
        return;
    }
    /* Only one that is older than any read will ask for is needed. */
    while (old + 1 < p->versions.count && version_at(p, old + 1)->at <= at - m->lag_kept)
        free(p->versions.items[old++]);
    for (i = old; old && i < p->versions.count; i++)
        p->versions.items[i - old] = p->versions.items[i];
    p->versions.count -= old;
}

void gp_lag_prepare(gp_mock *m, gp_ms lag)
{
    gp_ms before = m->lag_kept;
    size_t i, k;
    m->lag_kept = lag;
    if (!before == !lag) return;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_lag_forget(project->pipelines.items[k]);
            if (lag) keep(m, project->pipelines.items[k], 0);
        }
    }
}

void gp_lag_keep(gp_mock *m, gp_pipeline *also, gp_ms at)
{
    size_t i;
    if (!m->lag_kept) return;
    for (i = 0; i < m->dirty_pipelines.count; i++)
        keep(m, m->dirty_pipelines.items[i], at);
    if (also) keep(m, also, at);
}

static void show(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    size_t i = p->versions.count;
    version *present;
    while (i && version_at(p, i - 1)->at > at)
        i--;
    /* The last one is how it is; of what is younger than the first, nothing is shown anyway. */
    if (!i || i == p->versions.count) return;
    present = take(m, p, at);
    if (!present) return;
    if (!gp_list_add(&m->aside, present)) {
        m->memory_failed = 1;
        free(present);
        return;
    }
    put(version_at(p, i - 1));
}

void gp_lag_enter(gp_mock *m, gp_ms at)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++)
            show(m, project->pipelines.items[k], at);
    }
}

void gp_lag_leave(gp_mock *m)
{
    while (m->aside.count) {
        version *present = m->aside.items[--m->aside.count];
        put(present);
        free(present);
    }
    gp_list_free(&m->aside);
}
