--- How a run is ended before its time: canceled, left for another process, and answered by people.

local core = require "gitlab_pipelines.core"
local states = require "gitlab_pipelines.flow.run.states"
local steps = require "gitlab_pipelines.flow.steps"

local Run = {}

-- Seconds between two reads of the journal for answers of other processes.
local ANSWERS = 2

--- An answer to an approval that stands in the journal already: "approved" or "rejected", by whom.
function Run:stored_answer(path)
  if not self.journal then return nil end
  local rows, err = self.journal:answers(self)
  if not rows then
    self:abandon(err)
    error(err, 0)
  end
  for _, row in ipairs(rows) do
    if row.path == path then return row.answer, row.by end
  end
end

--- Polls the journal, a local file, for what another process leaves there: an approval, or a cancel.
function Run:watch_answers()
  local answered = {}
  while not self.ended and not self.abandoned do
    local rows, err = self.journal:answers(self)
    if not rows then return self:abandon(err) end
    for _, row in ipairs(rows) do
      if row.path == "" and row.answer == "cancel" then
        self:cancel(row.by and "canceled by " .. row.by or nil)
      elseif not answered[row.path] then
        answered[row.path] = self:answer(row.path, row.answer == "approved", row.by)
      end
    end
    if not self.rt:pause(ANSWERS) then return end
  end
end

local function stop_state(self, state)
  if core.status.is_finished(state.status) or state.kind == "each" then return end
  state.stopping = true
  if state.queued then return end
  if state.pipeline_id and (state.phase == "known" or state.phase == "cancelling")
    and steps.cancels[state.kind] then
    state.canceler = self.rt:background(function() steps.cancels[state.kind](self, state) end)
  elseif state.task and steps.interruptible[state.kind] then
    state.task:cancel()
  end
end

--- Cancels what runs; nothing else is started but what runs after a failure.
function Run:stop_running(reason)
  self.stop_reason = reason
  for _, state in ipairs(states.all(self)) do
    if state.status == "running" or state.status == "blocked" then stop_state(self, state) end
  end
end

--- Cancels the run: pipelines that it made are canceled, nothing new is started. The run has
--- ended when GitLab says that they have.
---@param reason string|nil
function Run:cancel(reason)
  if self.ended or self.cancelling or self.abandoned then return end
  self.cancelling, self.cancel_reason = true, reason or "the run was canceled"
  self:emit { type = "run", status = "canceling", name = self.name, reason = self.cancel_reason }
  if self.journal then
    local ok, err = self.journal:cancelling(self)
    if not ok then return self:abandon(err) end
  end
  -- Whoever is queued is let in, only to end.
  while #self.queue > 0 do
    self.active = self.active + 1
    table.remove(self.queue, 1):wake()
  end
  self:stop_running(self.cancel_reason)
  self:advance()
end

--- Approves an `approval` step.
---@param path string
---@param by string|nil who
---@return boolean ok false when no such step waits
function Run:approve(path, by) return self:answer(path, true, by) end

--- Refuses an `approval` step: it fails.
function Run:reject(path, by) return self:answer(path, false, by) end

function Run:answer(path, yes, by)
  for _, state in ipairs(states.all(self)) do
    if state.path == path and state.kind == "approval" and state.approval then
      return state.approval:wake(yes and "approved" or "rejected", by)
    end
  end
  return false
end

--- Leaves the run as it stands, for another process to resume: nothing is canceled.
---@param err table|nil why it cannot go on here: `wait` gives this error
function Run:abandon(err)
  if self.ended or self.abandoned then return end
  self.abandoned, self.trouble = true, err
  for _, state in ipairs(states.all(self)) do
    if state.task then state.task:cancel() end
    if state.canceler then state.canceler:cancel() end
  end
  if self.watcher then self.watcher:cancel() end
  if self.journal then self.journal:release(self) end
  if err then
    self.status = "unfinished"
    self:emit { type = "run", status = self.status, name = self.name,
      reason = self:redact(err.message) }
  end
  self:wake()
end

return Run
