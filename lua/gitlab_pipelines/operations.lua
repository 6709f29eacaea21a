--- Every GitLab endpoint as a value. No other Lua file contains an endpoint's path.
--
-- An operation is a plain table:
--
--   name       "pipelines.get": its group and its name within the group
--   method     "GET", "POST", "PUT" or "DELETE"
--   path       a template for core.uri.expand; its `:names` are the parameters with `where = "path"`
--   base       "api" (below /api/v4), or "instance" (below the instance itself)
--   params     an array of {name, where, type, required, wire, one_of, secret, help}, see below
--   result     type of a successful result: "object", "list", "none" (204, or an ignored body),
--              "text" or "bytes"
--   shape      the fields of the object, or of each row, that the code relies on: see "Shapes" below
--   stream     true: the body may be large and may go to a sink; no total time limit
--   same       {param, field}: the field of the result that must equal the parameter; a result with
--              another value is the response to another request
--   sorted     "asc" or "desc": default order of a list, if it is sorted by id
--   arguments  names of the positional parameters of its method; by default the path parameters
--              without the project. `define` replaces the names with the parameters
--   inner      true: the API has no method of this name
--   paging     "offset" or "keyset" where the result is a list in pages
--   success    the status codes that GitLab documents; any other 2xx is a success too
--   scope      minimum scope of the token: "read_api", "api", or nil (any token)
--   job_token  is a CI job token accepted?
--   auth       "client" (the client's token, as a header), or "none": the credential is in the body
--   effect     "read", "set" or "create": decides which attempts may be retried
--   reconcile  for a create with an ambiguous outcome: "once" (look-up by key, if the call has one),
--              "state" (poll the state until it shows the change), or nil (never)
--   class      priority in the limiter: "cancel", "create" (every other write), "read" or "poll"
--   window     an additional limit: "creation" (per project and ref) or "project_jobs", or nil
--   not_found  the error for a 404 without a more specific message
--   refusals   error responses with a specific meaning for this operation, first match wins:
--              {status, match = lower-case plain text within the message | reasoned = true (more
--              than the bare "403 Forbidden") | bare = true (only that) | nil (any),
--              kind = "Category.Kind"}
--   span       the name for traces; `span_attributes`: parameter -> name of the attribute
--
-- A parameter's `where` is "path", "query", "body" or "header"; its type is one of `M.types`. `wire`
-- is GitLab's name if it differs. `secret` marks a credential (may be a core.secret), `sensitive` a
-- value that must not be logged.
--
-- `M.arguments(operation, given)` validates named values and converts them to the client's arguments,
-- or returns nil and a message:
--   { project = 17, pipeline_id = 3,                  -- the path's parameters, for uri.expand
--     query = { {"scope[]", "failed"}, ... },         -- in sorted order, for uri.encode_query
--     body = { ref = "main" } | nil,                  -- for json.encode; the client reveals a
--                                                     -- core.secret in it when it encodes
--     headers = { {name, value}, ... } | nil }

local project_id = require "gitlab_pipelines.project_id"

local M = {}

local tointeger = rawget(math, "tointeger") or function(value) return value end

--- Every operation, in the order of this file. Iterate over this, never with `pairs`.
M.all = {}

-- Parameters ---------------------------------------------------------------------------------

local function param(where, name, type_name, help, more)
  local p = { name = name, where = where, type = type_name, help = help }
  for key, value in pairs(more or {}) do p[key] = value end
  return p
end

local required = { required = true }

local project = param("path", "project", "project", "number or full path of the project", required)

local function id(name, help) return param("path", name, "id", help, required) end
local function query(...) return param("query", ...) end
local function body(...) return param("body", ...) end

local pipeline_id = id("pipeline_id", "number of the pipeline")
local job_id = id("job_id", "number of the job")
local trigger_id = id("trigger_id", "number of the trigger token")
local environment_id = id("environment_id", "number of the environment")
local deployment_id = id("deployment_id", "number of the deployment")
local key = param("path", "key", "key", "name of the variable", required)
local path_ref = param("path", "ref", "string", "branch or tag, not a commit", required)
local artifact_path = param("path", "path", "string", "path of the file within the archive", required)

-- Values for an operation's `same`.
local same_pipeline = { "pipeline_id", "id" }
local same_job = { "job_id", "id" }
local same_trigger = { "trigger_id", "id" }
local same_environment = { "environment_id", "id" }
local same_key = { "key", "key" }

local page = {
  query("page", "integer", "page to read, from 1"),
  query("per_page", "integer", "rows per page, at most 100"),
}
local sort = query("sort", "string", "sort direction", { one_of = { "asc", "desc" } })

local function scope_of(help) return query("scope", "strings", help) end
local job_scope = scope_of "job statuses to include"

local pipeline_filters = {
  query("scope", "string", "running, pending, finished, branches or tags"),
  query("status", "string", "pipeline status"),
  query("ref", "string", "branch or tag, in its short form"),
  query("sha", "string", "commit"),
  query("source", "string", "pipeline source; parent_pipeline lists child pipelines"),
  query("name", "string", "exact name of the pipeline"),
  query("username", "string", "user who created the pipeline"),
  query("yaml_errors", "boolean", "only pipelines with an invalid configuration"),
  query("updated_after", "time", "updated after this time"),
  query("updated_before", "time", "updated before this time"),
  query("created_after", "time", "created after this time"),
  query("created_before", "time", "created before this time"),
  query("order_by", "string", "id, status, ref, updated_at or user_id"),
  sort,
}

local ref = body("ref", "string", "branch or tag to run for", required)
local inputs = body("inputs", "inputs", "typed inputs, by their exact names")

local search_recent = query("search_recent_successful_pipelines", "boolean",
  "also search recent successful pipelines other than the newest")

local variable_fields = {
  body("variable_type", "string", "env_var or file", { one_of = { "env_var", "file" } }),
  body("protected", "boolean", "only for protected refs"),
  body("masked", "boolean", "hidden in logs"),
  body("raw", "boolean", "true: $NAME within the value is not expanded"),
  body("environment_scope", "string", "environments that the variable applies to; * for all"),
  body("description", "string", "at most 255 characters"),
}
local variable_filter = query("environment_scope", "string", "selects among variables of one name",
  { wire = "filter[environment_scope]" })

local environment_fields = {
  body("external_url", "string", "address of the deployed application"),
  body("tier", "string", "production, staging, testing, development or other"),
  body("description", "string", "purpose of the environment"),
  body("cluster_agent_id", "integer", "agent for Kubernetes"),
  body("kubernetes_namespace", "string", "namespace within the cluster"),
  body("flux_resource_path", "string", "path of the Flux resource"),
  body("auto_stop_setting", "string", "always or with_action"),
}

-- {a, list = {b, c}} in one array.
local function join(...)
  local joined = {}
  for _, list in ipairs { ... } do
    for _, p in ipairs(list) do joined[#joined + 1] = p end
  end
  return joined
end

-- Shapes -------------------------------------------------------------------------------------

-- The fields of a response that the code relies on, each `name:type`, or `name:type!` if required. A
-- null counts as absent; other fields are not checked. A type is one of client/shape.lua or the name
-- of a nested shape, `[name]` for a list of it. Fields are checked in the order of the text, so of
-- several errors the same one is always reported.
local function shape(text, within)
  local fields = {}
  for name, kind, must in text:gmatch "([%w_]+):([%w_%[%]]+)(!?)" do
    local row, listed = kind:match "^%[([%w_]+)%]$", true
    if not row then row, listed = kind, false end
    local inner = within and within[row]
    fields[#fields + 1] = { name = name, type = inner and (listed and "list" or "object") or kind,
      required = must == "!", shape = inner, sensitive = name == "value" or name == "token" or nil }
  end
  return fields
end

local pipeline_fields = [[id:id! project_id:id status:text! name:text ref:text sha:text source:text
  created_at:text updated_at:text started_at:text finished_at:text web_url:text
  duration:number]]
local pipeline_shape = shape(pipeline_fields)
-- Of a job's pipeline only the ids are used. A downstream pipeline needs its project_id to be found.
local pipeline_of_job = shape "id:id! project_id:id"
local downstream_shape = shape((pipeline_fields:gsub("project_id:id ", "project_id:id! ")))
local job_fields = [[id:id! status:text! stage:text! name:text! allow_failure:boolean created_at:text
  started_at:text finished_at:text erased_at:text duration:number failure_reason:text web_url:text
  pipeline:pipeline downstream_pipeline:downstream artifacts_file:file artifacts:[file] ]]
local within_job = { pipeline = pipeline_of_job, downstream = downstream_shape,
  file = shape "filename:text size:count file_type:text", user = shape "id:id username:text" }
local job_shape = shape(job_fields, within_job)
local project_shape = shape "id:id! path_with_namespace:text default_branch:text"
local trigger_shape = shape "id:id! description:text token:text"
local variable_shape = shape "key:text! value:text variable_type:text environment_scope:text"
local environment_shape = shape "id:id! name:text! state:text tier:text external_url:text"
local deployment_shape = shape "id:id! status:text ref:text sha:text created_at:text"
local user_shape = shape "id:id! username:text name:text"
local counts = shape "total_count:count success_count:count failed_count:count"

-- Definition ---------------------------------------------------------------------------------

local attributes = {
  pipeline_id = "cicd.pipeline.run.id",
  job_id = "cicd.pipeline.task.run.id",
  project = "gitlab.project",
  ref = "vcs.ref.head.name",
  trigger_id = "gitlab.trigger.id",
  environment_id = "gitlab.environment.id",
  deployment_id = "gitlab.deployment.id",
}

local defaults_by_method = {
  GET = { effect = "read", class = "read", scope = "read_api", success = { 200 }, result = "object" },
  POST = { effect = "create", class = "create", scope = "api", success = { 201 },
    result = "object" },
  PUT = { effect = "set", class = "create", scope = "api", success = { 200 }, result = "object" },
  DELETE = { effect = "set", class = "create", scope = "api", success = { 204 }, result = "none" },
}

-- Derives the signature of the API method: `arguments` (positional), `further` (the other parameters),
-- and `last`, the table argument that holds those: "filters" of a list (`each` is the name of its
-- iterator method), "fields" of a write, or nil if they are passed in the call's options.
local function arrange(op)
  local named, arguments, further, needed = { project = true }, {}, {}, op.method == "PUT"
  if not op.arguments then
    op.arguments = {}
    for _, p in ipairs(op.params) do
      if p.where == "path" and p.name ~= "project" then op.arguments[#op.arguments + 1] = p.name end
    end
  end
  for i, name in ipairs(op.arguments) do arguments[i], named[name] = op.param[name], true end
  for _, p in ipairs(op.params) do
    if not named[p.name] then
      further[#further + 1] = p
      needed = needed or p.where == "body" and p.required
    end
  end
  op.arguments, op.further = arguments, further
  if op.paging then
    op.last = "filters"
    if op.short:find "^list" then op.each = op.short:gsub("^list", "each") end
  elseif #further > 0 and needed then
    op.last = "fields"
  end
end

-- Completes an operation with the defaults of its method and registers it in its group.
local function define(group, short, op)
  op.group, op.short, op.name = group, short, group .. "." .. short
  for field, value in pairs(defaults_by_method[op.method]) do
    if op[field] == nil then op[field] = value end
  end
  if op.scope == "any" then op.scope = nil end
  op.base = op.base or "api"
  op.auth = op.auth or "client"
  op.job_token = op.job_token or false
  op.stream = op.stream or false
  op.refusals = op.refusals or {}
  if not op.shape and (op.result == "object" or op.result == "list") then op.shape = {} end
  op.not_found = op.not_found or "AccessError.ProjectNotFound"
  op.span = "gitlab." .. op.name
  op.span_attributes = {}
  op.param = {}
  for _, p in ipairs(op.params) do
    op.param[p.name] = p
    if attributes[p.name] then op.span_attributes[p.name] = attributes[p.name] end
  end
  arrange(op)
  M[group] = M[group] or {}
  M[group][short] = op
  M.all[#M.all + 1] = op
end

-- Projects -----------------------------------------------------------------------------------

define("projects", "get", {
  help = "One project: its number, path, default branch and more.",
  shape = project_shape,
  method = "GET", path = "/projects/:project", params = { project }, same = { "project", "id" },
})

-- Pipelines ----------------------------------------------------------------------------------

local no_pipeline = "AccessError.PipelineNotFound"

define("pipelines", "list", {
  help = "The pipelines of a project, newest first.",
  shape = pipeline_shape,
  sorted = "desc",
  method = "GET", path = "/projects/:project/pipelines",
  params = join({ project }, pipeline_filters, page),
  result = "list", paging = "offset", job_token = true,
})

define("pipelines", "get", {
  help = "One pipeline.",
  shape = pipeline_shape,
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id",
  params = { project, pipeline_id }, same = same_pipeline, job_token = true, not_found = no_pipeline,
})

define("pipelines", "latest", {
  help = "The newest pipeline of a ref's newest commit.",
  shape = pipeline_shape,
  arguments = { "ref" },
  method = "GET", path = "/projects/:project/pipelines/latest",
  params = { project, query("ref", "string", "branch or tag; by default the default branch") },
  job_token = true, not_found = no_pipeline,
  -- GitLab responds with the bare 403 if there is none.
  refusals = { { status = 403, bare = true, kind = no_pipeline } },
})

define("pipelines", "create", {
  help = "Creates a pipeline (source: api).",
  shape = pipeline_shape,
  method = "POST", path = "/projects/:project/pipeline",
  params = { project, ref, body("variables", "variable_list", "variables of the pipeline"), inputs },
  reconcile = "once", window = "creation",
})

define("pipelines", "cancel", {
  help = "Cancels the unfinished jobs of a pipeline; a finished pipeline is returned unchanged.",
  shape = pipeline_shape,
  method = "POST", path = "/projects/:project/pipelines/:pipeline_id/cancel",
  params = { project, pipeline_id }, success = { 200 }, effect = "set", class = "cancel",
  same = same_pipeline, not_found = no_pipeline,
  refusals = {
    { status = 403, reasoned = true, kind = "PipelineError.CannotCancel" },
    { status = 400, kind = "PipelineError.CannotCancel" },
    { status = 422, kind = "PipelineError.CannotCancel" },
  },
})

define("pipelines", "retry", {
  help = "Retries the failed and canceled jobs of a pipeline, which keeps its number.",
  shape = pipeline_shape,
  method = "POST", path = "/projects/:project/pipelines/:pipeline_id/retry",
  params = { project, pipeline_id }, reconcile = "state", same = same_pipeline,
  not_found = no_pipeline,
  refusals = {
    { status = 403, reasoned = true, kind = "PipelineError.CannotRetry" },
    { status = 400, kind = "PipelineError.CannotRetry" },
    { status = 422, kind = "PipelineError.CannotRetry" },
  },
})

define("pipelines", "delete", {
  help = "Deletes a pipeline with its jobs, logs and artifacts; its child pipelines stay.",
  method = "DELETE", path = "/projects/:project/pipelines/:pipeline_id",
  params = { project, pipeline_id,
    param("header", "unmodified_since", "string", "HTTP date; GitLab responds with 412 if the pipeline changed later",
      { wire = "If-Unmodified-Since" }) },
  not_found = no_pipeline,
})

define("pipelines", "variables", {
  help = "The variables that a pipeline was created with.",
  shape = variable_shape,
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/variables",
  params = { project, pipeline_id }, result = "list", not_found = no_pipeline,
})

define("pipelines", "rename", {
  help = "Renames a pipeline.",
  shape = pipeline_shape,
  arguments = { "pipeline_id", "name" },
  method = "PUT", path = "/projects/:project/pipelines/:pipeline_id/metadata",
  params = { project, pipeline_id, body("name", "string", "the new name", required) },
  same = same_pipeline, job_token = true, not_found = no_pipeline,
})

define("pipelines", "test_report", {
  help = "The test cases of a pipeline.",
  shape = shape("total_count:count test_suites:[suite]", { suite = counts }),
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/test_report",
  params = { project, pipeline_id }, not_found = no_pipeline,
})

define("pipelines", "test_report_summary", {
  help = "The totals of a pipeline's tests.",
  shape = shape("total:total test_suites:[suite]", { total = shape "count:count", suite = counts }),
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/test_report_summary",
  params = { project, pipeline_id }, not_found = no_pipeline,
})

define("pipelines", "trigger_jobs", {
  help = "The jobs of a pipeline that start downstream pipelines (GitLab 19.2 and later).",
  shape = job_shape,
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/trigger_jobs",
  params = join({ project, pipeline_id, job_scope }, page),
  result = "list", paging = "offset", job_token = true, not_found = no_pipeline,
})

define("pipelines", "bridges", {
  help = "The trigger jobs under their older name, deprecated in GitLab 19.2.",
  shape = job_shape,
  inner = true,
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/bridges",
  params = join({ project, pipeline_id, job_scope }, page),
  result = "list", paging = "offset", job_token = true, not_found = no_pipeline,
})

-- Jobs ---------------------------------------------------------------------------------------

local no_job = "AccessError.JobNotFound"

define("jobs", "list", {
  help = "The jobs of a pipeline, newest first, without trigger jobs.",
  shape = job_shape,
  sorted = "desc",
  method = "GET", path = "/projects/:project/pipelines/:pipeline_id/jobs",
  params = join({ project, pipeline_id, job_scope,
    query("include_retried", "boolean", "also include retried jobs") }, page),
  result = "list", paging = "offset", job_token = true, not_found = no_pipeline,
})

define("jobs", "list_project", {
  help = "The jobs of a project, newest first.",
  shape = job_shape,
  sorted = "desc",
  method = "GET", path = "/projects/:project/jobs",
  params = join({ project, job_scope,
    query("ref", "string", "branch or tag (newer servers)"),
    query("order_by", "string", "id", { one_of = { "id" } }), sort,
    query("pagination", "string", "keyset", { one_of = { "keyset" } }),
    query("id_after", "integer", "keyset: after this job"),
    query("id_before", "integer", "keyset: before this job"),
    query("cursor", "string", "keyset: end of the previous page") }, page),
  result = "list", paging = "keyset", job_token = true, window = "project_jobs",
})

define("jobs", "get", {
  help = "One job.",
  shape = job_shape,
  method = "GET", path = "/projects/:project/jobs/:job_id",
  params = { project, job_id }, same = same_job, not_found = no_job,
})

define("jobs", "retry", {
  help = "Retries a job; the result is the new job.",
  shape = job_shape,
  method = "POST", path = "/projects/:project/jobs/:job_id/retry",
  params = { project, job_id, body("inputs", "inputs", "typed inputs of the job",
    { wire = "job_inputs" }) },
  reconcile = "state", not_found = no_job,
  refusals = {
    { status = 403, reasoned = true, kind = "JobError.JobNotRetryable" },
    { status = 400, match = "retry", kind = "JobError.JobNotRetryable" },
  },
})

define("jobs", "cancel", {
  help = "Cancels a job; a finished one is returned unchanged.",
  shape = job_shape,
  method = "POST", path = "/projects/:project/jobs/:job_id/cancel",
  params = { project, job_id, body("force", "boolean", "force-cancel a job that is already canceling") },
  effect = "set", class = "cancel", same = same_job, not_found = no_job,
  refusals = {
    { status = 403, reasoned = true, kind = "JobError.JobNotCancellable" },
    { status = 400, match = "cancel", kind = "JobError.JobNotCancellable" },
    { status = 422, kind = "JobError.JobNotCancellable" },
  },
})

define("jobs", "play", {
  help = "Starts a manual job.",
  shape = job_shape,
  method = "POST", path = "/projects/:project/jobs/:job_id/play",
  params = { project, job_id,
    body("variables", "job_variable_list", "variables of the job",
      { wire = "job_variables_attributes" }),
    body("inputs", "inputs", "typed inputs of the job", { wire = "job_inputs" }) },
  success = { 200 }, reconcile = "state", not_found = no_job,
  refusals = { { status = 400, match = "unplayable", kind = "JobError.JobNotPlayable" } },
})

define("jobs", "erase", {
  help = "Deletes the log and the artifacts of a job.",
  shape = job_shape,
  method = "POST", path = "/projects/:project/jobs/:job_id/erase",
  params = { project, job_id }, effect = "set", same = same_job, not_found = no_job,
  refusals = { { status = 403, reasoned = true, kind = "JobError.JobNotErasable" } },
})

define("jobs", "log", {
  help = "The complete log of a job, as text.",
  method = "GET", path = "/projects/:project/jobs/:job_id/trace",
  params = { project, job_id }, result = "text", stream = true, not_found = no_job,
  refusals = { { status = 403, kind = "JobError.LogsNotAvailable" } },
})

-- Artifacts ----------------------------------------------------------------------------------

local no_artifact = "AccessError.ArtifactNotFound"

define("artifacts", "download", {
  help = "The artifacts archive of a job.",
  method = "GET", path = "/projects/:project/jobs/:job_id/artifacts",
  params = { project, job_id }, result = "bytes", stream = true, job_token = true,
  not_found = no_artifact, success = { 200, 206 },
})

define("artifacts", "file", {
  help = "One file from a job's artifacts archive.",
  method = "GET", path = "/projects/:project/jobs/:job_id/artifacts/:path",
  params = { project, job_id, artifact_path }, result = "bytes", stream = true, job_token = true,
  not_found = no_artifact, success = { 200, 206 },
})

define("artifacts", "tree", {
  help = "The entries of a job's artifacts archive (GitLab 18.8 and later).",
  shape = shape "path:text! type:text! name:text size:count mode:text",
  inner = true,
  method = "GET", path = "/projects/:project/jobs/:job_id/artifacts/tree",
  params = join({ project, job_id, query("path", "string", "folder to list"),
    query("recursive", "boolean", "include subfolders") }, page),
  result = "list", paging = "offset", job_token = true, not_found = no_artifact,
})

define("artifacts", "latest", {
  help = "The artifacts archive of a named job in a ref's newest successful pipeline.",
  method = "GET", path = "/projects/:project/jobs/artifacts/:ref/download",
  params = { project, path_ref,
    query("job_name", "string", "name of the job", { required = true, wire = "job" }),
    search_recent },
  result = "bytes", stream = true, job_token = true, not_found = no_artifact,
  success = { 200, 206 },
})

define("artifacts", "latest_file", {
  help = "One file from the archive of a named job in a ref's newest successful pipeline.",
  inner = true,
  method = "GET", path = "/projects/:project/jobs/artifacts/:ref/raw/:path",
  params = { project, path_ref, artifact_path,
    query("job_name", "string", "name of the job", { required = true, wire = "job" }),
    search_recent },
  result = "bytes", stream = true, job_token = true, not_found = no_artifact,
  success = { 200, 206 },
})

define("artifacts", "keep", {
  help = "Keeps the artifacts of a job beyond their expiry.",
  shape = job_shape,
  method = "POST", path = "/projects/:project/jobs/:job_id/artifacts/keep",
  params = { project, job_id }, success = { 200 }, effect = "set", same = same_job,
  not_found = no_artifact,
})

define("artifacts", "delete", {
  help = "Deletes the artifacts of a job.",
  method = "DELETE", path = "/projects/:project/jobs/:job_id/artifacts",
  params = { project, job_id }, not_found = no_artifact,
})

-- Triggers -----------------------------------------------------------------------------------

local no_trigger = "AccessError.TriggerNotFound"

define("triggers", "run", {
  help = "Creates a pipeline with a trigger token (source: trigger) or a job token (source: pipeline).",
  shape = pipeline_shape,
  method = "POST", path = "/projects/:project/trigger/pipeline",
  params = { project,
    body("token", "secret", "trigger token or job token", { required = true, secret = true }),
    ref, body("variables", "variable_map", "variables of the pipeline"), inputs },
  scope = "any", auth = "none", job_token = true, reconcile = "once", window = "creation",
  not_found = no_trigger,
})

define("triggers", "list", {
  help = "The trigger tokens of a project.",
  shape = trigger_shape,
  method = "GET", path = "/projects/:project/triggers", params = join({ project }, page),
  result = "list", paging = "offset",
})

define("triggers", "get", {
  help = "One trigger token.",
  shape = trigger_shape,
  method = "GET", path = "/projects/:project/triggers/:trigger_id",
  params = { project, trigger_id }, same = same_trigger, not_found = no_trigger,
})

define("triggers", "create", {
  help = "Creates a trigger token.",
  shape = trigger_shape,
  method = "POST", path = "/projects/:project/triggers",
  params = { project, body("description", "string", "purpose of the token", required),
    body("expires_at", "time", "when the token expires") },
})

define("triggers", "update", {
  help = "Changes the description of a trigger token.",
  shape = trigger_shape,
  method = "PUT", path = "/projects/:project/triggers/:trigger_id",
  params = { project, trigger_id, body("description", "string", "purpose of the token") },
  same = same_trigger, not_found = no_trigger,
})

define("triggers", "delete", {
  help = "Revokes a trigger token.",
  method = "DELETE", path = "/projects/:project/triggers/:trigger_id",
  params = { project, trigger_id }, not_found = no_trigger,
})

-- CI/CD variables ----------------------------------------------------------------------------

local no_variable = "AccessError.VariableNotFound"

define("variables", "list", {
  help = "The CI/CD variables of a project.",
  shape = variable_shape,
  method = "GET", path = "/projects/:project/variables", params = join({ project }, page),
  result = "list", paging = "offset",
})

define("variables", "get", {
  help = "One CI/CD variable.",
  shape = variable_shape,
  method = "GET", path = "/projects/:project/variables/:key",
  params = { project, key, variable_filter }, same = same_key, not_found = no_variable,
})

define("variables", "create", {
  help = "Creates a CI/CD variable.",
  shape = variable_shape,
  inner = true,
  method = "POST", path = "/projects/:project/variables",
  params = join({ project, body("key", "key", "name of the variable", required),
    body("value", "value", "its value", { required = true, sensitive = true }) },
    variable_fields,
    { body("masked_and_hidden", "boolean", "masked, and its value cannot be read again") }),
  reconcile = "state",
})

define("variables", "update", {
  help = "Updates a CI/CD variable.",
  shape = variable_shape,
  inner = true,
  method = "PUT", path = "/projects/:project/variables/:key",
  params = join({ project, key, body("value", "value", "its value", { sensitive = true }) },
    variable_fields,
    { query("filter_scope", "string", "selects among variables of one name",
      { wire = "filter[environment_scope]" }) }),
  same = same_key, not_found = no_variable,
})

define("variables", "delete", {
  help = "Deletes a CI/CD variable.",
  method = "DELETE", path = "/projects/:project/variables/:key",
  params = { project, key, variable_filter }, not_found = no_variable,
})

-- Environments and deployments ---------------------------------------------------------------

local no_environment = "AccessError.EnvironmentNotFound"

define("environments", "list", {
  help = "The environments of a project.",
  shape = environment_shape,
  method = "GET", path = "/projects/:project/environments",
  params = join({ project, query("name", "string", "exact name; not together with search"),
    query("search", "string", "part of the name, 3 characters or more"),
    query("states", "string", "available, stopping or stopped") }, page),
  result = "list", paging = "offset", job_token = true,
})

define("environments", "get", {
  help = "One environment with its last deployment.",
  shape = environment_shape,
  method = "GET", path = "/projects/:project/environments/:environment_id",
  params = { project, environment_id }, same = same_environment, job_token = true,
  not_found = no_environment,
})

define("environments", "create", {
  help = "Creates an environment.",
  shape = environment_shape,
  method = "POST", path = "/projects/:project/environments",
  params = join({ project, body("name", "string", "name of the environment", required) },
    environment_fields),
  reconcile = "state", job_token = true,
})

define("environments", "update", {
  help = "Updates an environment.",
  shape = environment_shape,
  method = "PUT", path = "/projects/:project/environments/:environment_id",
  params = join({ project, environment_id }, environment_fields), same = same_environment,
  job_token = true, not_found = no_environment,
})

define("environments", "stop", {
  help = "Stops an environment.",
  shape = environment_shape,
  method = "POST", path = "/projects/:project/environments/:environment_id/stop",
  params = { project, environment_id, body("force", "boolean", "do not run its on_stop job") },
  success = { 200 }, effect = "set", same = same_environment, job_token = true,
  not_found = no_environment,
})

define("environments", "delete", {
  help = "Deletes a stopped environment.",
  method = "DELETE", path = "/projects/:project/environments/:environment_id",
  params = { project, environment_id }, job_token = true, not_found = no_environment,
})

define("deployments", "list", {
  help = "The deployments of a project, oldest first.",
  shape = deployment_shape,
  sorted = "asc",
  method = "GET", path = "/projects/:project/deployments",
  params = join({ project, query("environment", "string", "name of the environment"),
    query("status", "string", "created, running, success, failed, canceled or blocked"),
    query("updated_after", "time", "updated after this time"),
    query("updated_before", "time", "updated before this time"),
    query("finished_after", "time", "finished after this time"),
    query("finished_before", "time", "finished before this time"),
    query("order_by", "string", "id, iid, created_at, updated_at, finished_at or ref"), sort },
    page),
  result = "list", paging = "offset", job_token = true,
})

define("deployments", "get", {
  help = "One deployment.",
  shape = deployment_shape,
  method = "GET", path = "/projects/:project/deployments/:deployment_id",
  params = { project, deployment_id }, same = { "deployment_id", "id" }, job_token = true,
  not_found = "AccessError.DeploymentNotFound",
})

-- Tokens and the server ----------------------------------------------------------------------

define("token", "self", {
  help = "The properties and scopes of a personal, project or group access token.",
  shape = shape "name:text scopes:texts user_id:id expires_at:text",
  inner = true,
  method = "GET", path = "/personal_access_tokens/self", params = {}, scope = "any",
  not_found = "RequestError.BadRequest",
})

define("token", "oauth", {
  help = "The properties and scopes of an OAuth access token.",
  shape = shape "scope:texts scopes:texts expires_in:seconds expires_in_seconds:seconds resource_owner_id:id",
  inner = true,
  method = "GET", path = "/oauth/token/info", base = "instance", params = {}, scope = "any",
  not_found = "RequestError.BadRequest",
})

define("token", "job", {
  help = "The job that a job token belongs to.",
  shape = shape(job_fields .. "user:user", within_job),
  inner = true,
  method = "GET", path = "/job", params = {}, scope = "any", job_token = true, not_found = no_job,
})

define("server", "version", {
  help = "The version of GitLab.",
  shape = shape "version:text",
  inner = true,
  method = "GET", path = "/version", params = {}, not_found = "RequestError.BadRequest",
})

define("server", "user", {
  help = "The user that the token belongs to.",
  shape = user_shape,
  inner = true,
  method = "GET", path = "/user", params = {}, not_found = "RequestError.BadRequest",
})

-- Arguments ----------------------------------------------------------------------------------

local function is_integer(value)
  return type(value) == "number" and value % 1 == 0 and value > -2 ^ 53 and value < 2 ^ 53
end

-- Core is loaded lazily: the reference is generated from this file without a build.
local function is_core_secret(value)
  return type(value) == "userdata" and require("gitlab_pipelines.core").secret.is(value)
end

local function is_secret(value)
  return is_core_secret(value) or type(value) == "string" and value ~= ""
end

local function is_array_of_strings(value)
  if type(value) ~= "table" then return false end
  for _, one in ipairs(value) do
    if type(one) ~= "string" then return false end
  end
  return true
end

local iso_time = "^%d%d%d%d%-%d%d%-%d%d[T ]?[%d:%.]*[Z%+%-]?[%d:]*$"

--- The types of parameters: `is` checks a value, `wanted` describes the type in messages.
M.types = {
  project = { wanted = "a number or a full path",
    is = function(v) return project_id.of(v) ~= nil end },
  id = { wanted = "a positive integer", is = function(v) return is_integer(v) and v > 0 end },
  key = { wanted = "a name of letters, digits and _",
    is = function(v) return type(v) == "string" and #v <= 255 and v:match "^[%w_]+$" ~= nil end },
  string = { wanted = "a string", is = function(v) return type(v) == "string" end },
  integer = { wanted = "an integer", is = is_integer },
  boolean = { wanted = "a boolean", is = function(v) return type(v) == "boolean" end },
  strings = { wanted = "a string or an array of strings",
    is = function(v) return type(v) == "string" or is_array_of_strings(v) end },
  time = { wanted = "a time such as 2026-01-31T12:00:00Z, or seconds since 1970",
    is = function(v)
      return type(v) == "number" and v >= 0 and v < 2 ^ 40 or type(v) == "string" and v:match(iso_time) ~= nil
    end },
  secret = { wanted = "a secret or a string", is = is_secret },
  value = { wanted = "a string or a secret",
    is = function(v) return type(v) == "string" or is_core_secret(v) end },
  inputs = { wanted = "a table of inputs", is = function(v) return type(v) == "table" end },
  variable_list = { wanted = "an array of variables", is = function(v) return type(v) == "table" end },
  job_variable_list = { wanted = "an array of variables",
    is = function(v) return type(v) == "table" end },
  variable_map = { wanted = "a map of variables", is = function(v) return type(v) == "table" end },
}

--- Finds an operation by its name.
---@param name string such as "pipelines.get"
---@return table|nil operation
function M.find(name)
  local group, short = name:match "^([^.]+)%.([^.]+)$"
  local found = group and type(M[group]) == "table" and M[group][short]
  return type(found) == "table" and found.name == name and found or nil
end

--- Formats a time for GitLab: UTC, with milliseconds if it has a fraction.
---@param seconds number since 1970
---@return string
function M.time(seconds)
  local whole = math.floor(seconds)
  local thousandths = math.floor((seconds - whole) * 1000 + 0.5)
  if thousandths == 1000 then whole, thousandths = whole + 1, 0 end
  local text = os.date("!%Y-%m-%dT%H:%M:%S", whole)
  return thousandths == 0 and text .. "Z" or ("%s.%03dZ"):format(text, thousandths)
end

local function as_text(value, type_name)
  if type_name == "time" and type(value) == "number" then return M.time(value) end
  if type(value) == "number" then return ("%d"):format(value) end
  return tostring(value)
end

local function known_names(operation, more)
  local known = {}
  for _, p in ipairs(operation.params) do
    if p.where ~= "path" then known[#known + 1] = p.name end
  end
  for _, name in ipairs(more or {}) do known[#known + 1] = name end
  table.sort(known)
  return #known > 0 and table.concat(known, ", ") or "none"
end

local function shown(p, value)
  if p.secret or p.sensitive or type(value) ~= "string" and type(value) ~= "number" then
    return type(value)
  end
  if type(value) == "number" then return ("%.14g"):format(value) end
  return ("%q"):format(#value > 40 and value:sub(1, 40) .. "..." or value)
end

-- Returns what is wrong with one value, or nil.
local function value_problem(operation, p, value)
  local wanted = M.types[p.type]
  if not wanted.is(value) then
    return ("%s: '%s' must be %s, not %s"):format(operation.name, p.name, wanted.wanted,
      shown(p, value))
  end
  if not p.one_of then return nil end
  for _, allowed in ipairs(p.one_of) do
    if value == allowed then return nil end
  end
  return ("%s: '%s' must be one of %s, not %s"):format(operation.name, p.name,
    table.concat(p.one_of, ", "), shown(p, value))
end

--- Returns what is wrong with `given` (name -> value) as arguments of an operation: an unknown name, a
--- missing or an invalid value. Of several errors it is always the same one.
---@param operation table
---@param given table
---@param more nil|fun(about: any): string[] further known names for the message about an unknown one
---@param about any passed to `more`
---@return string|nil message nil if `given` is valid
function M.problem(operation, given, more, about)
  local unknown
  for name in pairs(given) do
    if not operation.param[name] then
      unknown = unknown or {}
      unknown[#unknown + 1] = tostring(name)
    end
  end
  if unknown then
    table.sort(unknown)
    return ("%s: unknown argument '%s' (known: %s)"):format(operation.name, unknown[1],
      known_names(operation, more and more(about)))
  end
  local params = operation.params
  for i = 1, #params do
    local p = params[i]
    local value, message = given[p.name], nil
    if value ~= nil then
      message = value_problem(operation, p, value)
    elseif p.required then
      message = ("%s: '%s' is required"):format(operation.name, p.name)
    end
    if message then return message end
  end
end

local function add_query(pairs_of, wire, p, value)
  if p.type ~= "strings" then
    pairs_of[#pairs_of + 1] = { wire, as_text(value, p.type) }
    return
  end
  for _, one in ipairs(type(value) == "table" and value or { value }) do
    pairs_of[#pairs_of + 1] = { wire .. "[]", one }
  end
end

-- Sorts by name; values of one name keep their order.
local function sort_pairs(list)
  for i, pair in ipairs(list) do pair.at = i end
  table.sort(list, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a.at < b.at
  end)
  for _, pair in ipairs(list) do pair.at = nil end
  return list
end

--- Validates `given` and converts it to the client's arguments (see the head of this file).
---@param operation table
---@param given table name -> value
---@param more nil|fun(about: any): string[] see `M.problem`
---@param about any
---@return table|nil args `query` is always present, `body` and `headers` only if not empty
---@return string|nil message what is wrong with `given`
function M.arguments(operation, given, more, about)
  local message = M.problem(operation, given, more, about)
  if message then return nil, message end
  -- All fields are listed, with room for one more, so that the table is allocated at its final size.
  local args = { query = {}, project = nil, body = nil, headers = nil }
  local params = operation.params
  for i = 1, #params do
    local p = params[i]
    local value, wire = given[p.name], p.wire or p.name
    if value ~= nil then
      if p.where == "path" then
        -- 17.0 is 17 in a URL, and so is the project "17".
        args[p.name] = p.type == "project" and project_id.of(value)
          or type(value) == "number" and tointeger(value) or value
      elseif p.where == "query" then
        add_query(args.query, wire, p, value)
      elseif p.where == "header" then
        args.headers = args.headers or {}
        args.headers[#args.headers + 1] = { wire, as_text(value, p.type) }
      else
        args.body = args.body or {}
        args.body[wire] = p.type == "time" and as_text(value, "time") or value
      end
    end
  end
  if #args.query > 1 then sort_pairs(args.query) end
  return args
end

return M
