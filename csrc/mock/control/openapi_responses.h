/*
 * The responses of operations in the OpenAPI document.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_RESPONSES_H
#define GP_MOCK_CONTROL_OPENAPI_RESPONSES_H

#include "mock/request/route.h"

/* "responses" of a route. */
void gp_openapi_responses(gp_call *call, gp_buf *buf, const gp_route *route);

/* What they refer to: components/headers and components/responses. */
void gp_openapi_shared_responses(gp_buf *buf);

#endif
