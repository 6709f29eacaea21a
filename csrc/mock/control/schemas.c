/* The table of schemas. A field that is added to a response is added here too. */
#include "mock/control/schemas.h"

#include <stddef.h>

/* clang-format off */
static const gp_schema_field message_fields[] = {
    {"message", "string", "what was done"},
    {NULL, NULL, NULL}};

static const gp_schema_field error_fields[] = {
    {"message?", "any", "text, or problems by field"},
    {"error?", "string", "what is wrong, or a code such as invalid_token"},
    {"error_description?", "string", "what the code means"},
    {"scope?", "string", "scopes that would do"},
    {NULL, NULL, NULL}};

static const gp_schema_field user_fields[] = {
    {"created_at", "time", "since when"},
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
    {"followers", "integer", "how many follow it"},
    {"following", "integer", "how many it follows"},
    {"local_time", "string?", "time where it lives"},
    {NULL, NULL, NULL}};

static const gp_schema_field user_basic_fields[] = {
    {"id", "integer", "number"},
    {"username", "string", "name for logging in"},
    {"name", "string", "name for people"},
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
    {"full_path", "string", "path from the top"},
    {"parent_id", "integer?", "the group above"},
    {"avatar_url", "string?", "picture"},
    {"web_url", "string", "page"},
    {NULL, NULL, NULL}};

static const gp_schema_field project_fields[] = {
    {"id", "integer", "number"},
    {"description", "string?", "what it is for"},
    {"name", "string", "last part of its path"},
    {"name_with_namespace", "string", "path with blanks around the slashes"},
    {"path", "string", "last part of its path"},
    {"path_with_namespace", "string", "full path"},
    {"created_at", "time", "when it was made"},
    {"default_branch", "string", "branch used where none is named"},
    {"tag_list", "[string]", "older name of topics"},
    {"topics", "[string]", "topics"},
    {"ssh_url_to_repo", "string", "where git finds it by ssh"},
    {"http_url_to_repo", "string", "where git finds it by http"},
    {"web_url", "string", "page"},
    {"readme_url", "string?", "page of its README"},
    {"forks_count", "integer", "how many forks"},
    {"avatar_url", "string?", "picture"},
    {"star_count", "integer", "how many stars"},
    {"last_activity_at", "time", "when it was last used"},
    {"namespace?", "Namespace", "its group; absent where the path has one part"},
    {"visibility", "string", "private, internal or public"},
    {"archived", "boolean", "read-only"},
    {"jobs_enabled", "boolean", "whether it has CI"},
    {"empty_repo", "boolean", "whether it has no commit"},
    {"restrict_user_defined_variables", "boolean", "whether the next field says more than developer"},
    {"ci_pipeline_variables_minimum_override_role", "string", "least role that may set pipeline variables"},
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
    {"enterprise", "boolean", "Enterprise Edition?"},
    {NULL, NULL, NULL}};

