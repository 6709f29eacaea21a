/* One row per endpoint: handler, parameters, access, and its words and example for the contract. */
#include "mock/routes.h"

#include "mock/control/clock.h"
#include "mock/control/faults.h"
#include "mock/control/hooks.h"
#include "mock/control/openapi.h"
#include "mock/control/pages.h"
#include "mock/control/pipelines.h"
#include "mock/control/requests.h"
#include "mock/control/scenarios.h"
#include "mock/control/schemas.h"
#include "mock/control/snapshot.h"
#include "mock/control/world.h"
#include "mock/gitlab/artifacts.h"
#include "mock/gitlab/deployments.h"
#include "mock/gitlab/environments.h"
#include "mock/gitlab/jobs.h"
#include "mock/gitlab/pipelines.h"
#include "mock/gitlab/projects.h"
#include "mock/gitlab/reports.h"
#include "mock/gitlab/tokens.h"
#include "mock/gitlab/trace.h"
#include "mock/gitlab/triggers.h"
#include "mock/gitlab/variables.h"
#include "mock/webhooks/project_hooks.h"

/* clang-format off */
#define STATUSES GP_STATUS_CHOICES

static const gp_param list_pipelines[] = {
    {"scope", 'q', GP_STRING, 0, "running|pending|finished|branches|tags", "kind of pipelines", NULL},
    {"status", 'q', GP_STRING, 0, STATUSES, "status", NULL},
    {"ref", 'q', GP_STRING, 0, NULL, "branch or tag", NULL},
    {"sha", 'q', GP_STRING, 0, NULL, "commit", NULL},
    {"source", 'q', GP_STRING, 0, "unknown|push|web|trigger|schedule|api|external|pipeline|chat|"
     "webide|merge_request_event|external_pull_request_event|parent_pipeline|ondemand_dast_scan|"
     "ondemand_dast_validation|security_orchestration_policy|container_registry_push|duo_workflow|"
     "pipeline_execution_policy_schedule", "what created them; parent_pipeline shows child pipelines", NULL},
    {"name", 'q', GP_STRING, 0, NULL, "exact name", NULL},
    {"username", 'q', GP_STRING, 0, NULL, "username of their creator", NULL},
    {"yaml_errors", 'q', GP_BOOLEAN, 0, NULL, "only those whose configuration is broken", NULL},
    {"updated_before", 'q', GP_TIME, 0, NULL, "changed before", NULL},
    {"updated_after", 'q', GP_TIME, 0, NULL, "changed after", NULL},
    {"created_before", 'q', GP_TIME, 0, NULL, "created before", NULL},
    {"created_after", 'q', GP_TIME, 0, NULL, "created after", NULL},
    {"order_by", 'q', GP_STRING, 0, "id|status|ref|updated_at|user_id", "order, id by default", NULL},
    {"sort", 'q', GP_STRING, 0, "asc|desc", "direction, desc by default", NULL},
    GP_PARAMS_END};

static const gp_param own_pipelines[] = {
    {"source", 'q', GP_STRING, 0, NULL, "what created them", NULL},
    {"created_before", 'q', GP_TIME, 0, NULL, "created before", NULL},
    {"created_after", 'q', GP_TIME, 0, NULL, "created after", NULL},
    {"cursor", 'q', GP_STRING, 0, NULL, "where to continue, from X-NEXT-CURSOR", NULL},
    {"per_page", 'q', GP_INTEGER, 0, NULL, "rows per page, at most 100", NULL},
    GP_PARAMS_END};

static const gp_param put_project[] = {
    {"ci_pipeline_variables_minimum_override_role", 'b', GP_STRING, 0,
     "no_one_allowed|owner|maintainer|developer", "lowest role that can set pipeline variables", NULL},
    {"restrict_user_defined_variables", 'b', GP_BOOLEAN, 0, NULL, "whether that role is enforced", NULL},
    GP_PARAMS_END};

static const gp_param list_projects[] = {
    {"search", 'q', GP_STRING, 0, NULL, "part of the name", NULL},
    {"search_namespaces", 'q', GP_BOOLEAN, 0, NULL, "search the whole path", NULL},
    GP_PARAMS_END};

static const gp_param latest_pipeline[] = {
    {"ref", 'q', GP_STRING, 0, NULL, "branch or tag, the default branch if absent", NULL},
    GP_PARAMS_END};

static const gp_param create_pipeline[] = {
    {"ref", 'b', GP_STRING, GP_REQUIRED | GP_NOT_BLANK, NULL, "branch or tag", NULL},
    {"variables", 'b', GP_ARRAY, 0, "[VariableInput]", "array of {key, value, variable_type}", NULL},
    {"inputs", 'b', GP_HASH, 0, NULL, "typed inputs", NULL},
    GP_PARAMS_END};

static const gp_param run_trigger[] = {
    {"token", 'b', GP_STRING, 0, NULL, "trigger token, or the static token", NULL},
    {"ref", 'b', GP_STRING, GP_REQUIRED | GP_NOT_BLANK, NULL, "branch or tag", NULL},
    {"variables", 'b', GP_HASH, 0, "{string}", "variables by name", NULL},
    {"inputs", 'b', GP_HASH, 0, NULL, "typed inputs", NULL},
    {"scenario_id", 'b', GP_INTEGER, 0, NULL, "scenario to follow", NULL},
    {"terminal_after_seconds", 'b', GP_INTEGER, 0, NULL, "ends after this many seconds", NULL},
    {"terminal_status", 'b', GP_STRING, 0, "success|failed|canceled|skipped", "ends with this status", NULL},
    {"never_complete", 'b', GP_BOOLEAN, 0, NULL, "stays running", NULL},
    GP_PARAMS_END};

static const gp_param rename_pipeline[] = {
    {"name", 'b', GP_STRING, GP_REQUIRED, NULL, "new name", NULL}, GP_PARAMS_END};

static const gp_param list_jobs[] = {
    {"scope", 'q', GP_STRINGS, 0, STATUSES, "statuses to include", NULL},
    {"include_retried", 'q', GP_BOOLEAN, 0, NULL, "include earlier attempts", NULL},
    GP_PARAMS_END};

static const gp_param list_project_jobs[] = {
    {"scope", 'q', GP_STRINGS, 0, STATUSES, "statuses to include", NULL},
    {"order_by", 'q', GP_STRING, 0, "id", "order", NULL},
    {"sort", 'q', GP_STRING, 0, "asc|desc", "direction, desc by default", NULL},
    {"pagination", 'q', GP_STRING, 0, "offset|keyset", "paging method", NULL},
    {"id_after", 'q', GP_INTEGER, 0, NULL, "keyset: ids above", NULL},
    {"id_before", 'q', GP_INTEGER, 0, NULL, "keyset: ids below", NULL},
    {"ref", 'q', GP_STRING, 0, NULL, "branch or tag", NULL},
    GP_PARAMS_END};

