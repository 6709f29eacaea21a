#include "mock/simulate.h"

#include <stdlib.h>
#include <string.h>

#include "core/scenario.h"
#include "mock/environments.h"
#include "mock/heap.h"
#include "mock/store.h"
#include "mock/world.h"

/* A pipeline whose trigger chain is longer than this makes no further one. */
enum { MAX_CHAIN = 8 };

/* How long a world's pipeline is `created` and a job waits in the queue where nothing is said, and
 * how long a job runs. */
static const gp_ms default_created = 100, default_queued = 100, default_duration = 1000;

static void bridge_follow(gp_mock *m, gp_pipeline *downstream, gp_ms at);
static void settle(gp_mock *m, gp_pipeline *p, gp_ms at);

static gp_job *job_at(const gp_pipeline *p, size_t i)
{
    return p->jobs.items[i];
}

static int counts(const gp_job *job)
{
    return !job->retried;
}

/* Jobs ------------------------------------------------------------------------------------- */

static void job_touch(gp_mock *m, gp_job *job)
{
    job->dirty = 1;
    gp_store_touch_pipeline(m, job->pipeline);
}

static int chance_of(const gp_mock *m, const gp_job *job, double share)
{
    return (double)(gp_mock_hash(m, "outcome", (uint64_t)job->id) >> 11) * 0x1p-53 < share;
}

/* Seconds of a field: a number, or {"min", "max"} spread by the seed and the job's id. */
static gp_ms job_seconds(const gp_mock *m, const gp_job *job, const char *field, gp_ms fallback)
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
static void job_plan(gp_mock *m, gp_job *job)
{
    const gp_json *project = job->pipeline->project->def;
    gp_ms queued =
        gp_ms_from_seconds(gp_json_get_number(project, "queued", (double)default_queued / 1000));
    const char *status = gp_job_text(job, "status", "success");
    double flaky = gp_job_number(job, "flaky", 0);
    int manual = strcmp(gp_job_when(job), "manual") == 0;
    job->plan = gp_status_from_name(status, strlen(status));
    if (flaky > 0 && chance_of(m, job, flaky)) job->plan = GP_STATUS_FAILED;
    job->run_for = job_seconds(m, job, "duration", default_duration);
    if (gp_job_flag(job, "never", 0)) job->run_for = GP_MS_NEVER;
    job->queue_for = gp_job_trigger(job) ? 0 : job_seconds(m, job, "queued", queued);
    if (gp_job_flag(job, "stuck", 0)) job->queue_for = GP_MS_NEVER;
    job->allow_failure = gp_job_flag(job, "allow_failure", manual);
}

static gp_ms later(gp_ms at, gp_ms by)
{
    return by == GP_MS_NEVER ? GP_MS_NEVER : at + by;
}

static gp_job *job_new(gp_mock *m, gp_pipeline *p, gp_ms at)
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
    job->run_for = default_duration;
    job->queue_for = default_queued;
    if (!gp_list_add(&p->jobs, job)) {
        free(job);
        return NULL;
    }
    if (!gp_ids_put(&m->jobs, job->id, job)) {
        p->jobs.count--;
        free(job);
        return NULL;
    }
    job_touch(m, job);
    return job;
}

static void job_status(gp_mock *m, gp_job *job, gp_status status, gp_ms at)
{
    job->status = status;
    job->due = GP_MS_NEVER;
    switch (status) {
    case GP_STATUS_PENDING:
        job->queued_at = at;
        job->due = later(at, job->queue_for);
        break;
    case GP_STATUS_RUNNING:
        job->started_at = at;
        job->due = later(at, job->run_for);
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
    job_touch(m, job);
    gp_environment_follow(m, job, at);
}

static void job_fail(gp_mock *m, gp_job *job, const char *reason, gp_ms at)
{
    job->failure_reason = reason;
    job_status(m, job, GP_STATUS_FAILED, at);
}

/* A new attempt of the job, which then no longer counts. */
static gp_job *job_again(gp_mock *m, gp_job *job, gp_ms at)
{
    gp_pipeline *p = job->pipeline;
    gp_arena scratch = {0};
    char why[80];
    const gp_json *variables = NULL;
    gp_job *fresh = job_new(m, p, at);
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
        if (p->variables) {
            variables =
                gp_json_parse(&scratch, p->variables, strlen(p->variables), why, sizeof why);
        }
        fresh->variant = gp_world_variant(fresh->def, p->ref, variables, fresh->attempt);
        job_plan(m, fresh);
        gp_arena_free(&scratch);
    }
    job->retried = 1;
    job_touch(m, job);
    return fresh;
}

