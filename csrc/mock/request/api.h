/*
 * What the simulation serves: the table of routes, and the functions of higher floors that the life
 * of a call needs. Composed in mock.c and passed in as m->api.
 */
#ifndef GP_MOCK_REQUEST_API_H
#define GP_MOCK_REQUEST_API_H

#include "mock/request/route.h"

typedef struct gp_api {
    const gp_route *routes; /* ends with a NULL method */

    /* Authorizes a call of a route with GP_OPEN: 0, or the status of the error written. */
    int (*authorize_open)(gp_call *call);

    /* Called when a call names this project; NULL: nothing to do. */
    void (*on_project)(gp_mock *m, gp_project *project);

    /* Responds to paths outside of the API (the object store); 0 for a path of the API. May be
     * NULL. */
    int (*answer_outside)(gp_call *call, const char *path, const char *query, int *status);
} gp_api;

#endif
