--- Flows: declarative orchestration of pipelines over several projects.
--
--   local flow = assert(flow.load "release.lua")
--   local run = assert(flow:start { client = gl, inputs = { version = "2.4.0" } })
--   local ok, err = run:wait()

local errors = require "gitlab_pipelines.errors"
local flow_journal = require "gitlab_pipelines.flow.journal"
local guards = require "gitlab_pipelines.guard"
local load = require "gitlab_pipelines.flow.load"
local nearest = require "gitlab_pipelines.flow.nearest"
local options = require "gitlab_pipelines.options"
local refs = require "gitlab_pipelines.flow.refs"
local run = require "gitlab_pipelines.flow.run"
local steps = require "gitlab_pipelines.flow.steps"

local M = {}

local Flow = {}
Flow.__index = Flow
Flow.__name = "gitlab_pipelines.flow"

-- Seconds, bytes: more than nothing.
local function positive(name, value)
  return type(value) ~= "number" and ("must have a number as '%s'"):format(name)
    or not (value > 0 and value < math.huge) and ("must have a '%s' over 0"):format(name) or nil
end

local function budgets_problem(given)
  for _, name in ipairs(refs.sorted_keys(given)) do
    if not guards.defaults[name] then
      return ("has no '%s' (known: call_seconds, memory, seconds)"):format(tostring(name))
    end
    local problem = positive(name, given[name])
    if problem then return problem end
  end
end

-- Seconds to find out whether GitLab has the pipeline that is to be adopted.
local ADOPT_TIMEOUT = 60

-- What every evaluation of a script takes.
local evaluation = {
  inputs = { type = "table" }, env = { type = "table" }, getenv = { type = "function" },
  allow_host = { type = "boolean" }, budgets = { type = "table", check = budgets_problem },
}

local function with(own)
  for name, rule in pairs(evaluation) do own[name] = rule end
  return own
end