/* Trigger jobs ----------------------------------------------------------------------------- */

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

/* {"K": "v"} as the array that a pipeline keeps. */
static char *bridge_variables(gp_mock *m, const gp_json *map)
{
    gp_buf buf = {.alloc = &m->alloc};
    const gp_json *member;
    char *text;
    gp_out_open(&buf, NULL, '[');
    for (member = map ? map->child : NULL; member; member = member->next) {
        gp_out_open(&buf, NULL, '{');
        gp_out_string(&buf, "key", member->key);
        if (member->type == GP_JSON_STRING) {
            gp_out_bytes(&buf, "value", member->string, member->len);
        } else {
            gp_out_open(&buf, "value", '"');
            gp_json_write(&buf, member);
            gp_out_close(&buf, '"');
        }
        gp_out_string(&buf, "variable_type", "env_var");
        gp_out_close(&buf, '}');
    }
    gp_out_close(&buf, ']');
    text = buf.failed ? NULL : gp_mock_strdup(m, gp_buf_text(&buf));
    gp_buf_free(&buf);
    return text;
}

static void bridge_start(gp_mock *m, gp_job *job, gp_ms at)
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
    char *variables;
    job_status(m, job, GP_STATUS_RUNNING, at);
    job->due = GP_MS_NEVER;
    if (!project) {
        job_fail(m, job, "downstream_bridge_project_not_found", at);
        return;
    }
    if (chain_length(m, p) >= MAX_CHAIN) {
        job_fail(m, job, "reached_max_descendant_pipelines_depth", at);
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
    plan.user_id = p->user_id;
    plan.upstream_job_id = job->id;
    variables = bridge_variables(m, gp_json_get(trigger, "variables"));
    plan.variables = variables;
    if (child || gp_world_has_ref(project->def, plan.ref)) made = gp_pipeline_make(m, &plan);
    free(variables);
    if (!made) {
        job_fail(m, job, "downstream_pipeline_creation_failed", at);
        return;
    }
    job->downstream_id = made->id;
    if (!strategy) job_status(m, job, GP_STATUS_SUCCESS, at);
    job_touch(m, job);
}

/* Brings a waiting trigger job to the status of the pipeline that it made. */
static void bridge_follow(gp_mock *m, gp_pipeline *downstream, gp_ms at)
{
    gp_job *job;
    gp_status status = downstream->status;
    if (downstream->upstream_job_id == GP_UNSET) return;
    job = gp_ids_get(&m->jobs, downstream->upstream_job_id);
    if (!job || job->retried || job->downstream_id != downstream->id) return;
    if (!gp_json_get_string(gp_job_trigger(job), "strategy", NULL)) return;
    if (!gp_status_is_finished(status)) {
        if (!gp_status_is_finished(job->status) || job->status == GP_STATUS_CANCELED) return;
        job_status(m, job, GP_STATUS_RUNNING, at);
        job->due = GP_MS_NEVER;
        job->finished_at = GP_MS_NONE;
    } else if (status == job->status) {
        return;
    } else {
        job_status(m, job, status == GP_STATUS_SKIPPED ? GP_STATUS_SUCCESS : status, at);
    }
    settle(m, job->pipeline, at);
    gp_simulate_schedule(m, job->pipeline);
}

