/* The payloads, field by field in GitLab's order. */
#include "mock/webhooks/events.h"

#include <string.h>

#include "mock/gitlab/environment.h"
#include "mock/gitlab/json_views.h"
#include "mock/engine/world.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

/* Times ------------------------------------------------------------------------------------- */

/* "2016-08-12 15:23:28" and what names the zone. */
static void spaced_time(gp_buf *buf, const char *key, gp_ms at, const char *zone)
{
    char text[GP_TIME_TEXT];
    if (at == GP_MS_NONE || at == GP_MS_NEVER) {
        gp_write_null(buf, key);
        return;
    }
    gp_ms_iso(text, at);
    text[10] = ' ';
    gp_write_open(buf, key, '"');
    gp_buf_add(buf, text, 19);
    gp_buf_adds(buf, zone);
    gp_write_close(buf, '"');
}

/* "2021-02-23T02:41:37Z" */
static void whole_time(gp_buf *buf, const char *key, gp_ms at)
{
    gp_write_time(buf, key, at == GP_MS_NONE || at == GP_MS_NEVER ? at : at - at % 1000);
    if (at == GP_MS_NONE || at == GP_MS_NEVER || buf->len < 6) return;
    /* The fraction goes: it is ".000". */
    buf->len -= 6;
    gp_buf_adds(buf, "Z\"");
}

static void whole_seconds(gp_buf *buf, const char *key, gp_ms value)
{
    if (value < 0) {
        gp_write_null(buf, key);
    } else {
        gp_write_integer(buf, key, value / 1000);
    }
}

static gp_ms job_duration(const gp_job *job, gp_ms at)
{
    if (job->started_at == GP_MS_NONE) return GP_MS_NONE;
    return (job->finished_at == GP_MS_NONE ? at : job->finished_at) - job->started_at;
}

static gp_ms job_queued(const gp_job *job, gp_ms at)
{
    gp_ms left = job->started_at != GP_MS_NONE    ? job->started_at
                 : job->finished_at != GP_MS_NONE ? job->finished_at
                                                  : at;
    return job->queued_at == GP_MS_NONE ? GP_MS_NONE : left - job->queued_at;
}

/* What events share ------------------------------------------------------------------------- */

static void open_url(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project,
                     const char *middle)
{
    gp_write_open(buf, key, '"');
    gp_buf_adds(buf, m->url);
    gp_buf_add(buf, "/", 1);
    gp_buf_adds(buf, project->path);
    gp_buf_adds(buf, middle);
}

static void url(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project,
                const char *middle, const char *end)
{
    open_url(buf, key, m, project, middle);
    gp_buf_adds(buf, end);
    gp_write_close(buf, '"');
}

static void numbered_url(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project,
                         const char *middle, int64_t id)
{
    open_url(buf, key, m, project, middle);
    gp_write_digits(buf, id);
    gp_write_close(buf, '"');
}

static void ssh_url(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project)
{
    const char *host = strstr(m->url, "//");
    gp_write_open(buf, key, '"');
    gp_buf_addf(buf, "git@%s:%s.git\"", host ? host + 2 : m->url, project->path);
}

static const char *base_name(const gp_project *project)
{
    const char *slash = strrchr(project->path, '/');
    return slash ? slash + 1 : project->path;
}

/* GitLab's numbers: 0 private, 10 internal, 20 public. */
static int visibility_level(const gp_project *project)
{
    const char *word = gp_json_get_string(project->def, "visibility", "private");
    return strcmp(word, "public") == 0 ? 20 : strcmp(word, "internal") == 0 ? 10 : 0;
}