local starting = with {
  client = { type = "any", required = true },
  journal = { type = "any" }, runtime = { type = "table" }, id = { type = "string" },
  on_event = { type = "function" }, named_secret = { type = "function" },
  output = { type = "string" },
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
  if type(path) ~= "string" then error("flow.load: the path must be a string", 2) end
  local file, message = io.open(path, "rb")
  if not file then return invalid(path, (message:gsub("^.-: ", ""))) end
  local text = file:read "*a"
  file:close()
  if not text then return invalid(path, "cannot be read") end
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
  local given = { inputs = opts.inputs, env = opts.env, getenv = opts.getenv,
    allow_host = opts.allow_host, budgets = opts.budgets, name = self.file,
    redactor = opts.client and opts.client.client and opts.client.client.redactor }
  if self.builder then return load.builder(self.builder, given) end
  return load.script(self.text, self.file, given)
end

--- Runs the script with its inputs and gives the plan: what a run would do. Sends nothing.
---@param opts FlowEvaluation|nil
---@return table|nil plan for flow/plan.lua and for reading
---@return table|nil err FlowError.InvalidScript, InvalidInput, UnknownStep, Cycle
function Flow:plan(opts)
  return plan_of(self, options.check("flow:plan", evaluation, opts))
end

-- Is the client's token that of a CI job?
local function has_job_token(gl) return (gl.client or gl).auth == "job" end

-- Calls `check(step)` for every step and every item known so far, until one returns nil, err.
local function check_steps(plan, check)
  for _, step in ipairs(plan.steps) do
    local ok, err = check(step)
    if not ok then return nil, err end
    for _, item in ipairs(step.items or {}) do
      ok, err = check(item.step)
      if not ok then return nil, err end
    end
  end
  return true
end

-- What a job token cannot do is said before anything is done.
local function check_token(plan, gl)
  if not has_job_token(gl) then return true end
  return check_steps(plan, function(step)
    local manual = step.options.on_manual
    local does = step.kind == "play" and "plays a job"
      or manual and manual ~= "block" and manual ~= "ignore" and "plays manual jobs"
    if not does then return true end
    return nil, errors.new("AuthenticationError.InsufficientScopes", { message =
      ("%s:%d: '%s' %s, which a CI job token cannot do"):format(plan.file, step.line,
        step.name or step.path, does) })
  end)
end

-- A secret that is nowhere is missed before anything is made.
local function check_secrets(plan, opts)
  local store = opts.client.secrets
  if opts.named_secret or not store then return true end
  return check_steps(plan, function(step)
    local token = step.options.trigger_token
    if not token then return true end
    local found, err = store:get(plan.refs:meaning(token).secret)
    if found then return true end
    return nil, errors.new("ConfigurationError.InvalidCredentials", { message =
      ("%s:%d: '%s': %s"):format(plan.file, step.line, step.name or step.path, err.message) })
  end)
end

-- A step that names no ref means its project's default branch: found out before anything is made.
local function check_refs(self)
  return check_steps(self.plan, function(step)
    local given = step.options
    if step.kind ~= "pipeline" or given.ref ~= nil or self.plan.refs:meaning(given.project) then
      return true
    end
    local project, err = steps.project(self, given.project)
    if project and project.default_branch then return true end
    return nil, errors.new("PipelineError.InvalidRef", { cause = err, status = err and err.status,
      message = ("%s:%d: the default branch of %s cannot be read%s: give the step a ref"):format(
        self.plan.file, step.line, given.project, err and " (" .. err.message .. ")" or "") })
  end)
end

local function new_run(plan, opts, records, id)
  return run.new(plan, { client = opts.client, id = id or opts.id, on_event = opts.on_event,
    journal = records, output = opts.output, job_token = has_job_token(opts.client),
    runtime = opts.runtime or opts.client.runtime
      or require("gitlab_pipelines.runtime").default(),
    named_secret = opts.named_secret or function(name)
      return require("gitlab_pipelines.api.secrets").named(name)
    end })
end

-- In a process of its own a write survives a power cut; within somebody's event loop, which must
-- not wait for the disk, a `kill -9`.
local function open_records(opts)
  if opts.journal == nil then return nil end
  local runtime = opts.runtime or opts.client.runtime
  return flow_journal.open(opts.journal, not runtime or runtime.name == "native")
end

--- Starts a run.
---@param opts table {client (required), journal = file, runtime, on_event = function, output =
--- folder for what a `call` writes} and those of FlowEvaluation
---@return table|nil run with `id status steps`, `wait events cancel approve`
---@return table|nil err
function Flow:start(opts)
  options.check("flow:start", starting, opts)
  local plan, err = plan_of(self, opts)
  if not plan then return nil, err end
  local ok
  ok, err = check_token(plan, opts.client)
  if ok then ok, err = check_secrets(plan, opts) end
  if not ok then return nil, err end
  local records
  records, err = open_records(opts)
  if err then return nil, err end
  local started = new_run(plan, opts, records)
  ok, err = check_refs(started)
  if ok and records then ok, err = records:begin(started, self) end
  if not ok then
    if records then records:close() end
    return nil, err
  end
  return started:begin()
end

local resuming = with {
  client = { type = "any", required = true }, journal = { type = "any", required = true },
  id = { type = "string" }, file = { type = "string" }, flow = { type = "table" },
  accept_changes = { type = "boolean" }, drop = { type = "table" },
  adopt = { type = "table" }, send_again = { type = "table" },
  runtime = { type = "table" }, on_event = { type = "function" },
  named_secret = { type = "function" }, output = { type = "string" },
}

-- The newest run that has not ended, or the one with this id.
local function find_run(records, opts)
  local id = opts.id
  if not id then
    local rows, err = records:runs { file = opts.file, unfinished = true, limit = 1 }
    if not rows then return nil, err end
    if not rows[1] then
      return nil, errors.new("FlowError.JournalUnusable", { message =
        "the journal has no unfinished run" .. (opts.file and " of " .. opts.file or "") })
    end
    id = rows[1].id
  end
  local row, err = records:run(id)
  if not row then return nil, err end
  if row.ended_at then
    return nil, errors.new("FlowError.JournalUnusable", { message =
      ("run %s has ended: %s"):format(row.id, row.status) })
  end
  return row
end

-- The script as it stands now; where its file is gone, as the run began with it.
local function script_of(row, opts)
  if opts.flow then return opts.flow end
  if not row.script then
    return nil, errors.new("FlowError.InvalidScript", { message =
      "this run was built by a function: give it as `flow`" })
  end
  local file = io.open(row.file, "rb")
  local text = file and file:read "*a"
  if file then file:close() end
  local found, err = M.from_string(text or row.script, row.file)
  if not found then return nil, err end
  if not opts.accept_changes and flow_journal.digest(found.text) ~= row.digest then
    return nil, errors.new("FlowError.ScriptChanged", { message = ("%s is not the script that run "
      .. "%s began with; --accept-changes goes on with it"):format(row.file, row.id) })
  end
  return found
end

-- Does the plan have what the journal has a row of? An item that its `each` makes while the flow runs
-- is looked for by nobody: its list is kept in the journal.
local function is_planned(plan, row)
  local name, key = row.path:match "^(.-)/(.*)$"
  local step = plan.by_name[name or row.path]
  if not step then return false end
  if not name then return step.kind == row.kind end
  if step.kind ~= "each" then return false end
  for _, item in ipairs(step.items or {}) do
    if item.key == key then return item.step.kind == row.kind end
  end
  return step.items == nil
end

-- How a person writes a step or an item: `smoke.eu`.
local function spelled(path) return (path:gsub("/", ".", 1)) end

-- Steps and items of the journal that the script no longer has: those that have not ended must be
-- given up by name, an `each` with all its items.
local function check_vanished(records, plan, row, opts)
  local dropped = {}
  for _, name in ipairs(opts.drop or {}) do dropped[name] = true end
  local kept = {}
  for _, step in ipairs(row.steps) do
    if step.phase == "done" or is_planned(plan, step) then
      kept[#kept + 1] = step
    else
      local head = step.path:match "^[^/]+"
      if not (dropped[head] or dropped[step.path] or dropped[spelled(step.path)]) then
        local name = plan.by_name[head] and plan.by_name[head].kind == "each" and spelled(step.path)
          or head
        return nil, errors.new("FlowError.ScriptChanged", { step = name, message =
          ("the script has no step '%s' any more, which has not ended; --drop %s gives it up")
            :format(name, name) })
      end
      local rows, err = records:drop(step)
      if not rows then return nil, err end
    end
  end
  return kept
end

-- What people decide about steps in doubt --------------------------------------------------------

local function find_step(rows, plan, name)
  local names = refs.sorted_keys(plan.by_name)
  for _, row in ipairs(rows) do
    if row.path == name or spelled(row.path) == name then return row end
    names[#names + 1] = spelled(row.path)
  end
  if plan.by_name[name] then return nil end
  return nil, errors.new("FlowError.UnknownStep", { name = name, message =
    ("there is no step '%s'%s"):format(name, nearest.hint(name, names)) })
end

-- Where a step stands that is not in doubt.
local function standing(row)
  if not row then return "it has not begun" end
  if row.phase == "done" then return "it has ended: " .. row.status end
  if row.phase == "refused" then return "GitLab refused it" end
  if row.pipeline then return ("it has pipeline %d"):format(row.pipeline) end
  return "it makes no pipeline"
end

local doubtful = { intent = true, unknown = true }

-- The row of a step in doubt: what it makes was about to be sent, and no answer is known.
local function in_doubt(rows, plan, name, kinds)
  local row, err = find_step(rows, plan, name)
  if err then return nil, err end
  if row and doubtful[row.phase] and kinds[row.kind] then return row end
  local why = standing(row)
  if row and doubtful[row.phase] and row.kind == "play" then
    why = "it plays a job, and has no pipeline to adopt"
  end
  return nil, errors.new("FlowError.InvalidInput", { step = name, message =
    ("step '%s' is not in doubt: %s"):format(name, why) })
end

local function check_id(name, id)
  local number = tonumber(id)
  if number and number >= 1 and number % 1 == 0 and number < 2 ^ 53 then return number end
  return nil, errors.new("FlowError.InvalidInput", { step = name, message =
    ("adopt %s: '%s' is not a pipeline's id"):format(name, tostring(id)) })
end

-- Checks what was decided before anything of it is done.
---@return table|nil decisions {adopt = {{name, row, id}...}, send_again = rows}
---@return table|nil err
local function check_decisions(plan, row, opts)
  local decisions, taken = { adopt = {}, send_again = {} }, {}
  for _, name in ipairs(refs.sorted_keys(opts.adopt or {})) do
    local id, err = check_id(name, opts.adopt[name])
    if not id then return nil, err end
    local step = find_step(row.steps, plan, name)
    -- The same decision again, perhaps after another one was refused, changes nothing.
    if not (step and step.kind == "pipeline" and step.pipeline == id) then
      step, err = in_doubt(row.steps, plan, name, { pipeline = true })
      if not step then return nil, err end
      table.insert(decisions.adopt, { name = name, row = step, id = id })
    end
    taken[step.path] = true
  end
  for _, name in ipairs(opts.send_again or {}) do
    local step, err = in_doubt(row.steps, plan, name, { pipeline = true, play = true })
    if not step then return nil, err end
    if taken[step.path] then
      return nil, errors.new("FlowError.InvalidInput", { step = name, message =
        ("step '%s' cannot both adopt a pipeline and be sent again"):format(name) })
    end
    table.insert(decisions.send_again, step)
  end
  return decisions
end

-- The pipeline becomes that of the step's key, in the journal, before the run goes on: what GitLab
-- or the journal refuses leaves the step in doubt.
local function adopt(records, resumed, decision, fields)
  fields.path, fields.kind = decision.row.path, decision.row.kind
  fields.deadline = resumed.rt:now() + ADOPT_TIMEOUT
  local pipeline, err = steps.adopt(resumed, fields, decision.id)
  if not pipeline then
    err.message = ("adopt %s=%d: %s"):format(decision.name, decision.id, err.message)
    return nil, err
  end
  fields.pipeline_id, fields.web_url, fields.phase = pipeline.id, pipeline.web_url, "known"
  return records:step(resumed, fields, "known")
end

local function resume_held(records, row, opts)
  local script, err = script_of(row, opts)
  if not script then return nil, err end
  local inputs, plan, kept, decisions, ok
  inputs, err = records:inputs(row, opts.inputs)
  if not inputs then return nil, err end
  plan, err = plan_of(script, { inputs = inputs, env = opts.env, getenv = opts.getenv,
    allow_host = opts.allow_host, budgets = opts.budgets, client = opts.client })
  if not plan then return nil, err end
  decisions, err = check_decisions(plan, row, opts)
  if not decisions then return nil, err end
  kept, err = check_vanished(records, plan, row, opts)
  if not kept then return nil, err end
  local resumed = new_run(plan, opts, records, row.id)
  local restored = {}
  for _, step in ipairs(kept) do restored[step.path] = flow_journal.restored(resumed, step) end
  for _, decision in ipairs(decisions.adopt) do
    ok, err = adopt(records, resumed, decision, restored[decision.row.path])
    if not ok then return nil, err end
  end
  for _, step in ipairs(decisions.send_again) do restored[step.path].send_again = true end
  resumed:restore(restored)
  resumed.started_at = row.created_at
  resumed:begin()
  if row.status == "canceling" then resumed:cancel(row.reason) end
  return resumed
end

local function resume(records, opts)
  local found, err = find_run(records, opts)
  if not found then return nil, err end
  local ok, row, resumed
  ok, err = records:take(found)
  if not ok then return nil, err end
  -- Until then another process may have gone on with it, or ended it.
  row, err = find_run(records, { id = found.id })
  if row then resumed, err = resume_held(records, row, opts) end
  if not resumed then
    records:give_back(found.id)
    return nil, err
  end
  return resumed
end

--- Goes on with a run whose process has ended: what is done stays done, what was under way is
--- waited for, and nothing is made twice.
---@param opts table {client, journal (both required), id, inputs (the secret ones), flow,
--- accept_changes, drop = names, adopt = {step = id} (which pipeline is that of a step in doubt; an
--- item is "smoke.eu"), send_again = names (steps in doubt of which nothing was made), runtime,
--- on_event, output} and those of FlowEvaluation
---@return table|nil run
---@return table|nil err FlowError.RunHeld, ScriptChanged, InvalidInput, UnknownStep, JournalUnusable;
--- AccessError.PipelineNotFound, PipelineError.KeyReused
function M.resume(opts)
  options.check("flow.resume", resuming, opts)
  local records, err = open_records(opts)
  if not records then return nil, err end
  local resumed
  resumed, err = resume(records, opts)
  if not resumed then
    records:close()
    return nil, err
  end
  return resumed
end

return M
