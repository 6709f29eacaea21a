/* The bodies of projects, pipelines, users and jobs, field by field in GitLab's order. */
#include "mock/gitlab/json_views.h"

#include <string.h>

#include "mock/gitlab/project_settings.h"
#include "mock/engine/world.h"

/* Statuses as GitLab's pages show them: icon, text, label, group, favicon. */
typedef struct look {
    const char *icon, *text, *label, *group;
} look;

static const look looks[GP_STATUS_COUNT] = {
    [GP_STATUS_CREATED] = {"status_created", "Created", "created", "created"},
    [GP_STATUS_WAITING_FOR_RESOURCE] = {"status_pending", "Waiting", "waiting for resource",
                                        "waiting-for-resource"},
    [GP_STATUS_PREPARING] = {"status_preparing", "Preparing", "preparing", "preparing"},
    [GP_STATUS_WAITING_FOR_CALLBACK] = {"status_pending", "Waiting", "waiting for callback",
                                        "waiting-for-callback"},
    [GP_STATUS_PENDING] = {"status_pending", "Pending", "pending", "pending"},
    [GP_STATUS_RUNNING] = {"status_running", "Running", "running", "running"},
    [GP_STATUS_SUCCESS] = {"status_success", "Passed", "passed", "success"},
    [GP_STATUS_FAILED] = {"status_failed", "Failed", "failed", "failed"},
    [GP_STATUS_CANCELING] = {"status_canceled", "Canceling", "canceling", "canceling"},
    [GP_STATUS_CANCELED] = {"status_canceled", "Canceled", "canceled", "canceled"},
    [GP_STATUS_SKIPPED] = {"status_skipped", "Skipped", "skipped", "skipped"},
    [GP_STATUS_MANUAL] = {"status_manual", "Blocked", "waiting for manual action", "manual"},
    [GP_STATUS_SCHEDULED] = {"status_scheduled", "Delayed", "waiting for delayed job", "scheduled"},
};

static const look warned = {"status_warning", "Warning", "passed with warnings",
                            "success-with-warnings"};

const char *gp_status_label(gp_status status)
{
    return looks[status].label;
}

/* Writes a string composed of pieces, ended by NULL. The pieces are URLs, paths and numbers, which
 * need no escaping. */
static void url_to(gp_buf *buf, const char *key, const gp_mock *m, const char *path,
                   const char *middle, int64_t id)
{
    gp_write_open(buf, key, '"');
    if (m) gp_buf_adds(buf, m->url);
    gp_buf_add(buf, "/", 1);
    gp_buf_adds(buf, path);
    gp_buf_adds(buf, middle);
    if (id) gp_write_digits(buf, id);
    gp_write_close(buf, '"');
}

/* Users ------------------------------------------------------------------------------------- */

static void user_fields(gp_buf *buf, const gp_mock *m, const gp_user *user)
{
    gp_write_integer(buf, "id", user->id);
    gp_write_string(buf, "username", user->username);
    gp_write_string(buf, "name", user->name);
    gp_write_string(buf, "state", "active");
    gp_write_boolean(buf, "locked", 0);
    gp_write_null(buf, "avatar_url");
    url_to(buf, "web_url", m, user->username, "", 0);
}

void gp_view_user(gp_buf *buf, const char *key, const gp_mock *m, const gp_user *user)
{
    gp_write_open(buf, key, '{');
    user_fields(buf, m, user);
    gp_write_close(buf, '}');
}

void gp_view_profile(gp_buf *buf, const char *key, const gp_mock *m, const gp_user *user)
{
    static const char *const empty[] = {"bio",       "location", "public_email", "linkedin",
                                        "twitter",   "discord",  "website_url",  "github",
                                        "job_title", "pronouns", "organization"};
    size_t i;
    gp_write_open(buf, key, '{');
    user_fields(buf, m, user);
    gp_write_string(buf, "created_at", "2020-01-01T00:00:00.000Z");
    for (i = 0; i < sizeof empty / sizeof *empty; i++)
        gp_write_string(buf, empty[i], "");
    gp_write_boolean(buf, "bot", 0);
    gp_write_null(buf, "work_information");
    gp_write_integer(buf, "followers", 0);
    gp_write_integer(buf, "following", 0);
    gp_write_null(buf, "local_time");
    gp_write_close(buf, '}');
}

/* Projects ---------------------------------------------------------------------------------- */

