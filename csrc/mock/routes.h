/*
 * The table of routes: every endpoint of the simulated GitLab, one row each.
 */
#ifndef GP_MOCK_ROUTES_H
#define GP_MOCK_ROUTES_H

#include "mock/request/route.h"

extern const gp_route gp_routes[]; /* ends with a NULL method */

#endif