static const gp_param cancel_job[] = {
    {"force", 'b', GP_BOOLEAN, 0, NULL, "end a job that is canceling", NULL}, GP_PARAMS_END};

static const gp_param retry_job[] = {
    {"job_inputs", 'b', GP_HASH, 0, NULL, "inputs of the job", NULL}, GP_PARAMS_END};

static const gp_param play_job[] = {
    {"job_variables_attributes", 'b', GP_ARRAY, 0, "[VariableInput]", "array of {key, value}", NULL},
    {"job_inputs", 'b', GP_HASH, 0, NULL, "inputs of the job", NULL},
    GP_PARAMS_END};

static const gp_param latest_artifacts[] = {
    {"job", 'q', GP_STRING, GP_REQUIRED, NULL, "name of the job", NULL},
    {"search_recent_successful_pipelines", 'q', GP_BOOLEAN, 0, NULL, "search older successful pipelines too", NULL},
    GP_PARAMS_END};

static const gp_param artifact_tree[] = {
    {"path", 'q', GP_STRING, 0, NULL, "directory", NULL},
    {"recursive", 'q', GP_BOOLEAN, 0, NULL, "include subdirectories", NULL},
    GP_PARAMS_END};

static const gp_param create_trigger[] = {
    {"description", 'b', GP_STRING, GP_REQUIRED, NULL, "what it is for", NULL},
    {"expires_at", 'b', GP_TIME, 0, NULL, "when it expires", NULL},
    GP_PARAMS_END};

static const gp_param update_trigger[] = {
    {"description", 'b', GP_STRING, 0, NULL, "what it is for", NULL}, GP_PARAMS_END};

#define VARIABLE_FIELDS \
    {"variable_type", 'b', GP_STRING, 0, "env_var|file", "kind", NULL}, \
    {"protected", 'b', GP_BOOLEAN, 0, NULL, "only available to protected refs", NULL}, \
    {"masked", 'b', GP_BOOLEAN, 0, NULL, "hidden in logs", NULL}, \
    {"raw", 'b', GP_BOOLEAN, 0, NULL, "$NAME within is not expanded", NULL}, \
    {"environment_scope", 'b', GP_STRING, 0, NULL, "environments that it applies to", NULL}, \
    {"description", 'b', GP_STRING, 0, NULL, "what it is for", NULL}

static const gp_param create_variable[] = {
    {"key", 'b', GP_STRING, GP_REQUIRED, NULL, "name", NULL},
    {"value", 'b', GP_STRING, GP_REQUIRED, NULL, "value", NULL},
    {"masked_and_hidden", 'b', GP_BOOLEAN, 0, NULL, "masked, and never readable again", NULL},
    VARIABLE_FIELDS,
    GP_PARAMS_END};

static const gp_param update_variable[] = {
    {"value", 'b', GP_STRING, 0, NULL, "value", NULL},
    {"filter", 'q', GP_HASH, 0, "VariableFilter", "which of several variables of this name", "{\"environment_scope\":\"*\"}"},
    VARIABLE_FIELDS,
    GP_PARAMS_END};

static const gp_param one_variable[] = {
    {"filter", 'q', GP_HASH, 0, "VariableFilter", "which of several variables of this name", "{\"environment_scope\":\"*\"}"},
    GP_PARAMS_END};

static const gp_param list_environments[] = {
    {"name", 'q', GP_STRING, 0, NULL, "exact name", NULL},
    {"search", 'q', GP_STRING, 0, NULL, "part of the name, 3 characters or more", NULL},
    {"states", 'q', GP_STRING, 0, "available|stopping|stopped", "state", NULL},
    GP_PARAMS_END};

#define ENVIRONMENT_FIELDS \
    {"external_url", 'b', GP_STRING, 0, NULL, "address of the deployed application", NULL}, \
    {"tier", 'b', GP_STRING, 0, "production|staging|testing|development|other", "tier", NULL}, \
    {"description", 'b', GP_STRING, 0, NULL, "what it is for", NULL}, \
    {"auto_stop_setting", 'b', GP_STRING, 0, "always|with_action", "when it stops by itself", NULL}, \
    {"cluster_agent_id", 'b', GP_INTEGER, 0, NULL, "agent that deploys to Kubernetes", NULL}, \
    {"kubernetes_namespace", 'b', GP_STRING, 0, NULL, "namespace that the agent deploys to", NULL}, \
    {"flux_resource_path", 'b', GP_STRING, 0, NULL, "Flux resource of the environment", NULL}

static const gp_param create_environment[] = {
    {"name", 'b', GP_STRING, GP_REQUIRED | GP_NOT_BLANK, NULL, "name", NULL},
    ENVIRONMENT_FIELDS,
    GP_PARAMS_END};

static const gp_param update_environment[] = {ENVIRONMENT_FIELDS, GP_PARAMS_END};

static const gp_param stop_environment[] = {
    {"force", 'b', GP_BOOLEAN, 0, NULL, "without its on_stop job", NULL}, GP_PARAMS_END};

static const gp_param stop_stale[] = {
    {"before", 'b', GP_TIME, GP_REQUIRED, NULL, "not changed since", NULL}, GP_PARAMS_END};

static const gp_param review_apps[] = {
    {"before", 'q', GP_TIME, 0, NULL, "stopped before this time; 30 days ago if absent", NULL},
    {"limit", 'q', GP_INTEGER, 0, NULL, "at most this many, 1 to 1000; 100 if absent", NULL},
    {"dry_run", 'q', GP_BOOLEAN, 0, NULL, "only list them (true if absent)", NULL},
    GP_PARAMS_END};

#define DEPLOYMENT_STATUSES "created|running|success|failed|canceled|blocked"

static const gp_param list_deployments[] = {
    {"environment", 'q', GP_STRING, 0, NULL, "name of the environment", NULL},
    {"status", 'q', GP_STRING, 0, DEPLOYMENT_STATUSES, "status", NULL},
    {"order_by", 'q', GP_STRING, 0, "id|iid|created_at|updated_at|finished_at|ref", "order", NULL},
    {"sort", 'q', GP_STRING, 0, "asc|desc", "direction, asc by default", NULL},
    {"updated_after", 'q', GP_TIME, 0, NULL, "changed after", NULL},
    {"updated_before", 'q', GP_TIME, 0, NULL, "changed before", NULL},
    {"finished_after", 'q', GP_TIME, 0, NULL, "finished after", NULL},
    {"finished_before", 'q', GP_TIME, 0, NULL, "finished before", NULL},
    GP_PARAMS_END};