/* "group / project" from "group/project". */
static void spaced(gp_buf *buf, const char *key, const char *path, size_t len)
{
    size_t i;
    gp_write_open(buf, key, '"');
    for (i = 0; i < len; i++) {
        gp_buf_add(buf, path[i] == '/' ? " / " : path + i, path[i] == '/' ? 3 : 1);
    }
    gp_write_close(buf, '"');
}

static void namespace_of(gp_buf *buf, const gp_mock *m, const gp_project *project, size_t len)
{
    const char *path = project->path;
    size_t start = len;
    while (start && path[start - 1] != '/')
        start--;
    gp_write_open(buf, "namespace", '{');
    gp_write_integer(buf, "id", (int64_t)(gp_mock_hash(m, "namespace", len) % 9000 + 100));
    gp_write_bytes(buf, "name", path + start, len - start);
    gp_write_bytes(buf, "path", path + start, len - start);
    gp_write_string(buf, "kind", "group");
    gp_write_bytes(buf, "full_path", path, len);
    gp_write_null(buf, "parent_id");
    gp_write_null(buf, "avatar_url");
    gp_write_open(buf, "web_url", '"');
    gp_buf_addf(buf, "%s/groups/%.*s\"", m->url, (int)len, path);
    gp_write_close(buf, '}');
}

void gp_view_project(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project)
{
    const char *slash = strrchr(project->path, '/'), *base = slash ? slash + 1 : project->path;
    size_t group = slash ? (size_t)(slash - project->path) : 0;
    const char *role = gp_project_variables_role(project);
    gp_write_open(buf, key, '{');
    gp_write_integer(buf, "id", project->id);
    gp_write_string(buf, "description", gp_json_get_string(project->def, "description", NULL));
    gp_write_string(buf, "name", base);
    spaced(buf, "name_with_namespace", project->path, strlen(project->path));
    gp_write_string(buf, "path", base);
    gp_write_string(buf, "path_with_namespace", project->path);
    gp_write_string(buf, "created_at", "2020-01-01T00:00:00.000Z");
    gp_write_string(buf, "default_branch",
                    gp_json_get_string(project->def, "default_branch", "main"));
    gp_write_open(buf, "tag_list", '[');
    gp_write_close(buf, ']');
    gp_write_open(buf, "topics", '[');
    gp_write_close(buf, ']');
    gp_write_open(buf, "ssh_url_to_repo", '"');
    gp_buf_addf(buf, "git@%s:%s.git\"", strstr(m->url, "//") ? strstr(m->url, "//") + 2 : m->url,
                project->path);
    url_to(buf, "http_url_to_repo", m, project->path, ".git", 0);
    url_to(buf, "web_url", m, project->path, "", 0);
    gp_write_null(buf, "readme_url");
    gp_write_integer(buf, "forks_count", 0);
    gp_write_null(buf, "avatar_url");
    gp_write_integer(buf, "star_count", 0);
    gp_write_string(buf, "last_activity_at", "2020-01-01T00:00:00.000Z");
    if (group) namespace_of(buf, m, project, group);
    gp_write_string(buf, "visibility", gp_json_get_string(project->def, "visibility", "private"));
    gp_write_boolean(buf, "archived", 0);
    gp_write_boolean(buf, "jobs_enabled", 1);
    gp_write_boolean(buf, "empty_repo", 0);
    gp_write_boolean(buf, "restrict_user_defined_variables", gp_project_restricts(project));
    gp_write_string(buf, "ci_pipeline_variables_minimum_override_role", role);
    gp_write_close(buf, '}');
}

/* Pipelines --------------------------------------------------------------------------------- */

static void pipeline_fields(gp_buf *buf, const gp_mock *m, const gp_pipeline *p, int named)
{
    gp_write_integer(buf, "id", p->id);
    gp_write_integer(buf, "iid", p->iid);
    gp_write_integer(buf, "project_id", p->project->id);
    gp_write_string(buf, "sha", p->sha);
    gp_write_string(buf, "ref", p->ref);
    gp_write_string(buf, "status", gp_status_name(p->status));
    gp_write_string(buf, "source", p->source);
    gp_write_time(buf, "created_at", p->created_at);
    gp_write_time(buf, "updated_at", p->updated_at);
    url_to(buf, "web_url", m, p->project->path, "/-/pipelines/", p->id);
    if (named) gp_write_string(buf, "name", p->name);
}

