/*
 * From a path to a response: route, parameters, authentication, the rows that the path names,
 * handler.
 */
#ifndef GP_MOCK_REQUEST_DISPATCH_H
#define GP_MOCK_REQUEST_DISPATCH_H

#include "mock/request/call.h"

/* Responds to a call on that path (without prefix and query; changed in place): writes the body and
 * returns the status. */
int gp_dispatch(gp_call *call, char *path, const char *query);

#endif
