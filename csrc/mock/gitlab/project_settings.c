/* A setting made by PUT wins over the world and is kept as a row. */
#include "mock/gitlab/project_settings.h"

#include <string.h>

#include "mock/rows/entity.h"
#include "mock/rows/save.h"

const char *gp_project_role_word(const char *text)
{
    static const char *const roles[] = {"no_one_allowed", "owner", "maintainer", "developer"};
    size_t i;
    for (i = 0; text && i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i], text) == 0) return roles[i];
    }
    return NULL;
}

const char *gp_project_variables_role(const gp_project *project)
{
    if (project->variables_role) return project->variables_role;
    return gp_json_get_string(project->def, "variables_role", "developer");
}

int gp_project_restricts(const gp_project *project)
{
    if (project->restricts != GP_UNSET) return project->restricts;
    return strcmp(gp_project_variables_role(project), "developer") != 0;
}

void gp_project_settings_save(gp_mock *m, const gp_project *project)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_string(&buf, "variables_role", project->variables_role);
    gp_write_integer(&buf, "restricts", project->restricts);
    gp_write_close(&buf, '}');
    gp_store_row(m, "settings", project->id, &buf);
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_project *project = gp_ids_get(&m->project_ids, id);
    if (project) {
        project->variables_role =
            gp_project_role_word(gp_json_get_string(row, "variables_role", NULL));
        project->restricts = (int)gp_json_get_integer(row, "restricts", GP_UNSET);
    }
    return project != NULL;
}

const gp_entity gp_project_settings_entity = {.kind = "settings", .load = load_one};