void gp_view_pipeline_short(gp_buf *buf, const char *key, const gp_mock *m, const gp_pipeline *p,
                            int named)
{
    gp_write_open(buf, key, '{');
    pipeline_fields(buf, m, p, named);
    gp_write_close(buf, '}');
}

static int has_warnings(const gp_pipeline *p)
{
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = p->jobs.items[i];
        if (!job->retried && gp_status_symbol(job->status, job->allow_failure) == GP_STATUS_WARNED)
            return 1;
    }
    return 0;
}

static void detailed_status(gp_buf *buf, const gp_mock *m, const gp_pipeline *p)
{
    const look *shown =
        p->status == GP_STATUS_SUCCESS && has_warnings(p) ? &warned : &looks[p->status];
    (void)m;
    gp_write_open(buf, "detailed_status", '{');
    gp_write_string(buf, "icon", shown->icon);
    gp_write_string(buf, "text", shown->text);
    gp_write_string(buf, "label", shown->label);
    gp_write_string(buf, "group", shown->group);
    gp_write_string(buf, "tooltip", shown->label);
    gp_write_boolean(buf, "has_details", 1);
    url_to(buf, "details_path", NULL, p->project->path, "/-/pipelines/", p->id);
    gp_write_null(buf, "illustration");
    gp_write_open(buf, "favicon", '"');
    gp_buf_addf(buf, "/assets/ci_favicons/favicon_%s.png\"", looks[p->status].icon);
    gp_write_close(buf, '}');
}

/* The mean of its jobs' coverage, "87.50", or null. */
static void coverage(gp_buf *buf, const gp_pipeline *p)
{
    double sum = 0, one;
    int64_t hundredths;
    size_t count = 0, i;
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = p->jobs.items[i];
        if (job->retried || job->status != GP_STATUS_SUCCESS) continue;
        one = job->def ? gp_job_number(job, "coverage", -1) : -1;
        if (one < 0) continue;
        sum += one;
        count++;
    }
    if (!count) {
        gp_write_null(buf, "coverage");
        return;
    }
    hundredths = (int64_t)(sum / (double)count * 100 + 0.5);
    gp_write_open(buf, "coverage", '"');
    gp_buf_addf(buf, "%d.%02d\"", (int)(hundredths / 100), (int)(hundredths % 100));
}

/* Whole seconds; null instead of zero, as in GitLab. */
static void whole_seconds(gp_buf *buf, const char *key, gp_ms value)
{
    if (value < 1000) {
        gp_write_null(buf, key);
    } else {
        gp_write_integer(buf, key, value / 1000);
    }
}

void gp_view_pipeline(gp_buf *buf, gp_mock *m, const gp_pipeline *p, int named)
{
    gp_write_open(buf, NULL, '{');
    pipeline_fields(buf, m, p, named);
    gp_write_string(buf, "before_sha", "0000000000000000000000000000000000000000");
    gp_write_boolean(buf, "tag", p->tag);
    gp_write_null(buf, "yaml_errors");
    gp_view_user(buf, "user", m, gp_user_find(m, p->user_id));
    gp_write_time(buf, "started_at", p->started_at);
    gp_write_time(buf, "finished_at", p->finished_at);
    gp_write_null(buf, "committed_at");
    if (p->duration == GP_MS_NONE) {
        gp_write_null(buf, "duration");
    } else {
        gp_write_integer(buf, "duration", p->duration / 1000);
    }
    whole_seconds(buf, "queued_duration",
                  p->started_at == GP_MS_NONE ? 0 : p->started_at - p->created_at);
    coverage(buf, p);
    detailed_status(buf, m, p);
    gp_write_boolean(buf, "archived", 0);
    gp_write_close(buf, '}');
}

/* Jobs -------------------------------------------------------------------------------------- */

const gp_json *gp_job_files(const gp_mock *m, const gp_job *job)
{
    const gp_json *files = job->def ? gp_job_field(job, "artifacts") : NULL;
    const char *when = job->def ? gp_job_text(job, "artifacts_when", "on_success") : "";
    gp_ms expires;
    if (!files || !files->count || files->type != GP_JSON_OBJECT || job->no_artifacts) return NULL;
    if (job->status == GP_STATUS_SUCCESS
            ? strcmp(when, "on_failure") == 0
            : job->status != GP_STATUS_FAILED || strcmp(when, "on_success") == 0) {
        return NULL;
    }
    expires = gp_job_artifacts_expire(job);
    return expires != GP_MS_NONE && expires <= m->now ? NULL : files;
}

