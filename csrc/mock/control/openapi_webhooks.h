/*
 * The part `webhooks` of the OpenAPI document: the requests that the simulation itself sends.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_WEBHOOKS_H
#define GP_MOCK_CONTROL_OPENAPI_WEBHOOKS_H

#include "core/buf.h"

void gp_openapi_webhooks(gp_buf *buf);

#endif