/* Pipelines -------------------------------------------------------------------------------- */

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
        const gp_job *job = job_at(p, i);
        if (!counts(job) || job->started_at == GP_MS_NONE || job->finished_at == GP_MS_NONE)
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

static void pipeline_status(gp_mock *m, gp_pipeline *p, gp_status status, gp_ms at)
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
    bridge_follow(m, p, at);
}

static void compose(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    unsigned symbols = 0;
    gp_status status;
    size_t i;
    if (p->rule != GP_RULE_WORLD) return;
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = job_at(p, i);
        if (!counts(job)) continue;
        symbols |= GP_STATUS_BIT(gp_status_symbol(job->status, job->allow_failure));
    }
    status = gp_status_compose(symbols, 0);
    pipeline_status(m, p, status == GP_STATUS_NONE ? GP_STATUS_SUCCESS : status, at);
}

/* The composite of what comes before a job: the jobs that it needs, or all earlier stages. NONE
 * for nothing at all. */
static gp_status before(const gp_pipeline *p, const gp_job *job, int *has_needs)
{
    const gp_json *needs = job->def ? gp_job_field(job, "needs") : NULL, *name;
    unsigned symbols = 0;
    size_t i;
    *has_needs = needs != NULL; /* an empty Lua table may have come as an object */
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *other = job_at(p, i);
        if (!counts(other) || other == job) continue;
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

/* May the job run, given what its predecessors came to? */
static int may_run(const char *when, gp_status composite, int has_needs)
{
    if (composite == GP_STATUS_NONE) return strcmp(when, "on_failure") != 0;
    if (strcmp(when, "on_failure") == 0) return composite == GP_STATUS_FAILED;
    if (strcmp(when, "always") == 0) return composite != GP_STATUS_CANCELED;
    return composite == GP_STATUS_SUCCESS || (composite == GP_STATUS_SKIPPED && !has_needs);
}

/* Lets a job leave `created` if its time has come. */
static int job_leave(gp_mock *m, gp_job *job, gp_ms at)
{
    int has_needs;
    gp_status composite = before(job->pipeline, job, &has_needs);
    const char *when = gp_job_when(job);
    if (composite != GP_STATUS_NONE && !gp_status_is_finished(composite)) return 0;
    if (!job->enqueue_now && !may_run(when, composite, has_needs)) {
        job_status(m, job, GP_STATUS_SKIPPED, at);
    } else if (!job->enqueue_now && strcmp(when, "manual") == 0) {
        job_status(m, job, GP_STATUS_MANUAL, at);
    } else if (!job->enqueue_now && strcmp(when, "delayed") == 0) {
        job_status(m, job, GP_STATUS_SCHEDULED, at);
        job->due = later(at, job_seconds(m, job, "start_in", 60000));
    } else {
        job_status(m, job, GP_STATUS_PENDING, at);
    }
    return 1;
}

/* Moves every job that may leave `created`, until none can, then composes the pipeline. */
static void settle(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    int moved = 1;
    size_t i;
    if (p->rule != GP_RULE_WORLD) return;
    while (moved && p->wake == GP_MS_NEVER) {
        moved = 0;
        for (i = 0; i < p->jobs.count; i++) {
            gp_job *job = job_at(p, i);
            if (!counts(job) || job->status != GP_STATUS_CREATED) continue;
            if (job_leave(m, job, at)) moved = 1;
        }
    }
    compose(m, p, at);
}

void gp_simulate_schedule(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    if (p->rule == GP_RULE_WORLD) {
        p->due = p->wake;
        for (i = 0; i < p->jobs.count; i++) {
            if (job_at(p, i)->due < p->due) p->due = job_at(p, i)->due;
        }
    }
    gp_heap_update(m, p);
}

/* One job's own next change. */
static void job_step(gp_mock *m, gp_job *job, gp_ms at)
{
    gp_status plan = job->plan;
    double graceful;
    switch (job->status) {
    case GP_STATUS_SCHEDULED:
        job_status(m, job, GP_STATUS_PENDING, at);
        break;
    case GP_STATUS_PENDING:
        if (gp_job_trigger(job)) {
            bridge_start(m, job, at);
        } else {
            job_status(m, job, GP_STATUS_RUNNING, at);
        }
        break;
    case GP_STATUS_RUNNING:
        graceful = gp_job_number(job, "retry", 0);
        job_status(m, job, plan, at);
        if (plan == GP_STATUS_FAILED && job->attempt <= (int)graceful) job_again(m, job, at);
        break;
    case GP_STATUS_CANCELING:
        job_status(m, job, GP_STATUS_CANCELED, at);
        break;
    default:
        job->due = GP_MS_NEVER;
        break;
    }
}

/* Scenarios -------------------------------------------------------------------------------- */

static const char *const scenario_jobs[3][2] = {
    {"build", "build"}, {"test", "test"}, {"deploy", "deploy"}};

/* How one of the three jobs goes: NEVER for what does not happen. */
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
    job->run_for = c->start == GP_MS_NEVER ? default_duration
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
        job->due = c->end; /* where it goes on if the rule ends now */
    }
}

