-- Random flows whose steps hand one another what GitLab shows of their pipelines, the world that
-- plays them, and what of a run must not depend on how far replicas lag.

local json = require "gitlab_pipelines.json"

local M = {}

local function chance(random, share) return random() < share end
local function pick(random, list) return list[math.floor(random() * #list) + 1] end
local function seconds(random, most) return math.floor(random() * most * 4) / 4 + 0.25 end

-- The jobs of one project, and what a step that runs them may use.
local function make_project(random, name, id)
  local project = { id = id, queued = seconds(random, 2) - 0.25, jobs = {} }
  local step = { name = name, fails = chance(random, 0.2), jobs = { "unit" } }
  step.file = pick(random, { "build.env", "out/build.env" })
  step.keeps = chance(random, 0.85)
  project.jobs[1] = { name = "compile", stage = "build", duration = seconds(random, 6),
    artifacts = step.keeps and { [step.file] = ("VALUE=%s-1\n"):format(name), ["log.txt"] = "x\n" }
      or nil }
  if chance(random, 0.5) then
    project.jobs[#project.jobs + 1] = { name = "pack", stage = "build", duration = seconds(random, 6),
      artifacts = { ["dist/" .. name .. ".tar"] = "tar" } }
  end
  if step.keeps and chance(random, 0.3) then
    project.jobs[#project.jobs + 1] = { name = "stamp", stage = "test", duration = seconds(random, 6),
      artifacts = { [step.file] = ("VALUE=%s-2\nSTAMP=1\n"):format(name) } }
    step.stamped = true
  end
  project.jobs[#project.jobs + 1] = { name = "unit", stage = "test", duration = seconds(random, 20),
    status = step.fails and "failed" or "success",
    failure_reason = step.fails and "script_failure" or nil,
    log = ("line 1 of %s\nline 2 of %s\n"):format(name, name) }
  if chance(random, 0.2) then
    project.jobs[#project.jobs + 1] = { name = "down", stage = "test",
      trigger = { project = "p/down", strategy = "depend" } }
  end
  if not step.fails and chance(random, 0.35) then
    step.manual = pick(random, { "play", "names", "later" })
    project.jobs[#project.jobs + 1] = { name = "deploy", stage = "deploy", duration = seconds(random, 9),
      manual = true, allow_failure = step.manual == "names" and chance(random, 0.5) }
  end
  return step, project
end

-- The options of a step's pipeline.
local function options_of(random, step, before)
  local options, variables = {}, { ("STEP = %q"):format(step.name) }
  if step.manual == "play" then options[1] = 'on_manual = "play"' end
  if step.manual == "names" then options[1] = 'on_manual = { "deploy" }' end
  if chance(random, 0.7) then
    options[#options + 1] = ("dotenv = %q"):format(step.file)
    step.dotenv = true
  end
  if step.fails and chance(random, 0.3) then options[#options + 1] = "retry = 1" end
  if before and chance(random, 0.8) then
    variables[#variables + 1] = ("STATUS = %s.status"):format(before.name)
    if before.dotenv then variables[#variables + 1] = ("VALUE = %s.dotenv.VALUE"):format(before.name) end
    if chance(random, 0.6) then
      variables[#variables + 1] = ("UNIT = %s.job('unit').status, NAME = %s.job('compile').name")
        :format(before.name, before.name)
    end
  end
  options[#options + 1] = "variables = { " .. table.concat(variables, ", ") .. " }"
  return table.concat(options, ", ")
end

local function add(flow, text, ...) flow.lines[#flow.lines + 1] = text:format(...) end

local function add_step(random, flow, n)
  local name = "s" .. n
  local step, project = make_project(random, name, n)
  flow.projects["p/" .. name] = project
  local before = #flow.steps > 0 and chance(random, 0.7) and pick(random, flow.steps) or nil
  if step.manual ~= "later" and chance(random, 0.15) then
    add(flow, "%s = each { over = { 'a', 'b' }%s, make = function(item) return pipeline { "
      .. "project = 'p/%s', %s } end }", name, before and ", needs = { " .. before.name .. " }" or "",
      name, options_of(random, step, nil))
    return
  end
  add(flow, "%s = pipeline { project = 'p/%s', %s }", name, name, options_of(random, step, before))
  if step.manual == "later" then
    add(flow, "%s_play = play { pipeline = %s, job = 'deploy', variables = { FROM = %s.status } }",
      name, name, name)
  end
  if chance(random, 0.25) then
    add(flow, pick(random, { "%s_seen = wait_for { project = 'p/%s', id = %s.id, when = 'always' }",
      "%s_seen = wait_for { project = 'p/%s', ref = 'main', sha = %s.sha, when = 'always' }" }),
      name, name, name)
  end
  flow.steps[#flow.steps + 1] = step
end

--- Makes a flow of two to six steps and its world. What is decided does not depend on when: nothing
--- is stopped by the failure of something else.
---@param random fun():number
---@return table flow {text, world}
function M.flow(random)
  local flow = { steps = {}, lines = { 'on_failure = "continue"' }, projects = {
    ["p/down"] = { id = 99, jobs = { { name = "below", duration = seconds(random, 9) } } } } }
  for n = 1, math.floor(random() * 5) + 2 do add_step(random, flow, n) end
  flow.text = table.concat(flow.lines, "\n") .. "\n"
  flow.world = { projects = flow.projects }
  return flow
end

--- Rules by which half of the reads meet a replica, each one second to a minute behind.
---@param random fun():number
---@param most number|nil seconds, 60 unless given
---@return table[] rules for /_mock/faults
function M.lags(random, most)
  local rules, count = {}, 8
  for i = 1, count do
    rules[i] = { method = "GET", path = "*", lag = 1 + math.floor(random() * (most or 60)),
      probability = 1 - 0.5 ^ (1 / count) }
  end
  return rules
end

-- Of what a step gives, all that is not an id or a time.
local KEPT = { "status", "name", "stage", "ref", "allow_failure", "failure_reason", "source" }

local function lasting(row)
  local kept = {}
  for _, field in ipairs(KEPT) do kept[field] = row[field] end
  return kept
end

local function outputs_of(outputs)
  if not outputs then return nil end
  local kept = lasting(outputs)
  kept.dotenv, kept.count = outputs.dotenv, outputs.count
  for name, job in pairs(outputs.job or {}) do
    kept.job = kept.job or {}
    kept.job[name] = lasting(job)
  end
  return kept
end

--- How a run ended: each step with its outputs and failure, and per project the pipelines in the
--- simulated GitLab's own table, each with its status and its variables.
---@param run table
---@param pages fun(target: string): table[] all rows of a list of the simulated GitLab
---@return string text
function M.result(run, pages)
  local steps, made = {}, {}
  for i, step in ipairs(run:each_step()) do
    local failure = step.failure and { job = step.failure.job, stage = step.failure.stage,
      reason = step.failure.reason, log = step.failure.log }
    steps[i] = { path = step.path, status = step.status, attempt = step.attempt,
      reason = step.reason and step.reason:gsub(" %d+ ", " N ") or nil, failure = failure,
      outputs = outputs_of(step.outputs) }
  end
  for _, row in ipairs(pages "/_mock/pipelines") do
    local given = {}
    for _, variable in ipairs(json.decode(row.variables_json or "[]")) do
      if not variable.key:find "^GITLAB_PIPELINES" then
        given[#given + 1] = variable.key .. "=" .. variable.value
      end
    end
    table.sort(given)
    made[#made + 1] = ("%s %s %s"):format(row.project_id, row.status, table.concat(given, " "))
  end
  table.sort(made)
  return json.encode { status = run.status, steps = steps, pipelines = made }
end

return M
