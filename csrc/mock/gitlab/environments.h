/*
 * The endpoints of environments.
 */
#ifndef GP_MOCK_GITLAB_ENVIRONMENTS_H
#define GP_MOCK_GITLAB_ENVIRONMENTS_H

#include "mock/request/route.h"

gp_handler gp_list_environments, gp_get_environment, gp_create_environment, gp_update_environment,
    gp_delete_environment, gp_stop_environment, gp_stop_stale_environments, gp_delete_review_apps;

#endif
