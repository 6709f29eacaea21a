--- A `call` step: runs a function of the script.

local common = require "gitlab_pipelines.flow.steps.common"
local errors = require "gitlab_pipelines.errors"
local load = require "gitlab_pipelines.flow.load"

local M = {}

local function call_once(run, state)
  local argument = { key = ("%s/%s"):format(run.id, state.path), attempt = state.attempt,
    name = state.path }
  run:record(state, "intent")
  local task = run.rt:spawn(function()
    local ok, value, err = load.call(run.plan, state.step.options.run, run.script_steps, run.gl,
      argument, run.output)
    if not ok then return { raised = value, spent = err } end
    return { value = value, err = err }
  end)
  local result, err = task:join(math.max(0, state.deadline - run.rt:now()))
  if not result then
    task:cancel()
    return common.of_error(run, err)
  end
  if result.raised ~= nil then
    local raised = result.raised
    if raised:is "TaskError.Cancelled" then return common.of_error(run, raised) end
    -- A spent budget would be spent again.
    return { status = "failed", reason = raised.message, error = raised, again = not result.spent }
  end
  if result.value == nil and result.err ~= nil then
    local text = errors.is_error(result.err) and result.err.message or tostring(result.err)
    return { status = "failed", reason = text, again = true }
  end
  return { status = "success",
    outputs = type(result.value) == "table" and result.value or { value = result.value } }
end

--- Calls the function, again after a failure as often as `retry` says.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  while true do
    state.attempt = state.attempt + 1
    local result = call_once(run, state)
    if not result.again or state.attempt > state.step.retry or state.stopping
      or run.rt:now() >= state.deadline then
      return result
    end
    run:change(state, { message = result.reason })
  end
end

return M
