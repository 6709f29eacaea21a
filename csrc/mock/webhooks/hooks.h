/*
 * Webhook targets: rows, what is told to whom, and how a delivery looks on the wire. The outbox
 * (outbox.h) decides when; whoever holds the mock sends (mock.h).
 */
#ifndef GP_MOCK_HOOKS_H
#define GP_MOCK_HOOKS_H

#include "mock/request/call.h"

/* Something has changed as of `at`: puts a delivery into the outbox for every target that wants to
 * know. Costs nothing while there is no target. */
void gp_hooks_pipeline(gp_mock *m, const gp_pipeline *p, gp_ms at);
void gp_hooks_job(gp_mock *m, const gp_job *job, gp_ms at);
void gp_hooks_deployment(gp_mock *m, const gp_deployment *d, gp_ms at);

/* A test event for one target, even one that is switched off. NULL when memory ran out. */
gp_delivery *gp_hooks_test(gp_mock *m, const gp_hook *hook, int event, gp_buf *body);

/* "pipeline", "job", "deployment"; and back, 0 for another word. */
const char *gp_hook_event_word(int event);
int gp_hook_event_bit(const char *word);

/* A target of a project, or of every one (GP_UNSET), with what holds if nothing is said; not yet
 * among the others: that is what gp_hook_enter is for. NULL, or 0, when memory ran out. */
gp_hook *gp_hook_new(const gp_mock *m, int64_t project_id);
int gp_hook_enter(gp_mock *m, gp_hook *hook);

/* Deletes a target with its deliveries. */
void gp_hook_drop(gp_mock *m, gp_hook *hook);

/* May this be a target's address? May this stand in a header? */
int gp_hook_url_fits(const char *url);
int gp_hook_text_fits(const char *text);

/* Replaces a text that the call gives; "" takes it away. 0 when memory ran out. */
int gp_hook_take_text(gp_call *call, const char *name, char **slot);

/* "executable", "temporarily_disabled" or "disabled". */
const char *gp_hook_alert_status(const gp_hook *hook, gp_ms now);

/* A test event of the newest object of that kind. NULL when there is none, or memory ran out. */
gp_delivery *gp_hook_test_newest(gp_call *call, const gp_hook *hook, int event);

/* The headers of the delivery's present try as an object, secrets redacted. */
void gp_delivery_shape_headers(gp_buf *buf, const char *key, gp_mock *m, const gp_hook *hook,
                               const gp_delivery *d);

/* Answers with one page of deliveries, each as `give` writes it; frees the list. */
typedef void gp_delivery_shape(gp_buf *buf, gp_mock *m, const gp_hook *hook, const gp_delivery *d);
int gp_answer_deliveries(gp_call *call, const gp_hook *hook, gp_list *rows,
                         gp_delivery_shape *give);

/* Reads targets and outbox back from the database. After every other row. */
int gp_hooks_load(gp_mock *m);
void gp_hooks_clear(gp_mock *m);

/* Keeps a changed delivery in the database. */
void gp_delivery_save(gp_mock *m, const gp_delivery *d);
void gp_hook_save(gp_mock *m, const gp_hook *hook);

/* The headers of the delivery's present try, as in a response. 0 when memory ran out. */
int gp_delivery_headers(gp_mock *m, const gp_hook *hook, const gp_delivery *d,
                        gp_http_response_out *out, int redacted);

#endif
