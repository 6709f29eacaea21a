--- What several kinds of steps share: their results, and the variables and inputs that they send.

local core = require "gitlab_pipelines.core"
local duration = require "gitlab_pipelines.duration"
local errors = require "gitlab_pipelines.errors"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

---@class gitlab_pipelines.StepResult What became of a step.
---@field status "success"|"failed"|"canceled"|"skipped"
---@field reason string|nil
---@field because "failure"|"when"|nil of a skip: what it means to those that need the step
---@field outputs table|nil what the steps after it may use
---@field failure table|nil the job that failed, see flow/outputs.lua
---@field error table|nil
---@field timed_out boolean|nil
---@field again boolean|nil another attempt may succeed
---@field doubt boolean|nil it is not known whether GitLab made what was to be made

---@param reason string
---@param err table|nil
---@return gitlab_pipelines.StepResult
function M.failed(reason, err)
  return { status = "failed", reason = reason, error = err }
end

--- The result of a step that an error ended.
---@param run table
---@param err table
---@return gitlab_pipelines.StepResult
function M.of_error(run, err)
  if err:is "TaskError.Cancelled" then
    return { status = "canceled", reason = run.cancel_reason or run.stop_reason
      or "it was canceled" }
  end
  local result = M.failed(err.message, err)
  result.timed_out = err:is "WaitError.TimedOut" or nil
  return result
end

--- The result of a step whose time is up.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.timed_out(run, state)
  return { status = "failed", timed_out = true,
    error = errors.new("WaitError.TimedOut", { message = "timed out" }),
    reason = ("not done after %s"):format(duration.text(run.rt:now() - state.started_at, "prose")) }
end

--- Variables as texts, with every reference filled in; raises PipelineError.InvalidVariable.
---@param run table
---@param given table|nil name -> value
---@return table<string, string>|nil
function M.variables(run, given)
  if not given then return nil end
  local texts = {}
  for _, name in ipairs(refs.sorted_keys(given)) do
    local value = run:resolve(given[name])
    if type(value) == "table" then
      error(errors.new("PipelineError.InvalidVariable",
        { message = ("variable %s is a table, not a text"):format(name) }), 0)
    end
    texts[name] = refs.text(value)
  end
  return texts
end

--- Variables and inputs as they are sent: a text that holds a secret input travels as a secret, so
--- that the client's logs, errors and journal know what not to show.
---@param run table
---@param value any
---@return any
function M.guarded(run, value)
  if type(value) == "string" then
    return run:holds_secret(value) and core.secret.new(value, { short = true }) or value
  end
  if type(value) ~= "table" or #run.secrets == 0 then return value end
  local sent = {}
  for key, one in pairs(value) do sent[key] = M.guarded(run, one) end
  return setmetatable(sent, getmetatable(value))
end

--- GitLab has not made or played it, or it is not known whether it has: `doubt` in the result.
---@param run table
---@param state table
---@param err table
---@return gitlab_pipelines.StepResult
function M.not_made(run, state, err)
  -- The key's own entry in the run's journal.
  if err:is "FlowError.JournalUnusable" then
    run:abandon(err)
    error(err, 0)
  end
  local doubt = err:is "PipelineError.UnknownOutcome" or nil
  run:record(state, err.unknown_outcome and "unknown" or "refused",
    { reason = doubt and run:redact(err.message) })
  local result = M.of_error(run, err)
  result.doubt = doubt
  return result
end

return M
