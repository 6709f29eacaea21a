#include "mock/gitlab/environments.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"
#include "mock/handlers.h"
#include "mock/gitlab/json_views.h"
#include "mock/engine/pipeline.h"
#include "mock/rows/store.h"
#include "mock/engine/world.h"

/* Rows -------------------------------------------------------------------------------------- */

/* Texts that are its own, by their names in rows and parameters. */
static const struct {
    const char *name;
    size_t at;
} texts[] = {
    {"external_url", offsetof(gp_environment, external_url)},
    {"tier", offsetof(gp_environment, tier)},
    {"description", offsetof(gp_environment, description)},
    {"auto_stop_setting", offsetof(gp_environment, auto_stop)},
    {"kubernetes_namespace", offsetof(gp_environment, kubernetes_namespace)},
    {"flux_resource_path", offsetof(gp_environment, flux_resource_path)},
};

enum { TEXTS = sizeof texts / sizeof *texts };

static char **text_at(gp_environment *e, int i)
{
    return (char **)(void *)((char *)e + texts[i].at);
}

/* Takes those that are given. 0 when memory ran out. */
static int take_texts(gp_mock *m, gp_environment *e, const gp_json *given)
{
    int i, good = 1;
    for (i = 0; i < TEXTS && good; i++)
        good = gp_mock_set_text(m, text_at(e, i), gp_json_get_string(given, texts[i].name, NULL));
    return good;
}

static const char *const states[] = {"available", "stopping", "stopped"};

static const char *state_word(const char *text)
{
    int i;
    for (i = 0; i < 3; i++) {
        if (strcmp(states[i], text) == 0) return states[i];
    }
    return states[0];
}

void gp_environment_free(gp_environment *e)
{
    int i;
    if (!e) return;
    free(e->name);
    free(e->slug);
    for (i = 0; i < TEXTS; i++)
        free(*text_at(e, i));
    free(e);
}

void gp_environment_save(gp_mock *m, gp_environment *e)
{
    gp_buf buf = {.alloc = &m->alloc};
    int i;
    gp_out_open(&buf, NULL, '{');
    gp_out_integer(&buf, "project_id", e->project->id);
    gp_out_string(&buf, "name", e->name);
    for (i = 0; i < TEXTS; i++)
        gp_out_string(&buf, texts[i].name, *text_at(e, i));
    gp_out_integer(&buf, "cluster_agent_id", e->cluster_agent_id);
    gp_out_string(&buf, "state", e->state);
    gp_out_integer(&buf, "created_at", e->created_at);
    gp_out_integer(&buf, "updated_at", e->updated_at);
    gp_out_integer(&buf, "stop_job_id", e->stop_job_id);
    gp_out_integer(&buf, "delete_at", e->delete_at);
    gp_out_close(&buf, '}');
    gp_store_row(m, "environment", e->id, &buf);
}

/* Lower-case letters, digits and single dashes, at most 24, as GitLab makes them. */
static char *slug_of(gp_mock *m, const char *name)
{
    char slug[25];
    size_t len = 0;
    for (; *name && len < sizeof slug - 1; name++) {
        int c = tolower((unsigned char)*name);
        if (isalnum(c)) {
            slug[len++] = (char)c;
        } else if (len && slug[len - 1] != '-') {
            slug[len++] = '-';
        }
    }
    while (len && slug[len - 1] == '-')
        len--;
    slug[len] = 0;
    return gp_mock_strdup(m, len ? slug : "env");
}

static const char *tier_of(const char *name)
{
    if (strstr(name, "prod") || strstr(name, "live")) return "production";
    if (strstr(name, "stag") || strstr(name, "pre")) return "staging";
    if (strstr(name, "test") || strstr(name, "qa")) return "testing";
    if (strstr(name, "dev") || strstr(name, "review") || strstr(name, "trunk"))
        return "development";
    return "other";
}

