/*
 * The contract as an OpenAPI document.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_H
#define GP_MOCK_CONTROL_OPENAPI_H

#include "mock/request/route.h"

gp_handler gp_get_openapi;

#endif
