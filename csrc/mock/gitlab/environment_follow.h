/*
 * How environments and deployments follow the jobs that deploy.
 */
#ifndef GP_MOCK_GITLAB_ENVIRONMENT_FOLLOW_H
#define GP_MOCK_GITLAB_ENVIRONMENT_FOLLOW_H

#include "mock/rows/state.h"

/* A job's status has changed: makes, moves or ends its deployment, starts or stops its
 * environment. Jobs without an environment cost nothing. */
void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at);

#endif