gp_environment *gp_environment_make(gp_mock *m, gp_project *project, const char *name, gp_ms at)
{
    gp_environment *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->id = m->next_environment;
    e->project = project;
    e->state = states[0];
    e->created_at = e->updated_at = at;
    e->stop_job_id = GP_UNSET;
    e->cluster_agent_id = GP_UNSET;
    e->delete_at = GP_MS_NONE;
    e->slug = slug_of(m, name);
    if (!e->slug || !gp_mock_set_text(m, &e->name, name) ||
        !gp_mock_set_text(m, &e->tier, tier_of(name)) ||
        !gp_mock_set_text(m, &e->auto_stop, "always") || !gp_list_add(&project->environments, e)) {
        gp_environment_free(e);
        return NULL;
    }
    m->next_environment++;
    gp_environment_save(m, e);
    return e;
}

gp_environment *gp_environment_by_name(const gp_project *project, const char *name)
{
    size_t i;
    for (i = 0; i < project->environments.count; i++) {
        gp_environment *e = project->environments.items[i];
        if (strcmp(e->name, name) == 0) return e;
    }
    return NULL;
}

gp_environment *gp_environment_by_id(const gp_project *project, int64_t id)
{
    size_t i;
    for (i = 0; i < project->environments.count; i++) {
        gp_environment *e = project->environments.items[i];
        if (e->id == id) return e;
    }
    return NULL;
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_project *project = gp_ids_get(&m->project_ids, gp_json_get_integer(row, "project_id", 0));
    gp_environment *e = calloc(1, sizeof *e);
    const char *name = gp_json_get_string(row, "name", NULL);
    int good = 0;
    if (project && e && name) {
        e->id = id;
        e->project = project;
        e->slug = slug_of(m, name);
        e->state = state_word(gp_json_get_string(row, "state", ""));
        e->created_at = gp_json_get_integer(row, "created_at", 0);
        e->updated_at = gp_json_get_integer(row, "updated_at", 0);
        e->stop_job_id = gp_json_get_integer(row, "stop_job_id", GP_UNSET);
        e->cluster_agent_id = gp_json_get_integer(row, "cluster_agent_id", GP_UNSET);
        e->delete_at = gp_json_get_integer(row, "delete_at", GP_MS_NONE);
        good = e->slug && gp_mock_set_text(m, &e->name, name) && take_texts(m, e, row) &&
               gp_list_add(&project->environments, e);
        if (id >= m->next_environment) m->next_environment = id + 1;
    }
    if (!good) gp_environment_free(e);
    return good;
}

int gp_environments_load(gp_mock *m)
{
    return gp_store_rows(m, "environment", load_one);
}

/* Following jobs ---------------------------------------------------------------------------- */

/* A job's `environment`: a name, or {name, url, action, tier}. */
static const char *environment_field(const gp_job *job, const char *field, const char *fallback)
{
    const gp_json *value = gp_job_field(job, "environment");
    if (value && value->type == GP_JSON_STRING) {
        return strcmp(field, "name") == 0 ? value->string : fallback;
    }
    return gp_json_get_string(value, field, fallback);
}

static void stop_now(gp_mock *m, gp_environment *e, gp_ms at)
{
    e->state = states[2];
    e->stop_job_id = GP_UNSET;
    e->updated_at = at;
    gp_environment_save(m, e);
}

/* A job that stops its environment deploys nothing. */
static void follow_stop(gp_mock *m, const gp_job *job, const char *name, gp_ms at)
{
    gp_environment *e = gp_environment_by_name(job->pipeline->project, name);
    if (!e) return;
    if (job->status == GP_STATUS_SUCCESS) {
        stop_now(m, e, at);
    } else if (e->stop_job_id == job->id && gp_status_is_finished(job->status)) {
        e->state = states[0];
        e->stop_job_id = GP_UNSET;
        e->updated_at = at;
        gp_environment_save(m, e);
    }
}