static const gp_param create_deployment[] = {
    {"environment", 'b', GP_STRING, GP_REQUIRED, NULL, "name of the environment", NULL},
    {"sha", 'b', GP_STRING, GP_REQUIRED, NULL, "commit", NULL},
    {"ref", 'b', GP_STRING, GP_REQUIRED, NULL, "branch or tag", NULL},
    {"tag", 'b', GP_BOOLEAN, GP_REQUIRED, NULL, "whether the ref is a tag", NULL},
    {"status", 'b', GP_STRING, GP_REQUIRED, "running|success|failed|canceled", "status", NULL},
    GP_PARAMS_END};

static const gp_param update_deployment[] = {
    {"status", 'b', GP_STRING, GP_REQUIRED, "running|success|failed|canceled", "status", NULL},
    GP_PARAMS_END};

static const gp_param scenario_fields[] = {
    {"scenario_id", 'b', GP_INTEGER, 0, NULL, "its id; a free one if absent", NULL},
    {"name", 'b', GP_STRING, GP_REQUIRED | GP_NOT_BLANK, NULL, "name", NULL},
    {"terminal_after_seconds", 'b', GP_INTEGER, 0, NULL, "ends after this many seconds", NULL},
    {"terminal_status", 'b', GP_STRING, 0, "success|failed|canceled|skipped", "ends with this status", NULL},
    {"never_complete", 'b', GP_BOOLEAN, 0, NULL, "stays running", NULL},
    GP_PARAMS_END};

static const gp_param mock_pipelines[] = {
    {"project_id", 'q', GP_INTEGER, 0, NULL, "project", NULL},
    {"status", 'q', GP_STRING, 0, STATUSES, "status", NULL},
    {"ref", 'q', GP_STRING, 0, NULL, "branch or tag", NULL},
    {"scenario_id", 'q', GP_INTEGER, 0, NULL, "scenario", NULL},
    GP_PARAMS_END};

static const gp_param patch_pipeline[] = {
    {"scenario_id", 'b', GP_INTEGER, 0, NULL, "scenario to follow; null for none", NULL},
    {"terminal_after_seconds", 'b', GP_INTEGER, 0, NULL, "ends after this many seconds; null for none", NULL},
    {"terminal_status", 'b', GP_STRING, 0, "success|failed|canceled|skipped", "ends with this status", NULL},
    {"never_complete", 'b', GP_BOOLEAN, 0, NULL, "stays running", NULL},
    {"status", 'b', GP_STRING, 0, STATUSES, "stays from now on", NULL},
    GP_PARAMS_END};

static const gp_param set_clock[] = {
    {"advance", 'b', GP_NUMBER, 0, NULL, "seconds to advance", NULL},
    {"set", 'b', GP_ANY, 0, NULL, "time to set: ISO 8601, or seconds since 1970", NULL},
    {"mode", 'b', GP_STRING, 0, "real|virtual", "virtual: the time stands still until it is moved", NULL},
    GP_PARAMS_END};

#define HOOK_FIELDS \
    {"project", 'b', GP_STRING, 0, NULL, "only this project, by id or path; every project if absent", NULL}, \
    {"token", 'b', GP_STRING, 0, NULL, "secret for X-Gitlab-Token; empty for none", NULL}, \
    {"signing_token", 'b', GP_STRING, 0, NULL, "whsec_...: signs each delivery; empty for none", NULL}, \
    {"events", 'b', GP_STRINGS, 0, "pipeline|job|deployment", "events to send; all if absent", NULL}, \
    {"retries", 'b', GP_INTEGER, 0, NULL, "retries after a failure, 3 if absent: after 10 s, 1 min, 5 min", NULL}, \
    {"duplicate", 'b', GP_INTEGER, 0, NULL, "extra copies of each delivery, with the same webhook-id", NULL}, \
    {"delay", 'b', GP_NUMBER, 0, NULL, "seconds before each delivery", NULL}, \
    {"reorder", 'b', GP_BOOLEAN, 0, NULL, "sends the second of two deliveries first", NULL}, \
    {"wrong_signature", 'b', GP_BOOLEAN, 0, NULL, "sends a wrong signature and secret", NULL}

static const gp_param create_hook[] = {
    {"url", 'b', GP_STRING, GP_REQUIRED | GP_NOT_BLANK, NULL, "URL to POST to", NULL},
    HOOK_FIELDS,
    GP_PARAMS_END};

static const gp_param update_hook[] = {
    {"url", 'b', GP_STRING, GP_NOT_BLANK, NULL, "URL to POST to", NULL},
    HOOK_FIELDS,
    GP_PARAMS_END};

static const gp_param test_hook[] = {
    {"event", 'b', GP_STRING, 0, "pipeline|job|deployment", "event to send, pipeline if absent", NULL},
    GP_PARAMS_END};

static const gp_param list_deliveries[] = {
    {"state", 'q', GP_STRING, 0, "waiting|sending|delivered|failed|skipped", "state", NULL},
    {"event", 'q', GP_STRING, 0, "pipeline|job|deployment", "event", NULL},
    GP_PARAMS_END};

static const gp_param list_requests[] = {
    {"method", 'q', GP_STRING, 0, NULL, "method", NULL},
    {"path", 'q', GP_STRING, 0, NULL, "part of the path", NULL},
    {"after", 'q', GP_INTEGER, 0, NULL, "only those with a greater number", NULL},
    GP_PARAMS_END};

