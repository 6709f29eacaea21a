--- Which step goes when: the graph decides, each runs in a task of its own.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local graph = require "gitlab_pipelines.flow.graph"
local script = require "gitlab_pipelines.flow.load"
local states = require "gitlab_pipelines.flow.run.states"
local steps = require "gitlab_pipelines.flow.steps"

local Run = {}

local STEP_TIMEOUT = 2 * 3600

--- When a step that begins now must be done.
function Run:deadline(step)
  return math.min(self.rt:now() + (step.timeout or STEP_TIMEOUT), self.deadline_at)
end

-- A place among the pipelines and jobs that may run at once; true when it had to be waited for.
function Run:acquire(state)
  local limit = self.plan.concurrency
  if not limit then return false end
  if self.active < limit then
    self.active = self.active + 1
    return false
  end
  local waiter = self.rt:waiter()
  self.queue[#self.queue + 1] = waiter
  state.queued = true
  waiter:wait()
  state.queued = nil
  return true
end

function Run:release()
  if not self.plan.concurrency then return end
  local waiter = table.remove(self.queue, 1)
  if waiter then
    waiter:wake()
  else
    self.active = self.active - 1
  end
end

local function as_error(raised)
  if errors.is_error(raised) then return raised end
  return errors.new("FlowError.StepFailed", { message = tostring(raised),
    traceback = debug.traceback(tostring(raised), 2) })
end

-- Runs the step's own work and turns whatever comes out into a result.
function Run:perform(state)
  local ok, result = xpcall(steps.perform, as_error, self, state)
  if ok then return result end
  if result:is "TaskError.Cancelled" then
    return { status = "canceled", reason = self.cancel_reason or "the run was canceled" }
  end
  return states.failed_with(result)
end

local function unit(self, state)
  local counted = state.kind == "pipeline" or state.kind == "play" or state.kind == "call"
  local had_to_wait = counted and self:acquire(state)
  if self.abandoned then return end
  -- While it stood in the queue, the flow may have been stopped or canceled.
  if not state.resumed and (had_to_wait or self.cancelling) and not self:decide(state) then
    if counted then self:release() end
    return
  end
  if state.resumed and self.cancelling then
    -- What has a pipeline or job at GitLab goes on until that is canceled; the rest just ends.
    state.stopping = true
    if steps.interruptible[state.kind] and not state.job_id then
      if counted then self:release() end
      return self:settle(state, { status = "canceled", reason = self.cancel_reason })
    end
  end
  state.started_at = state.started_at or self.rt:now()
  state.deadline = self:deadline(state.step)
  self:change(state, { status = "running" })
  local result = self:perform(state)
  if counted then self:release() end
  if self.abandoned then return end
  -- Without a journal nobody could decide later.
  if result.doubt and self.journal then return self:stay_in_doubt(state, result) end
  self:settle(state, result)
end

--- Runs one step or item from its start to its end, within its own task. Raises nothing: whoever
--- started the step goes on with the next one.
function Run:unit(state)
  local ok, raised = xpcall(unit, as_error, self, state)
  if not ok and not self.abandoned then self:settle(state, states.failed_with(raised)) end
end

--- Decides about one step or item that has not begun: true when it may start now.
function Run:decide(state)
  if self.cancelling then
    self:settle(state, { status = "canceled", reason = self.cancel_reason })
    return false
  end
  -- What runs in spite of a failure runs with all its items.
  local stopped = self.stopped
  if state.parent and state.parent.step.when ~= "success" then stopped = nil end
  local decision, reason, because = graph.decide(state.step, self.states, stopped)
  if decision == "ask" then
    local answer, err = script.ask(self.plan, state.step.when, self.script_steps)
    if answer == nil then
      self:settle(state, { status = "failed", reason = "when: " .. err.message, error = err })
      return false
    end
    decision, reason, because = answer and "run" or "skip", "its condition does not hold", "when"
  end
  if decision == "skip" then
    self:settle(state, { status = "skipped", reason = reason, because = because })
  end
  return decision == "run"
end

local function advance_once(self)
  for _, state in ipairs(self.list) do
    if self.abandoned then return end
    if state.status == "planned" and not state.started then
      if state.resumed or self:decide(state) then
        self:start(state)
      elseif state.status ~= "planned" then
        self.advance_again = true
      end
    end
  end
end

-- Starts whatever may start. One pass after another, since a skip may settle others.
function Run:advance()
  if self.advancing then
    self.advance_again = true
    return
  end
  self.advancing = true
  repeat
    self.advance_again = false
    local ok, raised = xpcall(advance_once, as_error, self)
    -- Whatever it is, nobody waits for a run that cannot go on.
    if not ok then self:abandon(raised) end
  until not self.advance_again or self.abandoned
  self.advancing = false
  self:check_end()
end

function Run:start(state)
  state.started = true
  state.task = self.rt:spawn(function()
    self:unit(state)
    if not self.abandoned then self:advance() end
  end)
end


local function finish(self, status)
  if self.journal then
    local ok, err = self.journal:finish(self, status)
    if not ok then return self:abandon(err) end
  end
  self.status, self.ended, self.ended_at = status, true, self.rt:now()
  if self.watcher then self.watcher:cancel() end
  self:emit { type = "run", status = status, name = self.name,
    elapsed = self.ended_at - self.started_at, reason = self.failure and ("%s: %s"):format(
      self.failure.path, self.failure.reason or "failed") or self.cancel_reason }
end

-- Does the state wait for a person who may still answer?
local function waits(state) return state.status == "blocked" and not state.in_doubt end

-- Does the state go on by itself? An `each` does, but where one of its items waits for a person.
local function is_busy(state)
  if state.queued then return true end
  if state.status ~= "running" then return false end
  for _, item in ipairs(state.items or {}) do
    if waits(item) then return false end
  end
  return true
end

-- Everything that is left waits for a decision about a step in doubt, which only the one who
-- resumes the run can bring.
local function leave_in_doubt(self, state)
  local err = state.in_doubt
  self:abandon(errors.new("FlowError.StepFailed", { step = state.path, cause = err,
    unknown_outcome = true, candidates = err.candidates,
    message = ("%s is in doubt: %s"):format(state.path, err.message) }))
end

-- Is the run over, or does everything that is left wait for a person?
function Run:check_end()
  if self.ended or self.abandoned then return end
  local open, busy, canceled, skipped = 0, 0, false, nil
  local waiting, doubtful
  for _, state in ipairs(states.all(self)) do
    if not core.status.is_finished(state.status) then
      open = open + 1
      if is_busy(state) then busy = busy + 1 end
      waiting = waiting or waits(state)
      if state.in_doubt and state.kind ~= "each" then doubtful = doubtful or state end
    end
    canceled = canceled or state.status == "canceled"
    -- Where nothing failed and nothing was canceled, it was GitLab that skipped something.
    if state.status == "skipped" and state.because == "failure" then skipped = skipped or state end
  end
  if open == 0 then
    self.skipped = skipped
    return finish(self, self.failure and "failed" or canceled and "canceled"
      or skipped and "skipped" or "success")
  end
  if busy == 0 and doubtful and not waiting then return leave_in_doubt(self, doubtful) end
  local status = busy == 0 and (waiting or doubtful) and "blocked" or "running"
  if status ~= self.status then
    self.status = status
    self:emit { type = "run", status = status, name = self.name }
  end
end

--- A step waits for a person (or no longer does).
function Run:block(state, message)
  self:change(state, { status = "blocked", message = message })
  self:check_end()
end

function Run:unblock(state)
  -- A run that is left as it stands still waits for whoever resumes it.
  if self.abandoned then return end
  if state.status == "blocked" then self:change(state, { status = "running" }) end
  self:check_end()
end

--- Items that are made while the flow runs may refer only to what their `each` waits for.
function Run:check_item_needs(step, items)
  local before = graph.ancestors(self.plan.graph, step.name)
  for _, item in ipairs(items) do
    for _, need in ipairs(item.step.needs) do
      if not before[need] then
        error(errors.new("FlowError.StepFailed", { message = ("the item '%s' needs %s: name %s "
          .. "in the needs of %s"):format(item.key, need, need, step.name) }), 0)
      end
    end
  end
end

--- Makes the states of an `each`'s items.
function Run:add_items(state, items)
  state.items, state.item_by_key = {}, {}
  for i, item in ipairs(items) do
    local child = states.new(item.step, state.path .. "/" .. item.key)
    child.name, child.parent = item.key, state
    self:restore_state(child)
    state.items[i], state.item_by_key[item.key] = child, child
  end
  self:change(state, {})
end

return Run
