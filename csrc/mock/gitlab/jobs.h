/*
 * The endpoints of jobs and trigger jobs.
 */
#ifndef GP_MOCK_GITLAB_JOBS_H
#define GP_MOCK_GITLAB_JOBS_H

#include "mock/request/route.h"

gp_handler gp_list_project_jobs, gp_list_pipeline_jobs, gp_list_bridges, gp_get_job, gp_retry_job,
    gp_cancel_job, gp_play_job, gp_erase_job, gp_get_own_job, gp_get_own_agents;

#endif