/* Names of project_hooks.c. */
#define PROJECT_HOOK_FIELDS \
    {"name", 'b', GP_STRING, 0, NULL, "name", NULL}, \
    {"description", 'b', GP_STRING, 0, NULL, "what it is for", NULL}, \
    {"token", 'b', GP_STRING, 0, NULL, "secret for X-Gitlab-Token; empty for none", NULL}, \
    {"signing_token", 'b', GP_STRING, 0, NULL, "whsec_...: signs each delivery; empty for none", NULL}, \
    {"pipeline_events", 'b', GP_BOOLEAN, 0, NULL, "send pipeline events", NULL}, \
    {"job_events", 'b', GP_BOOLEAN, 0, NULL, "send job events", NULL}, \
    {"deployment_events", 'b', GP_BOOLEAN, 0, NULL, "send deployment events", NULL}, \
    {"push_events", 'b', GP_BOOLEAN, 0, NULL, "stored, true if absent; the simulation has no pushes", NULL}, \
    {"push_events_branch_filter", 'b', GP_STRING, 0, NULL, "stored, without effect", NULL}, \
    {"tag_push_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"merge_requests_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"repository_update_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"issues_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"confidential_issues_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"note_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"confidential_note_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"wiki_page_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"feature_flag_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"releases_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"emoji_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"resource_access_token_events", 'b', GP_BOOLEAN, 0, NULL, "stored, without effect", NULL}, \
    {"enable_ssl_verification", 'b', GP_BOOLEAN, 0, NULL, "stored, true if absent", NULL}

static const gp_param create_project_hook[] = {
    {"url", 'b', GP_STRING, GP_REQUIRED, NULL, "URL to POST to", NULL},
    PROJECT_HOOK_FIELDS,
    GP_PARAMS_END};

static const gp_param update_project_hook[] = {
    {"url", 'b', GP_STRING, 0, NULL, "URL to POST to", NULL},
    PROJECT_HOOK_FIELDS,
    GP_PARAMS_END};

static const gp_param list_hook_events[] = {
    {"status", 'q', GP_STRING, 0, NULL, "comma-separated response statuses, or successful, client_failure, server_failure", NULL},
    GP_PARAMS_END};

#define P GP_PROJECT
#define PP (GP_PROJECT | GP_PIPELINE)
#define PJ (GP_PROJECT | GP_JOB)
#define JT GP_JOB_TOKEN
#define ID "/projects/:id"

const gp_route gp_routes[] = {
    {"GET", ID "/pipelines/latest", P | JT, 200, gp_latest_pipeline, latest_pipeline, "The newest pipeline of a ref",
     "pipelines_latest", "Pipeline", NULL, NULL, "The pipeline with the greatest id on the ref, whatever its status. 403 when the ref has none."},
    {"GET", ID "/pipelines/:pipeline_id", PP | JT, 200, gp_get_pipeline, NULL, "One pipeline",
     "pipelines_get", "Pipeline", NULL, NULL, "Its status is recomputed at each read from the clock, its scenario or the jobs of its world."},
    {"GET", ID "/pipelines", P | JT | GP_PAGED, 200, gp_list_pipelines, list_pipelines, "Pipelines of a project",
     "pipelines_list", "[PipelineRow]", NULL, NULL, "Newest first by default. Children of other pipelines are shown only with source=parent_pipeline."},
    {"POST", ID "/pipeline", P, 201, gp_create_pipeline, create_pipeline, "Create a pipeline",
     "pipelines_create", "Pipeline", NULL,
     "{\"ref\":\"main\",\"variables\":[{\"key\":\"VERSION\",\"value\":\"2.4.0\"}]}",
     "The source of the new pipeline is api. A client that can send only variables controls it with MOCK_SCENARIO_ID, MOCK_TERMINAL_AFTER_SECONDS, MOCK_TERMINAL_STATUS and MOCK_NEVER_COMPLETE."},
    {"POST", ID "/trigger/pipeline", GP_OPEN | JT, 201, gp_run_trigger, run_trigger, "Create a pipeline with a trigger token",
     "triggers_run", "Pipeline", NULL,
     "{\"ref\":\"main\",\"variables\":{\"VERSION\":\"2.4.0\"},\"scenario_id\":10}",
     "The token is a trigger token of the project, a CI job token or the static token; a missing or wrong one is a 401 here, where GitLab responds with 400 or 404. The source of the new pipeline is trigger, or pipeline with a job token."},
    {"POST", ID "/ref/*ref/trigger/pipeline", GP_OPEN | JT, 201, gp_run_trigger, run_trigger, "Create a pipeline with a trigger token",
     "triggers_run_ref", "Pipeline", NULL,
     "{\"variables\":{\"VERSION\":\"2.4.0\"},\"terminal_after_seconds\":10}",
     "The same as /trigger/pipeline, with the ref in the path."},
    {"GET", ID "/pipelines/:pipeline_id/variables", PP, 200, gp_pipeline_variables, NULL, "Variables of a pipeline",
     "pipelines_variables", "[PipelineVariable]", NULL, NULL, "For the creator of the pipeline, and for maintainers."},
    {"GET", ID "/pipelines/:pipeline_id/jobs", PP | JT | GP_PAGED, 200, gp_list_pipeline_jobs, list_jobs, "Jobs of a pipeline",
     "pipelines_jobs", "[Job]", NULL, NULL, "Without earlier attempts unless include_retried is set; trigger jobs have a list of their own."},
    {"GET", ID "/pipelines/:pipeline_id/bridges", PP | JT | GP_PAGED, 200, gp_list_bridges, list_jobs, "Trigger jobs of a pipeline",
     "pipelines_bridges", "[TriggerJob]", NULL, NULL, "The older name of trigger_jobs."},
    {"GET", ID "/pipelines/:pipeline_id/trigger_jobs", PP | JT | GP_PAGED, 200, gp_list_bridges, list_jobs, "Trigger jobs of a pipeline",
     "pipelines_trigger_jobs", "[TriggerJob]", NULL, NULL, "Jobs that start a downstream or a child pipeline, each with the pipeline that it started."},
    {"GET", ID "/pipelines/:pipeline_id/test_report", PP, 200, gp_test_report, NULL, "Test cases of a pipeline",
     "pipelines_test_report", "TestReport", NULL, NULL, "Suites and their cases, from those jobs that have tests."},
    {"GET", ID "/pipelines/:pipeline_id/test_report_summary", PP, 200, gp_test_report_summary, NULL, "Totals of a pipeline's tests",
     "pipelines_test_report_summary", "TestReportSummary", NULL, NULL, "Only the counts, with the jobs that they come from."},
    {"POST", ID "/pipelines/:pipeline_id/retry", PP, 201, gp_retry_pipeline, NULL, "Retry failed jobs",
     "pipelines_retry", "Pipeline", NULL, NULL, "Failed and cancelled jobs get a new attempt with a new id; skipped jobs after them are re-evaluated."},
    {"POST", ID "/pipelines/:pipeline_id/cancel", PP, 200, gp_cancel_pipeline, NULL, "Cancel a pipeline",
     "pipelines_cancel", "Pipeline", NULL, NULL, "A finished pipeline comes back unchanged."},
    {"PUT", ID "/pipelines/:pipeline_id/metadata", PP | JT, 200, gp_rename_pipeline, rename_pipeline, "Rename a pipeline",
     "pipelines_rename", "Pipeline", NULL,
     "{\"name\":\"nightly\"}",
     "Possible at any time. Lists can be filtered by name."},
    {"DELETE", ID "/pipelines/:pipeline_id", PP, 204, gp_delete_pipeline, NULL, "Delete a pipeline",
     "pipelines_delete", NULL, NULL, NULL, "Deletes its jobs too."},

    {"GET", ID "/jobs", P | JT | GP_PAGED, 200, gp_list_project_jobs, list_project_jobs, "Jobs of a project",
     "jobs_list_project", "[Job]", NULL, NULL, "Newest first. With pagination=keyset the Link header leads from page to page."},
    {"GET", ID "/jobs/:job_id", PJ, 200, gp_get_job, NULL, "One job",
     "jobs_get", "Job", NULL, NULL, "A build; a trigger job is shown only in the lists of trigger jobs."},
    {"GET", ID "/jobs/:job_id/trace", PJ, 200, gp_get_trace, NULL, "Log of a job",
     "jobs_log", "text", NULL, NULL, "Grows while the job runs. Empty before it starts and after an erase."},
    {"POST", ID "/jobs/:job_id/cancel", PJ, 201, gp_cancel_job, cancel_job, "Cancel a job",
     "jobs_cancel", "Job", NULL,
     "{}",
     "A finished job comes back unchanged."},
    {"POST", ID "/jobs/:job_id/retry", P | GP_ANY_JOB, 201, gp_retry_job, retry_job, "Retry a job",
     "jobs_retry", "AnyJob", NULL,
     "{}",
     "Returns the new attempt, which has its own id."},
    {"POST", ID "/jobs/:job_id/erase", PJ, 201, gp_erase_job, NULL, "Erase log and artifacts of a job",
     "jobs_erase", "Job", NULL, NULL, "Only a finished job can be erased."},
    {"POST", ID "/jobs/:job_id/play", P | GP_ANY_JOB, 200, gp_play_job, play_job, "Start a manual job",
     "jobs_play", "AnyJob", NULL,
     "{\"job_variables_attributes\":[{\"key\":\"TARGET\",\"value\":\"staging\"}]}",
     "Also starts a delayed job before its time. Any other job is refused with 400."},

    {"GET", ID "/jobs/artifacts/*ref/raw/*path", P | JT, 200, gp_latest_artifact_file, latest_artifacts, "A file of the newest artifacts of a ref",
     "artifacts_latest_file", "raw", NULL, NULL, "From the newest successful pipeline of the ref. Supports Range."},
    {"GET", ID "/jobs/artifacts/*ref/download", P | JT, 200, gp_latest_archive, latest_artifacts, "The newest artifacts of a ref",
     "artifacts_latest", "binary", NULL, NULL, "A zip from the newest successful pipeline of the ref. Supports Range."},
    {"GET", ID "/jobs/:job_id/artifacts", PJ | JT, 200, gp_get_archive, NULL, "Artifacts of a job, as a zip",
     "artifacts_get", "binary", NULL, NULL, "Supports Range."},
    {"GET", ID "/jobs/:job_id/artifacts/tree", PJ | JT | GP_PAGED, 200, gp_artifact_tree, artifact_tree, "Files within the artifacts of a job",
     "artifacts_tree", "[ArtifactEntry]", NULL, NULL, "One directory, or everything below it."},
    {"GET", ID "/jobs/:job_id/artifacts/*path", PJ | JT, 200, gp_get_artifact_file, NULL, "A file of a job's artifacts",
     "artifacts_file", "binary", NULL, NULL, "Supports Range."},
    {"POST", ID "/jobs/:job_id/artifacts/keep", PJ, 200, gp_keep_artifacts, NULL, "Keep artifacts beyond their expiry",
     "artifacts_keep", "Job", NULL, NULL, "They are then removed only by deleting them or erasing their job."},
    {"DELETE", ID "/jobs/:job_id/artifacts", PJ | GP_MAINTAINER, 204, gp_delete_artifacts, NULL, "Delete the artifacts of a job",
     "artifacts_delete", NULL, NULL, NULL, "Keeps the log."},

    {"GET", ID "/triggers", P | GP_PAGED | GP_MAINTAINER, 200, gp_list_triggers, NULL, "Trigger tokens of a project",
     "triggers_list", "[Trigger]", NULL, NULL, "The token of another user's trigger is shortened to four characters."},
    {"POST", ID "/triggers", P | GP_MAINTAINER, 201, gp_create_trigger, create_trigger, "Create a trigger token",
     "triggers_create", "Trigger", NULL,
     "{\"description\":\"for the nightly build\"}",
     "Only its owner sees the whole token."},
    {"GET", ID "/triggers/:trigger_id", P | GP_MAINTAINER, 200, gp_get_trigger, NULL, "One trigger token",
     "triggers_get", "Trigger", NULL, NULL, "Includes the time of its last use."},
    {"PUT", ID "/triggers/:trigger_id", P | GP_MAINTAINER, 200, gp_update_trigger, update_trigger, "Change the description of a trigger token",
     "triggers_update", "Trigger", NULL,
     "{\"description\":\"for the weekly build\"}",
     "The token itself does not change."},
    {"DELETE", ID "/triggers/:trigger_id", P | GP_MAINTAINER, 204, gp_delete_trigger, NULL, "Revoke a trigger token",
     "triggers_delete", NULL, NULL, NULL, "Keeps the pipelines that it created."},

    {"GET", ID "/variables", P | GP_PAGED | GP_MAINTAINER, 200, gp_list_variables, NULL, "CI/CD variables of a project",
     "variables_list", "[Variable]", NULL, NULL, "For maintainers. The value of a hidden variable is null."},
    {"POST", ID "/variables", P | GP_MAINTAINER, 201, gp_create_variable, create_variable, "Create a CI/CD variable",
     "variables_create", "Variable", NULL,
     "{\"key\":\"COLOUR\",\"value\":\"blue\"}",
     "One name may have several values, each for an environment scope of its own."},
    {"GET", ID "/variables/:key", P | GP_MAINTAINER, 200, gp_get_variable, one_variable, "One CI/CD variable",
     "variables_get", "Variable", NULL, NULL, "409 when several have this name: select one with filter[environment_scope]."},
    {"PUT", ID "/variables/:key", P | GP_MAINTAINER, 200, gp_update_variable, update_variable, "Change a CI/CD variable",
     "variables_update", "Variable", NULL,
     "{\"value\":\"green\"}",
     "Fields that are absent keep their values."},
    {"DELETE", ID "/variables/:key", P | GP_MAINTAINER, 204, gp_delete_variable, one_variable, "Delete a CI/CD variable",
     "variables_delete", NULL, NULL, NULL, "409 when several have this name: select one with filter[environment_scope]."},

    {"GET", ID "/environments", P | JT | GP_PAGED, 200, gp_list_environments, list_environments, "Environments of a project",
     "environments_list", "[Environment]", NULL, NULL, "Takes name or search, not both."},
    {"POST", ID "/environments", P | JT, 201, gp_create_environment, create_environment, "Create an environment",
     "environments_create", "Environment", NULL,
     "{\"name\":\"review/colours\",\"external_url\":\"https://colours.example.com\"}",
     "Its slug follows from its name."},
    {"POST", ID "/environments/stop_stale", P, 200, gp_stop_stale_environments, stop_stale, "Stop stale environments",
     "environments_stop_stale", "Message", NULL,
     "{\"before\":\"2025-01-01T00:00:00Z\"}",
     "Stops environments that have not changed since `before`, which must be one week to ten years ago."},
    {"GET", ID "/environments/:environment_id", P | JT, 200, gp_get_environment, NULL, "One environment",
     "environments_get", "Environment", NULL, NULL, "Includes its last deployment."},
    {"PUT", ID "/environments/:environment_id", P | JT, 200, gp_update_environment, update_environment, "Change an environment",
     "environments_update", "Environment", NULL,
     "{\"tier\":\"staging\"}",
     "The name cannot be changed."},
    {"DELETE", ID "/environments/review_apps", P, 200, gp_delete_review_apps, review_apps, "Delete old review apps",
     "environments_delete_review_apps", "ReviewApps", NULL, NULL, "Schedules environments below review/ that were stopped long ago; they are deleted a week later."},
    {"DELETE", ID "/environments/:environment_id", P | JT, 204, gp_delete_environment, NULL, "Delete a stopped environment",
     "environments_delete", NULL, NULL, NULL, "Only a stopped environment can be deleted."},
    {"POST", ID "/environments/:environment_id/stop", P | JT, 200, gp_stop_environment, stop_environment, "Stop an environment",
     "environments_stop", "Environment", NULL,
     "{}",
     "Plays the job whose environment has action: stop, if there is one, unless force is set."},

    {"GET", ID "/deployments", P | JT | GP_PAGED, 200, gp_list_deployments, list_deployments, "Deployments of a project",
     "deployments_list", "[Deployment]", NULL, NULL, "Oldest first by default."},
    {"POST", ID "/deployments", P | JT, 201, gp_create_deployment, create_deployment, "Record a deployment",
     "deployments_create", "Deployment", NULL,
     "{\"environment\":\"staging\",\"ref\":\"main\",\"tag\":false,\"status\":\"running\",\"sha\":\"a91957a858320c0e17f3a0eca7cfacbff50ea29a\"}",
     "For deployments made outside of GitLab CI. Creates the environment if it does not exist."},
    {"GET", ID "/deployments/:deployment_id", P | JT, 200, gp_get_deployment, NULL, "One deployment",
     "deployments_get", "Deployment", NULL, NULL, "Includes its job, if it has one."},
    {"PUT", ID "/deployments/:deployment_id", P | JT, 200, gp_update_deployment, update_deployment, "Change the status of a deployment",
     "deployments_update", "Deployment", NULL,
     "{\"status\":\"success\"}",
     "Updates its environment and sends webhooks."},
    {"DELETE", ID "/deployments/:deployment_id", P | JT, 204, gp_delete_deployment, NULL, "Delete a deployment",
     "deployments_delete", NULL, NULL, NULL, "A running deployment and the last one of an environment cannot be deleted."},

    {"GET", ID "/hooks", P | GP_PAGED | GP_MAINTAINER, 200, gp_list_project_hooks, NULL, "Webhooks of a project",
     "hooks_list", "[ProjectHook]", NULL, NULL, "Only those of this project; targets for every project are at /_mock/hooks."},
    {"POST", ID "/hooks", P | GP_MAINTAINER, 201, gp_create_project_hook, create_project_hook, "Create a webhook",
     "hooks_create", "ProjectHook", NULL,
     "{\"url\":\"http://127.0.0.1:9000/\",\"pipeline_events\":true}",
     "Only the selected events are sent. Its secrets are never shown."},
    {"GET", ID "/hooks/:hook_id", P | GP_MAINTAINER, 200, gp_get_project_hook, NULL, "One webhook",
     "hooks_get", "ProjectHook", NULL, NULL, "Includes whether it is disabled after failures, and until when."},
    {"PUT", ID "/hooks/:hook_id", P | GP_MAINTAINER, 200, gp_put_project_hook, update_project_hook, "Change a webhook",
     "hooks_update", "ProjectHook", NULL,
     "{\"job_events\":true}",
     "Fields that are absent keep their values."},
    {"DELETE", ID "/hooks/:hook_id", P | GP_MAINTAINER, 204, gp_delete_project_hook, NULL, "Delete a webhook",
     "hooks_delete", NULL, NULL, NULL, "Deletes its deliveries too."},
    {"GET", ID "/hooks/:hook_id/events", P | GP_PAGED | GP_MAINTAINER, 200, gp_list_hook_events, list_hook_events, "Events sent to a webhook",
     "hooks_events", "[HookEvent]", NULL, NULL, "Newest first, at most 20 per page. Only events that got a response or failed."},
    {"POST", ID "/hooks/:hook_id/events/:hook_event_id/resend", P | GP_MAINTAINER, 201, gp_resend_hook_event, NULL, "Resend an event",
     "hooks_resend", "Resent", NULL, NULL, "With the same webhook-id. It is sent after this response, so the status is that of the last attempt."},
    {"POST", ID "/hooks/:hook_id/test/:trigger", P | GP_MAINTAINER, 201, gp_test_project_hook, NULL, "Send a test event",
     "hooks_test", "Message", NULL, NULL, "For the newest pipeline, job or deployment (422 without one). It is sent after this response, even to a disabled target."},

    {"GET", ID "/deployments/:deployment_id/merge_requests", P | JT | GP_PAGED, 200, gp_deployment_merge_requests, NULL, "Merge requests of a deployment",
     "deployments_merge_requests", "[object]", NULL, NULL, "Always empty: the simulation has no merge requests."},

    {"DELETE", ID "/artifacts", P | GP_MAINTAINER, 202, gp_delete_project_artifacts, NULL, "Delete the artifacts of a project",
     "artifacts_delete_project", "Message", NULL, NULL, "Those of every job; keeps the logs."},
    {"GET", "/job", JT | GP_ANY_SCOPE, 200, gp_get_own_job, NULL, "The job that a job token belongs to",
     "tokens_job", "Job", NULL, NULL, "For CI job tokens."},
    {"GET", "/job/allowed_agents", JT | GP_ANY_SCOPE, 200, gp_get_own_agents, NULL, "Kubernetes agents that a job can use",
     "tokens_agents", "JobAgents", NULL, NULL, "For CI job tokens. Always empty here."},
    {"GET", "/personal_access_tokens/self", GP_ANY_SCOPE, 200, gp_get_self_token, NULL, "Details of this token",
     "tokens_self", "Token", NULL, NULL, "Its scopes, expiry and owner."},
    {"DELETE", "/personal_access_tokens/self", GP_ANY_SCOPE, 204, gp_revoke_self_token, NULL, "Revoke this token",
     "tokens_revoke_self", NULL, NULL, NULL, "The static token cannot be revoked."},
    {"POST", "/personal_access_tokens/self/rotate", GP_ANY_SCOPE, 200, gp_rotate_self_token, NULL, "Rotate this token",
     "tokens_rotate_self", "NewToken", NULL, NULL, "The old token is revoked."},
    {"GET", "/oauth/token/info", GP_ANY_SCOPE, 200, gp_oauth_info, NULL, "Details of this OAuth token",
     "tokens_oauth", "OauthToken", NULL, NULL, "For OAuth applications; GitLab serves it outside of /api/v4."},

    {"GET", "/projects/:id", P, 200, gp_get_project, NULL, "One project",
     "projects_get", "Project", NULL, NULL, "A number or a full path with its slashes as %2F. Without a world every project exists."},
    {"PUT", "/projects/:id", P | GP_MAINTAINER, 200, gp_put_project, put_project, "Change who can set pipeline variables",
     "projects_update", "Project", NULL,
     "{\"ci_pipeline_variables_minimum_override_role\":\"maintainer\"}",
     "Only these two settings. For maintainers; only owners can set or replace the value owner."},
    {"GET", "/pipelines", 0, 200, gp_list_own_pipelines, own_pipelines, "Pipelines that you created",
     "pipelines_own", "[PipelineRow]", NULL, NULL, "In every project, newest first. The Link header leads from page to page."},
    {"GET", "/projects", GP_PAGED, 200, gp_list_projects, list_projects, "Projects",
     "projects_list", "[Project]", NULL, NULL, "With a world, its projects; otherwise the projects used so far."},
    {"GET", "/version", GP_ANY_SCOPE, 200, gp_get_version, NULL, "Version of the server",
     "server_version", "Version", NULL, NULL, "As set by the world, otherwise the newest simulated version."},
    {"GET", "/metadata", GP_ANY_SCOPE, 200, gp_get_metadata, NULL, "Version of the server",
     "server_metadata", "Metadata", NULL, NULL, "The version with further details of the server."},
    {"GET", "/user", GP_ANY_SCOPE, 200, gp_get_user, NULL, "The owner of the token",
     "server_user", "User", NULL, NULL, "The static token belongs to root."},

    {"GET", "/_mock/scenarios", GP_CONTROL | GP_PAGED, 200, gp_list_scenarios, NULL, "Scenarios",
     "mock_scenarios_list", "[Scenario]", NULL, NULL, "Presets and your own. 0 never completes; 1 to 99 succeed after that many seconds; 100, 200 and 500 after 60, 120 and 300 seconds."},
    {"POST", "/_mock/scenarios", GP_CONTROL, 201, gp_create_scenario, scenario_fields, "Create a scenario",
     "mock_scenarios_create", "Scenario", NULL,
     "{\"name\":\"fails late\",\"terminal_after_seconds\":30,\"terminal_status\":\"failed\"}",
     "409 if its id is taken."},
    {"GET", "/_mock/scenarios/:scenario_id", GP_CONTROL, 200, gp_get_scenario, NULL, "One scenario",
     "mock_scenarios_get", "Scenario", NULL, NULL, "A preset, or one of your own."},
    {"PUT", "/_mock/scenarios/:scenario_id", GP_CONTROL, 200, gp_put_scenario, scenario_fields, "Change a scenario",
     "mock_scenarios_update", "Scenario", NULL,
     "{\"name\":\"never ends\",\"never_complete\":true}",
     "A preset cannot be changed (409)."},
    {"DELETE", "/_mock/scenarios/:scenario_id", GP_CONTROL, 204, gp_delete_scenario, NULL, "Delete a scenario",
     "mock_scenarios_delete", NULL, NULL, NULL, "A preset, or a scenario in use, cannot be deleted (409)."},
    {"GET", "/_mock/pipelines", GP_CONTROL | GP_PAGED, 200, gp_mock_list_pipelines, mock_pipelines, "Pipelines as rows",
     "mock_pipelines_list", "[PipelineRecord]", NULL, NULL, "What the table of pipelines holds, of every project."},
    {"GET", "/_mock/pipelines/:pipeline_id", GP_CONTROL, 200, gp_mock_get_pipeline, NULL, "One pipeline as a row",
     "mock_pipelines_get", "PipelineRecord", NULL, NULL, "As the table of pipelines holds it."},
    {"PATCH", "/_mock/pipelines/:pipeline_id", GP_CONTROL, 200, gp_mock_patch_pipeline, patch_pipeline, "Override the course of a pipeline",
     "mock_pipelines_update", "PipelineRecord", NULL,
     "{\"terminal_after_seconds\":5,\"terminal_status\":\"failed\"}",
     "A status set here stays from then on; null removes an override."},
    {"DELETE", "/_mock/pipelines/:pipeline_id", GP_CONTROL, 204, gp_mock_delete_pipeline, NULL, "Delete a pipeline",
     "mock_pipelines_delete", NULL, NULL, NULL, "Of any project, whatever its status."},
    {"DELETE", "/_mock/pipelines", GP_CONTROL, 204, gp_mock_delete_pipelines, mock_pipelines, "Delete every pipeline",
     "mock_pipelines_clear", NULL, NULL, NULL, "All pipelines, or those that match the filters."},
    {"GET", "/_mock/clock", GP_CONTROL, 200, gp_get_clock, NULL, "The simulated time",
     "mock_clock_get", "Clock", NULL, NULL, "With the mode of the clock."},
    {"POST", "/_mock/clock", GP_CONTROL, 200, gp_set_clock, set_clock, "Move or hold the clock",
     "mock_clock_set", "Clock", NULL,
     "{\"advance\":60}",
     "The clock never runs backwards. Everything due on the way happens at its own time."},
    {"GET", "/_mock/requests", GP_CONTROL, 200, gp_list_requests, list_requests, "Received requests",
     "mock_requests_list", "[Request]", NULL, NULL, "The last 2,000, oldest first, secrets redacted; requests to /_mock/ are not recorded."},
    {"DELETE", "/_mock/requests", GP_CONTROL, 204, gp_clear_requests, NULL, "Clear the received requests",
     "mock_requests_clear", NULL, NULL, NULL, "Later requests are recorded again."},
    {"GET", "/_mock/faults", GP_CONTROL, 200, gp_list_faults, NULL, "Rules for faults",
     "mock_faults_list", "[Fault]", NULL, NULL, "In the order of evaluation, each with its counts of matches and strikes."},
    {"POST", "/_mock/faults", GP_CONTROL, 201, gp_create_fault, NULL, "Create a rule",
     "mock_faults_create", "Fault", "FaultRule",
     "{\"method\":\"GET\",\"path\":\"/projects/*/pipelines/*\",\"times\":1,\"status\":502}",
     "The first rule that strikes a request decides what happens to it."},
    {"DELETE", "/_mock/faults/:fault_id", GP_CONTROL, 204, gp_delete_fault, NULL, "Delete a rule",
     "mock_faults_delete", NULL, NULL, NULL, "Its past effects are not undone."},
    {"DELETE", "/_mock/faults", GP_CONTROL, 204, gp_clear_faults, NULL, "Delete every rule",
     "mock_faults_clear", NULL, NULL, NULL, "From then on no request is affected."},
    {"GET", "/_mock/hooks", GP_CONTROL, 200, gp_list_hooks, NULL, "Webhook targets",
     "mock_hooks_list", "[Hook]", NULL, NULL, "Each with its newest deliveries and their responses."},
    {"POST", "/_mock/hooks", GP_CONTROL, 201, gp_create_hook, create_hook, "Register a webhook target",
     "mock_hooks_create", "Hook", NULL,
     "{\"url\":\"http://127.0.0.1:9000/\",\"events\":[\"pipeline\",\"job\"]}",
     "It then receives every change of status, with GitLab's bodies and headers. `mock serve` sends the deliveries; an in-process simulation keeps them for a test to take."},
    {"DELETE", "/_mock/hooks", GP_CONTROL, 204, gp_clear_hooks, NULL, "Delete every webhook target",
     "mock_hooks_clear", NULL, NULL, NULL, "Deletes their deliveries too."},
    {"GET", "/_mock/hooks/:hook_id", GP_CONTROL, 200, gp_get_hook, NULL, "One webhook target",
     "mock_hooks_get", "Hook", NULL, NULL, "With its newest deliveries and their responses."},
    {"PUT", "/_mock/hooks/:hook_id", GP_CONTROL, 200, gp_put_hook, update_hook, "Change a webhook target",
     "mock_hooks_update", "Hook", NULL,
     "{\"delay\":2}",
     "Fields that are absent keep their values."},
    {"DELETE", "/_mock/hooks/:hook_id", GP_CONTROL, 204, gp_delete_hook, NULL, "Delete a webhook target",
     "mock_hooks_delete", NULL, NULL, NULL, "Deletes its deliveries too."},
    {"POST", "/_mock/hooks/:hook_id/test", GP_CONTROL, 201, gp_test_hook, test_hook, "Send a test event",
     "mock_hooks_test", "Delivery", NULL,
     "{\"event\":\"pipeline\"}",
     "For the newest object of that kind (422 without one). It is sent even to a disabled target, which is enabled again if it succeeds."},
    {"GET", "/_mock/hooks/:hook_id/deliveries", GP_CONTROL | GP_PAGED, 200, gp_list_deliveries, list_deliveries, "Deliveries to a target",
     "mock_hooks_deliveries", "[Delivery]", NULL, NULL, "Newest first. The last 1,000 of all targets are kept."},
    {"POST", "/_mock/hooks/:hook_id/deliveries/:delivery_id/resend", GP_CONTROL, 201, gp_resend_delivery, NULL, "Resend a delivery",
     "mock_hooks_resend", "Delivery", NULL, NULL, "With the same webhook-id and a new timestamp."},
    {"GET", "/_mock/world", GP_CONTROL, 200, gp_get_world, NULL, "The world",
     "mock_world_get", "World", NULL, NULL, "As last loaded."},
    {"POST", "/_mock/world", GP_CONTROL, 201, gp_put_world, NULL, "Load a world",
     "mock_world_load", "World", "World",
     "{\"projects\":{\"acme/lib\":{\"id\":1,\"jobs\":[{\"name\":\"unit\",\"duration\":5}]}}}",
     "Existing pipelines keep the world in which they were created."},
    {"PUT", "/_mock/world", GP_CONTROL, 200, gp_put_world, NULL, "Load a world",
     "mock_world_replace", "World", "World",
     "{\"projects\":{\"acme/lib\":{\"id\":1,\"jobs\":[{\"name\":\"unit\",\"duration\":5}]}}}",
     "The same as POST."},
    {"GET", "/_mock/snapshot", GP_CONTROL, 200, gp_get_snapshot, NULL, "Take a snapshot",
     "mock_snapshot_get", "Snapshot", NULL, NULL, "The whole state, with the simulated time."},
    {"POST", "/_mock/snapshot", GP_CONTROL, 200, gp_put_snapshot, NULL, "Restore a snapshot",
     "mock_snapshot_load", "Clock", "Snapshot", NULL, "The clock is restored too."},
    {"PUT", "/_mock/snapshot", GP_CONTROL, 200, gp_put_snapshot, NULL, "Restore a snapshot",
     "mock_snapshot_replace", "Clock", "Snapshot", NULL, "The same as POST."},
    {"POST", "/_mock/reset", GP_CONTROL, 200, gp_mock_reset, NULL, "Discard everything but the presets",
     "mock_reset", "Message", NULL, NULL, "403 unless the server was started with MOCK_ALLOW_RESET=1."},

    {"GET", "/openapi.json", GP_PUBLIC, 200, gp_get_openapi, NULL, "This document",
     "contract_openapi", "OpenAPI", NULL, NULL, "OpenAPI 3.1, generated from the route table that the server uses."},
    {"GET", "/docs", GP_PUBLIC, 200, gp_get_docs, NULL, "Swagger UI",
     "contract_docs", "html", NULL, NULL, "Try every operation of /openapi.json."},
    {"GET", "/docs/:file", GP_PUBLIC, 200, gp_get_asset, NULL, "A file of Swagger UI",
     "contract_docs_file", "asset", NULL, NULL, "404 until `make docs-assets` has fetched it."},
    {"GET", "/redoc", GP_PUBLIC, 200, gp_get_redoc, NULL, "ReDoc",
     "contract_redoc", "html", NULL, NULL, "The same document as reference pages."},
    {"GET", "/redoc/:file", GP_PUBLIC, 200, gp_get_asset, NULL, "A file of ReDoc",
     "contract_redoc_file", "asset", NULL, NULL, "404 until `make docs-assets` has fetched it."},
    {"GET", "/_mock", GP_PUBLIC, 200, gp_get_panel, NULL, "The control page",
     "contract_panel", "html", NULL, NULL, "Prompts for the token and sends it with each of its requests."},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
/* clang-format on */
