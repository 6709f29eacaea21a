--- Transitions of a step: kept in the journal first, then shown.

local errors = require "gitlab_pipelines.errors"
local states = require "gitlab_pipelines.flow.run.states"

local Run = {}

-- Writes a transition to the journal, when there is one. A run that cannot remember must not go on:
-- where the journal is unusable the run is left. What was left belongs to whoever resumes it.
---@return boolean|nil ok
---@return table|nil err
local function keep(self, state, phase, fields)
  if self.abandoned then
    return nil, errors.new("TaskError.Cancelled", { message = "the run was left as it stands" })
  end
  if self.journal then
    local ok, err = self.journal:step(self, state, phase, fields)
    if not ok then
      if err:is "FlowError.JournalUnusable" then self:abandon(err) end
      return nil, err
    end
  end
  state.phase = phase
  return true
end

--- Writes a transition before it is made; raises when that fails, or when the run was left.
---@param state table
---@param phase string see flow/journal.lua
---@param fields table|nil {request, over, reason}
function Run:record(state, phase, fields)
  local ok, err = keep(self, state, phase, fields)
  if not ok then error(err, 0) end
end

local settled = { "status", "reason", "because", "error", "outputs", "failure", "timed_out",
  "ended_at" }

-- The end of a step or item, in whatever way: kept first, then shown.
---@return boolean done false when the run was left instead
function Run:settle(state, result)
  result.reason = result.reason and self:redact(result.reason)
  local err = result.error
  if err then
    err.message = self:redact(err.message)
    err.traceback = err.traceback and self:redact(err.traceback)
  end
  result.ended_at = self.rt:now()
  local ok, problem = keep(self, state, "done", result)
  if self.abandoned then return false end
  if not ok then
    -- What the step gave cannot be kept, which is its failure; that can be.
    if not result.outputs then
      self:abandon(problem)
      return false
    end
    return self:settle(state, states.failed_with(problem))
  end
  for _, name in ipairs(settled) do state[name] = result[name] end
  self:change(state, {})
  if states.counts_as_failure(state) then self:failed(state) end
  return true
end

-- Whether the step's pipeline was made is not known, and a person decides that when the run is
-- resumed: the step stays open, and so does what needs it.
function Run:stay_in_doubt(state, result)
  result.error.message = self:redact(result.error.message)
  state.in_doubt = result.error
  self:change(state, { status = "blocked", message = result.reason })
end

-- The first failure that counts decides what becomes of the rest.
function Run:failed(state)
  if not self.failure then self.failure = state end
  local rule = self.plan.on_failure
  if rule == "continue" or self.stopped then return end
  self.stopped = state.path
  if rule == "cancel" then self:stop_running(state.path .. " failed") end
end

return Run
