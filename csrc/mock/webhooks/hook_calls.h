/*
 * The common part of the two sets of endpoints for webhook targets: /projects/:id/hooks and
 * /_mock/hooks.
 */
#ifndef GP_MOCK_WEBHOOKS_HOOK_CALLS_H
#define GP_MOCK_WEBHOOKS_HOOK_CALLS_H

#include "mock/request/call.h"

/* Replaces a text by the call's parameter; "" removes it. 0 when memory ran out. */
int gp_hook_take_text(gp_call *call, const char *name, char **slot);

/* Queues a test event for the newest object of that kind. NULL when there is none, or memory ran
 * out. */
gp_delivery *gp_hook_test_newest(gp_call *call, const gp_hook *hook, int event);

/* Writes the headers of the delivery's current attempt as an object, with secrets redacted. */
void gp_delivery_shape_headers(gp_buf *buf, const char *key, gp_mock *m, const gp_hook *hook,
                               const gp_delivery *d);

#endif
