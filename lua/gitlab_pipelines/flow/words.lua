--- The vocabulary of flow scripts as data: words, their options, and what each option may be.

local options = require "gitlab_pipelines.options"
local project_id = require "gitlab_pipelines.project_id"
local sorted_keys = require("gitlab_pipelines.flow.refs").sorted_keys

local M = {}

if jit then jit.off(true, true) end

-- Checks: value, kind -> nil when the value is valid, else what it must be, and, where that is not
-- specific enough, what is wrong within it. `kind` is the kind of reference: "step", "output",
-- "text" (joined), "secret", or nil for a plain value.
local checks = {}

function checks.text(value, kind)
  if kind == "output" or kind == "text" or (not kind and type(value) == "string") then return end
  return "a string"
end

function checks.string(value)
  if type(value) ~= "string" or value == "" then
    return "a string that is known when the script loads"
  end
end

function checks.project(value, kind)
  if kind == "output" or kind == "text" then return end
  if project_id.of(value) == nil then return "a project's path or number" end
end

function checks.id(value, kind)
  if kind == "output" then return end
  if type(value) == "number" and value % 1 == 0 and value > 0 then return end
  if type(value) == "string" and value:match "^%d+$" then return end
  return "a pipeline's number"
end

function checks.boolean(value)
  if type(value) ~= "boolean" then return "true or false" end
end

function checks.count(value)
  if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value > 1000 then
    return "a whole number from 0"
  end
end

function checks.limit(value)
  if type(value) ~= "number" or value % 1 ~= 0 or value < 1 then return "a whole number from 1" end
end

function checks.duration(value)
  local seconds = options.seconds(value)
  if not seconds or seconds <= 0 then return 'a time: seconds, or text such as "30m" or "1h30m"' end
end

function checks.run(value)
  if type(value) ~= "function" then return "a function" end
end

function checks.when(value)
  if type(value) == "function" or value == "success" or value == "failure" or value == "always" then
    return
  end
  return '"success", "failure", "always" or a function'
end

function checks.on_manual(value)
  if value == "block" or value == "play" or value == "ignore" then return end
  if type(value) == "table" and #value > 0 then
    for _, name in ipairs(value) do
      if type(name) ~= "string" then return "a list of job names" end
    end
    return
  end
  return '"block", "play", "ignore" or a list of job names'
end

function checks.secret(_, kind)
  if kind ~= "secret" then return 'secret "NAME": a token must not be written in a script' end
end

function checks.map(value, kind)
  if kind or type(value) ~= "table" then return "a table of NAME = value" end
  for _, name in ipairs(sorted_keys(value)) do
    if type(name) ~= "string" then return "a table of NAME = value" end
  end
end

function checks.variables(value, kind)
  local wrong = checks.map(value, kind)
  if wrong then return wrong end
  for _, name in ipairs(sorted_keys(value)) do
    if not name:match "^[%a_][%w_]*$" then
      return "variables", ("%q cannot be a variable's name: use letters, digits and _, "
        .. "starting with a letter or _"):format(name)
    end
    local one = type(value[name])
    if one == "table" or one == "function" then
      return "variables", ("%s must be a string, not a %s"):format(name, one)
    end
  end
end

function checks.over(value, kind)
  if kind == "output" then return end
  if not kind and type(value) == "table" then return end
  return "a list, a map or an output of a step"
end

function checks.pipeline(_, kind)
  if kind ~= "step" and kind ~= "output" then return "a pipeline step" end
end

function checks.needs(value, kind)
  if kind == "step" then return end
  if kind or type(value) ~= "table" then return "a list of steps" end
end

function checks.on_failure(value)
  if value ~= "stop" and value ~= "continue" and value ~= "cancel" then
    return '"stop", "continue" or "cancel"'
  end
end

local function word(own)
  local all = { needs = "needs", when = "when", allow_failure = "boolean", timeout = "duration" }
  for name, check in pairs(own) do all[name] = check end
  return all
end

--- Words that make a step, each with its options; `!` marks a required one.
M.steps = {
  pipeline = word { project = "project!", ref = "text", variables = "variables", inputs = "map",
    dotenv = "string", trigger_token = "secret", retry = "count", on_manual = "on_manual" },
  play = word { pipeline = "pipeline!", job = "string!", variables = "variables", inputs = "map" },
  wait_for = word { project = "project!", id = "id", ref = "text", sha = "text",
    dotenv = "string", on_manual = "on_manual" },
  approval = word { message = "text" },
  call = word { run = "run!", retry = "count" },
  each = word { over = "over!", make = "run!", limit = "limit" },
}

--- Every word, in the order of the manual.
M.names = { "pipeline", "play", "wait_for", "approval", "call", "each", "input", "env", "secret",
  "array" }

--- Globals that are options of the flow, not steps.
M.flow = { name = "string", inputs = "map", on_failure = "on_failure", concurrency = "limit",
  timeout = "duration" }

--- Names of options, a step's or the flow's: no step has one of these.
M.options = {}
for _, known in pairs(M.steps) do
  for name in pairs(known) do M.options[name] = true end
end
for name in pairs(M.flow) do M.options[name] = true end

--- Fields of an input's declaration.
M.input = { type = true, required = true, default = true, match = true, one_of = true,
  secret = true, help = true }

local function names(...)
  local list = {}
  for line in table.concat({ ... }, " "):gmatch "[%w_]+" do list[#list + 1] = line end
  return list
end

--- Known fields of a pipeline or a job: unknown names pass unless they look like misspelt ones.
M.pipeline_fields = names([[id iid project_id sha ref status source created_at updated_at web_url
  name before_sha tag yaml_errors user started_at finished_at committed_at duration
  queued_duration coverage detailed_status archived dotenv job]])
M.job_fields = names([[id status stage name ref tag coverage allow_failure created_at started_at
  finished_at erased_at duration queued_duration user commit pipeline failure_reason web_url
  project source artifacts_file artifacts runner runner_manager artifacts_expire_at archived
  tag_list]])

--- Checks one option.
---@param rule string a name of the tables above, without its `!`
---@param value any
---@param kind string|nil what a reference is
---@return string|nil wanted what it must be
---@return string|nil wrong the complete problem, where `wanted` is not specific enough
function M.check(rule, value, kind) return checks[rule](value, kind) end

return M
