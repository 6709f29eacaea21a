/*
 * One environment: its row, and how GitLab shows it.
 */
#ifndef GP_MOCK_GITLAB_ENVIRONMENT_H
#define GP_MOCK_GITLAB_ENVIRONMENT_H

#include "mock/rows/state.h"

/* The values of `state`. */
enum { GP_AVAILABLE, GP_STOPPING, GP_STOPPED };
extern const char *const gp_environment_states[];

gp_environment *gp_environment_by_name(const gp_project *project, const char *name);
gp_environment *gp_environment_by_id(const gp_project *project, int64_t id);

/* NULL when memory ran out. */
gp_environment *gp_environment_make(gp_mock *m, gp_project *project, const char *name, gp_ms at);

/* Copies the texts that an object gives. 0 when memory ran out. */
int gp_environment_take(gp_mock *m, gp_environment *environment, const gp_json *given);
void gp_environment_save(gp_mock *m, gp_environment *environment);
void gp_environment_free(gp_environment *environment);
void gp_environment_stop(gp_mock *m, gp_environment *environment, gp_ms at);
void gp_environment_delete(gp_mock *m, gp_environment *environment);

/* Deletes the review apps of the project that are due by m->now. */
void gp_environments_expire(gp_mock *m, gp_project *project);

/* A field of a job's `environment`, which is a name, or {name, url, action, tier}. */
const char *gp_job_environment(const gp_job *job, const char *field, const char *fallback);

/* Leaves the object open: a detail adds its last deployment. */
void gp_view_environment(gp_buf *buf, const char *key, const gp_environment *environment);

extern const gp_entity gp_environment_entity;

#endif
