/*
 * From a request to a new pipeline: the common part of the two endpoints that create one.
 */
#ifndef GP_MOCK_GITLAB_LAUNCH_H
#define GP_MOCK_GITLAB_LAUNCH_H

#include "mock/request/call.h"

/* The requested pipeline. `variables` is an array of {key, value, variable_type}, all strings. */
typedef struct gp_launch {
    const char *source;
    const char *ref;
    const gp_json *variables;
    int64_t user_id;
    int role;
    int64_t upstream_job_id;
} gp_launch;

/* Checks ref, variables and overrides in GitLab's order, creates the pipeline and writes the
 * response: 201, or an error. */
int gp_launch_pipeline(gp_call *call, const gp_launch *launch);

/* One {key, value, variable_type} of text. */
gp_json *gp_variable_entry(gp_arena *arena, const char *key, const char *value, const char *type);

#endif
