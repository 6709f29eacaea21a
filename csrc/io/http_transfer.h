/*
 * Starts, tracks and ends one transfer in a lane; and keeps the set of an engine's transfers: the
 * active ones, and those with an event to report. io/http.h declares the public functions of a
 * transfer. A finished transfer needs neither set nor lane.
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
    int count; /* active transfers */
    int64_t submitted;
} gp_http_transfers;

/* As gp_http_submit. */
gp_http_transfer *gp_http_transfer_start(gp_http_transfers *set, gp_http_lane *lane,
                                         const gp_http_request *request, gp_http_failure *failure);

/* libcurl has ended the transfer. */
void gp_http_transfer_complete(gp_http_transfer *transfer, CURLcode result);

/* Ends the transfers whose deadline or timeout has expired. */
void gp_http_transfers_expire(gp_http_transfers *set);

/* Cancels all transfers and queues them for gp_http_transfers_next. */
void gp_http_transfers_abandon(gp_http_transfers *set, const char *why);

/* As gp_http_engine_next. */
gp_http_transfer *gp_http_transfers_next(gp_http_transfers *set);

#endif
