/*
 * Checks and converts the parameters of a call by its route.
 */
#ifndef GP_MOCK_REQUEST_ROUTE_PARAMS_H
#define GP_MOCK_REQUEST_ROUTE_PARAMS_H

#include "mock/request/route.h"

/* Parameters that occur in paths, and those of lists; both end with a NULL name. */
extern const gp_param gp_path_params[], gp_paging_params[];

/* Checks and converts call->params by the route's table: 0, or the status of the error that it has
 * written. */
int gp_route_check(gp_call *call);

#endif
