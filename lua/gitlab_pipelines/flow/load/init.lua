--- Loads a flow script: Lua with a small vocabulary, in which an assignment to a global is a step.
--
-- The script runs in its own environment, with the values of its inputs. The result is a plan:
-- the steps in the order of the script, each with its options, its needs and, for `each`, its
-- items. Every mistake is a FlowError with the script's name and line.

local globals = require "gitlab_pipelines.flow.load.globals"
local graph = require "gitlab_pipelines.flow.graph"
local guards = require "gitlab_pipelines.guard"
local options = require "gitlab_pipelines.options"
local scan = require "gitlab_pipelines.flow.scan"
local sessions = require "gitlab_pipelines.flow.load.session"
local shown = require "gitlab_pipelines.flow.shown"
local script_steps = require "gitlab_pipelines.flow.load.steps"

local M = {}

if jit then jit.off(true, true) end
sessions.own_file()

local chunk_source = "=" .. sessions.chunk_name

local function explain(test)
  local how = test.how
  local verb = (how == "==" or how == "~=") and "compared" or "tested"
  return ("%s is known only when the flow runs: it cannot be %s with `%s`; "
    .. "write when = function(steps) return ... end"):format(test.text, verb, how)
end

-- A step without needs whose `when` is not "success" needs every step before it.
local function needs_all_before(steps, index)
  local step = steps[index]
  if step.when == "success" or #step.needs > 0 then return end
  for i = 1, index - 1 do step.needs[i] = steps[i].name end
end

local function finish(self)
  for _, step in ipairs(self.made) do
    if not step.name and not step.parent then
      self:fail(("this %s is not assigned: give it a name, as in build = %s { ... }"):format(
        step.kind, step.kind), step.line)
    end
  end
  if #self.steps == 0 then self:fail("the flow has no steps", false) end
  if not self.declared then globals.read_inputs(self) end
  for i, step in ipairs(self.steps) do
    script_steps.complete(step)
    needs_all_before(self.steps, i)
    for _, item in ipairs(step.items or {}) do
      item.step.path = step.name .. "/" .. item.key
    end
  end
  local built, err = graph.build(self.steps)
  if not built then
    err.file = self.file
    err.message = ("%s:%d: %s"):format(self.file, err.line or 0, err.message)
    error(err, 0)
  end
  return { name = self.settings.name or self.default_name, file = self.file, steps = self.steps,
    by_name = self.by_name, graph = built, inputs = self.inputs, declared = self.declared or {},
    on_failure = self.settings.on_failure or "stop", concurrency = self.settings.concurrency,
    timeout = self.settings.timeout and options.seconds(self.settings.timeout) or nil,
    refs = self.refs, session = self }
end

