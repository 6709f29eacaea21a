/*
 * The headers of every response, and paging.
 */
#ifndef GP_MOCK_REQUEST_ANSWER_H
#define GP_MOCK_REQUEST_ANSWER_H

#include "mock/request/call.h"

/* Content type, ETag (and 304), request id, rate limits, date. */
void gp_answer_headers(gp_call *call);

/* Sets the content type of a body that is not JSON; call before gp_answer_headers. */
void gp_answer_type(gp_call *call, const char *type);

/* One page of a list. */
typedef struct gp_page {
    int64_t page, per_page, first, last; /* rows first..last-1 are shown */
} gp_page;

/* Reads page and per_page, writes X-Page ... and Link. `totals` says whether the server tells how
 * many there are. */
gp_page gp_page_of(gp_call *call, int64_t total, int totals);

/* Offset paging ends at this many rows in lists that also have keyset paging. */
enum { GP_OFFSET_CEILING = 50000 };

/* 405, written, if the requested page lies beyond that; else 0. `type` is GitLab's name for the
 * listed objects. */
int gp_page_too_far(gp_call *call, const char *type);

/* Adds a Link to the next page of a list with `cursor`; the rest of the query stays as it is. */
void gp_page_next_cursor(gp_call *call, const char *cursor);

/* Adds a Link to the next page of a keyset. */
void gp_page_keyset(gp_call *call, const char *query);

#endif
