--- A run of a flow: which step goes when, what became of it, and who is told.
--
-- One state a step, and one an item of an `each`. A step is started as soon as the graph allows
-- it, in the order of the script; each runs in a task of its own. Whatever changes is an event.
-- How a step of each kind does its work stands in steps.lua.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local graph = require "gitlab_pipelines.flow.graph"
local redactors = require "gitlab_pipelines.observe.redact"
local refs = require "gitlab_pipelines.flow.refs"
local script = require "gitlab_pipelines.flow.load"
local shown_to_scripts = require "gitlab_pipelines.flow.shown"
local steps = require "gitlab_pipelines.flow.steps"

local M = {}

local RUN_TIMEOUT, STEP_TIMEOUT = 24 * 3600, 2 * 3600

-- Seconds between two looks for what other processes say of a run.
local ANSWERS = 2

local Run = {}
Run.__index = Run
Run.__name = "gitlab_pipelines.run"

-- What a script's functions and the caller see of a step: its state, then its outputs, then its
-- items. `steps.lib.status` is the step's; the pipeline's own stands in `pipeline_status`.
local shown = { name = true, path = true, key = true, kind = true, status = true, reason = true,
  attempt = true, error = true, failure = true, started_at = true, ended_at = true,
  pipeline_status = true, pipeline_id = true, web_url = true, outputs = true, message = true, line = true,
  allow_failure = true, because = true }

local view_meta = {}

local function view_of(state)
  if not state.view then state.view = setmetatable({ [view_meta] = state }, view_meta) end
  return state.view
end

function view_meta.__index(view, key)
  local state = rawget(view, view_meta)
  if shown[key] and state[key] ~= nil then return state[key] end
  if key == "items" then
    local list = {}
    for i, item in ipairs(state.items or {}) do list[i] = view_of(item) end
    return list
  end
  local value = state.outputs and state.outputs[key]
  if value ~= nil then return value end
  if key == "id" then return state.pipeline_id end
  local item = state.item_by_key and state.item_by_key[key]
  return item and view_of(item) or nil
end

function view_meta.__newindex() error("what a run shows of its steps can not be changed", 2) end

local function is_view(value) return type(value) == "table" and getmetatable(value) == view_meta end

local function new_state(step, path)
  return { step = step, path = path, name = step.name or path, key = step.key, kind = step.kind,
    line = step.line, allow_failure = step.allow_failure, status = "planned", attempt = 0 }
end

-- Does the flow fail with this step or item?
local function counts_as_failure(state)
  return state.status == "failed" and not state.allow_failure
    and not (state.parent and state.parent.allow_failure)
end

-- 128 random bits in hex. In virtual time from the seed, so that two runs are alike.
local function new_id(runtime)
  if runtime.name ~= "virtual" then return core.digest.hex(core.digest.random(16)) end
  local parts = {}
  for i = 1, 8 do parts[i] = ("%04x"):format(math.floor(runtime:random() * 65536)) end
  return table.concat(parts)
end

-- Which manual jobs of which pipeline are named by a `play`.
local function note_play(plays, step)
  local path = step.target.name .. (step.target_key and "/" .. step.target_key or "")
  plays[path] = plays[path] or {}
  plays[path][step.options.job] = true
end

