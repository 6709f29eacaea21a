-- What GitLab answers, by operation, and the error that a person expects of it: one row each.

local api = require "support.api_client"
local double = require "support.transport_double"

local function message(text) return { message = text } end
local function base(text) return { message = { base = { text } } } end

local call = {}
function call.get_project(gl) return gl.projects:get "a/b" end
function call.get(gl) return gl.pipelines:get(17, 3) end
function call.list(gl) return gl.pipelines:list(17) end
function call.latest(gl) return gl.pipelines:latest(17, "main") end
function call.create(gl) return gl.pipelines:create(17, { ref = "main" }) end
function call.trigger(gl) return gl.triggers:run(17, { ref = "main", token = "glptt-0123456789" }) end
function call.cancel(gl) return gl.pipelines:cancel(17, 3) end
function call.retry(gl) return gl.pipelines:retry(17, 3) end
function call.delete(gl) return gl.pipelines:delete(17, 3) end
function call.variables(gl) return gl.pipelines:variables(17, 3) end
function call.jobs(gl) return gl.jobs:list(17, 3) end
function call.job(gl) return gl.jobs:get(17, 5) end
function call.job_retry(gl) return gl.jobs:retry(17, 5) end
function call.job_cancel(gl) return gl.jobs:cancel(17, 5) end
function call.play(gl) return gl.jobs:play(17, 5) end
function call.play_with(gl) return gl.jobs:play(17, 5, { variables = { A = "1" } }) end
function call.erase(gl) return gl.jobs:erase(17, 5) end
function call.log(gl) return gl.jobs:log(17, 5) end
function call.archive(gl) return gl.artifacts:download(17, 5) end
function call.file(gl) return gl.artifacts:file(17, 5, "a.txt") end
function call.by_ref(gl) return gl.artifacts:latest(17, "main", "build") end
function call.keep(gl) return gl.artifacts:keep(17, 5) end
function call.drop(gl) return gl.artifacts:delete(17, 5) end
function call.get_trigger(gl) return gl.triggers:get(17, 9) end
function call.get_variable(gl) return gl.variables:get(17, "KEY") end
function call.set_variable(gl) return gl.variables:set(17, { key = "KEY", value = "v" }) end
function call.environment(gl) return gl.environments:get(17, 4) end
function call.new_environment(gl) return gl.environments:create(17, { name = "x" }) end
function call.delete_environment(gl) return gl.environments:delete(17, 4) end
function call.deployment(gl) return gl.deployments:get(17, 6) end

local EXPIRED = { error = "invalid_token",
  error_description = "Token is expired. You can either do re-authorization or token refresh." }
local REVOKED = { error = "invalid_token",
  error_description = "Token was revoked. You have to re-authorize from the user." }
local IMPERSONATION = { error = "invalid_token",
  error_description = "Token is an impersonation token but impersonation was disabled." }
local SCOPE = { error = "insufficient_scope", scope = "api read_api",
  error_description = "The request requires higher privileges than provided by the access token." }
local GRANULAR = { error = "insufficient_granular_scope", error_description =
  'Access denied: Your Personal Access Token lacks the required permissions: [read_pipeline] for "a/b".' }