/* Brings a scenario's pipeline to where it is at `at`, and sets its next event. */
static void rule_apply(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    gp_status terminal;
    gp_ms end = rule_end(m, p, &terminal);
    course courses[3];
    size_t i;
    lay_out(p, end, terminal, courses);
    p->due = GP_MS_NEVER;
    for (i = 0; i < 3 && i < p->jobs.count; i++) {
        course_apply(job_at(p, i), &courses[i], at);
        if (courses[i].start > at && courses[i].start < p->due) p->due = courses[i].start;
        if (courses[i].end > at && courses[i].end < p->due) p->due = courses[i].end;
    }
    p->started_at = p->created_at;
    pipeline_status(m, p, at >= end ? terminal : GP_STATUS_RUNNING, at);
    gp_heap_update(m, p);
}

static int scenario_jobs_make(gp_mock *m, gp_pipeline *p)
{
    int i;
    for (i = 0; i < 3; i++) {
        gp_job *job = job_new(m, p, p->created_at);
        if (!job) return 0;
        job->name = scenario_jobs[i][0];
        job->stage = scenario_jobs[i][1];
        job->stage_index = job->position = i;
    }
    p->first_job_id = job_at(p, 0)->id;
    return 1;
}

int gp_simulate_restore(gp_mock *m, gp_pipeline *p)
{
    int64_t next = m->next_job;
    int made;
    m->next_job = p->first_job_id;
    made = scenario_jobs_make(m, p);
    if (m->next_job < next) m->next_job = next;
    if (made) rule_apply(m, p, p->updated_at > p->created_at ? p->updated_at : p->created_at);
    return made;
}

void gp_simulate_rule(gp_mock *m, gp_pipeline *p)
{
    gp_ms at = m->now;
    size_t i;
    if (p->rule == GP_RULE_WORLD || p->jobs_stored) {
        /* A world's pipeline, or one whose jobs were acted upon: three new jobs stand for it. */
        for (i = 0; i < p->jobs.count; i++) {
            gp_job *job = job_at(p, i);
            gp_store_forget_job(m, job->id);
            gp_ids_remove(&m->jobs, job->id);
            free(job->variables);
            free(job);
        }
        p->jobs.count = 0;
        p->jobs_stored = 0;
        p->job_defs = NULL;
        if (!scenario_jobs_make(m, p)) m->memory_failed = 1;
    }
    p->rule = GP_RULE_SCENARIO;
    p->rule_since = at;
    p->wake = GP_MS_NEVER;
    rule_apply(m, p, at);
    p->updated_at = at;
    gp_store_touch_pipeline(m, p);
}

