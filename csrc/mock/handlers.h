/*
 * What answers each route: one function an endpoint, by the file that holds it. Each returns the
 * HTTP status and leaves the body in call->out.
 */
#ifndef GP_MOCK_HANDLERS_H
#define GP_MOCK_HANDLERS_H

#include "mock/request/call.h"

typedef int gp_handler(gp_call *call);

/* projects.c */
gp_handler gp_put_project, gp_get_project, gp_list_projects, gp_get_version, gp_get_metadata,
    gp_get_user;

/* pipelines.c */
gp_handler gp_list_own_pipelines, gp_list_pipelines, gp_latest_pipeline, gp_get_pipeline,
    gp_pipeline_variables, gp_create_pipeline, gp_retry_pipeline, gp_cancel_pipeline,
    gp_delete_pipeline, gp_rename_pipeline;

/* triggers.c */
gp_handler gp_run_trigger, gp_list_triggers, gp_get_trigger, gp_create_trigger, gp_update_trigger,
    gp_delete_trigger;

/* jobs.c */
gp_handler gp_list_project_jobs, gp_list_pipeline_jobs, gp_list_bridges, gp_get_job, gp_retry_job,
    gp_cancel_job, gp_play_job, gp_erase_job, gp_get_own_job, gp_get_own_agents;

/* trace.c */
gp_handler gp_get_trace;

/* artifacts.c */
gp_handler gp_get_artifact_file, gp_keep_artifacts, gp_delete_artifacts, gp_latest_artifact_file,
    gp_get_archive, gp_latest_archive, gp_artifact_tree, gp_delete_project_artifacts;

/* reports.c */
gp_handler gp_test_report, gp_test_report_summary;

/* variables.c */
gp_handler gp_list_variables, gp_get_variable, gp_create_variable, gp_update_variable,
    gp_delete_variable;

/* environments.c */
gp_handler gp_list_environments, gp_get_environment, gp_create_environment, gp_update_environment,
    gp_delete_environment, gp_stop_environment, gp_stop_stale_environments, gp_delete_review_apps;

/* deployments.c */
gp_handler gp_list_deployments, gp_get_deployment, gp_create_deployment, gp_update_deployment,
    gp_delete_deployment, gp_deployment_merge_requests;

/* tokens.c */
gp_handler gp_get_self_token, gp_revoke_self_token, gp_rotate_self_token, gp_oauth_info;

/* scenarios.c */
gp_handler gp_list_scenarios, gp_get_scenario, gp_create_scenario, gp_put_scenario,
    gp_delete_scenario;

/* control.c */
gp_handler gp_mock_list_pipelines, gp_mock_get_pipeline, gp_mock_patch_pipeline,
    gp_mock_delete_pipeline, gp_mock_delete_pipelines, gp_get_clock, gp_set_clock, gp_mock_reset,
    gp_get_world, gp_put_world, gp_list_requests, gp_clear_requests, gp_get_snapshot,
    gp_put_snapshot;

/* hook_calls.c */
gp_handler gp_list_hooks, gp_create_hook, gp_get_hook, gp_put_hook, gp_delete_hook, gp_clear_hooks,
    gp_list_deliveries, gp_test_hook, gp_resend_delivery;

/* project_hooks.c */
gp_handler gp_list_project_hooks, gp_get_project_hook, gp_create_project_hook, gp_put_project_hook,
    gp_delete_project_hook, gp_list_hook_events, gp_resend_hook_event, gp_test_project_hook;

/* openapi.c */
gp_handler gp_get_openapi;

/* pages.c */
gp_handler gp_get_docs, gp_get_redoc, gp_get_asset, gp_get_panel;

/* faults.c */
gp_handler gp_list_faults, gp_create_fault, gp_delete_fault, gp_clear_faults;

#endif
