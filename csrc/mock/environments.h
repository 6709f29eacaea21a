/*
 * Environments and deployments: rows, and how they follow the jobs that deploy.
 */
#ifndef GP_MOCK_ENVIRONMENTS_H
#define GP_MOCK_ENVIRONMENTS_H

#include "mock/state.h"

/* A job's status has changed: makes, moves or ends its deployment, starts or stops its
 * environment. Jobs without an environment cost nothing. */
void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at);

/* Reads both kinds back from the database. */
int gp_environments_load(gp_mock *m);

void gp_environment_free(gp_environment *environment);
void gp_deployment_free(gp_deployment *deployment);

#endif
