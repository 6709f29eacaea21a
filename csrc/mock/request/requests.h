/*
 * The last requests, for the assertions of tests. They are kept unchanged in memory; credentials
 * are redacted when a request is shown or stored. They are stored only when the database is closed,
 * so that reads cost no transaction: a process that is killed loses them.
 */
#ifndef GP_MOCK_REQUEST_REQUESTS_H
#define GP_MOCK_REQUEST_REQUESTS_H

#include "mock/request/call.h"

void gp_requests_note(gp_mock *m, const gp_http_request_in *in, int status, int fault,
                      int uncommitted);

/* Sets the status of requests that waited for a flush: 0 if their responses were sent, else the
 * status that was sent instead. */
void gp_requests_settle(gp_mock *m, int status);
void gp_requests_clear(gp_mock *m);

/* The request as JSON, without credentials. */
void gp_request_shape(gp_call *call, gp_buf *buf, const gp_seen *seen);

/* Loading a row deletes it from the database. */
extern const gp_entity gp_request_entity;

#endif
