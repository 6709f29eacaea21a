/*
 * Environments and deployments: rows, and how they follow the jobs that deploy.
 */
#ifndef GP_MOCK_ENVIRONMENTS_H
#define GP_MOCK_ENVIRONMENTS_H

#include "mock/request/call.h"

/* A job's status has changed: makes, moves or ends its deployment, starts or stops its
 * environment. Jobs without an environment cost nothing. */
void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at);

/* Reads both kinds back from the database. */
int gp_environments_load(gp_mock *m);
int gp_deployments_load(gp_mock *m);

gp_environment *gp_environment_by_name(const gp_project *project, const char *name);
gp_environment *gp_environment_by_id(const gp_project *project, int64_t id);
/* NULL when memory ran out. */
gp_environment *gp_environment_make(gp_mock *m, gp_project *project, const char *name, gp_ms at);
void gp_environment_save(gp_mock *m, gp_environment *environment);
void gp_environment_free(gp_environment *environment);
/* Deletes the review apps whose time has come. */
void gp_environments_expire(gp_mock *m, gp_project *project);

/* What a new deployment is; `job` may be NULL. */
typedef struct gp_deployment_plan {
    const char *ref, *sha, *status;
    int tag;
    const gp_job *job;
    gp_ms at;
} gp_deployment_plan;

gp_deployment *gp_deployment_make(gp_mock *m, const gp_environment *environment,
                                  const gp_deployment_plan *plan);
gp_deployment *gp_deployment_by_id(const gp_project *project, int64_t id);
/* The newest successful one of an environment, or NULL. */
gp_deployment *gp_deployment_current(const gp_environment *environment);
void gp_deployment_status(gp_mock *m, gp_deployment *deployment, const char *status, gp_ms at);
void gp_deployment_free(gp_deployment *deployment);

/* "created", "running", ...: the lasting copy of such a word, or NULL for another. */
const char *gp_deployment_status_word(const char *text);

void gp_shape_environment(gp_buf *buf, const char *key, const gp_environment *environment);
void gp_shape_deployment(gp_buf *buf, const char *key, gp_mock *m, const gp_deployment *deployment);

#endif
