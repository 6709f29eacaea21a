/*
 * One transfer: starting it in a lane, following it, ending it; and the set of an engine's
 * transfers: those under way, and those that have something to show. io/http.h says what may be
 * asked of a transfer. A transfer that has ended needs neither set nor lane.
 */
#ifndef GP_IO_HTTP_TRANSFER_H
#define GP_IO_HTTP_TRANSFER_H

#include "io/http_deadlines.h"
#include "io/http_lane.h"

typedef struct gp_http_transfers {
    gp_http_transfer *active;
    gp_http_transfer *ready_head, *ready_tail;
    gp_http_deadlines deadlines;
    int64_t last_id;
    int count; /* of the active ones */
    int64_t submitted;
} gp_http_transfers;

/* As gp_http_submit. */
gp_http_transfer *gp_http_transfer_start(gp_http_transfers *set, gp_http_lane *lane,
                                         const gp_http_request *request, gp_http_failure *failure);

/* libcurl has ended the transfer. */
void gp_http_transfer_complete(gp_http_transfer *transfer, CURLcode result);

/* Ends those whose time has run out. */
void gp_http_transfers_look(gp_http_transfers *set);

/* Ends all as cancelled and shows them. */
void gp_http_transfers_abandon(gp_http_transfers *set, const char *why);

/* As gp_http_engine_next. */
gp_http_transfer *gp_http_transfers_next(gp_http_transfers *set);

#endif
