/*
 * How rows look in GitLab's responses.
 */
#ifndef GP_MOCK_GITLAB_JSON_VIEWS_H
#define GP_MOCK_GITLAB_JSON_VIEWS_H

#include "mock/rows/state.h"

void gp_view_project(gp_buf *buf, const char *key, const gp_mock *m, const gp_project *project);

/* The short form of lists and of a job's `pipeline`; `named` adds `name`. */
void gp_view_pipeline_short(gp_buf *buf, const char *key, const gp_mock *m, const gp_pipeline *p,
                            int named);
void gp_view_pipeline(gp_buf *buf, gp_mock *m, const gp_pipeline *p, int named);

void gp_view_user(gp_buf *buf, const char *key, const gp_mock *m, const gp_user *user);
/* The long form that jobs and GET /user show. */
void gp_view_profile(gp_buf *buf, const char *key, const gp_mock *m, const gp_user *user);

/* A build; a trigger job has a view of its own. */
void gp_view_job(gp_buf *buf, const char *key, gp_mock *m, const gp_job *job);
void gp_view_bridge(gp_buf *buf, const char *key, gp_mock *m, const gp_job *job);

/* Artifacts: the size of their zip archive, 0 if there is none now. */
int64_t gp_job_archive_size(gp_mock *m, const gp_job *job);
/* The object of files, or NULL if the job has no archive now. */
const gp_json *gp_job_files(const gp_mock *m, const gp_job *job);
/* When the archive expires, or GP_MS_NONE. */
gp_ms gp_job_artifacts_expire(const gp_job *job);

/* "success" -> "passed": the status as shown on pages. */
const char *gp_status_label(gp_status status);

#endif
