/*
 * The headers that every answer has, and paging.
 */
#ifndef GP_MOCK_REQUEST_ANSWER_H
#define GP_MOCK_REQUEST_ANSWER_H

#include "mock/request/call.h"

/* Content type, ETag (and 304), request id, rate limits, date. */
void gp_answer_headers(gp_call *call);

/* The content type of a body that is no JSON; call before gp_answer_headers. */
void gp_answer_type(gp_call *call, const char *type);

/* One page of a list. */
typedef struct gp_page {
    int64_t page, per_page, first, last; /* rows first..last-1 are shown */
} gp_page;

/* Reads page and per_page, writes X-Page ... and Link. `totals` says whether the server tells how
 * many there are. */
gp_page gp_page_of(gp_call *call, int64_t total, int totals);

/* Lists that can go by keyset end at this many rows for who goes by page. */
enum { GP_OFFSET_CEILING = 50000 };

/* Does the page asked for lie beyond it? Then 405, written; else 0. `type` is GitLab's name for
 * what is listed. */
int gp_page_too_far(gp_call *call, const char *type);

/* A Link to the next page of a list that goes by `cursor`, the rest of the query as it came. */
void gp_page_next_cursor(gp_call *call, const char *cursor);

/* A Link to the next page of a keyset. */
void gp_page_keyset(gp_call *call, const char *query);

#endif
