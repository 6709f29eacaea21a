--- What became of a run: its end, its error, what is in doubt and what was left running.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local states = require "gitlab_pipelines.flow.run.states"

local Run = {}

--- Every step and item in the order of the script, items behind their `each`.
---@return table[] views
function Run:each_step()
  local views = {}
  for i, state in ipairs(states.all(self)) do views[i] = states.view(state) end
  return views
end

--- Waits until the run has ended, or (with `until_blocked`) until only people can go on with it.
---@param opts table|nil {until_blocked = true}
---@return boolean ok did everything succeed?
---@return table|nil err FlowError.StepFailed, or TaskError.Cancelled; FlowError.JournalUnusable where
--- the run had to be left because it could not be kept
function Run:wait(opts)
  while not self.ended do
    if self.abandoned then return false, self:error() end
    if opts and opts.until_blocked and self.status == "blocked" then return false, nil end
    if not self:pause() then
      return false, errors.new("TaskError.Cancelled", { message = "the wait was cancelled" })
    end
  end
  if self.status == "success" then return true end
  return false, self:error()
end

--- Why the run did not succeed.
---@return table|nil err `err.step` is the step that failed first, `err.cause` its own error
function Run:error()
  if self.trouble then return self.trouble end
  if self.abandoned then
    return errors.new("TaskError.Cancelled", { message = "the run was left as it stands" })
  end
  local state = self.failure
  if state then
    return errors.new("FlowError.StepFailed", { step = state.path, cause = state.error,
      message = ("%s failed%s"):format(state.path, state.reason and ": " .. state.reason or "") })
  end
  if self.status == "canceled" then
    return errors.new("TaskError.Cancelled", { message = self.cancel_reason
      or "a pipeline of the run was canceled" })
  end
  if self.status == "skipped" then
    return errors.new("FlowError.StepFailed", { step = self.skipped.path,
      message = ("%s was skipped: %s"):format(self.skipped.path, self.skipped.reason) })
  end
  return nil
end

--- The steps and items of which it is not known whether their pipeline was made; who resumes the
--- run decides (`adopt`, `send_again`).
---@return table[] rows {path, kind, project, error (PipelineError.UnknownOutcome)}
function Run:in_doubt()
  local rows = {}
  for _, state in ipairs(self.ended and {} or states.all(self)) do
    if state.in_doubt and state.kind ~= "each" then
      rows[#rows + 1] = { path = state.path, kind = state.kind, project = state.project,
        error = state.in_doubt }
    end
  end
  return rows
end

local leaves = { pipeline = true, play = true }

--- What a run that was left has running at GitLab: pipelines that it made, jobs that it played, and
--- steps that were about to (without `pipeline_id`, a `play` without `job_id`).
---@return table[] rows {path, kind, project, pipeline_id, job_id, web_url}
function Run:left_running()
  local rows = {}
  for _, state in ipairs(self.ended and {} or states.all(self)) do
    if leaves[state.kind] and state.phase and not state.in_doubt
      and not core.status.is_finished(state.status) and not core.status.is_finished(state.pipeline_status) then
      rows[#rows + 1] = { path = state.path, kind = state.kind, project = state.project,
        pipeline_id = state.pipeline_id, job_id = state.job_id, web_url = state.web_url }
    end
  end
  return rows
end

local api_trouble = { ConfigurationError = true, AuthenticationError = true, AccessError = true,
  PipelineError = true, JobError = true, RateLimitError = true, NetworkError = true,
  ServerError = true, RequestError = true }

--- The command's exit code for the run as it stands.
---@return integer
function Run:exit_code()
  if self.trouble or self:in_doubt()[1] then return 6 end
  if self.status == "success" then return 0 end
  if self.status == "canceled" or self.status == "skipped" then return 3 end
  if self.status == "blocked" then return 5 end
  local state = self.failure
  if not state then return 1 end
  if state.timed_out then return 4 end
  return state.error and api_trouble[state.error.category] and 6 or 1
end

return Run
