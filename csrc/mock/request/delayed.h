/*
 * Requests that a fault has put off: copies, by the time at which they are carried out. They are
 * rows like others, with the token that came with them.
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
/* The first that is due by `until`, now the caller's; NULL if there is none. */
gp_delayed *gp_delayed_take(gp_mock *m, gp_ms until);
void gp_delayed_free(gp_delayed *delayed);

extern const gp_entity gp_delayed_entity;

#endif
