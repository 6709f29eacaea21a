--- How a step of each kind does its work.
--
-- `perform(run, state)` runs in the step's own task and returns what became of it. It may also raise an
-- error object, which is a failure.

local approval = require "gitlab_pipelines.flow.steps.approval"
local call = require "gitlab_pipelines.flow.steps.call"
local common = require "gitlab_pipelines.flow.steps.common"
local each = require "gitlab_pipelines.flow.steps.each"
local pipeline = require "gitlab_pipelines.flow.steps.pipeline"
local play = require "gitlab_pipelines.flow.steps.play"
local wait_for = require "gitlab_pipelines.flow.steps.wait_for"

local M = {}

local kinds = { pipeline = pipeline, play = play, wait_for = wait_for, approval = approval,
  call = call, each = each }

--- Does the work of a step.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  if run.rt:now() >= state.deadline then return common.timed_out(run, state) end
  return kinds[state.kind].perform(run, state)
end

--- How what runs is canceled at GitLab; what it waits for ends by itself then.
M.cancels = {
  pipeline = function(run, state)
    local ok, err = pipeline.cancel(run, state)
    if not ok then run:change(state, { message = "cancel: " .. err.message }) end
  end,
  play = play.cancel,
}

--- Kinds whose task is simply ended.
M.interruptible = { wait_for = true, approval = true, call = true, play = true }

M.adopt, M.project = pipeline.adopt, pipeline.project

return M
