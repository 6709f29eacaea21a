/*
 * What the two ways to register a webhook target (/projects/:id/hooks and /_mock/hooks) share.
 */
#ifndef GP_MOCK_WEBHOOKS_HOOK_CALLS_H
#define GP_MOCK_WEBHOOKS_HOOK_CALLS_H

#include "mock/request/call.h"

/* Replaces a text that the call gives; "" takes it away. 0 when memory ran out. */
int gp_hook_take_text(gp_call *call, const char *name, char **slot);

/* A test event of the newest object of that kind. NULL when there is none, or memory ran out. */
gp_delivery *gp_hook_test_newest(gp_call *call, const gp_hook *hook, int event);

/* The headers of the delivery's present try as an object, secrets redacted. */
void gp_delivery_shape_headers(gp_buf *buf, const char *key, gp_mock *m, const gp_hook *hook,
                               const gp_delivery *d);

#endif
