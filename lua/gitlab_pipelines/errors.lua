--- The error taxonomy, as one table, and the error object.
--
-- Runtime errors are returned as `nil, err`. `err.category` and `err.kind` are names in the taxonomy;
-- `err:is(name)` tests for a kind, a category, "Category.Kind" or "GitLabPipelinesError".

local M = {}

--- Every category with its kinds. A kind may occur in two categories (`TooLarge`), so code always
--- names both: `errors.new("AccessError.PipelineNotFound", ...)`.
M.taxonomy = {
  { "ConfigurationError", "InvalidBaseUrl", "InvalidProjectId", "InvalidCredentials",
    "SharedLimitsUnusable" },
  { "AuthenticationError", "TokenExpired", "InvalidToken", "InsufficientScopes", "TokenRevoked" },
  { "AccessError", "ProjectNotFound", "PipelineNotFound", "JobNotFound", "PermissionDenied",
    "ArtifactNotFound", "EnvironmentNotFound", "DeploymentNotFound", "TriggerNotFound",
    "VariableNotFound" },
  { "PipelineError", "InvalidRef", "InvalidVariable", "PipelineCreationFailed", "CannotCancel",
    "CannotRetry", "VariablesForbidden", "UnknownOutcome", "KeyReused" },
  { "JobError", "JobNotPlayable", "JobNotCancellable", "JobNotRetryable", "LogsNotAvailable",
    "JobNotErasable" },
  { "RateLimitError", "ThrottledRequest", "TooManyRequests" },
  { "NetworkError", "ConnectionFailed", "Timeout", "DnsResolutionFailed", "TlsFailed",
    "CircuitOpen", "RedirectRefused" },
  { "ServerError", "InternalError", "ServiceUnavailable", "InvalidResponse", "BodyTooLarge" },
  { "RequestError", "BadRequest", "Conflict", "PreconditionFailed", "TooLarge", "Unprocessable" },
  { "ArtifactError", "UnsafeArchive", "DamagedArchive", "ChangedArchive" },
  { "WaitError", "TimedOut", "Deleted" },
  { "WebhookError", "BadSignature", "BadToken", "Stale", "ForbiddenSource", "Malformed",
    "TooLarge" },
  { "FlowError", "InvalidScript", "InvalidInput", "Cycle", "UnknownStep", "StepFailed",
    "ScriptChanged", "RunHeld", "JournalUnusable" },
  { "ReplayError", "NoMatch", "SecretFound", "InvalidCassette" },
  { "TaskError", "Cancelled" },
  { "LocalError", "CannotRead", "CannotWrite" },
}

--- The name that `err:is` matches for every error.
M.root = "GitLabPipelinesError"

local known = {}
for _, row in ipairs(M.taxonomy) do
  for i = 2, #row do
    known[row[1] .. "." .. row[i]] = { category = row[1], kind = row[i] }
  end
end

local Error = {}
Error.__index = Error
Error.__name = M.root

--- Does the name match this error: its kind, its category, "Category.Kind", or the root?
---@param name string
---@return boolean
function Error:is(name)
  return name == self.kind or name == self.category or name == M.root
    or name == self.category .. "." .. self.kind
end

-- "AccessError.PipelineNotFound: 404 Not found (pipelines.get acme/app 17)"
function Error:__tostring()
  local where = self.operation
  if where and self.subject then where = where .. " " .. self.subject end
  local text = self.category .. "." .. self.kind .. ": " .. tostring(self.message)
  return where and text .. " (" .. where .. ")" or text
end

--- Makes an error object.
---@param name string "Category.Kind" from the taxonomy; any other name raises
---@param fields table|nil `message` and any of `status retryable retry_after operation subject
--- method path attempts request_id unknown_outcome`; the table becomes the object
---@return table err
function M.new(name, fields)
  local entry = known[name]
  if not entry then error("unknown error kind: " .. tostring(name), 2) end
  local err = fields or {}
  err.category, err.kind = entry.category, entry.kind
  if err.message == nil then err.message = entry.kind end
  if err.retryable == nil then err.retryable = false end
  return setmetatable(err, Error)
end

--- Removes secrets from all texts of an error, since a server may echo the request.
---@param err table the error object, or the fields of one
---@param redactor {text: fun(self: table, text: string): string} see observe/redact.lua
---@return table err itself
function M.redact(err, redactor)
  for name, value in pairs(err) do
    if type(value) == "string" and name ~= "category" and name ~= "kind" then err[name] = redactor:text(value) end
  end
  return err
end

--- Is this value an error object of this module?
---@param value any
---@return boolean
function M.is_error(value)
  return type(value) == "table" and getmetatable(value) == Error
end

--- Does the taxonomy contain "Category.Kind"?
---@param name string
---@return boolean
function M.exists(name)
  return known[name] ~= nil
end

return M
