#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mock/gitlab/environments.h"
#include "mock/request/faults.h"
#include "mock/engine/schedule.h"
#include "mock/engine/lag.h"
#include "mock/webhooks/hooks.h"
#include "mock/request/delayed.h"
#include "mock/objects.h"
#include "mock/rows/state.h"
#include "mock/steps.h"
#include "mock/rows/store.h"
#include "mock/request/throttle.h"
#include "mock/gitlab/tokens.h"
#include "mock/engine/world.h"

/* Free ids for projects known by path start here, above the numbers that people use by hand. */
enum { FIRST_FREE_PROJECT = 1001 };

char *gp_mock_strdup(gp_mock *m, const char *text)
{
    char *copy;
    if (!text) return NULL;
    copy = strdup(text);
    if (!copy) m->memory_failed = 1;
    return copy;
}

int gp_mock_set_text(gp_mock *m, char **slot, const char *value)
{
    char *copy;
    if (!value) return 1;
    copy = gp_mock_strdup(m, value);
    if (!copy) return 0;
    free(*slot);
    *slot = copy;
    return 1;
}

/* FNV-1a over the text, then a finalizer that spreads every bit. */
uint64_t gp_mock_hash(const gp_mock *m, const char *what, uint64_t number)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ m->seed * UINT64_C(0x9E3779B97F4A7C15);
    for (; *what; what++)
        hash = (hash ^ (unsigned char)*what) * UINT64_C(0x100000001B3);
    hash ^= number * UINT64_C(0xD6E8FEB86659FD93);
    hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 32;
}

const char *gp_mock_version(const gp_mock *m)
{
    return gp_json_get_string(m->world ? m->world->root : NULL, "version", "19.2.0");
}

gp_mock_scenario *gp_scenario_find(gp_mock *m, int64_t id)
{
    return gp_ids_get(&m->scenario_ids, id);
}

gp_user *gp_user_find(gp_mock *m, int64_t id)
{
    size_t i;
    for (i = 0; i < m->users.count; i++) {
        gp_user *user = m->users.items[i];
        if (user->id == id) return user;
    }
    return m->users.items[0];
}

static int64_t free_project_id(const gp_mock *m)
{
    int64_t id = FIRST_FREE_PROJECT + (int64_t)m->projects.count;
    while (gp_ids_get(&m->project_ids, id))
        id++;
    return id;
}

gp_project *gp_project_enter(gp_mock *m, int64_t id, const char *path)
{
    gp_project *project = calloc(1, sizeof *project);
    if (!project) return NULL;
    project->id = id && !gp_ids_get(&m->project_ids, id) ? id : free_project_id(m);
    project->path = gp_mock_strdup(m, path);
    project->next_iid = project->next_deployment_iid = 1;
    project->restricts = GP_UNSET;
    if (!project->path || !gp_list_add(&m->projects, project)) {
        free(project->path);
        free(project);
        return NULL;
    }
    if (!gp_ids_put(&m->project_ids, project->id, project)) m->memory_failed = 1;
    return project;
}

gp_project *gp_project_add(gp_mock *m, int64_t id, const char *path)
{
    gp_project *project = gp_project_enter(m, id, path);
    if (project) gp_store_project(m, project);
    return project;
}

static gp_project *known_path(gp_mock *m, const char *path)
{
    size_t i;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        if (strcasecmp(project->path, path) == 0) return project;
    }
    return NULL;
}

/* With a world only its own projects exist. */
static gp_project *allowed(const gp_mock *m, gp_project *project)
{
    return m->world && project && !project->def ? NULL : project;
}

gp_project *gp_project_by_id(gp_mock *m, int64_t id)
{
    gp_project *project = gp_ids_get(&m->project_ids, id);
    char path[60];
    if (project || m->world) return allowed(m, project);
    if (id <= 0) return NULL;
    snprintf(path, sizeof path, "group/project-%lld", (long long)id);
    return known_path(m, path) ? NULL : gp_project_add(m, id, path);
}

/* A group's or project's own name is not empty, does not begin with '-' and does not end with '.'.
 */
