/*
 * Requests that a fault has delayed: copies with the time at which they are carried out. They are
 * stored as rows, with their token.
 */
#ifndef GP_MOCK_REQUEST_DELAYED_H
#define GP_MOCK_REQUEST_DELAYED_H

#include "mock/rows/state.h"

typedef struct gp_delayed {
    int64_t id;
    gp_ms due;
    gp_http_request_in request;
    gp_arena arena; /* what the request points to */
} gp_delayed;

void gp_delayed_add(gp_mock *m, const gp_http_request_in *in, gp_ms due);
/* Takes the first request that is due by `until`, to be freed by the caller; NULL if there is
 * none. */
gp_delayed *gp_delayed_take(gp_mock *m, gp_ms until);
void gp_delayed_free(gp_delayed *delayed);

extern const gp_entity gp_delayed_entity;

#endif
