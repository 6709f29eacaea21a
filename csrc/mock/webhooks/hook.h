/*
 * Webhook targets and their deliveries as rows.
 */
#ifndef GP_MOCK_WEBHOOKS_HOOK_H
#define GP_MOCK_WEBHOOKS_HOOK_H

#include "mock/rows/state.h"

/* gp_hook_new makes a target for a project, or for every project (GP_UNSET), with defaults;
 * gp_hook_enter adds it to the list. NULL, or 0, when memory ran out. */
gp_hook *gp_hook_new(const gp_mock *m, int64_t project_id);
int gp_hook_enter(gp_mock *m, gp_hook *hook);

/* Deletes a target with its deliveries. */
void gp_hook_drop(gp_mock *m, gp_hook *hook);

/* Whether the text can be a target's URL, and whether it can be a header's value. */
int gp_hook_url_fits(const char *url);
int gp_hook_text_fits(const char *text);

/* "executable", "temporarily_disabled" or "disabled". */
const char *gp_hook_alert_status(const gp_hook *hook, gp_ms now);

/* Writes a changed delivery to the database. */
void gp_delivery_save(gp_mock *m, const gp_delivery *d);
void gp_hook_save(gp_mock *m, const gp_hook *hook);

/* Targets, then the outbox; after every other row. */
extern const gp_entity gp_hook_entity, gp_delivery_entity;

#endif