-- {call, status, body, kind}; a body that is text is sent as such.
local rows = {
  { "get", 401, message "401 Unauthorized", "AuthenticationError.InvalidToken" },
  { "get", 401, EXPIRED, "AuthenticationError.TokenExpired" },
  { "get", 401, REVOKED, "AuthenticationError.TokenRevoked" },
  { "get", 401, IMPERSONATION, "AuthenticationError.InvalidToken" },
  { "get", 403, SCOPE, "AuthenticationError.InsufficientScopes" },
  { "create", 403, SCOPE, "AuthenticationError.InsufficientScopes" },
  { "get", 403, GRANULAR, "AuthenticationError.InsufficientScopes" },
  { "get", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "get", 403, message "403 Forbidden - Your account has been blocked.", "AccessError.PermissionDenied" },
  { "cancel", 403, message "403 Forbidden - Your account has been blocked.",
    "AccessError.PermissionDenied" },

  { "get_project", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },
  { "get", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },
  { "list", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },
  { "get", 404, message "404 Not found", "AccessError.PipelineNotFound" },
  { "cancel", 404, message "404 Not found", "AccessError.PipelineNotFound" },
  { "jobs", 404, message "404 Not found", "AccessError.PipelineNotFound" },
  { "job", 404, message "404 Not found", "AccessError.JobNotFound" },
  { "log", 404, message "404 Not found", "AccessError.JobNotFound" },
  { "play", 404, message "404 Not found", "AccessError.JobNotFound" },
  { "archive", 404, message "404 Not Found", "AccessError.ArtifactNotFound" },
  { "file", 404, "not found", "AccessError.ArtifactNotFound" },
  { "by_ref", 404, message "404 Not found", "AccessError.ArtifactNotFound" },
  { "by_ref", 404, message "404 Job Not Found", "AccessError.ArtifactNotFound" },
  { "keep", 404, message "404 Not found", "AccessError.ArtifactNotFound" },
  { "drop", 404, message "404 Not found", "AccessError.ArtifactNotFound" },
  { "get_trigger", 404, message "404 Trigger Not Found", "AccessError.TriggerNotFound" },
  { "trigger", 404, message "404 Not Found", "AccessError.TriggerNotFound" },
  { "get_variable", 404, message "404 Variable Not Found", "AccessError.VariableNotFound" },
  { "environment", 404, message "404 Environment Not Found", "AccessError.EnvironmentNotFound" },
  { "deployment", 404, message "404 Deployment Not Found", "AccessError.DeploymentNotFound" },
  { "latest", 403, message "403 Forbidden", "AccessError.PipelineNotFound" },
  { "latest", 403, SCOPE, "AuthenticationError.InsufficientScopes" },
  { "latest", 403, message "403 Forbidden - Your account has been blocked.",
    "AccessError.PermissionDenied" },
  { "latest", 403, message "403 Forbidden - the job token of project 3 is not allowed here",
    "AccessError.PermissionDenied" },
  { "latest", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },

  { "create", 400, base "Reference not found", "PipelineError.InvalidRef" },
  { "trigger", 400, base "Reference not found", "PipelineError.InvalidRef" },
  { "trigger", 400, { error = "ref is empty" }, "PipelineError.InvalidRef" },
  { "create", 400, { error = "ref is missing" }, "PipelineError.InvalidRef" },
  { "create", 400, base "jobs:a config: the include's ref is not a string",
    "PipelineError.PipelineCreationFailed" },
  { "create", 400, base "Failed to build pipeline metadata! name is too long",
    "PipelineError.PipelineCreationFailed" },
  { "create", 400, { error = "inputs is invalid" }, "PipelineError.PipelineCreationFailed" },
  { "create", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },
  { "create", 401, message "401 Unauthorized", "AuthenticationError.InvalidToken" },
  { "create", 400, base ("Pipeline will not run for the selected trigger. The rules configuration "
    .. "prevented any jobs from being added to the pipeline."), "PipelineError.PipelineCreationFailed" },
  { "create", 400, base "No stages / jobs for this pipeline.", "PipelineError.PipelineCreationFailed" },
  { "create", 400, base "Missing CI config file", "PipelineError.PipelineCreationFailed" },
  { "create", 422, message "422 Unprocessable Entity", "PipelineError.PipelineCreationFailed" },
  { "create", 400, base "Insufficient permissions to set pipeline variables",
    "PipelineError.VariablesForbidden" },
  { "trigger", 400, base "Insufficient permissions to set pipeline variables",
    "PipelineError.VariablesForbidden" },
  { "create", 400, base "Duplicate variable name: A", "PipelineError.InvalidVariable" },
  { "trigger", 400, message "variables needs to be a map of key-valued strings",
    "PipelineError.InvalidVariable" },
  { "trigger", 401, message "Job is not running", "AuthenticationError.TokenExpired" },
  { "trigger", 403, message "403 Forbidden", "AccessError.PermissionDenied" },

  { "cancel", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "cancel", 403, message "403 Forbidden - Pipeline is locked", "PipelineError.CannotCancel" },
  { "retry", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "retry", 403, message "403 Forbidden - Pipeline is archived", "PipelineError.CannotRetry" },
  { "delete", 412, message "412 Precondition Failed", "RequestError.PreconditionFailed" },
  { "variables", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "job_retry", 403, message "403 Forbidden - Job is not retryable", "JobError.JobNotRetryable" },
  { "job_retry", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "job_cancel", 403, message "403 Forbidden - Job cannot be canceled", "JobError.JobNotCancellable" },
  { "job_cancel", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "play", 400, message "400 Bad request - Unplayable Job", "JobError.JobNotPlayable" },
  { "play_with", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "erase", 403, message "403 Forbidden - Job is not erasable!", "JobError.JobNotErasable" },
  { "erase", 403, message "403 Forbidden", "AccessError.PermissionDenied" },

  { "list", 400, { error = "scope does not have a valid value" }, "RequestError.BadRequest" },
  { "list", 405, { error = "405 Not Allowed" }, "RequestError.BadRequest" },
  { "list", 405, message "405 Method Not Allowed", "RequestError.BadRequest" },
  { "list", 405, { error = "Offset pagination has a maximum allowed offset of 50000 for requests "
    .. "that return objects of type Ci::Build" }, "RequestError.BadRequest" },
  { "list", 410, { error = "API V3 is no longer supported. Use API V4 instead." }, "RequestError.BadRequest" },
  { "list", 400, message '400 Bad request - "x" not given', "RequestError.BadRequest" },
  { "list", 400, { error = "status does not have a valid value" }, "RequestError.BadRequest" },
  { "file", 400, message "400 Bad request", "RequestError.BadRequest" },
  { "delete", 409, message "409 Conflict", "RequestError.Conflict" },
  { "delete", 409, message "409 Conflict: Resource lock", "RequestError.Conflict" },
  { "erase", 409, message ("Action temporarily disabled. The project this pipeline belongs to is "
    .. "undergoing stats refresh."), "RequestError.Conflict" },
  { "drop", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "get_variable", 403, message "403 Forbidden", "AccessError.PermissionDenied" },
  { "get_variable", 404, message "404 Project Not Found", "AccessError.ProjectNotFound" },
  { "set_variable", 400, { message = { key = { "can contain only letters, digits and '_'." } } },
    "RequestError.BadRequest" },
  { "set_variable", 400, { error = "variable_type does not have a valid value" }, "RequestError.BadRequest" },
  { "set_variable", 400, base ("The visibility setting cannot be changed for masked and hidden "
    .. "variables."), "RequestError.BadRequest" },
  { "new_environment", 400, { error = "slug is automatically generated and cannot be changed" },
    "RequestError.BadRequest" },
  { "trigger", 404, { error = "404 Not Found" }, "AccessError.TriggerNotFound" },
  { "list", 414, "<html>Request-URI Too Large</html>", "RequestError.TooLarge" },
  { "create", 413, "<html>Request Entity Too Large</html>", "RequestError.TooLarge" },
  { "set_variable", 409, message ("There are multiple variables with provided parameters. "
    .. "Please use 'filter[environment_scope]'"), "RequestError.Conflict" },
  { "set_variable", 400, { message = { value = { "is invalid" } } }, "RequestError.BadRequest" },
  { "new_environment", 400, { message = { name = { "has already been taken" } } },
    "RequestError.BadRequest" },
  { "new_environment", 422, message "422 Unprocessable Entity", "RequestError.Unprocessable" },
  { "delete_environment", 403, message "403 Forbidden", "AccessError.PermissionDenied" },

  { "get", 429, "Retry later\n", "RateLimitError.TooManyRequests" },
  { "get", 429, { message = { error = "This endpoint has been requested too many times. Try again later." } },
    "RateLimitError.TooManyRequests" },
  { "create", 400, base "Too many pipelines created in the last minute. Try again later.",
    "RateLimitError.TooManyRequests" },
  { "get", 500, message "500 Internal Server Error", "ServerError.InternalError" },
  { "get", 502, "<html><body>Bad Gateway</body></html>", "ServerError.ServiceUnavailable" },
  { "get", 503, message "503 Service Unavailable", "ServerError.ServiceUnavailable" },
  { "get", 504, "<html><body>Gateway Timeout</body></html>", "ServerError.ServiceUnavailable" },
}

