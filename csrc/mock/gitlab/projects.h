/*
 * Projects, the version and the user: the endpoints /projects, /version, /metadata, /user.
 */
#ifndef GP_MOCK_GITLAB_PROJECTS_H
#define GP_MOCK_GITLAB_PROJECTS_H

#include "mock/request/route.h"

gp_handler gp_put_project, gp_get_project, gp_list_projects, gp_get_version, gp_get_metadata,
    gp_get_user;

#endif
