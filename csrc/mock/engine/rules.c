/* A scenario's jobs are computed from its time and status, so that they need not be stored. */
#include "mock/engine/rules.h"

#include <stdlib.h>

#include "core/scenario.h"
#include "mock/engine/job.h"
#include "mock/engine/pipeline.h"
#include "mock/engine/queue.h"
#include "mock/engine/schedule.h"
#include "mock/rows/save.h"

/* Scenarios -------------------------------------------------------------------------------- */

static const char *const scenario_jobs[3][2] = {
    {"build", "build"}, {"test", "test"}, {"deploy", "deploy"}};

/* The times of one of the three jobs: NEVER for what does not happen. */
typedef struct course {
    gp_ms start, end;
    gp_status final;
} course;

static void lay_out(const gp_pipeline *p, gp_ms end, gp_status terminal, course out[3])
{
    gp_ms base = p->created_at, length = end == GP_MS_NEVER ? 6000 : end - base;
    int ran = terminal == GP_STATUS_SUCCESS || end == GP_MS_NEVER ? 3 : 2, i;
    for (i = 0; i < 3; i++) {
        out[i].start = i < ran ? base + length * i / ran : GP_MS_NEVER;
        out[i].end = i < ran ? base + length * (i + 1) / ran : end;
        out[i].final = GP_STATUS_SUCCESS;
    }
    if (end == GP_MS_NEVER) {
        out[2].end = GP_MS_NEVER;
    } else if (terminal == GP_STATUS_FAILED) {
        out[1].final = GP_STATUS_FAILED;
        out[2].final = GP_STATUS_SKIPPED;
    } else if (terminal == GP_STATUS_CANCELED) {
        out[1].final = out[2].final = GP_STATUS_CANCELED;
    } else if (terminal == GP_STATUS_SKIPPED) {
        out[0].end = end;
        out[1].start = GP_MS_NEVER;
        out[0].final = out[1].final = out[2].final = GP_STATUS_SKIPPED;
    }
}

/* The end of a scenario's pipeline and its status then; NEVER if there is none. */
static gp_ms rule_end(gp_mock *m, const gp_pipeline *p, gp_status *terminal)
{
    const gp_mock_scenario *row =
        p->scenario_id == GP_UNSET ? NULL : gp_scenario_find(m, p->scenario_id);
    gp_scenario base = {0}, own = {.has_after = p->after != GP_UNSET,
                                   .after = (double)p->after,
                                   .terminal = p->terminal,
                                   .never_complete = p->never == 1};
    double seconds = 0;
    gp_ms end;
    if (row) {
        base.has_after = row->after != GP_UNSET;
        base.after = (double)row->after;
        base.terminal = row->terminal;
        base.never_complete = row->never;
    }
    *terminal = gp_scenario_end(row ? &base : NULL, &own, 0, &seconds);
    if (*terminal == GP_STATUS_NONE) return GP_MS_NEVER;
    end = p->created_at + gp_ms_from_seconds(seconds);
    return end < p->rule_since ? p->rule_since : end;
}

static void course_apply(gp_job *job, const course *c, gp_ms at)
{
    job->run_for = c->start == GP_MS_NEVER ? GP_DEFAULT_DURATION
                   : c->end == GP_MS_NEVER ? GP_MS_NEVER
                                           : c->end - c->start;
    job->due = job->finished_at = job->started_at = job->queued_at = GP_MS_NONE;
    job->due = GP_MS_NEVER;
    job->failure_reason = NULL;
    job->status = GP_STATUS_CREATED;
    if (at >= c->start && c->final != GP_STATUS_SKIPPED)
        job->queued_at = job->started_at = c->start;
    if (at >= c->end) {
        job->status = c->final;
        if (c->final != GP_STATUS_SKIPPED) job->finished_at = c->end;
        if (c->final == GP_STATUS_FAILED) job->failure_reason = "script_failure";
    } else if (at >= c->start) {
        job->status = GP_STATUS_RUNNING;
        job->queued_at = job->started_at = c->start;
        job->due = c->end; /* the job resumes from here if the rule ends now */
    }
}

/* Moves a scenario's pipeline to its state at `at`, and sets its next event. */
void gp_rule_apply(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    gp_status terminal;
    gp_ms end = rule_end(m, p, &terminal);
    course courses[3];
    size_t i;
    lay_out(p, end, terminal, courses);
    p->due = GP_MS_NEVER;
    for (i = 0; i < 3 && i < p->jobs.count; i++) {
        gp_job *job = gp_job_at(p, i);
        gp_status before = job->status;
        course_apply(job, &courses[i], at);
        if (job->status != before) m->observer->job_changed(m, job, at);
        if (courses[i].start > at && courses[i].start < p->due) p->due = courses[i].start;
        if (courses[i].end > at && courses[i].end < p->due) p->due = courses[i].end;
    }
    p->started_at = p->created_at;
    gp_pipeline_set_status(m, p, at >= end ? terminal : GP_STATUS_RUNNING, at);
    gp_schedule_update(m, p);
}

int gp_rule_make_jobs(gp_mock *m, gp_pipeline *p)
{
    int i;
    for (i = 0; i < 3; i++) {
        gp_job *job = gp_job_new(m, p, p->created_at);
        if (!job) return 0;
        job->name = scenario_jobs[i][0];
        job->stage = scenario_jobs[i][1];
        job->stage_index = job->position = i;
    }
    p->first_job_id = gp_job_at(p, 0)->id;
    return 1;
}

