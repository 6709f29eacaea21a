/*
 * Which roles can set pipeline variables: as set by PUT /projects/:id, else by the world.
 */
#ifndef GP_MOCK_GITLAB_PROJECT_SETTINGS_H
#define GP_MOCK_GITLAB_PROJECT_SETTINGS_H

#include "mock/rows/state.h"

/* The lowest role that can, and whether it is enforced. */
const char *gp_project_variables_role(const gp_project *project);
int gp_project_restricts(const gp_project *project);

/* The lasting copy of a word for such a role, or NULL for another text. */
const char *gp_project_role_word(const char *text);

void gp_project_settings_save(gp_mock *m, const gp_project *project);

extern const gp_entity gp_project_settings_entity;

#endif
