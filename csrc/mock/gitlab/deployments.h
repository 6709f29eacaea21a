/*
 * The endpoints of deployments.
 */
#ifndef GP_MOCK_GITLAB_DEPLOYMENTS_H
#define GP_MOCK_GITLAB_DEPLOYMENTS_H

#include "mock/request/route.h"

gp_handler gp_list_deployments, gp_get_deployment, gp_create_deployment, gp_update_deployment,
    gp_delete_deployment, gp_deployment_merge_requests;

#endif
