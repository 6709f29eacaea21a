/*
 * Rate limits as GitLab has them, where a world or a rule asks for them: `throttle`, an object with
 *
 *   limit, period   requests of one token in a window of that many seconds (60): beyond, a 429 in
 *                   plain text. Headers tell of it in every answer.
 *   creations       pipelines a minute of one project, user and commit: beyond, a 400
 *   jobs            lists of a project's jobs a minute of one user: beyond, a 429 in JSON
 *
 * Windows begin at whole multiples of their length and count what was refused too. What a limit
 * counts is in the database before the answer is out.
 */
#ifndef GP_MOCK_REQUEST_THROTTLE_H
#define GP_MOCK_REQUEST_THROTTLE_H

#include "mock/request/call.h"

/* Counts the request against `rule`, which is the `scope`-th of its kind; 1 when it is beyond the
 * limit. The strictest limit of all that were asked stays in call->rate. */
int gp_throttle_count(gp_call *call, const gp_json *rule, int64_t scope);

/* The window in the headers of a response without a limit: GitLab.com's, never enforced. */
void gp_throttle_default(gp_call *call);

/* May a pipeline be made of that commit now? Counts the attempt against a limit a minute (negative:
 * none; see gp_fault_throttle). */
int gp_throttle_allows_pipeline(gp_call *call, int64_t limit, const char *sha);

/* May the jobs of a project be listed now? Counts the attempt. */
int gp_throttle_allows_jobs(gp_call *call, int64_t limit);

/* What limits have counted is written with every transaction; what is counted where no limit
 * holds, at the end alone. */
extern const gp_entity gp_window_entity;

#endif
