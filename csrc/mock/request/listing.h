/*
 * What the endpoints that list rows have in common: filter, sort, page, write.
 */
#ifndef GP_MOCK_REQUEST_LISTING_H
#define GP_MOCK_REQUEST_LISTING_H

#include "mock/request/call.h"

/* Writes one row of a list, or the only row of a response, to call->out->body. */
typedef void gp_row_view(gp_call *call, const void *row);

typedef struct gp_listing {
    const gp_list *rows;
    gp_row_view *view;
    /* Whether a row is listed; NULL: every row is. `ctx` is the caller's. */
    int (*wanted)(const gp_call *call, const void *row, const void *ctx);
    const void *ctx;
    int (*compare)(const void *, const void *); /* for qsort; NULL: in the order of `rows` */
    int reverse;                                /* from the last to the first */
    int uncounted; /* does not tell how many rows there are: no X-Total */
    int whole;     /* not divided into pages */
} gp_listing;

/* Responds with one page of the list: returns the status. */
int gp_listing_respond(gp_call *call, const gp_listing *listing);

#endif