int gp_pipeline_restore(gp_mock *m, gp_pipeline *p)
{
    int64_t next = m->next_job;
    gp_ms at;
    int made;
    m->next_job = p->first_job_id;
    made = gp_rule_make_jobs(m, p);
    if (m->next_job < next) m->next_job = next;
    /* The state at the last event before the end: no event is reported twice. */
    at = p->updated_at > p->created_at ? p->updated_at : p->created_at;
    if (made) gp_rule_apply(m, p, at > m->advanced ? at : m->advanced);
    return made;
}

void gp_pipeline_set_rule(gp_mock *m, gp_pipeline *p)
{
    gp_ms at = m->now;
    size_t i;
    if (p->rule == GP_RULE_WORLD || p->jobs_stored) {
        /* A pipeline of a world, or one whose jobs were acted upon, gets three new jobs. */
        for (i = 0; i < p->jobs.count; i++) {
            gp_job *job = gp_job_at(p, i);
            gp_store_forget_job(m, job->id);
            gp_ids_remove(&m->jobs, job->id);
            free(job->variables);
            free(job);
        }
        gp_pipeline_forget_versions(p);
        gp_store_object(m, "versions", p->id, NULL);
        p->jobs.count = 0;
        p->jobs_stored = 0;
        p->job_defs = NULL;
        p->world = NULL; /* its jobs no longer belong to a world */
        if (!gp_rule_make_jobs(m, p)) m->memory_failed = 1;
    }
    p->rule = GP_RULE_SCENARIO;
    p->rule_since = at;
    p->wake = GP_MS_NEVER;
    gp_rule_apply(m, p, at);
    p->updated_at = at;
    gp_store_touch_pipeline(m, p);
    gp_resources_offer(m, p->project, at);
}

/* From now on the pipeline's jobs decide for themselves. */
void gp_rule_leave(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    if (p->rule == GP_RULE_WORLD) return;
    p->rule = GP_RULE_WORLD;
    p->jobs_stored = 1;
    for (i = 0; i < p->jobs.count; i++)
        gp_job_touch(m, gp_job_at(p, i));
}

/* Held statuses ---------------------------------------------------------------------------- */

/* The status of the i-th of `count` jobs in a pipeline that shows `status`. */
static gp_status held_status(gp_status status, size_t i, size_t count)
{
    size_t pivot = count > 1 ? count - 2 : 0;
    switch (status) {
    case GP_STATUS_SUCCESS:
    case GP_STATUS_SKIPPED:
    case GP_STATUS_CREATED:
        return status;
    case GP_STATUS_FAILED:
        return i < pivot ? GP_STATUS_SUCCESS : i == pivot ? status : GP_STATUS_SKIPPED;
    case GP_STATUS_CANCELED:
        return i < pivot ? GP_STATUS_SUCCESS : status;
    case GP_STATUS_MANUAL:
    case GP_STATUS_SCHEDULED:
        return i + 1 < count ? GP_STATUS_SUCCESS : status;
    case GP_STATUS_CANCELING:
        return i ? GP_STATUS_CANCELED : status;
    default:
        return i ? GP_STATUS_CREATED : status;
    }
}

static void hold_job(gp_mock *m, gp_job *job, gp_status status, gp_ms at)
{
    int ran = status == GP_STATUS_SUCCESS || status == GP_STATUS_FAILED ||
              status == GP_STATUS_RUNNING || status == GP_STATUS_CANCELING;
    if (job->status == status) return;
    if (status == GP_STATUS_MANUAL || status == GP_STATUS_FAILED || status == GP_STATUS_CANCELED) {
        job->allow_failure = 0;
    }
    /* The times change before the status, so that an observer sees a consistent job: a finished job
     * has started, a job that is set back starts again. */
    if (!gp_status_is_finished(status) && (job->finished_at != GP_MS_NONE || !ran))
        job->queued_at = job->started_at = job->finished_at = GP_MS_NONE;
    if (ran && job->started_at == GP_MS_NONE) job->started_at = at;
    if (ran && job->queued_at == GP_MS_NONE) job->queued_at = job->started_at;
    gp_job_set_status(m, job, status, at);
    job->due = GP_MS_NEVER;
}

void gp_pipeline_hold(gp_mock *m, gp_pipeline *p, gp_status status)
{
    gp_ms at = m->now;
    size_t count = 0, seen = 0, i;
    gp_rule_leave(m, p);
    for (i = 0; i < p->jobs.count; i++)
        count += (size_t)gp_job_counts(gp_job_at(p, i));
    for (i = 0; i < p->jobs.count; i++) {
        if (!gp_job_counts(gp_job_at(p, i))) continue;
        hold_job(m, gp_job_at(p, i), held_status(status, seen, count), at);
        seen++;
    }
    p->rule = GP_RULE_HELD;
    p->jobs_stored = 1;
    p->wake = p->due = GP_MS_NEVER;
    gp_pipeline_set_status(m, p, status, at);
    p->updated_at = at;
    gp_store_touch_pipeline(m, p);
    gp_schedule_update(m, p);
    gp_resources_offer(m, p->project, at);
}