static void deploy(gp_mock *m, gp_job *job, const char *name, gp_ms at)
{
    gp_project *project = job->pipeline->project;
    gp_environment *e = gp_environment_by_name(project, name);
    gp_deployment_plan plan = {.ref = job->pipeline->ref,
                               .sha = job->pipeline->sha,
                               .status = "created",
                               .tag = job->pipeline->tag,
                               .job = job,
                               .at = at};
    gp_deployment *d;
    if (!e) e = gp_environment_make(m, project, name, at);
    d = e ? gp_deployment_make(m, e, &plan) : NULL;
    if (!d || !gp_mock_set_text(m, &e->external_url, environment_field(job, "url", NULL)) ||
        !gp_mock_set_text(m, &e->tier, environment_field(job, "tier", NULL))) {
        m->memory_failed = 1;
        return;
    }
    job->deployment_id = d->id;
    gp_environment_save(m, e);
}

void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at)
{
    const char *name, *action;
    gp_deployment *d;
    gp_environment *e;
    if (!job->def || !gp_job_field(job, "environment")) return;
    name = environment_field(job, "name", NULL);
    action = environment_field(job, "action", "start");
    if (!name) return;
    if (strcmp(action, "stop") == 0) follow_stop(m, job, name, at);
    if (strcmp(action, "start") != 0) return;
    if (job->status == GP_STATUS_PENDING && job->deployment_id == GP_UNSET)
        deploy(m, job, name, at);
    d = job->deployment_id == GP_UNSET
            ? NULL
            : gp_deployment_by_id(job->pipeline->project, job->deployment_id);
    if (!d || !gp_deployment_status_word(gp_status_name(job->status))) return;
    gp_deployment_status(m, d, gp_status_name(job->status), at);
    e = gp_environment_by_id(job->pipeline->project, d->environment_id);
    if (e && job->status == GP_STATUS_SUCCESS) {
        e->state = states[0];
        e->updated_at = at;
        gp_environment_save(m, e);
    }
}

/* Answers ----------------------------------------------------------------------------------- */

/* Leaves the object open: a detail adds its last deployment. */
void gp_shape_environment(gp_buf *buf, const char *key, const gp_environment *e)
{
    gp_out_open(buf, key, '{');
    gp_out_integer(buf, "id", e->id);
    gp_out_string(buf, "name", e->name);
    gp_out_string(buf, "slug", e->slug);
    gp_out_string(buf, "description", e->description);
    gp_out_string(buf, "external_url", e->external_url);
    gp_out_time(buf, "created_at", e->created_at);
    gp_out_time(buf, "updated_at", e->updated_at);
    gp_out_string(buf, "tier", e->tier);
    gp_out_string(buf, "state", e->state);
    gp_out_null(buf, "auto_stop_at");
    gp_out_string(buf, "kubernetes_namespace", e->kubernetes_namespace);
    gp_out_string(buf, "flux_resource_path", e->flux_resource_path);
    gp_out_string(buf, "auto_stop_setting", e->auto_stop);
    gp_out_boolean(buf, "enable_advanced_logs_querying", 0);
    gp_out_open(buf, "logs_api_path", '"');
    gp_buf_addf(buf, "/%s/-/logs/k8s.json?environment_name=%s\"", e->project->path, e->slug);
}

static void detail(gp_call *call, const gp_environment *e)
{
    gp_buf *buf = &call->out->body;
    const gp_deployment *current = gp_deployment_current(e);
    gp_shape_environment(buf, NULL, e);
    if (current) {
        gp_shape_deployment(buf, "last_deployment", call->m, current);
    } else {
        gp_out_null(buf, "last_deployment");
    }
    if (e->cluster_agent_id == GP_UNSET) {
        gp_out_null(buf, "cluster_agent");
    } else {
        gp_out_open(buf, "cluster_agent", '{');
        gp_out_integer(buf, "id", e->cluster_agent_id);
        gp_out_close(buf, '}');
    }
    gp_out_close(buf, '}');
}

static int wanted(const gp_call *call, const gp_environment *e)
{
    const char *name = gp_call_string(call, "name"), *search = gp_call_string(call, "search");
    const char *state = gp_call_string(call, "states");
    if (name && strcmp(name, e->name) != 0) return 0;
    if (search && !strcasestr(e->name, search)) return 0;
    return !state || strcmp(state, e->state) == 0;
}

