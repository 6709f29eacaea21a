/*
 * What was asked lately, for the assertions of tests. Kept as it came, in memory only; credentials
 * are taken out when it is shown.
 */
#ifndef GP_MOCK_REQUESTS_H
#define GP_MOCK_REQUESTS_H

#include "mock/call.h"

void gp_requests_note(gp_mock *m, const gp_http_request_in *in, int status, int fault);
void gp_requests_clear(gp_mock *m);

#endif
