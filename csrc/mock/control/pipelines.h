/*
 * /_mock/pipelines: pipelines of every project, and overriding their course.
 */
#ifndef GP_MOCK_CONTROL_PIPELINES_H
#define GP_MOCK_CONTROL_PIPELINES_H

#include "mock/request/route.h"

gp_handler gp_mock_list_pipelines, gp_mock_get_pipeline, gp_mock_patch_pipeline,
    gp_mock_delete_pipeline, gp_mock_delete_pipelines;

#endif