int gp_list_environments(gp_call *call)
{
    const gp_list *all = &call->project->environments;
    const char *search = gp_call_string(call, "search");
    gp_buf *buf = &call->out->body;
    gp_list rows = {0};
    gp_page page;
    size_t i;
    if (search && gp_call_string(call, "name")) {
        return gp_fail_error(call, 400, "name, search cannot be used together");
    }
    if (search && strlen(search) < 3) {
        return gp_fail(call, 400, "400 Bad request - Search query is less than 3 characters");
    }
    for (i = 0; i < all->count; i++) {
        if (wanted(call, all->items[i]) && !gp_list_add(&rows, all->items[i]))
            call->m->memory_failed = 1;
    }
    page = gp_page_of(call, (int64_t)rows.count, 1);
    gp_out_open(buf, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < rows.count; i++) {
        gp_shape_environment(buf, NULL, rows.items[i]);
        gp_shape_project(buf, "project", call->m, call->project);
        gp_out_close(buf, '}');
    }
    gp_out_close(buf, ']');
    gp_list_free(&rows);
    return 200;
}

static void drop_row(gp_mock *m, gp_environment *e)
{
    gp_store_object(m, "environment", e->id, NULL);
    gp_list_remove(&e->project->environments, e);
    gp_environment_free(e);
}

/* The environment that is asked for, or NULL. */
static gp_environment *asked(const gp_call *call)
{
    return gp_environment_by_id(call->project, gp_call_integer(call, "environment_id", 0));
}

int gp_get_environment(gp_call *call)
{
    const gp_environment *e = asked(call);
    if (!e) return gp_fail_record(call);
    detail(call, e);
    return 200;
}

static int take(gp_call *call, gp_environment *e)
{
    gp_mock *m = call->m;
    if (!take_texts(m, e, call->params)) return 0;
    e->cluster_agent_id = gp_call_integer(call, "cluster_agent_id", e->cluster_agent_id);
    e->updated_at = m->now;
    gp_environment_save(m, e);
    return 1;
}

static int has_slug(const gp_call *call)
{
    return gp_json_get(call->params, "slug") != NULL;
}

int gp_create_environment(gp_call *call)
{
    const char *name = gp_call_string(call, "name");
    gp_buf *buf = &call->out->body;
    gp_environment *e;
    if (has_slug(call))
        return gp_fail_error(call, 400, "slug is automatically generated and cannot be changed");
    if (gp_environment_by_name(call->project, name)) {
        gp_buf_adds(buf, "{\"message\":{\"name\":[\"has already been taken\"],"
                         "\"slug\":[\"has already been taken\"]}}");
        return 400;
    }
    if (strlen(name) > 255)
        return gp_fail_field(call, "name", "is too long (maximum is 255 characters)");
    e = gp_environment_make(call->m, call->project, name, call->m->now);
    if (!e || !take(call, e)) return gp_fail_memory(call);
    detail(call, e);
    return 201;
}

int gp_update_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    if (has_slug(call))
        return gp_fail_error(call, 400, "slug is automatically generated and cannot be changed");
    if (!e) return gp_fail_record(call);
    if (!take(call, e)) return gp_fail_memory(call);
    detail(call, e);
    return 200;
}

int gp_delete_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    if (!e) return gp_fail_record(call);
    if (strcmp(e->state, "stopped") != 0) return gp_fail(call, 403, "403 Forbidden");
    drop_row(call->m, e);
    return 204;
}

/* The manual job of the environment's newest pipeline that stops it, or NULL. */
static gp_job *stop_job(const gp_environment *e)
{
    size_t i, k;
    for (i = e->project->pipelines.count; i > 0; i--) {
        const gp_pipeline *p = e->project->pipelines.items[i - 1];
        for (k = 0; k < p->jobs.count; k++) {
            gp_job *job = p->jobs.items[k];
            if (!job->def || !gp_job_playable(job) || !gp_job_field(job, "environment")) continue;
            if (strcmp(environment_field(job, "name", ""), e->name) != 0) continue;
            if (strcmp(environment_field(job, "action", "start"), "stop") == 0) return job;
        }
    }
    return NULL;
}

