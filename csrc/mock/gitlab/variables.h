/*
 * CI/CD variables of projects: rows and endpoints.
 */
#ifndef GP_MOCK_GITLAB_VARIABLES_H
#define GP_MOCK_GITLAB_VARIABLES_H

#include "mock/request/route.h"

gp_handler gp_list_variables, gp_get_variable, gp_create_variable, gp_update_variable,
    gp_delete_variable;

/* Adds the variables that a world lists for a project. 0 when memory ran out. */
int gp_variables_seed(gp_mock *m, gp_project *project);

extern const gp_entity gp_variable_entity;

#endif