gp_ms gp_job_artifacts_expire(const gp_job *job)
{
    if (!job->def || job->kept || job->finished_at == GP_MS_NONE ||
        !gp_job_field(job, "artifacts")) {
        return GP_MS_NONE;
    }
    /* GitLab.com's default: 30 days. */
    return job->finished_at + gp_ms_from_seconds(gp_job_number(job, "expire_in", 30.0 * 86400));
}

/* An archive of stored files: per file a local header (30), a central entry (46) and the name
 * twice, then the end record (22). */
int64_t gp_job_archive_size(gp_mock *m, const gp_job *job)
{
    const gp_json *files = gp_job_files(m, job), *file;
    int64_t size = 22;
    if (!files) return 0;
    for (file = files->child; file; file = file->next) {
        size += 76 + 2 * (int64_t)strlen(file->key) + (int64_t)file->len;
    }
    return size;
}

static void commit_of(gp_buf *buf, const gp_mock *m, const gp_pipeline *p)
{
    static const char day[] = "2026-01-01T00:00:00.000+00:00";
    gp_write_open(buf, "commit", '{');
    gp_write_string(buf, "id", p->sha);
    gp_write_bytes(buf, "short_id", p->sha, 8);
    gp_write_string(buf, "created_at", day);
    gp_write_open(buf, "parent_ids", '[');
    gp_write_close(buf, ']');
    gp_write_string(buf, "title", "Change something");
    gp_write_string(buf, "message", "Change something\n");
    gp_write_string(buf, "author_name", "Administrator");
    gp_write_string(buf, "author_email", "admin@example.com");
    gp_write_string(buf, "authored_date", day);
    gp_write_string(buf, "committer_name", "Administrator");
    gp_write_string(buf, "committer_email", "admin@example.com");
    gp_write_string(buf, "committed_date", day);
    gp_write_open(buf, "trailers", '{');
    gp_write_close(buf, '}');
    gp_write_open(buf, "extended_trailers", '{');
    gp_write_close(buf, '}');
    gp_write_open(buf, "web_url", '"');
    gp_buf_addf(buf, "%s/%s/-/commit/%s\"", m->url, p->project->path, p->sha);
    gp_write_close(buf, '}');
}

static void runner_of(gp_buf *buf, const gp_job *job)
{
    if (job->started_at == GP_MS_NONE) {
        gp_write_null(buf, "runner");
        gp_write_null(buf, "runner_manager");
        return;
    }
    gp_write_open(buf, "runner", '{');
    gp_write_integer(buf, "id", 1);
    gp_write_string(buf, "description", "simulated runner");
    gp_write_string(buf, "ip_address", "127.0.0.1");
    gp_write_boolean(buf, "active", 1);
    gp_write_boolean(buf, "paused", 0);
    gp_write_boolean(buf, "is_shared", 1);
    gp_write_string(buf, "runner_type", "instance_type");
    gp_write_string(buf, "name", "gitlab-runner");
    gp_write_boolean(buf, "online", 1);
    gp_write_string(buf, "status", "online");
    gp_write_close(buf, '}');
    gp_write_open(buf, "runner_manager", '{');
    gp_write_integer(buf, "id", 1);
    gp_write_string(buf, "system_id", "s_89e5e9956577");
    gp_write_string(buf, "version", "18.9.0");
    gp_write_string(buf, "revision", "00000000");
    gp_write_string(buf, "platform", "linux");
    gp_write_string(buf, "architecture", "amd64");
    gp_write_string(buf, "created_at", "2020-01-01T00:00:00.000Z");
    gp_write_time(buf, "contacted_at", job->started_at);
    gp_write_string(buf, "ip_address", "127.0.0.1");
    gp_write_string(buf, "status", "online");
    gp_write_close(buf, '}');
}

static void artifact(gp_buf *buf, const char *type, int64_t size, const char *name,
                     const char *format)
{
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "file_type", type);
    gp_write_integer(buf, "size", size);
    gp_write_string(buf, "filename", name);
    gp_write_string(buf, "file_format", format);
    gp_write_close(buf, '}');
}

