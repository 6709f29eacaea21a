--- The events of a run, without secrets, and who gets them.

local core = require "gitlab_pipelines.core"
local refs = require "gitlab_pipelines.flow.refs"

local Run = {}

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

-- Takes secrets out of every text of an event: names, links and logs come from a server.
local function redacted(run, value)
  if type(value) == "string" then return run:redact(value) end
  if type(value) ~= "table" then return value end
  for _, key in ipairs(refs.sorted_keys(value)) do value[key] = redacted(run, value[key]) end
  return value
end

-- A listener that raises changes nothing for the run; whoever made it learns of it.
local function notify(self, listener, event)
  local ok, raised = xpcall(listener, debug.traceback, event)
  if ok then return end
  self.listener_error = self.listener_error or tostring(raised)
  local log = self.gl.client and self.gl.client.log
  if log then log:error("a listener of the run raised: " .. tostring(raised)) end
end

--- Gives an event to everybody: to listeners at once, to `events()` when they ask for the next.
function Run:emit(event)
  for _, name in ipairs(refs.sorted_keys(event)) do
    if name ~= "log" then event[name] = redacted(self, event[name]) end
  end
  event.seq, event.time, event.run = #self.log + 1, self.rt:wall(), self.id
  self.log[event.seq] = event
  for _, listener in ipairs(self.listeners) do notify(self, listener, event) end
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

--- Changes fields of a step's state and emits its event.
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

return Run