static void project_of(gp_buf *buf, const gp_mock *m, const gp_project *project, int deployment)
{
    const char *base = base_name(project);
    size_t group = base > project->path ? (size_t)(base - project->path) - 1 : 0;
    gp_write_open(buf, "project", '{');
    gp_write_integer(buf, "id", project->id);
    gp_write_string(buf, "name", base);
    gp_write_string(buf, "description", gp_json_get_string(project->def, "description", NULL));
    url(buf, "web_url", m, project, "", "");
    gp_write_null(buf, "avatar_url");
    ssh_url(buf, "git_ssh_url", m, project);
    url(buf, "git_http_url", m, project, ".git", "");
    gp_write_bytes(buf, "namespace", project->path, group);
    gp_write_integer(buf, "visibility_level", visibility_level(project));
    gp_write_string(buf, "path_with_namespace", project->path);
    gp_write_string(buf, "default_branch",
                    gp_json_get_string(project->def, "default_branch", "main"));
    gp_write_null(buf, "ci_config_path");
    if (deployment) {
        url(buf, "homepage", m, project, "", "");
        ssh_url(buf, "url", m, project);
        ssh_url(buf, "ssh_url", m, project);
        url(buf, "http_url", m, project, ".git", "");
    }
    gp_write_close(buf, '}');
}

static void user_of(gp_buf *buf, gp_mock *m, int64_t id)
{
    const gp_user *user = gp_user_find(m, id);
    gp_write_open(buf, "user", '{');
    gp_write_integer(buf, "id", user->id);
    gp_write_string(buf, "name", user->name);
    gp_write_string(buf, "username", user->username);
    gp_write_null(buf, "avatar_url");
    gp_write_string(buf, "email", "[REDACTED]");
    gp_write_close(buf, '}');
}

static void runner_of(gp_buf *buf, const gp_job *job)
{
    const gp_json *tags = job->def ? gp_job_field(job, "tags") : NULL, *tag;
    if (job->started_at == GP_MS_NONE) {
        gp_write_null(buf, "runner");
        return;
    }
    gp_write_open(buf, "runner", '{');
    gp_write_integer(buf, "id", 1);
    gp_write_string(buf, "description", "simulated runner");
    gp_write_string(buf, "runner_type", "instance_type");
    gp_write_boolean(buf, "active", 1);
    gp_write_boolean(buf, "is_shared", 1);
    gp_write_open(buf, "tags", '[');
    for (tag = tags ? tags->child : NULL; tag; tag = tag->next) {
        if (tag->type == GP_JSON_STRING) gp_write_bytes(buf, NULL, tag->string, tag->len);
    }
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
}

static void environment_of(gp_buf *buf, const gp_job *job)
{
    const gp_json *field = job->def ? gp_job_field(job, "environment") : NULL;
    const char *name = field && field->type == GP_JSON_STRING
                           ? field->string
                           : gp_json_get_string(field, "name", NULL);
    const gp_environment *row = name ? gp_environment_by_name(job->pipeline->project, name) : NULL;
    if (!name) {
        gp_write_null(buf, "environment");
        return;
    }
    gp_write_open(buf, "environment", '{');
    gp_write_string(buf, "name", name);
    gp_write_string(buf, "action", gp_json_get_string(field, "action", "start"));
    gp_write_string(buf, "deployment_tier",
                    row ? row->tier : gp_json_get_string(field, "tier", NULL));
    gp_write_close(buf, '}');
}

/* The job that started this pipeline; nothing for a pipeline that no job started. */
static void source_pipeline(gp_buf *buf, const gp_mock *m, const gp_pipeline *p)
{
    const gp_job *job =
        p->upstream_job_id == GP_UNSET ? NULL : gp_ids_get(&m->jobs, p->upstream_job_id);
    const gp_project *project = job ? job->pipeline->project : NULL;
    if (!job) return;
    gp_write_open(buf, "source_pipeline", '{');
    gp_write_open(buf, "project", '{');
    gp_write_integer(buf, "id", project->id);
    url(buf, "web_url", m, project, "", "");
    gp_write_string(buf, "path_with_namespace", project->path);
    gp_write_close(buf, '}');
    gp_write_integer(buf, "pipeline_id", job->pipeline->id);
    gp_write_integer(buf, "job_id", job->id);
    gp_write_close(buf, '}');
}

