/* The table of schemas. A field that is added to a response is added here too. */
#include "mock/control/schemas.h"

#include <stddef.h>

/* clang-format off */
static const gp_schema_field message_fields[] = {
    {"message", "string", "result"},
    {NULL, NULL, NULL}};

static const gp_schema_field error_fields[] = {
    {"message?", "any", "text, or problems by field"},
    {"error?", "string", "error message, or a code such as invalid_token"},
    {"error_description?", "string", "explanation of the code"},
    {"scope?", "string", "sufficient scopes"},
    {NULL, NULL, NULL}};

static const gp_schema_field user_fields[] = {
    {"created_at", "time", "creation time"},
    {"bio", "string", "empty"},
    {"location", "string", "empty"},
    {"public_email", "string", "empty"},
    {"linkedin", "string", "empty"},
    {"twitter", "string", "empty"},
    {"discord", "string", "empty"},
    {"website_url", "string", "empty"},
    {"github", "string", "empty"},
    {"job_title", "string", "empty"},
    {"pronouns", "string", "empty"},
    {"organization", "string", "empty"},
    {"bot", "boolean", "whether it is a bot"},
    {"work_information", "string?", "job and company"},
    {"followers", "integer", "number of followers"},
    {"following", "integer", "number of users followed"},
    {"local_time", "string?", "local time"},
    {NULL, NULL, NULL}};

static const gp_schema_field user_basic_fields[] = {
    {"id", "integer", "number"},
    {"username", "string", "login name"},
    {"name", "string", "display name"},
    {"state", "string", "active"},
    {"locked", "boolean", "whether logging in is blocked"},
    {"avatar_url", "string?", "picture"},
    {"web_url", "string", "profile page"},
    {NULL, NULL, NULL}};

static const gp_schema_field namespace_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "last part of its path"},
    {"path", "string", "last part of its path"},
    {"kind", "string", "group"},
    {"full_path", "string", "full path"},
    {"parent_id", "integer?", "the group above"},
    {"avatar_url", "string?", "picture"},
    {"web_url", "string", "page"},
    {NULL, NULL, NULL}};

static const gp_schema_field project_fields[] = {
    {"id", "integer", "number"},
    {"description", "string?", "what it is for"},
    {"name", "string", "last part of its path"},
    {"name_with_namespace", "string", "path with spaces around the slashes"},
    {"path", "string", "last part of its path"},
    {"path_with_namespace", "string", "full path"},
    {"created_at", "time", "creation time"},
    {"default_branch", "string", "default branch"},
    {"tag_list", "[string]", "older name of topics"},
    {"topics", "[string]", "topics"},
    {"ssh_url_to_repo", "string", "SSH clone URL"},
    {"http_url_to_repo", "string", "HTTP clone URL"},
    {"web_url", "string", "page"},
    {"readme_url", "string?", "page of its README"},
    {"forks_count", "integer", "number of forks"},
    {"avatar_url", "string?", "picture"},
    {"star_count", "integer", "number of stars"},
    {"last_activity_at", "time", "time of its last use"},
    {"namespace?", "Namespace", "its group; absent where the path has one part"},
    {"visibility", "string", "private, internal or public"},
    {"archived", "boolean", "read-only"},
    {"jobs_enabled", "boolean", "whether it has CI"},
    {"empty_repo", "boolean", "whether it has no commit"},
    {"restrict_user_defined_variables", "boolean", "whether the next field is above developer"},
    {"ci_pipeline_variables_minimum_override_role", "string", "lowest role that can set pipeline variables"},
    {NULL, NULL, NULL}};

static const gp_schema_field version_fields[] = {
    {"version", "string", "version"},
    {"revision", "string", "commit"},
    {NULL, NULL, NULL}};

static const gp_schema_field kas_fields[] = {
    {"enabled", "boolean", "whether there is one"},
    {"externalUrl", "string?", "its address"},
    {"version", "string?", "its version"},
    {NULL, NULL, NULL}};

static const gp_schema_field metadata_fields[] = {
    {"version", "string", "version"},
    {"revision", "string", "commit"},
    {"kas", "Kas", "agent server"},
    {"enterprise", "boolean", "whether it is the Enterprise Edition"},
    {NULL, NULL, NULL}};

