/*
 * The smaller rows of a project: trigger tokens and CI variables; and access tokens. Each is kept
 * in the database as one JSON object, written at the moment of its change.
 */
#ifndef GP_MOCK_OBJECTS_H
#define GP_MOCK_OBJECTS_H

#include "mock/rows/state.h"

/* NULL when memory ran out. `expires_at` may be GP_MS_NONE. */
gp_trigger *gp_trigger_make(gp_mock *m, gp_project *project, const char *token,
                            const char *description, gp_ms expires_at);
void gp_trigger_save(gp_mock *m, const gp_trigger *trigger);
void gp_trigger_free(gp_trigger *trigger);
/* The project's trigger with that token, not expired; NULL if there is none. */
gp_trigger *gp_trigger_find(const gp_mock *m, const gp_project *project, const char *token);
int gp_triggers_load(gp_mock *m);

/* Who may give a pipeline variables: the role, and whether it is looked at. */
const char *gp_project_variables_role(const gp_project *project);
int gp_project_restricts(const gp_project *project);
int gp_settings_load(gp_mock *m);

/* A variable of a world, unless the project has one of that name. */
int gp_variable_seed(gp_mock *m, gp_project *project, const char *key, const char *value);
void gp_variable_save(gp_mock *m, const gp_variable *variable);
void gp_variable_free(gp_variable *variable);
int gp_variables_load(gp_mock *m);

#endif
