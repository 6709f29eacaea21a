/*
 * The life of one call: its route, its parameters, who calls, the rows that it names, its handler.
 */
#ifndef GP_MOCK_REQUEST_DISPATCH_H
#define GP_MOCK_REQUEST_DISPATCH_H

#include "mock/request/call.h"

/* Answers a call on that path (without prefix and query; changed in place): the body is written,
 * the status returned. */
int gp_dispatch(gp_call *call, char *path, const char *query);

#endif
