/*
 * The part components/schemas of the OpenAPI document: the table of schemas.h.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_SCHEMAS_H
#define GP_MOCK_CONTROL_OPENAPI_SCHEMAS_H

#include "mock/request/call.h"

void gp_openapi_schemas(gp_call *call, gp_buf *buf);

#endif
