--- A `wait_for` step: waits for a pipeline that was started elsewhere.

local common = require "gitlab_pipelines.flow.steps.common"
local pipelines = require "gitlab_pipelines.flow.steps.pipeline"
local refs = require "gitlab_pipelines.flow.refs"
local watching = require "gitlab_pipelines.api.watching"

local M = {}

--- Waits for the pipeline: by its number, or for the newest of a ref and commit, once there is one.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  local given = state.step.options
  state.project = run:resolve(given.project)
  if not state.pipeline_id then
    local id, err
    if given.id then
      id = tonumber(run:resolve(given.id))
    else
      local found
      found, err = watching.of(run.gl):find(state.project, refs.text(run:resolve(given.ref)),
        refs.text(run:resolve(given.sha)), state.deadline - run.rt:now())
      id = found and found.id
    end
    if not id and (not err or err:is "WaitError.TimedOut") then return common.timed_out(run, state) end
    if not id then return common.of_error(run, err) end
    state.pipeline_id = id
    run:record(state, "known")
    run:change(state, {})
  end
  return pipelines.await(run, state, false)
end

return M
