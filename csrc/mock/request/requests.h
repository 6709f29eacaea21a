/*
 * What was asked lately, for the assertions of tests. Kept as it came, in memory; credentials are
 * taken out when it is shown, and when it is written for the next run: at the end of this one
 * alone, so that reads cost no transaction. A process that is killed has forgotten it.
 */
#ifndef GP_MOCK_REQUEST_REQUESTS_H
#define GP_MOCK_REQUEST_REQUESTS_H

#include "mock/request/call.h"

void gp_requests_note(gp_mock *m, const gp_http_request_in *in, int status, int fault,
                      int uncommitted);

/* A flush has decided over the answers that waited for it: 0 when they were given, else the status
 * that was given instead. */
void gp_requests_settle(gp_mock *m, int status);
void gp_requests_clear(gp_mock *m);

/* The request as JSON, without credentials. */
void gp_request_shape(gp_call *call, gp_buf *buf, const gp_seen *seen);

/* Reading takes it out of the database. */
extern const gp_entity gp_request_entity;

#endif
