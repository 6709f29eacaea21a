/*
 * /openapi.json: the contract as an OpenAPI 3.1 document, written from the table of routes
 * (openapi_paths.c) and the table of schemas (openapi_schemas.c). Those tables say what a route
 * takes and gives; these files only know how OpenAPI spells it.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_H
#define GP_MOCK_CONTROL_OPENAPI_H

#include "mock/request/route.h"

gp_handler gp_get_openapi;

#endif