/* From here on the pipeline's jobs go their own way. */
static void rule_leave(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    if (p->rule == GP_RULE_WORLD) return;
    p->rule = GP_RULE_WORLD;
    p->jobs_stored = 1;
    for (i = 0; i < p->jobs.count; i++)
        job_touch(m, job_at(p, i));
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
    gp_ms started = job->started_at;
    if (job->status == status) return;
    if (status == GP_STATUS_MANUAL || status == GP_STATUS_FAILED || status == GP_STATUS_CANCELED) {
        job->allow_failure = 0;
    }
    job_status(m, job, status, at);
    job->due = GP_MS_NEVER;
    if (status == GP_STATUS_SUCCESS || status == GP_STATUS_FAILED) {
        job->started_at = started == GP_MS_NONE ? at : started;
        if (job->queued_at == GP_MS_NONE) job->queued_at = job->started_at;
    } else if (!gp_status_is_finished(status)) {
        job->finished_at = GP_MS_NONE;
        if (status != GP_STATUS_RUNNING && status != GP_STATUS_CANCELING)
            job->started_at = GP_MS_NONE;
    }
}

void gp_simulate_hold(gp_mock *m, gp_pipeline *p, gp_status status)
{
    gp_ms at = m->now;
    size_t count = 0, seen = 0, i;
    rule_leave(m, p);
    for (i = 0; i < p->jobs.count; i++)
        count += (size_t)counts(job_at(p, i));
    for (i = 0; i < p->jobs.count; i++) {
        if (!counts(job_at(p, i))) continue;
        hold_job(m, job_at(p, i), held_status(status, seen, count), at);
        seen++;
    }
    p->rule = GP_RULE_HELD;
    p->jobs_stored = 1;
    p->wake = p->due = GP_MS_NEVER;
    pipeline_status(m, p, status, at);
    p->updated_at = at;
    gp_store_touch_pipeline(m, p);
    gp_heap_update(m, p);
}

/* Events ----------------------------------------------------------------------------------- */

/* The job whose change comes first; the lowest id among those of one instant. */
static gp_job *next_job(const gp_pipeline *p)
{
    gp_job *found = NULL;
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *job = job_at(p, i);
        if (job->due != GP_MS_NEVER && (!found || job->due < found->due)) found = job;
    }
    return found;
}

/* One event of one pipeline. */
static void pipeline_step(gp_mock *m, gp_pipeline *p)
{
    gp_ms at = p->due;
    gp_job *job;
    if (p->rule == GP_RULE_SCENARIO) {
        rule_apply(m, p, at);
        return;
    }
    if (p->wake <= at) {
        p->wake = GP_MS_NEVER;
        gp_store_touch_pipeline(m, p);
    } else {
        job = next_job(p);
        if (job) job_step(m, job, at);
    }
    settle(m, p, at);
    gp_simulate_schedule(m, p);
}

void gp_simulate_advance(gp_mock *m)
{
    gp_pipeline *p;
    while ((p = gp_heap_first(m)) && p->due <= m->now && !m->memory_failed)
        pipeline_step(m, p);
}

/* Making ----------------------------------------------------------------------------------- */

gp_pipeline_plan gp_pipeline_plan_new(const gp_mock *m, gp_project *project)
{
    gp_pipeline_plan plan = {.project = project,
                             .ref = "main",
                             .source = "api",
                             .user_id = 1,
                             .upstream_job_id = GP_UNSET,
                             .scenario_id = GP_UNSET,
                             .after = GP_UNSET,
                             .never = GP_UNSET,
                             .at = m->now};
    return plan;
}

static int stage_index(const gp_json *stages, const gp_json *jobs, const char *stage)
{
    const gp_json *at;
    const char *seen[64];
    int index = 0, i;
    for (at = stages ? stages->child : NULL; at; at = at->next, index++) {
        if (at->type == GP_JSON_STRING && strcmp(at->string, stage) == 0) return index;
    }
    if (stages) return index;
    for (at = jobs->child; at; at = at->next) {
        const char *other = gp_json_get_string(at, "stage", "test");
        if (strcmp(other, stage) == 0) return index;
        for (i = 0; i < index && strcmp(seen[i], other) != 0; i++) {
        }
        if (i == index && index < 64) seen[index++] = other;
    }
    return index;
}