int gp_stop_environment(gp_call *call)
{
    gp_environment *e = asked(call);
    gp_job *job;
    if (!e) return gp_fail_record(call);
    job = gp_call_boolean(call, "force", 0) || strcmp(e->state, "available") != 0 ? NULL
                                                                                  : stop_job(e);
    if (job) {
        e->state = states[1];
        e->stop_job_id = job->id;
        e->updated_at = call->m->now;
        gp_environment_save(call->m, e);
        gp_simulate_job_play(call->m, job, NULL);
    } else if (strcmp(e->state, "available") == 0 || gp_call_boolean(call, "force", 0)) {
        stop_now(call->m, e, call->m->now);
    }
    detail(call, e);
    return 200;
}

int gp_stop_stale_environments(gp_call *call)
{
    gp_ms before = gp_call_time(call, "before"), week = INT64_C(7) * 86400000;
    size_t i;
    if (before > call->m->now - week || before < call->m->now - week * 522) {
        return gp_fail(call, 400, "400 Bad request - Invalid Date");
    }
    for (i = 0; i < call->project->environments.count; i++) {
        gp_environment *e = call->project->environments.items[i];
        if (strcmp(e->state, "available") == 0 && e->updated_at < before)
            stop_now(call->m, e, call->m->now);
    }
    return gp_fail(call, 200, "Successfully requested stop for all stale environments");
}

/* Review apps: what lies in the folder review/, and is stopped since before a time. */
static int is_old_review_app(const gp_environment *e, gp_ms before)
{
    return strncmp(e->name, "review/", 7) == 0 && strcmp(e->state, "stopped") == 0 &&
           e->delete_at == GP_MS_NONE && e->updated_at < before;
}

int gp_delete_review_apps(gp_call *call)
{
    enum { LIMIT = 100, MOST = 1000 };
    static const gp_ms day = 86400000;
    gp_buf *buf = &call->out->body;
    gp_ms now = call->m->now, before = gp_call_time(call, "before");
    int64_t left = gp_call_integer(call, "limit", LIMIT);
    int dry = gp_call_boolean(call, "dry_run", 1);
    size_t i;
    if (left < 1 || left > MOST)
        return gp_fail_error(call, 400, "limit does not have a valid value");
    if (before == GP_MS_NONE) before = now - 30 * day;
    gp_out_open(buf, NULL, '{');
    gp_out_open(buf, "scheduled_entries", '[');
    for (i = 0; i < call->project->environments.count && left; i++) {
        gp_environment *e = call->project->environments.items[i];
        if (!is_old_review_app(e, before)) continue;
        left--;
        gp_out_open(buf, NULL, '{');
        gp_out_integer(buf, "id", e->id);
        gp_out_string(buf, "name", e->name);
        gp_out_string(buf, "slug", e->slug);
        gp_out_string(buf, "external_url", e->external_url);
        gp_out_time(buf, "created_at", e->created_at);
        gp_out_time(buf, "updated_at", e->updated_at);
        gp_out_close(buf, '}');
        if (dry) continue;
        e->delete_at = now + 7 * day;
        gp_environment_save(call->m, e);
    }
    gp_out_close(buf, ']');
    gp_out_open(buf, "unprocessable_entries", '[');
    gp_out_close(buf, ']');
    gp_out_close(buf, '}');
    return 200;
}

void gp_environments_expire(gp_mock *m, gp_project *project)
{
    size_t i = project->environments.count;
    while (i--) {
        gp_environment *e = project->environments.items[i];
        if (e->delete_at == GP_MS_NONE || e->delete_at > m->now) continue;
        if (strcmp(e->state, "stopped") == 0) drop_row(m, e);
    }
}
