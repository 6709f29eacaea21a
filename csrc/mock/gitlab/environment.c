/* Rows of environments and their life; the endpoints are in environments.c. */
#include "mock/gitlab/environment.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mock/engine/world.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"

/* Texts that an environment owns, by their names in rows and parameters. */
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

/* Copies the texts that are given. 0 when memory ran out. */
int gp_environment_take(gp_mock *m, gp_environment *e, const gp_json *given)
{
    int i, good = 1;
    for (i = 0; i < TEXTS && good; i++)
        good = gp_mock_set_text(m, text_at(e, i), gp_json_get_string(given, texts[i].name, NULL));
    return good;
}

const char *const gp_environment_states[] = {"available", "stopping", "stopped"};

static const char *state_word(const char *text)
{
    int i;
    for (i = 0; i < 3; i++) {
        if (strcmp(gp_environment_states[i], text) == 0) return gp_environment_states[i];
    }
    return gp_environment_states[GP_AVAILABLE];
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
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "project_id", e->project->id);
    gp_write_string(&buf, "name", e->name);
    for (i = 0; i < TEXTS; i++)
        gp_write_string(&buf, texts[i].name, *text_at(e, i));
    gp_write_integer(&buf, "cluster_agent_id", e->cluster_agent_id);
    gp_write_string(&buf, "state", e->state);
    gp_write_integer(&buf, "created_at", e->created_at);
    gp_write_integer(&buf, "updated_at", e->updated_at);
    gp_write_integer(&buf, "stop_job_id", e->stop_job_id);
    gp_write_integer(&buf, "delete_at", e->delete_at);
    gp_write_close(&buf, '}');
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
    e->state = gp_environment_states[GP_AVAILABLE];
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
        good = e->slug && gp_mock_set_text(m, &e->name, name) && gp_environment_take(m, e, row) &&
               gp_list_add(&project->environments, e);
        if (id >= m->next_environment) m->next_environment = id + 1;
    }
    if (!good) gp_environment_free(e);
    return good;
}

static void clear(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        for (k = 0; k < project->environments.count; k++)
            gp_environment_free(project->environments.items[k]);
        gp_list_free(&project->environments);
    }
}

const gp_entity gp_environment_entity = {.kind = "environment", .load = load_one, .clear = clear};

/* A job's `environment`: a name, or {name, url, action, tier}. */
const char *gp_job_environment(const gp_job *job, const char *field, const char *fallback)
{
    const gp_json *value = gp_job_field(job, "environment");
    if (value && value->type == GP_JSON_STRING) {
        return strcmp(field, "name") == 0 ? value->string : fallback;
    }
    return gp_json_get_string(value, field, fallback);
}

void gp_environment_stop(gp_mock *m, gp_environment *e, gp_ms at)
{
    e->state = gp_environment_states[GP_STOPPED];
    e->stop_job_id = GP_UNSET;
    e->updated_at = at;
    gp_environment_save(m, e);
}

void gp_environment_delete(gp_mock *m, gp_environment *e)
{
    gp_store_object(m, "environment", e->id, NULL);
    gp_list_remove(&e->project->environments, e);
    gp_environment_free(e);
}

void gp_environments_expire(gp_mock *m, gp_project *project)
{
    size_t i = project->environments.count;
    while (i--) {
        gp_environment *e = project->environments.items[i];
        if (e->delete_at == GP_MS_NONE || e->delete_at > m->now) continue;
        if (strcmp(e->state, "stopped") == 0) gp_environment_delete(m, e);
    }
}

/* Leaves the object open: a detail adds its last deployment. */
void gp_view_environment(gp_buf *buf, const char *key, const gp_environment *e)
{
    gp_write_open(buf, key, '{');
    gp_write_integer(buf, "id", e->id);
    gp_write_string(buf, "name", e->name);
    gp_write_string(buf, "slug", e->slug);
    gp_write_string(buf, "description", e->description);
    gp_write_string(buf, "external_url", e->external_url);
    gp_write_time(buf, "created_at", e->created_at);
    gp_write_time(buf, "updated_at", e->updated_at);
    gp_write_string(buf, "tier", e->tier);
    gp_write_string(buf, "state", e->state);
    gp_write_null(buf, "auto_stop_at");
    gp_write_string(buf, "kubernetes_namespace", e->kubernetes_namespace);
    gp_write_string(buf, "flux_resource_path", e->flux_resource_path);
    gp_write_string(buf, "auto_stop_setting", e->auto_stop);
    gp_write_boolean(buf, "enable_advanced_logs_querying", 0);
    gp_write_open(buf, "logs_api_path", '"');
    gp_buf_addf(buf, "/%s/-/logs/k8s.json?environment_name=%s\"", e->project->path, e->slug);
}
