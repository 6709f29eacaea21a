local client_of = require "gitlab_pipelines.client"
local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local outcomes = require "gitlab_pipelines.client.response_errors"
local virtual = require "gitlab_pipelines.runtime.virtual"

local ops = operations

local function args_of(op)
  local args = { query = {} }
  for _, p in ipairs(op.params) do
    if p.where == "path" then args[p.name] = p.type == "id" and 17 or "acme/app" end
    if p.name == "key" then args.key = "KEY" end
  end
  if op.method == "POST" or op.method == "PUT" then args.body = { ref = "main" } end
  return args
end

-- One answer to one operation, without repetition: the error.
local function answer(op, given)
  local transport = double.new(function(request)
    if request.operation == "projects.get" and op ~= ops.projects.get then return { body = { id = 1 } } end
    return given
  end)
  local client = assert(client_of.new { url = "https://gitlab.example.com", retry = false,
    token = "glpat-0123456789", transport = transport, runtime = virtual.new() })
  local result, err = client:call(op, args_of(op))
  assert.is_nil(result)
  assert.is_true(errors.is_error(err))
  return err
end

local function message(text) return { message = text } end
local function base(text) return { message = { base = { text } } } end

-- {operation, status, body, kind, what the message says, content type}
local rows = {
  -- Tokens are told apart.
  { ops.pipelines.get, 401, message "401 Unauthorized", "AuthenticationError.InvalidToken", "Unauthorized" },
  { ops.pipelines.get, 401, { error = "invalid_token", error_description =
    "Token is expired. You can either do re-authorization or token refresh." },
    "AuthenticationError.TokenExpired", "Token is expired" },
  { ops.pipelines.get, 401, { error = "invalid_token", error_description =
    "Token was revoked. You have to re-authorize from the user." },
    "AuthenticationError.TokenRevoked", "revoked" },
  { ops.pipelines.get, 401, { error = "invalid_token", error_description =
    "Token is an impersonation token but impersonation was disabled." },
    "AuthenticationError.InvalidToken", "impersonation" },
  { ops.triggers.run, 401, message "Job is not running", "AuthenticationError.TokenExpired", "not running" },
  { ops.pipelines.create, 403, { error = "insufficient_scope", error_description =
    "The request requires higher privileges than provided by the access token.", scope = "api" },
    "AuthenticationError.InsufficientScopes", "higher privileges" },
  { ops.pipelines.get, 403, { error = "insufficient_granular_scope", error_description =
    "Access denied: Your Personal Access Token lacks the required permissions: [read_pipeline]" },
    "AuthenticationError.InsufficientScopes", "read_pipeline" },
  { ops.pipelines.latest, 403, { error = "insufficient_scope", error_description = "x" },
    "AuthenticationError.InsufficientScopes", "x" },
  -- A 403 with and without a reason.
  { ops.pipelines.get, 403, message "403 Forbidden", "AccessError.PermissionDenied", "403 Forbidden" },
  { ops.pipelines.latest, 403, message "403 Forbidden", "AccessError.PipelineNotFound", "Forbidden" },
  { ops.pipelines.cancel, 403, message "403 Forbidden", "AccessError.PermissionDenied", "Forbidden" },
  { ops.pipelines.cancel, 403, message "403 Forbidden - Pipeline is not cancelable",
    "PipelineError.CannotCancel", "not cancelable" },
  { ops.pipelines.retry, 403, message "403 Forbidden", "AccessError.PermissionDenied", "Forbidden" },
  { ops.pipelines.retry, 403, message "403 Forbidden - Pipeline is not retryable",
    "PipelineError.CannotRetry", "not retryable" },
  { ops.jobs.retry, 403, message "403 Forbidden - Job is not retryable", "JobError.JobNotRetryable", "Job is not" },
  { ops.jobs.retry, 403, message "403 Forbidden", "AccessError.PermissionDenied", "Forbidden" },
  { ops.jobs.cancel, 403, message "403 Forbidden - Job is not cancelable", "JobError.JobNotCancellable", "Job is" },
  { ops.jobs.erase, 403, message "403 Forbidden - Job is not erasable!", "JobError.JobNotErasable", "erasable" },
  { ops.jobs.erase, 403, message "403 Forbidden", "AccessError.PermissionDenied", "Forbidden" },
  { ops.jobs.cancel, 403, message "403 Forbidden - Your account has been blocked.",
    "AccessError.PermissionDenied", "blocked" },
  { ops.jobs.play, 400, message "400 Bad request - Unplayable Job", "JobError.JobNotPlayable", "Unplayable" },
  { ops.jobs.play, 403, message "403 Forbidden", "AccessError.PermissionDenied", "Forbidden" },
  -- A 404 says which thing.
  { ops.projects.get, 404, message "404 Project Not Found", "AccessError.ProjectNotFound", "Project" },
  { ops.pipelines.get, 404, message "404 Project Not Found", "AccessError.ProjectNotFound", "Project" },
  { ops.pipelines.get, 404, message "404 Not found", "AccessError.PipelineNotFound", "404 Not found" },
  { ops.jobs.list, 404, message "404 Not found", "AccessError.PipelineNotFound", "Not found" },
  { ops.jobs.get, 404, message "404 Not Found", "AccessError.JobNotFound", "Not Found" },
  { ops.jobs.log, 404, message "404 Not found", "AccessError.JobNotFound", "Not found" },
  { ops.artifacts.download, 404, message "404 Not Found", "AccessError.ArtifactNotFound", "Not Found" },
  { ops.artifacts.file, 404, "<html>nginx</html>", "AccessError.ArtifactNotFound", "404 Not Found", "text/html" },
  { ops.environments.get, 404, message "404 Not found", "AccessError.EnvironmentNotFound", "Not found" },
  { ops.deployments.get, 404, message "404 Not found", "AccessError.DeploymentNotFound", "Not found" },
  { ops.triggers.get, 404, message "404 Not found", "AccessError.TriggerNotFound", "Not found" },
  { ops.triggers.run, 404, message "404 Not Found", "AccessError.TriggerNotFound", "Not Found" },
  { ops.variables.get, 404, message "404 Variable Not Found", "AccessError.VariableNotFound", "Variable" },
  { ops.pipelines.list, 404, { error = "404 Not Found" }, "AccessError.ProjectNotFound", "404 Not Found" },
  -- Creations.
  { ops.pipelines.create, 400, base "Reference not found", "PipelineError.InvalidRef", "^Reference not found$" },
  { ops.triggers.run, 400, base "Reference not found", "PipelineError.InvalidRef", "Reference" },
  { ops.triggers.run, 400, { error = "ref is empty" }, "PipelineError.InvalidRef", "ref is empty" },
  { ops.pipelines.create, 400, base "Insufficient permissions to set pipeline variables",
    "PipelineError.VariablesForbidden", "permissions" },
  { ops.pipelines.create, 400, base "Duplicate variable name: A", "PipelineError.InvalidVariable", "Duplicate" },
  { ops.triggers.run, 400, message "variables needs to be a map of key-valued strings",
    "PipelineError.InvalidVariable", "map" },
  { ops.pipelines.create, 400, base "Too many pipelines created in the last minute. Try again later.",
    "RateLimitError.TooManyRequests", "Too many" },
  { ops.pipelines.create, 400, base "Missing CI config file", "PipelineError.PipelineCreationFailed", "Missing" },
  { ops.pipelines.create, 400, base "No stages / jobs for this pipeline.",
    "PipelineError.PipelineCreationFailed", "No stages" },
  { ops.triggers.run, 422, base "x", "PipelineError.PipelineCreationFailed", "x" },
  -- Requests that are wrong.
  { ops.jobs.list, 400, { error = "scope does not have a valid value" }, "RequestError.BadRequest", "scope" },
  { ops.variables.create, 400, { message = { key = { "(A) has already been taken" },
    value = { "is invalid" } } }, "RequestError.BadRequest",
    "^key %(A%) has already been taken; value is invalid$" },
  { ops.jobs.list_project, 405, { error = "Offset pagination has a maximum" }, "RequestError.BadRequest", "Offset" },
  { ops.variables.get, 409, message "There are multiple variables with provided parameters.",
    "RequestError.Conflict", "multiple" },
  { ops.pipelines.delete, 412, message "412 Precondition Failed", "RequestError.PreconditionFailed", "412" },
  { ops.pipelines.list, 413, "too large", "RequestError.TooLarge", "^too large$", "text/plain" },
  { ops.pipelines.list, 414, "", "RequestError.TooLarge", "414 URI Too Long" },
  { ops.environments.create, 422, message "422 Unprocessable Entity", "RequestError.Unprocessable", "422" },
  { ops.pipelines.list, 418, "", "RequestError.BadRequest", "418" },
  -- Limits and servers in trouble.
  { ops.pipelines.get, 429, "Retry later\n", "RateLimitError.TooManyRequests", "^Retry later$", "text/plain" },
  { ops.jobs.list_project, 429, { message = { error =
    "This endpoint has been requested too many times. Try again later." } },
    "RateLimitError.TooManyRequests", "^This endpoint has been" },
  { ops.pipelines.get, 500, message "500 Internal Server Error", "ServerError.InternalError", "500" },
  { ops.pipelines.get, 501, "", "ServerError.InternalError", "501" },
  { ops.pipelines.get, 502, "<html><h1>502</h1></html>", "ServerError.ServiceUnavailable",
    "^502 Bad Gateway$", "text/html" },
  { ops.pipelines.get, 503, message "Upstream Gitaly has been exhausted. Try again later",
    "ServerError.ServiceUnavailable", "Gitaly" },
  { ops.pipelines.get, 504, "\0\1\2", "ServerError.ServiceUnavailable", "504 Gateway Timeout", "text/plain" },
  { ops.pipelines.get, 302, "moved", "NetworkError.RedirectRefused", "moved", "text/plain" },
}