/* Pipelines --------------------------------------------------------------------------------- */

static int earlier_stage(const gp_pipeline *p, size_t i)
{
    const gp_job *job = p->jobs.items[i];
    size_t k;
    for (k = 0; k < i; k++) {
        if (strcmp(((const gp_job *)p->jobs.items[k])->stage, job->stage) == 0) return 1;
    }
    return 0;
}

static void variables_of(gp_buf *buf, gp_mock *m, const gp_pipeline *p)
{
    gp_arena arena = {0};
    char why[80];
    const gp_json *list = p->variables ? gp_json_parse(&arena, p->variables, strlen(p->variables),
                                                       why, sizeof why)
                                       : NULL,
                  *at;
    gp_write_open(buf, "variables", '[');
    for (at = list ? list->child : NULL; at; at = at->next) {
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "key", gp_json_get_string(at, "key", ""));
        gp_write_string(buf, "value", gp_json_get_string(at, "value", ""));
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
    if (arena.failed) m->memory_failed = 1;
    gp_arena_free(&arena);
}

static void attributes(gp_buf *buf, gp_mock *m, const gp_pipeline *p)
{
    size_t i;
    gp_write_open(buf, "object_attributes", '{');
    gp_write_integer(buf, "id", p->id);
    gp_write_integer(buf, "iid", p->iid);
    gp_write_string(buf, "name", p->name);
    gp_write_string(buf, "ref", p->ref);
    gp_write_boolean(buf, "tag", p->tag);
    gp_write_string(buf, "sha", p->sha);
    gp_write_string(buf, "before_sha", zeros);
    gp_write_string(buf, "source", p->source);
    gp_write_string(buf, "status", gp_status_name(p->status));
    gp_write_string(buf, "detailed_status", gp_status_label(p->status));
    gp_write_open(buf, "stages", '[');
    for (i = 0; i < p->jobs.count; i++) {
        if (!earlier_stage(p, i))
            gp_write_string(buf, NULL, ((const gp_job *)p->jobs.items[i])->stage);
    }
    gp_write_close(buf, ']');
    spaced_time(buf, "created_at", p->created_at, " UTC");
    spaced_time(buf, "finished_at", p->finished_at, " UTC");
    whole_seconds(buf, "duration", p->duration);
    whole_seconds(buf, "queued_duration",
                  p->started_at == GP_MS_NONE ? GP_MS_NONE : p->started_at - p->created_at);
    gp_write_boolean(buf, "protected_ref", 0);
    gp_write_boolean(buf, "default_branch",
                     !p->tag && strcmp(p->ref, gp_json_get_string(p->project->def, "default_branch",
                                                                  "main")) == 0);
    variables_of(buf, m, p);
    numbered_url(buf, "url", m, p->project, "/-/pipelines/", p->id);
    gp_write_close(buf, '}');
}

static void commit_of(gp_buf *buf, const gp_mock *m, const gp_pipeline *p)
{
    gp_write_open(buf, "commit", '{');
    gp_write_string(buf, "id", p->sha);
    gp_write_string(buf, "message", "Change something\n");
    gp_write_string(buf, "title", "Change something");
    gp_write_string(buf, "timestamp", "2026-01-01T00:00:00+00:00");
    url(buf, "url", m, p->project, "/-/commit/", p->sha);
    gp_write_open(buf, "author", '{');
    gp_write_string(buf, "name", "Administrator");
    gp_write_string(buf, "email", "admin@example.com");
    gp_write_close(buf, '}');
    gp_write_close(buf, '}');
}

