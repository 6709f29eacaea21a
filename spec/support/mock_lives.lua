--- Random lives of a simulated GitLab: a random world, random actions on what is in it, and every
--- answer as one text. The same seed gives the same life on every Lua.
local calls = require "support.mock_calls"
local json = require "gitlab_pipelines.json"

local M = {}

--- Numbers from 1 to n by a generator that is the same everywhere.
function M.generator(seed)
  local state = seed % 2147483646 + 1
  return function(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end
end

local function random_trigger(pick, deep)
  local kind = pick(3)
  local strategy = ({ "depend", "mirror" })[pick(3)]
  if kind == 1 then return { project = "acme/lib", strategy = strategy } end
  if kind == 2 then return { project = "acme/nowhere", strategy = strategy } end
  return { child = { jobs = M.random_jobs(pick, deep + 1) }, strategy = strategy }
end

local kinds = {
  function(job) job.manual = true end,
  function(job) job.manual, job.allow_failure = true, false end,
  function(job, pick) job.when, job.start_in = "delayed", pick(3) end,
  function(job) job.when = "on_failure" end,
  function(job) job.when = "always" end,
  function(job) job.resource_group = "one" end,
  function(job, pick) job.preparing = pick(4) / 2 end,
  function(job, pick) job.callback = pick(4) / 2 end,
  function(job, pick) job.retry, job.flaky = pick(2), 0.5 end,
  function(job, pick) job.resource_group, job.preparing = "one", pick(2) / 2 end,
  function(job) job.environment = "review/x" end,
}

function M.random_jobs(pick, deep)
  local jobs = {}
  for i = 1, pick(deep > 0 and 3 or 6) do
    local job = { name = "job" .. i, stage = "stage" .. pick(3), duration = pick(4) / 2 }
    local kind = kinds[pick(16)]
    if kind then kind(job, pick) end
    if deep < 2 and pick(6) == 1 then job.trigger = random_trigger(pick, deep) end
    if pick(4) == 1 then job.status = "failed" end
    if pick(6) == 1 then job.allow_failure = true end
    if pick(4) == 1 then job.cancel = 1 end
    if i > 1 and pick(4) == 1 then job.needs = { "job" .. pick(i - 1) } end
    if pick(5) == 1 then job.variants = { { when = { attempt = 2 }, status = "success" } } end
    jobs[i] = job
  end
  return jobs
end

function M.random_world(pick)
  return { projects = {
    ["acme/app"] = { id = 5, created = 0.25, queued = 0.25, jobs = M.random_jobs(pick, 0) },
    ["acme/lib"] = { id = 6, created = 0.25, queued = 0.25, jobs = M.random_jobs(pick, 1) },
  } }
end

local job_actions = { "retry", "cancel", "play", "play", "erase", "cancel" }

-- One step: something is done to a pipeline or to one of its jobs.
local function act(life, pick)
  local action = pick(12)
  local project = pick(4) == 1 and 6 or 5
  if action == 1 and life.made < 3 then
    life.made = life.made + 1
    life.ask("POST", ("/projects/%d/pipeline"):format(project), '{"ref":"main"}')
    return
  end
  local p = life.rows[pick(math.max(#life.rows, 1))]
  if not p then return end
  local base = ("/projects/%d"):format(p.project_id)
  if action == 2 then life.ask("POST", ("%s/pipelines/%d/cancel"):format(base, p.id))
  elseif action == 3 then life.ask("POST", ("%s/pipelines/%d/retry"):format(base, p.id))
  elseif action == 4 and pick(3) == 1 then life.ask("DELETE", ("%s/pipelines/%d"):format(base, p.id))
  elseif action <= 9 then
    local list = life.jobs[p.id] or {}
    local job = list[pick(math.max(#list, 1))]
    if job then life.ask("POST", ("%s/jobs/%d/%s"):format(base, job.id, job_actions[action % 6 + 1])) end
  end
end

-- Reads every pipeline and its jobs; `check` looks at each.
local function look(life, check)
  local function read(target)
    local text = select(2, life.ask("GET", target))
    return json.decode(text) or error(target .. " gave no JSON: " .. text)
  end
  life.rows, life.jobs = {}, {}
  for _, query in ipairs { "/projects/5/pipelines", "/projects/6/pipelines",
    "/projects/5/pipelines?source=parent_pipeline", "/projects/6/pipelines?source=parent_pipeline" } do
    for _, row in ipairs(read(query)) do
      life.rows[#life.rows + 1] = row
    end
  end
  for _, row in ipairs(life.rows) do
    local base = ("/projects/%d/pipelines/%d"):format(row.project_id, row.id)
    local pipeline = read(base)
    local jobs = read(base .. "/jobs?per_page=100&include_retried=true")
    local bridges = read(base .. "/trigger_jobs?per_page=100")
    life.jobs[row.id] = { jobs[1], jobs[2], jobs[3], jobs[4], jobs[5], jobs[6], bridges[1], bridges[2] }
    if check then check(pipeline, jobs, bridges, life) end
  end
end

--- Lives one life and gives every answer as one text.
---@param seed integer
---@param steps integer
---@param options table|nil `check` function(pipeline, jobs, bridges, life), `db` file, `reopen` true:
--- closed and opened every five steps; `rewind` true: at one step a snapshot is taken, something
--- else is done, and the snapshot restored
function M.live(seed, steps, options)
  options = options or {}
  local pick = M.generator(seed * 7919)
  local world = M.random_world(pick)
  local function open() return assert(calls.new { world = world, seed = seed, db = options.db }) end
  local gl = open()
  local life = { seed = seed, said = {}, rows = {}, jobs = {}, made = 1 }
  function life.ask(method, target, body)
    local status, text = gl:raw(method, target, { body = body })
    assert(status < 500, text)
    life.said[#life.said + 1] = ("%g %s %s %d %s"):format(gl.at, method, target, status, text)
    return status, text
  end
  life.ask("POST", "/projects/5/pipeline", '{"ref":"main"}')
  for step = 1, steps do
    gl.at = gl.at + pick(8) / 4
    if options.reopen and step % 5 == 0 then
      local at = gl.at
      gl:close()
      gl = open()
      gl.at = at
    end
    if options.rewind and step == steps - 4 then
      local _, snapshot = gl:raw("GET", "/_mock/snapshot")
      gl:post("/projects/5/pipelines/1/cancel")
      gl:post("/projects/6/pipeline", { ref = "elsewhere" })
      gl:post("/_mock/clock", { advance = seed % 7 })
      assert(gl:call("POST", "/_mock/snapshot", snapshot,
        { headers = { { "Content-Type", "application/json" } } }) == 200, "snapshot refused")
    end
    act(life, pick)
    look(life, options.check)
  end
  gl:close()
  return table.concat(life.said, "\n")
end

return M
