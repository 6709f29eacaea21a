/*
 * One deployment: its row, and how GitLab shows it.
 */
#ifndef GP_MOCK_GITLAB_DEPLOYMENT_H
#define GP_MOCK_GITLAB_DEPLOYMENT_H

#include "mock/rows/state.h"

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

void gp_view_deployment(gp_buf *buf, const char *key, gp_mock *m, const gp_deployment *deployment);

extern const gp_entity gp_deployment_entity;

#endif
