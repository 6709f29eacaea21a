--- The end of a call: its result, the state read from GitLab if no response is reliable, or an error.

local reconcile = require "gitlab_pipelines.client.reconcile"
local response_errors = require "gitlab_pipelines.client.response_errors"

local M = {}

local own_errors = {
  throttled = { "RateLimitError.ThrottledRequest",
    "the client's rate limits have no free slot before the deadline" },
  circuit_open = { "NetworkError.CircuitOpen",
    "the circuit breaker is open after several consecutive failures" },
  deadline = { "NetworkError.Timeout", "the deadline passed before an attempt could start" },
  cancelled = { "TaskError.Cancelled", "the call was cancelled" },
  shared_limits = { "ConfigurationError.SharedLimitsUnusable" },
}

-- How many seconds a create may take to become visible.
local function settle_time(client, call)
  local response, settle = call.response, client.settings.settle
  local from_application = response and response:header "X-Request-Id"
    and (response:header "Content-Type" or ""):find("json", 1, true)
  return from_application and settle.visible or settle.finish + settle.visible, from_application
end

-- A create with an ambiguous outcome.
local function ambiguous(client, call, reason)
  local settle, from_application = settle_time(client, call)
  if reconcile.is_pollable(call.op) then
    local result, err = reconcile.poll(client, call, settle, call.deadline or math.huge)
    if result ~= nil then return result end
    if err then return nil, err end
  end
  client.counts.unknown = client.counts.unknown + 1
  local last = call.err
  return nil, response_errors.own(call, "PipelineError.UnknownOutcome", {
    message = (reason == "look_up" and "the request succeeded, but the response cannot be read: "
      or "the request may or may not have succeeded: ") .. last.message,
    status = last.status, request_id = last.request_id, unknown_outcome = true, retryable = false,
    reason = reason, settle = settle, from_application = from_application and true or false,
    cause = last.category .. "." .. last.kind,
  })
end

--- Returns the result and its response, or nil and an error.
---@param client table
---@param call table
---@param x userdata the call's exchange
---@param reason string how the exchange ended
---@param retry_after number|nil seconds
---@return any result
---@return table response or err
function M.of(client, call, x, reason, retry_after)
  if reason == "ok" then
    -- The request succeeded, but its response was lost or unreadable: read the state instead.
    if call.err and call.op.effect == "set" and call.result == nil then
      local row, problem = reconcile.read_back(client, call, call.deadline or math.huge)
      return row, row ~= nil and call.response or problem
    end
    return call.result, call.response
  end
  if reason == "reconcile" or reason == "look_up" then return ambiguous(client, call, reason) end
  local err = call.err
  if not err or (reason == "cancelled" and not err:is "TaskError.Cancelled") then
    local own = own_errors[reason] or own_errors.cancelled
    err = response_errors.own(call, own[1], { message = own[2] })
    if reason == "shared_limits" then
      err.message = "limits.shared: " .. (client.policy:shared_problem() or client.stores:shared_problem())
    end
  elseif x:doubtful() and call.op.effect == "set" and err.status then
    local done = reconcile.confirm(client, call, err.status, call.deadline or math.huge)
    if done ~= nil then return done end
  end
  err.attempts = call.attempts
  err.retry_after = retry_after
  if reason == "cancelled" and call.op.effect == "create" and call.attempts > 0 then
    err.unknown_outcome = true
  end
  return nil, err
end

return M