static const gp_schema_field detailed_status_fields[] = {
    {"icon", "string", "icon"},
    {"text", "string", "in a badge, such as Passed"},
    {"label", "string", "in a sentence, such as passed with warnings"},
    {"group", "string", "style"},
    {"tooltip", "string", "on hovering"},
    {"has_details", "boolean", "whether details_path can be opened"},
    {"details_path", "string", "page, without the host"},
    {"illustration", "any", "always null here"},
    {"favicon", "string", "icon of the browser's tab"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_row_fields[] = {
    {"id", "integer", "number, unique on the server"},
    {"iid", "integer", "number within the project"},
    {"project_id", "integer", "its project"},
    {"sha", "string", "commit"},
    {"ref", "string", "branch or tag"},
    {"status", GP_STATUS_CHOICES, "status at the time of the response"},
    {"source", "string", "what created it: api, trigger, pipeline, parent_pipeline, ..."},
    {"created_at", "time", "creation time"},
    {"updated_at", "time", "when its status last changed"},
    {"web_url", "string", "page"},
    {"name?", "string?", "name from workflow:name or PUT .../metadata"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_fields[] = {
    {"before_sha", "string", "commit before; zeros"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"yaml_errors", "string?", "errors in its configuration"},
    {"user", "UserBasic", "creator"},
    {"started_at", "time?", "time of its first running job"},
    {"finished_at", "time?", "time of its final status"},
    {"committed_at", "time?", "always null here"},
    {"duration", "integer?", "seconds in which at least one job ran, once it is complete"},
    {"queued_duration", "integer?", "seconds before it first ran; null under one"},
    {"coverage", "string?", "mean of its jobs' coverage, two decimals"},
    {"detailed_status", "DetailedStatus", "the status as shown on pages"},
    {"archived", "boolean", "too old to be changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_variable_fields[] = {
    {"key", "string", "name"},
    {"value", "string", "value"},
    {"variable_type", "env_var|file", "kind"},
    {"raw", "boolean", "$NAME within is not expanded"},
    {NULL, NULL, NULL}};

static const gp_schema_field commit_fields[] = {
    {"id", "string", "sha"},
    {"short_id", "string", "its first 8 characters"},
    {"created_at", "string", "when"},
    {"parent_ids", "[string]", "shas of its parents"},
    {"title", "string", "first line"},
    {"message", "string", "whole message"},
    {"author_name", "string", "author"},
    {"author_email", "string", "email of the author"},
    {"authored_date", "string", "time of authoring"},
    {"committer_name", "string", "committer"},
    {"committer_email", "string", "email of the committer"},
    {"committed_date", "string", "time of committing"},
    {"trailers", "object", "trailers of the message"},
    {"extended_trailers", "object", "the same with all values"},
    {"web_url", "string", "page"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_project_fields[] = {
    {"ci_job_token_scope_enabled", "boolean", "whether job tokens are restricted"},
    {NULL, NULL, NULL}};

static const gp_schema_field artifact_file_fields[] = {
    {"filename", "string", "name"},
    {"size", "integer", "bytes"},
    {NULL, NULL, NULL}};

static const gp_schema_field artifact_fields[] = {
    {"file_type", "string", "archive or junit"},
    {"size", "integer", "bytes"},
    {"filename", "string", "name"},
    {"file_format", "string", "zip or gzip"},
    {NULL, NULL, NULL}};

static const gp_schema_field runner_fields[] = {
    {"id", "integer", "number"},
    {"description", "string", "description"},
    {"ip_address", "string", "address"},
    {"active", "boolean", "accepts jobs"},
    {"paused", "boolean", "does not accept jobs"},
    {"is_shared", "boolean", "open to all projects"},
    {"runner_type", "string", "instance_type"},
    {"name", "string", "program"},
    {"online", "boolean", "recently seen"},
    {"status", "string", "online"},
    {NULL, NULL, NULL}};

static const gp_schema_field runner_manager_fields[] = {
    {"id", "integer", "number"},
    {"system_id", "string", "name of the machine"},
    {"version", "string", "version of the program"},
    {"revision", "string", "its commit"},
    {"platform", "string", "operating system"},
    {"architecture", "string", "processor"},
    {"created_at", "time", "first seen"},
    {"contacted_at", "time", "last seen"},
    {"ip_address", "string", "address"},
    {"status", "string", "online"},
    {NULL, NULL, NULL}};

/* What jobs and trigger jobs have in common. */
static const gp_schema_field any_job_fields[] = {
    {"id", "integer", "number"},
    {"status", GP_STATUS_CHOICES, "status at the time of the response"},
    {"stage", "string", "stage"},
    {"name", "string", "name"},
    {"ref", "string", "branch or tag"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"coverage", "number?", "test coverage in percent"},
    {"allow_failure", "boolean", "whether its failure is allowed"},
    {"created_at", "time", "creation time"},
    {"started_at", "time?", "when it started"},
    {"finished_at", "time?", "when it ended"},
    {"erased_at", "time?", "when it was erased"},
    {"duration", "number?", "seconds of running"},
    {"queued_duration", "number?", "seconds of waiting for a runner"},
    {"user", "User", "user that started it"},
    {"commit", "Commit", "commit"},
    {"pipeline", "PipelineRow", "its pipeline"},
    {"failure_reason?", "string", "reason of its failure; absent otherwise"},
    {"web_url", "string", "page"},
    {"project", "JobProject", "settings of its project"},
    {"source", "string", "what created its pipeline"},
    {"archived", "boolean", "too old to be changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_fields[] = {
    {"artifacts_file?", "ArtifactFile", "the archive; absent where there is none"},
    {"artifacts", "[Artifact]", "artifacts by type"},
    {"artifacts_expire_at", "time?", "expiry of the artifacts"},
    {"runner", "Runner?", "its runner, once it has started"},
    {"runner_manager", "RunnerManager?", "the machine"},
    {"tag_list", "[string]", "tags that its runner needs"},
    {NULL, NULL, NULL}};

static const gp_schema_field trigger_job_fields[] = {
    {"downstream_pipeline", "PipelineRow?", "pipeline that it started"},
    {NULL, NULL, NULL}};

static const gp_schema_field artifact_entry_fields[] = {
    {"name", "string", "last part of its path"},
    {"path", "string", "path"},
    {"type", "file|directory", "kind"},
    {"size?", "integer", "bytes of a file"},
    {"mode?", "string", "permissions of a file"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_case_fields[] = {
    {"status", "success|failed|skipped|error", "result"},
    {"name", "string", "name"},
    {"classname", "string", "group"},
    {"file", "string?", "file of the test"},
    {"execution_time", "number", "seconds"},
    {"system_output", "any", "output, or reason of the failure"},
    {"stack_trace", "string?", "always null here"},
    {"attachment_url", "string?", "always null here"},
    {"recent_failures", "any", "always null here"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_suite_fields[] = {
    {"name", "string", "name of the job"},
    {"total_time", "number", "seconds"},
    {"total_count", "integer", "tests"},
    {"success_count", "integer", "passed"},
    {"failed_count", "integer", "failed"},
    {"skipped_count", "integer", "skipped"},
    {"error_count", "integer", "errors"},
    {"suite_error", "string?", "why the report cannot be read"},
    {"test_cases", "[TestCase]", "its tests"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_report_fields[] = {
    {"total_time", "number", "seconds"},
    {"total_count", "integer", "tests"},
    {"success_count", "integer", "passed"},
    {"failed_count", "integer", "failed"},
    {"skipped_count", "integer", "skipped"},
    {"error_count", "integer", "errors"},
    {"test_suites", "[TestSuite]", "by job"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_totals_fields[] = {
    {"time", "number", "seconds"},
    {"count", "integer", "tests"},
    {"success", "integer", "passed"},
    {"failed", "integer", "failed"},
    {"skipped", "integer", "skipped"},
    {"error", "integer", "errors"},
    {"suite_error", "string?", "why a report cannot be read"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_suite_summary_fields[] = {
    {"name", "string", "name of the job"},
    {"total_time", "number", "seconds"},
    {"total_count", "integer", "tests"},
    {"success_count", "integer", "passed"},
    {"failed_count", "integer", "failed"},
    {"skipped_count", "integer", "skipped"},
    {"error_count", "integer", "errors"},
    {"build_ids", "[integer]", "jobs"},
    {"suite_error", "string?", "why the report cannot be read"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_report_summary_fields[] = {
    {"total", "TestTotals", "of the pipeline"},
    {"test_suites", "[TestSuiteSummary]", "by job"},
    {NULL, NULL, NULL}};

static const gp_schema_field trigger_fields[] = {
    {"id", "integer", "number"},
    {"token", "string", "the token"},
    {"description", "string", "what it is for"},
    {"created_at", "time", "creation time"},
    {"updated_at", "time", "when it was changed"},
    {"last_used", "time?", "time of its last use"},
    {"expires_at", "time?", "expiry"},
    {"owner", "UserBasic", "creator"},
    {NULL, NULL, NULL}};

static const gp_schema_field variable_fields[] = {
    {"variable_type", "env_var|file", "kind"},
    {"key", "string", "name"},
    {"value", "string?", "value; null when hidden"},
    {"hidden", "boolean", "whether its value is never shown again"},
    {"protected", "boolean", "only available to protected refs"},
    {"masked", "boolean", "hidden in logs"},
    {"raw", "boolean", "$NAME within is not expanded"},
    {"environment_scope", "string", "environments that it applies to"},
    {"description", "string?", "what it is for"},
    {NULL, NULL, NULL}};

static const gp_schema_field environment_basic_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "name"},
    {"slug", "string", "name for use in URLs"},
    {"external_url", "string?", "address of the deployed application"},
    {"created_at", "time", "creation time"},
    {"updated_at", "time", "when it was changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field review_apps_fields[] = {
    {"scheduled_entries", "[EnvironmentBasic]", "environments that are, or would be, deleted"},
    {"unprocessable_entries", "[EnvironmentBasic]", "always empty"},
    {NULL, NULL, NULL}};

static const gp_schema_field environment_fields[] = {
    {"description", "string?", "what it is for"},
    {"tier", "production|staging|testing|development|other", "kind"},
    {"state", "available|stopping|stopped", "state"},
    {"auto_stop_at", "time?", "when it stops by itself"},
    {"kubernetes_namespace", "string?", "namespace that the agent deploys to"},
    {"flux_resource_path", "string?", "Flux resource of the environment"},
    {"auto_stop_setting", "always|with_action", "when it stops by itself"},
    {"enable_advanced_logs_querying", "boolean", "false"},
    {"logs_api_path", "string", "path of its logs"},
    {"project?", "Project", "its project, in lists"},
    {"last_deployment?", "Deployment?", "newest successful one, where one environment is read"},
    {"cluster_agent?", "any", "its agent, where one environment is read"},
    {NULL, NULL, NULL}};

static const gp_schema_field deployment_fields[] = {
    {"id", "integer", "number"},
    {"iid", "integer", "number within the project"},
    {"ref", "string", "branch or tag"},
    {"sha", "string", "commit"},
    {"created_at", "time", "creation time"},
    {"updated_at", "time", "when it was changed"},
    {"status", "created|running|success|failed|canceled|blocked|skipped", "status"},
    {"user", "UserBasic", "user"},
    {"environment", "Environment?", "environment"},
    {"deployable", "Job?", "the job that deploys; null when recorded through the API"},
    {NULL, NULL, NULL}};

static const gp_schema_field token_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "name"},
    {"revoked", "boolean", "revoked"},
    {"created_at", "time", "creation time"},
    {"description", "string?", "what it is for"},
    {"scopes", "[string]", "scopes"},
    {"user_id", "integer", "id of the owner"},
    {"last_used_at", "time?", "time of its last use"},
    {"active", "boolean", "neither revoked nor expired"},
    {"expires_at", "date?", "last day of validity"},
    {NULL, NULL, NULL}};

static const gp_schema_field new_token_fields[] = {
    {"token", "string", "the token"},
    {NULL, NULL, NULL}};

static const gp_schema_field oauth_application_fields[] = {
    {"uid", "string", "name"},
    {NULL, NULL, NULL}};

static const gp_schema_field oauth_token_fields[] = {
    {"resource_owner_id", "integer", "id of the owner"},
    {"scope", "[string]", "scopes"},
    {"expires_in", "integer", "seconds"},
    {"application", "OauthApplication", "application"},
    {"created_at", "integer", "seconds since 1970"},
    {"scopes", "[string]", "scopes"},
    {"expires_in_seconds", "integer", "seconds"},
    {NULL, NULL, NULL}};

static const gp_schema_field scenario_fields[] = {
    {"scenario_id", "integer", "number"},
    {"name", "string", "name"},
    {"terminal_after_seconds", "integer?", "ends this many seconds after its creation"},
    {"terminal_status", "success|failed|canceled|skipped?", "how it ends"},
    {"never_complete", "integer", "1: it stays running"},
    {"preset", "boolean", "whether it is a preset"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_record_fields[] = {
    {"id", "integer", "number"},
    {"project_id", "integer", "its project"},
    {"ref", "string", "branch or tag"},
    {"sha", "string", "commit"},
    {"status", GP_STATUS_CHOICES, "status"},
    {"variables_json", "string?", "its variables, as JSON"},
    {"scenario_id", "integer?", "scenario that it follows"},
    {"terminal_after_seconds", "integer?", "override of the scenario"},
    {"terminal_status", "success|failed|canceled|skipped?", "override of the scenario"},
    {"never_complete", "integer", "1: it stays running"},
    {"held", "boolean", "whether its status was set by /_mock/pipelines"},
    {"created_at", "time", "creation time"},
    {"updated_at", "time", "when its status last changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field clock_fields[] = {
    {"mode", "real|virtual", "real: runs by itself; virtual: stands still until it is moved"},
    {"now", "time", "the time"},
    {"epoch", "number", "the time in seconds since 1970"},
    {NULL, NULL, NULL}};

static const gp_schema_field request_fields[] = {
    {"number", "integer", "sequence number"},
    {"at", "time", "when"},
    {"method", "string", "method"},
    {"path", "string", "path as received"},
    {"query", "any", "parameters of the path"},
    {"headers", "{string}", "headers, secrets redacted"},
    {"body", "any", "parameters of the body"},
    {"status", "integer", "status of the response"},
    {"fault", "boolean", "whether a fault rule struck it"},
    {NULL, NULL, NULL}};

static const gp_schema_field fault_rule_fields[] = {
    {"id?", "integer", "ignored"},
    {"name?", "string", "name"},
    {"method?", "string", "only this method"},
    {"path?", "string", "only paths like this, without /api/v4; * stands for anything"},
    {"after?", "integer", "lets this many requests pass first"},
    {"every?", "integer", "strikes every n-th request"},
    {"probability?", "number", "probability of a strike, randomized from the seed"},
    {"times?", "integer", "ends after this many strikes"},
    {"status?", "integer", "responds with this status"},
    {"headers?", "{string}", "headers to add"},
    {"body?", "any", "body of that response, text or JSON"},
    {"delay?", "any", "seconds: a number, {min, max}, or {median, sigma}"},
    {"action?", "send|drop|reset|truncate|truncate_reset|dribble|garbage|wrong_length|stall|send_close", "fault on the connection"},
    {"bytes?", "integer", "how many bytes the action lets through"},
    {"interval?", "number", "seconds between pieces, or until a stall ends"},
    {"apply?", "boolean", "carry the request out as well"},
    {"apply_then_drop?", "boolean", "carry it out, then close without a response"},
    {"apply_late?", "number", "carry it out this many seconds later"},
    {"apply_then_close_idle?", "boolean", "the same, only on a connection that was used before"},
    {"reset?", "boolean", "reset the connection"},
    {"drop?", "boolean", "close the connection"},
    {"truncate?", "any", "cut the body after this many bytes"},
    {"dribble?", "any", "send this many bytes at a time"},
    {"garbage?", "boolean", "respond with invalid HTTP"},
    {"throttle?", "Throttle", "strike only beyond this rate"},
    {"object_storage?", "boolean", "archives are redirected to a signed address of another origin"},
    {"lag?", "number", "reads see pipelines and jobs as they were this many seconds ago"},
    {"matched?", "integer", "ignored"},
    {"struck?", "integer", "ignored"},
    {NULL, NULL, NULL}};

static const gp_schema_field throttle_fields[] = {
    {"limit?", "integer", "requests of one token allowed per period"},
    {"period?", "number", "seconds, 60 if absent"},
    {"creations?", "integer", "pipelines per minute for one project, user and commit"},
    {"jobs?", "integer", "lists of a project's jobs per minute for one user"},
    {NULL, NULL, NULL}};

static const gp_schema_field fault_fields[] = {
    {"id", "integer", "number"},
    {"matched", "integer", "requests that it matched"},
    {"struck", "integer", "requests that it struck"},
    {"*", "any", "the given fields of FaultRule"},
    {NULL, NULL, NULL}};

static const gp_schema_field world_fields[] = {
    {"projects?", "{object}", "projects by path: id, jobs, stages, refs, tags, variables_role, trigger_tokens, ..."},
    {"*", "any", "settings of the whole world: tokens, faults, lag, throttle, version"},
    {NULL, NULL, NULL}};

static const gp_schema_field project_hook_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "URL"},
    {"name", "string?", "name"},
    {"description", "string?", "what it is for"},
    {"created_at", "time", "creation time"},
    {"alert_status", "executable|temporarily_disabled|disabled", "whether it is disabled after failures"},
    {"disabled_until", "time?", "end of that"},
    {"url_variables", "[object]", "always empty here"},
    {"push_events_branch_filter", "string", "branches whose pushes are sent"},
    {"branch_filter_strategy", "string", "wildcard"},
    {"custom_webhook_template", "string?", "always null here"},
    {"custom_headers", "[object]", "always empty here"},
    {"token_present", "boolean", "whether a secret is sent"},
    {"signing_token_present", "boolean", "whether deliveries are signed"},
    {"project_id", "integer", "its project"},
    {"push_events", "boolean", "stored, without effect"},
    {"tag_push_events", "boolean", "stored, without effect"},
    {"merge_requests_events", "boolean", "stored, without effect"},
    {"repository_update_events", "boolean", "stored, without effect"},
    {"enable_ssl_verification", "boolean", "whether certificates are verified"},
    {"issues_events", "boolean", "stored, without effect"},
    {"confidential_issues_events", "boolean", "stored, without effect"},
    {"note_events", "boolean", "stored, without effect"},
    {"confidential_note_events", "boolean", "stored, without effect"},
    {"pipeline_events", "boolean", "whether pipeline events are sent"},
    {"wiki_page_events", "boolean", "stored, without effect"},
    {"deployment_events", "boolean", "whether deployment events are sent"},
    {"feature_flag_events", "boolean", "stored, without effect"},
    {"job_events", "boolean", "whether job events are sent"},
    {"releases_events", "boolean", "stored, without effect"},
    {"emoji_events", "boolean", "stored, without effect"},
    {"resource_access_token_events", "boolean", "stored, without effect"},
    {NULL, NULL, NULL}};

static const gp_schema_field hook_event_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "URL that it was sent to"},
    {"trigger", "string", "pipeline_hooks, job_hooks or deployment_hooks"},
    {"request_headers", "{string}", "headers, secrets redacted"},
    {"request_data", "object", "body"},
    {"response_headers", "{string}", "always empty here"},
    {"response_body", "string", "beginning of the response, or reason of the failure"},
    {"execution_duration", "number", "duration in seconds"},
    {"response_status", "string", "status of the response, or internal error"},
    {"created_at", "time", "time of the event"},
    {NULL, NULL, NULL}};

static const gp_schema_field agents_project_fields[] = {
    {"id", "integer", "number"},
    {"groups", "[object]", "always empty here"},
    {NULL, NULL, NULL}};

static const gp_schema_field agents_row_fields[] = {
    {"id", "integer", "number"},
    {NULL, NULL, NULL}};

static const gp_schema_field agents_user_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "display name"},
    {"username", "string", "login name"},
    {"roles_in_project", "[string]", "roles, from guest upwards"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_agents_fields[] = {
    {"allowed_agents", "[object]", "always empty here"},
    {"job", "AgentsRow", "the job"},
    {"pipeline", "AgentsRow", "its pipeline"},
    {"project", "AgentsProject", "its project"},
    {"user", "AgentsUser", "user that runs it"},
    {NULL, NULL, NULL}};

static const gp_schema_field resent_fields[] = {
    {"response_status", "integer", "status of the last response; 0: none"},
    {NULL, NULL, NULL}};

static const gp_schema_field hook_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "URL"},
    {"project_id", "integer?", "its project; null: every project"},
    {"events", "[string]", "events that it gets: pipeline, job, deployment"},
    {"token_present", "boolean", "whether a secret is sent"},
    {"signing_token_present", "boolean", "whether deliveries are signed"},
    {"retries", "integer", "further tries after a failure"},
    {"duplicate", "integer", "further copies of each delivery"},
    {"delay", "number", "seconds before each delivery"},
    {"reorder", "boolean", "of two deliveries the second goes first"},
    {"wrong_signature", "boolean", "signature and secret are wrong"},
    {"alert_status", "executable|temporarily_disabled|disabled", "four failures in a row switch it off for a while, forty for good"},
    {"disabled_until", "time?", "time at which it is enabled again"},
    {"failures", "integer", "failures in a row"},
    {"created_at", "time", "time of its registration"},
    {"deliveries", "[Delivery]", "the newest ones"},
    {NULL, NULL, NULL}};

static const gp_schema_field delivery_fields[] = {
    {"id", "integer", "number"},
    {"hook_id", "integer", "its target"},
    {"event", "pipeline|job|deployment", "kind of event"},
    {"subject", "string", "the same in words"},
    {"state", "waiting|sending|delivered|failed|skipped", "skipped: its target was switched off"},
    {"webhook_id", "string", "the same at every try and for every copy"},
    {"attempts", "integer", "tries so far"},
    {"created_at", "time", "time of the event"},
    {"due_at", "time?", "time at which it is due, while it waits"},
    {"sent_at", "time?", "time of the last attempt"},
    {"answered_at", "time?", "time of the response"},
    {"status", "integer?", "status of the last response; null: none"},
    {"answer", "string?", "beginning of the response, or reason of the failure"},
    {"headers", "{string}", "headers of the last try, secrets redacted"},
    {"payload", "object", "the body"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_user_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "display name"},
    {"username", "string", "login name"},
    {"avatar_url", "string?", "picture"},
    {"email", "string", "[REDACTED] unless public"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_project_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "last part of its path"},
    {"description", "string?", "what it is for"},
    {"web_url", "string", "page"},
    {"avatar_url", "string?", "picture"},
    {"git_ssh_url", "string", "SSH clone URL"},
    {"git_http_url", "string", "HTTP clone URL"},
    {"namespace", "string", "its group"},
    {"visibility_level", "integer", "0 private, 10 internal, 20 public"},
    {"path_with_namespace", "string", "full path"},
    {"default_branch", "string", "default branch"},
    {"ci_config_path", "string?", "where its configuration stands"},
    {"homepage?", "string", "page, in deployment events"},
    {"url?", "string", "git by ssh, in deployment events"},
    {"ssh_url?", "string", "git by ssh, in deployment events"},
    {"http_url?", "string", "git by http, in deployment events"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_runner_fields[] = {
    {"id", "integer", "number"},
    {"description", "string", "description"},
    {"runner_type", "string", "instance_type"},
    {"active", "boolean", "accepts jobs"},
    {"is_shared", "boolean", "open to all projects"},
    {"tags", "[string]", "its tags"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_environment_fields[] = {
    {"name", "string", "name"},
    {"action", "string", "start, stop, ..."},
    {"deployment_tier", "string?", "kind"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_variable_fields[] = {
    {"key", "string", "name"},
    {"value", "string", "value"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_source_project_fields[] = {
    {"id", "integer", "number"},
    {"web_url", "string", "page"},
    {"path_with_namespace", "string", "full path"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_source_fields[] = {
    {"project", "EventSourceProject", "its project"},
    {"pipeline_id", "integer", "its pipeline"},
    {"job_id", "integer", "its number"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_artifacts_fields[] = {
    {"filename", "string?", "name; null for none"},
    {"size", "integer?", "bytes"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_build_fields[] = {
    {"id", "integer", "number"},
    {"stage", "string", "stage"},
    {"name", "string", "name"},
    {"status", GP_STATUS_CHOICES, "status"},
    {"created_at", "string", "as 2016-08-12 15:23:28 UTC"},
    {"started_at", "string?", "when it started"},
    {"finished_at", "string?", "when it ended"},
    {"duration", "number?", "seconds of running"},
    {"queued_duration", "number?", "seconds that it waited"},
    {"failure_reason", "string?", "why it failed"},
    {"when", "string", "how it is started"},
    {"manual", "boolean", "started by hand"},
    {"allow_failure", "boolean", "whether its failure is allowed"},
    {"user", "EventUser", "user"},
    {"runner", "EventRunner?", "user that runs it"},
    {"artifacts_file", "EventArtifacts", "the archive"},
    {"environment", "EventEnvironment?", "where it deploys to"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_author_fields[] = {
    {"name", "string", "name"},
    {"email", "string", "address"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_commit_fields[] = {
    {"id", "string", "sha"},
    {"message", "string", "whole message"},
    {"title", "string", "first line"},
    {"timestamp", "string", "when"},
    {"url", "string", "page"},
    {"author", "EventAuthor", "author"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_attributes_fields[] = {
    {"id", "integer", "number"},
    {"iid", "integer", "number within the project"},
    {"name", "string?", "name"},
    {"ref", "string", "branch or tag"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"sha", "string", "commit"},
    {"before_sha", "string", "commit before"},
    {"source", "string", "what created it"},
    {"status", GP_STATUS_CHOICES, "status"},
    {"detailed_status", "string", "status for people, such as passed"},
    {"stages", "[string]", "stages in their order"},
    {"created_at", "string", "as 2016-08-12 15:23:28 UTC"},
    {"finished_at", "string?", "when it ended"},
    {"duration", "integer?", "seconds that it ran"},
    {"queued_duration", "integer?", "seconds that it waited"},
    {"protected_ref", "boolean", "whether the ref is protected"},
    {"default_branch", "boolean", "whether the ref is the project's default branch"},
    {"variables", "[EventVariable]", "its variables"},
    {"url", "string", "page"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_event_fields[] = {
    {"object_kind", "string", "pipeline"},
    {"object_attributes", "EventAttributes", "the pipeline"},
    {"merge_request", "any", "always null here"},
    {"user", "EventUser", "creator"},
    {"project", "EventProject", "its project"},
    {"commit", "EventCommit", "its commit"},
    {"builds", "[EventBuild]", "latest attempts of its jobs, trigger jobs apart"},
    {"source_pipeline?", "EventSource", "job that started it, if any"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_event_commit_fields[] = {
    {"id", "integer", "number of the pipeline"},
    {"name", "string?", "name of the pipeline"},
    {"sha", "string", "commit"},
    {"message", "string", "message of the commit"},
    {"author_name", "string", "author"},
    {"author_email", "string", "email of the author"},
    {"author_url", "string", "page of the author"},
    {"status", GP_STATUS_CHOICES, "status of the pipeline"},
    {"duration", "integer?", "seconds that it ran"},
    {"started_at", "time?", "when it started"},
    {"finished_at", "time?", "when it ended"},
    {"started_at_iso", "time?", "the same in whole seconds"},
    {"finished_at_iso", "time?", "the same in whole seconds"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_repository_fields[] = {
    {"name", "string", "name"},
    {"url", "string", "git by ssh"},
    {"description", "string?", "what it is for"},
    {"homepage", "string", "page"},
    {"git_ssh_url", "string", "git by ssh"},
    {"git_http_url", "string", "git by http"},
    {"visibility_level", "integer", "0 private, 10 internal, 20 public"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_event_fields[] = {
    {"object_kind", "string", "build"},
    {"ref", "string", "branch or tag"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"before_sha", "string", "commit before"},
    {"sha", "string", "commit"},
    {"retries_count", "integer", "earlier attempts"},
    {"build_id", "integer", "number of the job"},
    {"build_name", "string", "name"},
    {"build_stage", "string", "stage"},
    {"build_status", GP_STATUS_CHOICES, "status"},
    {"build_created_at", "time", "creation time"},
    {"build_started_at", "time?", "when it started"},
    {"build_finished_at", "time?", "when it ended"},
    {"build_created_at_iso", "time", "the same in whole seconds"},
    {"build_started_at_iso", "time?", "the same in whole seconds"},
    {"build_finished_at_iso", "time?", "the same in whole seconds"},
    {"build_duration", "number?", "seconds of running"},
    {"build_queued_duration", "number?", "seconds that it waited"},
    {"build_allow_failure", "boolean", "whether its failure is allowed"},
    {"build_failure_reason", "string", "reason of its failure; unknown_failure otherwise"},
    {"pipeline_id", "integer", "its pipeline"},
    {"runner", "EventRunner?", "user that runs it"},
    {"project_id", "integer", "its project"},
    {"project_name", "string", "path of its project"},
    {"user", "EventUser", "user"},
    {"commit", "JobEventCommit", "its pipeline"},
    {"repository", "EventRepository", "its repository"},
    {"project", "EventProject", "its project"},
    {"environment", "EventEnvironment?", "where it deploys to"},
    {"source_pipeline?", "EventSource", "job that started its pipeline, if any"},
    {NULL, NULL, NULL}};

static const gp_schema_field deployment_event_fields[] = {
    {"object_kind", "string", "deployment"},
    {"status", "string", "status"},
    {"status_changed_at", "string", "as 2021-04-28 21:50:00 +0200"},
    {"deployment_id", "integer", "number"},
    {"deployable_id", "integer?", "the job that deploys"},
    {"deployable_url", "string?", "page of that job"},
    {"environment", "string?", "name of the environment"},
    {"environment_tier", "string?", "kind"},
    {"environment_slug", "string?", "name for use in URLs"},
    {"environment_external_url", "string?", "address of the deployed application"},
    {"project", "EventProject", "its project"},
    {"short_sha", "string", "first 8 characters of the commit"},
    {"user", "EventUser", "user"},
    {"user_url", "string", "page of the user"},
    {"commit_url", "string", "page of the commit"},
    {"commit_title", "string", "first line of the commit's message"},
    {NULL, NULL, NULL}};

static const gp_schema_field variable_input_fields[] = {
    {"key?", "string", "name"},
    {"value?", "string", "value"},
    {"variable_type?", "env_var|file", "kind"},
    {NULL, NULL, NULL}};

static const gp_schema_field variable_filter_fields[] = {
    {"environment_scope?", "string", "its environment scope"},
    {NULL, NULL, NULL}};

static const gp_schema_field open_a_p_i_fields[] = {
    {"openapi", "string", "version of the format"},
    {"*", "any", "the rest"},
    {NULL, NULL, NULL}};

static const gp_schema_field snapshot_fields[] = {
    {"taken_at?", "time", "when"},
    {"time", "integer", "milliseconds since 1970"},
    {"database", "string", "the database, in hexadecimal"},
    {NULL, NULL, NULL}};

const gp_schema gp_schemas[] = {
    {"Message", "A message.", message_fields, NULL, NULL},
    {"Error", "Every error: either a message, as text or by field, or an error.", error_fields, NULL, NULL},
    {"User", "A user, as jobs and GET /user show it.", user_fields, user_basic_fields, NULL},
    {"UserBasic", "A user in short.", user_basic_fields, NULL, NULL},
    {"Namespace", "The group of a project.", namespace_fields, NULL, NULL},
    {"Project", "A project. Its restrictions on pipeline variables are in its last two fields.", project_fields, NULL, NULL},
    {"Version", "Version of the server.", version_fields, NULL, NULL},
    {"Kas", "The agent server for Kubernetes.", kas_fields, NULL, NULL},
    {"Metadata", "Version of the server and what it offers.", metadata_fields, NULL, NULL},
    {"DetailedStatus", "A status as pages show it.", detailed_status_fields, NULL, NULL},
    {"PipelineRow", "A pipeline as lists show it.", pipeline_row_fields, NULL, NULL},
    {"Pipeline", "A pipeline in full.", pipeline_fields, pipeline_row_fields, NULL},
    {"PipelineVariable", "A variable of a pipeline.", pipeline_variable_fields, NULL, NULL},
    {"Commit", "A commit.", commit_fields, NULL, NULL},
    {"JobProject", "Settings of a job's project.", job_project_fields, NULL, NULL},
    {"ArtifactFile", "The archive of a job.", artifact_file_fields, NULL, NULL},
    {"Artifact", "One kind of artifact of a job.", artifact_fields, NULL, NULL},
    {"Runner", "The runner of a job.", runner_fields, NULL, NULL},
    {"RunnerManager", "The machine that ran a job.", runner_manager_fields, NULL, NULL},
    {"Job", "A job that runs on a runner.", job_fields, any_job_fields, NULL},
    {"TriggerJob", "A job that starts another pipeline.", trigger_job_fields, any_job_fields, NULL},
    {"AnyJob", "A job, or a trigger job.", NULL, NULL, "Job|TriggerJob"},
    {"ArtifactEntry", "A file or folder within the artifacts of a job.", artifact_entry_fields, NULL, NULL},
    {"TestCase", "One test.", test_case_fields, NULL, NULL},
    {"TestSuite", "The tests of one job.", test_suite_fields, NULL, NULL},
    {"TestReport", "The tests of a pipeline.", test_report_fields, NULL, NULL},
    {"TestTotals", "Totals of a pipeline's tests.", test_totals_fields, NULL, NULL},
    {"TestSuiteSummary", "Totals of one job's tests.", test_suite_summary_fields, NULL, NULL},
    {"TestReportSummary", "The tests of a pipeline in numbers.", test_report_summary_fields, NULL, NULL},
    {"Trigger", "A trigger token. Only its owner sees more than its first four characters.", trigger_fields, NULL, NULL},
    {"Variable", "A CI/CD variable of a project.", variable_fields, NULL, NULL},
    {"Environment", "A place to deploy to.", environment_fields, environment_basic_fields, NULL},
    {"EnvironmentBasic", "An environment in short.", environment_basic_fields, NULL, NULL},
    {"ReviewApps", "Old review apps.", review_apps_fields, NULL, NULL},
    {"Deployment", "A deployment.", deployment_fields, NULL, NULL},
    {"Token", "An access token.", token_fields, NULL, NULL},
    {"NewToken", "A new access token, shown only once.", new_token_fields, token_fields, NULL},
    {"OauthApplication", "The application that a token was given to.", oauth_application_fields, NULL, NULL},
    {"OauthToken", "Details of an OAuth token.", oauth_token_fields, NULL, NULL},
    {"Scenario", "A predefined course for pipelines.", scenario_fields, NULL, NULL},
    {"PipelineRecord", "A pipeline as the table of pipelines holds it.", pipeline_record_fields, NULL, NULL},
    {"Clock", "The simulated time.", clock_fields, NULL, NULL},
    {"Request", "One received request.", request_fields, NULL, NULL},
    {"FaultRule", "Which requests a rule strikes, and what happens to them then.", fault_rule_fields, NULL, NULL},
    {"Throttle", "A rate.", throttle_fields, NULL, NULL},
    {"Fault", "A rule with its counts.", fault_fields, NULL, NULL},
    {"World", "How projects behave.", world_fields, NULL, NULL},
    {"AgentsRow", "A job or pipeline, by its number.", agents_row_fields, NULL, NULL},
    {"AgentsProject", "The project of a job.", agents_project_fields, NULL, NULL},
    {"AgentsUser", "The user that runs a job.", agents_user_fields, NULL, NULL},
    {"JobAgents", "Kubernetes agents that a job can use.", job_agents_fields, NULL, NULL},
    {"ProjectHook", "A webhook of a project.", project_hook_fields, NULL, NULL},
    {"HookEvent", "An event sent to a webhook.", hook_event_fields, NULL, NULL},
    {"Resent", "The result of the last attempt.", resent_fields, NULL, NULL},
    {"Hook", "A webhook target.", hook_fields, NULL, NULL},
    {"Delivery", "A delivery of one event to one target.", delivery_fields, NULL, NULL},
    {"EventUser", "The user of an event.", event_user_fields, NULL, NULL},
    {"EventProject", "The project of an event.", event_project_fields, NULL, NULL},
    {"EventRunner", "The user that runs a job.", event_runner_fields, NULL, NULL},
    {"EventEnvironment", "The environment of a job.", event_environment_fields, NULL, NULL},
    {"EventVariable", "A variable of a pipeline.", event_variable_fields, NULL, NULL},
    {"EventSourceProject", "The project of the job that started a pipeline.", event_source_project_fields, NULL, NULL},
    {"EventSource", "The job that started this pipeline.", event_source_fields, NULL, NULL},
    {"EventArtifacts", "The archive of a job.", event_artifacts_fields, NULL, NULL},
    {"EventBuild", "A job within a pipeline event.", event_build_fields, NULL, NULL},
    {"EventAuthor", "The author of a commit.", event_author_fields, NULL, NULL},
    {"EventCommit", "The commit of a pipeline.", event_commit_fields, NULL, NULL},
    {"EventAttributes", "The pipeline of a pipeline event.", event_attributes_fields, NULL, NULL},
    {"PipelineEvent", "Sent when the status of a pipeline changes.", pipeline_event_fields, NULL, NULL},
    {"JobEventCommit", "The pipeline of a job event; GitLab calls it commit.", job_event_commit_fields, NULL, NULL},
    {"EventRepository", "The repository of a job event.", event_repository_fields, NULL, NULL},
    {"JobEvent", "Sent when the status of a job changes.", job_event_fields, NULL, NULL},
    {"DeploymentEvent", "Sent when the status of a deployment changes.", deployment_event_fields, NULL, NULL},
    {"VariableInput", "A variable for a pipeline or a job.", variable_input_fields, NULL, NULL},
    {"VariableFilter", "Selects one of several variables with the same name.", variable_filter_fields, NULL, NULL},
    {"OpenAPI", "An OpenAPI document.", open_a_p_i_fields, NULL, NULL},
    {"Snapshot", "The whole state; send it back unchanged.", snapshot_fields, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};
/* clang-format on */
