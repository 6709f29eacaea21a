/*
 * The endpoints of pipelines.
 */
#ifndef GP_MOCK_GITLAB_PIPELINES_H
#define GP_MOCK_GITLAB_PIPELINES_H

#include "mock/request/route.h"

gp_handler gp_list_own_pipelines, gp_list_pipelines, gp_latest_pipeline, gp_get_pipeline,
    gp_pipeline_variables, gp_create_pipeline, gp_retry_pipeline, gp_cancel_pipeline,
    gp_delete_pipeline, gp_rename_pipeline;

#endif