static void build_of(gp_buf *buf, gp_mock *m, const gp_job *job, gp_ms at)
{
    const char *when = job->def ? gp_job_when(job) : "on_success";
    int64_t size = gp_job_archive_size(m, job);
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", job->id);
    gp_write_string(buf, "stage", job->stage);
    gp_write_string(buf, "name", job->name);
    gp_write_string(buf, "status", gp_status_name(job->status));
    spaced_time(buf, "created_at", job->created_at, " UTC");
    spaced_time(buf, "started_at", job->started_at, " UTC");
    spaced_time(buf, "finished_at", job->finished_at, " UTC");
    gp_write_seconds(buf, "duration", job_duration(job, at));
    gp_write_seconds(buf, "queued_duration", job_queued(job, at));
    gp_write_string(buf, "failure_reason",
                    job->status == GP_STATUS_FAILED ? job->failure_reason : NULL);
    gp_write_string(buf, "when", when);
    gp_write_boolean(buf, "manual", strcmp(when, "manual") == 0);
    gp_write_boolean(buf, "allow_failure", job->allow_failure);
    user_of(buf, m, job->pipeline->user_id);
    runner_of(buf, job);
    gp_write_open(buf, "artifacts_file", '{');
    gp_write_string(buf, "filename", size ? "artifacts.zip" : NULL);
    if (size) {
        gp_write_integer(buf, "size", size);
    } else {
        gp_write_null(buf, "size");
    }
    gp_write_close(buf, '}');
    environment_of(buf, job);
    gp_write_close(buf, '}');
}

void gp_event_write_pipeline(gp_buf *buf, gp_mock *m, const gp_pipeline *p, gp_ms at)
{
    size_t i;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "object_kind", "pipeline");
    attributes(buf, m, p);
    gp_write_null(buf, "merge_request");
    user_of(buf, m, p->user_id);
    project_of(buf, m, p->project, 0);
    commit_of(buf, m, p);
    gp_write_open(buf, "builds", '[');
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = p->jobs.items[i];
        if (!job->retried && !(job->def && gp_job_trigger(job))) build_of(buf, m, job, at);
    }
    gp_write_close(buf, ']');
    source_pipeline(buf, m, p);
    gp_write_close(buf, '}');
}

/* Jobs -------------------------------------------------------------------------------------- */

static void job_times(gp_buf *buf, const gp_job *job, gp_ms at)
{
    gp_write_time(buf, "build_created_at", job->created_at);
    gp_write_time(buf, "build_started_at", job->started_at);
    gp_write_time(buf, "build_finished_at", job->finished_at);
    whole_time(buf, "build_created_at_iso", job->created_at);
    whole_time(buf, "build_started_at_iso", job->started_at);
    whole_time(buf, "build_finished_at_iso", job->finished_at);
    gp_write_seconds(buf, "build_duration", job_duration(job, at));
    gp_write_seconds(buf, "build_queued_duration", job_queued(job, at));
}

/* In a job event this object describes the pipeline and has its id. */
static void job_commit(gp_buf *buf, gp_mock *m, const gp_pipeline *p)
{
    gp_write_open(buf, "commit", '{');
    gp_write_integer(buf, "id", p->id);
    gp_write_string(buf, "name", p->name);
    gp_write_string(buf, "sha", p->sha);
    gp_write_string(buf, "message", "Change something\n");
    gp_write_string(buf, "author_name", "Administrator");
    gp_write_string(buf, "author_email", "admin@example.com");
    gp_write_open(buf, "author_url", '"');
    gp_buf_addf(buf, "%s/%s\"", m->url, gp_user_find(m, p->user_id)->username);
    gp_write_string(buf, "status", gp_status_name(p->status));
    whole_seconds(buf, "duration", p->duration);
    gp_write_time(buf, "started_at", p->started_at);
    gp_write_time(buf, "finished_at", p->finished_at);
    whole_time(buf, "started_at_iso", p->started_at);
    whole_time(buf, "finished_at_iso", p->finished_at);
    gp_write_close(buf, '}');
}

