/*
 * From a request to a new pipeline: what the two endpoints that make one have in common.
 */
#ifndef GP_MOCK_GITLAB_LAUNCH_H
#define GP_MOCK_GITLAB_LAUNCH_H

#include "mock/request/call.h"

/* What is asked for. `variables` is an array of {key, value, variable_type}, texts all. */
typedef struct gp_launch {
    const char *source;
    const char *ref;
    const gp_json *variables;
    int64_t user_id;
    int role;
    int64_t upstream_job_id;
} gp_launch;

/* Checks ref, variables and overrides in GitLab's order, makes the pipeline and writes the answer:
 * 201, or an error. */
int gp_launch_pipeline(gp_call *call, const gp_launch *launch);

/* One {key, value, variable_type} of text. */
gp_json *gp_variable_entry(gp_arena *arena, const char *key, const char *value, const char *type);

#endif
