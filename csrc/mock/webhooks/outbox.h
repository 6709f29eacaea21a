/*
 * The outbox of webhooks: what is to be sent when, and what becomes of it. Pure: it knows no
 * socket and no clock. Whoever sends takes what is due and reports the answer; a test may do both.
 *
 * A delivery waits until it is due, is being sent once it was taken, and is delivered or, after its
 * last try, failed. As GitLab does it, a 2xx or 3xx is a success; a target that has failed four
 * times in a row is left alone for a minute, then for twice as long each time up to a day, and
 * after forty failures until a test succeeds.
 */
#ifndef GP_MOCK_WEBHOOKS_OUTBOX_H
#define GP_MOCK_WEBHOOKS_OUTBOX_H

#include "mock/rows/hook.h"

/* How many deliveries are remembered. */
enum { GP_OUTBOX_MAX = 1000, GP_ANSWER_MAX = 8192 };

const char *gp_delivery_state_name(gp_delivery_state state);

/* The first delivery that is due at `t` and whose hook may be asked, marked as being sent; or
 * NULL. `hooks` are gp_hook. */
gp_delivery *gp_outbox_take(gp_outbox *outbox, const gp_list *hooks, gp_ms t);

/* When gp_outbox_take has something to give, if nothing is added; GP_MS_NEVER: never. */
gp_ms gp_outbox_next(const gp_outbox *outbox, const gp_list *hooks);

/* Puts a delivery in line: state, due and order follow from its hook and from what waits. */
void gp_outbox_queue(gp_outbox *outbox, const gp_hook *hook, gp_delivery *delivery, gp_ms t);

/* What came of it: `status` 0 for no answer. Moves the delivery and its hook on. */
void gp_outbox_report(gp_hook *hook, gp_delivery *delivery, int status, gp_ms t);

/* Again, with the same key, now. */
void gp_outbox_resend(gp_outbox *outbox, gp_delivery *delivery, gp_ms t);

/* May deliveries go to this target at `t`? */
int gp_hook_executable(const gp_hook *hook, gp_ms t);

gp_hook *gp_hook_by_id(const gp_list *hooks, int64_t id);
gp_delivery *gp_delivery_by_id(const gp_outbox *outbox, int64_t id);

void gp_hook_free(gp_hook *hook);
void gp_delivery_free(gp_delivery *delivery);
void gp_outbox_clear(gp_outbox *outbox);

#endif
