/* A project is found by number or path and, without a world, made on first use. */
#include "mock/rows/projects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mock/rows/save.h"

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
