/*
 * Webhooks: which target gets which event, and how a delivery looks on the wire. The outbox
 * (outbox.h) decides when; the owner of the mock sends (mock.h).
 */
#ifndef GP_MOCK_WEBHOOKS_HOOKS_H
#define GP_MOCK_WEBHOOKS_HOOKS_H

#include "mock/rows/state.h"

/* To be called after a change as of `at`: puts a delivery into the outbox for every target that
 * wants the event. Costs nothing while there is no target. */
void gp_hooks_pipeline(gp_mock *m, const gp_pipeline *p, gp_ms at);
void gp_hooks_job(gp_mock *m, const gp_job *job, gp_ms at);
void gp_hooks_deployment(gp_mock *m, const gp_deployment *d, gp_ms at);

/* Queues a test event for one target, even a disabled one. NULL when memory ran out. */
gp_delivery *gp_hooks_test(gp_mock *m, const gp_hook *hook, int event, gp_buf *body);

/* "pipeline", "job", "deployment"; and back, 0 for another word. */
const char *gp_hook_event_word(int event);
int gp_hook_event_bit(const char *word);

/* The headers of the delivery's current attempt, stored as in a response. 0 when memory ran out. */
int gp_delivery_headers(gp_mock *m, const gp_hook *hook, const gp_delivery *d,
                        gp_http_response_out *out, int redacted);

#endif
