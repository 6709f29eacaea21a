/*
 * What the simulation serves: the table of routes, and what the life of a call asks of the floors
 * above. Composed in mock.c and passed in as m->api.
 */
#ifndef GP_MOCK_REQUEST_API_H
#define GP_MOCK_REQUEST_API_H

#include "mock/request/route.h"

typedef struct gp_api {
    const gp_route *routes; /* ends with a NULL method */

    /* Authorizes a call of a route with GP_OPEN: 0, or the status of the error written. */
    int (*authorize_open)(gp_call *call);

    /* A call has named this project; NULL: nothing to do. */
    void (*on_project)(gp_mock *m, gp_project *project);

    /* Answers what is no path of the API (the object store); 0: it is one. May be NULL. */
    int (*answer_outside)(gp_call *call, const char *path, const char *query, int *status);
} gp_api;

#endif