static int by_stage(const void *a, const void *b)
{
    const gp_job *x = *(gp_job *const *)a, *y = *(gp_job *const *)b;
    if (x->stage_index != y->stage_index) return x->stage_index < y->stage_index ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Adds the jobs that the world describes and numbers them stage by stage, as GitLab does. */
static int world_jobs_make(gp_mock *m, gp_pipeline *p, const gp_json *variables)
{
    const gp_json *stages = gp_json_get(p->project->def, "stages"), *def;
    int64_t first = m->next_job;
    int position = 0;
    size_t i;
    for (def = p->job_defs->child; def; def = def->next, position++) {
        const gp_json *variant = gp_world_variant(def, p->ref, variables, 1);
        gp_job *job;
        if (gp_json_get_boolean(variant, "omit", gp_json_get_boolean(def, "omit", 0))) continue;
        job = job_new(m, p, p->created_at);
        if (!job) return 0;
        job->def = def;
        job->variant = variant;
        job->name = gp_json_get_string(def, "name", "job");
        job->stage = gp_json_get_string(def, "stage", "test");
        job->stage_index = stage_index(stages, p->job_defs, job->stage);
        job->position = position;
    }
    if (p->jobs.count) qsort(p->jobs.items, p->jobs.count, sizeof *p->jobs.items, by_stage);
    for (i = 0; i < p->jobs.count; i++) {
        job_at(p, i)->id = first + (int64_t)i;
        gp_ids_put(&m->jobs, first + (int64_t)i, job_at(p, i));
        job_plan(m, job_at(p, i));
    }
    return 1;
}

/* The commit that a ref stands for: the same as long as seed, project and ref are. */
static void make_sha(const gp_mock *m, gp_pipeline *p)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t word = 0;
    int i;
    for (i = 0; i < 40; i++) {
        if (i % 16 == 0) {
            word = gp_mock_hash(m, p->project->path, (uint64_t)i) ^
                   gp_mock_hash(m, p->ref, (uint64_t)i);
        }
        p->sha[i] = hex[word & 15];
        word >>= 4;
    }
    p->sha[40] = 0;
}

/* "refs/heads/x" is stored as "x". */
static const char *short_ref(const char *ref, int *tag)
{
    *tag = strncmp(ref, "refs/tags/", 10) == 0;
    if (*tag) return ref + 10;
    return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
}

static int is_tag(const gp_project *project, const char *ref)
{
    const gp_json *tags = gp_json_get(project->def, "tags"), *tag;
    for (tag = tags ? tags->child : NULL; tag; tag = tag->next) {
        if (tag->type == GP_JSON_STRING && strcmp(tag->string, ref) == 0) return 1;
    }
    return 0;
}

static gp_pipeline *pipeline_new(gp_mock *m, const gp_pipeline_plan *plan)
{
    gp_pipeline *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->project = plan->project;
    p->source = plan->source;
    p->ref = gp_mock_strdup(m, short_ref(plan->ref, &p->tag));
    p->variables = gp_mock_strdup(m, plan->variables);
    p->scenario_id = plan->scenario_id;
    p->after = plan->after;
    p->terminal = plan->terminal;
    p->never = plan->never;
    p->user_id = plan->user_id;
    p->upstream_job_id = plan->upstream_job_id;
    p->created_at = p->updated_at = p->rule_since = plan->at;
    p->started_at = p->finished_at = p->duration = GP_MS_NONE;
    p->wake = p->due = GP_MS_NEVER;
    p->world = m->world;
    p->status = GP_STATUS_CREATED;
    if (!p->ref || (plan->variables && !p->variables)) {
        free(p->ref);
        free(p->variables);
        free(p);
        return NULL;
    }
    if (!p->tag) p->tag = is_tag(p->project, p->ref);
    make_sha(m, p);
    return p;
}

