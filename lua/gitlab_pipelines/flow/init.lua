--- Flows: declarative orchestration of pipelines over several projects.
--
--   local flow = assert(flow.load "release.lua")
--   local run = assert(flow:start { client = gl, inputs = { version = "2.4.0" } })
--   local ok, err = run:wait()

local errors = require "gitlab_pipelines.errors"
local load = require "gitlab_pipelines.flow.load"
local options = require "gitlab_pipelines.options"
local run = require "gitlab_pipelines.flow.run"
local steps = require "gitlab_pipelines.flow.steps"

local M = {}

local Flow = {}
Flow.__index = Flow
Flow.__name = "gitlab_pipelines.flow"

local evaluation = {
  inputs = { type = "table" }, getenv = { type = "function" }, allow_host = { type = "boolean" },
}
local starting = {
  client = { type = "any", required = true }, inputs = { type = "table" },
  journal = { type = "any" }, runtime = { type = "table" }, id = { type = "string" },
  on_event = { type = "function" }, getenv = { type = "function" },
  allow_host = { type = "boolean" }, named_secret = { type = "function" },
}

local function invalid(file, message)
  return nil, errors.new("FlowError.InvalidScript", { file = file,
    message = ("%s: %s"):format(file, message) })
end

--- Loads a flow script from a file. It runs when a plan is made or a run starts.
---@param path string
---@return table|nil flow
---@return table|nil err FlowError.InvalidScript
function M.load(path)
  local file, message = io.open(path, "rb")
  if not file then return invalid(path, (message:gsub("^.-: ", ""))) end
  local text = file:read "*a"
  file:close()
  if not text then return invalid(path, "can not be read") end
  return M.from_string(text, path)
end

--- Loads a flow script from its text.
---@param text string
---@param name string|nil what messages call it; "flow" if absent
---@return table|nil flow
---@return table|nil err FlowError.InvalidScript, for syntax; the rest shows when it runs
function M.from_string(text, name)
  if type(text) ~= "string" then error("flow.from_string: the script must be a string", 2) end
  local flow = setmetatable({ text = text, file = (name or "flow"):gsub("^[@=]", "") }, Flow)
  local ok, err = load.syntax(text, flow.file)
  if not ok then return nil, err end
  return flow
end

--- Makes a flow by a function: `flow.build(function(w) w.lib = w.pipeline {...} end)`.
---@param builder fun(w: table)
---@param name string|nil
---@return table flow
function M.build(builder, name)
  if type(builder) ~= "function" then error("flow.build: a function is expected", 2) end
  return setmetatable({ builder = builder, file = name or "flow" }, Flow)
end

--- The inputs that the flow declares.
---@return table|nil declared name -> {type, required, default, match, one_of, secret, help}
---@return table|nil err
function Flow:inputs(opts)
  opts = options.check("flow:inputs", evaluation, opts)
  if self.builder then
    local plan, err = load.builder(self.builder, { name = self.file })
    return plan and plan.declared, err
  end
  return load.inputs(self.text, self.file, opts)
end

local function plan_of(self, opts)
  local given = { inputs = opts.inputs, getenv = opts.getenv, allow_host = opts.allow_host,
    name = self.file }
  if self.builder then return load.builder(self.builder, given) end
  return load.script(self.text, self.file, given)
end

--- Runs the script with its inputs and gives the plan: what a run would do. Sends nothing.
---@param opts table|nil {inputs, getenv, allow_host}
---@return table|nil plan for flow/plan.lua and for reading
---@return table|nil err FlowError.InvalidScript, InvalidInput, UnknownStep, Cycle
function Flow:plan(opts)
  return plan_of(self, options.check("flow:plan", evaluation, opts))
end

-- What a job token can not do is said before anything is done.
local function check_token(plan, client)
  if client.auth ~= "job" then return true end
  for _, step in ipairs(plan.steps) do
    if step.kind == "play" then
      return nil, errors.new("AuthenticationError.InsufficientScopes", { message =
        ("%s:%d: '%s' plays a job, which a CI job token can not do"):format(plan.file, step.line,
          step.name) })
    end
  end
  return true
end

-- A step that names no ref means its project's default branch: found out before anything is made.
local function check_refs(self)
  local function check(step)
    local given = step.options
    if step.kind ~= "pipeline" or given.ref ~= nil or self.plan.refs:meaning(given.project) then
      return true
    end
    local project, err = steps.project(self, given.project)
    if project and project.default_branch then return true end
    return nil, errors.new("PipelineError.InvalidRef", { cause = err, status = err and err.status,
      message = ("%s:%d: the default branch of %s can not be read%s: give the step a ref"):format(
        self.plan.file, step.line, given.project, err and " (" .. err.message .. ")" or "") })
  end
  for _, step in ipairs(self.plan.steps) do
    local ok, err = check(step)
    if not ok then return nil, err end
    for _, item in ipairs(step.items or {}) do
      ok, err = check(item.step)
      if not ok then return nil, err end
    end
  end
  return true
end

--- Starts a run.
---@param opts table {client (required), inputs, journal = file, runtime, on_event = function}
---@return table|nil run with `id status steps`, `wait events cancel approve`
---@return table|nil err
function Flow:start(opts)
  options.check("flow:start", starting, opts)
  local plan, err = plan_of(self, opts)
  if not plan then return nil, err end
  local ok
  ok, err = check_token(plan, opts.client)
  if not ok then return nil, err end
  local self_run = run.new(plan, { client = opts.client, id = opts.id, on_event = opts.on_event,
    runtime = opts.runtime or opts.client.runtime
      or require("gitlab_pipelines.runtime").default(),
    named_secret = opts.named_secret or function(name)
      return require("gitlab_pipelines.api.secrets").named(name)
    end })
  ok, err = check_refs(self_run)
  if not ok then return nil, err end
  return self_run:begin()
end

return M
