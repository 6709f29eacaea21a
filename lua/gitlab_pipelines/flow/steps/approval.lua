--- An `approval` step: waits for a person.

local common = require "gitlab_pipelines.flow.steps.common"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

--- Waits for the answer.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  local message = state.step.options.message
  message = message and refs.text(run:resolve(message)) or ("approve %s?"):format(state.path)
  state.approval = run.rt:waiter()
  run:record(state, "known")
  -- Given before this process took the run up: it is not shown as waiting.
  local answer, by = run:stored_answer(state.path)
  if not answer then
    run:block(state, message)
    answer, by = state.approval:wait(state.deadline)
  end
  state.approval = nil
  run:unblock(state)
  if answer == "approved" then
    return { status = "success", outputs = { approved_by = by, message = message } }
  end
  if answer == "rejected" then
    return common.failed(by and "refused by " .. by or "refused")
  end
  if by == "cancelled" then return { status = "canceled", reason = run.cancel_reason } end
  return common.timed_out(run, state)
end

return M