/* workflow:name of the world, with $NAME and ${NAME} expanded from the pipeline's variables. */
static char *pipeline_name(gp_mock *m, const gp_pipeline *p, const gp_json *variables)
{
    const char *text = gp_json_get_string(p->project->def, "name", NULL), *at;
    gp_buf buf = {.alloc = &m->alloc};
    char *name;
    if (!text) return NULL;
    for (at = text; *at;) {
        const char *start = at + 1 + (at[0] == '$' && at[1] == '{');
        size_t len = at[0] == '$'
                         ? strspn(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                         "0123456789")
                         : 0;
        const gp_json *v;
        if (!len) {
            gp_buf_add(&buf, at++, 1);
            continue;
        }
        for (v = variables ? variables->child : NULL; v; v = v->next) {
            const char *key = gp_json_get_string(v, "key", "");
            if (strlen(key) == len && memcmp(key, start, len) == 0) break;
        }
        if (v) gp_buf_adds(&buf, gp_json_get_string(v, "value", ""));
        at = start + len + (start[-1] == '{' && start[len] == '}');
    }
    name = buf.failed || !buf.len ? NULL : gp_mock_strdup(m, gp_buf_text(&buf));
    gp_buf_free(&buf);
    return name;
}

static int pipeline_fill(gp_mock *m, gp_pipeline *p, const gp_pipeline_plan *plan)
{
    gp_arena scratch = {0};
    char why[80];
    const gp_json *variables = NULL;
    int made;
    if (p->variables) {
        variables = gp_json_parse(&scratch, p->variables, strlen(p->variables), why, sizeof why);
    }
    p->job_defs = plan->job_defs ? plan->job_defs : gp_json_get(p->project->def, "jobs");
    if (plan->has_rule || !p->job_defs) {
        p->job_defs = NULL;
        p->rule = GP_RULE_SCENARIO;
        made = scenario_jobs_make(m, p);
    } else {
        p->rule = GP_RULE_WORLD;
        p->jobs_stored = 1;
        made = world_jobs_make(m, p, variables) && p->jobs.count;
        p->first_job_id = made ? job_at(p, 0)->id : 0;
        p->wake = p->created_at + gp_ms_from_seconds(gp_json_get_number(
                                      p->project->def, "created", (double)default_created / 1000));
    }
    p->name = pipeline_name(m, p, variables);
    gp_arena_free(&scratch);
    return made;
}

gp_pipeline *gp_pipeline_make(gp_mock *m, const gp_pipeline_plan *plan)
{
    gp_pipeline *p = pipeline_new(m, plan);
    int64_t first_job = m->next_job;
    if (!p) {
        m->memory_failed = 1;
        return NULL;
    }
    p->id = m->next_pipeline;
    p->iid = plan->project->next_iid;
    if (!gp_ids_put(&m->pipelines, p->id, p) || !gp_list_add(&plan->project->pipelines, p) ||
        !pipeline_fill(m, p, plan)) {
        gp_pipeline_remove(m, p);
        m->next_job = first_job;
        return NULL;
    }
    m->next_pipeline++;
    plan->project->next_iid++;
    gp_store_touch_pipeline(m, p);
    if (p->rule == GP_RULE_SCENARIO) {
        rule_apply(m, p, p->created_at);
    } else {
        if (p->wake <= p->created_at) {
            p->wake = GP_MS_NEVER;
            settle(m, p, p->created_at);
        }
        gp_simulate_schedule(m, p);
    }
    return p;
}

/* Acting ----------------------------------------------------------------------------------- */

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
    return !job->retried && (job->status == GP_STATUS_MANUAL || job->status == GP_STATUS_SCHEDULED);
}