static void artifacts_of(gp_buf *buf, gp_mock *m, const gp_job *job)
{
    int64_t size = gp_job_archive_size(m, job);
    if (size) {
        gp_write_open(buf, "artifacts_file", '{');
        gp_write_string(buf, "filename", "artifacts.zip");
        gp_write_integer(buf, "size", size);
        gp_write_close(buf, '}');
    }
    gp_write_open(buf, "artifacts", '[');
    if (size) artifact(buf, "archive", size, "artifacts.zip", "zip");
    if (job->def && gp_job_field(job, "tests") && job->finished_at != GP_MS_NONE &&
        job->started_at != GP_MS_NONE && !job->no_artifacts) {
        artifact(buf, "junit", 512, "junit.xml.gz", "gzip");
    }
    gp_write_close(buf, ']');
    gp_write_time(buf, "artifacts_expire_at", gp_job_artifacts_expire(job));
}

static void tags_of(gp_buf *buf, const gp_job *job)
{
    const gp_json *tags = job->def ? gp_job_field(job, "tags") : NULL, *tag;
    gp_write_open(buf, "tag_list", '[');
    for (tag = tags ? tags->child : NULL; tag; tag = tag->next) {
        if (tag->type == GP_JSON_STRING) gp_write_bytes(buf, NULL, tag->string, tag->len);
    }
    gp_write_close(buf, ']');
}

/* What builds and trigger jobs have in common. */
static void job_fields(gp_buf *buf, gp_mock *m, const gp_job *job)
{
    const gp_pipeline *p = job->pipeline;
    const gp_json *covered =
        job->def && job->status == GP_STATUS_SUCCESS ? gp_job_field(job, "coverage") : NULL;
    gp_ms end = job->finished_at == GP_MS_NONE ? m->now : job->finished_at;
    gp_ms left = job->started_at != GP_MS_NONE ? job->started_at : end;
    gp_write_integer(buf, "id", job->id);
    gp_write_string(buf, "status", gp_status_name(job->status));
    gp_write_string(buf, "stage", job->stage);
    gp_write_string(buf, "name", job->name);
    gp_write_string(buf, "ref", p->ref);
    gp_write_boolean(buf, "tag", p->tag);
    if (covered) {
        gp_write_open(buf, "coverage", ' ');
        gp_json_write(buf, covered);
    } else {
        gp_write_null(buf, "coverage");
    }
    gp_write_boolean(buf, "allow_failure", job->allow_failure);
    gp_write_time(buf, "created_at", job->created_at);
    gp_write_time(buf, "started_at", job->started_at);
    gp_write_time(buf, "finished_at", job->finished_at);
    gp_write_time(buf, "erased_at", job->erased_at);
    gp_write_seconds(buf, "duration",
                     job->started_at == GP_MS_NONE ? GP_MS_NONE : end - job->started_at);
    gp_write_seconds(buf, "queued_duration",
                     job->queued_at == GP_MS_NONE ? GP_MS_NONE : left - job->queued_at);
    gp_view_profile(buf, "user", m, gp_user_find(m, p->user_id));
    commit_of(buf, m, p);
    gp_view_pipeline_short(buf, "pipeline", m, p, 0);
    if (job->status == GP_STATUS_FAILED)
        gp_write_string(buf, "failure_reason", job->failure_reason);
    url_to(buf, "web_url", m, p->project->path, "/-/jobs/", job->id);
    gp_write_open(buf, "project", '{');
    gp_write_boolean(buf, "ci_job_token_scope_enabled", 0);
    gp_write_close(buf, '}');
    gp_write_string(buf, "source", p->source);
    gp_write_boolean(buf, "archived", 0);
}

void gp_view_job(gp_buf *buf, const char *key, gp_mock *m, const gp_job *job)
{
    gp_write_open(buf, key, '{');
    job_fields(buf, m, job);
    artifacts_of(buf, m, job);
    runner_of(buf, job);
    tags_of(buf, job);
    gp_write_close(buf, '}');
}

void gp_view_bridge(gp_buf *buf, const char *key, gp_mock *m, const gp_job *job)
{
    const gp_pipeline *made =
        job->downstream_id == GP_UNSET ? NULL : gp_ids_get(&m->pipelines, job->downstream_id);
    gp_write_open(buf, key, '{');
    job_fields(buf, m, job);
    if (made) {
        gp_view_pipeline_short(buf, "downstream_pipeline", m, made, 0);
    } else {
        gp_write_null(buf, "downstream_pipeline");
    }
    gp_write_close(buf, '}');
}
