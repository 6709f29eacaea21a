/*
 * The life of one request: the clock moves, everything that is due happens, faults strike, the
 * route's handler runs, the transaction is committed, the response is completed and the request
 * noted. mock.h exposes these functions under the names gp_mock_...
 */
#ifndef GP_MOCK_REQUEST_SERVE_H
#define GP_MOCK_REQUEST_SERVE_H

#include "mock/rows/state.h"

/* See gp_mock_request, gp_mock_flush, gp_mock_refuse and gp_mock_trouble in mock.h. */
void gp_serve_request(gp_mock *m, double now, const gp_http_request_in *in,
                      gp_http_response_out *out);
int gp_serve_flush(gp_mock *m);
void gp_serve_refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out);
const char *gp_serve_trouble(const gp_mock *m);

/* Moves the clock to `now`, carrying out the delayed requests that are due on the way. */
void gp_serve_catch_up(gp_mock *m, double now);

#endif