static void job_cancel(gp_mock *m, gp_job *job, int force)
{
    gp_pipeline *child;
    double graceful = gp_job_number(job, "cancel", 0);
    if (job->status == GP_STATUS_RUNNING && graceful > 0 && !force) {
        job_status(m, job, GP_STATUS_CANCELING, m->now);
        job->due = m->now + gp_ms_from_seconds(graceful);
    } else {
        job_status(m, job, GP_STATUS_CANCELED, m->now);
    }
    child = job->downstream_id == GP_UNSET ? NULL : gp_ids_get(&m->pipelines, job->downstream_id);
    if (child && strcmp(child->source, "parent_pipeline") == 0) gp_simulate_cancel(m, child);
}

void gp_simulate_cancel(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    int found = 0;
    for (i = 0; i < p->jobs.count; i++) {
        found |= counts(job_at(p, i)) && gp_job_cancelable(job_at(p, i));
    }
    /* A held status without a job that could be cancelled is cancelled all the same. */
    if (!found && (p->rule != GP_RULE_HELD || gp_status_is_finished(p->status))) return;
    rule_leave(m, p);
    p->wake = GP_MS_NEVER;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *job = job_at(p, i);
        if (counts(job) && gp_job_cancelable(job)) job_cancel(m, job, 0);
    }
    settle(m, p, m->now);
    gp_simulate_schedule(m, p);
}

/* Skipped jobs that come after `job` (after any job, if NULL) are looked at again. */
static void reset_skipped(gp_mock *m, gp_pipeline *p, const gp_job *job)
{
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *other = job_at(p, i);
        if (!counts(other) || other->status != GP_STATUS_SKIPPED) continue;
        if (job && other->stage_index <= job->stage_index &&
            !(other->def && gp_job_field(other, "needs"))) {
            continue;
        }
        job_status(m, other, GP_STATUS_CREATED, m->now);
    }
}

void gp_simulate_retry(gp_mock *m, gp_pipeline *p)
{
    size_t i, count = p->jobs.count;
    int again = 0;
    for (i = 0; i < count; i++) {
        gp_job *job = job_at(p, i);
        if (!counts(job)) continue;
        if (job->status != GP_STATUS_FAILED && job->status != GP_STATUS_CANCELED) continue;
        if (!again) rule_leave(m, p);
        again = 1;
        if (!job_again(m, job, m->now)) return;
    }
    if (!again) return;
    reset_skipped(m, p, NULL);
    settle(m, p, m->now);
    p->updated_at = m->now;
    gp_store_touch_pipeline(m, p);
    gp_simulate_schedule(m, p);
}

gp_job *gp_simulate_job_retry(gp_mock *m, gp_job *job)
{
    gp_pipeline *p = job->pipeline;
    gp_job *fresh;
    rule_leave(m, p);
    fresh = job_again(m, job, m->now);
    if (!fresh) return NULL;
    fresh->enqueue_now = 1;
    reset_skipped(m, p, fresh);
    settle(m, p, m->now);
    gp_simulate_schedule(m, p);
    return fresh;
}

void gp_simulate_job_cancel(gp_mock *m, gp_job *job, int force)
{
    if (job->status == GP_STATUS_CANCELING ? !force : !gp_job_cancelable(job)) return;
    rule_leave(m, job->pipeline);
    job_cancel(m, job, force);
    settle(m, job->pipeline, m->now);
    gp_simulate_schedule(m, job->pipeline);
}

void gp_simulate_job_play(gp_mock *m, gp_job *job, const char *variables)
{
    gp_pipeline *p = job->pipeline;
    rule_leave(m, p);
    if (variables) {
        free(job->variables);
        job->variables = gp_mock_strdup(m, variables);
    }
    job->enqueue_now = 1;
    job_status(m, job, GP_STATUS_PENDING, m->now);
    reset_skipped(m, p, job);
    settle(m, p, m->now);
    gp_simulate_schedule(m, p);
}

void gp_simulate_job_erase(gp_mock *m, gp_job *job)
{
    rule_leave(m, job->pipeline);
    job->erased_at = m->now;
    job->no_artifacts = 1;
    job_touch(m, job);
    gp_simulate_schedule(m, job->pipeline);
}
