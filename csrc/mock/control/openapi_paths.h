/*
 * The part `paths` of the OpenAPI document: the table of routes.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_PATHS_H
#define GP_MOCK_CONTROL_OPENAPI_PATHS_H

#include "mock/request/call.h"

void gp_openapi_paths(gp_call *call, gp_buf *buf);

#endif