static const gp_schema_field detailed_status_fields[] = {
    {"icon", "string", "icon"},
    {"text", "string", "in a badge, such as Passed"},
    {"label", "string", "in a sentence, such as passed with warnings"},
    {"group", "string", "style"},
    {"tooltip", "string", "on hovering"},
    {"has_details", "boolean", "whether details_path may be opened"},
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
    {"status", GP_STATUS_CHOICES, "status at the time of the answer"},
    {"source", "string", "what made it: api, trigger, pipeline, parent_pipeline, ..."},
    {"created_at", "time", "when it was made"},
    {"updated_at", "time", "when its status last changed"},
    {"web_url", "string", "page"},
    {"name?", "string?", "name given by workflow:name or PUT .../metadata"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_fields[] = {
    {"before_sha", "string", "commit before; zeros"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"yaml_errors", "string?", "what is wrong with its configuration"},
    {"user", "UserBasic", "who made it"},
    {"started_at", "time?", "when it first ran"},
    {"finished_at", "time?", "when it came to its final status"},
    {"committed_at", "time?", "always null here"},
    {"duration", "integer?", "seconds in which at least one job ran, once it is complete"},
    {"queued_duration", "integer?", "seconds before it first ran; null under one"},
    {"coverage", "string?", "mean of its jobs' coverage, two decimals"},
    {"detailed_status", "DetailedStatus", "the status for people"},
    {"archived", "boolean", "too old to be acted upon"},
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
    {"author_name", "string", "who wrote it"},
    {"author_email", "string", "address of who wrote it"},
    {"authored_date", "string", "when it was written"},
    {"committer_name", "string", "who committed it"},
    {"committer_email", "string", "address of who committed it"},
    {"committed_date", "string", "when it was committed"},
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
    {"active", "boolean", "takes jobs"},
    {"paused", "boolean", "takes no jobs"},
    {"is_shared", "boolean", "open to all projects"},
    {"runner_type", "string", "instance_type"},
    {"name", "string", "program"},
    {"online", "boolean", "seen lately"},
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
    {"status", GP_STATUS_CHOICES, "status at the time of the answer"},
    {"stage", "string", "stage"},
    {"name", "string", "name"},
    {"ref", "string", "branch or tag"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"coverage", "number?", "percent of the code that its tests reach"},
    {"allow_failure", "boolean", "whether the pipeline succeeds without it"},
    {"created_at", "time", "when it was made"},
    {"started_at", "time?", "when it started"},
    {"finished_at", "time?", "when it ended"},
    {"erased_at", "time?", "when it was erased"},
    {"duration", "number?", "seconds that it has run"},
    {"queued_duration", "number?", "seconds that it waited for a runner"},
    {"user", "User", "who started it"},
    {"commit", "Commit", "commit"},
    {"pipeline", "PipelineRow", "its pipeline"},
    {"failure_reason?", "string", "why it failed; absent if it did not"},
    {"web_url", "string", "page"},
    {"project", "JobProject", "settings of its project"},
    {"source", "string", "what made its pipeline"},
    {"archived", "boolean", "too old to be acted upon"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_fields[] = {
    {"artifacts_file?", "ArtifactFile", "the archive; absent where there is none"},
    {"artifacts", "[Artifact]", "what it left"},
    {"artifacts_expire_at", "time?", "when that is deleted"},
    {"runner", "Runner?", "who runs it, from its start"},
    {"runner_manager", "RunnerManager?", "the machine"},
    {"tag_list", "[string]", "tags that its runner needs"},
    {NULL, NULL, NULL}};

static const gp_schema_field trigger_job_fields[] = {
    {"downstream_pipeline", "PipelineRow?", "what it made"},
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
    {"file", "string?", "where it stands"},
    {"execution_time", "number", "seconds"},
    {"system_output", "any", "what it printed, or why it failed"},
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
    {"error_count", "integer", "broke"},
    {"suite_error", "string?", "why the report can not be read"},
    {"test_cases", "[TestCase]", "its tests"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_report_fields[] = {
    {"total_time", "number", "seconds"},
    {"total_count", "integer", "tests"},
    {"success_count", "integer", "passed"},
    {"failed_count", "integer", "failed"},
    {"skipped_count", "integer", "skipped"},
    {"error_count", "integer", "broke"},
    {"test_suites", "[TestSuite]", "by job"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_totals_fields[] = {
    {"time", "number", "seconds"},
    {"count", "integer", "tests"},
    {"success", "integer", "passed"},
    {"failed", "integer", "failed"},
    {"skipped", "integer", "skipped"},
    {"error", "integer", "broke"},
    {"suite_error", "string?", "why a report can not be read"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_suite_summary_fields[] = {
    {"name", "string", "name of the job"},
    {"total_time", "number", "seconds"},
    {"total_count", "integer", "tests"},
    {"success_count", "integer", "passed"},
    {"failed_count", "integer", "failed"},
    {"skipped_count", "integer", "skipped"},
    {"error_count", "integer", "broke"},
    {"build_ids", "[integer]", "jobs"},
    {"suite_error", "string?", "why the report can not be read"},
    {NULL, NULL, NULL}};

static const gp_schema_field test_report_summary_fields[] = {
    {"total", "TestTotals", "of the pipeline"},
    {"test_suites", "[TestSuiteSummary]", "by job"},
    {NULL, NULL, NULL}};

static const gp_schema_field trigger_fields[] = {
    {"id", "integer", "number"},
    {"token", "string", "the token"},
    {"description", "string", "what it is for"},
    {"created_at", "time", "when it was made"},
    {"updated_at", "time", "when it was changed"},
    {"last_used", "time?", "when it last made a pipeline"},
    {"expires_at", "time?", "when it ends"},
    {"owner", "UserBasic", "who made it"},
    {NULL, NULL, NULL}};

static const gp_schema_field variable_fields[] = {
    {"variable_type", "env_var|file", "kind"},
    {"key", "string", "name"},
    {"value", "string?", "value; null when hidden"},
    {"hidden", "boolean", "never readable again"},
    {"protected", "boolean", "only for protected refs"},
    {"masked", "boolean", "hidden in logs"},
    {"raw", "boolean", "$NAME within is not expanded"},
    {"environment_scope", "string", "environments that it holds for"},
    {"description", "string?", "what it is for"},
    {NULL, NULL, NULL}};

static const gp_schema_field environment_basic_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "name"},
    {"slug", "string", "name as part of an address"},
    {"external_url", "string?", "where the application is"},
    {"created_at", "time", "when it was made"},
    {"updated_at", "time", "when it was changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field review_apps_fields[] = {
    {"scheduled_entries", "[EnvironmentBasic]", "what goes, or would go"},
    {"unprocessable_entries", "[EnvironmentBasic]", "always empty"},
    {NULL, NULL, NULL}};

static const gp_schema_field environment_fields[] = {
    {"description", "string?", "what it is for"},
    {"tier", "production|staging|testing|development|other", "kind"},
    {"state", "available|stopping|stopped", "state"},
    {"auto_stop_at", "time?", "when it stops by itself"},
    {"kubernetes_namespace", "string?", "where the agent deploys to"},
    {"flux_resource_path", "string?", "what Flux watches"},
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
    {"created_at", "time", "when it was made"},
    {"updated_at", "time", "when it was changed"},
    {"status", "created|running|success|failed|canceled|blocked|skipped", "status"},
    {"user", "UserBasic", "who"},
    {"environment", "Environment?", "where to"},
    {"deployable", "Job?", "the job that deploys; null when recorded through the API"},
    {NULL, NULL, NULL}};

static const gp_schema_field token_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "name"},
    {"revoked", "boolean", "revoked"},
    {"created_at", "time", "when it was made"},
    {"description", "string?", "what it is for"},
    {"scopes", "[string]", "what it may do"},
    {"user_id", "integer", "whose it is"},
    {"last_used_at", "time?", "when it was last used"},
    {"active", "boolean", "neither revoked nor expired"},
    {"expires_at", "date?", "last day"},
    {NULL, NULL, NULL}};

static const gp_schema_field new_token_fields[] = {
    {"token", "string", "the token"},
    {NULL, NULL, NULL}};

static const gp_schema_field oauth_application_fields[] = {
    {"uid", "string", "name"},
    {NULL, NULL, NULL}};

static const gp_schema_field oauth_token_fields[] = {
    {"resource_owner_id", "integer", "whose it is"},
    {"scope", "[string]", "what it may do"},
    {"expires_in", "integer", "seconds"},
    {"application", "OauthApplication", "application"},
    {"created_at", "integer", "seconds since 1970"},
    {"scopes", "[string]", "what it may do"},
    {"expires_in_seconds", "integer", "seconds"},
    {NULL, NULL, NULL}};

static const gp_schema_field scenario_fields[] = {
    {"scenario_id", "integer", "number"},
    {"name", "string", "name"},
    {"terminal_after_seconds", "integer?", "ends that many seconds after its creation"},
    {"terminal_status", "success|failed|canceled|skipped?", "how it ends"},
    {"never_complete", "integer", "1: stays running"},
    {"preset", "boolean", "one of those that are always there"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_record_fields[] = {
    {"id", "integer", "number"},
    {"project_id", "integer", "its project"},
    {"ref", "string", "branch or tag"},
    {"sha", "string", "commit"},
    {"status", GP_STATUS_CHOICES, "status"},
    {"variables_json", "string?", "its variables, as JSON"},
    {"scenario_id", "integer?", "scenario that it follows"},
    {"terminal_after_seconds", "integer?", "its own end"},
    {"terminal_status", "success|failed|canceled|skipped?", "its own end"},
    {"never_complete", "integer", "1: stays running"},
    {"held", "boolean", "whether its status was set by hand"},
    {"created_at", "time", "when it was made"},
    {"updated_at", "time", "when its status last changed"},
    {NULL, NULL, NULL}};

static const gp_schema_field clock_fields[] = {
    {"mode", "real|virtual", "real runs on, virtual stands still until it is moved"},
    {"now", "time", "the time"},
    {"epoch", "number", "the time in seconds since 1970"},
    {NULL, NULL, NULL}};

static const gp_schema_field request_fields[] = {
    {"number", "integer", "counts up"},
    {"at", "time", "when"},
    {"method", "string", "method"},
    {"path", "string", "path as it came"},
    {"query", "any", "parameters of the path"},
    {"headers", "{string}", "headers, secrets redacted"},
    {"body", "any", "parameters of the body"},
    {"status", "integer", "what was answered"},
    {"fault", "boolean", "whether a rule struck it"},
    {NULL, NULL, NULL}};

static const gp_schema_field fault_rule_fields[] = {
    {"id?", "integer", "ignored"},
    {"name?", "string", "what people call it"},
    {"method?", "string", "only this method"},
    {"path?", "string", "only paths like this, without /api/v4; * stands for anything"},
    {"after?", "integer", "lets that many pass first"},
    {"every?", "integer", "strikes each n-th"},
    {"probability?", "number", "strikes by the seed's dice"},
    {"times?", "integer", "ends after that many"},
    {"status?", "integer", "answers with this status"},
    {"headers?", "{string}", "headers to add"},
    {"body?", "any", "body of that answer, text or JSON"},
    {"delay?", "any", "seconds: a number, {min, max}, or {median, sigma}"},
    {"action?", "send|drop|reset|truncate|truncate_reset|dribble|garbage|wrong_length|stall|send_close", "what happens on the wire"},
    {"bytes?", "integer", "how many bytes the action lets through"},
    {"interval?", "number", "seconds between pieces, or until a stall ends"},
    {"apply?", "boolean", "carry the request out all the same"},
    {"apply_then_drop?", "boolean", "carry it out, close without an answer"},
    {"apply_late?", "number", "carry it out that many seconds later"},
    {"apply_then_close_idle?", "boolean", "the same, only on a connection that was used before"},
    {"reset?", "boolean", "reset the connection"},
    {"drop?", "boolean", "close the connection"},
    {"truncate?", "any", "cut the body after that many bytes"},
    {"dribble?", "any", "send that many bytes at a time"},
    {"garbage?", "boolean", "answer with what is no HTTP"},
    {"throttle?", "Throttle", "strike only beyond this rate"},
    {"object_storage?", "boolean", "archives are redirected to a signed address of another origin"},
    {"lag?", "number", "reads see pipelines and jobs as they were that many seconds ago"},
    {"matched?", "integer", "ignored"},
    {"struck?", "integer", "ignored"},
    {NULL, NULL, NULL}};

static const gp_schema_field throttle_fields[] = {
    {"limit?", "integer", "requests of one token that pass in a period"},
    {"period?", "number", "seconds, 60 if absent"},
    {"creations?", "integer", "pipelines a minute of one project, user and commit"},
    {"jobs?", "integer", "lists of a project's jobs a minute of one user"},
    {NULL, NULL, NULL}};

static const gp_schema_field fault_fields[] = {
    {"id", "integer", "number"},
    {"matched", "integer", "requests that it fitted"},
    {"struck", "integer", "requests that it struck"},
    {"*", "any", "the fields of FaultRule as they were given"},
    {NULL, NULL, NULL}};

static const gp_schema_field world_fields[] = {
    {"projects?", "{object}", "projects by path: id, jobs, stages, refs, tags, variables_role, trigger_tokens, ..."},
    {"*", "any", "settings of the whole world: tokens, faults, lag, throttle, version"},
    {NULL, NULL, NULL}};

static const gp_schema_field project_hook_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "where it is"},
    {"name", "string?", "name"},
    {"description", "string?", "what it is for"},
    {"created_at", "time", "since when"},
    {"alert_status", "executable|temporarily_disabled|disabled", "whether it is left alone"},
    {"disabled_until", "time?", "until when"},
    {"url_variables", "[object]", "always empty here"},
    {"push_events_branch_filter", "string", "branches whose pushes it is told of"},
    {"branch_filter_strategy", "string", "wildcard"},
    {"custom_webhook_template", "string?", "always null here"},
    {"custom_headers", "[object]", "always empty here"},
    {"token_present", "boolean", "whether a secret is sent"},
    {"signing_token_present", "boolean", "whether deliveries are signed"},
    {"project_id", "integer", "its project"},
    {"push_events", "boolean", "kept"},
    {"tag_push_events", "boolean", "kept"},
    {"merge_requests_events", "boolean", "kept"},
    {"repository_update_events", "boolean", "kept"},
    {"enable_ssl_verification", "boolean", "whether certificates are looked at"},
    {"issues_events", "boolean", "kept"},
    {"confidential_issues_events", "boolean", "kept"},
    {"note_events", "boolean", "kept"},
    {"confidential_note_events", "boolean", "kept"},
    {"pipeline_events", "boolean", "told of pipelines"},
    {"wiki_page_events", "boolean", "kept"},
    {"deployment_events", "boolean", "told of deployments"},
    {"feature_flag_events", "boolean", "kept"},
    {"job_events", "boolean", "told of jobs"},
    {"releases_events", "boolean", "kept"},
    {"emoji_events", "boolean", "kept"},
    {"resource_access_token_events", "boolean", "kept"},
    {NULL, NULL, NULL}};

static const gp_schema_field hook_event_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "where it went"},
    {"trigger", "string", "pipeline_hooks, job_hooks or deployment_hooks"},
    {"request_headers", "{string}", "headers, secrets redacted"},
    {"request_data", "object", "what was told"},
    {"response_headers", "{string}", "always empty here"},
    {"response_body", "string", "beginning of the answer, or why none came"},
    {"execution_duration", "number", "seconds that it took"},
    {"response_status", "string", "status of the answer, or internal error"},
    {"created_at", "time", "when it happened"},
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
    {"name", "string", "name for people"},
    {"username", "string", "name for logging in"},
    {"roles_in_project", "[string]", "roles, from guest upwards"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_agents_fields[] = {
    {"allowed_agents", "[object]", "always empty here"},
    {"job", "AgentsRow", "the job"},
    {"pipeline", "AgentsRow", "its pipeline"},
    {"project", "AgentsProject", "its project"},
    {"user", "AgentsUser", "who runs it"},
    {NULL, NULL, NULL}};

static const gp_schema_field resent_fields[] = {
    {"response_status", "integer", "status of the last answer; 0: none came"},
    {NULL, NULL, NULL}};

static const gp_schema_field hook_fields[] = {
    {"id", "integer", "number"},
    {"url", "string", "where it is"},
    {"project_id", "integer?", "its project; null: every project"},
    {"events", "[string]", "what it is told of: pipeline, job, deployment"},
    {"token_present", "boolean", "whether a secret is sent"},
    {"signing_token_present", "boolean", "whether deliveries are signed"},
    {"retries", "integer", "further tries after a failure"},
    {"duplicate", "integer", "further copies of each delivery"},
    {"delay", "number", "seconds before each delivery"},
    {"reorder", "boolean", "of two deliveries the second goes first"},
    {"wrong_signature", "boolean", "signature and secret are wrong"},
    {"alert_status", "executable|temporarily_disabled|disabled", "four failures in a row switch it off for a while, forty for good"},
    {"disabled_until", "time?", "when it is on again"},
    {"failures", "integer", "failures in a row"},
    {"created_at", "time", "when it was registered"},
    {"deliveries", "[Delivery]", "the newest ones"},
    {NULL, NULL, NULL}};

static const gp_schema_field delivery_fields[] = {
    {"id", "integer", "number"},
    {"hook_id", "integer", "its target"},
    {"event", "pipeline|job|deployment", "what it tells of"},
    {"subject", "string", "the same in words"},
    {"state", "waiting|sending|delivered|failed|skipped", "skipped: its target was switched off"},
    {"webhook_id", "string", "the same at every try and for every copy"},
    {"attempts", "integer", "tries so far"},
    {"created_at", "time", "when it happened"},
    {"due_at", "time?", "when it goes out, while it waits"},
    {"sent_at", "time?", "when it was last sent"},
    {"answered_at", "time?", "when that was answered"},
    {"status", "integer?", "status of the last answer; null: none came"},
    {"answer", "string?", "beginning of that answer, or why none came"},
    {"headers", "{string}", "headers of the last try, secrets redacted"},
    {"payload", "object", "the body"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_user_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "name for people"},
    {"username", "string", "name for logging in"},
    {"avatar_url", "string?", "picture"},
    {"email", "string", "[REDACTED] unless public"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_project_fields[] = {
    {"id", "integer", "number"},
    {"name", "string", "last part of its path"},
    {"description", "string?", "what it is for"},
    {"web_url", "string", "page"},
    {"avatar_url", "string?", "picture"},
    {"git_ssh_url", "string", "where git finds it by ssh"},
    {"git_http_url", "string", "where git finds it by http"},
    {"namespace", "string", "its group"},
    {"visibility_level", "integer", "0 private, 10 internal, 20 public"},
    {"path_with_namespace", "string", "full path"},
    {"default_branch", "string", "branch used where none is named"},
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
    {"active", "boolean", "takes jobs"},
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
    {"duration", "number?", "seconds that it has run"},
    {"queued_duration", "number?", "seconds that it waited"},
    {"failure_reason", "string?", "why it failed"},
    {"when", "string", "how it is started"},
    {"manual", "boolean", "started by hand"},
    {"allow_failure", "boolean", "whether the pipeline succeeds without it"},
    {"user", "EventUser", "who"},
    {"runner", "EventRunner?", "who runs it"},
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
    {"author", "EventAuthor", "who wrote it"},
    {NULL, NULL, NULL}};

static const gp_schema_field event_attributes_fields[] = {
    {"id", "integer", "number"},
    {"iid", "integer", "number within the project"},
    {"name", "string?", "name"},
    {"ref", "string", "branch or tag"},
    {"tag", "boolean", "whether the ref is a tag"},
    {"sha", "string", "commit"},
    {"before_sha", "string", "commit before"},
    {"source", "string", "what made it"},
    {"status", GP_STATUS_CHOICES, "status"},
    {"detailed_status", "string", "status for people, such as passed"},
    {"stages", "[string]", "stages in their order"},
    {"created_at", "string", "as 2016-08-12 15:23:28 UTC"},
    {"finished_at", "string?", "when it ended"},
    {"duration", "integer?", "seconds that it ran"},
    {"queued_duration", "integer?", "seconds that it waited"},
    {"protected_ref", "boolean", "whether the ref is protected"},
    {"default_branch", "boolean", "whether the ref is the project's default branch"},
    {"variables", "[EventVariable]", "what it was given"},
    {"url", "string", "page"},
    {NULL, NULL, NULL}};

static const gp_schema_field pipeline_event_fields[] = {
    {"object_kind", "string", "pipeline"},
    {"object_attributes", "EventAttributes", "the pipeline"},
    {"merge_request", "any", "always null here"},
    {"user", "EventUser", "who made it"},
    {"project", "EventProject", "its project"},
    {"commit", "EventCommit", "its commit"},
    {"builds", "[EventBuild]", "latest attempts of its jobs, trigger jobs apart"},
    {"source_pipeline?", "EventSource", "what made it, if a job did"},
    {NULL, NULL, NULL}};

static const gp_schema_field job_event_commit_fields[] = {
    {"id", "integer", "number of the pipeline"},
    {"name", "string?", "name of the pipeline"},
    {"sha", "string", "commit"},
    {"message", "string", "message of the commit"},
    {"author_name", "string", "who wrote it"},
    {"author_email", "string", "address of who wrote it"},
    {"author_url", "string", "page of who wrote it"},
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
    {"build_created_at", "time", "when it was made"},
    {"build_started_at", "time?", "when it started"},
    {"build_finished_at", "time?", "when it ended"},
    {"build_created_at_iso", "time", "the same in whole seconds"},
    {"build_started_at_iso", "time?", "the same in whole seconds"},
    {"build_finished_at_iso", "time?", "the same in whole seconds"},
    {"build_duration", "number?", "seconds that it has run"},
    {"build_queued_duration", "number?", "seconds that it waited"},
    {"build_allow_failure", "boolean", "whether the pipeline succeeds without it"},
    {"build_failure_reason", "string", "why it failed; unknown_failure when it did not"},
    {"pipeline_id", "integer", "its pipeline"},
    {"runner", "EventRunner?", "who runs it"},
    {"project_id", "integer", "its project"},
    {"project_name", "string", "path of its project"},
    {"user", "EventUser", "who"},
    {"commit", "JobEventCommit", "its pipeline"},
    {"repository", "EventRepository", "its repository"},
    {"project", "EventProject", "its project"},
    {"environment", "EventEnvironment?", "where it deploys to"},
    {"source_pipeline?", "EventSource", "what made its pipeline, if a job did"},
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
    {"environment_slug", "string?", "name as part of an address"},
    {"environment_external_url", "string?", "where the application is"},
    {"project", "EventProject", "its project"},
    {"short_sha", "string", "first 8 characters of the commit"},
    {"user", "EventUser", "who"},
    {"user_url", "string", "page of who"},
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
    {"Message", "A line for people.", message_fields, NULL, NULL},
    {"Error", "What every refusal looks like: either a message, as text or by field, or an error.", error_fields, NULL, NULL},
    {"User", "A user, as jobs and GET /user show it.", user_fields, user_basic_fields, NULL},
    {"UserBasic", "A user in short.", user_basic_fields, NULL, NULL},
    {"Namespace", "The group that a project stands in.", namespace_fields, NULL, NULL},
    {"Project", "A project. Its restrictions on pipeline variables are in its last two fields.", project_fields, NULL, NULL},
    {"Version", "Version of the server.", version_fields, NULL, NULL},
    {"Kas", "The agent server for Kubernetes.", kas_fields, NULL, NULL},
    {"Metadata", "Version of the server and what it offers.", metadata_fields, NULL, NULL},
    {"DetailedStatus", "A status as pages show it.", detailed_status_fields, NULL, NULL},
    {"PipelineRow", "A pipeline as lists show it.", pipeline_row_fields, NULL, NULL},
    {"Pipeline", "A pipeline, whole.", pipeline_fields, pipeline_row_fields, NULL},
    {"PipelineVariable", "A variable that a pipeline was given.", pipeline_variable_fields, NULL, NULL},
    {"Commit", "A commit.", commit_fields, NULL, NULL},
    {"JobProject", "What a job tells about its project.", job_project_fields, NULL, NULL},
    {"ArtifactFile", "The archive of a job.", artifact_file_fields, NULL, NULL},
    {"Artifact", "One kind of artifact of a job.", artifact_fields, NULL, NULL},
    {"Runner", "Who ran a job.", runner_fields, NULL, NULL},
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
    {"Trigger", "A trigger token. Who does not own it sees its first four characters.", trigger_fields, NULL, NULL},
    {"Variable", "A CI/CD variable of a project.", variable_fields, NULL, NULL},
    {"Environment", "A place to deploy to.", environment_fields, environment_basic_fields, NULL},
    {"EnvironmentBasic", "An environment in short.", environment_basic_fields, NULL, NULL},
    {"ReviewApps", "Old review apps.", review_apps_fields, NULL, NULL},
    {"Deployment", "A deployment.", deployment_fields, NULL, NULL},
    {"Token", "An access token.", token_fields, NULL, NULL},
    {"NewToken", "A fresh access token, readable this once.", new_token_fields, token_fields, NULL},
    {"OauthApplication", "The application that a token was given to.", oauth_application_fields, NULL, NULL},
    {"OauthToken", "What an OAuth token may do.", oauth_token_fields, NULL, NULL},
    {"Scenario", "A course that pipelines can follow.", scenario_fields, NULL, NULL},
    {"PipelineRecord", "A pipeline as the table of pipelines holds it.", pipeline_record_fields, NULL, NULL},
    {"Clock", "The simulated time.", clock_fields, NULL, NULL},
    {"Request", "One request that was answered.", request_fields, NULL, NULL},
    {"FaultRule", "Which requests a rule strikes, and what happens to them then.", fault_rule_fields, NULL, NULL},
    {"Throttle", "A rate.", throttle_fields, NULL, NULL},
    {"Fault", "A rule, and what it has done.", fault_fields, NULL, NULL},
    {"World", "How projects behave.", world_fields, NULL, NULL},
    {"AgentsRow", "A job or pipeline, by its number.", agents_row_fields, NULL, NULL},
    {"AgentsProject", "The project of a job.", agents_project_fields, NULL, NULL},
    {"AgentsUser", "Who runs a job.", agents_user_fields, NULL, NULL},
    {"JobAgents", "The agents for Kubernetes that a job may use.", job_agents_fields, NULL, NULL},
    {"ProjectHook", "A webhook of a project.", project_hook_fields, NULL, NULL},
    {"HookEvent", "What a webhook was told.", hook_event_fields, NULL, NULL},
    {"Resent", "What became of it the last time.", resent_fields, NULL, NULL},
    {"Hook", "A webhook target.", hook_fields, NULL, NULL},
    {"Delivery", "One event for one target.", delivery_fields, NULL, NULL},
    {"EventUser", "Who is behind an event.", event_user_fields, NULL, NULL},
    {"EventProject", "The project of an event.", event_project_fields, NULL, NULL},
    {"EventRunner", "Who runs a job.", event_runner_fields, NULL, NULL},
    {"EventEnvironment", "The environment of a job.", event_environment_fields, NULL, NULL},
    {"EventVariable", "A variable of a pipeline.", event_variable_fields, NULL, NULL},
    {"EventSourceProject", "The project of the job that made a pipeline.", event_source_project_fields, NULL, NULL},
    {"EventSource", "The job that made this pipeline.", event_source_fields, NULL, NULL},
    {"EventArtifacts", "The archive of a job.", event_artifacts_fields, NULL, NULL},
    {"EventBuild", "A job within a pipeline event.", event_build_fields, NULL, NULL},
    {"EventAuthor", "Who wrote a commit.", event_author_fields, NULL, NULL},
    {"EventCommit", "The commit of a pipeline.", event_commit_fields, NULL, NULL},
    {"EventAttributes", "The pipeline of a pipeline event.", event_attributes_fields, NULL, NULL},
    {"PipelineEvent", "What a target is told when the status of a pipeline changes.", pipeline_event_fields, NULL, NULL},
    {"JobEventCommit", "The pipeline of a job event, under the name that GitLab gives it.", job_event_commit_fields, NULL, NULL},
    {"EventRepository", "The repository of a job event.", event_repository_fields, NULL, NULL},
    {"JobEvent", "What a target is told when the status of a job changes.", job_event_fields, NULL, NULL},
    {"DeploymentEvent", "What a target is told when the status of a deployment changes.", deployment_event_fields, NULL, NULL},
    {"VariableInput", "A variable for a pipeline or a job.", variable_input_fields, NULL, NULL},
    {"VariableFilter", "Which of several variables of one name.", variable_filter_fields, NULL, NULL},
    {"OpenAPI", "An OpenAPI document.", open_a_p_i_fields, NULL, NULL},
    {"Snapshot", "Everything, to be given back as it came.", snapshot_fields, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};
/* clang-format on */
