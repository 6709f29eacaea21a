/* Finding, making and freeing rows; numbers derived from the seed. */
#include "mock/rows/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

void gp_pipeline_forget_versions(gp_pipeline *p)
{
    size_t i;
    for (i = 0; i < p->versions.count; i++)
        free(p->versions.items[i]);
    gp_list_free(&p->versions);
}

void gp_pipeline_free(gp_mock *m, gp_pipeline *p)
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
    gp_pipeline_forget_versions(p);
    free(p);
}

void gp_world_free(gp_world *world)
{
    if (!world) return;
    gp_arena_free(&world->arena);
    free(world);
}

void gp_mock_counters(gp_mock *m)
{
    m->next_pipeline = m->next_job = m->next_environment = m->next_deployment = m->next_trigger =
        m->next_token = m->next_variable = m->next_fault = m->next_hook = m->next_delayed = 1;
    m->outbox.next_id = m->outbox.next_order = 1;
    m->next_scenario = 1000;
    m->lag_kept = m->advanced = m->clock_offset = 0;
}
