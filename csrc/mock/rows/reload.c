/* Clearing and reading back, for snapshots and for commits that failed. */
#include "mock/rows/reload.h"

#include <stdlib.h>

#include "mock/rows/entity.h"
#include "mock/rows/load.h"

static void free_project(gp_mock *m, gp_project *project)
{
    size_t i;
    for (i = 0; i < project->pipelines.count; i++)
        gp_pipeline_free(m, project->pipelines.items[i]);
    gp_list_free(&project->pipelines);
    gp_list_free(&project->environments);
    gp_list_free(&project->deployments);
    gp_list_free(&project->triggers);
    gp_list_free(&project->variables);
    free(project->path);
    free(project);
}

void gp_mock_clear(gp_mock *m)
{
    const gp_entity *const *entity;
    size_t i;
    for (entity = m->entities; *entity; entity++) {
        if ((*entity)->clear) (*entity)->clear(m);
    }
    for (i = 0; i < m->projects.count; i++)
        free_project(m, m->projects.items[i]);
    for (i = 0; i < m->scenarios.count; i++) {
        free(((gp_mock_scenario *)m->scenarios.items[i])->name);
        free(m->scenarios.items[i]);
    }
    for (i = 0; i < m->worlds.count; i++)
        gp_world_free(m->worlds.items[i]);
    for (i = 1; i < m->users.count; i++)
        free(m->users.items[i]);
    if (m->users.count) m->users.count = 1;
    m->projects.count = m->scenarios.count = 0;
    m->worlds.count = m->heap.count = m->dirty_pipelines.count = 0;
    m->world = NULL;
    gp_ids_free(&m->scenario_ids);
    gp_ids_free(&m->project_ids);
    gp_ids_free(&m->pipelines);
    gp_ids_free(&m->jobs);
    gp_arena_reset(&m->strings);
}

int gp_mock_reload(gp_mock *m, char *err, size_t err_size)
{
    gp_mock_clear(m);
    gp_mock_counters(m);
    return gp_store_load(m, err, err_size);
}
