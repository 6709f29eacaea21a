/*
 * The outbox of webhooks: which delivery is sent when, and how its state changes. It has no socket
 * and no clock: the sender takes what is due and reports the result; a test can do both.
 *
 * A delivery is waiting until it is due, sending once it is taken, and then delivered or, after its
 * last attempt, failed. As in GitLab, a 2xx or 3xx is a success; a target that has failed four
 * times in a row is disabled for a minute, then for twice as long each time up to a day, and after
 * forty failures until a test succeeds.
 */
#ifndef GP_MOCK_WEBHOOKS_OUTBOX_H
#define GP_MOCK_WEBHOOKS_OUTBOX_H

#include "mock/rows/hook.h"

/* How many deliveries are remembered. */
enum { GP_OUTBOX_MAX = 1000, GP_ANSWER_MAX = 8192 };

const char *gp_delivery_state_name(gp_delivery_state state);

/* The first delivery that is due at `t` and whose target is enabled, marked as being sent; or NULL.
 * `hooks` are gp_hook. */
gp_delivery *gp_outbox_take(gp_outbox *outbox, const gp_list *hooks, gp_ms t);

/* When gp_outbox_take will next return a delivery if nothing is added; GP_MS_NEVER: never. */
gp_ms gp_outbox_next(const gp_outbox *outbox, const gp_list *hooks);

/* Queues a delivery: its state, due time and order follow from its hook and from the waiting
 * deliveries. */
void gp_outbox_queue(gp_outbox *outbox, const gp_hook *hook, gp_delivery *delivery, gp_ms t);

/* Reports the result of an attempt (`status` 0: no response) and updates the delivery and its
 * hook. */
void gp_outbox_report(gp_hook *hook, gp_delivery *delivery, int status, gp_ms t);

/* Queues a delivery again, now, with the same key. */
void gp_outbox_resend(gp_outbox *outbox, gp_delivery *delivery, gp_ms t);

/* Whether the target is enabled at `t`. */
int gp_hook_executable(const gp_hook *hook, gp_ms t);

gp_hook *gp_hook_by_id(const gp_list *hooks, int64_t id);
gp_delivery *gp_delivery_by_id(const gp_outbox *outbox, int64_t id);

void gp_hook_free(gp_hook *hook);
void gp_delivery_free(gp_delivery *delivery);
void gp_outbox_clear(gp_outbox *outbox);

#endif