static int pieces_fit(const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/");
        if (!len || path[0] == '-' || path[len - 1] == '.') return 0;
        if (!path[len]) return 1;
        path += len + 1;
    }
}

gp_project *gp_project_by_path(gp_mock *m, const char *path)
{
    static const char legal[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
    gp_project *project = known_path(m, path);
    size_t len = strlen(path);
    if (project || m->world) return allowed(m, project);
    if (len > 255 || strspn(path, legal) != len || !pieces_fit(path)) return NULL;
    return gp_project_add(m, 0, path);
}

gp_project *gp_project_find(gp_mock *m, const char *id)
{
    if (!id || !*id) return NULL;
    if (strspn(id, "0123456789") != strlen(id)) return gp_project_by_path(m, id);
    return strlen(id) > 15 ? NULL : gp_project_by_id(m, strtoll(id, NULL, 10));
}

static void free_pipeline(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        gp_job *job = p->jobs.items[i];
        gp_ids_remove(&m->jobs, job->id);
        free(job->variables);
        free(job);
    }
    gp_list_free(&p->jobs);
    free(p->ref);
    free(p->name);
    free(p->variables);
    free(p->def_path);
    gp_lag_forget(p);
    free(p);
}

void gp_pipeline_remove(gp_mock *m, gp_pipeline *p)
{
    gp_project *project = p->project;
    int had_resources = p->job_defs != NULL;
    gp_heap_remove(m, p);
    gp_list_remove(&m->dirty_pipelines, p);
    gp_list_remove(&p->project->pipelines, p);
    gp_ids_remove(&m->pipelines, p->id);
    free_pipeline(m, p);
    if (had_resources) gp_resources_offer(m, project, m->now);
}

static void free_project(gp_mock *m, gp_project *project)
{
    size_t i;
    for (i = 0; i < project->pipelines.count; i++)
        free_pipeline(m, project->pipelines.items[i]);
    for (i = 0; i < project->environments.count; i++)
        gp_environment_free(project->environments.items[i]);
    for (i = 0; i < project->deployments.count; i++)
        gp_deployment_free(project->deployments.items[i]);
    for (i = 0; i < project->triggers.count; i++)
        gp_trigger_free(project->triggers.items[i]);
    for (i = 0; i < project->variables.count; i++)
        gp_variable_free(project->variables.items[i]);
    gp_list_free(&project->pipelines);
    gp_list_free(&project->environments);
    gp_list_free(&project->deployments);
    gp_list_free(&project->triggers);
    gp_list_free(&project->variables);
    free(project->path);
    free(project);
}

void gp_mock_counters(gp_mock *m)
{
    m->next_pipeline = m->next_job = m->next_environment = m->next_deployment = m->next_trigger =
        m->next_token = m->next_variable = m->next_fault = m->next_hook = m->next_late = 1;
    m->outbox.next_id = m->outbox.next_order = 1;
    m->next_scenario = 1000;
    m->lag_kept = m->advanced = m->clock_offset = 0;
}

void gp_mock_clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->projects.count; i++)
        free_project(m, m->projects.items[i]);
    for (i = 0; i < m->scenarios.count; i++) {
        free(((gp_mock_scenario *)m->scenarios.items[i])->name);
        free(m->scenarios.items[i]);
    }
    for (i = 0; i < m->tokens.count; i++)
        gp_token_free(m->tokens.items[i]);
    for (i = 0; i < m->faults.count; i++)
        gp_fault_free(m->faults.items[i]);
    for (i = 0; i < m->worlds.count; i++)
        gp_world_free(m->worlds.items[i]);
    for (i = 1; i < m->users.count; i++)
        free(m->users.items[i]);
    if (m->users.count) m->users.count = 1;
    m->projects.count = m->scenarios.count = m->tokens.count = m->faults.count = 0;
    m->worlds.count = m->heap.count = m->dirty_pipelines.count = 0;
    m->world = NULL;
    gp_late_clear(m);
    gp_throttle_clear(m);
    gp_hooks_clear(m);
    gp_ids_free(&m->scenario_ids);
    gp_ids_free(&m->project_ids);
    gp_ids_free(&m->pipelines);
    gp_ids_free(&m->jobs);
    gp_arena_reset(&m->strings);
}