static void repository_of(gp_buf *buf, const gp_mock *m, const gp_project *project)
{
    gp_write_open(buf, "repository", '{');
    gp_write_string(buf, "name", base_name(project));
    ssh_url(buf, "url", m, project);
    gp_write_string(buf, "description", gp_json_get_string(project->def, "description", NULL));
    url(buf, "homepage", m, project, "", "");
    ssh_url(buf, "git_ssh_url", m, project);
    url(buf, "git_http_url", m, project, ".git", "");
    gp_write_integer(buf, "visibility_level", visibility_level(project));
    gp_write_close(buf, '}');
}

void gp_event_write_job(gp_buf *buf, gp_mock *m, const gp_job *job, gp_ms at)
{
    const gp_pipeline *p = job->pipeline;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "object_kind", "build");
    gp_write_string(buf, "ref", p->ref);
    gp_write_boolean(buf, "tag", p->tag);
    gp_write_string(buf, "before_sha", zeros);
    gp_write_string(buf, "sha", p->sha);
    gp_write_integer(buf, "retries_count", job->attempt - 1);
    gp_write_integer(buf, "build_id", job->id);
    gp_write_string(buf, "build_name", job->name);
    gp_write_string(buf, "build_stage", job->stage);
    gp_write_string(buf, "build_status", gp_status_name(job->status));
    job_times(buf, job, at);
    gp_write_boolean(buf, "build_allow_failure", job->allow_failure);
    gp_write_string(buf, "build_failure_reason",
                    job->status == GP_STATUS_FAILED && job->failure_reason ? job->failure_reason
                                                                           : "unknown_failure");
    gp_write_integer(buf, "pipeline_id", p->id);
    runner_of(buf, job);
    gp_write_integer(buf, "project_id", p->project->id);
    gp_write_string(buf, "project_name", p->project->path);
    user_of(buf, m, p->user_id);
    job_commit(buf, m, p);
    repository_of(buf, m, p->project);
    project_of(buf, m, p->project, 0);
    environment_of(buf, job);
    source_pipeline(buf, m, p);
    gp_write_close(buf, '}');
}

/* Deployments ------------------------------------------------------------------------------- */

void gp_event_write_deployment(gp_buf *buf, gp_mock *m, const gp_deployment *d, gp_ms at)
{
    const gp_environment *e = gp_environment_by_id(d->project, d->environment_id);
    const gp_job *job = d->job_id == GP_UNSET ? NULL : gp_ids_get(&m->jobs, d->job_id);
    int64_t user = job ? job->pipeline->user_id : 1;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "object_kind", "deployment");
    gp_write_string(buf, "status", d->status);
    spaced_time(buf, "status_changed_at", at, " +0000");
    gp_write_integer(buf, "deployment_id", d->id);
    if (job) {
        gp_write_integer(buf, "deployable_id", job->id);
        numbered_url(buf, "deployable_url", m, d->project, "/-/jobs/", job->id);
    } else {
        gp_write_null(buf, "deployable_id");
        gp_write_null(buf, "deployable_url");
    }
    gp_write_string(buf, "environment", e ? e->name : NULL);
    gp_write_string(buf, "environment_tier", e ? e->tier : NULL);
    gp_write_string(buf, "environment_slug", e ? e->slug : NULL);
    gp_write_string(buf, "environment_external_url", e ? e->external_url : NULL);
    project_of(buf, m, d->project, 1);
    gp_write_bytes(buf, "short_sha", d->sha, strnlen(d->sha, 8));
    user_of(buf, m, user);
    gp_write_open(buf, "user_url", '"');
    gp_buf_addf(buf, "%s/%s\"", m->url, gp_user_find(m, user)->username);
    /* The API accepts any text as sha. */
    gp_write_open(buf, "commit_url", '"');
    gp_buf_addf(buf, "%s/%s/-/commit/%.*s\"", m->url, d->project->path,
                (int)strspn(d->sha, "0123456789abcdefABCDEF"), d->sha);
    gp_write_string(buf, "commit_title", "Change something");
    gp_write_close(buf, '}');
}