--- Makes the items of an `each` whose list became known while the flow ran.
---@param plan table
---@param step table the `each`
---@param over table the list or map
---@return table|nil items
---@return table|nil err
function M.items(plan, step, over)
  local session = plan.session
  local ok, result = session:bounded("seconds", nil, function()
    local items = {}
    for _, entry in ipairs(script_steps.item_list(session, step, over)) do
      local made = script_steps.make_item(session, step, entry)
      made.path = step.name .. "/" .. entry.key
      items[#items + 1] = { key = entry.key, step = made, value = entry }
    end
    return items
  end)
  if ok then return result end
  return nil, result
end

--- Calls a step's `when` function.
---@param plan table
---@param when function
---@param steps table the steps as a script sees them
---@return boolean|nil answer
---@return table|nil err
function M.ask(plan, when, steps)
  local ok, answer = plan.session:bounded("seconds", "StepFailed", when, steps)
  if ok then return answer and true or false end
  return nil, answer
end

-- Copies what a `call` returned: the host must not hold the script's tables.
local function run_call(run, steps, gl, step)
  local value, err = run(steps, gl, step)
  return shown.data(value, "the result"), shown.original(err)
end

--- Runs the function of a `call`. An untrusted script gets a facade instead of the client.
---@param plan table
---@param run function
---@param steps table the steps as a script sees them
---@param gl table the client
---@param step table the third argument
---@param output string|nil the folder for what it writes
---@return boolean ok
---@return any value what it returned, as plain data; or the error
---@return any err what it returned second; or: is the budget spent?
function M.call(plan, run, steps, gl, step, output)
  local session = plan.session
  if not session:is_untrusted() then
    return session:bounded("call_seconds", "StepFailed", run_call, run, steps, gl, step)
  end
  local guard = session:guard "call_seconds"
  local facade = require("gitlab_pipelines.flow.facade").new(gl, output,
    function(fn, ...) return guard:call(fn, ...) end)
  return session:within(guard, "StepFailed", run_call, run, steps, facade, step)
end

local function new_session(file, source, opts)
  local session = sessions.new(file, source, opts)
  globals.install(session, opts)
  return session
end

-- Removes a byte order mark and a `#!` line.
local function plain(text)
  return (text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", ""))
end

-- Runs a script's chunk, or a builder, and makes the plan.
local function evaluate(self, body)
  body(self.env)
  return finish(self)
end

-- Refuses tests on outputs that raise no error in Lua; `steps` adds names known only after the
-- script has run.
local function check_tests(self, scanned, steps)
  local first = scanned and scanned:tests(steps)[1]
  if first then error(self:error("InvalidScript", explain(first), first.line), 0) end
end

local function compile(self, code)
  local chunk, message = guards.load(code, chunk_source, self.env)
  if not chunk then error(message, 0) end
  return chunk
end

--- Checks a script's syntax only; other mistakes show when it runs.
---@return boolean|nil ok
---@return table|nil err FlowError.InvalidScript
function M.syntax(text, file)
  local self = new_session(file, chunk_source, {})
  local ok, err = self:bounded("seconds", nil, compile, self, plain(text))
  if ok then return true end
  return nil, err
end

-- Checks the tests on outputs twice: before the script runs, with the assignments that the scan
-- finds, and after it, with the steps that it made.
local function plan_script(self, code)
  local chunk = compile(self, code)
  local ok, scanned = pcall(scan.scan, code)
  scanned = ok and scanned or nil
  if scanned then self.assigned, self.lines = scanned.assigned, scanned.lines end
  check_tests(self, scanned)
  local plan = evaluate(self, chunk)
  check_tests(self, scanned, self.by_name)
  return plan
end

local function sealed(self, ok, plan)
  self.sealed = true
  if ok then return plan end
  return nil, plan
end

--- Runs a script with its inputs and returns the plan.
---@param text string the script
---@param file string its name, for messages
---@param opts FlowEvaluation|nil
---@return table|nil plan
---@return table|nil err FlowError.InvalidScript, InvalidInput, UnknownStep or Cycle
function M.script(text, file, opts)
  local self = new_session(file, chunk_source, opts or {})
  local problem = self.environment:problem()
  if problem then return nil, self:error("InvalidInput", problem) end
  return sealed(self, self:bounded("seconds", nil, plan_script, self, plain(text)))
end

--- The inputs that a script declares; none need be given.
---@param text string
---@param file string
---@param opts FlowEvaluation|nil
---@return table|nil declared name -> {type, required, ...}
---@return table|nil err
function M.inputs(text, file, opts)
  local self = new_session(file, chunk_source, opts or {})
  self.only_declare = {}
  local ok, err = self:bounded("seconds", nil, function()
    return evaluate(self, compile(self, plain(text)))
  end)
  if ok or err == self.only_declare then return self.declared or {} end
  return nil, err
end

--- Makes a plan with a function of the caller's: `function(w) w.lib = w.pipeline {...} end`.
---@param builder fun(w: table)
---@param opts FlowEvaluation|nil as for `script`, and `name`
---@return table|nil plan
---@return table|nil err
function M.builder(builder, opts)
  opts = opts or {}
  local self = new_session(opts.name or "flow", nil, opts)
  return sealed(self, self:bounded("seconds", nil, evaluate, self, builder))
end

return M
