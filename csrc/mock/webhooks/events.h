/*
 * What webhooks tell: the bodies of GitLab's pipeline, job and deployment events.
 */
#ifndef GP_MOCK_WEBHOOKS_EVENTS_H
#define GP_MOCK_WEBHOOKS_EVENTS_H

#include "mock/rows/state.h"

void gp_event_write_pipeline(gp_buf *buf, gp_mock *m, const gp_pipeline *p, gp_ms at);
void gp_event_write_job(gp_buf *buf, gp_mock *m, const gp_job *job, gp_ms at);
void gp_event_write_deployment(gp_buf *buf, gp_mock *m, const gp_deployment *d, gp_ms at);

#endif
