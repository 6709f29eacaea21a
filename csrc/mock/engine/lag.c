/* Versions are copies of a pipeline and its jobs, swapped in for the time of a lagging read. */
#include "mock/engine/lag.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/job.h"
#include "mock/rows/save.h"
#include "mock/rows/store.h"

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

/* Jobs are only ever appended, so the first ones are those of the version. */
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

/* Versions as rows -------------------------------------------------------------------------- */

enum { RETRIED = 1, ALLOW_FAILURE = 2, KEPT = 4, NO_ARTIFACTS = 8 };

static void save_job(gp_buf *buf, const job_version *v)
{
    gp_write_open(buf, NULL, '[');
    gp_write_string(buf, NULL, gp_status_name(v->status));
    gp_write_integer(buf, NULL,
                     (v->retried ? RETRIED : 0) | (v->allow_failure ? ALLOW_FAILURE : 0) |
                         (v->kept ? KEPT : 0) | (v->no_artifacts ? NO_ARTIFACTS : 0));
    gp_write_integer(buf, NULL, v->queued_at);
    gp_write_integer(buf, NULL, v->started_at);
    gp_write_integer(buf, NULL, v->finished_at);
    gp_write_integer(buf, NULL, v->erased_at);
    gp_write_integer(buf, NULL, v->downstream_id);
    gp_write_string(buf, NULL, v->failure_reason);
    gp_write_close(buf, ']');
}

static void save(gp_mock *m, const gp_pipeline *p)
{
    gp_buf buf = {.alloc = &m->alloc};
    size_t i, k;
    gp_write_open(&buf, NULL, '[');
    for (i = 0; i < p->versions.count; i++) {
        const version *v = p->versions.items[i];
        gp_write_open(&buf, NULL, '{');
        gp_write_integer(&buf, "at", v->at);
        gp_write_string(&buf, "status", gp_status_name(v->status));
        gp_write_integer(&buf, "updated_at", v->updated_at);
        gp_write_integer(&buf, "started_at", v->started_at);
        gp_write_integer(&buf, "finished_at", v->finished_at);
        gp_write_integer(&buf, "duration", v->duration);
        gp_write_open(&buf, "jobs", '[');
        for (k = 0; k < v->job_count; k++)
            save_job(&buf, &v->jobs[k]);
        gp_write_close(&buf, ']');
        gp_write_close(&buf, '}');
    }
    gp_write_close(&buf, ']');
    gp_store_row(m, "versions", p->id, &buf);
}

static gp_status status_of(const gp_json *value)
{
    return value && value->type == GP_JSON_STRING ? gp_status_from_name(value->string, value->len)
                                                  : GP_STATUS_NONE;
}

static int load_job(gp_mock *m, job_version *out, const gp_json *row)
{
    int64_t fields[6];
    const gp_json *at = row->child;
    size_t i;
    out->status = status_of(at);
    for (i = 0; at && i < 6; i++) {
        at = at->next;
        fields[i] = at ? at->integer : 0;
    }
    at = at ? at->next : NULL;
    if (!at) return 0;
    out->retried = (fields[0] & RETRIED) != 0;
    out->allow_failure = (fields[0] & ALLOW_FAILURE) != 0;
    out->kept = (fields[0] & KEPT) != 0;
    out->no_artifacts = (fields[0] & NO_ARTIFACTS) != 0;
    out->queued_at = fields[1];
    out->started_at = fields[2];
    out->finished_at = fields[3];
    out->erased_at = fields[4];
    out->downstream_id = fields[5];
    if (at->type == GP_JSON_STRING) out->failure_reason = gp_arena_string(&m->strings, at->string);
    return 1;
}

static int load_version(gp_mock *m, gp_pipeline *p, const gp_json *row)
{
    const gp_json *jobs = gp_json_get(row, "jobs"), *at = jobs ? jobs->child : NULL;
    size_t count = jobs ? (size_t)jobs->count : 0, i;
    version *v = calloc(1, sizeof *v + count * sizeof *v->jobs);
    int good = v && count <= p->jobs.count;
    if (good) {
        v->pipeline = p;
        v->at = gp_json_get_integer(row, "at", 0);
        v->status = status_of(gp_json_get(row, "status"));
        v->updated_at = gp_json_get_integer(row, "updated_at", 0);
        v->started_at = gp_json_get_integer(row, "started_at", GP_MS_NONE);
        v->finished_at = gp_json_get_integer(row, "finished_at", GP_MS_NONE);
        v->duration = gp_json_get_integer(row, "duration", GP_MS_NONE);
        v->job_count = count;
        for (i = 0; i < count && good; i++, at = at->next)
            good = load_job(m, &v->jobs[i], at);
    }
    if (good && gp_list_add(&p->versions, v)) return 1;
    free(v);
    return 0;
}

static int load(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_pipeline *p = gp_ids_get(&m->pipelines, id);
    const gp_json *at;
    for (at = row->child; p && at; at = at->next) {
        if (!load_version(m, p, at)) return 0;
    }
    return p != NULL;
}

/* While a lag is configured ----------------------------------------------------------------- */

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
        save(m, p);
        return;
    }
    if (!gp_list_add(&p->versions, v)) {
        m->memory_failed = 1;
        free(v);
        return;
    }
    /* Of the versions older than any read, only the newest is needed. */
    while (old + 1 < p->versions.count && version_at(p, old + 1)->at <= at - m->lag_kept)
        free(p->versions.items[old++]);
    for (i = old; old && i < p->versions.count; i++)
        p->versions.items[i - old] = p->versions.items[i];
    p->versions.count -= old;
    save(m, p);
}

void gp_lag_prepare(gp_mock *m, gp_ms lag)
{
    gp_ms before = m->lag_kept;
    size_t i, k;
    if (before == lag) return;
    m->lag_kept = lag;
    gp_store_begin(m);
    if (!before == !lag) return;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            gp_pipeline_forget_versions(p);
            if (lag) {
                keep(m, p, 0);
            } else {
                gp_store_object(m, "versions", p->id, NULL);
            }
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
    /* The last version is the current state; a pipeline younger than its first version is hidden
     * anyway. */
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

const gp_entity gp_version_entity = {.kind = "versions", .load = load};
