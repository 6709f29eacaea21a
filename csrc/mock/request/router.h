/*
 * Finds the route of a request.
 */
#ifndef GP_MOCK_REQUEST_ROUTER_H
#define GP_MOCK_REQUEST_ROUTER_H

#include "mock/request/route.h"

/* The outcome of looking for a route. */
typedef struct gp_match {
    const gp_route *route; /* NULL: none */
    char allow[64];        /* the methods of this path, when only the method did not fit */
} gp_match;

/* Finds the route in a table that ends with a NULL method, and sets the path parameters (decoded)
 * in `params`. */
void gp_route_find(const gp_route *routes, gp_arena *arena, const char *method, const char *path,
                   gp_json *params, gp_match *match);

/* Is it a path of ours, not of GitLab's: /_mock and below, and what is GP_PUBLIC? `path` ends with
 * a NUL or a '?'; the prefix /api/v4 may stand before it. */
int gp_route_is_own(const char *path);

#endif