describe("an answer of GitLab", function()
  for number, row in ipairs(rows) do
    local name, status, body, kind = row[1], row[2], row[3], row[4]
    it(("%d to %s is %s (%d)"):format(status, name, kind, number), function()
      local transport = double.new(function()
        return { status = status, body = body, type = type(body) == "string" and "text/plain" or nil,
          headers = { ["X-Request-Id"] = "r1" } }
      end)
      local result, err = call[name](api.new(transport))
      assert.is_nil(result)
      assert.equal(kind, err.category .. "." .. err.kind)
      assert.equal(status, err.status)
      assert.equal("r1", err.request_id)
      assert.equal(transport.requests[#transport.requests].operation, err.operation)
      assert.is_string(err.path)
      assert.is_nil(tostring(err):find("<html", 1, true))
      assert.is_nil(tostring(err):find("glp", 1, true))
    end)
  end

  it("names the sufficient scopes", function()
    local _, err = call.get(api.new(double.new(function() return { status = 403, body = SCOPE } end)))
    assert.truthy(tostring(err):find("api read_api", 1, true))
  end)

  it("that is an object where a list was asked for, or the other way round, is unreadable", function()
    local _, err = call.list(api.new(double.new(function() return { body = { id = 1 } } end)))
    assert.is_true(err:is "ServerError.InvalidResponse")
    _, err = call.get(api.new(double.new(function() return { body = { { id = 1 } } } end)))
    assert.is_true(err:is "ServerError.InvalidResponse")
  end)

  it("names the route as missing only where it is", function()
    for body, missing in pairs { [{ error = "404 Not Found" }] = true, [message "404 Not Found"] = false,
      [message "404 Project Not Found"] = false } do
      local _, err = call.get(api.new(double.new(function() return { status = 404, body = body } end)))
      assert.equal(missing or nil, err.missing_route)
    end
  end)

  it("says that a store refused, to which GitLab had sent, and blames no token that it did not see", function()
    local said = { ["<Error><Code>AccessDenied</Code><Message>Request has\n expired</Message></Error>"]
      = ": Request has expired", ["<Error/>"] = "" }
    for body, more in pairs(said) do
      for status, name in pairs { [401] = "Unauthorized", [403] = "Forbidden" } do
        local transport = double.new(function(request)
          if request.url:find("gitlab.test", 1, true) then
            return { status = 302, headers = { Location = "https://store.test/x?sig=1" } }
          end
          assert.is_nil(request.headers["private-token"])
          return { status = status, type = "application/xml", body = body }
        end)
        local bytes, err = api.new(transport).artifacts:download(17, 5)
        assert.is_nil(bytes)
        assert.equal("PermissionDenied", err.kind)
        assert.equal(("response of the artifact store: %d %s%s"):format(status, name, more), err.message)
      end
    end
  end)

  it("is none when a client is collected unclosed that was sent to a store", function()
    for _ = 1, 3 do
      local transport = double.new(function(request)
        if request.url:find("gitlab.test", 1, true) then
          return { status = 302, headers = { Location = "https://store.test/x?sig=1" } }
        end
        return { type = "application/zip", body = "x" }
      end)
      assert.equal("x", api.new(transport, { limits = {} }).artifacts:download(17, 5))
      transport = nil -- luacheck: ignore 311
      -- An error in a finalizer is raised here, on Lua 5.3.
      collectgarbage()
      collectgarbage()
    end
  end)
end)