--- Makes a run; nothing is sent before `begin`.
---@param plan table of flow/load.lua
---@param opts table {client, runtime, journal, id, on_event, named_secret, job_token, output}
---@return table run
function M.new(plan, opts)
  local runtime = opts.runtime
  local self = setmetatable({ plan = plan, gl = opts.client, rt = runtime, journal = opts.journal,
    id = opts.id or new_id(runtime), name = plan.name, status = "planned", states = {}, list = {},
    log = {}, listeners = {}, waiters = {}, active = 0, queue = {}, secrets = {},
    named_secret = opts.named_secret, output = opts.output, job_token = opts.job_token, projects = {}, plays = {} },
    Run)
  for _, step in ipairs(plan.steps) do
    local state = new_state(step, step.name)
    self.states[step.name], self.list[#self.list + 1] = state, state
    if step.kind == "play" then note_play(self.plays, step) end
  end
  -- The client's own redactor, so that its log and errors do not show them either.
  self.redactor = opts.client.client and opts.client.client.redactor or redactors.new()
  for _, name in ipairs(refs.sorted_keys(plan.declared)) do
    local value = plan.inputs[name]
    if plan.declared[name].secret and value ~= nil then
      local text = refs.text(value)
      self.secrets[#self.secrets + 1] = { name = name, value = text }
      self.redactor:add(text)
    end
  end
  self.steps = {}
  for _, state in ipairs(self.list) do self.steps[state.name] = view_of(state) end
  -- The same for the script's functions, to whom a misspelt name is told.
  self.script_steps = shown_to_scripts.steps(self.steps, is_view,
    function(message) plan.session:fail(message) end)
  if opts.on_event then self.listeners[1] = opts.on_event end
  plan.session.print = function(text) self:print(text) end
  return self
end

--- Text without secrets: those of the run's inputs, however encoded, and those of the client.
---@param text string
---@return string
function Run:redact(text) return self.redactor:text(text) end

--- Does the text hold the value of a secret input?
---@param text string
---@return boolean
function Run:holds_secret(text)
  for _, secret in ipairs(self.secrets) do
    if text:find(secret.value, 1, true) then return true end
  end
  return false
end

-- Events -----------------------------------------------------------------------------------------

-- Takes secrets out of every text of an event: names, links and logs come from a server.
local function redacted(run, value)
  if type(value) == "string" then return run:redact(value) end
  if type(value) ~= "table" then return value end
  for _, key in ipairs(refs.sorted_keys(value)) do value[key] = redacted(run, value[key]) end
  return value
end

-- A listener that raises changes nothing for the run; whoever made it hears of it.
local function tell(self, listener, event)
  local ok, raised = xpcall(listener, debug.traceback, event)
  if ok then return end
  self.listener_error = self.listener_error or tostring(raised)
  local log = self.gl.client and self.gl.client.log
  if log then log:error("a listener of the run raised: " .. tostring(raised)) end
end

--- Tells everybody: listeners at once, `events()` when they look.
function Run:emit(event)
  for _, name in ipairs(refs.sorted_keys(event)) do
    if name ~= "log" then event[name] = redacted(self, event[name]) end
  end
  event.seq, event.time, event.run = #self.log + 1, self.rt:wall(), self.id
  self.log[event.seq] = event
  for _, listener in ipairs(self.listeners) do tell(self, listener, event) end
  self:wake()
end

function Run:wake()
  local waiters = self.waiters
  self.waiters = {}
  for _, waiter in ipairs(waiters) do waiter:wake(true) end
end

-- Waits for the next event; nil when the task was cancelled.
function Run:pause()
  local waiter = self.rt:waiter()
  self.waiters[#self.waiters + 1] = waiter
  return waiter:wait()
end

--- Iterates over the events from the first to the run's end, waiting where there is none yet.
---@return fun():table|nil
function Run:events()
  local at = 0
  return function()
    while not self.log[at + 1] do
      if self.ended or self.abandoned or not self:pause() then return nil end
    end
    at = at + 1
    return self.log[at]
  end
end

-- What the script prints.
function Run:print(text) self:emit { type = "print", text = self:redact(text) } end

--- Calls `listener(event)` for every event from now on.
---@param listener fun(event: table)
function Run:on_event(listener) self.listeners[#self.listeners + 1] = listener end

-- States -----------------------------------------------------------------------------------------

--- Notes that a step is now in another status, and tells it.
---@param state table
---@param fields table what changed
function Run:change(state, fields)
  for _, name in ipairs(refs.sorted_keys(fields)) do state[name] = fields[name] end
  if fields.message then state.message = self:redact(fields.message) end
  local event = { type = "step", step = state.path, kind = state.kind, status = state.status,
    reason = state.reason, pipeline = state.pipeline_id, pipeline_status = state.pipeline_status,
    web_url = state.web_url, attempt = state.attempt > 0 and state.attempt or nil,
    message = state.message }
  if core.status.is_finished(state.status) and state.started_at then
    event.elapsed = (state.ended_at or self.rt:now()) - state.started_at
  end
  if state.failure then
    event.job, event.job_url = state.failure.job, state.failure.web_url
    event.failure_reason = state.failure.reason
    event.log = state.failure.log
  end
  self:emit(event)
end

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

--- The value of a reference; raises FlowError.StepFailed when there is none.
function Run:value(meaning, ref)
  local function missing(why)
    error(errors.new("FlowError.StepFailed", { message = ("%s has no value: %s"):format(
      self.plan.refs:describe(ref), why) }), 0)
  end
  local path, at = meaning.path, 1
  local state = self.states[meaning.step.name]
  if state.kind == "each" and path[1] ~= "count" and path[1] ~= "status" then
    local item = state.item_by_key and state.item_by_key[path[1]]
    if not item then missing(("there is no item '%s'"):format(path[1])) end
    state, at = item, 2
  end
  if not state.outputs then
    missing(("%s %s"):format(state.path, state.status == "skipped" and "was skipped"
      or state.status == "failed" and "failed" or "gave nothing"))
  end
  local value = state.outputs
  for i = at, #path do
    if type(value) ~= "table" then missing "there is nothing below it" end
    local name = path[i]
    if type(name) == "table" then
      value = (value.job or {})[name.job]
    else
      value = value[name]
    end
    if value == nil then
      if path[at] == "dotenv" then
        local have = refs.sorted_keys(state.outputs.dotenv or {})
        missing(("%s holds %s"):format(state.step.options.dotenv,
          #have > 0 and table.concat(have, ", ") or "nothing"))
      end
      missing "GitLab does not give it"
    end
  end
  return value
end

--- Fills in every reference of a value.
function Run:resolve(value)
  return self.plan.refs:resolve(value, function(meaning, ref) return self:value(meaning, ref) end)
end

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

local settled = { "status", "reason", "because", "error", "outputs", "failure", "timed_out",
  "ended_at" }

local function failed_with(err)
  return { status = "failed", reason = err.message, error = err }
end

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
    return self:settle(state, failed_with(problem))
  end
  for _, name in ipairs(settled) do state[name] = result[name] end
  self:change(state, {})
  if counts_as_failure(state) then self:failed(state) end
  return true
end

-- Whether the step's pipeline was made is not known, and a person decides that when the run is
-- resumed: the step stays open, and so does what needs it.
local function stay_in_doubt(self, state, result)
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
  return failed_with(result)
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
  if result.doubt and self.journal then return stay_in_doubt(self, state, result) end
  self:settle(state, result)
end

--- Runs one step or item from its start to its end, within its own task. Raises nothing: whoever
--- started the step goes on with the next one.
function Run:unit(state)
  local ok, raised = xpcall(unit, as_error, self, state)
  if not ok and not self.abandoned then self:settle(state, failed_with(raised)) end
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
  self:look_for_end()
end

function Run:start(state)
  state.started = true
  state.task = self.rt:spawn(function()
    self:unit(state)
    if not self.abandoned then self:advance() end
  end)
end

local function all_states(self)
  local list = {}
  for _, state in ipairs(self.list) do
    list[#list + 1] = state
    for _, item in ipairs(state.items or {}) do list[#list + 1] = item end
  end
  return list
end

--- Every step and item in the order of the script, items behind their `each`.
---@return table[] views
function Run:each_step()
  local views = {}
  for i, state in ipairs(all_states(self)) do views[i] = view_of(state) end
  return views
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
function Run:look_for_end()
  if self.ended or self.abandoned then return end
  local open, busy, canceled, skipped = 0, 0, false, nil
  local waiting, doubtful
  for _, state in ipairs(all_states(self)) do
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
  self:look_for_end()
end

function Run:unblock(state)
  -- A run that is left as it stands still waits for whoever resumes it.
  if self.abandoned then return end
  if state.status == "blocked" then self:change(state, { status = "running" }) end
  self:look_for_end()
end

-- What the journal knows of a step or item. One that has begun goes on where it was.
function Run:restore_state(state)
  local fields = self.restored and self.restored[state.path]
  if not fields then return end
  for _, name in ipairs(refs.sorted_keys(fields)) do state[name] = fields[name] end
  state.resumed = state.phase ~= "done"
  if counts_as_failure(state) then
    if not self.failure then self.failure = state end
    if self.plan.on_failure ~= "continue" then self.stopped = self.stopped or state.path end
  end
end

--- Goes on with what a journal holds; called before `begin`.
---@param restored table path -> fields of flow/journal.lua
function Run:restore(restored)
  self.restored = restored
  for _, state in ipairs(self.list) do self:restore_state(state) end
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
    local child = new_state(item.step, state.path .. "/" .. item.key)
    child.name, child.parent = item.key, state
    self:restore_state(child)
    state.items[i], state.item_by_key[item.key] = child, child
  end
  self:change(state, {})
end

-- The caller's side ------------------------------------------------------------------------------

--- An answer to an approval that stands in the journal already: "approved" or "rejected", by whom.
function Run:left_answer(path)
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

-- Looks for what another process says in the journal: an approval, or a cancel.
local function watch_answers(self)
  local heard = {}
  while not self.ended and not self.abandoned do
    local rows, err = self.journal:answers(self)
    if not rows then return self:abandon(err) end
    for _, row in ipairs(rows) do
      if row.path == "" and row.answer == "cancel" then
        self:cancel(row.by and "canceled by " .. row.by or nil)
      elseif not heard[row.path] then
        heard[row.path] = self:answer(row.path, row.answer == "approved", row.by)
      end
    end
    if not self.rt:pause(ANSWERS) then return end
  end
end

--- Begins to run. Called once, by flow:start or flow.resume.
function Run:begin()
  self.started_at = self.started_at or self.rt:now()
  self.wall_started = self.rt:wall() - (self.rt:now() - self.started_at)
  self.deadline_at = self.rt:now() + (self.plan.timeout or RUN_TIMEOUT)
  self.status = "running"
  self:emit { type = "run", status = "running", name = self.name }
  for _, text in ipairs(self.plan.session.printed) do self:print(text) end
  self:advance()
  if self.journal and not self.ended and not self.abandoned then
    self.watcher = self.rt:background(function() watch_answers(self) end)
  end
  return self
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
  for _, state in ipairs(self.ended and {} or all_states(self)) do
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
  for _, state in ipairs(self.ended and {} or all_states(self)) do
    if leaves[state.kind] and state.phase and not state.in_doubt
      and not core.status.is_finished(state.status) and not graph.is_final(state.pipeline_status) then
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
  for _, state in ipairs(all_states(self)) do
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
  -- Who stands in the queue is let in, to be told that it is over.
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
  for _, state in ipairs(all_states(self)) do
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
  for _, state in ipairs(all_states(self)) do
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

return M