local passing = { RateLimitError = true, InternalError = true, ServiceUnavailable = true }

describe("an answer of GitLab's", function()
  for _, row in ipairs(rows) do
    local op, status, body, kind, says, content_type = row[1], row[2], row[3], row[4], row[5], row[6]
    it(("%d to %s (%s) is %s"):format(status, op.name, says, kind), function()
      local err = answer(op, { status = status, body = body, type = content_type,
        headers = { ["X-Request-Id"] = "req-1" } })
      assert.equals(kind, err.category .. "." .. err.kind)
      assert.matches(says, err.message)
      assert.equals(status, err.status)
      assert.equals(op.name, err.operation)
      assert.equals(op.method, err.method)
      assert.equals("req-1", err.request_id)
      assert.equals(1, err.attempts)
      assert.equals(passing[err.category] or passing[err.kind] or false, err.retryable)
      assert.is_nil(tostring(err):find "[\n%z]")
    end)
  end

  it("is one line that says what and where", function()
    local err = answer(ops.pipelines.get, { status = 404, body = message "404 Not found" })
    assert.equals("AccessError.PipelineNotFound: 404 Not found (pipelines.get acme/app 17)", tostring(err))
    assert.equals("/projects/acme%2Fapp/pipelines/17", err.path)
    for _, name in ipairs { "PipelineNotFound", "AccessError", "GitLabPipelinesError",
      "AccessError.PipelineNotFound" } do
      assert.is_true(err:is(name))
    end
    assert.is_false(err:is "JobNotFound")
  end)

  it("holds no secret in any field, wherever the server puts it and wherever the message is cut", function()
    local token = "glpat-0123456789"
    local hex = token:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    local function check(given)
      local err = answer(ops.pipelines.get, given)
      for name, value in pairs(err) do
        local text = tostring(value):gsub("%s", "")
        assert.is_nil(text:find("0123456789", 1, true), name .. ": " .. tostring(value))
        assert.is_nil(text:find(hex, 1, true), name)
      end
      return err
    end
    local err = check { status = 404, body = message(token), headers = { ["X-Request-Id"] = "id-" .. token } }
    assert.equals("id-[secret]", err.request_id)
    check { status = 500, body = message("x"), headers = { ["X-Request-Id"] = hex } }
    for before = 280, 305 do
      check { status = 400, body = message(("x"):rep(before) .. token) }
      check { status = 400, body = ("x"):rep(before) .. token, type = "text/plain" }
    end
    check { status = 400, body = message "glpat-01\n23456789" }
    check { status = 400, body = { message = { [token] = { token } } } }
    check { status = 400, body = { error = token, error_description = token } }
    check { status = 400, body = (" "):rep(65536 - 12) .. token, type = "text/plain" }
    check { failure = { outcome = "permanent", code = "connect", message = "cannot connect to " .. token } }
  end)

  it("may be anything: the message stays short, whole and printable", function()
    for _, body in ipairs { ("\195\169"):rep(1000), '{"message":17}', '{"message":{"a":{"b":1}}}',
      "{broken", '{"error":{"x":1}}', "[]", '{"message":""}', (" "):rep(100), ("x"):rep(100000) } do
      local err = answer(ops.pipelines.get, { status = 400, body = body, type = "application/json" })
      assert.equals("RequestError.BadRequest", err.category .. "." .. err.kind)
      assert.is_true(#err.message > 0 and #err.message < 310)
    end
  end)
end)

describe("a failure of the transport", function()
  for code, kind in pairs {
    dns = "NetworkError.DnsResolutionFailed", connect = "NetworkError.ConnectionFailed",
    tls = "NetworkError.TlsFailed", timeout = "NetworkError.Timeout",
    reset = "NetworkError.ConnectionFailed", protocol = "ServerError.InvalidResponse",
    too_large = "ServerError.BodyTooLarge",
    sink = "TaskError.Cancelled",
  } do
    it(code .. " is " .. kind, function()
      local err = answer(ops.pipelines.get, { failure = { outcome = "permanent", code = code,
        message = "because" } })
      assert.equals(kind, err.category .. "." .. err.kind)
      assert.equals("because", err.message)
      assert.is_false(err.retryable)
    end)
  end

  it("that may pass is worth another try", function()
    for _, code in ipairs { "dns", "connect", "timeout", "reset" } do
      assert.is_true(answer(ops.pipelines.get, { failure = { outcome = "never_sent", code = code } }).retryable)
    end
  end)
end)

describe("the table", function()
  it("names only kinds that exist", function()
    for _, list in ipairs { outcomes.first, outcomes.last } do
      for _, row in ipairs(list) do
        assert.is_true(row.kind == "not_found" or errors.exists(row.kind), row.kind)
      end
    end
    for _, kind in pairs(outcomes.failures) do assert.is_true(errors.exists(kind), kind) end
    for _, op in ipairs(operations.all) do
      assert.is_true(errors.exists(op.not_found), op.name)
      for _, row in ipairs(op.refusals) do assert.is_true(errors.exists(row.kind), op.name) end
    end
  end)

  it("gives every status some kind", function()
    for status = 300, 599 do
      assert.is_true(errors.exists(outcomes.kind(ops.pipelines.get, status, "x")), status)
    end
  end)
end)
