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

--- Tells everybody: listeners at once, `events()` when they look.
function Run:emit(event)
  for _, name in ipairs(refs.sorted_keys(event)) do
    if name ~= "log" then event[name] = redacted(self, event[name]) end
  end
  event.seq, event.time, event.run = #self.log + 1, self.rt:wall(), self.id
  self.log[event.seq] = event
  for _, listener in ipairs(self.listeners) do listener(event) end
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
      if self.ended or not self:pause() then return nil end
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
  if graph.is_final(state.status) and state.started_at then
    event.elapsed = (state.ended_at or self.rt:now()) - state.started_at
  end
  if state.failure then
    event.job, event.job_url = state.failure.job, state.failure.web_url
    event.failure_reason = state.failure.reason
    event.log = state.failure.log
  end
  self:emit(event)
end

--- Writes a transition to the journal, when there is one. Raises when it can not be written: a
--- run that can not remember must not go on.
function Run:record(state, phase, fields)
  -- What was left belongs to whoever goes on with it.
  if self.abandoned then return end
  state.phase = phase
  if not self.journal then return end
  local ok, err = self.journal:step(self, state, phase, fields)
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

-- The end of a step or item, in whatever way.
function Run:settle(state, result)
  state.status, state.reason = result.status, result.reason and self:redact(result.reason)
  state.because, state.error, state.outputs = result.because, result.error, result.outputs
  local err = state.error
  if err then
    err.message = self:redact(err.message)
    err.traceback = err.traceback and self:redact(err.traceback)
  end
  state.failure, state.timed_out = result.failure, result.timed_out
  state.ended_at = self.rt:now()
  self:record(state, "done")
  self:change(state, {})
  if counts_as_failure(state) then self:failed(state) end
end

-- The first failure that counts decides what becomes of the rest.
function Run:failed(state)
  if not self.failure then self.failure = state end
  local rule = self.plan.on_failure
  if rule == "continue" or self.stopped then return end
  self.stopped = state.path
  if rule == "cancel" then self:stop_running(state.path .. " failed") end
end

-- Runs the step's own work and turns whatever comes out into a result.
function Run:perform(state)
  local ok, result = xpcall(steps.perform, function(raised)
    if errors.is_error(raised) then return raised end
    return errors.new("FlowError.StepFailed", { message = tostring(raised),
      traceback = debug.traceback(tostring(raised), 2) })
  end, self, state)
  if ok then return result end
  if result:is "TaskError.Cancelled" then
    return { status = "canceled", reason = self.cancel_reason or "the run was canceled" }
  end
  return { status = "failed", reason = result.message, error = result }
end

--- Runs one step or item from its start to its end, within its own task.
function Run:unit(state)
  local counted = state.kind == "pipeline" or state.kind == "play" or state.kind == "call"
  local had_to_wait = counted and self:acquire(state)
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
  local ok, err = pcall(self.settle, self, state, result)
  if not ok then
    -- The journal can not be written: the step counts as failed, and the run as broken.
    state.status, state.error, state.reason = "failed", err, tostring(err)
    state.ended_at = self.rt:now()
    self:change(state, {})
    self:failed(state)
  end
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

-- Starts whatever may start. One pass after another, since a skip may settle others.
function Run:advance()
  if self.advancing then
    self.advance_again = true
    return
  end
  self.advancing = true
  repeat
    self.advance_again = false
    for _, state in ipairs(self.list) do
      if state.status == "planned" and not state.started then
        if state.resumed or self:decide(state) then
          self:start(state)
        elseif state.status ~= "planned" then
          self.advance_again = true
        end
      end
    end
  until not self.advance_again
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
  if self.ended then return end
  self.status, self.ended, self.ended_at = status, true, self.rt:now()
  if self.watcher then self.watcher:cancel() end
  if self.journal then self.journal:finish(self) end
  self:emit { type = "run", status = status, name = self.name,
    elapsed = self.ended_at - self.started_at, reason = self.failure and ("%s: %s"):format(
      self.failure.path, self.failure.reason or "failed") or self.cancel_reason }
end

-- Is the run over, or does everything that is left wait for a person?
function Run:look_for_end()
  if self.ended then return end
  local open, busy, canceled, skipped = 0, 0, false, nil
  for _, state in ipairs(all_states(self)) do
    if not graph.is_final(state.status) then
      open = open + 1
      if state.status == "running" and state.kind ~= "each" or state.queued then
        busy = busy + 1
      end
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
  local status = busy == 0 and self:anything_blocked() and "blocked" or "running"
  if status ~= self.status then
    self.status = status
    self:emit { type = "run", status = status, name = self.name }
  end
end

function Run:anything_blocked()
  for _, state in ipairs(all_states(self)) do
    if state.status == "blocked" then return true end
  end
  return false
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
  for _, row in ipairs(self.journal and self.journal:answers(self) or {}) do
    if row.path == path then return row.answer, row.by end
  end
end

-- Looks for what another process says in the journal: an approval, or a cancel.
local function watch_answers(self)
  local heard = {}
  while not self.ended and not self.abandoned do
    for _, row in ipairs(self.journal:answers(self)) do
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
  if self.journal and not self.ended then
    self.watcher = self.rt:background(function() watch_answers(self) end)
  end
  return self
end

--- Waits until the run has ended, or (with `until_blocked`) until only people can go on with it.
---@param opts table|nil {until_blocked = true}
---@return boolean ok did everything succeed?
---@return table|nil err FlowError.StepFailed, or TaskError.Cancelled
function Run:wait(opts)
  while not self.ended do
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

local api_trouble = { ConfigurationError = true, AuthenticationError = true, AccessError = true,
  PipelineError = true, JobError = true, RateLimitError = true, NetworkError = true,
  ServerError = true, RequestError = true }

--- The command's exit code for the run as it stands.
---@return integer
function Run:exit_code()
  if self.status == "success" then return 0 end
  if self.status == "canceled" or self.status == "skipped" then return 3 end
  if self.status == "blocked" then return 5 end
  local state = self.failure
  if not state then return 1 end
  if state.timed_out then return 4 end
  return state.error and api_trouble[state.error.category] and 6 or 1
end

local function stop_state(self, state)
  if graph.is_final(state.status) or state.kind == "each" then return end
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
  if self.ended or self.cancelling then return end
  self.cancelling, self.cancel_reason = true, reason or "the run was canceled"
  self:emit { type = "run", status = "canceling", name = self.name, reason = self.cancel_reason }
  if self.journal then self.journal:cancelling(self) end
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
function Run:abandon()
  if self.ended then return end
  self.abandoned = true
  for _, state in ipairs(all_states(self)) do
    if state.task then state.task:cancel() end
    if state.canceler then state.canceler:cancel() end
  end
  if self.watcher then self.watcher:cancel() end
  if self.journal then self.journal:release(self) end
end

return M
