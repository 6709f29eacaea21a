--- A run of a flow: which step goes when, what became of it, and who learns of it.
--
-- One state a step, and one an item of an `each` (states.lua). A step is started as soon as the graph
-- allows it, in the order of the script; each runs in a task of its own (schedule.lua; how a step of each
-- kind does its work stands in flow/steps). Whatever changes is kept first (record.lua) and then is an
-- event (events.lua). A run is this object; its methods stand by their subject in the files beside.

local core = require "gitlab_pipelines.core"
local ending = require "gitlab_pipelines.flow.run.ending"
local events = require "gitlab_pipelines.flow.run.events"
local record = require "gitlab_pipelines.flow.run.record"
local redactors = require "gitlab_pipelines.observe.redact"
local refs = require "gitlab_pipelines.flow.refs"
local result = require "gitlab_pipelines.flow.run.result"
local schedule = require "gitlab_pipelines.flow.run.schedule"
local shown_to_scripts = require "gitlab_pipelines.flow.shown"
local states = require "gitlab_pipelines.flow.run.states"
local values = require "gitlab_pipelines.flow.run.values"

local M = {}

local RUN_TIMEOUT = 24 * 3600

local Run = { __name = "gitlab_pipelines.run" }
Run.__index = Run

for _, part in ipairs { ending, events, record, result, schedule, values } do
  for name, method in pairs(part) do Run[name] = method end
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
---@param plan table of flow/load
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
    local state = states.new(step, step.name)
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
  for _, state in ipairs(self.list) do self.steps[state.name] = states.view(state) end
  -- The same for the script's functions, who get an error for a misspelt name.
  self.script_steps = shown_to_scripts.steps(self.steps, states.is_view,
    function(message) plan.session:fail(message) end)
  if opts.on_event then self.listeners[1] = opts.on_event end
  plan.session.print = function(text) self:print(text) end
  return self
end

-- What the journal knows of a step or item. One that has begun goes on where it was.
function Run:restore_state(state)
  local fields = self.restored and self.restored[state.path]
  if not fields then return end
  for _, name in ipairs(refs.sorted_keys(fields)) do state[name] = fields[name] end
  state.resumed = state.phase ~= "done"
  if states.counts_as_failure(state) then
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
    self.watcher = self.rt:background(function() self:watch_answers() end)
  end
  return self
end

return M
