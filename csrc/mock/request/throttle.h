/*
 * GitLab's rate limits, where a world or a fault rule sets `throttle`, an object with
 *
 *   limit, period   requests of one token in a window of `period` seconds (default 60); beyond the
 *                   limit, a 429 in plain text. The headers of every response show the window.
 *   creations       pipelines per minute for one project, user and commit; beyond, a 400
 *   jobs            lists of a project's jobs per minute for one user; beyond, a 429 in JSON
 *
 * Windows begin at whole multiples of their length and count refused requests too. The count of a
 * limit is in the database before the response is sent.
 */
#ifndef GP_MOCK_REQUEST_THROTTLE_H
#define GP_MOCK_REQUEST_THROTTLE_H

#include "mock/request/call.h"

/* Counts the request against `rule`, which is the `scope`-th of its kind; 1 when it exceeds the
 * limit. call->rate keeps the strictest of the limits counted so far. */
int gp_throttle_count(gp_call *call, const gp_json *rule, int64_t scope);

/* The window in the headers of a response without a limit: GitLab.com's, never enforced. */
void gp_throttle_default(gp_call *call);

/* Whether a pipeline of that commit is allowed now. Counts the attempt against a limit per minute
 * (negative: none; see gp_fault_throttle). */
int gp_throttle_allows_pipeline(gp_call *call, int64_t limit, const char *sha);

/* Whether listing the jobs of a project is allowed now. Counts the attempt. */
int gp_throttle_allows_jobs(gp_call *call, int64_t limit);

/* Windows of limits are written with every transaction; the others only when the database is
 * closed. */
extern const gp_entity gp_window_entity;

#endif
