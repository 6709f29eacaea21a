/*
 * Handing out deliveries to whoever sends them, and taking in the results. mock.h exposes these
 * functions under the names gp_mock_webhook_...
 */
#ifndef GP_MOCK_WEBHOOKS_SENDER_H
#define GP_MOCK_WEBHOOKS_SENDER_H

#include "mock/rows/state.h"

/* See gp_mock_webhook_timeout in mock.h. */
double gp_sender_timeout(gp_mock *m, double now);

/* The next delivery that is due at `now`, marked as being sent, and its target; NULL: none. */
gp_delivery *gp_sender_take(gp_mock *m, double now, const gp_hook **target);

/* See gp_mock_webhook_report in mock.h. */
int gp_sender_report(gp_mock *m, double now, int64_t id, int status, const char *answer,
                     size_t len);

#endif
